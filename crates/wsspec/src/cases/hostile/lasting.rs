//! Connections that last: a timer of the HTTP server before the WebSocket ends
//! with the opening handshake.
//!
//! Those timers are of 5, 10, 20, 30 or 60 seconds, so these cases take a
//! minute where the patience is the usual one, beside all others.

use std::time::Duration;

use rfc6455::{Frame, Opcode};
use tokio::time::Instant;

use crate::case::cases as table;
use crate::dialer::{Dialer, Reply};
use crate::peer::{Incoming, Peer};
use crate::record::What;
use crate::verdict::{Finding, Verdict};

mod open {
    use super::*;

    table! { Peer:
        // thorough
        /// A WebSocket in use outlives every timer of the HTTP server before
        /// it.
        Guidance "hostile/slow/outlives-http/in-use" ["6455-7.1.1-01"]
            => in_use;
        // thorough
        /// A WebSocket over which nothing is said outlives every timer of the
        /// HTTP server before it, or is closed with a Close.
        Guidance "hostile/slow/outlives-http/in-silence" ["6455-7.1.1-01"]
            seen "Node's keep-alive timer: akka-core #19945, nbio #17, \
                  node-http-proxy #1664"
            => in_silence;
        // thorough
        /// A client may take its time between two fragments: that outlives
        /// every timer of the HTTP server, or the server sends a Close.
        Guidance "hostile/slow/outlives-http/inside-a-message" ["6455-7.1.1-01"]
            => inside_a_message;
    }
}

mod opening {
    use super::*;

    table! { Dialer:
        // thorough
        /// The timer of a connection that waits for its next request ends when
        /// that comes: a WebSocket outlives it.
        Guidance "hostile/slow/outlives-http/behind-another-request" ["6455-7.1.1-01", "9112-9.3-01"]
            => behind_another_request;
        // thorough
        /// The deadline for the opening handshake ends with it.
        Guidance "hostile/slow/outlives-the-handshake-deadline/at-once" ["6455-10.7-01"]
            seen "hashview #528"
            => outlives_the_handshake_deadline(false);
        // thorough
        /// The deadline for the opening handshake ends with it, also if that
        /// took half of the time.
        Guidance "hostile/slow/outlives-the-handshake-deadline/in-parts" ["6455-10.7-01"]
            => outlives_the_handshake_deadline(true);
    }
}

pub(in crate::cases) use open::CASES as OPEN;
pub(in crate::cases) use opening::CASES as OPENING;

/// Over a minute with the usual patience.
fn long(patience: Duration) -> Duration {
    (patience * 31).min(Duration::from_secs(62))
}

/// How long it has to last, as far as the server does not declare to end it
/// sooner.
fn lasts(peer: &Peer, is_silent: bool) -> Duration {
    let declared = peer.declared();
    let idle = declared.idle_deadline.filter(|_| is_silent);
    let sooner = [declared.max_age, idle];
    let sooner = sooner.into_iter().flatten().min();
    let long = long(peer.patience());
    sooner.map_or(long, |sooner| long.min(sooner / 2))
}

/// With better words for an answer of HTTP, which is read as frames.
fn unless_http(peer: &Peer, finding: Finding) -> Finding {
    let is_http = peer.with_record(|record| {
        record
            .events()
            .iter()
            .any(|event| match &event.what {
                What::ReceivedFrame(frame) => {
                    // What `HTTP/` is as the beginning of a frame.
                    frame.header.rsv == 0b100
                        && frame.header.opcode == Opcode::CLOSE
                        && frame.payload.starts_with(b"TP/")
                }
                _ => false,
            })
    });
    match is_http {
        true => Finding::violation(
            "frames, as the connection is a WebSocket",
            "an answer of HTTP in the middle of it",
        ),
        false => finding,
    }
}

async fn in_use(peer: &mut Peer) -> Verdict {
    let until = Instant::now() + lasts(peer, false);
    let used = is_used_until(peer, until).await;
    used.map_err(|finding| unless_http(peer, finding))
}

