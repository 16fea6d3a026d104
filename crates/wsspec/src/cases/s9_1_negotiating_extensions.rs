//! §9.1, negotiating extensions: what is no list of extensions.
//!
//! A malformed offer ends the opening handshake, where somebody reads it. A
//! server without any extension has no reason to, so only that nothing of it
//! is agreed on is a MUST here; what becomes of it is told.

use super::s4_2_1_reading_the_request::{is_accepted, what_becomes_of};
use crate::case::{cases, family};
use crate::dialer::Dialer;
use crate::verdict::{Finding, Verdict};

const NAME: &str = "Sec-WebSocket-Extensions";

cases! { Dialer:
    /// A server that knows no extension goes on without: 1010 is for clients.
    Should "6455/7.4.1/server-demands-no-extension" ["6455-7.4.1-06", "6455-9.1-03"]
        => is_accepted(|it| it.add(NAME, "x-nobody-does-this"));
}

family! { NOT_ACCEPTED, Dialer:
    /// A malformed offer of extensions is refused, or at least nothing of it
    /// is accepted and the connection works without.
    Must "6455/9.1/malformed-extensions-are-not-accepted/"
        ["6455-9.1-01", "6455-4.2.1-14"] => not_accepted;

    "semicolon" (";");
    "no-value" ("x-one; a=");
    "no-name" ("x-one; =1");
    "two-words" ("x-one x-two");
    "open-quote" ("x-one; a=\"b");
    "quoted-blank" ("x-one; a=\"b c\"");
}

family! { MALFORMED, Dialer:
    /// A server that looks at the offer of extensions refuses one that is
    /// malformed; one that has none need not look.
    May "6455/9.1/malformed-extensions/"
        ["6455-9.1-01", "6455-4.3-02"] => what_becomes_of;

    "semicolon" (NAME, ";");
    "no-value" (NAME, "x-one; a=");
    "no-name" (NAME, "x-one; =1");
    "two-words" (NAME, "x-one x-two");
    "open-quote" (NAME, "x-one; a=\"b");
    "quoted-blank" (NAME, "x-one; a=\"b c\"");
}

async fn not_accepted(dialer: &mut Dialer, offer: &'static str) -> Verdict {
    dialer.open().await?;
    let request = dialer.request().add(NAME, offer);
    let answer = dialer.dial(request).await?;
    if !answer.is_switch() {
        return answer.expect_refusal();
    }
    if let Some(value) = answer.head()?.fields.all(NAME).next() {
        return Err(Finding::violation(
            format_args!("an HTTP error status, or no {NAME}"),
            format_args!("{NAME}: {}", String::from_utf8_lossy(value)),
        ));
    }
    answer.into_peer()?.expect_nothing().await
}
