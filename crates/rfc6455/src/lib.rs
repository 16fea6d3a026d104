//! The nouns of [RFC 6455]: frame, opcode, masking key, status code, opening
//! handshake.
//!
//! A codec for applications refuses to build what is illegal. This one has to
//! build it, because a judge must be able to say wrong things and to write
//! down exactly what it heard. So a [`Frame`] holds any reserved bit, any
//! opcode, any [`LengthForm`], with or without a [`MaskingKey`], and what is
//! legal is decided elsewhere: by [`Rules`], one [`Violation`] per rule.
//!
//! The book has a page about it: `docs/src/frame.md`.
//!
//! | module | holds |
//! |---|---|
//! | [`frame`] | [`Frame`], its [`Header`] and [`LengthForm`]: octets out |
//! | [`decoder`] | [`Decoder`]: octets in, cut anywhere |
//! | [`rules`] | [`Rules`] and [`Violation`]: what makes a frame illegal, and when |
//! | [`opcode`], [`masking_key`], [`status_code`], [`utf8`] | the smaller nouns |
//! | [`handshake`] | the opening handshake: heads, fields, the accept value |
//! | [`extension`] | the list of extensions that it agrees on |
//!
//! There is no I/O here, no framework and no WebSocket library.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

pub mod decoder;
pub mod extension;
pub mod frame;
pub mod handshake;
pub mod masking_key;
pub mod opcode;
pub mod rules;
pub mod status_code;
pub mod utf8;

pub use decoder::Decoder;
pub use frame::{Frame, Header, LengthForm};
pub use masking_key::MaskingKey;
pub use opcode::Opcode;
pub use rules::{Rules, Sender, Violation};
pub use status_code::StatusCode;
