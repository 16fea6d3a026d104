//! Clients that are slow, or silent, or half there. The deadlines are the
//! server's own: it declares them.

use std::time::Duration;

use rfc6455::{Frame, Opcode};

use super::{has_given_up, others_are_served};
use crate::case::cases as table;
use crate::dialer::{Dialer, Reply};
use crate::peer::{Incoming, Peer, Poured};
use crate::verdict::{Finding, Verdict};

mod handshake {
    use super::*;

    table! { Dialer:
        /// A client that connects and says nothing is not waited for longer
        /// than the declared deadline.
        Guidance "hostile/slow/no-request" ["6455-10.7-01"]
            => no_request;
        /// A client that sends its request octet by octet, and never is silent,
        /// is not waited for longer than the declared deadline.
        Guidance "hostile/slow/request-without-end" ["6455-10.7-01"]
            => request_without_end;
        /// Two hundred clients that stop in the middle of their requests keep
        /// nobody else from being served.
        Guidance "hostile/slow/many-half-requests" ["6455-10.7-01"]
            => many_half_requests;
    }
}

mod open {
    use super::*;

    table! { Peer:
        /// A client that answers none of three Pings is dropped.
        Guidance "hostile/slow/pings-unanswered" ["6455-5.5.2-03"]
            => pings_unanswered;
        /// A client that does not answer the server's Close does not keep the
        /// connection open for longer than the declared deadline.
        Guidance "hostile/slow/close-unanswered" ["6455-7.1.2-03", "6455-7.1.1-01"]
            seen "CVE-2024-23672 (Tomcat)"
            => close_unanswered;
        /// A client that only answers Pings is closed behind the declared
        /// deadline, and told so.
        Guidance "hostile/slow/no-message" ["6455-7.1.1-01"]
            => no_message;
        /// A connection does not become older than declared, whatever is said
        /// over it, and the client is told so.
        Guidance "hostile/slow/too-old" ["6455-7.1.1-01"]
            => too_old;
        /// A client that reads nothing of what it asks for is dropped behind
        /// the declared deadline.
        Guidance "hostile/slow/reads-nothing" ["6455-10.4-01"]
            seen "RUSTSEC-2020-0043 (ws-rs)"
            => reads_nothing;
    }
}

pub(in crate::cases) use handshake::CASES as HANDSHAKE;
pub(in crate::cases) use open::CASES as OPEN;

fn undeclared(key: &str) -> Finding {
    Finding::Unsupported(format!("the server declares no {key}"))
}

fn handshake_deadline(dialer: &Dialer) -> Result<Duration, Finding> {
    let deadline = dialer.endpoint().declared.handshake_deadline;
    deadline.ok_or_else(|| undeclared("handshake-deadline"))
}

async fn no_request(dialer: &mut Dialer) -> Verdict {
    let deadline = handshake_deadline(dialer)?;
    let patience = dialer.endpoint().patience;
    let mut unopened = dialer.connect().await?;
    has_given_up(&unopened.acts_within(deadline + patience).await)
}

async fn request_without_end(dialer: &mut Dialer) -> Verdict {
    let deadline = handshake_deadline(dialer)?;
    let until = deadline + dialer.endpoint().patience;
    let head = dialer.request().head();
    let mut unopened = dialer.connect().await?;
    unopened.send(&head[..head.len() - 2]).await?;
    // More field than there is time for.
    let each = (deadline / 20).max(Duration::from_millis(5));
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < until {
        let octet = if begun.elapsed() < each {
            b"X-Slow: "
        } else {
            &b"x"[..]
        };
        unopened.send(octet).await?;
        match unopened.acts_within(each).await {
            Reply::Silence(_) => {}
            reply => return has_given_up(&reply),
        }
    }
    Err(Finding::violation(
        format_args!("the end of the connection within {deadline:?}"),
        "the server still reads",
    ))
}

async fn many_half_requests(dialer: &mut Dialer) -> Verdict {
    if dialer
        .endpoint()
        .declared
        .max_connections
        .is_some()
    {
        return Err(Finding::Unsupported(
            "the server declares to take only so many connections".to_owned(),
        ));
    }
    dialer.open().await?;
    let head = dialer.request().head();
    let mut half = Vec::new();
    for _ in 0..200 {
        let mut unopened = dialer.connect().await?;
        unopened.send(&head[..head.len() / 2]).await?;
        half.push(unopened);
    }
    others_are_served(dialer).await
}

