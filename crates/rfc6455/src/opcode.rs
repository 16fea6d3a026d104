//! The opcode: what a frame is.

use std::fmt;

/// The four bits that say how to read a frame's payload data ([RFC 6455 §5.2]).
///
/// Holds the reserved values as well.
///
/// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opcode(u8);

impl Opcode {
    /// A further fragment of the message that is being sent.
    pub const CONTINUATION: Self = Self(0x0);
    /// The first or only frame of a text message.
    pub const TEXT: Self = Self(0x1);
    /// The first or only frame of a binary message.
    pub const BINARY: Self = Self(0x2);
    /// The start of, or the answer in, the closing handshake.
    pub const CLOSE: Self = Self(0x8);
    /// A request for a Pong with the same payload.
    pub const PING: Self = Self(0x9);
    /// The answer to a Ping, or an unsolicited sign of life.
    pub const PONG: Self = Self(0xA);

    /// The opcode with these four bits; `None` above 0xF.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits > 0xF { None } else { Some(Self(bits)) }
    }

    /// The opcode in the low four bits of a frame's first octet.
    #[must_use]
    pub const fn from_first_octet(octet: u8) -> Self {
        Self(octet & 0xF)
    }

    /// The four bits, in the low half of the octet.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether this is a control opcode: 0x8 to 0xF, known or not.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// Whether RFC 6455 gives this opcode no meaning: 0x3–0x7 and 0xB–0xF.
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        matches!(self.0, 0x3..=0x7 | 0xB..=0xF)
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::CONTINUATION => "CONTINUATION",
            Self::TEXT => "TEXT",
            Self::BINARY => "BINARY",
            Self::CLOSE => "CLOSE",
            Self::PING => "PING",
            Self::PONG => "PONG",
            Self(bits) => return write!(f, "OPCODE 0x{bits:X}"),
        })
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
