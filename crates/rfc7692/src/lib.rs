//! The nouns of [RFC 7692], permessage-deflate: offers and what they agree on,
//! compressed messages out and in, and DEFLATE blocks one by one.
//!
//! Like `rfc6455` it serves a judge. So [`Inflater`] is exact where libraries
//! for applications are lenient: no back-reference reaches farther than the
//! agreed window, also where a longer one would still be in memory; a message
//! ends where its last block does; and nothing becomes longer than its limit.
//! [`Blocks`] writes any DEFLATE data, right or wrong, which no compressor
//! would.
//!
//! | module | holds |
//! |---|---|
//! | [`parameters`] | [`Parameters`] of an offer or an answer, [`Agreement`] |
//! | [`compressor`] | [`Compressor`]: messages to compressed messages |
//! | [`inflater`] | [`Inflater`]: back again, exactly |
//! | [`blocks`] | [`Blocks`]: DEFLATE data, block by block |
//!
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692

pub mod blocks;
pub mod compressor;
pub mod inflater;
pub mod parameters;

pub use blocks::Blocks;
pub use compressor::Compressor;
pub use inflater::{Inflater, NotInflated};
pub use parameters::{Agreement, BadAgreement, BadParameter, Parameters};

/// The registered name of the extension.
pub const NAME: &str = "permessage-deflate";

/// RSV1, as it stands in the three reserved bits of a frame: the message is
/// compressed.
pub const RSV1: u8 = 0b100;

/// What a sender cuts from the end of its compressed data and a reader puts
/// back ([§7.2.1](https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1)): the
/// length of an empty stored block.
pub const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The window if nobody names a smaller one: 2 to the power of 15 octets.
pub const MAX_WINDOW_BITS: u8 = 15;
