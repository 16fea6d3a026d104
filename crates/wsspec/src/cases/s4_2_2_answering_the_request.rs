//! §4.2.2, sending the server's opening handshake: what the answer says.

use rfc6455::handshake::{self, Fields};
use rfc6455::{Frame, MaskingKey};

use crate::case::cases;
use crate::dialer::{Dialer, Request};
use crate::peer::Incoming;
use crate::verdict::{Finding, Verdict};

cases! { Dialer:
    /// A right request is answered with HTTP/1.1 and status 101.
    Must "6455/4.2.2/status-is-101" ["6455-4.2.2-17"]
        => status_is_101;
    /// The 101 names the new protocol: Upgrade is `websocket`.
    Must "6455/4.2.2/upgrade-is-websocket" ["6455-4.2.2-18", "9110-7.8-02", "9110-15.2.2-01"]
        => switch_says(|fields| match fields.only("Upgrade") {
            Some(value) => value.eq_ignore_ascii_case(b"websocket"),
            None => false,
        }, "one Upgrade field with websocket");
    /// Connection in the 101 has the option `Upgrade`.
    Must "6455/4.2.2/connection-has-upgrade" ["6455-4.2.2-19", "9110-7.8-06"]
        => switch_says(
            |fields| fields.has_token("Connection", "Upgrade"),
            "a Connection field with Upgrade",
        );
    /// Sec-WebSocket-Accept belongs to the key: that of the RFC's example.
    Must "6455/4.2.2/accept-belongs-to-the-key/example" ["6455-4.2.2-20"]
        => accept_belongs_to(["dGhlIHNhbXBsZSBub25jZQ=="]);
    /// Sec-WebSocket-Accept belongs to the key, whatever the key.
    Must "6455/4.2.2/accept-belongs-to-the-key/extremes" ["6455-4.2.2-20"]
        => accept_belongs_to([
            "AAAAAAAAAAAAAAAAAAAAAA==",
            "/////////////////////w==",
            "+/+/+/+/+/+/+/+/+/+/+w==",
        ]);
    /// Blanks around the key are no part of it.
    Must "6455/4.2.2/accept-belongs-to-the-key/blanks" ["6455-4.2.2-20"]
        => accept_without_blanks;

    /// Without an offer the answer has no Sec-WebSocket-Protocol.
    Must "6455/4.2.2/subprotocol-only-if-offered/no-offer" ["6455-4.2.2-11"]
        => answer_lacks("Sec-WebSocket-Protocol", |it| it);
    /// A subprotocol in the answer is one that was offered.
    Must "6455/4.2.2/subprotocol-only-if-offered/another" ["6455-4.2.2-10", "6455-4.2.2-11"]
        => subprotocol_was_offered;
    /// A subprotocol in the answer is one of those that were offered.
    Should "6455/4.2.2/subprotocol-is-one-token/one-line" ["6455-4.2.2-12"]
        => one_was_chosen(|it| {
            it.add("Sec-WebSocket-Protocol", "x-one.example, x-two.example")
        });
    /// Whether a server names a subprotocol that it speaks, and that stands
    /// behind one that nobody knows, is left to it.
    May "6455/4.2.2/known-subprotocol" ["6455-4.2.2-21"]
        => known_subprotocol;
    /// Several lines of subprotocols are one list.
    Should "6455/4.2.2/subprotocol-is-one-token/two-lines" ["6455-4.2.2-12", "6455-4.2.2-13"]
        => one_was_chosen(|it| {
            it.add("Sec-WebSocket-Protocol", "x-one.example")
                .add("Sec-WebSocket-Protocol", "x-two.example")
        });
    /// Without an offer the answer has no Sec-WebSocket-Extensions.
    Must "6455/4.2.2/extension-only-if-offered/no-offer" ["6455-4.2.2-15", "6455-9-01"]
        => answer_lacks("Sec-WebSocket-Extensions", |it| it);
    /// An extension that the server does not know is not accepted.
    Must "6455/4.2.2/extension-only-if-offered/unknown" ["6455-4.2.2-14"]
        => answer_lacks("Sec-WebSocket-Extensions", |it| {
            it.add("Sec-WebSocket-Extensions", "x-nobody-does-this; a=1")
        });
    /// Of several extensions that the server does not know none is accepted.
    Must "6455/4.2.2/extension-only-if-offered/two-unknown" ["6455-4.2.2-14", "6455-9.1-03"]
        => answer_lacks("Sec-WebSocket-Extensions", |it| {
            it.add("Sec-WebSocket-Extensions", "x-nobody, x-does-this; a=1")
        });
    /// Several lines of extensions are one list.
    Must "6455/4.2.2/extension-only-if-offered/two-lines" ["6455-4.2.2-14", "6455-9.1-02"]
        => answer_lacks("Sec-WebSocket-Extensions", |it| {
            it.add("Sec-WebSocket-Extensions", "x-nobody")
                .add("Sec-WebSocket-Extensions", "x-does-this; a=1")
        });
    /// Sec-WebSocket-Extensions in the answer is not empty.
    Should "6455/4.2.2/extension-field-is-not-empty" ["6455-4.2.2-16"]
        => extension_field_is_not_empty;
    /// A 101 has neither Content-Length nor Transfer-Encoding: what follows
    /// the empty line is a frame.
    Must "6455/4.2.2/no-body-in-101" ["6455-4.2.2-24", "9110-8.6-01", "9112-6.1-01"]
        => switch_says(
            |fields| {
                !fields.contains("Content-Length")
                    && !fields.contains("Transfer-Encoding")
            },
            "neither Content-Length nor Transfer-Encoding",
        );

    /// What becomes of a frame that a client sends before it has seen the 101,
    /// which it may not, is left open.
    May "6455/4.2.2/frame-before-the-101" ["6455-4.2.2-23"]
        => early_frame;
    /// A request that comes octet by octet is a request.
    Should "6455/4.2.2/request-octet-by-octet" ["6455-4.2.2-23"]
        => slow_request_is_accepted;

    /// The refusal of a version tells which versions are spoken: 13.
    Must "6455/4.2.2/refusal-lists-the-version/14" ["6455-4.2.2-08", "6455-4.4-01"]
        => refusal_lists_13("14");
    /// The refusal of a version tells which versions are spoken: 13.
    Must "6455/4.2.2/refusal-lists-the-version/8" ["6455-4.2.2-08", "6455-4.4-01"]
        => refusal_lists_13("8");
    /// A resource that does not exist is an HTTP error, not a connection.
    Must "6455/4.2.2/unknown-resource-is-refused" ["6455-4.2.2-09"]
        => unknown_resource;
}

