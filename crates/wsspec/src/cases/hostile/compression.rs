//! Compressed messages that cost a client little and could cost a server much.
//!
//! A MiB of zeros is a KiB when it is compressed, and the same KiB again is
//! the next MiB: so a bomb costs nothing to make. What is sent stays within
//! the declared limit, so that only what it inflates to is over it.

use std::sync::LazyLock;

use rfc6455::Frame;
use rfc7692::{Blocks, Compressor, Inflater, NAME, NotInflated, RSV1, TAIL};

use super::super::until_failed;
use super::{
    echo_or_limit, is_fitting_for_too_much, nobody_is_served, others_are_served,
};
use crate::case::{cases, family};
use crate::endpoint::Declared;
use crate::opener::Opener;
use crate::peer::{Cut, Incoming, Peer, cut};
use crate::verdict::{Finding, Verdict};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

cases! { Opener:
    /// A bomb, a compressed message that inflates to a GiB, fails the
    /// connection, and others are served.
    Guidance "hostile/compression/bomb" ["7692-8-02", "6455-10.4-01"]
        seen "CVE-2018-1000518 (websockets), CVE-2026-1526 (undici), \
              Tornado #2391"
        => bomb_is_too_much(|bomb| vec![bomb]);
    /// A bomb in thousands of fragments is one all the same.
    Guidance "hostile/compression/bomb-in-fragments" ["7692-8-02", "6455-10.4-01"]
        seen "CVE-2026-48779 (ws)"
        => bomb_is_too_much(in_fragments);
    /// A bomb behind other messages, to which it refers, is one all the same.
    Guidance "hostile/compression/bomb-behind-messages" ["7692-8-02", "6455-10.4-01"]
        => bomb_behind_messages;
    /// Compressed data that does not inflate fails its own connection, and no
    /// other.
    Guidance "hostile/compression/garbage-fails-alone" ["7692-7.2.2-02", "6455-10.7-01"]
        => garbage_fails_alone;
}

family! { EMPTY_BLOCKS, Deflated:
    /// A message with thousands of empty blocks in it is echoed, or they are
    /// too many.
    Guidance "hostile/compression/empty-blocks/" ["7692-7.2.3-01"]
        => empty_blocks;

    "stored" (|it| it.stored(b""));
    "fixed" (|it| it.fixed(b""));
    "dynamic" (|it| it.dynamic(b""));
}

/// What the server declares as its largest message: as much as a bomb can be
/// told from.
fn limit(declared: &Declared) -> Result<u64, Finding> {
    let limit = declared.max_message;
    let limit = limit.filter(|limit| (4 * KIB..=64 * MIB).contains(limit));
    limit.ok_or_else(|| {
        Finding::Unsupported(
            "the server declares no max-message of 4 KiB to 64 MiB".to_owned(),
        )
    })
}

/// How many octets a message may have when it is compressed.
fn room(declared: &Declared) -> usize {
    let room = [declared.max_message, declared.max_frame];
    let room = room.into_iter().flatten().min();
    room.and_then(|room| usize::try_from(room).ok())
        .unwrap_or(usize::MAX)
}

/// A MiB of zeros, compressed, with its tail: what follows it begins with a
/// whole octet, and refers to nothing before.
static ZEROS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let zeros = vec![0; 1 << 20];
    let mut compressed = Compressor::new(15, false).message(&zeros);
    compressed.extend_from_slice(&TAIL);
    compressed
});

/// A message that inflates to a GiB, or to what the declared limits let it
/// have when it is compressed.
fn bomb(declared: &Declared) -> Frame {
    let fits = room(declared) / ZEROS.len();
    let mut payload = ZEROS.repeat(fits.clamp(1, 1024));
    payload.truncate(payload.len() - TAIL.len());
    Frame::binary(payload).with_rsv(RSV1)
}

/// Ten thousand of them, or as many as there are octets.
fn in_fragments(bomb: Frame) -> Vec<Frame> {
    let each = bomb.payload.len().div_ceil(10_000);
    cut(bomb, each)
}

async fn bomb_is_too_much(
    opener: &mut Opener,
    frames: fn(Frame) -> Vec<Frame>,
) -> Verdict {
    let mut peer = opener.deflated(NAME).await?;
    limit(peer.declared())?;
    let bomb = bomb(peer.declared());
    peer.send_cut(Cut::UntilAnswered, frames(bomb))
        .await?;
    is_too_much(&mut peer).await?;
    others_are_served(opener.dialer()).await
}

async fn bomb_behind_messages(opener: &mut Opener) -> Verdict {
    let mut peer = opener.deflated(NAME).await?;
    let limit = limit(peer.declared())?;
    let zeros = |length: u64| {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Frame::binary(vec![0; length])
    };
    for _ in 0..20 {
        let message = zeros(limit.min(64 * KIB));
        peer.send_compressed(message.clone()).await?;
        peer.expect(message).await?;
    }
    // Its first octet refers to them, unless the server asks for no takeover.
    let bomb = peer.compress(zeros(limit + 1));
    peer.send_cut(Cut::UntilAnswered, [bomb]).await?;
    is_too_much(&mut peer).await?;
    others_are_served(opener.dialer()).await
}

/// Holds if the connection ends because it is too much: without a Close, or
/// with one that says so.
async fn is_too_much(peer: &mut Peer) -> Verdict {
    let (close, _) = until_failed(peer, &[]).await?;
    match close {
        Some(close) => is_fitting_for_too_much(
            close,
            "the end of the connection with a CLOSE 1008, 1009, 1011 or 1013 \
             or with none",
        ),
        None => Ok(()),
    }
}