/// Has a text echoed again and again.
async fn is_used_until(peer: &mut Peer, until: Instant) -> Verdict {
    let pause = peer.patience() / 2;
    while Instant::now() < until {
        let text = Frame::text("in use");
        peer.send(text.clone()).await?;
        peer.expect(text).await?;
        if let Some(got) = peer.arrives_within(pause).await? {
            return Err(Finding::violation(
                "a connection that goes on while it is used",
                got,
            ));
        }
    }
    peer.expect_nothing().await
}

async fn in_silence(peer: &mut Peer) -> Verdict {
    let lasted = says_nothing(peer).await;
    lasted.map_err(|finding| unless_http(peer, finding))?;
    peer.expect_nothing().await
}

/// Waits, and holds if nothing comes. A Close is an idle deadline of the
/// server's own.
async fn says_nothing(peer: &mut Peer) -> Verdict {
    let long = lasts(peer, true);
    let begun = Instant::now();
    match peer.arrives_within(long).await? {
        None => Ok(()),
        Some(got @ Incoming::Close(_)) => Err(Finding::Observed(format!(
            "the server closes an idle connection after {} s, with {got}",
            begun.elapsed().as_secs()
        ))),
        Some(got) => Err(Finding::violation(
            "a connection that goes on, or a CLOSE",
            got,
        )),
    }
}

async fn inside_a_message(peer: &mut Peer) -> Verdict {
    peer.send(Frame::text("first, ").unfinished())
        .await?;
    let lasted = says_nothing(peer).await;
    lasted.map_err(|finding| unless_http(peer, finding))?;
    peer.send(Frame::continuation("last")).await?;
    peer.expect(Frame::text("first, last")).await
}

async fn behind_another_request(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let first = dialer
        .request()
        .set("Sec-WebSocket-Version", "14");
    let answer = dialer.dial(first).await?;
    let goes_on = match answer.reply() {
        Reply::Head(head) => !head.fields.has_token("Connection", "close"),
        _ => false,
    };
    let ended = || {
        Finding::Unsupported(
            "the connection ends behind a refused request".to_owned(),
        )
    };
    if !goes_on || answer.is_switch() {
        return Err(ended());
    }
    let request = dialer.request();
    let answer = answer.again(&request).await?;
    if !answer.is_switch() {
        return Err(ended());
    }
    let mut peer = answer.into_peer()?;
    in_use(&mut peer).await
}

async fn outlives_the_handshake_deadline(
    dialer: &mut Dialer,
    in_parts: bool,
) -> Verdict {
    let endpoint = dialer.endpoint();
    let (declared, patience) = (endpoint.declared.clone(), endpoint.patience);
    let deadline = declared.handshake_deadline.ok_or_else(|| {
        Finding::Unsupported(
            "the server declares no handshake-deadline".to_owned(),
        )
    })?;
    let request = dialer.request();
    let mut peer = match in_parts {
        false => dialer.dial(request).await?.into_peer()?,
        true => {
            let head = request.head();
            let (half, rest) = head.split_at(head.len() / 2);
            let mut unopened = dialer.connect().await?;
            let begun = Instant::now();
            unopened.send(half).await?;
            if let Some(reply) = unopened.acts_before(deadline / 2).await {
                return Err(Finding::violation(
                    "the server to wait for the rest of the request",
                    reply,
                ));
            }
            if begun.elapsed() > deadline * 3 / 4 {
                return Err(Finding::Blocked(
                    "this machine is too slow for the declared deadline"
                        .to_owned(),
                ));
            }
            unopened
                .finish(rest, &request)
                .await?
                .into_peer()?
        }
    };
    let sooner = [declared.max_age, declared.idle_deadline];
    let sooner = sooner.into_iter().flatten().min();
    let until = deadline + patience;
    if sooner.is_some_and(|sooner| sooner <= until) {
        return Err(Finding::Unsupported(
            "the server declares to close the connection as soon".to_owned(),
        ));
    }
    match peer.arrives_within(until).await? {
        None => peer.expect_nothing().await,
        Some(got) => Err(Finding::violation(
            "an open connection to outlive the deadline for its handshake",
            got,
        )),
    }
}
