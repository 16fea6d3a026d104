//! Where the content of an HTTP/1.1 response ends (RFC 9112 §6.3).
//!
//! The suite reads several answers over one connection, and has to find the
//! beginning of the next one.

use bytes::{Buf, BytesMut};
use rfc6455::handshake::ResponseHead;

/// No chunk's size line is longer.
const MOST_OF_SIZE_LINE: usize = 1024;

/// How much of the content is still to come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// So many octets.
    Octets(u64),
    /// Chunks; so many octets of the current one.
    Chunks(u64),
    /// Trailer fields, up to an empty line.
    Trailer,
    /// All that comes up to the end of the connection.
    UntilEnd,
}

impl Content {
    /// What follows a head; nothing if the request's method was HEAD.
    pub(crate) fn of(head: &ResponseHead, to_head: bool) -> Self {
        let fields = &head.fields;
        if to_head || matches!(head.status, 100..=199 | 204 | 304) {
            return Self::Octets(0);
        }
        if fields.has_token("Transfer-Encoding", "chunked") {
            return Self::Chunks(0);
        }
        let length = fields
            .only("Content-Length")
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(|value| value.parse().ok());
        match length {
            Some(length) => Self::Octets(length),
            None => Self::UntilEnd,
        }
    }

    /// Takes what belongs to the content from the front; whether all of it
    /// has come.
    pub(crate) fn take(&mut self, octets: &mut BytesMut) -> bool {
        loop {
            match self {
                Self::Octets(0) => return true,
                Self::Octets(left) => {
                    skip(octets, left);
                    return *left == 0;
                }
                Self::UntilEnd => {
                    octets.clear();
                    return false;
                }
                Self::Chunks(0) => match size_line(octets) {
                    None => return false,
                    Some(0) => *self = Self::Trailer,
                    // The line end behind the chunk belongs to it.
                    Some(size) => *self = Self::Chunks(size + 2),
                },
                Self::Chunks(left) => {
                    skip(octets, left);
                    if *left > 0 {
                        return false;
                    }
                }
                Self::Trailer => match line(octets) {
                    None => return false,
                    Some(line) if line.is_empty() => return true,
                    Some(_) => {}
                },
            }
        }
    }
}

fn skip(octets: &mut BytesMut, left: &mut u64) {
    let here = usize::try_from(*left)
        .unwrap_or(usize::MAX)
        .min(octets.len());
    octets.advance(here);
    *left -= here as u64;
}

/// The size of the next chunk; a malformed one is the last.
fn size_line(octets: &mut BytesMut) -> Option<u64> {
    let line = line(octets)?;
    let size = line[..].split(|octet| *octet == b';').next()?;
    let size = std::str::from_utf8(size.trim_ascii()).ok();
    let size = size.and_then(|size| u32::from_str_radix(size, 16).ok());
    Some(u64::from(size.unwrap_or(0)))
}

/// The next line without its end.
fn line(octets: &mut BytesMut) -> Option<BytesMut> {
    let Some(end) = octets.iter().position(|octet| *octet == b'\n') else {
        if octets.len() > MOST_OF_SIZE_LINE {
            octets.clear();
        }
        return None;
    };
    let mut line = octets.split_to(end + 1);
    line.truncate(end);
    if line.last() == Some(&b'\r') {
        line.truncate(end - 1);
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(head: &str) -> Content {
        let decoded = ResponseHead::decode(head.as_bytes());
        let (head, _) = decoded.expect("a head").expect("a whole head");
        Content::of(&head, false)
    }

    fn rest(mut content: Content, octets: &str) -> (bool, String) {
        let mut octets = BytesMut::from(octets);
        let complete = content.take(&mut octets);
        (complete, String::from_utf8_lossy(&octets).into_owned())
    }

    #[test]
    fn the_length_says_where_the_next_answer_begins() {
        let head = "HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(rest(content(head), "okHTTP"), (true, "HTTP".into()));
        assert_eq!(rest(content(head), "o"), (false, String::new()));
    }

    #[test]
    fn chunks_end_with_an_empty_one_and_the_trailer() {
        let head = "HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunks = "2;x=y\r\nok\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\nHTTP";
        assert_eq!(rest(content(head), chunks), (true, "HTTP".into()));
        for cut in 0..chunks.len() - 4 {
            let (complete, _) = rest(content(head), &chunks[..cut]);
            assert!(!complete, "cut after {cut} octets");
        }
    }

    #[test]
    fn some_answers_have_no_content_and_some_no_end() {
        let head = "HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(content(head), Content::Octets(0));
        let head = "HTTP/1.1 400 No\r\n\r\n";
        assert_eq!(rest(content(head), "any"), (false, String::new()));
    }
}