async fn pings_unanswered(peer: &mut Peer) -> Verdict {
    let interval = peer.declared().ping_interval;
    let interval = interval.ok_or_else(|| undeclared("ping-interval"))?;
    let closing = peer.declared().close_deadline.unwrap_or(interval);
    peer.falls_silent();
    match peer.next_within(interval * 4).await? {
        Incoming::End(_) => Ok(()),
        Incoming::Close(_) => match peer.next_within(closing).await? {
            Incoming::End(_) => Ok(()),
            got => Err(Finding::violation("the end behind the CLOSE", got)),
        },
        got => Err(Finding::violation("the end of the connection", got)),
    }
}

/// Holds if a Close is behind this, and then the end.
async fn ends_behind_close(peer: &mut Peer, first: Incoming) -> Verdict {
    if !matches!(first, Incoming::Close(_)) {
        return Err(Finding::violation("a CLOSE", first));
    }
    let closing = peer.declared().close_deadline.unwrap_or_default();
    match peer.next_within(closing).await? {
        Incoming::End(_) => Ok(()),
        got => Err(Finding::violation("the end behind the CLOSE", got)),
    }
}

async fn no_message(peer: &mut Peer) -> Verdict {
    let deadline = peer.declared().idle_deadline;
    let deadline = deadline.ok_or_else(|| undeclared("idle-deadline"))?;
    // Whoever closes at once does not wait for anything.
    peer.expect_nothing().await?;
    let first = peer.next_within(deadline).await?;
    ends_behind_close(peer, first).await
}

async fn too_old(peer: &mut Peer) -> Verdict {
    let deadline = peer.declared().max_age;
    let deadline = deadline.ok_or_else(|| undeclared("max-age"))?;
    peer.expect_nothing().await?;
    let begun = tokio::time::Instant::now();
    let text = Frame::text("still here");
    while begun.elapsed() < deadline {
        peer.send(text.clone()).await?;
        // An echo, and then nothing until the next is sent.
        while let Some(got) = peer.arrives_within(deadline / 20).await? {
            if got != Incoming::from(text.clone()) {
                return ends_behind_close(peer, got).await;
            }
        }
    }
    loop {
        match peer.next_within(Duration::ZERO).await? {
            got if got == Incoming::from(text.clone()) => {}
            got => return ends_behind_close(peer, got).await,
        }
    }
}

async fn reads_nothing(peer: &mut Peer) -> Verdict {
    let deadline = peer.declared().send_deadline;
    let deadline = deadline.ok_or_else(|| undeclared("send-deadline"))?;
    let most = peer
        .declared()
        .max_frame
        .or(peer.declared().max_message);
    let size = most.map_or(4096, |most| most.min(4096));
    let size = usize::try_from(size).unwrap_or(4096);
    let frame = Frame::binary(vec![b'e'; size]);
    // Sixteen times what the kernel keeps for a connection on both sides.
    let count = (64 << 20) / size.max(1);
    let stall = deadline + peer.patience();
    match peer.pour_against(&frame, count, stall).await {
        Poured::Ended => Ok(()),
        Poured::Stalled => Err(Finding::violation(
            format_args!("the end of the connection within {deadline:?}"),
            "it is still open",
        )),
        Poured::Taken => Err(Finding::violation(
            "the end of the connection",
            "64 MiB were taken of a client that reads nothing",
        )),
    }
}

async fn close_unanswered(peer: &mut Peer) -> Verdict {
    let deadline = peer.declared().close_deadline;
    let deadline = deadline.ok_or_else(|| undeclared("close-deadline"))?;
    peer.falls_silent();
    // A reserved opcode, so that the server is the one that closes.
    let reserved = Opcode::new(0xB).unwrap_or(Opcode::PING);
    peer.send(Frame::new(reserved, "")).await?;
    loop {
        match peer.next_within(deadline).await? {
            Incoming::End(_) => return Ok(()),
            Incoming::Close(_) => {}
            got => {
                return Err(Finding::violation(
                    format_args!(
                        "the end of the connection within {deadline:?}"
                    ),
                    got,
                ));
            }
        }
    }
}
