//! §7.4, status codes: which may come in a Close, and which may not.

use rfc6455::{Frame, StatusCode};

use super::s5_5_control_frames::close_fails;
use crate::case::{cases, family};
use crate::peer::{Cut, Incoming, Peer};
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// What becomes of messages that a Close follows at once is left open.
    May "6455/5.5.1/messages-before-a-close" ["6455-5.5.1-07"] autobahn "7.1.6"
        => messages_before_a_close;
}

family! { VALID, Peer:
    /// A Close with a code that an endpoint may send is answered with the
    /// same code, with 1000, or without one.
    Must "6455/7.4/valid-code-is-answered/" ["6455-5.5.1-04", "6455-7.4.2-03"]
        => valid_code_is_answered;
    "1000" autobahn "7.7.1" (1000);
    "1001" autobahn "7.7.2" (1001);
    "1002" autobahn "7.7.3" (1002);
    "1003" autobahn "7.7.4" (1003);
    "1007" autobahn "7.7.5" (1007);
    "1008" autobahn "7.7.6" (1008);
    "1009" autobahn "7.7.7" (1009);
    "1010" autobahn "7.7.8" (1010);
    "1011" autobahn "7.7.9" (1011);
    "3000" autobahn "7.7.10" (3000);
    "3999" autobahn "7.7.11" (3999);
    "4000" autobahn "7.7.12" (4000);
    "4999" autobahn "7.7.13" (4999);
}

family! { REGISTERED_LATER, Peer:
    /// A Close with a code that was registered after the RFC is answered as
    /// any other.
    Should "6455/7.4/later-code-is-answered/" ["6455-7.4.1-07"]
        => valid_code_is_answered;
    "1012" (1012);
    "1013" (1013);
    "1014" (1014);
}

family! { NEVER_SENT, Peer:
    /// A Close with a code that never is on the wire fails the connection.
    Should "6455/7.4/invalid-code-fails/" ["6455-7.4.1-01", "6455-7.4.1-02", "6455-7.4.1-03"]
        => invalid_code_fails;
    "1005" autobahn "7.9.4" (1005);
    "1006" autobahn "7.9.5" (1006);
    "1015" (1015);
}

family! { NOT_RETURNED, Peer:
    /// A code that never is on the wire is not sent by the server either, not
    /// even to a client that has sent it.
    Must "6455/7.4.1/reserved-code-is-not-sent/" ["6455-7.4.1-01", "6455-7.4.1-02", "6455-7.4.1-03"]
        => reserved_code_is_not_sent;
    "1005" (1005);
    "1006" (1006);
    "1015" (1015);
}

family! { NOT_ASSIGNED, Peer:
    /// A Close with a code that has no meaning fails the connection.
    Should "6455/7.4/invalid-code-fails/" ["6455-7.4.1-04", "6455-7.4.2-01", "6455-7.4.2-02"]
        => invalid_code_fails;
    "0" autobahn "7.9.1" (0);
    "999" autobahn "7.9.2" (999);
    "1004" autobahn "7.9.3" (1004);
    "1016" autobahn "7.9.6" (1016);
    "1100" autobahn "7.9.7" (1100);
    "2000" autobahn "7.9.8" (2000);
    "2999" autobahn "7.9.9" (2999);
}

family! { OUT_OF_RANGE, Peer:
    /// A Close with a code above all ranges fails the connection.
    Should "6455/7.4/invalid-code-fails/" ["6455-7.4.2-04"]
        => invalid_code_fails;
    "5000" autobahn "7.13.1" (5000);
    "32768" (32768);
    "65535" autobahn "7.13.2" (65535);
}

async fn valid_code_is_answered(peer: &mut Peer, code: u16) -> Verdict {
    peer.send(Frame::close(StatusCode(code), ""))
        .await?;
    let answer = peer.expect_close().await?;
    match answer.status_code() {
        None | Some(StatusCode::NORMAL_CLOSURE) => Ok(()),
        Some(answered) if answered == StatusCode(code) => Ok(()),
        Some(_) => Err(Finding::violation(
            format_args!("CLOSE {code}, CLOSE 1000 or a CLOSE without a code"),
            answer,
        )),
    }
}

async fn invalid_code_fails(peer: &mut Peer, code: u16) -> Verdict {
    close_fails(peer, Frame::close(StatusCode(code), "")).await
}

async fn messages_before_a_close(peer: &mut Peer) -> Verdict {
    let long = b"BAsd7&jh23"
        .iter()
        .copied()
        .cycle()
        .take(262_144);
    let long = Frame::text(long.collect::<Vec<_>>());
    let short = Frame::text("Hello World!");
    let frames = [
        long.clone(),
        short.clone(),
        Frame::close(StatusCode::NORMAL_CLOSURE, ""),
        Frame::ping(""),
    ];
    peer.send_cut(Cut::Together, frames).await?;
    let mut echoed = 0;
    loop {
        match peer.next().await? {
            Incoming::Message(..) => echoed += 1,
            Incoming::Pong(_) => {}
            Incoming::Close(_) | Incoming::End(_) | Incoming::Silence(_) => {
                return Err(Finding::Observed(format!(
                    "{echoed} of 2 messages are echoed before the CLOSE"
                )));
            }
        }
    }
}

async fn reserved_code_is_not_sent(peer: &mut Peer, code: u16) -> Verdict {
    peer.send(Frame::close(StatusCode(code), ""))
        .await?;
    // The peer takes such a code for what no server may send.
    peer.next().await.map(drop)
}
