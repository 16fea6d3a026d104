//! RFC 9110, HTTP semantics: what HTTP asks of a server around the upgrade.

use super::answer_to;
use super::s4_2_1_reading_the_request::is_accepted;
use super::s4_2_2_answering_the_request::Named;
use crate::case::cases;
use crate::dialer::{Answer, Dialer, Reply, Request};
use crate::verdict::{Finding, Verdict};

cases! { Dialer:
    /// A field of 64 KiB is taken as a whole, or refused with an HTTP error
    /// status.
    Must "9110/5.4/large-fields-are-taken-or-refused/64-kib" ["9110-5.4-01"]
        => is_taken_or_refused(|it| it.add("X-Long", "x".repeat(64 << 10)));
    /// Ten thousand fields are taken, or refused with an HTTP error status.
    Must "9110/5.4/large-fields-are-taken-or-refused/10000" ["9110-5.4-01"]
        => is_taken_or_refused(|it| {
            (0..10_000).fold(it, |it, n| it.add(&format!("X-{n}"), "x"))
        });
    /// Empty elements of a list are passed over.
    Must "9110/5.6.1/empty-elements-are-passed-over" ["9110-5.6.1-01"]
        => is_accepted(|it| it.set("Connection", ",Upgrade,"));

    /// What becomes of an upgrade that a resource has no use for is left open:
    /// an answer as if there were none, or an error.
    May "9110/7.8/upgrade-may-be-ignored" ["9110-7.8-01"]
        => upgrade_elsewhere;
    /// Where a client waits for 100 (Continue) before it sends the content,
    /// a 101 comes after that and not before.
    Must "9110/7.8/continue-comes-before-the-switch" ["9110-7.8-08"]
        => continue_comes_first;
    /// Frames begin behind the content of the request, or the request is
    /// refused: content of a known length.
    Must "9110/7.8/frames-begin-behind-the-content/length" ["9110-7.8-09", "9110-7.8-10"]
        => frames_begin_behind_the_content(|it| {
            it.add("Content-Length", "5").followed_by("hello")
        });
    /// Frames begin behind the content of the request, or the request is
    /// refused: content in chunks.
    Must "9110/7.8/frames-begin-behind-the-content/chunks" ["9110-7.8-09", "9110-7.8-10"]
        => frames_begin_behind_the_content(|it| {
            it.add("Transfer-Encoding", "chunked")
                .followed_by("5\r\nhello\r\n0\r\n\r\n")
        });

    /// Frames begin behind the content of the request, or the request is
    /// refused: also where the content comes later than the head.
    Must "9110/7.8/frames-begin-behind-the-content/late" ["9110-7.8-09", "9110-7.8-10"]
        => frames_begin_behind_the_content(|it| it.late_content("hello"));

    /// Nothing is switched to but what the request names and the server
    /// speaks: HTTP/2 is named beside WebSocket.
    Must "9110/7.8/switches-to-what-is-named/websocket-and-h2c" ["9110-7.8-03", "9110-7.8-02"]
        => switches_to_websocket_or_nothing("websocket, h2c");
    /// Nothing is switched to but what the request names and the server
    /// speaks: HTTP/2 is preferred to WebSocket.
    Must "9110/7.8/switches-to-what-is-named/h2c-and-websocket" ["9110-7.8-03", "9110-7.8-02"]
        => switches_to_websocket_or_nothing("h2c, websocket");
    /// Nothing is switched to but what the request names: WebSocket is not
    /// named.
    Must "9110/7.8/switches-to-what-is-named/h2c" ["9110-7.8-03", "9110-7.8-02"]
        => h2c_alone;
    /// A 405 says in Allow which methods there are.
    Must "9110/15.5.6/405-has-allow" ["9110-15.5.6-01"]
        => status_has_field("POST", 405, "Allow");
    /// A 405 says so, too, where it refuses an upgrade.
    Must "9110/15.5.6/405-to-an-upgrade-has-allow" ["9110-15.5.6-01"]
        => refused_upgrade_has_allow;
    /// A 426 says in Upgrade to which protocol.
    Must "9110/15.5.22/426-has-upgrade" ["9110-7.8-05", "9110-15.5.22-01"]
        => status_has_field("GET", 426, "Upgrade");
}

