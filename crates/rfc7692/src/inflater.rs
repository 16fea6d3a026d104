//! The inflater: compressed messages back to messages, exactly
//! ([RFC 7692 §7.2.2], [RFC 1951]).
//!
//! A library's inflater is made to read whatever it can. This one has to tell
//! what a peer has done: whether a reference reaches over the agreed window,
//! whether the data ends where a message may end, and how long a message
//! becomes before anybody has room for it.
//!
//! [RFC 7692 §7.2.2]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.2
//! [RFC 1951]: https://www.rfc-editor.org/rfc/rfc1951

use crate::TAIL;

/// Inflates one message after the other, as one side of a connection does.
#[derive(Clone, Debug)]
pub struct Inflater {
    window: usize,
    takes_over: bool,
    /// The end of what earlier messages said, no more than the window.
    history: Vec<u8>,
}

/// Why compressed data is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInflated {
    /// Block type 3 does not exist.
    #[error("a block has type 3, which does not exist")]
    BlockType,
    /// The length of a stored block and its complement do not fit.
    #[error("the two lengths of a stored block do not fit")]
    StoredLength,
    /// The code lengths of a dynamic block make no code.
    #[error("the code lengths of a block make no code")]
    CodeLengths,
    /// Bits that are no symbol of the block's code.
    #[error("bits that are no symbol")]
    Symbol,
    /// A reference to what is not there, or no longer.
    #[error("a reference {distance} octets back, where {available} are there")]
    Distance {
        /// How far back it reaches, in octets.
        distance: usize,
        /// How far back it may reach, in octets.
        available: usize,
    },
    /// The data ends inside of a block.
    #[error("the data ends inside of a block")]
    Unfinished,
    /// The message is longer than the reader takes.
    #[error("the message is longer than {0} octets")]
    TooLong(usize),
}

impl Inflater {
    /// An inflater for a peer whose references reach 2 to the power of
    /// `window_bits` octets back, into earlier messages only if it takes over.
    #[must_use]
    pub fn new(window_bits: u8, takes_over: bool) -> Self {
        Self {
            window: 1 << window_bits.min(crate::MAX_WINDOW_BITS),
            takes_over,
            history: Vec::new(),
        }
    }

    /// The message of this compressed payload data, of at most `limit` octets.
    ///
    /// Time and memory are bounded by the data and the limit.
    ///
    /// # Errors
    ///
    /// What makes it no message; those that follow have no meaning any more.
    pub fn message(
        &mut self,
        compressed: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, NotInflated> {
        let start = self.history.len();
        let mut output = Output {
            octets: std::mem::take(&mut self.history),
            window: self.window,
            limit: limit.saturating_add(start),
            start,
        };
        let whole = [compressed, &TAIL].concat();
        let mut bits = Bits::new(&whole);
        loop {
            let block = block(&mut bits, &mut output)?;
            if block.is_final {
                bits.align();
            }
            if bits.is_at_end() {
                let tail = block.stored_at == Some(compressed.len());
                return match tail && block.is_empty {
                    true => Ok(self.keep(output.octets, start)),
                    false => Err(NotInflated::Unfinished),
                };
            }
        }
    }

    /// Cuts the message off, and keeps what later ones may refer to.
    fn keep(&mut self, mut octets: Vec<u8>, start: usize) -> Vec<u8> {
        let message = octets[start..].to_vec();
        if self.takes_over {
            let old = octets.len().saturating_sub(self.window);
            octets.drain(..old);
            self.history = octets;
        }
        message
    }
}

/// What a block was.
struct Block {
    is_final: bool,
    /// Of a stored block: at which octet its length stands.
    stored_at: Option<usize>,
    is_empty: bool,
}

fn block(
    bits: &mut Bits<'_>,
    output: &mut Output,
) -> Result<Block, NotInflated> {
    let is_final = bits.take(1)? == 1;
    let before = output.octets.len();
    let mut stored_at = None;
    match bits.take(2)? {
        0 => {
            bits.align();
            stored_at = Some(bits.octet());
            let length = bits.take(16)?;
            if length != !bits.take(16)? & 0xffff {
                return Err(NotInflated::StoredLength);
            }
            bits.copy(length as usize, output)?;
        }
        1 => {
            let (literals, distances) = fixed();
            compressed(bits, output, &literals, &distances)?;
        }
        2 => {
            let (literals, distances) = dynamic(bits)?;
            compressed(bits, output, &literals, &distances)?;
        }
        _ => return Err(NotInflated::BlockType),
    }
    Ok(Block {
        is_final,
        stored_at,
        is_empty: output.octets.len() == before,
    })
}

/// The end of a block.
const END_OF_BLOCK: u16 = 256;

/// Lengths of matches, and how many extra bits each has (RFC 1951 §3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// The order in which the lengths of the code for code lengths stand
/// (RFC 1951 §3.2.7).
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

fn compressed(
    bits: &mut Bits<'_>,
    output: &mut Output,
    literals: &Code,
    distances: &Code,
) -> Result<(), NotInflated> {
    loop {
        let symbol = bits.symbol(literals)?;
        if symbol < END_OF_BLOCK {
            output.literal(symbol.to_le_bytes()[0])?;
            continue;
        }
        if symbol == END_OF_BLOCK {
            return Ok(());
        }
        let length = usize::from(symbol - END_OF_BLOCK - 1);
        let Some((base, extra)) = LENGTHS.get(length) else {
            return Err(NotInflated::Symbol);
        };
        let length = usize::from(*base) + bits.take(*extra)? as usize;
        let (base, extra) = match bits.symbol(distances)? {
            symbol @ 0..4 => (usize::from(symbol) + 1, 0),
            symbol @ 4..30 => {
                let extra = symbol.to_le_bytes()[0] / 2 - 1;
                (((2 + usize::from(symbol % 2)) << extra) + 1, extra)
            }
            _ => return Err(NotInflated::Symbol),
        };
        let distance = base + bits.take(extra)? as usize;
        output.repeat(length, distance)?;
    }
}

fn fixed() -> (Code, Code) {
    let mut lengths = [8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    (Code::complete(&lengths), Code::complete(&[5; 32]))
}

fn dynamic(bits: &mut Bits<'_>) -> Result<(Code, Code), NotInflated> {
    let literals = bits.take(5)? as usize + 257;
    let distances = bits.take(5)? as usize + 1;
    let count = bits.take(4)? as usize + 4;
    if literals > 286 || distances > 30 {
        return Err(NotInflated::CodeLengths);
    }
    let mut lengths = [0; 19];
    for place in &ORDER[..count] {
        lengths[*place] = octet(bits.take(3)?);
    }
    let code = Code::new(&lengths, false)?;
    let mut lengths = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        let (value, times) = match bits.symbol(&code)? {
            16 => {
                let last = lengths.last().copied();
                let last = last.ok_or(NotInflated::CodeLengths)?;
                (last, 3 + bits.take(2)?)
            }
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length.to_le_bytes()[0], 1),
        };
        let length = lengths.len() + times as usize;
        if length > literals + distances {
            return Err(NotInflated::CodeLengths);
        }
        lengths.resize(length, value);
    }
    // A block that has no end has no meaning.
    if lengths[usize::from(END_OF_BLOCK)] == 0 {
        return Err(NotInflated::CodeLengths);
    }
    let (literals, distances) = lengths.split_at(literals);
    Ok((Code::new(literals, true)?, Code::new(distances, true)?))
}

