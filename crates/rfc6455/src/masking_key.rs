//! The masking key: how a client's payload data looks on the wire.

use std::fmt;

/// The four octets that a client's payload data is combined with
/// ([RFC 6455 §5.3]).
///
/// [RFC 6455 §5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.3
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaskingKey(pub [u8; 4]);

impl MaskingKey {
    /// Masks or unmasks a whole payload in place; the two are the same.
    pub fn apply(self, payload: &mut [u8]) {
        self.apply_from(0, payload);
    }

    /// Masks or unmasks the part of a payload that begins at `offset`.
    pub fn apply_from(self, offset: u64, part: &mut [u8]) {
        let mut key = self.0;
        key.rotate_left((offset % 4) as usize);
        // Eight octets a step: a 16 MiB payload costs milliseconds, not seconds,
        // in a build without optimisation.
        let [a, b, c, d] = key;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, rest) = part.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
        for (octet, key) in rest.iter_mut().zip(key.iter().cycle()) {
            *octet ^= key;
        }
    }
}

impl fmt::Debug for MaskingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskingKey({:08x})", u32::from_be_bytes(self.0))
    }
}