async fn status_is_101(dialer: &mut Dialer) -> Verdict {
    let request = dialer.request();
    let answer = dialer.dial(request).await?;
    let head = answer.head()?;
    match (head.status, head.version.as_str()) {
        (101, "HTTP/1.1") => Ok(()),
        (status, version) => Err(Finding::violation(
            "HTTP/1.1 101",
            format_args!("{version} {status} {}", head.reason),
        )),
    }
}

/// The fields of the answer to a right request; `blocked` without a 101.
async fn fields_of_101(
    dialer: &mut Dialer,
    request: Request,
) -> Result<Fields, Finding> {
    let answer = dialer.dial(request).await?;
    if !answer.is_switch() {
        let reply = answer.reply();
        return Err(Finding::Blocked(format!("there is no 101 but {reply}")));
    }
    answer.head().map(|head| head.fields.clone())
}

async fn switch_says(
    dialer: &mut Dialer,
    holds: fn(&Fields) -> bool,
    expected: &str,
) -> Verdict {
    let request = dialer.request();
    let fields = fields_of_101(dialer, request).await?;
    if holds(&fields) {
        return Ok(());
    }
    Err(Finding::violation(expected, Named(&fields)))
}

async fn accept_belongs_to<const N: usize>(
    dialer: &mut Dialer,
    keys: [&str; N],
) -> Verdict {
    for key in keys {
        let request = dialer.request().set("Sec-WebSocket-Key", key);
        let fields = fields_of_101(dialer, request).await?;
        expect_accept(&fields, key)?;
    }
    Ok(())
}

async fn accept_without_blanks(dialer: &mut Dialer) -> Verdict {
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let spaced = format!("  {key} \t ");
    let request = dialer.request().set("Sec-WebSocket-Key", &spaced);
    expect_accept(&fields_of_101(dialer, request).await?, key)
}

fn expect_accept(fields: &Fields, key: &str) -> Verdict {
    let expected = handshake::accept(key.as_bytes());
    let values: Vec<_> = fields
        .all("Sec-WebSocket-Accept")
        .map(String::from_utf8_lossy)
        .collect();
    match &values[..] {
        [value] if *value == expected => Ok(()),
        values => Err(Finding::violation(
            format_args!("Sec-WebSocket-Accept: {expected}"),
            format_args!("{values:?} for the key {key}"),
        )),
    }
}

async fn answer_lacks(
    dialer: &mut Dialer,
    name: &str,
    change: fn(Request) -> Request,
) -> Verdict {
    let request = change(dialer.request());
    let fields = fields_of_101(dialer, request).await?;
    match fields.all(name).next() {
        None => Ok(()),
        Some(value) => Err(Finding::violation(
            format_args!("no {name}"),
            format_args!("{name}: {}", String::from_utf8_lossy(value)),
        )),
    }
}

