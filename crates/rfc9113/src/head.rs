//! The head: what the fields of a request or of a response mean, and what
//! makes them malformed.

use bytes::Bytes;

use crate::Field;

/// The head of a request ([RFC 9113 §8.3.1], [RFC 8441 §4]).
///
/// [RFC 9113 §8.3.1]: https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
/// [RFC 8441 §4]: https://www.rfc-editor.org/rfc/rfc8441#section-4
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Such as `CONNECT`.
    pub method: Bytes,
    /// Such as `https`.
    pub scheme: Option<Bytes>,
    /// What HTTP/1 has in Host.
    pub authority: Option<Bytes>,
    /// Path and query.
    pub path: Option<Bytes>,
    /// What CONNECT is to connect to, such as `websocket`.
    pub protocol: Option<Bytes>,
    /// All other fields, in their order.
    pub fields: Vec<Field>,
}

/// The head of a response ([RFC 9113 §8.3.2]).
///
/// [RFC 9113 §8.3.2]: https://www.rfc-editor.org/rfc/rfc9113#section-8.3.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status; 101 does not exist in HTTP/2.
    pub status: u16,
    /// All other fields, in their order.
    pub fields: Vec<Field>,
}

/// What makes a head malformed (RFC 9113 §8.1.1). Its stream fails with
/// PROTOCOL_ERROR, and the connection goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHead {
    /// Upper case in a name (RFC 9113 §8.2.1).
    #[error("a name that is not in lower case: {0}")]
    UpperCase(Field),
    /// An empty name, or an octet that no name has (RFC 9113 §8.2.1).
    #[error("a name that is none: {0}")]
    Name(Field),
    /// CR, LF or NUL in a value (RFC 9113 §8.2.1).
    #[error("a value with CR, LF or NUL: {0}")]
    Value(Field),
    /// A blank at the beginning or the end of a value (RFC 9113 §8.2.1).
    #[error("a value with a blank around it: {0}")]
    Blank(Field),
    /// A field that speaks of an HTTP/1 connection (RFC 9113 §8.2.2).
    #[error("a field of the connection: {0}")]
    OfConnection(Field),
    /// A pseudo-field behind an ordinary one (RFC 9113 §8.3).
    #[error("a pseudo-field behind other fields: {0}")]
    Late(Field),
    /// A pseudo-field that there is not in this kind of head (RFC 9113 §8.3).
    #[error("an unknown pseudo-field: {0}")]
    Unknown(Field),
    /// The same pseudo-field again (RFC 9113 §8.3).
    #[error("a pseudo-field for the second time: {0}")]
    Twice(Field),
    /// A pseudo-field that has to be there (RFC 9113 §8.3.1, RFC 8441 §4).
    #[error("there is no {0}")]
    Missing(&'static str),
    /// CONNECT that names no protocol, and a scheme or a path (RFC 9113 §8.5).
    #[error("an ordinary CONNECT has {0}")]
    Connect(&'static str),
    /// A protocol, and another method than CONNECT (RFC 8441 §4).
    #[error("there is a :protocol, and the method is not CONNECT")]
    ProtocolWithoutConnect,
    /// A path that is empty, or does not begin with a slash (RFC 9113 §8.3.1).
    #[error("the path is {0:?}")]
    Path(Bytes),
    /// A status that is no number of three digits (RFC 9113 §8.3.2).
    #[error("the status is {0:?}")]
    Status(Bytes),
    /// 101, which HTTP/2 has not (RFC 9113 §8.6).
    #[error("the status is 101, which HTTP/2 does not have")]
    SwitchingProtocols,
}

/// Fields that are hop by hop in HTTP/1.
const OF_CONNECTION: [&[u8]; 5] = [
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
];

impl RequestHead {
    /// Reads the fields of a request's section.
    ///
    /// # Errors
    ///
    /// The first broken rule.
    pub fn read(
        fields: impl IntoIterator<Item = Field>,
    ) -> Result<Self, MalformedHead> {
        let names = [":method", ":scheme", ":authority", ":path", ":protocol"];
        let (pseudo, fields) = sort(names, fields)?;
        let [method, scheme, authority, path, protocol] = pseudo;
        let head = Self {
            method: method.ok_or(MalformedHead::Missing(":method"))?,
            scheme,
            authority,
            path,
            protocol,
            fields,
        };
        head.check()?;
        Ok(head)
    }

    /// Whether this is a CONNECT that names a protocol.
    #[must_use]
    pub fn is_extended_connect(&self) -> bool {
        self.method == "CONNECT" && self.protocol.is_some()
    }

    /// The values of a field, in their order.
    pub fn values<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Bytes> {
        values(&self.fields, name)
    }

    fn check(&self) -> Result<(), MalformedHead> {
        if self.method == "CONNECT" && self.protocol.is_none() {
            if self.scheme.is_some() {
                return Err(MalformedHead::Connect(":scheme"));
            }
            if self.path.is_some() {
                return Err(MalformedHead::Connect(":path"));
            }
            return match self.authority {
                Some(_) => Ok(()),
                None => Err(MalformedHead::Missing(":authority")),
            };
        }
        if self.method != "CONNECT" && self.protocol.is_some() {
            return Err(MalformedHead::ProtocolWithoutConnect);
        }
        if self.scheme.is_none() {
            return Err(MalformedHead::Missing(":scheme"));
        }
        let Some(path) = &self.path else {
            return Err(MalformedHead::Missing(":path"));
        };
        let is_asterisk = self.method == "OPTIONS" && path == "*";
        if !path.starts_with(b"/") && !is_asterisk {
            return Err(MalformedHead::Path(path.clone()));
        }
        Ok(())
    }
}

impl ResponseHead {
    /// Reads the fields of a response's section.
    ///
    /// # Errors
    ///
    /// The first broken rule.
    pub fn read(
        fields: impl IntoIterator<Item = Field>,
    ) -> Result<Self, MalformedHead> {
        let ([status], fields) = sort([":status"], fields)?;
        let status = status.ok_or(MalformedHead::Missing(":status"))?;
        let number = match *status {
            [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                let [a, b, c] = [a, b, c].map(|it| u16::from(it - b'0'));
                100 * a + 10 * b + c
            }
            _ => return Err(MalformedHead::Status(status)),
        };
        if number == 101 {
            return Err(MalformedHead::SwitchingProtocols);
        }
        Ok(Self {
            status: number,
            fields,
        })
    }

    /// The values of a field, in their order.
    pub fn values<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Bytes> {
        values(&self.fields, name)
    }

    /// Whether the response is one before the real one.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.status < 200
    }
}

