//! RFC 7692 §6 and §7.2: frames and messages where permessage-deflate was
//! agreed, right ones and wrong ones.

use rfc6455::{Frame, Opcode, StatusCode};
use rfc7692::{Blocks, RSV1, TAIL};

use super::s7_1_7_failing_the_connection::ends_with;
use super::{fails, not_as_a_close, until_failed};
use crate::case::{cases, family};
use crate::opener::Opener;
use crate::peer::{Cut, Incoming, Peer, cut};
use crate::record::What;
use crate::verdict::{Finding, Verdict};

family! { MISPLACED, Deflated:
    /// RSV1 anywhere but on the first frame of a message fails the connection.
    Must "7692/6/misplaced-rsv1-fails/" ["7692-6-02"] => misplaced_rsv1_fails;

    "ping" (Misplaced::Ping);
    "pong" (Misplaced::Pong);
    "close" (Misplaced::Close);
    "continuation" (Misplaced::Continuation);
    "continuation-of-uncompressed" (Misplaced::ContinuationOfUncompressed);
}

family! { RESERVED, Deflated:
    /// RSV2 and RSV3 have no meaning, also where RSV1 has one.
    Must "7692/6/other-reserved-bits-fail/" ["6455-5.2-01", "7692-6-03"]
        => reserved_bits_fail;

    "text-rsv2" (Opcode::TEXT, 0b010);
    "text-rsv3" (Opcode::TEXT, 0b001);
    "text-rsv12" (Opcode::TEXT, 0b110);
    "binary-rsv13" (Opcode::BINARY, 0b101);
    "text-rsv123" (Opcode::TEXT, 0b111);
    "ping-rsv2" (Opcode::PING, 0b010);
    "ping-rsv3" (Opcode::PING, 0b001);
}

cases! { Deflated:
    /// A misplaced RSV1 is told by a Close with 1002.
    Should "7692/6/misplaced-rsv1-closes-with-1002" ["7692-6-02", "6455-7.4.1-03"]
        => misplaced_rsv1_closes;
    /// A server sets RSV1 on the first frame of a message alone, and never on
    /// a control frame.
    Must "7692/6/server-sets-rsv1-on-first-frames" ["7692-6-01"]
        => server_sets_rsv1_on_first_frames;
    /// A compressed text is a text.
    Should "7692/6/opcode-is-the-messages/text" ["7692-6-04"]
        => compressed_is_echoed(Opcode::TEXT, b"Hello, compressed world!");
    /// A compressed binary message is binary.
    Should "7692/6/opcode-is-the-messages/binary" ["7692-6-04"]
        => compressed_is_echoed(Opcode::BINARY, b"\x00\xff\xfe\x00\xff\xfe");
    /// Text has to be UTF-8 when it is inflated; what goes over the wire need
    /// not.
    Should "7692/6/utf8-is-for-the-inflated-text" ["7692-6-05"]
        => compressed_is_echoed(Opcode::TEXT, "κόσμε, 世界, 🚀!".as_bytes());
    /// Compressed text that is not UTF-8 is told by a Close with 1007.
    Should "7692/6/not-utf8-closes-with-1007" ["7692-6-05", "6455-7.4.1-04"]
        => not_utf8_closes_with_1007;
    /// Messages that are compressed and others that are not may follow each
    /// other as they like.
    Should "7692/6.1/mixed-messages" ["7692-6.1-01"] => mixed_messages;
    /// A server that has agreed to compress does so, at least what is long and
    /// repeats.
    May "7692/6.1/echoes-are-compressed" ["7692-6.1-01"]
        => echoes_are_compressed;
    /// A Ping between the fragments of a compressed message is answered, and
    /// disturbs nothing.
    Should "7692/6.2/ping-between-fragments" ["7692-6.2-01", "6455-5.4-02"]
        seen "aiohttp #12988"
        => ping_between_fragments;
    /// A compressed message in one segment with the next is one of two.
    Should "7692/6.2/two-in-one-segment" ["7692-6.2-01"]
        => two_in_one_segment;

    /// A server cuts the tail 00 00 FF FF from what it sends.
    Should "7692/7.2.1/tail-is-cut" ["7692-7.2.1-01"] => tail_is_cut;
    /// A block with BFINAL ends no connection: the next message is inflated,
    /// too.
    Should "7692/7.2.3.4/last-block-and-next-message" ["7692-7.2.3.4-01"]
        => last_block_and_next_message;
    /// A compressed message without content is an empty message: one octet 00.
    Should "7692/7.2.3.6/empty-message" ["7692-7.2.3.6-01"]
        => blocks_are_echoed(|it| it, b"");
    /// An empty message between others changes nothing.
    Should "7692/7.2.3.6/empty-between-others" ["7692-7.2.3.6-01"]
        => empty_between_others;
    /// What a server makes of a compressed message of no octets at all, which
    /// is none that the RFC knows.
    May "7692/7.2.3.6/no-octets" ["7692-7.2.3.6-01"] => no_octets;

    /// The length of a compressed echo tells what it has in common with what
    /// was sent before.
    May "7692/8/length-tells" ["7692-8-01"] => length_tells;
    /// A limit holds for what a message inflates to: exactly that is echoed.
    Should "7692/8/at-the-limit-is-echoed" ["7692-8-02", "6455-10.4-02"]
        => at_the_limit_is_echoed;
    /// A message that inflates to one octet over the declared limit fails the
    /// connection.
    Must "7692/8/over-the-limit-fails" ["7692-8-02", "6455-10.4-01"]
        => over_the_limit_fails;
    /// A message that inflates to more than the limit is told by a Close with
    /// 1009.
    Should "7692/8/over-the-limit-closes-with-1009" ["7692-8-02", "6455-7.4.1-05"]
        => over_the_limit_closes_with_1009;
}

