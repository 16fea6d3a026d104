//! Where in our own frames the next byte goes: what a client has to answer may
//! not go into the middle of one.

use rfc6455::Header;

/// How far the frame that goes out has come.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The beginning of a header that is not complete.
    header: Vec<u8>,
    /// Payload data that is missing.
    missing: u64,
}

impl Outgoing {
    /// Takes note of bytes that go out.
    pub(super) fn advance(&mut self, mut octets: &[u8]) {
        while let Some((first, rest)) = octets.split_first() {
            if self.missing > 0 {
                let part = (octets.len() as u64).min(self.missing);
                self.missing -= part;
                let part = usize::try_from(part).unwrap_or(octets.len());
                octets = &octets[part..];
                continue;
            }
            self.header.push(*first);
            octets = rest;
            if let Some((header, _)) = Header::decode(&self.header) {
                self.header.clear();
                self.missing = header.payload_length;
            }
        }
    }

    /// Takes note that the end of the frame is not known.
    pub(super) fn lose_track(&mut self) {
        self.missing = u64::MAX;
    }

    /// Whether a frame has begun and is not complete.
    pub(super) fn is_inside(&self) -> bool {
        self.missing > 0 || !self.header.is_empty()
    }

    /// How many bytes of payload data the frame still needs.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }
}
