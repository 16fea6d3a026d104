//! The representation: one instruction of an encoder.

use bytes::{Buf, Bytes};

use super::{Field, Malformed, huffman};

/// How an encoder says a field, or the size of the table ([RFC 7541 §6]).
///
/// Holds what has no meaning as well, such as the index 0.
///
/// [RFC 7541 §6]: https://www.rfc-editor.org/rfc/rfc7541#section-6
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Representation {
    /// A field of the tables.
    Indexed(u32),
    /// A field that is written out, or only its value.
    Literal {
        /// What becomes of it in the table.
        indexing: Indexing,
        /// Its name.
        name: Name,
        /// Its value.
        value: Text,
    },
    /// Another size of the dynamic table.
    SizeUpdate(u32),
}

/// What becomes of a literal field in the dynamic table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// It is stored.
    Stored,
    /// It is not.
    NotStored,
    /// It is not, and nobody who passes it on may store it.
    NeverStored,
}

/// The name of a literal field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// That of a field of the tables.
    Indexed(u32),
    /// A name that is written out.
    Literal(Text),
}

/// A string, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What it stands for.
    pub octets: Bytes,
    /// Whether it is written in Huffman's code.
    pub is_huffman: bool,
}

impl Representation {
    /// A field that is written out octet for octet and not stored.
    #[must_use]
    pub fn literal(field: &Field) -> Self {
        Self::Literal {
            indexing: Indexing::NotStored,
            name: Name::Literal(Text::plain(field.name.clone())),
            value: Text::plain(field.value.clone()),
        }
    }

    /// Appends the representation as it is sent.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Indexed(index) => encode_integer(0x80, 7, *index, out),
            Self::SizeUpdate(size) => encode_integer(0x20, 5, *size, out),
            Self::Literal {
                indexing,
                name,
                value,
            } => {
                let (pattern, bits) = match indexing {
                    Indexing::Stored => (0x40, 6),
                    Indexing::NotStored => (0x00, 4),
                    Indexing::NeverStored => (0x10, 4),
                };
                match name {
                    Name::Indexed(index) => {
                        encode_integer(pattern, bits, *index, out);
                    }
                    Name::Literal(name) => {
                        out.push(pattern);
                        name.encode(out);
                    }
                }
                value.encode(out);
            }
        }
    }

    /// Takes a representation from the front of `octets`.
    ///
    /// # Errors
    ///
    /// Octets that end inside it, an integer that is too large, or a string
    /// that is not in Huffman's code.
    pub fn decode(octets: &mut Bytes) -> Result<Self, Malformed> {
        let first = *octets.first().ok_or(Malformed::Truncated)?;
        let (indexing, bits) = match first {
            0x80.. => return Ok(Self::Indexed(decode_integer(7, octets)?)),
            0x40..=0x7f => (Indexing::Stored, 6),
            0x20..=0x3f => {
                return Ok(Self::SizeUpdate(decode_integer(5, octets)?));
            }
            0x10..=0x1f => (Indexing::NeverStored, 4),
            0x00..=0x0f => (Indexing::NotStored, 4),
        };
        let name = match decode_integer(bits, octets)? {
            0 => Name::Literal(Text::decode(octets)?),
            index => Name::Indexed(index),
        };
        Ok(Self::Literal {
            indexing,
            name,
            value: Text::decode(octets)?,
        })
    }
}

impl Text {
    /// A string that is written as it is.
    #[must_use]
    pub fn plain(octets: impl Into<Bytes>) -> Self {
        Self {
            octets: octets.into(),
            is_huffman: false,
        }
    }

