//! The error code: why a stream or a connection ends.

use std::fmt;

/// The number in a RST_STREAM or GOAWAY frame ([RFC 9113 §7]).
///
/// Holds any number.
///
/// [RFC 9113 §7]: https://www.rfc-editor.org/rfc/rfc9113#section-7
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u32);

/// The codes with their names, in one place.
macro_rules! registered {
    ($($(#[$doc:meta])+ $code:literal $name:ident,)+) => {
        impl ErrorCode {
            $($(#[$doc])+ pub const $name: Self = Self($code);)+

            /// The registered name; `None` for any other number.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

registered! {
    /// Nothing went wrong: an end in order.
    0x0 NO_ERROR,
    /// The peer broke the protocol, and no other code says it better.
    0x1 PROTOCOL_ERROR,
    /// The endpoint met a condition it did not expect.
    0x2 INTERNAL_ERROR,
    /// The peer sent more than its window.
    0x3 FLOW_CONTROL_ERROR,
    /// No answer to SETTINGS in time.
    0x4 SETTINGS_TIMEOUT,
    /// A frame for a stream whose sender had closed it.
    0x5 STREAM_CLOSED,
    /// A frame of a size that its type or the receiver does not allow.
    0x6 FRAME_SIZE_ERROR,
    /// The stream was not looked at; the request may be sent again.
    0x7 REFUSED_STREAM,
    /// The stream is no longer wanted; RST in RFC 8441's terms.
    0x8 CANCEL,
    /// The field compression of the connection has lost its state.
    0x9 COMPRESSION_ERROR,
    /// The TCP connection behind a CONNECT was reset.
    0xa CONNECT_ERROR,
    /// The peer causes more work than the endpoint is willing to do.
    0xb ENHANCE_YOUR_CALM,
    /// TLS is not as strong as HTTP/2 asks for.
    0xc INADEQUATE_SECURITY,
    /// The endpoint wants HTTP/1.1 instead.
    0xd HTTP_1_1_REQUIRED,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "ERROR 0x{:x}", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
