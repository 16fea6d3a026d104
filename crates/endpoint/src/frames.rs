//! How large the frames of a client are, seen from their headers alone.

use crate::{Cause, Settings};

/// The most that a header has: two octets, eight of length, four of masking
/// key (RFC 6455 §5.2).
const LONGEST: usize = 14;

/// Follows the frames in what a client sends, without keeping any of it, and
/// says at a header what its payload would be too much for: where a library
/// looks at a frame only when all of it has come.
#[derive(Debug)]
pub struct FrameLimit {
    most: u64,
    header: [u8; LONGEST],
    /// So much of a header has come.
    known: usize,
    /// So much of a payload has not.
    left: u64,
}

impl FrameLimit {
    /// Follows a connection from its first frame on.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            most: settings.max_frame() as u64,
            header: [0; LONGEST],
            known: 0,
            left: 0,
        }
    }

    /// Goes on by so many octets.
    ///
    /// # Errors
    ///
    /// How many of them come before the header that is refused, and why it is:
    /// [`Cause::Size`] for a frame over the limit, [`Cause::Protocol`] for a
    /// control frame over 125 octets.
    pub fn take(&mut self, octets: &[u8]) -> Result<(), (usize, Cause)> {
        let mut at = 0;
        let mut begins_at = 0;
        while at < octets.len() {
            if self.left > 0 {
                let here = octets.len() - at;
                let skipped = usize::try_from(self.left).unwrap_or(here);
                let skipped = skipped.min(here);
                self.left -= skipped as u64;
                at += skipped;
                continue;
            }
            if self.known == 0 {
                begins_at = at;
            }
            self.header[self.known] = octets[at];
            self.known += 1;
            at += 1;
            if let Some(length) = self.payload_length() {
                let is_control = self.header[0] & 0x08 != 0;
                self.known = 0;
                if is_control && length > 125 {
                    return Err((begins_at, Cause::Protocol));
                }
                if length > self.most {
                    return Err((begins_at, Cause::Size));
                }
                self.left = length;
            }
        }
        Ok(())
    }

    /// What the header announces, if all of it has come.
    fn payload_length(&self) -> Option<u64> {
        let header = &self.header[..self.known];
        let [_, second, rest @ ..] = header else {
            return None;
        };
        let masking_key = if second & 0x80 == 0 { 0 } else { 4 };
        let (length, extended) = match second & 0x7f {
            126 => (rest.get(..2).map(number)?, 2),
            127 => (rest.get(..8).map(number)?, 8),
            length => (length.into(), 0),
        };
        (rest.len() == extended + masking_key).then_some(length)
    }
}

/// Big-endian, as everything in a header.
fn number(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0, |number, octet| number << 8 | u64::from(*octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit() -> FrameLimit {
        let arguments = ["--max-frame=1000 B", "--max-message=1000 B"];
        FrameLimit::new(&Settings::of(&arguments))
    }

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut octets = vec![first];
        match u16::try_from(length) {
            Ok(short @ 0..=125) => octets.push(0x80 | short.to_be_bytes()[1]),
            Ok(long) => {
                octets.push(0x80 | 126);
                octets.extend(long.to_be_bytes());
            }
            Err(_) => {
                octets.push(0x80 | 127);
                octets.extend((length as u64).to_be_bytes());
            }
        }
        octets.extend([1, 2, 3, 4]);
        octets.extend(vec![0xff; length.min(2000)]);
        octets
    }

    #[test]
    fn frames_within_the_limit_pass_however_they_are_cut() {
        let frames = [
            frame(0x82, 1000),
            frame(0x89, 125),
            frame(0x81, 0),
            frame(0x02, 126),
            frame(0x80, 5),
        ];
        let octets = frames.concat();
        for size in [1, 2, 3, 7, 100, octets.len()] {
            let mut limit = limit();
            for part in octets.chunks(size) {
                assert_eq!(limit.take(part), Ok(()), "in parts of {size}");
            }
            assert_eq!((limit.left, limit.known), (0, 0));
        }
    }

    #[test]
    fn a_header_that_announces_too_much_is_enough() {
        for (octets, cause) in [
            (&frame(0x82, 1001)[..8], Cause::Size),
            (&frame(0x02, 1001)[..8], Cause::Size),
            (&frame(0x82, usize::MAX)[..14], Cause::Size),
            (&frame(0x89, 126)[..8], Cause::Protocol),
            (&frame(0x88, 70_000)[..14], Cause::Protocol),
        ] {
            let mut one = limit();
            assert_eq!(one.take(octets), Err((0, cause)));
            let behind = [&frame(0x81, 5)[..], octets].concat();
            let mut behind_one = limit();
            assert_eq!(behind_one.take(&behind), Err((11, cause)));
            let (last, before) = octets.split_last().expect("octets");
            let mut other = limit();
            assert_eq!(other.take(before), Ok(()));
            assert_eq!(other.take(&[*last]), Err((0, cause)));
        }
    }

    #[test]
    fn without_a_masking_key_a_header_is_shorter() {
        let mut limit = limit();
        assert_eq!(limit.take(b"\x81\x02hi\x81\x02ho"), Ok(()));
        assert_eq!((limit.left, limit.known), (0, 0));
    }
}
