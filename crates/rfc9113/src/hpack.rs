//! HPACK: the fields of a field section as octets ([RFC 7541]).
//!
//! [`encode`] writes each field as a literal of its own, without a table and
//! without Huffman's code, so that a case can say any octets: CR, LF and NUL,
//! upper case, pseudo-fields in any order and number. What an encoder may not
//! say is a [`Representation`], which can be written alone. [`Decoder`] reads
//! all that an encoder may say.
//!
//! It is our own because none of the published ones limits what the dynamic
//! table can blow up, and a judge reads what strangers send.
//!
//! [RFC 7541]: https://www.rfc-editor.org/rfc/rfc7541

mod decoder;
mod huffman;
mod representation;
mod table;

use std::fmt;

use bytes::Bytes;

pub use decoder::{Decoder, Malformed};
pub use representation::{Indexing, Name, Representation, Text};

/// A field, with any octets in its name and in its value.
///
/// Pseudo-fields are fields whose name begins with a colon.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Such as `:path` or `origin`; in HTTP/2 always in lower case.
    pub name: Bytes,
    /// What is behind the colon in HTTP/1.
    pub value: Bytes,
}

impl Field {
    /// A field, legal or not.
    #[must_use]
    pub fn new(name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }

    /// What the field counts for in a table and in a limit: its octets and
    /// 32 more ([RFC 7541 §4.1]).
    ///
    /// [RFC 7541 §4.1]: https://www.rfc-editor.org/rfc/rfc7541#section-4.1
    #[must_use]
    pub fn size(&self) -> usize {
        self.name.len() + self.value.len() + 32
    }
}

/// The octets of a field section, each field a literal that nobody stores.
///
/// ```
/// use rfc9113::hpack::{Field, encode};
///
/// let fields = [Field::new("a", "b\r\n")];
/// assert_eq!(encode(&fields), b"\0\x01a\x03b\r\n");
/// ```
#[must_use]
pub fn encode(fields: &[Field]) -> Vec<u8> {
    let mut octets = Vec::new();
    for field in fields {
        Representation::literal(field).encode(&mut octets);
    }
    octets
}

/// Such as `:status: 200`.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.escape_ascii();
        write!(f, "{name}: {}", self.value.escape_ascii())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
