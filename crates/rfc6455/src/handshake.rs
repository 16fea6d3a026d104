//! The opening handshake: an HTTP/1.1 request and its answer ([RFC 6455 §4]).
//!
//! [`RequestHead`] and [`ResponseHead`] read what came, [`check_request`] is
//! the server's list of rules and [`check_response`] the client's, each with
//! one error variant per broken rule.
//!
//! [RFC 6455 §4]: https://www.rfc-editor.org/rfc/rfc6455#section-4

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The text that is hashed with the key, so that no server answers by
/// accident ([RFC 6455 §1.3](https://www.rfc-editor.org/rfc/rfc6455#section-1.3)).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for a value of `Sec-WebSocket-Key`.
///
/// ```
/// let accept = rfc6455::handshake::accept(b"dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    STANDARD.encode(hash.finalize())
}

/// The value of `Sec-WebSocket-Key` for 16 octets.
#[must_use]
pub fn key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// The fields of a head, in their order, with repeated names kept apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// One more field, behind the others.
    pub fn push(&mut self, name: String, value: Vec<u8>) {
        self.0.push((name, value));
    }

    /// Every value of the fields with this name, compared without case.
    pub fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s [u8]> {
        self.0
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The value if there is exactly one field with this name.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.all(name);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Whether there is a field with this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The elements of a comma-separated field, over all its lines, without
    /// the blanks around them and without empty ones (RFC 9110 §5.6.1).
    pub fn list<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s [u8]> {
        self.all(name)
            .flat_map(|value| value.split(|octet| *octet == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }

    /// Whether an element of the list equals this token, without case.
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.list(name)
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

/// A request up to and including the empty line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, in its own case.
    pub method: String,
    /// The target as it was sent.
    pub target: String,
    /// The version as it was sent, such as `HTTP/1.1`.
    pub version: String,
    /// The fields.
    pub fields: Fields,
}

/// A response up to and including the empty line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The version as it was sent, such as `HTTP/1.1`.
    pub version: String,
    /// The three digits.
    pub status: u16,
    /// The text behind them, which has no meaning.
    pub reason: String,
    /// The fields.
    pub fields: Fields,
}

/// Why octets are not the head of an HTTP/1 message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHead {
    /// The first line has not the parts of a start line.
    #[error("the first line is no HTTP start line: {0:?}")]
    StartLine(String),
    /// A field line has no colon, or no proper name before it.
    #[error("a line is no header field: {0:?}")]
    FieldLine(String),
    /// A field line begins with a blank (obsolete folding).
    #[error("a header line is folded: {0:?}")]
    Folded(String),
    /// A value holds a control octet.
    #[error("a header field holds a control octet: {0:?}")]
    ControlOctet(String),
}

impl RequestHead {
    /// Reads a request head from the front of `octets` and tells how many
    /// octets it took; `None` while it is not complete.
    ///
    /// # Errors
    ///
    /// What makes the octets no HTTP/1 request head.
    pub fn decode(
        octets: &[u8],
    ) -> Result<Option<(Self, usize)>, MalformedHead> {
        let Some((line, fields, length)) = head(octets)? else {
            return Ok(None);
        };
        let malformed = || MalformedHead::StartLine(printable(line));
        let line = std::str::from_utf8(line).map_err(|_| malformed())?;
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        if !is_token(method.as_bytes())
            || target.is_empty()
            || target
                .bytes()
                .any(|octet| octet.is_ascii_control())
            || !is_version(version)
        {
            return Err(malformed());
        }
        let head = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version: version.to_owned(),
            fields,
        };
        Ok(Some((head, length)))
    }
}

impl ResponseHead {
    /// Reads a response head from the front of `octets` and tells how many
    /// octets it took; `None` while it is not complete.
    ///
    /// # Errors
    ///
    /// What makes the octets no HTTP/1 response head. The first line is
    /// judged as soon as it is there, so that a peer that talks another
    /// protocol is not waited for.
    pub fn decode(
        octets: &[u8],
    ) -> Result<Option<(Self, usize)>, MalformedHead> {
        let start = octets.iter().position(|octet| *octet == b'\n');
        let first = &octets[..start.unwrap_or(octets.len().min(9))];
        let expected = b"HTTP/";
        let seen = first.len().min(expected.len());
        if first[..seen] != expected[..seen]
            || (start.is_some() && seen < expected.len())
        {
            return Err(MalformedHead::StartLine(printable(
                &octets[..octets.len().min(80)],
            )));
        }
        let Some((line, fields, length)) = head(octets)? else {
            return Ok(None);
        };
        let malformed = || MalformedHead::StartLine(printable(line));
        let text = String::from_utf8_lossy(line);
        let mut parts = text.splitn(3, ' ');
        let (Some(version), Some(status)) = (parts.next(), parts.next()) else {
            return Err(malformed());
        };
        let is_status = status.len() == 3
            && status.bytes().all(|digit| digit.is_ascii_digit());
        if !is_version(version) || !is_status {
            return Err(malformed());
        }
        let head = Self {
            version: version.to_owned(),
            status: status.parse().map_err(|_| malformed())?,
            reason: parts.next().unwrap_or_default().to_owned(),
            fields,
        };
        Ok(Some((head, length)))
    }
}

