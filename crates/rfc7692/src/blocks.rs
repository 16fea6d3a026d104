//! DEFLATE data block by block ([RFC 1951 §3.2.3]), right or wrong.
//!
//! A compressor chooses its blocks itself, and never writes a wrong one.
//!
//! [RFC 1951 §3.2.3]: https://www.rfc-editor.org/rfc/rfc1951#section-3.2.3

/// Writes blocks into the payload data of a compressed message.
///
/// ```
/// use rfc7692::{Blocks, Inflater};
///
/// let payload = Blocks::new().stored(b"Hel").fixed(b"lo").message();
/// let mut inflater = Inflater::new(15, true);
/// assert_eq!(inflater.message(&payload, 100), Ok(b"Hello".to_vec()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    octets: Vec<u8>,
    /// How many bits of the last octet are used; 0 if it is full.
    used: u8,
    /// Whether the next block has BFINAL.
    is_final: bool,
}

impl Blocks {
    /// No block yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next block has BFINAL, and what follows it begins at a whole octet.
    #[must_use]
    pub fn last(mut self) -> Self {
        self.is_final = true;
        self
    }

    /// A stored block; more than 65,535 octets do not fit into one, and the
    /// rest is left out.
    #[must_use]
    pub fn stored(mut self, octets: &[u8]) -> Self {
        let octets = &octets[..octets.len().min(65_535)];
        let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
        self.begin(0);
        self.align();
        self.octets
            .extend_from_slice(&length.to_le_bytes());
        self.octets
            .extend_from_slice(&(!length).to_le_bytes());
        self.octets.extend_from_slice(octets);
        self.end()
    }

    /// A stored block whose two lengths do not fit.
    #[must_use]
    pub fn stored_with_wrong_length(mut self) -> Self {
        self.begin(0);
        self.align();
        self.octets.extend_from_slice(&[1, 0, 1, 0, b'a']);
        self
    }

    /// A block with the fixed code, of literals.
    #[must_use]
    pub fn fixed(self, literals: &[u8]) -> Self {
        self.fixed_with_reference(literals, None)
    }

    /// A block with the fixed code: literals, and behind them a reference of
    /// three octets that reaches so many octets back, 1 to 32,768.
    #[must_use]
    pub fn reference(self, literals: &[u8], distance: u16) -> Self {
        self.fixed_with_reference(literals, Some(distance))
    }

    fn fixed_with_reference(
        mut self,
        literals: &[u8],
        distance: Option<u16>,
    ) -> Self {
        self.begin(1);
        for literal in literals {
            match u16::from(*literal) {
                literal @ 0..144 => self.code(0x30 + literal, 8),
                literal => self.code(0x190 + literal - 144, 9),
            }
        }
        if let Some(distance) = distance {
            // Length 3 is symbol 257, the second of those with seven bits.
            self.code(1, 7);
            let (symbol, extra, value) = distance_code(distance);
            self.code(symbol, 5);
            self.bits(value, extra);
        }
        self.code(0, 7);
        self.end()
    }

    /// A block with a code of its own, of literals: eight bits for each octet
    /// but 255, which has nine as the end has.
    #[must_use]
    pub fn dynamic(mut self, literals: &[u8]) -> Self {
        self.begin(2);
        // 257 literals, 1 distance, lengths for the code lengths up to 1.
        self.bits(0, 5);
        self.bits(0, 5);
        self.bits(14, 4);
        // In the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1: one bit
        // for 8, two for 9 and for 1.
        for length in [0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2] {
            self.bits(length, 3);
        }
        for _ in 0..255 {
            self.code(0b0, 1);
        }
        self.code(0b11, 2);
        self.code(0b11, 2);
        self.code(0b10, 2);
        for literal in literals {
            match literal {
                255 => self.code(0b1_1111_1110, 9),
                literal => self.code(u16::from(*literal), 8),
            }
        }
        self.code(0b1_1111_1111, 9);
        self.end()
    }

    /// A dynamic block whose code lengths say more codes than there can be.
    #[must_use]
    pub fn dynamic_without_a_code(mut self) -> Self {
        self.begin(2);
        self.bits(0, 5);
        self.bits(0, 5);
        self.bits(0, 4);
        for _ in 0..4 {
            self.bits(1, 3);
        }
        self
    }

    /// A block of type 3, which does not exist.
    #[must_use]
    pub fn of_no_type(mut self) -> Self {
        self.begin(3);
        self
    }

    /// The beginning of a block with the fixed code, without its end.
    #[must_use]
    pub fn unfinished(mut self, literals: &[u8]) -> Self {
        self.begin(1);
        for literal in literals {
            self.code(0x30 + u16::from(*literal % 144), 8);
        }
        self
    }

    /// The data as it stands, the last octet filled with zero bits.
    #[must_use]
    pub fn octets(self) -> Vec<u8> {
        self.octets
    }

    /// The payload data of a message: an empty stored block behind the
    /// others, without its length, which is cut from every message
    /// ([RFC 7692 §7.2.1](https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1)).
    #[must_use]
    pub fn message(mut self) -> Vec<u8> {
        self.is_final = false;
        self.begin(0);
        self.octets
    }

    fn begin(&mut self, block_type: u16) {
        let is_final = u16::from(self.is_final);
        self.bits(is_final | block_type << 1, 3);
    }

    fn end(mut self) -> Self {
        if std::mem::take(&mut self.is_final) {
            self.align();
        }
        self
    }

    fn align(&mut self) {
        self.used = 0;
    }

    /// Bits of a number, the lowest first.
    fn bits(&mut self, value: u16, count: u8) {
        for place in 0..count {
            let bit = u8::from(value >> place & 1 == 1);
            if self.used == 0 {
                self.octets.push(0);
            }
            if let Some(last) = self.octets.last_mut() {
                *last |= bit << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// A Huffman code, the highest bit first.
    fn code(&mut self, value: u16, count: u8) {
        let reversed = value.reverse_bits() >> (16 - u16::from(count));
        self.bits(reversed, count);
    }
}

/// Symbol, number of extra bits and their value, for a distance of at least 1.
fn distance_code(distance: u16) -> (u16, u8, u16) {
    let distance = distance.max(1) - 1;
    if distance < 4 {
        return (distance, 0, 0);
    }
    let high = 15 - distance.leading_zeros();
    let extra = u8::try_from(high - 1).unwrap_or_default();
    let second = distance >> extra & 1;
    let symbol = 2 * u16::try_from(high).unwrap_or_default() + second;
    (symbol, extra, distance & ((1 << extra) - 1))
}
