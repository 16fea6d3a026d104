//! The nouns of HTTP/2 ([RFC 9113], [RFC 7541]) as far as WebSocket over it
//! ([RFC 8441]) needs them: frame, setting, error code, field section.
//!
//! A judge must be able to say wrong things and to write down exactly what it
//! heard. So a [`Frame`] holds any type, any flags and any payload, a
//! [`Field`] any octets, and what is legal is decided elsewhere: by [`Rules`],
//! one [`Violation`] per rule.
//!
//! | module | holds |
//! |---|---|
//! | [`frame`] | [`Frame`] and its [`Header`], [`FrameType`], [`Flags`]: octets out |
//! | [`decoder`] | [`Decoder`]: octets in, cut anywhere |
//! | [`payload`] | [`Payload`]: what a frame says |
//! | [`rules`] | [`Rules`] and [`Violation`]: what makes a frame illegal, and when |
//! | [`setting`], [`error_code`] | the smaller nouns |
//! | [`section`] | [`Section`]: the fields of HEADERS and what continues them |
//! | [`head`] | [`RequestHead`], [`ResponseHead`]: what fields mean |
//! | [`hpack`] | fields as octets: written without compression, read in any form |
//!
//! There is no I/O here, no framework and no HTTP library.
//!
//! [RFC 9113]: https://www.rfc-editor.org/rfc/rfc9113
//! [RFC 7541]: https://www.rfc-editor.org/rfc/rfc7541
//! [RFC 8441]: https://www.rfc-editor.org/rfc/rfc8441

pub mod decoder;
pub mod error_code;
pub mod frame;
pub mod head;
pub mod hpack;
pub mod payload;
pub mod rules;
pub mod section;
pub mod setting;

pub use decoder::Decoder;
pub use error_code::ErrorCode;
pub use frame::{Flags, Frame, FrameType, Header};
pub use head::{MalformedHead, RequestHead, ResponseHead};
pub use hpack::Field;
pub use payload::{Payload, Priority};
pub use rules::{Rules, Sender, Violation};
pub use section::{Section, Sections};
pub use setting::{Setting, Settings};

/// What a client sends first of all ([RFC 9113 §3.4]); its SETTINGS follow.
///
/// [RFC 9113 §3.4]: https://www.rfc-editor.org/rfc/rfc9113#section-3.4
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
