//! The form of an opening handshake (RFC 6455 §4.2.1), asked for in full.
//!
//! Every framework checks some of it, none all: one finds `upgrade` inside of
//! `no-upgrade`, another takes any key. Behind this check they agree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Fields, Refusal};

/// The subprotocol that is spoken: a message comes back as it was sent.
pub const SUBPROTOCOL: &str = "echo.v1";

/// What a framework tells of the version of HTTP that a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0 or older: nothing can be upgraded.
    Old,
    /// HTTP/1.1: GET with `Upgrade` (RFC 6455).
    Http11,
    /// HTTP/2: CONNECT with the pseudo-field `:protocol` (RFC 8441).
    Http2 {
        /// Whether that is `websocket`.
        is_websocket: bool,
    },
}

/// Refuses whatever is not an opening handshake of version 13.
///
/// # Errors
///
/// What is wrong with it, with the status code that fits.
pub(crate) fn check_opening<'a>(
    method: &str,
    version: Version,
    fields: impl Fields<'a>,
) -> Result<(), Refusal> {
    match version {
        Version::Old => return Err(Refusal::Malformed(HTTP)),
        Version::Http2 { is_websocket } => match method {
            "CONNECT" if is_websocket => {}
            "GET" | "CONNECT" => return Err(Refusal::NoConnect),
            _ => return Err(Refusal::Method),
        },
        Version::Http11 => {
            if method != "GET" {
                return Err(Refusal::Method);
            }
            let host = only(&fields, "host").ok_or(HOST);
            if !host.is_ok_and(is_host) {
                return Err(Refusal::Malformed(HOST));
            }
            if has_content(&fields) {
                return Err(Refusal::Malformed(CONTENT));
            }
            if !names(&fields, "upgrade", "websocket")
                || !names(&fields, "connection", "upgrade")
            {
                return Err(Refusal::NoUpgrade);
            }
        }
    }
    if only(&fields, "sec-websocket-version") != Some(b"13") {
        return Err(match version {
            Version::Http2 { .. } => Refusal::VersionOverHttp2,
            _ => Refusal::Version,
        });
    }
    if version == Version::Http11 {
        let key = only(&fields, "sec-websocket-key");
        let key = key.and_then(|key| STANDARD.decode(key).ok());
        if key.is_none_or(|key| key.len() != 16) {
            return Err(Refusal::Malformed(KEY));
        }
    }
    match subprotocols_are_tokens(&fields) {
        true => Ok(()),
        false => Err(Refusal::Malformed(SUBPROTOCOLS)),
    }
}

/// The subprotocol to answer with, if the client offers it: in one line of
/// several, or in several.
#[must_use]
pub fn subprotocol<'a>(fields: impl Fields<'a>) -> Option<&'static str> {
    let mut offered = fields.elements("sec-websocket-protocol");
    offered
        .any(|element| element == SUBPROTOCOL.as_bytes())
        .then_some(SUBPROTOCOL)
}

const HTTP: &str = "an upgrade needs HTTP/1.1";
const HOST: &str = "one Host is needed, and a valid one";
const CONTENT: &str = "an opening handshake has no content";
const KEY: &str = "one Sec-WebSocket-Key is needed, the base64 of 16 octets";
const SUBPROTOCOLS: &str =
    "Sec-WebSocket-Protocol is a list of different tokens";

/// The value of a field that stands in exactly one line.
fn only<'a>(fields: &impl Fields<'a>, name: &'static str) -> Option<&'a [u8]> {
    let mut values = fields.values(name);
    match (values.next(), values.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// Whether a list has this element, compared without case.
fn names<'a>(
    fields: &impl Fields<'a>,
    name: &'static str,
    element: &str,
) -> bool {
    fields
        .elements(name)
        .any(|it| it.eq_ignore_ascii_case(element.as_bytes()))
}

/// Whether anything follows the head. Behind a switch those octets would be
/// read as frames by one server and as content by the next.
fn has_content<'a>(fields: &impl Fields<'a>) -> bool {
    let mut lengths = fields.values("content-length");
    lengths.any(|length| length != b"0")
        || fields
            .values("transfer-encoding")
            .next()
            .is_some()
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2).
fn is_host(value: &[u8]) -> bool {
    let of_name = |octet: &u8| {
        octet.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(octet)
    };
    let of_address =
        |octet: &u8| octet.is_ascii_hexdigit() || b":.".contains(octet);
    let (host, rest) = match value.strip_prefix(b"[") {
        Some(literal) => {
            let Some(end) = literal.iter().position(|it| *it == b']') else {
                return false;
            };
            let (address, rest) = (&literal[..end], &literal[end + 1..]);
            if !address.iter().all(of_address) {
                return false;
            }
            (address, rest)
        }
        None => {
            let colon = value.iter().position(|it| *it == b':');
            let (name, rest) = value.split_at(colon.unwrap_or(value.len()));
            if !name.iter().all(of_name) {
                return false;
            }
            (name, rest)
        }
    };
    let is_port = match rest.strip_prefix(b":") {
        Some(port) => port.iter().all(u8::is_ascii_digit),
        None => rest.is_empty(),
    };
    !host.is_empty() && is_port
}

