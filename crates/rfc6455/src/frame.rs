//! The frame: what is sent, to the octet.

use bytes::Bytes;

use crate::{MaskingKey, Opcode, StatusCode};

/// A frame, legal or not ([RFC 6455 §5.2]).
///
/// The payload data is held unmasked; [`encode`](Self::encode) masks it.
///
/// ```
/// use rfc6455::Frame;
///
/// let mut octets = Vec::new();
/// Frame::text("Hello").encode(&mut octets);
/// assert_eq!(octets, b"\x81\x05Hello");
/// ```
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// RSV1, RSV2, RSV3 as a number from 0 to 7; RSV1 is 4.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key that a client masks with; `None` is a frame of a server.
    pub masking_key: Option<MaskingKey>,
    /// How the length is written.
    pub length_form: LengthForm,
    /// The payload data, unmasked.
    pub payload: Bytes,
}

/// Which of the three ways to write a length is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthForm {
    /// In the second octet itself; can hold up to 125.
    Bits7,
    /// In the next two octets, after 126; can hold up to 65,535.
    Bits16,
    /// In the next eight octets, after 127.
    Bits64,
}

/// Everything of a frame that precedes its payload data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// RSV1, RSV2, RSV3 as a number from 0 to 7; RSV1 is 4.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key that the payload data is masked with.
    pub masking_key: Option<MaskingKey>,
    /// How the length is written.
    pub length_form: LengthForm,
    /// The declared length of the payload data in octets.
    pub payload_length: u64,
}

impl LengthForm {
    /// The only form that the RFC allows for this length.
    #[must_use]
    pub const fn shortest(length: u64) -> Self {
        match length {
            0..=125 => Self::Bits7,
            126..=0xFFFF => Self::Bits16,
            _ => Self::Bits64,
        }
    }
}

impl Frame {
    /// A whole message or a control frame, with FIN and the shortest length.
    #[must_use]
    pub fn new(opcode: Opcode, payload: impl Into<Bytes>) -> Self {
        let payload = payload.into();
        Self {
            fin: true,
            rsv: 0,
            opcode,
            masking_key: None,
            length_form: LengthForm::shortest(payload.len() as u64),
            payload,
        }
    }

    /// A text message in one frame; the octets need not be UTF-8.
    #[must_use]
    pub fn text(payload: impl Into<Bytes>) -> Self {
        Self::new(Opcode::TEXT, payload)
    }

    /// A binary message in one frame.
    #[must_use]
    pub fn binary(payload: impl Into<Bytes>) -> Self {
        Self::new(Opcode::BINARY, payload)
    }

    /// The last fragment of a message.
    #[must_use]
    pub fn continuation(payload: impl Into<Bytes>) -> Self {
        Self::new(Opcode::CONTINUATION, payload)
    }

    /// A Ping.
    #[must_use]
    pub fn ping(payload: impl Into<Bytes>) -> Self {
        Self::new(Opcode::PING, payload)
    }

    /// A Pong.
    #[must_use]
    pub fn pong(payload: impl Into<Bytes>) -> Self {
        Self::new(Opcode::PONG, payload)
    }

    /// A Close with a code and a reason, which may be empty.
    #[must_use]
    pub fn close(code: StatusCode, reason: impl AsRef<[u8]>) -> Self {
        let body = [&code.0.to_be_bytes(), reason.as_ref()].concat();
        Self::new(Opcode::CLOSE, body)
    }

    /// A Close without a body.
    #[must_use]
    pub fn close_without_code() -> Self {
        Self::new(Opcode::CLOSE, Bytes::new())
    }

    /// The same frame without FIN: more fragments follow.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The same frame with these reserved bits; only the low three count.
    #[must_use]
    pub fn with_rsv(mut self, rsv: u8) -> Self {
        self.rsv = rsv & 0b111;
        self
    }

    /// The same frame, masked with this key.
    #[must_use]
    pub fn masked(mut self, key: MaskingKey) -> Self {
        self.masking_key = Some(key);
        self
    }

    /// The same frame with its length written in this form.
    ///
    /// # Panics
    ///
    /// If the form is too short to hold the length.
    #[must_use]
    pub fn with_length_form(mut self, form: LengthForm) -> Self {
        let fits = match form {
            LengthForm::Bits7 => self.payload.len() <= 125,
            LengthForm::Bits16 => self.payload.len() <= 0xFFFF,
            LengthForm::Bits64 => true,
        };
        assert!(fits, "{form:?} can't hold {}", self.payload.len());
        self.length_form = form;
        self
    }

    /// The status code of a Close; `None` if the body is shorter than a code.
    #[must_use]
    pub fn status_code(&self) -> Option<StatusCode> {
        let code = self.payload.first_chunk()?;
        Some(StatusCode(u16::from_be_bytes(*code)))
    }

    /// The frame without its payload data.
    #[must_use]
    pub fn header(&self) -> Header {
        Header {
            fin: self.fin,
            rsv: self.rsv,
            opcode: self.opcode,
            masking_key: self.masking_key,
            length_form: self.length_form,
            payload_length: self.payload.len() as u64,
        }
    }

    /// Appends the frame as it is sent.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.header().encode(out);
        let start = out.len();
        out.extend_from_slice(&self.payload);
        if let Some(key) = self.masking_key {
            key.apply(&mut out[start..]);
        }
    }
}

impl Header {
    /// Appends the header as it is sent. Nothing obliges the caller to send
    /// as many octets as the header declares.
    ///
    /// A length that its form can't hold is cut to the form's width.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a judge may declare a length that its form can't hold"
    )]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fin = if self.fin { 0x80 } else { 0 };
        out.push(fin | (self.rsv & 0b111) << 4 | self.opcode.bits());
        let mask = if self.masking_key.is_some() { 0x80 } else { 0 };
        let length = self.payload_length;
        match self.length_form {
            LengthForm::Bits7 => out.push(mask | (length as u8 & 0x7F)),
            LengthForm::Bits16 => {
                out.push(mask | 126);
                out.extend_from_slice(&(length as u16).to_be_bytes());
            }
            LengthForm::Bits64 => {
                out.push(mask | 127);
                out.extend_from_slice(&length.to_be_bytes());
            }
        }
        if let Some(key) = self.masking_key {
            out.extend_from_slice(&key.0);
        }
    }

    /// Reads a header from the front of `octets` and tells how many octets it
    /// took; `None` while it is not complete.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<(Self, usize)> {
        let (&[first, second], rest) = octets.split_first_chunk()?;
        let (length_form, payload_length, rest) = match second & 0x7F {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = u64::from(u16::from_be_bytes(*length));
                (LengthForm::Bits16, length, rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (LengthForm::Bits64, u64::from_be_bytes(*length), rest)
            }
            length => (LengthForm::Bits7, u64::from(length), rest),
        };
        let (masking_key, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(MaskingKey(*key)), rest)
        };
        let header = Self {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 0b111,
            opcode: Opcode::from_first_octet(first),
            masking_key,
            length_form,
            payload_length,
        };
        Some((header, octets.len() - rest.len()))
    }
}
