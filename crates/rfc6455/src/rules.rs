//! The rules that a sequence of frames must keep, and what breaking each is
//! called.

use crate::utf8::Utf8;
use crate::{Header, LengthForm, Opcode, StatusCode};

/// The first of the three reserved bits, as they stand in a header.
const RSV1: u8 = 0b100;

/// Which endpoint sends the frames that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A client: every frame is masked.
    Client,
    /// A server: no frame is masked.
    Server,
}

/// One broken rule of RFC 6455.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A reserved bit is set and no extension gives it a meaning (§5.2).
    #[error("reserved bits are {0:03b}, and no agreed extension uses them")]
    ReservedBits(u8),
    /// RSV1, which says that a message is compressed, anywhere but on the
    /// first frame of a message ([RFC 7692 §6]).
    ///
    /// [RFC 7692 §6]: https://www.rfc-editor.org/rfc/rfc7692#section-6
    #[error("RSV1 on a {0} frame; it belongs on the first of a message")]
    CompressedBit(Opcode),
    /// A compressed message that is no DEFLATE data, or refers to what is not
    /// in the agreed window ([RFC 7692 §7.2.2]).
    ///
    /// [RFC 7692 §7.2.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.2
    #[error("a compressed message does not inflate: {0}")]
    NotInflated(String),
    /// The opcode has no meaning (§5.2).
    #[error("opcode 0x{:X} is reserved", .0.bits())]
    ReservedOpcode(Opcode),
    /// A client sent a frame without a masking key (§5.1).
    #[error("a client's frame is not masked")]
    Unmasked,
    /// A server sent a frame with a masking key (§5.1).
    #[error("a server's frame is masked")]
    Masked,
    /// The length is written in more octets than it needs (§5.2).
    #[error("the length {0} is not written in its shortest form")]
    LengthNotShortest(u64),
    /// The most significant bit of a 64-bit length is set (§5.2).
    #[error("the length 0x{0:X} has its most significant bit set")]
    LengthTopBit(u64),
    /// A control frame without FIN (§5.4).
    #[error("a {0} frame is fragmented")]
    FragmentedControl(Opcode),
    /// A control frame with more than 125 octets (§5.5).
    #[error("a {0} frame carries {1} octets, over 125")]
    ControlTooLong(Opcode, u64),
    /// A continuation frame while no message is unfinished (§5.4).
    #[error("a CONTINUATION frame, but no message is unfinished")]
    NothingToContinue,
    /// A new data frame while a message is unfinished (§5.4).
    #[error("a {0} frame inside an unfinished message")]
    MessageUnfinished(Opcode),
    /// Text that is not UTF-8 (§8.1).
    #[error("a text message is not UTF-8")]
    TextNotUtf8,
    /// A Close body of one octet, too short for a status code (§5.5.1).
    #[error("a Close body of one octet")]
    CloseBodyOneOctet,
    /// A status code that no endpoint may send (§7.4).
    #[error("a Close with status code {0}, which is never sent")]
    CloseCode(StatusCode),
    /// A Close reason that is not UTF-8 (§5.5.1).
    #[error("a Close reason is not UTF-8")]
    ReasonNotUtf8,
    /// More octets than the reader takes (§10.4). Not the sender's fault, but
    /// the connection fails all the same.
    #[error("a payload of {length} octets is over the limit of {limit}")]
    TooBig {
        /// The declared length in octets.
        length: u64,
        /// What the reader takes, in octets.
        limit: u64,
    },
}

impl Violation {
    /// The status code that names this violation in a Close frame (§7.4.1).
    #[must_use]
    pub const fn status_code(&self) -> StatusCode {
        match self {
            Self::TextNotUtf8 | Self::ReasonNotUtf8 | Self::NotInflated(_) => {
                StatusCode::INVALID_FRAME_PAYLOAD_DATA
            }
            Self::TooBig { .. } => StatusCode::MESSAGE_TOO_BIG,
            _ => StatusCode::PROTOCOL_ERROR,
        }
    }
}

/// Checks a sequence of frames as they arrive, each rule as soon as its header,
/// its next octets of text or its end are there.
///
/// Per frame: [`header`](Self::header), then [`payload`](Self::payload) as
/// often as octets arrive, then [`end`](Self::end).
#[derive(Clone, Debug)]
pub struct Rules {
    sender: Sender,
    /// Whether permessage-deflate was agreed.
    deflate: bool,
    /// The type of the message whose last fragment has not come.
    message: Option<Opcode>,
    /// Whether that message is compressed.
    compressed: bool,
    text: Utf8,
    control: Option<Control>,
}

