//! §7.1.1 and §7.1.4: how TCP ends, in order or because the client is gone.

use std::time::Duration;

use rfc6455::{Frame, Opcode, StatusCode};

use crate::case::{cases, family};
use crate::measured::Measured;
use crate::peer::{Incoming, Peer};
use crate::record::End;
use crate::stream::Over;
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// After a clean closing handshake TCP ends in order: FIN, not RST.
    Should "6455/7.1.1/tcp-ends-in-order" ["6455-7.1.1-01", "6455-7.1.1-03"]
        => tcp_ends_in_order;
}

family! { LOST, Peer:
    /// A client that ends its side without a Close has gone: the server ends
    /// the connection, too.
    Should "6455/7.1.4/lost-connection-is-ended/" ["6455-7.1.4-01"]
        => lost_connection_is_ended;

    "open" (b"");
    "after-a-message" (b"\x81\x82\0\0\0\0hi");
    "inside-a-header" (b"\x81");
    "inside-a-frame" (b"\x81\x85\0\0\0\0hel");
    "inside-a-message" (b"\x01\x82\0\0\0\0he");
}

family! { OWN_CLOSE, Peer:
    /// A server that sends its Close first still takes what the client sends
    /// until it has answered: TCP does not end with RST.
    Should "6455/7.1.1/own-close-waits-for-the-answer/" ["6455-7.1.1-01"]
        => own_close_waits;

    "failing" (First::Failing);
}

family! { OWN_CLOSE_LATE, Peer thorough:
    /// A server that sends its Close first still takes what the client sends
    /// until it has answered: TCP does not end with RST.
    Should "6455/7.1.1/own-close-waits-for-the-answer/" ["6455-7.1.1-01"]
        => own_close_waits;

    "idle" (First::Idle);
    "old" (First::Old);
}

pub(in crate::cases) mod process {
    //! The same of a server that ends.

    use super::*;

    cases! { Measured:
        /// A server that shuts down still takes what the client sends until it
        /// has answered the Close: TCP does not end with RST.
        Should "6455/7.1.1/own-close-waits-for-the-answer/shutdown" ["6455-7.1.1-01", "6455-7.1.2-01"]
            => shutdown_waits;
    }
}

/// Why the server sends its Close first.
#[derive(Clone, Copy)]
enum First {
    Failing,
    Idle,
    Old,
}

async fn tcp_ends_in_order(peer: &mut Peer) -> Verdict {
    peer.send(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        .await?;
    peer.answer_to_close().await?;
    match peer.expect_end().await? {
        End::Fin => Ok(()),
        other => Err(Finding::violation(End::Fin, other)),
    }
}

/// A Close may come before the end, and the echo of a whole message.
async fn lost_connection_is_ended(
    peer: &mut Peer,
    octets: &'static [u8],
) -> Verdict {
    if !octets.is_empty() {
        peer.send_octets(octets).await?;
    }
    peer.end().await;
    loop {
        match peer.next().await? {
            Incoming::Message(..) | Incoming::Close(_) => {}
            Incoming::End(_) => return Ok(()),
            got => {
                return Err(Finding::violation(
                    "the end of the connection",
                    got,
                ));
            }
        }
    }
}

async fn own_close_waits(peer: &mut Peer, first: First) -> Verdict {
    if peer.endpoint().over == Over::Http2 {
        return Err(Finding::Unsupported("it is about TCP".to_owned()));
    }
    let declared = peer.declared();
    let (key, deadline) = match first {
        First::Failing => ("", Some(Duration::ZERO)),
        First::Idle => ("idle-deadline", declared.idle_deadline),
        First::Old => ("max-age", declared.max_age),
    };
    let deadline = deadline.ok_or_else(|| {
        Finding::Unsupported(format!("the server declares no {key}"))
    })?;
    peer.falls_silent();
    if let First::Failing = first {
        let reserved = Opcode::new(0xB).unwrap_or(Opcode::PING);
        peer.send(Frame::new(reserved, "")).await?;
    }
    answers_late(peer, deadline).await
}

async fn shutdown_waits(measured: &mut Measured) -> Verdict {
    let deadline = measured.declared().shutdown_deadline;
    let deadline = deadline.ok_or_else(|| {
        Finding::Unsupported(
            "the server declares no shutdown-deadline".to_owned(),
        )
    })?;
    let mut peer = measured.open().await?;
    peer.expect_nothing().await?;
    peer.falls_silent();
    measured.terminate();
    answers_late(&mut peer, deadline).await
}

/// Sends what was under way when the server's Close came, and the answer to
/// it; and holds if that is taken, and TCP ends in order.
async fn answers_late(peer: &mut Peer, deadline: Duration) -> Verdict {
    const EXPECTED: &str = "FIN, and no RST for what the client still sends";
    match peer.next_within(deadline).await? {
        Incoming::Close(_) => {}
        // Whether a Close comes is another case's matter.
        Incoming::End(_) => return Ok(()),
        got => {
            return Err(Finding::Blocked(format!(
                "the server has not sent a CLOSE of its own: {got}"
            )));
        }
    }
    // A server that does not wait has ended TCP now.
    peer.apart().await;
    peer.send(Frame::text("l".repeat(1024))).await?;
    peer.apart().await;
    peer.send(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        .await?;
    if peer.has_failed_to_send() {
        return Err(Finding::violation(EXPECTED, End::Reset));
    }
    match peer.next().await? {
        Incoming::End(End::Fin) => Ok(()),
        got => Err(Finding::violation(EXPECTED, got)),
    }
}