    /// A string that is written in Huffman's code.
    #[must_use]
    pub fn huffman(octets: impl Into<Bytes>) -> Self {
        Self {
            octets: octets.into(),
            is_huffman: true,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut coded = Vec::new();
        let (pattern, octets) = if self.is_huffman {
            huffman::encode(&self.octets, &mut coded);
            (0x80, &coded[..])
        } else {
            (0x00, &self.octets[..])
        };
        let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        encode_integer(pattern, 7, length, out);
        out.extend_from_slice(octets);
    }

    fn decode(octets: &mut Bytes) -> Result<Self, Malformed> {
        let first = *octets.first().ok_or(Malformed::Truncated)?;
        let length = decode_integer(7, octets)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > octets.len() {
            return Err(Malformed::Truncated);
        }
        let text = octets.split_to(length);
        if first & 0x80 == 0 {
            return Ok(Self::plain(text));
        }
        Ok(Self::huffman(huffman::decode(&text)?))
    }
}

/// Appends an integer whose first octet has room for so many of its bits
/// ([RFC 7541 §5.1]).
///
/// [RFC 7541 §5.1]: https://www.rfc-editor.org/rfc/rfc7541#section-5.1
fn encode_integer(pattern: u8, bits: u8, value: u32, out: &mut Vec<u8>) {
    let most = (1 << bits) - 1;
    match u8::try_from(value) {
        Ok(value) if value < most => return out.push(pattern | value),
        _ => out.push(pattern | most),
    }
    let mut rest = value - u32::from(most);
    loop {
        let [.., low] = rest.to_be_bytes();
        rest >>= 7;
        if rest == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

/// Takes an integer; one that 32 bits can't hold, or that is written in more
/// octets than those need, is too large.
fn decode_integer(bits: u8, octets: &mut Bytes) -> Result<u32, Malformed> {
    let mut next = || {
        octets
            .try_get_u8()
            .map_err(|_| Malformed::Truncated)
    };
    let most = (1 << bits) - 1;
    let prefix = next()? & most;
    let mut value = u64::from(prefix);
    if prefix == most {
        for shift in (0..).step_by(7) {
            if shift > 28 {
                return Err(Malformed::IntegerTooLarge);
            }
            let octet = next()?;
            value += u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                break;
            }
        }
    }
    u32::try_from(value).map_err(|_| Malformed::IntegerTooLarge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7541 Appendix C.1.
    #[test]
    fn the_examples_of_integers() {
        for (bits, value, octets) in [
            (5, 10, &[0b01010][..]),
            (5, 1337, &[0b11111, 0b1001_1010, 0b0000_1010]),
            (8, 42, &[0b0010_1010]),
        ] {
            let mut out = Vec::new();
            // Eight bits leave no room for a pattern, and occur nowhere else.
            if bits < 8 {
                encode_integer(0, bits, value, &mut out);
                assert_eq!(out, octets);
                let mut octets = Bytes::from_static(octets);
                assert_eq!(decode_integer(bits, &mut octets), Ok(value));
            }
        }
    }

    #[test]
    fn an_integer_ends_and_is_not_too_large() {
        let decode = |octets: &'static [u8]| {
            decode_integer(7, &mut Bytes::from_static(octets))
        };
        assert_eq!(decode(b"\xff"), Err(Malformed::Truncated));
        assert_eq!(decode(b"\xff\x80"), Err(Malformed::Truncated));
        assert_eq!(decode(b"\xff\x80\x00"), Ok(127));
        assert_eq!(
            decode(b"\xff\x80\x80\x80\x80\x80\x00"),
            Err(Malformed::IntegerTooLarge)
        );
        assert_eq!(
            decode(b"\xff\xff\xff\xff\xff\x7f"),
            Err(Malformed::IntegerTooLarge)
        );
        assert_eq!(decode(b"\xff\x80\xff\xff\xff\x0f"), Ok(u32::MAX));
    }

    fn text() -> impl Strategy<Value = Text> {
        let octets = prop::collection::vec(any::<u8>(), 0..200);
        (octets, any::<bool>()).prop_map(|(octets, is_huffman)| Text {
            octets: octets.into(),
            is_huffman,
        })
    }

    fn representation() -> impl Strategy<Value = Representation> {
        let indexing = prop_oneof![
            Just(Indexing::Stored),
            Just(Indexing::NotStored),
            Just(Indexing::NeverStored),
        ];
        let name = prop_oneof![
            (1u32..).prop_map(Name::Indexed),
            text().prop_map(Name::Literal),
        ];
        prop_oneof![
            any::<u32>().prop_map(Representation::Indexed),
            any::<u32>().prop_map(Representation::SizeUpdate),
            (indexing, name, text()).prop_map(|(indexing, name, value)| {
                Representation::Literal {
                    indexing,
                    name,
                    value,
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(said in representation()) {
            let mut octets = Vec::new();
            said.encode(&mut octets);
            let mut octets = Bytes::from(octets);
            prop_assert_eq!(Representation::decode(&mut octets), Ok(said));
            prop_assert!(octets.is_empty());
        }
    }
}
