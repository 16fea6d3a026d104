//! Who may connect: the origins of pages, and the bearer token.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use url::Url;

use crate::settings::AbsentOrigin;
use crate::{Fields, Refusal};

/// The origins whose pages may connect (RFC 6455 §10.2, RFC 6454 §6.2).
///
/// A browser sends the origin of the page with every opening handshake and
/// asks nobody before it does: only this check stands between a user's session
/// and somebody else's page.
#[derive(Clone, Debug)]
pub struct AllowList {
    origins: Vec<String>,
    absent: AbsentOrigin,
}

/// Why a text is no origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an origin: write scheme, host and, if it is not the usual one, port, \
     such as https://app.example, and nothing behind it"
)]
pub(crate) struct BadOrigin;

impl AllowList {
    /// A list of these origins.
    #[must_use]
    pub fn new(origins: &[String], absent: AbsentOrigin) -> Self {
        Self {
            origins: origins.to_vec(),
            absent,
        }
    }

    /// The same list, or the origin of the page at `/` if it is empty.
    #[must_use]
    pub fn or_own(mut self, listening: SocketAddr) -> Self {
        if self.origins.is_empty() {
            let port = listening.port();
            let own = match listening.ip() {
                ip if ip.is_unspecified() => vec![
                    format!("http://127.0.0.1:{port}"),
                    format!("http://[::1]:{port}"),
                ],
                _ => vec![format!("http://{listening}")],
            };
            let local = format!("http://localhost:{port}");
            // Without the port where it is the usual one, as browsers do.
            let origins = own.iter().chain([&local]);
            self.origins = origins
                .filter_map(|it| Url::parse(it).ok())
                .map(|it| it.origin().ascii_serialization())
                .collect();
        }
        self
    }

    /// Refuses every origin that is not in the list, letter for letter: no
    /// prefix, no other port, not two.
    ///
    /// # Errors
    ///
    /// [`Refusal::Origin`].
    pub fn check<'a>(&self, fields: impl Fields<'a>) -> Result<(), Refusal> {
        let mut values = fields.values("origin");
        let allowed = match (values.next(), values.next()) {
            (None, _) => self.absent == AbsentOrigin::Allow,
            (Some(only), None) => self
                .origins
                .iter()
                .any(|origin| origin.as_bytes() == only),
            (Some(_), Some(_)) => false,
        };
        allowed.then_some(()).ok_or(Refusal::Origin)
    }

    /// An origin as a browser writes it.
    pub(crate) fn parse(text: &str) -> Result<String, BadOrigin> {
        let url = Url::parse(text).map_err(|_| BadOrigin)?;
        let origin = url.origin();
        // Without this `https://app.example/admin` would allow all of it.
        let is_origin = origin.is_tuple()
            && (text == origin.ascii_serialization()
                || text == origin.unicode_serialization());
        match is_origin {
            true => Ok(origin.ascii_serialization()),
            false => Err(BadOrigin),
        }
    }
}

/// The bearer token that a client must know (RFC 6750, RFC 6455 §10.5).
///
/// It is never shown: not by `Debug`, not in an answer, not in a log.
#[derive(Clone)]
pub struct Credential(String);

/// Why a text is no token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token has 16 to 256 characters, each a letter, a digit, or one of \
     - . _ ~ +"
)]
pub struct BadToken;

impl FromStr for Credential {
    type Err = BadToken;