/// The control frame whose payload data is arriving.
#[derive(Clone, Debug)]
struct Control {
    opcode: Opcode,
    body: Vec<u8>,
}

impl Rules {
    /// The rules for what this endpoint sends, from the first frame on.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        Self {
            sender,
            deflate: false,
            message: None,
            compressed: false,
            text: Utf8::default(),
            control: None,
        }
    }

    /// The same rules where permessage-deflate was agreed ([RFC 7692 §6]): RSV1
    /// says that a message is compressed. Whether a compressed text is UTF-8 is
    /// for whoever inflates it.
    ///
    /// [RFC 7692 §6]: https://www.rfc-editor.org/rfc/rfc7692#section-6
    #[must_use]
    pub fn with_deflate(self) -> Self {
        Self {
            deflate: true,
            ..self
        }
    }

    /// Whether the message whose last frame has begun is compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// The type of the message whose last fragment has not come.
    #[must_use]
    pub fn unfinished_message(&self) -> Option<Opcode> {
        self.message
    }

    /// Checks what can be known from a frame's header.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn header(&mut self, header: &Header) -> Result<(), Violation> {
        let Header {
            fin,
            rsv,
            opcode,
            payload_length: length,
            ..
        } = *header;
        let compressed = self.deflate && rsv == RSV1;
        if rsv != 0 && !compressed {
            return Err(Violation::ReservedBits(rsv));
        }
        if opcode.is_reserved() {
            return Err(Violation::ReservedOpcode(opcode));
        }
        match (self.sender, header.masking_key) {
            (Sender::Client, None) => return Err(Violation::Unmasked),
            (Sender::Server, Some(_)) => return Err(Violation::Masked),
            _ => {}
        }
        if length >> 63 == 1 {
            return Err(Violation::LengthTopBit(length));
        }
        if header.length_form != LengthForm::shortest(length) {
            return Err(Violation::LengthNotShortest(length));
        }
        if compressed && (opcode.is_control() || opcode == Opcode::CONTINUATION)
        {
            return Err(Violation::CompressedBit(opcode));
        }
        if opcode.is_control() {
            if !fin {
                return Err(Violation::FragmentedControl(opcode));
            }
            if length > 125 {
                return Err(Violation::ControlTooLong(opcode, length));
            }
            if opcode == Opcode::CLOSE && length == 1 {
                return Err(Violation::CloseBodyOneOctet);
            }
            self.control = Some(Control {
                opcode,
                body: Vec::new(),
            });
            return Ok(());
        }
        match (opcode, self.message) {
            (Opcode::CONTINUATION, None) => Err(Violation::NothingToContinue),
            (Opcode::CONTINUATION, Some(_)) => Ok(()),
            (_, Some(_)) => Err(Violation::MessageUnfinished(opcode)),
            (_, None) => {
                self.message = Some(opcode);
                self.compressed = compressed;
                Ok(())
            }
        }
    }

    /// Checks the next octets of the frame's payload data, unmasked.
    ///
    /// # Errors
    ///
    /// [`Violation::TextNotUtf8`] as soon as nothing could make it valid.
    pub fn payload(&mut self, octets: &[u8]) -> Result<(), Violation> {
        if let Some(control) = &mut self.control {
            control.body.extend_from_slice(octets);
        } else if self.message == Some(Opcode::TEXT) && !self.compressed {
            self.text
                .push(octets)
                .map_err(|_| Violation::TextNotUtf8)?;
        }
        Ok(())
    }

    /// Checks what can be known only when the frame is complete.
    ///
    /// # Errors
    ///
    /// Text that ends inside a code point, or the body of a Close.
    pub fn end(&mut self, header: &Header) -> Result<(), Violation> {
        if let Some(control) = self.control.take() {
            return match control.opcode {
                Opcode::CLOSE => check_close(&control.body),
                _ => Ok(()),
            };
        }
        if header.fin {
            let message = self.message.take();
            if message == Some(Opcode::TEXT) && !self.compressed {
                self.text
                    .finish()
                    .map_err(|_| Violation::TextNotUtf8)?;
            }
        }
        Ok(())
    }
}

fn check_close(body: &[u8]) -> Result<(), Violation> {
    let Some((code, reason)) = body.split_first_chunk() else {
        return Ok(());
    };
    let code = StatusCode(u16::from_be_bytes(*code));
    if !code.may_be_sent() {
        return Err(Violation::CloseCode(code));
    }
    match std::str::from_utf8(reason) {
        Ok(_) => Ok(()),
        Err(_) => Err(Violation::ReasonNotUtf8),
    }
}