family! { NOT_UTF8, Deflated:
    /// Compressed text that is not UTF-8 fails the connection.
    Must "7692/6/not-utf8-fails/" ["6455-8.1-01", "7692-6-05"] => not_utf8_fails;

    "one-octet" (b"\xff");
    "surrogate" (b"\xed\xa0\x80");
    "cut-character" (b"Hello \xe4\xb8");
    "overlong" (b"\xc0\xaf");
}

family! { FRAGMENTS, Deflated:
    /// A message is compressed as a whole and then cut, anywhere: fragments of
    /// any size are put together before they are inflated.
    Should "7692/6.1/fragments/" ["7692-6.1-02"] => fragments_are_echoed;

    "of-1" (1);
    "of-2" (2);
    "of-3" (3);
    "of-7" (7);
    "of-64" (64);
    "empty-between" (0);
}

family! { BLOCKS, Deflated:
    /// Whatever blocks the data is made of, it is inflated.
    Should "7692/7.2.3/any-block-is-inflated/" ["7692-7.2.3-01"]
        => blocks_are_echoed;

    "stored" (|it| it.stored(b"Hello"), b"Hello");
    "fixed" (|it| it.fixed(b"Hello"), b"Hello");
    "dynamic" (|it| it.dynamic(b"Hello"), b"Hello");
    "one-of-each" (
        |it| it.stored(b"He").fixed(b"l").dynamic(b"l").stored(b"o"),
        b"Hello");
    "empty-stored-between" (
        |it| it.fixed(b"Hel").stored(b"").stored(b"").fixed(b"lo"),
        b"Hello");
    "empty-fixed" (|it| it.fixed(b""), b"");
    "empty-dynamic" (|it| it.dynamic(b""), b"");
    "reference" (|it| it.reference(b"abc", 3), b"abcabc");
    "overlapping-reference" (|it| it.reference(b"a", 1), b"aaaa");
    "reference-into-the-block-before" (
        |it| it.stored(b"abc").reference(b"", 3), b"abcabc");
    "last" (|it| it.last().fixed(b"Hello"), b"Hello");
    "last-stored" (|it| it.last().stored(b"Hello"), b"Hello");
    "more-behind-the-last" (
        |it| it.last().fixed(b"Hel").fixed(b"lo"), b"Hello");
}

