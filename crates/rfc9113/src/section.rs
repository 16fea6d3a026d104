//! The field section: HEADERS and what continues them, put together and read.

use bytes::{Bytes, BytesMut};

use crate::{Field, Flags, Frame, Payload, Violation, hpack};

/// The fields that came on a stream at once: a head, or trailers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The stream that they came on.
    pub stream: u32,
    /// The fields, in their order.
    pub fields: Vec<Field>,
    /// Whether nothing more comes on the stream.
    pub ends_stream: bool,
}

/// Puts the field sections of one direction of a connection together, in the
/// order in which they come.
///
/// Holds the dynamic table and at most one section of the limit.
#[derive(Debug)]
pub struct Sections {
    hpack: hpack::Decoder,
    limit: usize,
    parts: BytesMut,
    ends_stream: bool,
}

impl Sections {
    /// Takes sections of up to `limit` octets, as they come and as
    /// [`hpack::Decoder`] counts their fields.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            hpack: hpack::Decoder::new(limit),
            limit,
            parts: BytesMut::new(),
            ends_stream: false,
        }
    }

    /// See [`hpack::Decoder::set_table_size`].
    pub fn set_table_size(&mut self, size: u32) {
        self.hpack.set_table_size(size);
    }

    /// Takes a frame that [`Rules`](crate::Rules) have let pass, with what it
    /// says; gives the section that it completes.
    ///
    /// # Errors
    ///
    /// [`Violation::Fields`]. A section of a stream that nobody reads any more
    /// has to be taken all the same: the next ones may speak of it.
    pub fn take(
        &mut self,
        frame: &Frame,
        payload: &Payload,
    ) -> Result<Option<Section>, Violation> {
        let part = match payload {
            Payload::Headers { block, .. } => {
                self.parts.clear();
                self.ends_stream = frame.flags.contains(Flags::END_STREAM);
                block
            }
            Payload::Continuation(block) => block,
            _ => return Ok(None),
        };
        if self.parts.len() + part.len() > self.limit {
            let limit = self.limit;
            return Err(hpack::Malformed::TooMuch { limit }.into());
        }
        self.parts.extend_from_slice(part);
        if !frame.flags.contains(Flags::END_HEADERS) {
            return Ok(None);
        }
        Ok(Some(Section {
            stream: frame.stream,
            fields: self.hpack.decode(self.parts.split())?,
            ends_stream: self.ends_stream,
        }))
    }
}

impl Section {
    /// The frames that say these fields, in parts of at most `most` octets.
    ///
    /// # Panics
    ///
    /// If `most` is 0.
    #[must_use]
    pub fn frames(&self, most: usize) -> Vec<Frame> {
        let mut block = Bytes::from(hpack::encode(&self.fields));
        let first = block.split_to(most.min(block.len()));
        let mut frames = vec![Frame::headers(self.stream, first).unfinished()];
        if self.ends_stream {
            frames[0].flags = Flags::END_STREAM;
        }
        frames.extend(block.chunks(most).map(|part| {
            let part = Bytes::copy_from_slice(part);
            Frame::continuation(self.stream, part).unfinished()
        }));
        if let Some(last) = frames.last_mut() {
            last.flags = last.flags | Flags::END_HEADERS;
        }
        frames
    }
}
