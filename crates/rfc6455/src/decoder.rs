//! The decoder: octets in, cut anywhere, frames out.

use bytes::{Buf, Bytes, BytesMut};

use crate::{Frame, Header, Rules, Violation};

/// Reads frames from octets that arrive in any pieces.
///
/// A *strict* decoder fails as soon as it can know: text at the first octet
/// that can't be UTF-8, also inside a frame, anything else when the header or
/// the control frame is complete. A *lenient* one gives back every frame as it was sent,
/// legal or not, and only keeps to its limit.
///
/// Holds at most one frame's payload, at most the limit, and what was pushed
/// and not yet read; it allocates for what has arrived, never for what a
/// header declares.
///
/// ```
/// use rfc6455::{Decoder, Frame, Sender};
///
/// let mut decoder = Decoder::strict(Sender::Server, 1024);
/// decoder.push(b"\x81\x05Hel");
/// assert_eq!(decoder.next_frame(), Ok(None));
/// decoder.push(b"lo");
/// assert_eq!(decoder.next_frame(), Ok(Some(Frame::text("Hello"))));
/// ```
#[derive(Debug)]
pub struct Decoder {
    rules: Option<Rules>,
    limit: u64,
    unread: BytesMut,
    current: Option<Partial>,
    failed: Option<Violation>,
}

/// A frame whose payload data is arriving.
#[derive(Debug)]
struct Partial {
    header: Header,
    payload: BytesMut,
}

impl Decoder {
    /// A decoder that keeps the rules for what `sender` sends and takes up to
    /// `limit` octets of payload data a frame.
    #[must_use]
    pub fn strict(sender: crate::Sender, limit: u64) -> Self {
        Self {
            rules: Some(Rules::new(sender)),
            ..Self::lenient(limit)
        }
    }

    /// A decoder that takes any frame of up to `limit` octets of payload data.
    #[must_use]
    pub fn lenient(limit: u64) -> Self {
        Self {
            rules: None,
            limit,
            unread: BytesMut::new(),
            current: None,
            failed: None,
        }
    }

    /// Another limit, for the frames that begin from now on.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Gives away the octets that have been pushed and not been read yet;
    /// between two frames that is all there is.
    pub fn take_unread(&mut self) -> BytesMut {
        self.unread.split()
    }

    /// How many octets have been pushed and not been read yet.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.unread.len()
    }

    /// Takes octets as they came from the peer.
    pub fn push(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
    }

    /// The next complete frame; `None` until more octets are pushed.
    ///
    /// # Errors
    ///
    /// The first violation, and the same one for ever after: what follows it
    /// has no meaning.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Violation> {
        if let Some(violation) = &self.failed {
            return Err(violation.clone());
        }
        self.advance().inspect_err(|violation| {
            self.failed = Some(violation.clone());
        })
    }

    /// What is known of a frame that has begun and is not complete.
    #[must_use]
    pub fn partial(&self) -> Option<&Header> {
        self.current
            .as_ref()
            .map(|partial| &partial.header)
    }

    /// Whether the octets end between two frames.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.current.is_none() && self.unread.is_empty()
    }

    fn advance(&mut self) -> Result<Option<Frame>, Violation> {
        if self.current.is_none() && !self.begin()? {
            return Ok(None);
        }
        let Some(partial) = &mut self.current else {
            return Ok(None);
        };
        let missing =
            partial.header.payload_length - partial.payload.len() as u64;
        let part = self.unread.len().min(to_usize(missing));
        if part > 0 {
            let offset = partial.payload.len();
            // The common case, a frame that arrived whole, moves no octet.
            if offset == 0 && missing == part as u64 {
                partial.payload = self.unread.split_to(part);
            } else {
                partial
                    .payload
                    .extend_from_slice(&self.unread[..part]);
                self.unread.advance(part);
            }
            let arrived = &mut partial.payload[offset..];
            if let Some(key) = partial.header.masking_key {
                key.apply_from(offset as u64, arrived);
            }
            if let Some(rules) = &mut self.rules {
                rules.payload(arrived)?;
            }
        }
        if missing > part as u64 {
            return Ok(None);
        }
        let Some(Partial { header, payload }) = self.current.take() else {
            return Ok(None);
        };
        if let Some(rules) = &mut self.rules {
            rules.end(&header)?;
        }
        Ok(Some(header.with_payload(payload.freeze())))
    }

    /// Reads a header; `false` while it is not complete.
    fn begin(&mut self) -> Result<bool, Violation> {
        let Some((header, length)) = Header::decode(&self.unread) else {
            return Ok(false);
        };
        self.unread.advance(length);
        if let Some(rules) = &mut self.rules {
            rules.header(&header)?;
        }
        if header.payload_length > self.limit {
            return Err(Violation::TooBig {
                length: header.payload_length,
                limit: self.limit,
            });
        }
        self.current = Some(Partial {
            header,
            payload: BytesMut::new(),
        });
        Ok(true)
    }
}

impl Header {
    /// The frame with this header and this payload data, already unmasked.
    fn with_payload(self, payload: Bytes) -> Frame {
        Frame {
            fin: self.fin,
            rsv: self.rsv,
            opcode: self.opcode,
            masking_key: self.masking_key,
            length_form: self.length_form,
            payload,
        }
    }
}

fn to_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