family! { NOT_INFLATING, Deflated:
    /// Compressed data that does not inflate fails the connection.
    Must "7692/7.2.2/not-inflating-fails/" ["6455-10.7-01", "7692-7.2.2-02"]
        => not_inflating_fails;

    "block-type-3" (|it| it.of_no_type().message());
    "stored-length" (|it| it.stored_with_wrong_length().message());
    "code-lengths" (|it| it.dynamic_without_a_code().message());
    "reference-before-the-start" (|it| it.reference(b"", 1).message());
    "reference-too-far" (|it| it.reference(b"Hello", 6).message());
    "plain-text" (|_| b"This is not compressed".to_vec());
}

family! { UNFINISHED, Deflated:
    /// Compressed data that ends inside a block fails the connection: the
    /// rest is missing.
    Should "7692/7.2.2/unfinished-block-fails/" ["7692-7.2.2-02", "6455-10.7-03"]
        => not_inflating_fails;

    "fixed" (|it| it.unfinished(b"Hello").octets());
    "stored" (|it| {
        let mut octets = it.stored(b"Hello, world").octets();
        octets.truncate(8);
        octets
    });
}

family! { NOT_INFLATING_CODE, Deflated:
    /// Compressed data that does not inflate is told by a Close with 1007, or
    /// 1002.
    Should "7692/7.2.2/not-inflating-closes/" ["7692-7.2.2-02", "6455-10.7-03"]
        => not_inflating_closes;

    "block-type-3" (|it| it.of_no_type().message());
    "reference-before-the-start" (|it| it.reference(b"", 1).message());
}

mod unagreed {
    use super::*;

    cases! { Opener:
        /// RSV1 means nothing on a connection without the extension, also of a
        /// server that has it.
        Must "7692/6/rsv1-without-agreement-fails" ["6455-5.2-01", "7692-5-02"]
            seen "CVE-2026-59881 (aiohttp)"
            => rsv1_without_agreement_fails;
    }
}

pub(in crate::cases) const WITHOUT_AGREEMENT: &[crate::Case] = unagreed::CASES;

/// Where RSV1 stands that it should not.
#[derive(Clone, Copy)]
enum Misplaced {
    Ping,
    Pong,
    Close,
    Continuation,
    ContinuationOfUncompressed,
}