async fn known_subprotocol(dialer: &mut Dialer) -> Verdict {
    let known = dialer.endpoint().declared.subprotocol.clone();
    let Some(known) = known else {
        return Err(Finding::Unsupported(
            "the server declares no handshake.subprotocol that it speaks"
                .to_owned(),
        ));
    };
    dialer.open().await?;
    let offer = format!("x-nobody-knows, {known}");
    let request = dialer
        .request()
        .add("Sec-WebSocket-Protocol", offer);
    let answer = dialer.dial(request).await?;
    let head = answer.head()?;
    let named = head
        .fields
        .has_token("Sec-WebSocket-Protocol", &known);
    Err(Finding::Observed(match named {
        true => "it is named".to_owned(),
        false => "it is not named".to_owned(),
    }))
}

/// Offers a name that nobody knows. A server that takes every name has agreed
/// all the same, so that is only told.
async fn subprotocol_was_offered(dialer: &mut Dialer) -> Verdict {
    let (name, offer) = ("Sec-WebSocket-Protocol", "x-unknown.example");
    let request = dialer.request().add(name, offer);
    let fields = fields_of_101(dialer, request).await?;
    let values: Vec<_> = fields
        .all(name)
        .map(String::from_utf8_lossy)
        .collect();
    match &values[..] {
        [] => Ok(()),
        [value] if value == offer => Err(Finding::Observed(
            "any subprotocol that is offered is accepted".to_owned(),
        )),
        values => Err(Finding::violation(
            format_args!("no {name}, or {offer}"),
            format_args!("{name}: {}", values.join(", ")),
        )),
    }
}

/// Offers two names that nobody knows.
async fn one_was_chosen(
    dialer: &mut Dialer,
    offer: fn(Request) -> Request,
) -> Verdict {
    let request = offer(dialer.request());
    let fields = fields_of_101(dialer, request).await?;
    let name = "Sec-WebSocket-Protocol";
    let values: Vec<_> = fields.all(name).collect();
    match &values[..] {
        [] | [b"x-one.example" | b"x-two.example"] => Ok(()),
        _ => Err(Finding::violation(
            format_args!("no {name}, or one of the two that were offered"),
            Named(&fields),
        )),
    }
}

async fn extension_field_is_not_empty(dialer: &mut Dialer) -> Verdict {
    let name = "Sec-WebSocket-Extensions";
    let request = dialer.request().add(name, "x-nobody-does-this");
    let fields = fields_of_101(dialer, request).await?;
    if fields.all(name).any(<[u8]>::is_empty) {
        return Err(Finding::violation(
            format_args!("no {name}, or one with a value"),
            Named(&fields),
        ));
    }
    Ok(())
}

async fn early_frame(dialer: &mut Dialer) -> Verdict {
    let mut octets = Vec::new();
    let frame = Frame::text("early");
    frame
        .clone()
        .masked(MaskingKey([9, 8, 7, 6]))
        .encode(&mut octets);
    let request = dialer.request().followed_by(octets);
    let answer = dialer.dial(request).await?;
    if !answer.is_switch() {
        let reply = answer.reply();
        return Err(Finding::Observed(format!("the answer is {reply}")));
    }
    let seen = match answer.into_peer()?.next().await? {
        got if got == Incoming::from(frame) => "it is echoed".to_owned(),
        got => format!("it is answered by {got}"),
    };
    Err(Finding::Observed(seen))
}

async fn slow_request_is_accepted(dialer: &mut Dialer) -> Verdict {
    let request = dialer.request().octet_by_octet();
    dialer
        .dial(request)
        .await?
        .into_peer()?
        .expect_nothing()
        .await
}

async fn refusal_lists_13(dialer: &mut Dialer, version: &str) -> Verdict {
    dialer.open().await?;
    let request = dialer
        .request()
        .set("Sec-WebSocket-Version", version);
    let answer = dialer.dial(request).await?;
    if answer.is_switch() {
        return Err(Finding::Observed(format!("version {version} is spoken")));
    }
    let fields = &answer.head()?.fields;
    if fields
        .list("Sec-WebSocket-Version")
        .any(|it| it == b"13")
    {
        return Ok(());
    }
    Err(Finding::violation(
        "Sec-WebSocket-Version: 13",
        Named(fields),
    ))
}

async fn unknown_resource(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let target = "/there-is-no-such-resource";
    let request = dialer.request().target(target);
    let answer = dialer.dial(request).await?;
    if answer.is_switch() {
        return Err(Finding::Observed(
            "every path leads to a WebSocket".to_owned(),
        ));
    }
    answer.expect_refusal()
}

/// The names and values of fields, for a finding.
pub(super) struct Named<'a>(pub(super) &'a Fields);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| {
                format!("{name}: {}", String::from_utf8_lossy(value))
            })
            .collect();
        match &fields[..] {
            [] => f.write_str("no fields"),
            fields => f.write_str(&fields.join("; ")),
        }
    }
}
