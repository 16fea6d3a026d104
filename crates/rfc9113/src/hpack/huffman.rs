//! Huffman's code as RFC 7541 fixes it.
//!
//! The code is canonical: codes of one length follow each other in the order
//! of their symbols, and the first of a length follows the last of the length
//! before. So the lengths say all.

use super::Malformed;

/// The bits of each symbol's code ([RFC 7541 Appendix B]); the last is EOS.
///
/// [RFC 7541 Appendix B]: https://www.rfc-editor.org/rfc/rfc7541#appendix-B
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// One more than the longest code has bits.
const WIDTHS: usize = 31;

/// The code of symbols, made from their lengths.
struct Code {
    /// The symbols, shorter codes first.
    symbols: [u16; 257],
    /// Of each length the first code.
    first: [u32; WIDTHS],
    /// Of each length where its symbols begin.
    start: [u16; WIDTHS],
    /// Of each length how many codes there are.
    count: [u16; WIDTHS],
    /// The code of each symbol.
    codes: [u32; 257],
}

static CODE: Code = Code::new();

impl Code {
    const fn new() -> Self {
        let mut made = Self {
            symbols: [0; 257],
            first: [0; WIDTHS],
            start: [0; WIDTHS],
            count: [0; WIDTHS],
            codes: [0; 257],
        };
        let mut next = 0;
        let mut code = 0;
        let mut length = 1;
        while length < WIDTHS {
            code <<= 1;
            made.first[length] = code;
            made.start[length] = next;
            let mut symbol: u16 = 0;
            while symbol < 257 {
                if LENGTHS[symbol as usize] as usize == length {
                    made.symbols[next as usize] = symbol;
                    made.codes[symbol as usize] = code;
                    made.count[length] += 1;
                    next += 1;
                    code += 1;
                }
                symbol += 1;
            }
            length += 1;
        }
        made
    }
}

/// Appends the octets in Huffman's code, filled up with the beginning of EOS.
pub(super) fn encode(octets: &[u8], out: &mut Vec<u8>) {
    let mut bits: u64 = 0;
    let mut count = 0;
    for &octet in octets {
        let symbol = usize::from(octet);
        let length = LENGTHS[symbol];
        bits = bits << length | u64::from(CODE.codes[symbol]);
        count += length;
        while count >= 8 {
            count -= 8;
            out.push(low_octet(bits >> count));
        }
    }
    if count > 0 {
        let missing = 8 - count;
        out.push(low_octet(bits << missing) | 0xff >> count);
    }
}

fn low_octet(bits: u64) -> u8 {
    let [.., octet] = bits.to_be_bytes();
    octet
}

/// What the octets stand for; at most 8 for every 5 of them.
///
/// # Errors
///
/// EOS, and padding that is too long or not the beginning of EOS
/// ([RFC 7541 §5.2]).
///
/// [RFC 7541 §5.2]: https://www.rfc-editor.org/rfc/rfc7541#section-5.2
pub(super) fn decode(octets: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut decoded = Vec::new();
    let mut code: u32 = 0;
    let mut length = 0;
    for octet in octets {
        for bit in (0..8).rev() {
            code = code << 1 | u32::from(octet >> bit & 1);
            length += 1;
            let nth = code.wrapping_sub(CODE.first[length]);
            if nth < u32::from(CODE.count[length]) {
                let at = usize::from(CODE.start[length]) + nth as usize;
                let Ok(octet) = u8::try_from(CODE.symbols[at]) else {
                    return Err(Malformed::EndOfString);
                };
                decoded.push(octet);
                code = 0;
                length = 0;
            }
        }
    }
    if length > 7 {
        return Err(Malformed::PaddingTooLong);
    }
    if code != (1 << length) - 1 {
        return Err(Malformed::Padding);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Some of Appendix B's own rows, from each length's neighbourhood.
    #[test]
    fn the_codes_are_those_of_appendix_b() {
        for (symbol, code, length) in [
            (0, 0x1ff8, 13),
            (10, 0x3fff_fffc, 30),
            (b' '.into(), 0x14, 6),
            (b'0'.into(), 0x0, 5),
            (b'Z'.into(), 0xfd, 8),
            (b'\\'.into(), 0x7fff0, 19),
            (b't'.into(), 0x9, 5),
            (127, 0xfff_fffc, 28),
            (128, 0xfffe6, 20),
            (200, 0x3ff_ffe2, 26),
            (255, 0x3ff_ffee, 26),
            (256, 0x3fff_ffff, 30),
        ] {
            assert_eq!(CODE.codes[symbol], code, "{symbol}");
            assert_eq!(LENGTHS[symbol], length, "{symbol}");
        }
    }

    /// No sequence of bits is without a meaning, so that a code which is
    /// longer than the longest never comes up.
    #[test]
    fn the_code_is_complete() {
        let whole: u64 = LENGTHS.iter().map(|it| 1 << (30 - it)).sum();
        assert_eq!(whole, 1 << 30);
    }

    #[test]
    fn eos_and_wrong_padding_are_refused() {
        let eos = [0xff; 4];
        assert_eq!(decode(&eos), Err(Malformed::EndOfString));
        assert_eq!(decode(&[0xff]), Err(Malformed::PaddingTooLong));
        // 0 is 00000; what fills up the octet has to be ones.
        assert_eq!(decode(&[0b0000_0111]), Ok(b"0".to_vec()));
        assert_eq!(decode(&[0b0000_0110]), Err(Malformed::Padding));
        assert_eq!(decode(&[]), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            octets in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut encoded = Vec::new();
            encode(&octets, &mut encoded);
            prop_assert_eq!(decode(&encoded), Ok(octets));
        }

        #[test]
        fn nothing_is_too_odd(
            octets in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(decoded) = decode(&octets) {
                prop_assert!(decoded.len() * 5 <= octets.len() * 8);
                let mut encoded = Vec::new();
                encode(&decoded, &mut encoded);
                prop_assert_eq!(encoded, octets);
            }
        }
    }
}
