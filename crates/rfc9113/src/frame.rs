//! The frame: what is sent, to the octet.

use std::fmt;
use std::ops::BitOr;

use bytes::{BufMut, Bytes};

use crate::payload::Priority;
use crate::{ErrorCode, Setting};

/// A frame, legal or not ([RFC 9113 §4.1]).
///
/// ```
/// use rfc9113::Frame;
///
/// let mut octets = Vec::new();
/// Frame::data(1, "Hello").end_stream().encode(&mut octets);
/// assert_eq!(octets, b"\0\0\x05\0\x01\0\0\0\x01Hello");
/// ```
///
/// [RFC 9113 §4.1]: https://www.rfc-editor.org/rfc/rfc9113#section-4.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the frame is.
    pub frame_type: FrameType,
    /// The flags, also those that the type gives no meaning.
    pub flags: Flags,
    /// The reserved bit before the stream identifier.
    pub reserved: bool,
    /// The stream identifier; only its low 31 bits are sent. 0 is the
    /// connection.
    pub stream: u32,
    /// Everything behind the header, padding included.
    pub payload: Bytes,
}

/// The nine octets that precede a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The declared length of the payload; only its low 24 bits are sent.
    pub length: u32,
    /// What the frame is.
    pub frame_type: FrameType,
    /// The flags, also those that the type gives no meaning.
    pub flags: Flags,
    /// The reserved bit before the stream identifier.
    pub reserved: bool,
    /// The stream identifier; only its low 31 bits are sent.
    pub stream: u32,
}

/// What a frame is ([RFC 9113 §6]).
///
/// Holds the unknown types as well.
///
/// [RFC 9113 §6]: https://www.rfc-editor.org/rfc/rfc9113#section-6
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameType(pub u8);

/// The flags of a frame. What a bit means is the type's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

