//! The decoder: a field section in, its fields out.

use bytes::Bytes;

use super::table::Table;
use super::{Field, Indexing, Name, Representation};
use crate::Setting;

/// Reads the field sections of one direction of a connection, in their order.
///
/// Holds the dynamic table, which is never larger than announced. What a
/// section may hold is limited: a single octet can stand for all that the table
/// has room for.
///
/// ```
/// use rfc9113::hpack::{Decoder, Field};
///
/// let mut decoder = Decoder::new(16_384);
/// let fields = decoder.decode(b"\x88");
/// assert_eq!(fields, Ok(vec![Field::new(":status", "200")]));
/// ```
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// What was announced as HEADER_TABLE_SIZE.
    allowed: u32,
    /// What the next section has to shrink the table to.
    due: Option<u32>,
    limit: usize,
    failed: Option<Malformed>,
}

/// One broken rule of RFC 7541.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// The section ends inside a representation (§5).
    #[error("the section ends too early")]
    Truncated,
    /// An integer in more octets or with a larger value than is taken (§5.1).
    #[error("an integer is too large")]
    IntegerTooLarge,
    /// The symbol that is only there for padding (§5.2).
    #[error("Huffman's code has EOS in it")]
    EndOfString,
    /// Padding of more than seven bits (§5.2).
    #[error("Huffman's code ends with more than seven bits of padding")]
    PaddingTooLong,
    /// Padding that is not the beginning of EOS (§5.2).
    #[error("Huffman's code ends with padding that is not all ones")]
    Padding,
    /// An index beyond the tables, or 0 (§2.3.3, §6.1).
    #[error("no field has the index {0}")]
    Index(u32),
    /// A table that is larger than was announced (§6.3).
    #[error("the table's size is {size}, over the limit of {limit}")]
    SizeTooLarge {
        /// What the encoder wants, in octets.
        size: u32,
        /// What was announced, in octets.
        limit: u32,
    },
    /// Another size of the table behind a field (§4.2).
    #[error("the table's size changes behind a field")]
    SizeTooLate,
    /// No smaller table although one was announced (§4.2).
    #[error("the table's size stays above {0}, which was announced")]
    SizeUnchanged(u32),
    /// More than the reader takes. Not the encoder's fault.
    #[error("the fields count for more than {limit} octets")]
    TooMuch {
        /// What the reader takes, in octets.
        limit: usize,
    },
}

impl Decoder {
    /// A decoder that takes sections whose fields count for up to `limit`
    /// octets, each with 32 more than it has, and whose table has the size
    /// that holds when nothing is announced, 4096.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let allowed = Setting::HEADER_TABLE_SIZE
            .initial()
            .unwrap_or_default();
        Self {
            table: Table::new(to_usize(allowed)),
            allowed,
            due: None,
            limit,
            failed: None,
        }
    }

    /// Another size of the table, once the peer has answered the SETTINGS that
    /// announced it. The encoder has to follow to a smaller one with its next
    /// section.
    pub fn set_table_size(&mut self, size: u32) {
        self.allowed = size;
        if to_usize(size) < self.table.limit() {
            self.due = Some(self.due.map_or(size, |due| due.min(size)));
        }
    }

    /// The fields of a whole section, in their order.
    ///
    /// # Errors
    ///
    /// The first broken rule, and the same for ever after: what the table holds
    /// is not known any more.
    pub fn decode(
        &mut self,
        section: impl AsRef<[u8]>,
    ) -> Result<Vec<Field>, Malformed> {
        if let Some(malformed) = self.failed {
            return Err(malformed);
        }
        let section = Bytes::copy_from_slice(section.as_ref());
        self.read(section)
            .inspect_err(|malformed| self.failed = Some(*malformed))
    }

    fn read(&mut self, mut section: Bytes) -> Result<Vec<Field>, Malformed> {
        let mut fields = Vec::new();
        let mut size = 0;
        let mut may_resize = true;
        while !section.is_empty() {
            let field = match Representation::decode(&mut section)? {
                Representation::SizeUpdate(_) if !may_resize => {
                    return Err(Malformed::SizeTooLate);
                }
                Representation::SizeUpdate(size) => {
                    self.resize(size)?;
                    continue;
                }
                Representation::Indexed(index) => {
                    self.check_due()?;
                    self.get(index)?
                }
                Representation::Literal {
                    indexing,
                    name,
                    value,
                } => {
                    self.check_due()?;
                    let name = match name {
                        Name::Indexed(index) => self.get(index)?.name,
                        Name::Literal(name) => name.octets,
                    };
                    let field = Field {
                        name,
                        value: value.octets,
                    };
                    if indexing == Indexing::Stored {
                        self.table.insert(&field);
                    }
                    field
                }
            };
            may_resize = false;
            size += field.size();
            if size > self.limit {
                return Err(Malformed::TooMuch { limit: self.limit });
            }
            fields.push(field);
        }
        Ok(fields)
    }

    fn get(&self, index: u32) -> Result<Field, Malformed> {
        self.table
            .get(index)
            .ok_or(Malformed::Index(index))
    }

    fn resize(&mut self, size: u32) -> Result<(), Malformed> {
        if size > self.allowed {
            return Err(Malformed::SizeTooLarge {
                size,
                limit: self.allowed,
            });
        }
        if self.due.is_some_and(|due| size <= due) {
            self.due = None;
        }
        self.check_due()?;
        self.table.set_limit(to_usize(size));
        Ok(())
    }

    fn check_due(&self) -> Result<(), Malformed> {
        match self.due {
            Some(due) => Err(Malformed::SizeUnchanged(due)),
            None => Ok(()),
        }
    }
}

fn to_usize(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
