//! RFC 9112, HTTP/1.1: lines that are no field, lengths that contradict each
//! other, and what a connection is good for behind a refusal.

use super::answer_to;
use super::rfc9110_http::{is_taken_or_refused, works_or_is_refused};
use super::s4_2_1_reading_the_request::is_accepted;
use crate::case::{cases, family};
use crate::dialer::{Answer, Dialer, Reply, Request};
use crate::verdict::{Finding, Verdict};

cases! { Dialer:
    /// An empty line before the request line is passed over.
    Should "9112/2.2/empty-line-is-passed-over" ["9112-2.2-01"]
        => is_accepted(|it| it.preceded_by("\r\n"));
    /// A CR alone does not belong into a value: `web<CR>socket` is not
    /// `websocket`.
    Must "9112/2.2/bare-cr-is-invalid/in-a-value" ["9112-2.2-02"]
        => never_switches(|it| it.set("Upgrade", "web\rsocket"));
    /// A CR alone does not end a line.
    Must "9112/2.2/bare-cr-is-invalid/as-line-end" ["9112-2.2-02"]
        => never_switches(|it| {
            it.without("Upgrade").line("X-Any: 1\rUpgrade: websocket")
        });
    /// A first line that begins with a blank is no field.
    Must "9112/2.2/first-line-with-a-blank-is-no-field" ["9112-2.2-03"]
        => never_switches(|it| {
            it.without("Upgrade").first_line(" Upgrade: websocket")
        });

    /// A target of 8,000 octets is not too long.
    Should "9112/3/target-of-8000-octets-is-taken" ["9112-3-01"]
        => is_accepted(|it| it.query("x".repeat(8000)));
    /// A target that is too long is refused with an HTTP error status.
    Must "9112/3/too-long-target-is-refused" ["9112-3-01"]
        => is_taken_or_refused(|it| it.query("x".repeat(1 << 20)));
    /// A Host that can be none is answered with 400.
    Must "9112/3.2/invalid-host-is-400" ["9112-3.2-01"]
        => is_bad_request(|it| it.set("Host", "a b/c"));

    /// A blank between a field's name and the colon is answered with 400.
    Must "9112/5.1/blank-before-the-colon-is-400" ["9112-5.1-01"]
        => is_bad_request(|it| {
            it.without("Upgrade").line("Upgrade : websocket")
        });
    /// A folded field is answered with 400, or read as if it were not folded.
    Must "9112/5.2/folded-field-is-400-or-unfolded" ["9112-5.2-01"]
        => folded;

    /// Behind a request with both a length and a coding the connection ends.
    Must "9112/6.1/length-and-coding-end-the-connection" ["9112-6.1-02"]
        => length_and_coding;
    /// A coding without chunks at its end is refused, and the connection ends.
    Must "9112/6.3/coding-without-chunks-is-refused" ["9112-6.3-01"]
        => ends_behind_a_refusal(|it| it.add("Transfer-Encoding", "gzip"));

    /// The content of a refused request is content: what looks like a request
    /// in it is not answered.
    Should "9112/6.3/refused-content-is-no-request/length" ["9112-6.3-03"]
        => content_is_no_request(|it, content| {
            it.add("Content-Length", content.len().to_string())
                .followed_by(content)
        });
    /// The content of a refused request is content, also in chunks.
    Should "9112/6.3/refused-content-is-no-request/chunks" ["9112-6.3-03"]
        => content_is_no_request(|it, content| {
            let size = content.len();
            it.add("Transfer-Encoding", "chunked")
                .followed_by(format!("{size:x}\r\n{content}\r\n0\r\n\r\n"))
        });

    /// Behind a refusal the connection goes on, unless the server says that it
    /// does not.
    Should "9112/9.3/connection-persists-behind-a-refusal" ["9112-9.3-01"]
        => persists;
    /// Of two requests in one segment the first is answered first, and the
    /// second switches.
    Must "9112/9.3.2/answers-come-in-order" ["9112-9.3.2-01"]
        => in_order;
    /// Behind a request that says `close` nothing is answered, and the
    /// connection ends.
    Must "9112/9.6/nothing-counts-behind-close" ["9112-9.6-01"]
        => nothing_behind_close;
}

family! { LENGTHS, Dialer:
    /// A Content-Length that is no length is answered with 400, and the
    /// connection ends.
    Must "9112/6.3/invalid-length-is-refused/" ["9112-6.3-02"]
        => ends_behind_a_refusal;

    "plus-sign" (|it| it.add("Content-Length", "+5"));
    "two-values" (|it| it.add("Content-Length", "5, 6"));
    "hexadecimal" (|it| it.add("Content-Length", "0x5"));
    "two-lines" (|it| {
        it.add("Content-Length", "5").add("Content-Length", "6")
    });
}

/// A request without an upgrade, which an echo answers with anything but 101.
fn ordinary(dialer: &mut Dialer) -> Request {
    dialer
        .request()
        .without("Upgrade")
        .without("Connection")
        .without("Sec-WebSocket-Key")
        .without("Sec-WebSocket-Version")
}