/// Payload data that no reader of DEFLATE takes for a message.
fn garbage() -> Vec<Vec<u8>> {
    let by_hand = [
        Blocks::new().of_no_type(),
        Blocks::new().stored_with_wrong_length(),
        Blocks::new().dynamic_without_a_code(),
        Blocks::new().reference(b"", 1),
    ];
    let mut random = fastrand::Rng::with_seed(5);
    let random = std::iter::repeat_with(move || {
        std::iter::repeat_with(|| random.u8(..))
            .take(256)
            .collect::<Vec<_>>()
    });
    let random = random.filter(|octets| {
        let inflated = Inflater::new(15, false).message(octets, 1 << 20);
        !matches!(inflated, Ok(_) | Err(NotInflated::Unfinished))
    });
    let by_hand = by_hand.map(Blocks::message).into_iter();
    by_hand.chain(random.take(12)).collect()
}

async fn garbage_fails_alone(opener: &mut Opener) -> Verdict {
    let mut other = opener.deflated(NAME).await?;
    other.is_aside();
    for (number, payload) in garbage().into_iter().enumerate() {
        let opened = opener.deflated(NAME).await;
        let mut peer = match number {
            0 => opened?,
            _ => opened.map_err(|finding| nobody_is_served(&finding))?,
        };
        if number > 0 {
            peer.is_aside();
        }
        peer.will_inflate(1000);
        peer.send(Frame::binary(payload).with_rsv(RSV1))
            .await?;
        until_failed(&mut peer, &[]).await?;
    }
    for _ in 0..2 {
        let text = Frame::text("Hello, Hello!");
        other.send_compressed(text.clone()).await?;
        other.expect(text).await?;
    }
    others_are_served(opener.dialer()).await
}

/// A text with so many empty blocks in its middle as are thousands, or as the
/// declared limits let it have.
fn with_empty_blocks(
    declared: &Declared,
    block: fn(Blocks) -> Blocks,
) -> Frame {
    const COUNT: usize = 20_000;
    let one = block(Blocks::new()).octets().len();
    let fits = room(declared).saturating_sub(20) / one;
    let blocks = (0..COUNT.min(fits))
        .fold(Blocks::new().fixed(b"Hel"), |it, _| block(it));
    Frame::text(blocks.fixed(b"lo").message()).with_rsv(RSV1)
}

async fn empty_blocks(peer: &mut Peer, block: fn(Blocks) -> Blocks) -> Verdict {
    let message = with_empty_blocks(peer.declared(), block);
    peer.send(message).await?;
    echo_or_limit(peer, Incoming::from(Frame::text("Hello"))).await
}

pub(in crate::cases) mod measured {
    //! What they cost the server.

    use super::super::process::{
        ALLOWANCE, EACH, MANY, takes_a_second_at_most, takes_many,
    };
    use super::*;
    use crate::measured::Measured;

    cases! { Measured:
        /// A bomb takes no more memory than what a message may have, and what
        /// a buffer that grows keeps beside it.
        Guidance "hostile/memory/compressed-bomb" ["7692-8-02", "6455-10.4-01"]
            seen "CVE-2018-1000518 (websockets), CVE-2026-1526 (undici)"
            => compressed_bomb;
        /// What an idle connection with compression takes, as the growth with
        /// 200 of them.
        Guidance "hostile/memory/compressed-idle-connections" ["6455-10.4-01", "7692-8-02"]
            seen "Jetty #13029"
            => idle_connections;
        /// Thousands of empty blocks in a message take no more time than
        /// others of their length.
        Guidance "hostile/processor/empty-blocks" ["7692-7.2.3-01"]
            => empty_blocks_take_no_time;
    }

    async fn compressed_bomb(measured: &mut Measured) -> Verdict {
        let limit = limit(measured.declared())?;
        let bomb = bomb(measured.declared());
        let memory = measured.memory()?;
        for frames in [vec![bomb.clone()], in_fragments(bomb)] {
            let mut peer = measured.deflated().await?;
            peer.send_cut(Cut::UntilAnswered, frames).await?;
            // What comes for it is another case's matter, but by then it is
            // inflated as far as it ever will be.
            _ = peer.next().await;
        }
        measured.serves().await?;
        memory.is_within(ALLOWANCE + 2 * limit, "for a bomb of a MiB")
    }

    async fn idle_connections(measured: &mut Measured) -> Verdict {
        takes_many(measured)?;
        let memory = measured.memory()?;
        let mut peers = Vec::new();
        for number in 0..MANY {
            let mut peer = measured.deflated().await?;
            if number > 0 {
                peer.is_aside();
            }
            let text = Frame::text("Hello, Hello!");
            peer.send_compressed(text.clone()).await?;
            peer.expect(text).await?;
            peers.push(peer);
        }
        // zlib alone has some 300 KiB for both directions.
        let most = ALLOWANCE + 2 * EACH * MANY as u64;
        memory.is_within(most, "for 200 connections")?;
        let each = memory.growth()? / MANY as u64 / KIB;
        Err(Finding::Observed(format!("{each} KiB a connection")))
    }

    async fn empty_blocks_take_no_time(measured: &mut Measured) -> Verdict {
        let mut peer = measured.deflated().await?;
        let blocks: [fn(Blocks) -> Blocks; 3] = [
            |it| it.stored(b""),
            |it| it.fixed(b""),
            |it| it.dynamic(b""),
        ];
        let declared = measured.declared();
        let messages = blocks.map(|it| with_empty_blocks(declared, it));
        takes_a_second_at_most(measured, async |_| {
            peer.send_cut(Cut::Together, messages).await?;
            // As long as something is said to them.
            for _ in blocks {
                peer.next().await?;
            }
            Ok(())
        })
        .await
    }
}
