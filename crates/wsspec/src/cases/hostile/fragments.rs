//! Messages in very many fragments.

use rfc6455::{Frame, Opcode};

use super::super::until_failed;
use super::echo_or_limit;
use crate::case::cases;
use crate::peer::{Cut, Incoming, Peer};
use crate::record::End;
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// A hundred thousand fragments without an octet are still the message
    /// that they are a part of, or too many.
    Guidance "hostile/fragments/many-empty" ["6455-5.4-06", "6455-10.4-01"]
        seen "actix-extras #651, ws #2329"
        => many_empty;
    /// Fragments of one octet each are a message, or too many.
    Guidance "hostile/fragments/one-octet-each" ["6455-5.4-05", "6455-10.4-01"]
        seen "CVE-2026-48779 (ws)"
        => one_octet_each;
    /// A thousand fragments at once are one message, and it does not get
    /// stuck.
    Guidance "hostile/fragments/thousand-at-once" ["6455-5.4-05"]
        seen "actix-extras #607"
        => thousand_at_once;
    /// Pings between the fragments of a long message are answered in order,
    /// the last in any case, and the message is whole; or they are too many.
    Guidance "hostile/fragments/ping-between-each" ["6455-5.4-04"]
        => ping_between_each;
    /// Text that is not UTF-8 is not collected on: the connection fails while
    /// fragment after fragment still comes.
    Guidance "hostile/fragments/more-behind-invalid-text" ["6455-8.1-02"]
        => more_behind_invalid_text;
}

async fn many_empty(peer: &mut Peer) -> Verdict {
    peer.send(Frame::text("be").unfinished()).await?;
    let empty = Frame::continuation("").unfinished();
    peer.flood(&empty, 100_000).await?;
    peer.send(Frame::continuation("gin")).await?;
    echo_or_limit(peer, Incoming::from(Frame::text("begin"))).await
}

async fn one_octet_each(peer: &mut Peer) -> Verdict {
    peer.send(Frame::binary("o").unfinished()).await?;
    let one = Frame::continuation("o").unfinished();
    peer.flood(&one, 40_000).await?;
    peer.send(Frame::continuation("o")).await?;
    let whole = vec![b'o'; 40_002];
    echo_or_limit(peer, Incoming::from(Frame::binary(whole))).await
}

async fn thousand_at_once(peer: &mut Peer) -> Verdict {
    let first = Frame::text("1").unfinished();
    let more = Frame::continuation("2").unfinished();
    let frames = [first]
        .into_iter()
        .chain(vec![more; 998])
        .chain([Frame::continuation("3")]);
    peer.send_cut(Cut::Together, frames).await?;
    let whole = format!("1{}3", "2".repeat(998));
    echo_or_limit(peer, Incoming::from(Frame::text(whole))).await
}

async fn ping_between_each(peer: &mut Peer) -> Verdict {
    const COUNT: usize = 2000;
    let ping = |n: usize| Frame::ping(format!("{n}"));
    let mut next = 0;
    let pairs = (0..COUNT)
        .flat_map(|n| [ping(n), Frame::continuation("f").unfinished()]);
    let frames = [Frame::new(Opcode::TEXT, "").unfinished()]
        .into_iter()
        .chain(pairs)
        .chain([Frame::continuation("")]);
    peer.send_cut(Cut::Together, frames).await?;
    let echo = Incoming::from(Frame::text("f".repeat(COUNT)));
    loop {
        let got = peer.next().await?;
        if got == echo && next == COUNT {
            return Ok(());
        }
        // §5.5.3: answering only the latest of several is allowed.
        if matches!(got, Incoming::End(End::Fin | End::Reset)) {
            return Ok(());
        }
        let answered = (next..COUNT).find(|n| match &got {
            Incoming::Pong(payload) => *payload == n.to_string(),
            _ => false,
        });
        let Some(answered) = answered else {
            return Err(Finding::violation(
                match next {
                    COUNT => "the whole message".to_owned(),
                    next => format!("PONG \"{next}\", or a later one"),
                },
                got,
            ));
        };
        next = answered + 1;
    }
}

async fn more_behind_invalid_text(peer: &mut Peer) -> Verdict {
    peer.send(Frame::text("valid").unfinished())
        .await?;
    peer.send(Frame::continuation(b"\xff\xff".to_vec()).unfinished())
        .await?;
    // Less than any limit, so that the limit isn't what ends it.
    let more = Frame::continuation(vec![b'm'; 4096]).unfinished();
    peer.flood(&more, 32).await?;
    until_failed(peer, &[]).await.map(drop)
}