/// Holds if the changed request leads to a connection that echoes, or to an
/// HTTP error status.
pub(super) async fn is_taken_or_refused(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    dialer.open().await?;
    let request = change(dialer.request()).until_answered();
    works_or_is_refused(dialer.dial(request).await?).await
}

/// Holds for a connection that echoes, and for an HTTP error status.
pub(super) async fn works_or_is_refused(answer: Answer) -> Verdict {
    if answer.is_switch() {
        return answer.into_peer()?.expect_nothing().await;
    }
    answer.expect_refusal()
}

async fn upgrade_elsewhere(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let request = dialer.request().target("/");
    let answer = dialer.dial(request).await?;
    let reply = answer.reply();
    Err(Finding::Observed(format!("the answer is {reply}")))
}

/// `HTTP2-Settings` without any setting, as an old client of HTTP/2 sends it.
fn naming(request: Request, protocols: &str) -> Request {
    request
        .set("Upgrade", protocols)
        .set("Connection", "Upgrade, HTTP2-Settings")
        .add("HTTP2-Settings", "AAMAAABkAAQAAP__")
}

async fn switches_to_websocket_or_nothing(
    dialer: &mut Dialer,
    protocols: &str,
) -> Verdict {
    dialer.open().await?;
    let request = naming(dialer.request(), protocols);
    works_or_is_not_switched(dialer.dial(request).await?).await
}

async fn h2c_alone(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let request = naming(dialer.request(), "h2c");
    let answer = dialer.dial(request).await?;
    match answer.head() {
        // A server that speaks HTTP/2 may switch to that.
        Ok(head) if head.fields.has_token("Upgrade", "h2c") => Ok(()),
        _ if answer.is_switch() => Err(Finding::violation(
            "no switch, or one to h2c",
            answer.reply(),
        )),
        _ => Ok(()),
    }
}

/// An answer as if nothing had been named is as good as a refusal.
async fn works_or_is_not_switched(answer: Answer) -> Verdict {
    match answer.is_switch() {
        true => works_or_is_refused(answer).await,
        false => Ok(()),
    }
}

async fn continue_comes_first(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let request = dialer.request().content_after_100("hello");
    let answer = dialer.dial(request).await?;
    match answer.reply() {
        Reply::Head(head) if head.status == 101 => {}
        Reply::Silence(_) => {
            return Err(Finding::violation(
                "a 100, or a refusal",
                answer.reply(),
            ));
        }
        _ => return Ok(()),
    }
    if !answer.was_continued() {
        return Err(Finding::violation(
            "a 100 before the 101, or a refusal",
            "101 at once",
        ));
    }
    // Whether frames begin behind the content is another case's matter.
    Ok(())
}

async fn frames_begin_behind_the_content(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    let answer = answer_to(dialer, change).await?;
    match answer.reply() {
        // Ending the connection is a refusal, if not a polite one.
        Reply::End(_) => Ok(()),
        _ => works_or_is_refused(answer).await,
    }
}

async fn refused_upgrade_has_allow(dialer: &mut Dialer) -> Verdict {
    let request = dialer
        .request()
        .method("POST")
        .add("Content-Length", "0");
    let answer = dialer.dial(request).await?;
    has_field(&answer, 405, "Allow")
}

/// Asks in a way that may be answered with this status; if it is, the status
/// has to come with its field.
async fn status_has_field(
    dialer: &mut Dialer,
    method: &str,
    status: u16,
    field: &str,
) -> Verdict {
    let request = dialer
        .request()
        .method(method)
        .add("Content-Length", "0")
        .without("Upgrade")
        .set("Connection", "keep-alive");
    has_field(&dialer.dial(request).await?, status, field)
}

fn has_field(answer: &Answer, status: u16, field: &str) -> Verdict {
    let head = answer.head()?;
    if head.status != status {
        let reply = answer.reply();
        return Err(Finding::Observed(format!("the answer is {reply}")));
    }
    if head.fields.contains(field) {
        return Ok(());
    }
    Err(Finding::violation(
        format_args!("{field} in a {status}"),
        Named(&head.fields),
    ))
}