/// The types with their names, in one place.
macro_rules! registered {
    ($($(#[$doc:meta])+ $number:literal $name:ident,)+) => {
        impl FrameType {
            $($(#[$doc])+ pub const $name: Self = Self($number);)+

            /// The registered name; `None` for any other number.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

registered! {
    /// Content of a stream; here the octets of a WebSocket connection.
    0x0 DATA,
    /// The first or only part of a field section.
    0x1 HEADERS,
    /// A priority, which nobody heeds any more.
    0x2 PRIORITY,
    /// The abrupt end of a stream.
    0x3 RST_STREAM,
    /// Settings, or the answer to them.
    0x4 SETTINGS,
    /// A request that a server makes up.
    0x5 PUSH_PROMISE,
    /// A request for the same octets, or the answer.
    0x6 PING,
    /// The end of the connection, once the streams so far are done.
    0x7 GOAWAY,
    /// More room for DATA.
    0x8 WINDOW_UPDATE,
    /// A further part of a field section.
    0x9 CONTINUATION,
}

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// DATA and HEADERS: the sender sends no more on this stream.
    pub const END_STREAM: Self = Self(0x1);
    /// SETTINGS and PING: this is the answer.
    pub const ACK: Self = Self(0x1);
    /// HEADERS, PUSH_PROMISE and CONTINUATION: the field section is complete.
    pub const END_HEADERS: Self = Self(0x4);
    /// DATA, HEADERS and PUSH_PROMISE: the payload is padded.
    pub const PADDED: Self = Self(0x8);
    /// HEADERS: the payload begins with a priority.
    pub const PRIORITY: Self = Self(0x20);

    /// Whether all of these flags are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These flags without those.
    #[must_use]
    pub const fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FrameType {
    /// The flags that have a meaning in this type, with their names.
    const fn flags(self) -> &'static [(Flags, &'static str)] {
        const END_STREAM: (Flags, &str) = (Flags::END_STREAM, "END_STREAM");
        const ACK: (Flags, &str) = (Flags::ACK, "ACK");
        const END_HEADERS: (Flags, &str) = (Flags::END_HEADERS, "END_HEADERS");
        const PADDED: (Flags, &str) = (Flags::PADDED, "PADDED");
        const PRIORITY: (Flags, &str) = (Flags::PRIORITY, "PRIORITY");
        match self {
            Self::DATA => &[END_STREAM, PADDED],
            Self::HEADERS => &[END_STREAM, END_HEADERS, PADDED, PRIORITY],
            Self::SETTINGS | Self::PING => &[ACK],
            Self::PUSH_PROMISE => &[END_HEADERS, PADDED],
            Self::CONTINUATION => &[END_HEADERS],
            _ => &[],
        }
    }
}

impl Frame {
    /// A frame of any type with any payload.
    #[must_use]
    pub fn new(
        frame_type: FrameType,
        flags: Flags,
        stream: u32,
        payload: impl Into<Bytes>,
    ) -> Self {
        Self {
            frame_type,
            flags,
            reserved: false,
            stream,
            payload: payload.into(),
        }
    }

    /// Content of a stream, of which more may follow.
    #[must_use]
    pub fn data(stream: u32, data: impl Into<Bytes>) -> Self {
        Self::new(FrameType::DATA, Flags::NONE, stream, data)
    }

    /// A whole field section, as [`hpack::encode`](crate::hpack::encode) makes
    /// it. The stream goes on.
    #[must_use]
    pub fn headers(stream: u32, block: impl Into<Bytes>) -> Self {
        Self::new(FrameType::HEADERS, Flags::END_HEADERS, stream, block)
    }

    /// The last part of a field section.
    #[must_use]
    pub fn continuation(stream: u32, block: impl Into<Bytes>) -> Self {
        Self::new(FrameType::CONTINUATION, Flags::END_HEADERS, stream, block)
    }

    /// A priority in a frame of its own.
    #[must_use]
    pub fn priority(stream: u32, priority: Priority) -> Self {
        let payload = priority.octets().to_vec();
        Self::new(FrameType::PRIORITY, Flags::NONE, stream, payload)
    }

    /// The abrupt end of a stream.
    #[must_use]
    pub fn rst_stream(stream: u32, code: ErrorCode) -> Self {
        let payload = code.0.to_be_bytes().to_vec();
        Self::new(FrameType::RST_STREAM, Flags::NONE, stream, payload)
    }

    /// Settings, legal or not, in this order.
    #[must_use]
    pub fn settings(settings: &[(Setting, u32)]) -> Self {
        let mut payload = Vec::with_capacity(6 * settings.len());
        for (setting, value) in settings {
            payload.put_u16(setting.0);
            payload.put_u32(*value);
        }
        Self::new(FrameType::SETTINGS, Flags::NONE, 0, payload)
    }

    /// The answer to SETTINGS.
    #[must_use]
    pub fn settings_ack() -> Self {
        Self::new(FrameType::SETTINGS, Flags::ACK, 0, Bytes::new())
    }

    /// A request for the same octets.
    #[must_use]
    pub fn ping(octets: [u8; 8]) -> Self {
        Self::new(FrameType::PING, Flags::NONE, 0, octets.to_vec())
    }

    /// The answer to a PING.
    #[must_use]
    pub fn ping_ack(octets: [u8; 8]) -> Self {
        Self::new(FrameType::PING, Flags::ACK, 0, octets.to_vec())
    }

    /// The end of the connection: the last stream that was looked at, the
    /// cause, and text for people.
    #[must_use]
    pub fn go_away(
        last_stream: u32,
        code: ErrorCode,
        debug_data: impl AsRef<[u8]>,
    ) -> Self {
        let mut payload = Vec::new();
        payload.put_u32(last_stream);
        payload.put_u32(code.0);
        payload.put_slice(debug_data.as_ref());
        Self::new(FrameType::GOAWAY, Flags::NONE, 0, payload)
    }

    /// More room for DATA on a stream, or on the connection.
    #[must_use]
    pub fn window_update(stream: u32, increment: u32) -> Self {
        let payload = increment.to_be_bytes().to_vec();
        Self::new(FrameType::WINDOW_UPDATE, Flags::NONE, stream, payload)
    }

    /// The same frame as the last of its stream.
    #[must_use]
    pub fn end_stream(self) -> Self {
        let flags = self.flags | Flags::END_STREAM;
        self.with_flags(flags)
    }

    /// The same frame without END_HEADERS: a CONTINUATION follows.
    #[must_use]
    pub fn unfinished(self) -> Self {
        let flags = self.flags.without(Flags::END_HEADERS);
        self.with_flags(flags)
    }

    /// The same frame with these flags and no others.
    #[must_use]
    pub fn with_flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// The same frame with the reserved bit.
    #[must_use]
    pub fn with_reserved(mut self) -> Self {
        self.reserved = true;
        self
    }

    /// The same frame with so many octets of padding behind its payload.
    #[must_use]
    pub fn padded(mut self, padding: u8) -> Self {
        let mut payload = vec![padding];
        payload.put_slice(&self.payload);
        payload.put_bytes(0, usize::from(padding));
        self.payload = payload.into();
        let flags = self.flags | Flags::PADDED;
        self.with_flags(flags)
    }

    /// The frame without its payload. A length that 24 bits can't hold is cut
    /// when it is sent.
    #[must_use]
    pub fn header(&self) -> Header {
        Header {
            length: u32::try_from(self.payload.len()).unwrap_or(u32::MAX),
            frame_type: self.frame_type,
            flags: self.flags,
            reserved: self.reserved,
            stream: self.stream,
        }
    }

    /// Appends the frame as it is sent.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.header().encode(out);
        out.extend_from_slice(&self.payload);
    }
}

impl Header {
    /// The octets of a header.
    pub const LENGTH: usize = 9;

    /// Appends the header as it is sent. Nothing obliges the caller to send
    /// as many octets as the header declares.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_uint(u64::from(self.length & 0xff_ffff), 3);
        out.put_u8(self.frame_type.0);
        out.put_u8(self.flags.0);
        let reserved = if self.reserved { 1 << 31 } else { 0 };
        out.put_u32(reserved | (self.stream & 0x7fff_ffff));
    }

    /// Reads a header from the front of `octets`; `None` while it is not
    /// complete.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let &[a, b, c, frame_type, flags, d, e, f, g] =
            octets.first_chunk::<{ Self::LENGTH }>()?;
        let stream = u32::from_be_bytes([d, e, f, g]);
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]),
            frame_type: FrameType(frame_type),
            flags: Flags(flags),
            reserved: stream >> 31 == 1,
            stream: stream & 0x7fff_ffff,
        })
    }
}

impl fmt::Display for FrameType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "TYPE 0x{:x}", self.0),
        }
    }
}

impl fmt::Debug for FrameType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Such as `HEADERS stream=1 END_STREAM END_HEADERS length=17`.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stream={}", self.frame_type, self.stream)?;
        if self.reserved {
            f.write_str(" RESERVED")?;
        }
        let mut rest = self.flags;
        for (flag, name) in self.frame_type.flags() {
            if rest.contains(*flag) {
                write!(f, " {name}")?;
                rest = rest.without(*flag);
            }
        }
        if rest != Flags::NONE {
            write!(f, " flags=0x{:02x}", rest.0)?;
        }
        write!(f, " length={}", self.length)
    }
}
