//! The tables that an index speaks of.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Field;

/// The fields that everybody has ([RFC 7541 Appendix A]); the first is 1.
///
/// [RFC 7541 Appendix A]: https://www.rfc-editor.org/rfc/rfc7541#appendix-A
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The fields that an encoder has had stored, the newest first.
///
/// Their octets are copies: a slice would keep the whole section that they
/// came in.
#[derive(Debug, Default)]
pub(super) struct Table {
    fields: VecDeque<Field>,
    size: usize,
    limit: usize,
}

impl Table {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.shrink_to(limit);
    }

    /// The field with this index, in one table behind the other.
    pub(super) fn get(&self, index: u32) -> Option<Field> {
        let at = usize::try_from(index).ok()?.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(at) {
            let [name, value] =
                [name, value].map(|it| Bytes::from_static(it.as_bytes()));
            return Some(Field { name, value });
        }
        self.fields.get(at - STATIC.len()).cloned()
    }

    /// Stores a field; one that is larger than the table empties it.
    pub(super) fn insert(&mut self, field: &Field) {
        let size = field.size();
        self.shrink_to(self.limit.saturating_sub(size));
        if size <= self.limit {
            self.size += size;
            self.fields.push_front(Field {
                name: Bytes::copy_from_slice(&field.name),
                value: Bytes::copy_from_slice(&field.value),
            });
        }
    }

    fn shrink_to(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.fields.pop_back() else {
                return;
            };
            self.size -= oldest.size();
        }
    }
}
