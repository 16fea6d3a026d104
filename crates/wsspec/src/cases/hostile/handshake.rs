//! Opening handshakes that are long, many or odd.

use rfc6455::{Frame, MaskingKey};

use super::super::rfc9110_http::works_or_is_refused;
use super::others_are_served;
use crate::case::{cases, family};
use crate::dialer::{Answer, Dialer, Reply};
use crate::peer::Incoming;
use crate::verdict::{Finding, Verdict};

family! { LONG_FIELD, Dialer heavy:
    /// A field that is very long is taken, refused, or the end of the
    /// connection, and other connections are served meanwhile.
    Guidance "hostile/handshake/long-field/" ["9110-5.4-01"]
        seen "CVE-2023-43669 (tungstenite)"
        => long_field;

    "64-kib" (64 << 10);
    "1-mib" (1 << 20);
    "16-mib" (16 << 20);
}

family! { MANY_FIELDS, Dialer heavy:
    /// Very many fields are taken, refused, or the end of the connection, and
    /// other connections are served meanwhile.
    Guidance "hostile/handshake/many-fields/" ["9110-5.4-01"]
        seen "CVE-2024-37890 (ws)"
        => many_fields;

    "2000" (2000);
    "100000" (100_000);
}

family! { LONG_OFFERS, Dialer heavy:
    /// A long offer that is tedious to parse is answered soon, and the
    /// connection that may come of it works.
    Guidance "hostile/handshake/long-offer/" ["6455-4.2.1-13", "6455-9.1-01"]
        seen "CVE-2021-32640 (ws), CVE-2020-7662 and CVE-2020-7663 \
              (websocket-extensions)"
        => is_answered_soon;

    "subprotocol-blanks" ("Sec-WebSocket-Protocol",
        || format!("b{}x", " ".repeat(32_000)));
    "subprotocol-commas" ("Sec-WebSocket-Protocol", || ",".repeat(10_000));
    "subprotocol-names" ("Sec-WebSocket-Protocol", || {
        (0..5000).map(|n| format!("p{n},")).collect()
    });
    "subprotocol-one-name" ("Sec-WebSocket-Protocol", || "p".repeat(8192));
    "extension-open-quote" ("Sec-WebSocket-Extensions",
        || format!("a; b=\"{}", "\\c".repeat(20_000)));
    "extension-parameters" ("Sec-WebSocket-Extensions",
        || format!("a{}", "; a".repeat(10_000)));
}

family! { ODD_NAMES, Dialer heavy:
    /// Names that mean something to the server's language and nothing to
    /// WebSocket are passed over or refused.
    Guidance "hostile/handshake/odd-extension/" ["6455-9.1-01"]
        seen "ws before 3.3.1 (GHSA-5v72-xg48-5rpm)"
        => is_answered_soon;

    "constructor" ("Sec-WebSocket-Extensions", || "constructor".to_owned());
    "prototype" ("Sec-WebSocket-Extensions", || "__proto__".to_owned());
    "behind-nothing" ("Sec-WebSocket-Extensions",
        || ",;constructor".to_owned());
    "parameter" ("Sec-WebSocket-Extensions",
        || "permessage-deflate; toString".to_owned());
}

family! { REFLECTED, Dialer heavy:
    /// Control octets in what a client sends never come back in the answer.
    Guidance "hostile/handshake/octets-are-not-reflected/"
        ["9112-2.2-02", "6455-4.2.2-10"] => is_not_reflected;

    "cr-in-subprotocol" ("Sec-WebSocket-Protocol", b"x-one\rX-Injected: 1");
    "nul-in-subprotocol" ("Sec-WebSocket-Protocol", b"x-one\0X-Injected: 1");
    "cr-in-extension" ("Sec-WebSocket-Extensions", b"x-one\rX-Injected: 1");
    "cr-in-origin" ("Origin", b"http://a\rX-Injected: 1");
}

cases! { Dialer heavy:
    /// Frames right behind the request, as many as fit into one segment and
    /// more, are echoed in order, or the connection ends: none is lost and
    /// none is read as HTTP.
    Guidance "hostile/handshake/frames-behind-the-request" ["6455-4.2.2-23"]
        => frames_behind_the_request;
}

/// Taken, refused, or the end; nothing else.
async fn is_bounded(answer: Answer) -> Verdict {
    match answer.reply() {
        Reply::End(_) => Ok(()),
        _ => works_or_is_refused(answer).await,
    }
}

async fn long_field(dialer: &mut Dialer, length: usize) -> Verdict {
    dialer.open().await?;
    let request = dialer
        .request()
        .add("X-Long", vec![b'x'; length])
        .until_answered();
    let answer = dialer.dial(request).await?;
    others_are_served(dialer).await?;
    is_bounded(answer).await
}

async fn many_fields(dialer: &mut Dialer, count: usize) -> Verdict {
    dialer.open().await?;
    let request = (0..count).fold(dialer.request(), |request, n| {
        request.add(&format!("X-{n}"), "x")
    });
    let answer = dialer.dial(request.until_answered()).await?;
    others_are_served(dialer).await?;
    is_bounded(answer).await
}

async fn is_answered_soon(
    dialer: &mut Dialer,
    name: &str,
    offer: fn() -> String,
) -> Verdict {
    dialer.open().await?;
    let request = dialer.request().add(name, offer());
    let answer = dialer.dial(request).await?;
    others_are_served(dialer).await?;
    match answer.reply() {
        Reply::Head(head) if head.status >= 500 => {
            Err(Finding::violation("a 101, or a status 4xx", answer.reply()))
        }
        _ => works_or_is_refused(answer).await,
    }
}

async fn is_not_reflected(
    dialer: &mut Dialer,
    name: &str,
    value: &'static [u8],
) -> Verdict {
    dialer.open().await?;
    let request = dialer.request().add(name, value);
    let answer = dialer.dial(request).await?;
    let head = match answer.reply() {
        Reply::Head(head) => head,
        Reply::End(_) => return Ok(()),
        // A control octet in a value makes it no head.
        other => return Err(Finding::violation("an HTTP answer", other)),
    };
    let injected =
        |octets: &[u8]| String::from_utf8_lossy(octets).contains("X-Injected");
    let found = head
        .fields
        .iter()
        .find(|(name, value)| injected(name.as_bytes()) || injected(value));
    match found {
        None => Ok(()),
        Some((name, value)) => Err(Finding::violation(
            "an answer without what was sent behind the control octet",
            format_args!("{name}: {}", String::from_utf8_lossy(value)),
        )),
    }
}

async fn frames_behind_the_request(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let text = |n: usize| Frame::text(format!("{n:0>100}"));
    let mut octets = Vec::new();
    for n in 0..640 {
        text(n)
            .masked(MaskingKey([4, 3, 2, 1]))
            .encode(&mut octets);
    }
    let request = dialer.request().followed_by(octets);
    let answer = dialer.dial(request).await?;
    match answer.reply() {
        Reply::End(_) => return Ok(()),
        _ if answer.is_switch() => {}
        _ => return answer.expect_refusal(),
    }
    let mut peer = answer.into_peer()?;
    for n in 0..640 {
        match peer.next().await? {
            Incoming::Close(_) | Incoming::End(_) => return Ok(()),
            got if got == Incoming::from(text(n)) => {}
            got => {
                return Err(Finding::violation(
                    format_args!("the echo of frame {n}, or the end"),
                    got,
                ));
            }
        }
    }
    Ok(())
}