fn values<'a>(
    fields: &'a [Field],
    name: &'a str,
) -> impl Iterator<Item = &'a Bytes> {
    let fields = fields.iter();
    fields
        .filter(move |field| field.name == name)
        .map(|field| &field.value)
}

/// The values of the pseudo-fields with these names, and all other fields.
fn sort<const N: usize>(
    names: [&str; N],
    fields: impl IntoIterator<Item = Field>,
) -> Result<([Option<Bytes>; N], Vec<Field>), MalformedHead> {
    let mut pseudo = [const { None }; N];
    let mut others = Vec::new();
    for field in fields {
        check_octets(&field)?;
        if !field.name.starts_with(b":") {
            check_connection(&field)?;
            others.push(field);
            continue;
        }
        if !others.is_empty() {
            return Err(MalformedHead::Late(field));
        }
        let at = names.iter().position(|name| field.name == name);
        let Some(at) = at else {
            return Err(MalformedHead::Unknown(field));
        };
        if pseudo[at].is_some() {
            return Err(MalformedHead::Twice(field));
        }
        pseudo[at] = Some(field.value);
    }
    Ok((pseudo, others))
}

fn check_octets(field: &Field) -> Result<(), MalformedHead> {
    let Field { name, value } = field;
    if name.iter().any(u8::is_ascii_uppercase) {
        return Err(MalformedHead::UpperCase(field.clone()));
    }
    let letters = name.strip_prefix(b":").unwrap_or(name);
    let is_name = |octet: &u8| octet.is_ascii_graphic() && *octet != b':';
    if letters.is_empty() || !letters.iter().all(is_name) {
        return Err(MalformedHead::Name(field.clone()));
    }
    if value.iter().any(|it| b"\r\n\0".contains(it)) {
        return Err(MalformedHead::Value(field.clone()));
    }
    let is_blank = |octet: Option<&u8>| matches!(octet, Some(b' ' | b'\t'));
    if is_blank(value.first()) || is_blank(value.last()) {
        return Err(MalformedHead::Blank(field.clone()));
    }
    Ok(())
}

fn check_connection(field: &Field) -> Result<(), MalformedHead> {
    let Field { name, value } = field;
    let is_te = name == "te" && !value.eq_ignore_ascii_case(b"trailers");
    if is_te || OF_CONNECTION.contains(&&name[..]) {
        return Err(MalformedHead::OfConnection(field.clone()));
    }
    Ok(())
}
