//! §10.2, origins, and §4.2.2 where it lets the origin decide: who may connect
//! from a page of somebody else's.
//!
//! The server declares which origin it serves; every right opening handshake
//! names it.

use super::answer_to;
use crate::case::{cases, family};
use crate::dialer::{Answer, Dialer, Reply, Request};
use crate::verdict::{Finding, Verdict};

family! { FOREIGN, Dialer:
    /// A request from an origin that is not the allowed one, however like it,
    /// does not switch.
    Should "6455/10.2/foreign-origin-is-refused/" ["6455-10.2-01", "6455-4.2.2-05"]
        seen "CVE-2025-24010 (Vite), GHSA-f53g-frr2-jhpf (Gitpod)"
        => foreign_origin_is_refused;

    "another" (|_| "https://attacker.example".to_owned());
    "as-beginning" (|it| format!("{}.attacker.example", it.whole));
    "as-end" (|it| format!("{}://evil{}", it.scheme, it.authority));
    "as-user" (|it| format!("{}@attacker.example", it.whole));
    "other-port" (|it| format!("{}://{}:444", it.scheme, it.host));
    "other-scheme" (|it| {
        let scheme = if it.scheme == "https" { "http" } else { "https" };
        format!("{scheme}://{}", it.authority)
    });
    "null" (|_| "null".to_owned());
}

family! { OTHERWISE, Dialer:
    /// Browsers write an origin in one way; whether another way of writing it
    /// is the same is left to the server.
    May "6455/10.2/origin-otherwise-written/" ["6455-10.2-01"]
        => otherwise_written;

    "capitals" (|it| it.whole.to_uppercase());
    "slash" (|it| format!("{}/", it.whole));
    "dot" (|it| {
        let port = it.authority.strip_prefix(it.host).unwrap_or("");
        format!("{}://{}.{port}", it.scheme, it.host)
    });
}

cases! { Dialer:
    /// A foreign origin is refused with 403.
    Should "6455/10.2/refusal-is-403" ["6455-10.2-02"]
        => refusal_is_403;
    /// Whether a server takes a client for a browser, and serves it, that
    /// names no origin is left to its policy.
    May "6455/4.2.1/request-without-origin" ["6455-4.2.1-12", "6455-4.2.2-05"]
        => without_origin;
    /// What a server does with an origin that nobody has told it about: by
    /// itself it can't know whether the page is a friend's.
    May "6455/10.2/unknown-origin" ["6455-10.2-01", "6455-4.2.2-05"]
        seen "CVE-2025-24010 (Vite)"
        => unknown_origin;
}

/// An origin, taken apart.
pub(super) struct Origin<'a> {
    whole: &'a str,
    scheme: &'a str,
    /// With the port, if it has one.
    authority: &'a str,
    host: &'a str,
}

impl<'a> Origin<'a> {
    fn of(whole: &'a str) -> Self {
        let (scheme, authority) =
            whole.split_once("://").unwrap_or(("", whole));
        let host = match authority.rsplit_once(':') {
            Some((host, port))
                if port.bytes().all(|octet| octet.is_ascii_digit()) =>
            {
                host
            }
            _ => authority,
        };
        Self {
            whole,
            scheme,
            authority,
            host,
        }
    }
}

/// The origin that the server declares.
pub(super) fn declared(dialer: &Dialer) -> Result<String, Finding> {
    let origin = dialer.endpoint().declared.origin.clone();
    origin.ok_or_else(|| {
        Finding::Unsupported(
            "the server declares no handshake.origin that it allows".to_owned(),
        )
    })
}

/// The answer to a request from another origin, of a server that accepts the
/// right one.
async fn answer_to_origin(
    dialer: &mut Dialer,
    change: fn(&Origin<'_>) -> String,
) -> Result<Answer, Finding> {
    let declared = declared(dialer)?;
    dialer.open().await?;
    let origin = change(&Origin::of(&declared));
    let request = dialer.request().set("Origin", origin);
    dialer.dial(request).await
}

async fn foreign_origin_is_refused(
    dialer: &mut Dialer,
    change: fn(&Origin<'_>) -> String,
) -> Verdict {
    does_not_switch(&answer_to_origin(dialer, change).await?)
}

/// Holds for a refusal and for the end of the connection.
pub(super) fn does_not_switch(answer: &Answer) -> Verdict {
    match answer.reply() {
        Reply::End(_) => Ok(()),
        _ => answer.expect_refusal(),
    }
}

async fn refusal_is_403(dialer: &mut Dialer) -> Verdict {
    let foreign = |_: &Origin<'_>| "https://attacker.example".to_owned();
    let answer = answer_to_origin(dialer, foreign).await?;
    match answer.reply() {
        Reply::Head(head) if head.status == 403 => Ok(()),
        other => Err(Finding::violation("403", other)),
    }
}

async fn otherwise_written(
    dialer: &mut Dialer,
    change: fn(&Origin<'_>) -> String,
) -> Verdict {
    let answer = answer_to_origin(dialer, change).await?;
    observe(&answer)
}

async fn without_origin(dialer: &mut Dialer) -> Verdict {
    declared(dialer)?;
    let without = |it: Request| it.without("Origin");
    observe(&answer_to(dialer, without).await?)
}

async fn unknown_origin(dialer: &mut Dialer) -> Verdict {
    const FOREIGN: &str = "https://attacker.example";
    let foreign = |it: Request| {
        it.without("Origin")
            .add("Origin", FOREIGN)
            .add("Cookie", "session=1")
    };
    observe(&answer_to(dialer, foreign).await?)
}

/// What the RFC leaves to the server.
fn observe(answer: &Answer) -> Verdict {
    Err(Finding::Observed(match answer.is_switch() {
        true => "it is accepted".to_owned(),
        false => format!("it is refused: {}", answer.reply()),
    }))
}
