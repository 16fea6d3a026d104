//! §4.2.1, one request in many forms: the same fields with other blanks, in
//! another place, or beside text that only looks like them.
//!
//! A field is a line that begins with its name and a colon. A server that
//! searches the head for a name finds it in other names, in values and in the
//! target as well.

use super::s4_2_1_reading_the_request::is_accepted;
use crate::case::{cases, family};
use crate::dialer::{Dialer, Request};
use crate::verdict::{Finding, Verdict};

/// Needed fields and others that change how a request is read, each with a
/// value that no right server takes.
const MISLEADING: [(&str, &str); 11] = [
    ("Host", "other.example"),
    ("Upgrade", "none"),
    ("Connection", "close"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ("Sec-WebSocket-Version", "8"),
    ("Sec-WebSocket-Protocol", "x-one"),
    ("Sec-WebSocket-Extensions", "x-one"),
    ("Content-Length", "5"),
    ("Transfer-Encoding", "chunked"),
    ("Origin", "http://other.example"),
    ("Expect", "100-continue"),
];

cases! { Dialer:
    /// A value may follow the colon at once, without a blank.
    Should "6455/4.2.1/fields-in-any-form/no-blank" ["6455-4.2.1-15"]
        seen "Fleck #140, websocketpp #301, arduinoWebSockets #146"
        => is_accepted(|it| it.blanks("", ""));
    /// Blanks and tabs around a value are no part of it, in any field.
    Should "6455/4.2.1/fields-in-any-form/blanks-and-tabs" ["6455-4.2.1-15"]
        => is_accepted(|it| it.blanks(" \t ", "\t "));
    /// An unknown field without a value is passed over.
    Should "6455/4.2.1/fields-in-any-form/empty-unknown" ["6455-4.2.1-15"]
        => is_accepted(|it| it.first_line("User-Agent:").line("X-Empty: "));
    /// A needed field is read wherever it comes: also as the first one, and
    /// also as the last.
    Should "6455/4.2.1/fields-in-any-form/any-field-last" ["6455-4.2.1-15"]
        seen "katzarsky/WebSocket #8"
        => any_field_last;

    /// A field whose name ends with that of a needed field is another field:
    /// it comes before the needed ones.
    Should "6455/4.2.1/fields-in-any-form/longer-names-before" ["6455-4.2.1-15"]
        seen "Bayou #12"
        => is_accepted(|it| MISLEADING.iter().fold(it, |it, (name, value)| {
            it.first_line(format!("X-{name}: {value}"))
        }));
    /// A field whose name ends with that of a needed field is another field:
    /// it comes after the needed ones.
    Should "6455/4.2.1/fields-in-any-form/longer-names-after" ["6455-4.2.1-15"]
        => is_accepted(|it| MISLEADING.iter().fold(it, |it, (name, value)| {
            it.add(&format!("X-{name}"), value)
        }));
    /// A field whose name begins with that of a needed field is another field.
    Should "6455/4.2.1/fields-in-any-form/names-that-go-on" ["6455-4.2.1-15"]
        => is_accepted(|it| MISLEADING.iter().fold(it, |it, (name, value)| {
            it.first_line(format!("{name}-X: {value}"))
        }));
    /// A value that contains what looks like a needed field is only a value.
    Should "6455/4.2.1/fields-in-any-form/names-in-values" ["6455-4.2.1-15"]
        => is_accepted(|it| MISLEADING.iter().fold(it, |it, (name, value)| {
            it.first_line(format!("X-Note: {name}: {value}"))
        }));
    /// A target that contains what looks like a needed field is only a target.
    Should "6455/4.2.1/fields-in-any-form/names-in-the-target" ["6455-4.2.1-15"]
        => is_accepted(|it| MISLEADING.iter().fold(it, |it, (name, value)| {
            it.query(format!("{name}:{value}"))
        }));

    /// An element of a list is found between two others.
    Should "6455/4.2.1/lists-in-any-form/connection-middle" ["6455-4.2.1-08"]
        => is_accepted(|it| it.set("Connection", "keep-alive, Upgrade, x-any"));
    /// Tabs and blanks on either side of a comma are no part of an element.
    Should "6455/4.2.1/lists-in-any-form/connection-tabs" ["6455-4.2.1-08"]
        => is_accepted(|it| it.set("Connection", "keep-alive \t,\tUpgrade"));
    /// Several Connection lines are one list: the option is on the first.
    Should "6455/4.2.1/lists-in-any-form/connection-first-line" ["6455-4.2.1-09", "9110-5.3-01"]
        => is_accepted(|it| it.add("Connection", "keep-alive"));
    /// Several Connection lines are one list: the option is on the second of
    /// three.
    Should "6455/4.2.1/lists-in-any-form/connection-middle-line" ["6455-4.2.1-09", "9110-5.3-01"]
        => is_accepted(|it| {
            it.first_line("Connection: keep-alive").add("Connection", "x-any")
        });
    /// `websocket` is found in a list whose commas have no blanks.
    Should "6455/4.2.1/lists-in-any-form/upgrade-without-blanks" ["6455-4.2.1-07"]
        => is_accepted(|it| it.set("Upgrade", "example/1,websocket,example/2"));
    /// Several Upgrade lines are one list: `websocket` is on the first.
    Should "6455/4.2.1/lists-in-any-form/upgrade-first-line" ["6455-4.2.1-09", "9110-5.3-01"]
        => is_accepted(|it| it.add("Upgrade", "example/1"));
    /// Several Upgrade lines are one list: `websocket` is on the last.
    Should "6455/4.2.1/lists-in-any-form/upgrade-last-line" ["6455-4.2.1-09", "9110-5.3-01"]
        => is_accepted(|it| it.first_line("Upgrade: example/1"));
}

family! { ELSEWHERE, Dialer:
    /// A needed field is missing if its name comes only inside another name or
    /// a value.
    Must "6455/4.2.1/name-elsewhere-is-no-field/"
        ["6455-4.2.1-05", "6455-4.2.1-06", "6455-4.2.1-08", "6455-4.2.1-10",
         "6455-4.2.1-11"]
        => is_no_field;

    "host-in-a-name" ("Host", in_a_name);
    "upgrade-in-a-name" ("Upgrade", in_a_name);
    "connection-in-a-name" ("Connection", in_a_name);
    "key-in-a-name" ("Sec-WebSocket-Key", in_a_name);
    "version-in-a-name" ("Sec-WebSocket-Version", in_a_name);
    "host-in-a-value" ("Host", in_a_value);
    "upgrade-in-a-value" ("Upgrade", in_a_value);
    "connection-in-a-value" ("Connection", in_a_value);
    "key-in-a-value" ("Sec-WebSocket-Key", in_a_value);
    "version-in-a-value" ("Sec-WebSocket-Version", in_a_value);
}

fn in_a_name(request: Request, name: &str, value: &str) -> Request {
    request.add(&format!("X-{name}"), value)
}

fn in_a_value(request: Request, name: &str, value: &str) -> Request {
    request.add("X-Note", format!("{name}: {value}"))
}

async fn any_field_last(dialer: &mut Dialer) -> Verdict {
    let count = dialer.request().names().count();
    let mut refused = None;
    let mut accepted = 0;
    for first in 0..count {
        let request = dialer.request().rotated(first);
        let last = request.names().last().unwrap_or_default();
        let last = last.to_owned();
        let answer = dialer.dial(request).await?;
        let opened = match answer.into_peer() {
            Ok(mut peer) => peer.expect_nothing().await,
            Err(finding) => Err(finding),
        };
        match opened {
            Ok(()) => accepted += 1,
            Err(Finding::Violation { got, .. }) => {
                refused.get_or_insert((last, got));
            }
            Err(finding) => return Err(finding),
        }
    }
    match refused {
        None => Ok(()),
        Some((_, got)) if accepted == 0 => Err(Finding::Blocked(format!(
            "the opening handshake did not succeed: {got}"
        ))),
        Some((last, got)) => Err(Finding::violation(
            format_args!("the request to be accepted, with {last} as its last"),
            got,
        )),
    }
}

async fn is_no_field(
    dialer: &mut Dialer,
    name: &str,
    elsewhere: fn(Request, &str, &str) -> Request,
) -> Verdict {
    dialer.open().await?;
    let request = dialer.request().without(name);
    if dialer.dial(request).await?.is_switch() {
        return Err(Finding::Unsupported(format!(
            "the server switches without any {name}, as other cases show"
        )));
    }
    let value = match name {
        "Host" => dialer.endpoint().url.authority(),
        "Upgrade" => "websocket".to_owned(),
        "Connection" => "Upgrade".to_owned(),
        "Sec-WebSocket-Version" => "13".to_owned(),
        _ => "dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
    };
    let request = dialer.request().without(name);
    let answer = dialer
        .dial(elsewhere(request, name, &value))
        .await?;
    match answer.is_switch() {
        false => Ok(()),
        true => Err(Finding::violation("any answer but 101", answer.reply())),
    }
}