fn misplaced_rsv1(peer: &mut Peer, what: Misplaced) -> Vec<Frame> {
    let control = |frame: Frame| vec![frame.with_rsv(RSV1)];
    match what {
        Misplaced::Ping => control(Frame::ping("")),
        Misplaced::Pong => control(Frame::pong("")),
        // Answered in order it would look like a failure without a code.
        Misplaced::Close => {
            control(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        }
        Misplaced::Continuation => {
            let message = Frame::text("Hello, Hello, Hello!");
            let mut frames = cut(peer.compress(message), 4);
            if let Some(last) = frames.pop() {
                frames.push(last.with_rsv(RSV1));
            }
            frames
        }
        Misplaced::ContinuationOfUncompressed => vec![
            Frame::text("Hello").unfinished(),
            Frame::continuation("\0").with_rsv(RSV1),
        ],
    }
}

async fn misplaced_rsv1_fails(peer: &mut Peer, what: Misplaced) -> Verdict {
    let frames = misplaced_rsv1(peer, what);
    peer.send_cut(Cut::Together, frames).await?;
    // Who takes no notice will echo it.
    peer.send(Frame::text("behind it")).await?;
    not_as_a_close(&until_failed(peer, &[]).await?)
}

async fn misplaced_rsv1_closes(peer: &mut Peer) -> Verdict {
    peer.send(Frame::ping("").with_rsv(RSV1)).await?;
    ends_with(peer, [1002]).await
}

async fn reserved_bits_fail(
    peer: &mut Peer,
    opcode: Opcode,
    rsv: u8,
) -> Verdict {
    // So that nothing else is wrong with it for whoever takes no notice.
    let payload = match rsv & RSV1 {
        0 => b"Hello".to_vec(),
        _ => Blocks::new().fixed(b"Hello").message(),
    };
    peer.will_inflate(5);
    let frame = Frame::new(opcode, payload).with_rsv(rsv);
    peer.send(frame).await?;
    peer.send(Frame::text("behind it")).await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn rsv1_without_agreement_fails(opener: &mut Opener) -> Verdict {
    // Only a server that has the extension could take it for compressed.
    opener.deflated(rfc7692::NAME).await?.is_aside();
    let mut peer = opener.open().await?;
    let payload = Blocks::new().fixed(b"Hello").message();
    peer.will_inflate(5);
    fails(
        &mut peer,
        Cut::Together,
        [Frame::text(payload).with_rsv(RSV1)],
    )
    .await
}

/// A long text that repeats.
fn long() -> Vec<u8> {
    b"A message that says the same again, and again, and again. ".repeat(40)
}

async fn server_sets_rsv1_on_first_frames(peer: &mut Peer) -> Verdict {
    // A frame that breaks it ends the case wherever it comes.
    for _ in 0..2 {
        peer.send_compressed(Frame::text(long())).await?;
        peer.expect(Frame::text(long())).await?;
        peer.send(Frame::ping("between")).await?;
        peer.expect(Frame::pong("between")).await?;
    }
    peer.send(Frame::close_without_code()).await?;
    peer.expect_close().await.map(drop)
}

async fn compressed_is_echoed(
    peer: &mut Peer,
    opcode: Opcode,
    octets: &'static [u8],
) -> Verdict {
    let message = Frame::new(opcode, octets);
    peer.send_compressed(message.clone()).await?;
    peer.expect(message).await
}

async fn send_not_utf8(peer: &mut Peer, octets: &'static [u8]) -> Verdict {
    let payload = Blocks::new().stored(octets).message();
    peer.will_inflate(octets.len());
    peer.send(Frame::text(payload).with_rsv(RSV1))
        .await
}

async fn not_utf8_fails(peer: &mut Peer, octets: &'static [u8]) -> Verdict {
    send_not_utf8(peer, octets).await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn not_utf8_closes_with_1007(peer: &mut Peer) -> Verdict {
    send_not_utf8(peer, b"\xff").await?;
    ends_with(peer, [1007]).await
}

async fn mixed_messages(peer: &mut Peer) -> Verdict {
    for number in 0..6 {
        let message = Frame::text(format!("Hello, Hello, Hello {number}!"));
        match number % 3 {
            1 => peer.send(message.clone()).await?,
            _ => peer.send_compressed(message.clone()).await?,
        }
        peer.expect(message).await?;
    }
    Ok(())
}

async fn echoes_are_compressed(peer: &mut Peer) -> Verdict {
    peer.send_compressed(Frame::text(long())).await?;
    peer.expect(Frame::text(long())).await?;
    Err(Finding::Observed(
        match peer.was_compressed() {
            true => "a long echo comes compressed",
            false => "a long echo comes as it is",
        }
        .to_owned(),
    ))
}

async fn fragments_are_echoed(peer: &mut Peer, each: usize) -> Verdict {
    // Long enough to be cut at each of these when it is compressed.
    let parts = (0..60).map(|n| format!("Part {n} of {}. ", n * n * 7919));
    let message = Frame::text(parts.collect::<String>());
    for _ in 0..2 {
        let whole = peer.compress(message.clone());
        let frames = match each {
            0 => with_empty_between(whole),
            each => cut(whole, each),
        };
        peer.send_cut(Cut::Together, frames).await?;
        peer.expect(message.clone()).await?;
    }
    Ok(())
}

/// Fragments with empty ones before, between and behind them.
fn with_empty_between(whole: Frame) -> Vec<Frame> {
    let first = Frame::new(whole.opcode, "").with_rsv(whole.rsv);
    let mut frames = vec![first.unfinished()];
    for part in whole.payload.chunks(5) {
        let part = Frame::continuation(part.to_vec());
        frames.push(part.unfinished());
        frames.push(Frame::continuation("").unfinished());
    }
    frames.push(Frame::continuation(""));
    frames
}

async fn ping_between_fragments(peer: &mut Peer) -> Verdict {
    let message = Frame::text(long());
    for _ in 0..2 {
        let frames = cut(peer.compress(message.clone()), 20);
        for (number, frame) in frames.into_iter().enumerate() {
            let is_last = frame.fin;
            peer.send(frame).await?;
            if !is_last {
                let ping = format!("{number}");
                peer.send(Frame::ping(ping.clone())).await?;
                peer.expect(Frame::pong(ping)).await?;
            }
        }
        peer.expect(message.clone()).await?;
    }
    Ok(())
}

async fn two_in_one_segment(peer: &mut Peer) -> Verdict {
    let messages = ["Hello, Hello!", "Hello, again Hello!"].map(Frame::text);
    let frames: Vec<_> = messages
        .iter()
        .map(|message| peer.compress(message.clone()))
        .collect();
    peer.send_cut(Cut::Together, frames).await?;
    peer.expect_all(messages).await
}

async fn tail_is_cut(peer: &mut Peer) -> Verdict {
    peer.send_compressed(Frame::text(long())).await?;
    let echoed = peer.expect(Frame::text(long())).await;
    let has_tail = peer.with_record(|record| {
        record.events().iter().any(|event| {
            let What::ReceivedFrame(frame) = &event.what else {
                return false;
            };
            let header = &frame.header;
            !header.opcode.is_control()
                && header.fin
                && frame.payload.ends_with(&TAIL)
        })
    });
    // With it the data does not inflate, but that would say less.
    if has_tail {
        return Err(Finding::violation(
            "compressed data without 00 00 FF FF at its end",
            "data that has it",
        ));
    }
    echoed?;
    match peer.was_compressed() {
        true => Ok(()),
        false => Err(Finding::Unsupported(
            "the server does not compress this echo".to_owned(),
        )),
    }
}

/// Sends blocks as a compressed text.
async fn send_blocks(
    peer: &mut Peer,
    payload: Vec<u8>,
    inflates_to: usize,
) -> Verdict {
    peer.will_inflate(inflates_to);
    peer.send(Frame::text(payload).with_rsv(RSV1))
        .await
}

/// Sends what does not inflate as a compressed binary message: whatever is
/// taken for it need not be UTF-8.
async fn send_not_inflating(
    peer: &mut Peer,
    payload: fn(Blocks) -> Vec<u8>,
) -> Verdict {
    peer.will_inflate(1000);
    let payload = payload(Blocks::new());
    peer.send(Frame::binary(payload).with_rsv(RSV1))
        .await
}

async fn blocks_are_echoed(
    peer: &mut Peer,
    blocks: fn(Blocks) -> Blocks,
    text: &'static [u8],
) -> Verdict {
    let payload = blocks(Blocks::new()).message();
    send_blocks(peer, payload, text.len()).await?;
    peer.expect(Frame::text(text)).await
}

async fn last_block_and_next_message(peer: &mut Peer) -> Verdict {
    for _ in 0..2 {
        let payload = Blocks::new().last().fixed(b"Hello").message();
        send_blocks(peer, payload, 5).await?;
        peer.expect(Frame::text("Hello")).await?;
        let payload = Blocks::new().fixed(b"world").message();
        send_blocks(peer, payload, 5).await?;
        peer.expect(Frame::text("world")).await?;
    }
    Ok(())
}

async fn empty_between_others(peer: &mut Peer) -> Verdict {
    for text in ["", "Hello, Hello!", "", "", "Hello, Hello!"] {
        peer.send_compressed(Frame::text(text)).await?;
        peer.expect(Frame::text(text)).await?;
    }
    Ok(())
}

async fn no_octets(peer: &mut Peer) -> Verdict {
    peer.send(Frame::text("").with_rsv(RSV1)).await?;
    let what = match peer.next().await? {
        Incoming::Message(_, payload) if payload.is_empty() => {
            "it is an empty message".to_owned()
        }
        Incoming::End(_) | Incoming::Close(_) => {
            "the connection fails".to_owned()
        }
        other => other.to_string(),
    };
    Err(Finding::Observed(what))
}

async fn not_inflating_fails(
    peer: &mut Peer,
    payload: fn(Blocks) -> Vec<u8>,
) -> Verdict {
    // Behind a first message, so that there is a window.
    let text = Frame::text("abc");
    peer.send(text.clone()).await?;
    peer.expect(text).await?;
    send_not_inflating(peer, payload).await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn not_inflating_closes(
    peer: &mut Peer,
    payload: fn(Blocks) -> Vec<u8>,
) -> Verdict {
    send_not_inflating(peer, payload).await?;
    ends_with(peer, [1007, 1002]).await
}

/// Two guesses at what an earlier message said, of the same length: the right
/// one comes back shorter where the server's context tells.
async fn length_tells(peer: &mut Peer) -> Verdict {
    let secret = "token=8f1d0a6cb2e94753";
    let wrong = "token=1b7e93c5d0a2f468";
    let mut lengths = Vec::new();
    for text in [secret, secret, wrong] {
        peer.send(Frame::text(text)).await?;
        peer.expect(Frame::text(text)).await?;
        lengths.push(peer.with_record(|record| {
            let frames = record.events().iter().rev();
            let mut frames = frames.filter_map(|event| match &event.what {
                What::ReceivedFrame(frame) => Some(frame),
                _ => None,
            });
            frames.next().map(|it| it.header.payload_length)
        }));
    }
    Err(Finding::Observed(
        match lengths[1] < lengths[2] {
            true => "what was said before makes an echo shorter",
            false => "an echo is as long whatever was said before",
        }
        .to_owned(),
    ))
}

/// The largest message that is declared, as far as these cases send it.
fn limit(peer: &Peer) -> Result<usize, Finding> {
    /// Zeros are sent a thousand times shorter than they are.
    const MOST: u64 = 16 << 20;
    let declared = peer.declared().max_message;
    let limit = declared.filter(|limit| *limit <= MOST);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    limit.ok_or_else(|| {
        Finding::Unsupported(
            "the server declares no max-message of up to 16 MiB".to_owned(),
        )
    })
}

async fn at_the_limit_is_echoed(peer: &mut Peer) -> Verdict {
    // No more than what is read: that its octets are right, other cases see.
    let limit = limit(peer)?;
    if limit as u64 > crate::peer::MOST_OF_MESSAGE {
        return Err(Finding::Unsupported(
            "the declared max-message is over what this case reads".to_owned(),
        ));
    }
    let message = Frame::binary(vec![0; limit]);
    peer.send_compressed(message.clone()).await?;
    peer.expect(message).await
}

async fn send_over_the_limit(peer: &mut Peer) -> Verdict {
    let limit = limit(peer)?;
    let message = peer.compress(Frame::binary(vec![0; limit + 1]));
    peer.send_cut(Cut::UntilAnswered, [message]).await
}

async fn over_the_limit_fails(peer: &mut Peer) -> Verdict {
    send_over_the_limit(peer).await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn over_the_limit_closes_with_1009(peer: &mut Peer) -> Verdict {
    send_over_the_limit(peer).await?;
    ends_with(peer, [1009]).await
}