/// Up to eight bits as an octet.
fn octet(bits: u32) -> u8 {
    bits.to_le_bytes()[0]
}

/// The longest code of DEFLATE, in bits.
const LONGEST: usize = 15;

/// Codes of up to this many bits are looked up at once.
const QUICK: u8 = 10;

/// A canonical Huffman code (RFC 1951 §3.2.2).
struct Code {
    /// How many symbols have a code of so many bits.
    counts: [u16; LONGEST + 1],
    /// The symbols in the order of their codes.
    symbols: Vec<u16>,
    /// By the next bits: the symbol and the length of its code, or 0 where
    /// that is longer.
    quick: Vec<(u16, u8)>,
}

impl Code {
    /// A code by the lengths of its symbols; one that uses a single code of
    /// one bit may be incomplete where that is allowed.
    fn new(lengths: &[u8], may_be_single: bool) -> Result<Self, NotInflated> {
        let code = Self::complete(lengths);
        let mut left: i32 = 1;
        for count in &code.counts[1..] {
            left = 2 * left - i32::from(*count);
            if left < 0 {
                return Err(NotInflated::CodeLengths);
            }
        }
        let used = code.symbols.len();
        let is_single = used == 0 || used == 1 && code.counts[1] == 1;
        match left == 0 || may_be_single && is_single {
            true => Ok(code),
            false => Err(NotInflated::CodeLengths),
        }
    }

    /// A code whose lengths are known to make one, or are still to be judged.
    fn complete(lengths: &[u8]) -> Self {
        let mut counts = [0; LONGEST + 1];
        for length in lengths {
            counts[usize::from(*length)] += 1;
        }
        counts[0] = 0;
        let mut offsets = [0; LONGEST + 2];
        for length in 1..=LONGEST {
            offsets[length + 1] = offsets[length] + usize::from(counts[length]);
        }
        let mut symbols = vec![0; offsets[LONGEST + 1]];
        for (symbol, length) in (0..).zip(lengths) {
            if *length > 0 {
                let offset = &mut offsets[usize::from(*length)];
                symbols[*offset] = symbol;
                *offset += 1;
            }
        }
        let mut code = Self {
            counts,
            symbols,
            quick: vec![(0, 0); 1 << QUICK],
        };
        code.fill_quick();
        code
    }

