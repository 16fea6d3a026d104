//! Control frames in masses, or at the worst moment.

use rfc6455::{Frame, StatusCode};

use super::{at_most_declared, echo_or_limit};
use crate::case::cases;
use crate::peer::{Cut, Incoming, Peer};
use crate::record::End;
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// Of very many Pings the last is answered, or they are too many.
    Guidance "hostile/control/many-pings" ["6455-5.5.2-01", "6455-5.5.3-02"]
        => many_pings;
    /// Very many Pongs that nobody asked for are passed over, or too many.
    Guidance "hostile/control/many-pongs" ["6455-5.5.3-03"]
        seen "CVE-2021-3690 (Undertow)"
        => many_pongs;
    /// A Ping behind a long message is answered, before its echo or behind:
    /// nothing gets stuck.
    Guidance "hostile/control/ping-behind-a-long-message" ["6455-5.5.2-02"]
        => ping_behind_a_long_message;
    /// What is sent behind a Close, however much, is not processed, and the
    /// connection ends all the same.
    Guidance "hostile/control/data-behind-close" ["6455-5.5.1-10", "6455-5.5.1-08"]
        => data_behind_close;
}

async fn many_pings(peer: &mut Peer) -> Verdict {
    let one = Frame::ping(vec![b'p'; 125]);
    peer.flood(&one, 10_000).await?;
    peer.send(Frame::ping("last")).await?;
    let mut before = 0;
    loop {
        match peer.next().await? {
            Incoming::Pong(payload) if payload == *"last" => return Ok(()),
            Incoming::Pong(payload)
                if payload == one.payload && before < 10_000 =>
            {
                before += 1;
            }
            Incoming::End(End::Fin | End::Reset) => return Ok(()),
            Incoming::Close(_) => return peer.expect_end().await.map(drop),
            got => {
                return Err(Finding::violation(
                    "a PONG for each PING or fewer, and PONG \"last\"",
                    got,
                ));
            }
        }
    }
}

async fn many_pongs(peer: &mut Peer) -> Verdict {
    peer.flood(&Frame::pong(vec![b'p'; 125]), 10_000)
        .await?;
    let text = Frame::text("behind them");
    peer.send(text.clone()).await?;
    echo_or_limit(peer, Incoming::from(text)).await
}

async fn ping_behind_a_long_message(peer: &mut Peer) -> Verdict {
    let length = at_most_declared(peer, 512 << 10) / 16;
    let part = Frame::continuation(vec![b'l'; length]).unfinished();
    peer.send(Frame::binary("").unfinished()).await?;
    peer.flood(&part, 16).await?;
    peer.send(Frame::continuation("")).await?;
    peer.send(Frame::ping("behind")).await?;
    let echo = Incoming::from(Frame::binary(vec![b'l'; 16 * length]));
    let pong = Incoming::from(Frame::pong("behind"));
    let (first, second) = (peer.next().await?, peer.next().await?);
    if (first == echo && second == pong) || (first == pong && second == echo) {
        return Ok(());
    }
    Err(Finding::violation(
        "the echo and PONG \"behind\", in any order",
        format_args!("{first}, then {second}"),
    ))
}

async fn data_behind_close(peer: &mut Peer) -> Verdict {
    let text = Frame::text("d".repeat(1000));
    let close = Frame::close(StatusCode::NORMAL_CLOSURE, "");
    peer.send_cut(Cut::Together, [close, text.clone()])
        .await?;
    peer.flood(&text, 1000).await?;
    match peer.next().await? {
        Incoming::Close(_) => peer.expect_end().await.map(drop),
        // What was not read may have cost the Close on its way.
        Incoming::End(End::Reset) => Ok(()),
        got => Err(Finding::violation("a CLOSE, then the end", got)),
    }
}
