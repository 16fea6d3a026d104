//! The status code: why a connection is closed.

use std::fmt;

/// The number in a Close frame ([RFC 6455 §7.4], [IANA registry]).
///
/// Holds any number, also those that must not be sent.
///
/// [RFC 6455 §7.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4
/// [IANA registry]: https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(pub u16);

/// The registered codes with the names that appear in messages and in code.
macro_rules! registered {
    ($($(#[$doc:meta])+ $code:literal $constant:ident $name:literal,)+) => {
        impl StatusCode {
            $($(#[$doc])+ pub const $constant: Self = Self($code);)+

            /// The registered name in words; `None` for any other number.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($name),)+
                    _ => None,
                }
            }
        }
    };
}

registered! {
    /// The purpose of the connection has been fulfilled.
    1000 NORMAL_CLOSURE "normal closure",
    /// The endpoint goes away: a server shuts down, a page is left.
    1001 GOING_AWAY "going away",
    /// The peer broke the protocol.
    1002 PROTOCOL_ERROR "protocol error",
    /// The endpoint does not take this type of data.
    1003 UNSUPPORTED_DATA "unsupported data",
    /// Never on the wire: stands for a Close frame without a code.
    1005 NO_STATUS_RCVD "no status received",
    /// Never on the wire: stands for a connection lost without a Close frame.
    1006 ABNORMAL_CLOSURE "abnormal closure",
    /// Payload data does not fit its type, such as text that is not UTF-8.
    1007 INVALID_FRAME_PAYLOAD_DATA "invalid frame payload data",
    /// A rule of the endpoint's own was broken.
    1008 POLICY_VIOLATION "policy violation",
    /// The message is bigger than the endpoint takes.
    1009 MESSAGE_TOO_BIG "message too big",
    /// The client misses an extension in the server's answer.
    1010 MANDATORY_EXT "mandatory extension",
    /// The server met a condition it did not expect.
    1011 INTERNAL_ERROR "internal error",
    /// The service restarts.
    1012 SERVICE_RESTART "service restart",
    /// The service is overloaded; come back later.
    1013 TRY_AGAIN_LATER "try again later",
    /// A gateway got an invalid answer from the server behind it.
    1014 BAD_GATEWAY "bad gateway",
    /// Never on the wire: stands for a failed TLS handshake.
    1015 TLS_HANDSHAKE "TLS handshake",
}

impl StatusCode {
    /// Whether an endpoint may put this code into a Close frame: the registered
    /// codes but 1004, 1005, 1006 and 1015, and the ranges for libraries and
    /// applications, 3000 to 4999.
    #[must_use]
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}