/// An upgrade that every server refuses.
fn refused(dialer: &mut Dialer) -> Request {
    dialer
        .request()
        .set("Sec-WebSocket-Version", "14")
}

/// Holds for any answer but a switch, and for none: the connection may just
/// end.
async fn never_switches(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    let answer = answer_to(dialer, |it| it.without("Upgrade")).await?;
    if answer.is_switch() {
        return Err(Finding::Blocked(
            "the server switches without any Upgrade".to_owned(),
        ));
    }
    let request = change(dialer.request());
    let answer = dialer.dial(request).await?;
    match answer.is_switch() {
        true => Err(Finding::violation("no switch", answer.reply())),
        false => Ok(()),
    }
}

/// Whether the server says that the connection ends behind this answer.
fn says_close(answer: &Answer) -> bool {
    matches!(answer.reply(), Reply::Head(head)
        if head.fields.has_token("Connection", "close"))
}

async fn is_bad_request(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    let answer = answer_to(dialer, change).await?;
    match answer.reply() {
        Reply::Head(head) if head.status == 400 => Ok(()),
        other => Err(Finding::violation("400 Bad Request", other)),
    }
}

async fn folded(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let request = dialer
        .request()
        .without("Connection")
        .line("Connection: keep-alive,\r\n Upgrade");
    let answer = dialer.dial(request).await?;
    if answer.is_switch() {
        return works_or_is_refused(answer).await;
    }
    match answer.reply() {
        Reply::Head(head) if head.status == 400 => Ok(()),
        other => Err(Finding::violation("400 Bad Request, or a 101", other)),
    }
}

/// The two say different ends of the request; what is right by both comes
/// first.
async fn length_and_coding(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let request = dialer
        .request()
        .add("Content-Length", "5")
        .add("Transfer-Encoding", "chunked")
        .followed_by("0\r\n\r\n");
    let answer = dialer.dial(request).await?;
    match answer.reply() {
        Reply::End(_) => Ok(()),
        _ if answer.is_switch() => Err(Finding::violation(
            "an answer, and then the end of the connection",
            answer.reply(),
        )),
        _ => answer.expect_end().await,
    }
}

async fn ends_behind_a_refusal(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    dialer.open().await?;
    let request = change(dialer.request()).followed_by("hello");
    let answer = dialer.dial(request).await?;
    // 501 is what §6.1 recommends for a coding that the server doesn't know.
    match answer.reply() {
        Reply::Head(head) if matches!(head.status, 400 | 501) => {}
        other => return Err(Finding::violation("400 Bad Request", other)),
    }
    answer.expect_end().await
}

async fn content_is_no_request(
    dialer: &mut Dialer,
    with_content: fn(Request, String) -> Request,
) -> Verdict {
    dialer.open().await?;
    let smuggled = ordinary(dialer).target("/smuggled").head();
    let content = String::from_utf8_lossy(&smuggled).into_owned();
    let request = with_content(refused(dialer), content);
    let answer = dialer.dial(request).await?;
    if let Reply::End(_) = answer.reply() {
        return Ok(());
    }
    answer.expect_refusal()?;
    // A third answer would take the place of this one's 101.
    let last = dialer.request();
    let answer = answer.again(&last).await?;
    match answer.reply() {
        Reply::End(_) => Ok(()),
        Reply::Head(head) if head.status == 101 => Ok(()),
        other => Err(Finding::violation(
            "101 for the request behind it, or the end of the connection",
            other,
        )),
    }
}

async fn persists(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let request = refused(dialer);
    let answer = dialer.dial(request).await?;
    answer.expect_refusal()?;
    if says_close(&answer) {
        return answer.expect_end().await;
    }
    let request = dialer.request();
    let answer = answer.again(&request).await?;
    answer.into_peer()?.expect_nothing().await
}

async fn in_order(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let upgrade = dialer.request();
    let request = ordinary(dialer).followed_by(upgrade.head());
    let answer = dialer.dial(request).await?;
    if let Reply::End(_) = answer.reply() {
        return Err(Finding::Observed(
            "the connection ends without an answer".to_owned(),
        ));
    }
    match answer.head()?.status {
        101 => return answer.expect_refusal(),
        _ if says_close(&answer) => {
            return Err(Finding::Observed(
                "the connection ends behind an ordinary request".to_owned(),
            ));
        }
        _ => {}
    }
    let answer = answer.next(&upgrade).await?;
    match answer.reply() {
        // A server may end the connection at any time, §9.5.
        Reply::End(_) => Err(Finding::Observed(
            "the connection ends behind the first answer".to_owned(),
        )),
        _ => answer.into_peer()?.expect_nothing().await,
    }
}

async fn nothing_behind_close(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let behind = ordinary(dialer);
    let request = ordinary(dialer)
        .add("Connection", "close")
        .followed_by(behind.head());
    let answer = dialer.dial(request).await?;
    match answer.reply() {
        Reply::End(_) => Ok(()),
        _ => answer.expect_end().await,
    }
}
