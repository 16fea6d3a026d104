//! The decoder: octets in, cut anywhere, frames out.

use bytes::{Buf, BytesMut};

use crate::{Frame, Header, Violation};

/// Reads frames from octets that arrive in any pieces, and gives back every
/// one as it was sent, legal or not; [`Rules`](crate::Rules) knows which is.
///
/// Holds what was pushed and not yet read: when all frames have been taken,
/// less than one of them. It allocates for what has arrived, never for what a
/// header declares.
///
/// ```
/// use rfc9113::{Decoder, Frame};
///
/// let mut decoder = Decoder::new(16_384);
/// decoder.push(b"\0\0\x05\0\0\0\0\0\x01Hel");
/// assert_eq!(decoder.next_frame(), Ok(None));
/// decoder.push(b"lo");
/// assert_eq!(decoder.next_frame(), Ok(Some(Frame::data(1, "Hello"))));
/// ```
#[derive(Debug)]
pub struct Decoder {
    limit: u32,
    unread: BytesMut,
    failed: Option<Violation>,
}

impl Decoder {
    /// A decoder that takes up to `limit` octets of payload a frame: what was
    /// announced as [`MAX_FRAME_SIZE`](crate::Setting::MAX_FRAME_SIZE).
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            unread: BytesMut::new(),
            failed: None,
        }
    }

    /// Another limit, for the frames that have not been read yet.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Takes octets as they came from the peer. After a failure they are
    /// dropped: nothing could read them.
    pub fn push(&mut self, octets: &[u8]) {
        if self.failed.is_none() {
            self.unread.extend_from_slice(octets);
        }
    }

    /// The next complete frame; `None` until more octets are pushed.
    ///
    /// # Errors
    ///
    /// [`Violation::TooBig`] as soon as a header declares it, and the same for
    /// ever after.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Violation> {
        if let Some(violation) = &self.failed {
            return Err(violation.clone());
        }
        let Some(header) = self.partial() else {
            return Ok(None);
        };
        if header.length > self.limit {
            let violation = Violation::TooBig {
                length: header.length,
                limit: self.limit,
            };
            self.failed = Some(violation.clone());
            return Err(violation);
        }
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        if self.unread.len() - Header::LENGTH < length {
            return Ok(None);
        }
        self.unread.advance(Header::LENGTH);
        Ok(Some(Frame {
            frame_type: header.frame_type,
            flags: header.flags,
            reserved: header.reserved,
            stream: header.stream,
            payload: self.unread.split_to(length).freeze(),
        }))
    }

    /// What is known of a frame that has begun and is not complete.
    #[must_use]
    pub fn partial(&self) -> Option<Header> {
        Header::decode(&self.unread)
    }

    /// The octets that have been pushed and not been read yet: those of a
    /// frame that is not complete, or of something that is no HTTP/2.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Whether the octets end between two frames.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.unread.is_empty()
    }
}
