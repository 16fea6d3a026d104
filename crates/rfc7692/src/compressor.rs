//! The compressor: messages to the payload data of compressed messages
//! ([RFC 7692 §7.2.1]).
//!
//! [RFC 7692 §7.2.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1

use std::fmt;

use flate2::{Compress, Compression, FlushCompress};

use crate::TAIL;

/// The smallest window of the library. A window of 2 to the power of 8 is kept
/// all the same: zlib's references end 262 octets before its window does.
const LEAST_WINDOW_BITS: u8 = 9;

/// Room for output that is made at a time.
const AT_ONCE: usize = 16 << 10;

/// Compresses one message after the other, as one side of a connection does.
pub struct Compressor {
    compress: Compress,
    takes_over: bool,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("takes_over", &self.takes_over)
            .finish_non_exhaustive()
    }
}

impl Compressor {
    /// A compressor whose references reach 2 to the power of `window_bits`
    /// octets back, 8 to 15, into earlier messages only if it takes over.
    #[must_use]
    pub fn new(window_bits: u8, takes_over: bool) -> Self {
        let bits = window_bits.clamp(LEAST_WINDOW_BITS, crate::MAX_WINDOW_BITS);
        let level = Compression::default();
        Self {
            compress: Compress::new_with_window_bits(level, false, bits),
            takes_over,
        }
    }

    /// The payload data of a message, compressed: what is to be cut into
    /// frames.
    pub fn message(&mut self, octets: &[u8]) -> Vec<u8> {
        if !self.takes_over {
            self.compress.reset();
        }
        let mut out = Vec::with_capacity(octets.len() / 2 + 64);
        let mut taken = 0;
        loop {
            out.reserve(AT_ONCE);
            let before = (self.compress.total_in(), out.len());
            let compressed = self.compress.compress_vec(
                &octets[taken..],
                &mut out,
                FlushCompress::Sync,
            );
            // Raw data in memory leaves nothing to fail; if it did, the
            // message would be cut, and whoever inflates it would say so.
            if compressed.is_err() {
                break;
            }
            let read = self.compress.total_in() - before.0;
            taken += usize::try_from(read).unwrap_or_default();
            let has_room = out.len() < out.capacity();
            if taken == octets.len() && has_room
                || (read, out.len()) == (0, before.1)
            {
                break;
            }
        }
        // An empty message that follows another has nothing to flush.
        if out.is_empty() {
            out.push(0);
        }
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        out
    }
}