    /// What is both a token68 and an element of `Sec-WebSocket-Protocol`.
    fn from_str(text: &str) -> Result<Self, BadToken> {
        let is_token = |octet: u8| {
            octet.is_ascii_alphanumeric() || b"-._~+".contains(&octet)
        };
        let length = 16..=256;
        match length.contains(&text.len()) && text.bytes().all(is_token) {
            true => Ok(Self(text.to_owned())),
            false => Err(BadToken),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl Credential {
    /// Refuses a request that does not have the token: in `Authorization`, or,
    /// since a browser's script can't set that, as the subprotocol
    /// `bearer.TOKEN`. The comparison takes as long for every token of the
    /// right length.
    ///
    /// # Errors
    ///
    /// [`Refusal::Credential`].
    pub fn check<'a>(&self, fields: impl Fields<'a>) -> Result<(), Refusal> {
        let mut lines = fields.values("authorization");
        let header = match (lines.next(), lines.next()) {
            (Some(line), None) => bearer(line),
            // Two may mean two things to two readers.
            (Some(_), Some(_)) => return Err(Refusal::Credential),
            (None, _) => None,
        };
        let mut offered = fields.elements("sec-websocket-protocol");
        let subprotocol =
            offered.find_map(|element| element.strip_prefix(b"bearer."));
        match header.or(subprotocol) {
            Some(token) if self.is(token) => Ok(()),
            _ => Err(Refusal::Credential),
        }
    }

    fn is(&self, token: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(token).into()
    }
}

/// What stands behind the scheme, which is compared without case.
fn bearer(line: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = line.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(
        lines: &'static [(&str, &str)],
    ) -> impl Fn(&'static str) -> std::vec::IntoIter<&'static [u8]> {
        move |name| {
            let lines = lines.iter().filter(|(it, _)| *it == name);
            let values: Vec<_> = lines.map(|it| it.1.as_bytes()).collect();
            values.into_iter()
        }
    }

    #[test]
    fn an_origin_is_compared_letter_for_letter() {
        let list = AllowList::new(
            &["https://app.example".to_owned()],
            AbsentOrigin::Allow,
        );
        let check = |lines| list.check(fields(lines));
        assert_eq!(check(&[("origin", "https://app.example")]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        for lines in [
            &[("origin", "")][..],
            &[("origin", "null")],
            &[("origin", "http://app.example")],
            &[("origin", "https://app.example:444")],
            &[("origin", "https://app.example.evil.example")],
            &[("origin", "https://app.example@evil.example")],
            &[("origin", "https://evilapp.example")],
            &[("origin", "https://app.example, https://app.example")],
            &[
                ("origin", "https://app.example"),
                ("origin", "https://app.example"),
            ],
        ] {
            assert_eq!(check(lines), Err(Refusal::Origin), "{lines:?}");
        }
    }

    #[test]
    fn an_absent_origin_is_a_matter_of_policy() {
        let origins = ["https://app.example".to_owned()];
        let list = AllowList::new(&origins, AbsentOrigin::Refuse);
        assert_eq!(list.check(fields(&[])), Err(Refusal::Origin));
    }

    #[test]
    fn without_a_list_the_page_of_the_server_itself_may_connect() {
        let address = "127.0.0.1:8080".parse().expect("an address");
        let list = AllowList::new(&[], AbsentOrigin::Allow).or_own(address);
        let check = |lines| list.check(fields(lines));
        assert_eq!(check(&[("origin", "http://127.0.0.1:8080")]), Ok(()));
        assert_eq!(check(&[("origin", "http://localhost:8080")]), Ok(()));
        let other = check(&[("origin", "http://localhost:8081")]);
        assert_eq!(other, Err(Refusal::Origin));
        let address = "0.0.0.0:80".parse().expect("an address");
        let list = AllowList::new(&[], AbsentOrigin::Allow).or_own(address);
        let check = |lines| list.check(fields(lines));
        assert_eq!(check(&[("origin", "http://127.0.0.1")]), Ok(()));
        assert_eq!(check(&[("origin", "http://localhost")]), Ok(()));
    }

    #[test]
    fn only_an_origin_can_stand_in_the_list() {
        for good in ["https://app.example", "http://127.0.0.1:8080"] {
            assert_eq!(AllowList::parse(good).as_deref(), Ok(good));
        }
        assert_eq!(
            AllowList::parse("https://köln.example").as_deref(),
            Ok("https://xn--kln-sna.example")
        );
        for bad in [
            "",
            "*",
            "app.example",
            "https://app.example/",
            "https://app.example:443",
            "https://app.example/admin",
            "https://user@app.example",
            "HTTPS://app.example",
            "file:///tmp",
        ] {
            assert_eq!(AllowList::parse(bad), Err(BadOrigin), "{bad}");
        }
    }

    const TOKEN: &str = "correct-horse-battery";

    #[test]
    fn the_token_comes_in_a_field_or_as_a_subprotocol() {
        let credential: Credential = TOKEN.parse().expect("a token");
        let check = |lines| credential.check(fields(lines));
        for lines in [
            &[("authorization", "Bearer correct-horse-battery")][..],
            &[("authorization", "bearer  correct-horse-battery")],
            &[(
                "sec-websocket-protocol",
                "echo.v1, bearer.correct-horse-battery",
            )],
            &[
                ("sec-websocket-protocol", "echo.v1"),
                ("sec-websocket-protocol", "bearer.correct-horse-battery"),
            ],
        ] {
            assert_eq!(check(lines), Ok(()), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[("authorization", "")],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer correct-horse-batter")],
            &[("authorization", "Bearer correct-horse-battery1")],
            &[("authorization", "Basic correct-horse-battery")],
            &[("authorization", "correct-horse-battery")],
            &[
                ("authorization", "Bearer correct-horse-battery"),
                ("authorization", "Bearer correct-horse-battery"),
            ],
            // A wrong header is not made good by another place.
            &[
                ("authorization", "Bearer wrong-wrong-wrong-wrong"),
                ("sec-websocket-protocol", "bearer.correct-horse-battery"),
            ],
            &[("sec-websocket-protocol", "correct-horse-battery")],
            &[("sec-websocket-protocol", "bearer.")],
        ] {
            assert_eq!(check(lines), Err(Refusal::Credential), "{lines:?}");
        }
    }

    #[test]
    fn a_token_is_not_shown_and_not_short() {
        let credential: Credential = TOKEN.parse().expect("a token");
        assert!(!format!("{credential:?}").contains(TOKEN));
        for bad in ["", "short", "with a space in it!", "with,a,comma,in,it"] {
            assert!(bad.parse::<Credential>().is_err(), "{bad}");
        }
    }
}