/// Why a server may not answer a request with 101 ([RFC 6455 §4.2.1]).
///
/// [RFC 6455 §4.2.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The method is not GET.
    #[error("the method is not GET")]
    Method,
    /// The HTTP version is below 1.1.
    #[error("the HTTP version is below 1.1")]
    HttpVersion,
    /// There is not exactly one Host field.
    #[error("there is not exactly one Host field")]
    Host,
    /// No element of Upgrade is `websocket`.
    #[error("no element of Upgrade is websocket")]
    Upgrade,
    /// No element of Connection is `Upgrade`.
    #[error("no element of Connection is Upgrade")]
    Connection,
    /// The key is not the base64 of 16 octets, given once.
    #[error("Sec-WebSocket-Key is not the base64 of 16 octets, given once")]
    Key,
    /// The version is not 13, given once.
    #[error("Sec-WebSocket-Version is not 13, given once")]
    Version,
}

impl Refusal {
    /// The HTTP status that fits best.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Version => 426,
            _ => 400,
        }
    }
}

/// Checks a request as RFC 6455 §4.2.1 asks and gives back the value for
/// `Sec-WebSocket-Accept`.
///
/// # Errors
///
/// The first rule that the request breaks.
pub fn check_request(request: &RequestHead) -> Result<String, Refusal> {
    let RequestHead {
        method,
        version,
        fields,
        ..
    } = request;
    if method != "GET" {
        return Err(Refusal::Method);
    }
    // The digits compare as text: there is one before the point and one behind.
    if version.as_str() < "HTTP/1.1" {
        return Err(Refusal::HttpVersion);
    }
    if fields.only("Host").is_none() {
        return Err(Refusal::Host);
    }
    if !fields.has_token("Upgrade", "websocket") {
        return Err(Refusal::Upgrade);
    }
    if !fields.has_token("Connection", "Upgrade") {
        return Err(Refusal::Connection);
    }
    if fields.only("Sec-WebSocket-Version") != Some(b"13") {
        return Err(Refusal::Version);
    }
    let key = fields
        .only("Sec-WebSocket-Key")
        .ok_or(Refusal::Key)?;
    match STANDARD.decode(key) {
        Ok(nonce) if nonce.len() == 16 => Ok(accept(key)),
        _ => Err(Refusal::Key),
    }
}

/// Why a client may not take an answer for the switch to WebSocket
/// ([RFC 6455 §4.1]).
///
/// [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// The status is not 101.
    #[error("the status is {0}, not 101")]
    Status(u16),
    /// The version is not HTTP/1.1.
    #[error("the version is {0}, not HTTP/1.1")]
    HttpVersion(String),
    /// Upgrade is not `websocket`.
    #[error("Upgrade is not websocket")]
    Upgrade,
    /// No element of Connection is `Upgrade`.
    #[error("no element of Connection is Upgrade")]
    Connection,
    /// The accept value is missing, repeated or not that of the key.
    #[error("Sec-WebSocket-Accept is {got:?}, not {expected:?}")]
    Accept {
        /// The value that belongs to the key.
        expected: String,
        /// All values that came, joined by a comma.
        got: String,
    },
}

/// Checks the answer to an opening handshake that was sent with this key: that
/// it switches, to WebSocket, for this key. What it says of subprotocols and
/// extensions depends on what was offered and is not looked at.
///
/// # Errors
///
/// The first rule that the answer breaks.
pub fn check_response(
    response: &ResponseHead,
    key: &str,
) -> Result<(), BadAnswer> {
    let ResponseHead {
        version,
        status,
        fields,
        ..
    } = response;
    if *status != 101 {
        return Err(BadAnswer::Status(*status));
    }
    if version != "HTTP/1.1" {
        return Err(BadAnswer::HttpVersion(version.clone()));
    }
    let upgrade = fields.only("Upgrade").unwrap_or_default();
    if !upgrade.eq_ignore_ascii_case(b"websocket") {
        return Err(BadAnswer::Upgrade);
    }
    if !fields.has_token("Connection", "Upgrade") {
        return Err(BadAnswer::Connection);
    }
    let expected = accept(key.as_bytes());
    if fields.only("Sec-WebSocket-Accept") != Some(expected.as_bytes()) {
        let values: Vec<_> = fields
            .all("Sec-WebSocket-Accept")
            .map(printable)
            .collect();
        return Err(BadAnswer::Accept {
            expected,
            got: values.join(", "),
        });
    }
    Ok(())
}

/// The first line of a head, its fields, and how many octets it took.
type Split<'a> = (&'a [u8], Fields, usize);

/// Splits a head; `None` while it is not complete.
fn head(octets: &[u8]) -> Result<Option<Split<'_>>, MalformedHead> {
    let mut lines = Vec::new();
    let mut rest = octets;
    loop {
        let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
            return Ok(None);
        };
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let fields = lines.map(field).collect::<Result<_, _>>()?;
    Ok(Some((first, Fields(fields), octets.len() - rest.len())))
}

fn field(line: &[u8]) -> Result<(String, Vec<u8>), MalformedHead> {
    if line[0].is_ascii_whitespace() {
        return Err(MalformedHead::Folded(printable(line)));
    }
    let malformed = || MalformedHead::FieldLine(printable(line));
    let colon = line.iter().position(|octet| *octet == b':');
    let (name, value) = line.split_at(colon.ok_or_else(malformed)?);
    if !is_token(name) {
        return Err(malformed());
    }
    let value = value[1..].trim_ascii();
    if value
        .iter()
        .any(|octet| octet.is_ascii_control() && *octet != b'\t')
    {
        return Err(MalformedHead::ControlOctet(printable(line)));
    }
    let name = String::from_utf8(name.to_vec()).map_err(|_| malformed())?;
    Ok((name, value.to_vec()))
}

/// Whether the octets are a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty()
        && octets.iter().all(|octet| {
            octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet)
        })
}

fn is_version(version: &str) -> bool {
    matches!(
        version.as_bytes(),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit()
    )
}

fn printable(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
