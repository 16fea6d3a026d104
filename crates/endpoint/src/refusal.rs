//! Why a request is refused before any switch, and how HTTP says so.

use std::time::Duration;

/// Why an opening handshake is refused.
///
/// The text is for the client. It repeats nothing that the client has sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address has asked too often (RFC 6585 §4).
    #[error("too many opening handshakes from this address; try again later")]
    TooMany {
        /// When the next one may come.
        after: Duration,
    },
    /// The origin is not in the allow-list (RFC 6455 §10.2).
    #[error("this origin may not connect")]
    Origin,
    /// There is no credential, or a wrong one (RFC 6455 §10.5).
    #[error(
        "a credential is needed: Authorization: Bearer TOKEN, or the \
         subprotocols echo.v1 and bearer.TOKEN"
    )]
    Credential,
    /// The method is not that of an opening handshake (RFC 6455 §4.2.1).
    #[error("an opening handshake is a GET")]
    Method,
    /// The version is not the one that is spoken (RFC 6455 §4.2.2).
    #[error("only version 13 of the WebSocket protocol is spoken here")]
    Version,
    /// The same over HTTP/2, where a 426 has no `Upgrade` to name a
    /// protocol in.
    #[error("only version 13 of the WebSocket protocol is spoken here")]
    VersionOverHttp2,
    /// The request does not ask for WebSocket at all (RFC 9110 §15.5.22).
    #[error("this is a WebSocket endpoint: ask for an upgrade to websocket")]
    NoUpgrade,
    /// The same over HTTP/2, where a WebSocket is asked for in another way (RFC
    /// 8441 §4).
    #[error(
        "this is a WebSocket endpoint: over HTTP/2 send CONNECT with \
         :protocol websocket"
    )]
    NoConnect,
    /// Something in it is not as RFC 6455 §4.2.1 or HTTP asks.
    #[error("{0}")]
    Malformed(&'static str),
    /// All places are taken.
    #[error("no more connections are taken at the moment; try again later")]
    Full,
    /// The server is about to end.
    #[error("the server is shutting down; try again later")]
    Leaving,
}

impl Refusal {
    /// The HTTP status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::VersionOverHttp2 | Self::NoConnect => {
                400
            }
            Self::Credential => 401,
            Self::Origin => 403,
            Self::Method => 405,
            Self::Version | Self::NoUpgrade => 426,
            Self::TooMany { .. } => 429,
            Self::Full | Self::Leaving => 503,
        }
    }

    /// The fields that go with the status, in lower case as HTTP/2 wants them.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("cache-control", "no-store".to_owned())];
        let mut add = |name, value: &str| fields.push((name, value.to_owned()));
        match self {
            Self::TooMany { after } => {
                let seconds = after.as_secs_f64().ceil().max(1.0);
                add("retry-after", &format!("{seconds:.0}"));
            }
            Self::Credential => {
                add("www-authenticate", "Bearer realm=\"echo\"");
            }
            Self::Method => add("allow", "GET"),
            Self::Version | Self::NoUpgrade => {
                add("sec-websocket-version", "13");
                add("upgrade", "websocket");
                add("connection", "upgrade");
            }
            Self::Full | Self::Leaving => {
                add("retry-after", "5");
                // Whoever comes back may find another server behind the name.
                add("connection", "close");
            }
            Self::VersionOverHttp2 => add("sec-websocket-version", "13"),
            // What follows such a request may not be a request.
            Self::Malformed(_) => add("connection", "close"),
            Self::Origin | Self::NoConnect => {}
        }
        fields
    }

    /// Logs the refusal: once, with its status, inside the request's span.
    pub fn log(&self) {
        let status = self.status();
        tracing::Span::current().record("status", status);
        tracing::warn!("refused with {status}: {self}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do_next() {
        let fields = |refusal: Refusal| {
            let fields = refusal.fields();
            fields[1..]
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let after = Duration::from_millis(1200);
        assert_eq!(fields(Refusal::TooMany { after }), "retry-after: 2");
        let after = Duration::ZERO;
        assert_eq!(fields(Refusal::TooMany { after }), "retry-after: 1");
        assert_eq!(fields(Refusal::Method), "allow: GET");
        assert_eq!(
            fields(Refusal::Version),
            "sec-websocket-version: 13, upgrade: websocket, connection: upgrade"
        );
        assert_eq!(
            fields(Refusal::Credential),
            "www-authenticate: Bearer realm=\"echo\""
        );
    }
}