    fn fill_quick(&mut self) {
        let mut next = 0_usize;
        let mut symbols = self.symbols.iter();
        for length in 1..=QUICK {
            for _ in 0..self.counts[usize::from(length)] {
                let Some(symbol) = symbols.next() else { return };
                // Codes stand with their first bit in the lowest place.
                let reversed =
                    next.reverse_bits() >> (usize::BITS - u32::from(length));
                let mut at = reversed;
                while let Some(entry) = self.quick.get_mut(at) {
                    *entry = (*symbol, length);
                    at += 1 << length;
                }
                next += 1;
            }
            next <<= 1;
        }
    }
}

/// Reads bits, the lowest of each octet first.
struct Bits<'a> {
    octets: &'a [u8],
    /// The octet that is next.
    next: usize,
    buffer: u64,
    /// How many bits the buffer holds.
    held: u8,
}

impl<'a> Bits<'a> {
    fn new(octets: &'a [u8]) -> Self {
        Self {
            octets,
            next: 0,
            buffer: 0,
            held: 0,
        }
    }

    fn fill(&mut self) {
        while self.held <= 56 {
            let Some(octet) = self.octets.get(self.next) else {
                return;
            };
            self.buffer |= u64::from(*octet) << self.held;
            self.held += 8;
            self.next += 1;
        }
    }

    /// The next bits, at most 16.
    fn take(&mut self, count: u8) -> Result<u32, NotInflated> {
        self.fill();
        if count > self.held {
            return Err(NotInflated::Unfinished);
        }
        let bits = self.buffer & ((1 << count) - 1);
        self.skip(count);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "there are at most 16 bits"
        )]
        Ok(bits as u32)
    }

    fn skip(&mut self, count: u8) {
        self.buffer >>= count;
        self.held -= count;
    }

    fn symbol(&mut self, code: &Code) -> Result<u16, NotInflated> {
        self.fill();
        let at = self.buffer & ((1 << QUICK) - 1);
        let at = usize::try_from(at).unwrap_or_default();
        let (symbol, length) = code.quick[at];
        if length > 0 && length <= self.held {
            self.skip(length);
            return Ok(symbol);
        }
        self.long_symbol(code)
    }

    /// Bit by bit: the first code of each length follows from the counts.
    fn long_symbol(&mut self, code: &Code) -> Result<u16, NotInflated> {
        let (mut value, mut first, mut index) = (0, 0, 0);
        for count in &code.counts[1..] {
            let count = i32::from(*count);
            value |= i32::from(octet(self.take(1)?));
            if value - count < first {
                let at = usize::try_from(index + value - first);
                let symbol = at.ok().and_then(|at| code.symbols.get(at));
                return symbol.copied().ok_or(NotInflated::Symbol);
            }
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        Err(NotInflated::Symbol)
    }

    /// Skips to the next whole octet.
    fn align(&mut self) {
        self.skip(self.held % 8);
    }

    /// Which octet comes next, at a whole one.
    fn octet(&self) -> usize {
        self.next - usize::from(self.held / 8)
    }

    fn is_at_end(&self) -> bool {
        self.held == 0 && self.next == self.octets.len()
    }

    /// Copies whole octets.
    fn copy(
        &mut self,
        length: usize,
        output: &mut Output,
    ) -> Result<(), NotInflated> {
        let from = self.octet();
        let octets = self.octets.get(from..from + length);
        let octets = octets.ok_or(NotInflated::Unfinished)?;
        output.literals(octets)?;
        self.next = from + length;
        self.buffer = 0;
        self.held = 0;
        Ok(())
    }
}

/// The message so far, behind what it may refer to.
struct Output {
    octets: Vec<u8>,
    window: usize,
    limit: usize,
    /// Where the message begins.
    start: usize,
}

impl Output {
    fn has_room(&self, count: usize) -> Result<(), NotInflated> {
        match self.octets.len() + count <= self.limit {
            true => Ok(()),
            false => Err(NotInflated::TooLong(self.limit - self.start)),
        }
    }

    fn literal(&mut self, octet: u8) -> Result<(), NotInflated> {
        self.has_room(1)?;
        self.octets.push(octet);
        Ok(())
    }

    fn literals(&mut self, octets: &[u8]) -> Result<(), NotInflated> {
        self.has_room(octets.len())?;
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    fn repeat(
        &mut self,
        length: usize,
        distance: usize,
    ) -> Result<(), NotInflated> {
        let available = self.octets.len().min(self.window);
        if distance > available {
            return Err(NotInflated::Distance {
                distance,
                available,
            });
        }
        self.has_room(length)?;
        let from = self.octets.len() - distance;
        if distance >= length {
            self.octets
                .extend_from_within(from..from + length);
        } else {
            // What is repeated may only just have been written.
            for at in from..from + length {
                self.octets.push(self.octets[at]);
            }
        }
        Ok(())
    }
}