/// `1#token` without repetitions, or no line at all.
fn subprotocols_are_tokens<'a>(fields: &impl Fields<'a>) -> bool {
    let is_token = |octet: &u8| {
        octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet)
    };
    let mut seen: Vec<&[u8]> = Vec::new();
    for element in fields.elements("sec-websocket-protocol") {
        // So few have ever to be looked through that a set is not worth it.
        let is_new = seen.len() < 64 && !seen.contains(&element);
        if !is_new || !element.iter().all(is_token) {
            return false;
        }
        seen.push(element);
    }
    let mut lines = fields.values("sec-websocket-protocol");
    !seen.is_empty() || lines.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lines = Vec<(&'static str, &'static str)>;

    /// A right opening handshake over HTTP/1.1.
    fn right() -> Lines {
        vec![
            ("host", "server.example:8080"),
            ("upgrade", "websocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-key", "AAECAwQFBgcICQoLDA0ODw=="),
            ("sec-websocket-version", "13"),
        ]
    }

    fn fields(
        lines: &Lines,
    ) -> impl Fn(&'static str) -> std::vec::IntoIter<&'static [u8]> {
        move |name| {
            let lines = lines.iter().filter(|(it, _)| *it == name);
            let values: Vec<_> = lines.map(|it| it.1.as_bytes()).collect();
            values.into_iter()
        }
    }

    fn check(lines: &Lines) -> Result<(), Refusal> {
        check_opening("GET", Version::Http11, fields(lines))
    }

    /// The right one with these lines instead of those of the first's name.
    fn with(lines: &[(&'static str, &'static str)]) -> Lines {
        let mut all = right();
        all.retain(|(name, _)| *name != lines[0].0);
        all.extend(lines);
        all
    }

    #[test]
    fn what_the_rfc_allows_passes() {
        assert_eq!(check(&right()), Ok(()));
        for lines in [
            &[("upgrade", "WebSocket")][..],
            &[("upgrade", "h2c, websocket")],
            &[("connection", "UPGRADE")],
            &[("connection", "keep-alive"), ("connection", "upgrade")],
            &[("host", "[::1]:8080")],
            &[("host", "server.example")],
            &[("content-length", "0")],
            &[("sec-websocket-protocol", "chat, echo.v1")],
        ] {
            assert_eq!(check(&with(lines)), Ok(()), "{lines:?}");
        }
    }

    #[test]
    fn what_it_does_not_is_refused_with_the_status_that_fits() {
        let (malformed, version, upgrade) = (400, 426, 426);
        for (status, lines) in [
            (upgrade, &[("upgrade", "websockets")][..]),
            (upgrade, &[("upgrade", "xwebsocket")]),
            (upgrade, &[("upgrade", "")]),
            (upgrade, &[("connection", "no-upgrade")]),
            (upgrade, &[("connection", "keep-alive")]),
            (version, &[("sec-websocket-version", "8")]),
            (version, &[("sec-websocket-version", "13, 8")]),
            (version, &[("sec-websocket-version", "013")]),
            (version, &[("sec-websocket-version", "")]),
            (malformed, &[("sec-websocket-key", "")]),
            (malformed, &[("sec-websocket-key", "AAECAwQFBgcICQoLDA0O")]),
            (
                malformed,
                &[("sec-websocket-key", "AAECAwQFBgcICQoLDA0ODw")],
            ),
            (
                malformed,
                &[
                    ("sec-websocket-key", "AAECAwQFBgcICQoLDA0ODw=="),
                    ("sec-websocket-key", "AAECAwQFBgcICQoLDA0ODw=="),
                ],
            ),
            (malformed, &[("host", "")]),
            (malformed, &[("host", "a"), ("host", "a")]),
            (malformed, &[("host", "a/b")]),
            (malformed, &[("host", "a b")]),
            (malformed, &[("host", "user@a")]),
            (malformed, &[("host", "a:b")]),
            (malformed, &[("host", "[::1")]),
            (malformed, &[("host", "[::1]x")]),
            (malformed, &[("content-length", "5")]),
            (malformed, &[("transfer-encoding", "chunked")]),
            (malformed, &[("sec-websocket-protocol", "")]),
            (malformed, &[("sec-websocket-protocol", "a b")]),
            (malformed, &[("sec-websocket-protocol", "a, a")]),
        ] {
            let refusal = check(&with(lines)).expect_err("a refusal");
            assert_eq!(refusal.status(), status, "{lines:?}: {refusal}");
        }
        for missing in right() {
            let mut lines = right();
            lines.retain(|line| *line != missing);
            assert!(check(&lines).is_err(), "without {missing:?}");
        }
    }

    #[test]
    fn other_methods_and_versions_are_refused() {
        let lines = right();
        let check = |method, version| {
            check_opening(method, version, fields(&lines))
                .map_err(|refusal| refusal.status())
        };
        assert_eq!(check("POST", Version::Http11), Err(405));
        assert_eq!(check("HEAD", Version::Http11), Err(405));
        assert_eq!(check("GET", Version::Old), Err(400));
        let websocket = Version::Http2 { is_websocket: true };
        let other = Version::Http2 {
            is_websocket: false,
        };
        assert_eq!(check("CONNECT", websocket), Ok(()));
        assert_eq!(check("CONNECT", other), Err(400));
        assert_eq!(check("GET", other), Err(400));
        assert_eq!(check("POST", websocket), Err(405));
    }

    #[test]
    fn the_subprotocol_is_found_wherever_it_stands() {
        let chosen = |lines: &[_]| subprotocol(fields(&with(lines)));
        let name = "sec-websocket-protocol";
        assert_eq!(chosen(&[(name, "a, echo.v1 ,b")]), Some(SUBPROTOCOL));
        assert_eq!(chosen(&[(name, "a"), (name, "echo.v1")]), Some("echo.v1"));
        assert_eq!(chosen(&[(name, "echo.v12")]), None);
        assert_eq!(chosen(&[(name, "ECHO.V1")]), None);
    }
}
