//! The list of extensions of an opening handshake ([RFC 6455 §9.1]).
//!
//! [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1

use crate::handshake::{Fields, is_token};

/// The field that offers extensions, and in an answer accepts them.
pub const FIELD: &str = "Sec-WebSocket-Extensions";

/// One element of the list: an extension with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its registered name.
    pub name: String,
    /// Its parameters in their order, repeated ones kept; a value without the
    /// quotes that may stand around it.
    pub parameters: Vec<(String, Option<String>)>,
}

/// Why a value is no list of extensions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedExtensions {
    /// An element has no name, or one that is no token.
    #[error("{0:?} is no name of an extension")]
    Name(String),
    /// A parameter has no name, or one that is no token.
    #[error("{0:?} is no name of a parameter")]
    Parameter(String),
    /// A value is neither a token nor a token in quotes.
    #[error("{0:?} is no value of a parameter")]
    Value(String),
}

/// The extensions of a head, over all its lines, without empty elements
/// (RFC 9110 §5.6.1).
///
/// A value in quotes has to be a token when the quotes are taken away, so no
/// comma or semicolon can stand in it and the list is cut at each.
///
/// # Errors
///
/// The first part that breaks the grammar.
pub fn extensions(
    fields: &Fields,
) -> Result<Vec<Extension>, MalformedExtensions> {
    fields.list(FIELD).map(extension).collect()
}

fn extension(element: &[u8]) -> Result<Extension, MalformedExtensions> {
    let mut parts = element
        .split(|octet| *octet == b';')
        .map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    let name = token(name, MalformedExtensions::Name)?;
    let parameters = parts.map(parameter).collect::<Result<_, _>>()?;
    Ok(Extension { name, parameters })
}

fn parameter(
    part: &[u8],
) -> Result<(String, Option<String>), MalformedExtensions> {
    let Some(at) = part.iter().position(|octet| *octet == b'=') else {
        return Ok((token(part, MalformedExtensions::Parameter)?, None));
    };
    let name = token(part[..at].trim_ascii(), MalformedExtensions::Parameter)?;
    let value = part[at + 1..].trim_ascii();
    let quoted = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    let value = token(quoted.unwrap_or(value), MalformedExtensions::Value)?;
    Ok((name, Some(value)))
}

fn token(
    octets: &[u8],
    malformed: fn(String) -> MalformedExtensions,
) -> Result<String, MalformedExtensions> {
    let text = String::from_utf8_lossy(octets).into_owned();
    match is_token(octets) {
        true => Ok(text),
        false => Err(malformed(text)),
    }
}
