//! Connections that end at the worst moment, or stand beside each other.

use rfc6455::{Frame, MaskingKey};

use super::{nobody_is_served, others_are_served};
use crate::case::{cases, family};
use crate::dialer::Dialer;
use crate::peer::Peer;
use crate::verdict::Verdict;

family! { RESET, Dialer:
    /// Twenty clients that vanish with RST, each at the same moment, harm
    /// nobody else.
    Guidance "hostile/connections/reset/" ["6455-7.1.4-01"]
        => reset;

    "before-the-request" (When::BeforeTheRequest);
    "inside-the-request" (When::InsideTheRequest);
    "behind-the-request" (When::BehindTheRequest);
    "open" (When::Open);
    "inside-a-frame" (When::InsideAFrame);
    "inside-a-message" (When::InsideAMessage);
    "inside-an-echo" (When::InsideAnEcho);
    "behind-the-close" (When::BehindTheClose);
}

cases! { Dialer:
    /// What is sent over one connection never comes back over another, and
    /// each keeps its order, however the two are cut and mixed.
    Guidance "hostile/connections/no-cross-talk" ["6455-5.4-09"]
        => no_cross_talk;
}

/// The moment at which a client vanishes.
#[derive(Clone, Copy)]
enum When {
    BeforeTheRequest,
    InsideTheRequest,
    BehindTheRequest,
    Open,
    InsideAFrame,
    InsideAMessage,
    InsideAnEcho,
    BehindTheClose,
}

async fn reset(dialer: &mut Dialer, when: When) -> Verdict {
    dialer.open().await?;
    for _ in 0..20 {
        let vanished = vanish(dialer, when).await;
        vanished.map_err(|finding| nobody_is_served(&finding))?;
    }
    // The first may have been accepted before the server saw what happened.
    for _ in 0..3 {
        others_are_served(dialer).await?;
    }
    Ok(())
}

async fn vanish(dialer: &mut Dialer, when: When) -> Verdict {
    let head = dialer.request().head();
    let sent = match when {
        When::BeforeTheRequest => &[],
        When::InsideTheRequest => &head[..head.len() / 2],
        When::BehindTheRequest => &head[..],
        _ => return vanish_open(dialer.open().await?, when).await,
    };
    let mut unopened = dialer.connect().await?;
    if !sent.is_empty() {
        unopened.send(sent).await?;
    }
    unopened.reset();
    Ok(())
}

async fn vanish_open(mut peer: Peer, when: When) -> Verdict {
    match when {
        When::InsideAFrame => peer.send_octets(b"\x81\x85\0\0\0\0hel").await?,
        When::InsideAMessage => {
            peer.send(Frame::text("begun").unfinished())
                .await?;
        }
        When::InsideAnEcho => {
            peer.pour(&Frame::binary(vec![b'e'; 60_000]), 4)
                .await;
        }
        When::BehindTheClose => {
            peer.send(Frame::close_without_code()).await?;
        }
        _ => {}
    }
    peer.reset();
    Ok(())
}

/// While a frame of one connection is half there, the other is served.
async fn no_cross_talk(dialer: &mut Dialer) -> Verdict {
    let mut one = dialer.open().await?;
    let mut other = dialer.open().await?;
    for n in 0..300 {
        let cut = Frame::text(format!("one {n}"));
        let whole = Frame::text(format!("other {n}"));
        let mut octets = Vec::new();
        cut.clone()
            .masked(MaskingKey([1, 2, 3, 4]))
            .encode(&mut octets);
        // Not always at the same place.
        let (first, rest) = octets.split_at(1 + n % (octets.len() - 1));
        one.send_octets(first).await?;
        other.send(whole.clone()).await?;
        other.expect(whole).await?;
        one.send_octets(rest).await?;
        one.expect(cut).await?;
    }
    Ok(())
}
