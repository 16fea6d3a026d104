//! Clients that stop reading for a moment, and read on.

use rfc6455::{Frame, StatusCode};

use super::super::unread::{Came, Talk, stop_reading};
use super::is_fitting_for_too_much;
use crate::case::family;
use crate::peer::{Incoming, Peer};
use crate::verdict::{Finding, Verdict};

family! { STALLS, Peer:
    /// A client that stops reading and reads on later gets every echo, in
    /// order, and the connection goes on; or the server closes it with 1008,
    /// 1009, 1011 or 1013.
    Guidance "hostile/slow/stalls-and-reads-on/" ["6455-6.1-05", "6455-5.4-02"]
        => stalls_and_reads_on;

    "long" (Talk::Long);
    "short" (Talk::Short);
    "with-pings" (Talk::WithPings);
    "fragmented" (Talk::Fragmented);
}

async fn stalls_and_reads_on(peer: &mut Peer, talk: Talk) -> Verdict {
    const EXPECTED: &str = "every echo, or a CLOSE 1008, 1009, 1011 or 1013";
    let mut due = stop_reading(peer, talk).await;
    due.read_on(peer, Vec::new()).await?;
    match due.comes(peer, false).await? {
        Came::Everything => {}
        Came::Other(got @ Incoming::Close(_)) => {
            is_fitting_for_too_much(got, EXPECTED)?;
            return peer.expect_end().await.map(drop);
        }
        // It declares to do so.
        Came::Other(Incoming::End(_)) if due.is_over(peer) => return Ok(()),
        Came::Other(got) => return Err(Finding::violation(EXPECTED, got)),
    }
    goes_on(peer)
        .await
        .map_err(|finding| match finding {
            Finding::Violation { got, .. } => Finding::violation(
                "an echo, a PONG and the answer to a CLOSE after the pause",
                got,
            ),
            other => other,
        })
}

async fn goes_on(peer: &mut Peer) -> Verdict {
    peer.expect_nothing().await?;
    peer.send(Frame::ping("after it")).await?;
    peer.expect(Frame::pong("after it")).await?;
    peer.send(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        .await?;
    peer.expect_close().await?;
    peer.expect_end().await.map(drop)
}
