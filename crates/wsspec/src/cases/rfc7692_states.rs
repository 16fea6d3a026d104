//! RFC 7692 §6 and §7.2 once more, where it depends on what came before: other
//! messages, other fragments, a cut in the middle of a header, a buffer that
//! is exactly full.

use rfc6455::{Frame, MaskingKey, StatusCode};
use rfc7692::{Blocks, NAME, RSV1};

use super::{fails, until_failed};
use crate::case::{cases, family};
use crate::opener::Opener;
use crate::peer::{Cut, Incoming, Peer, cut};
use crate::verdict::{Finding, Verdict};

cases! { Deflated:
    /// Compressed and plain messages, whole and in fragments, follow each
    /// other in any order.
    Should "7692/6.1/mixed-and-fragmented" ["7692-6.1-01", "7692-6.1-02"]
        seen "capnproto #1695"
        => mixed_and_fragmented(false);
    /// The same with a Ping between the fragments, which changes nothing.
    Should "7692/6.1/mixed-with-pings" ["7692-6.1-01", "6455-5.4-02"]
        => mixed_and_fragmented(true);
    /// Echoes keep the order of the messages, also where a long one takes
    /// longer to compress than a short one behind it.
    Should "7692/6.1/messages-keep-their-order" ["7692-6.1-01"]
        seen "WatsonWebsocket #160"
        => messages_keep_their_order;
    /// No message comes behind the server's Close, also if it was still being
    /// compressed.
    Must "7692/6.1/nothing-comes-behind-the-close" ["6455-5.5.1-03", "7692-6.1-01"]
        seen "ws #853, Java-WebSocket #561"
        => nothing_comes_behind_the_close;
    /// A Pong between the fragments of a compressed message changes nothing.
    Should "7692/6.2/pong-between-fragments" ["7692-6.2-01"]
        => pong_between_fragments;
    /// A Close between the fragments of a compressed message is answered.
    Must "7692/6.2/close-between-fragments" ["6455-5.5.1-04", "7692-6.2-01"]
        => close_between_fragments;

    /// A text inside an unfinished compressed message fails the connection.
    Must "7692/6.1/messages-do-not-interleave/plain-in-compressed" ["6455-5.4-03", "7692-6.1-02"]
        => interleaved(true, false);
    /// A compressed message inside an unfinished text fails the connection.
    Must "7692/6.1/messages-do-not-interleave/compressed-in-plain" ["6455-5.4-03", "7692-6.1-02"]
        => interleaved(false, true);
    /// A compressed message inside another one fails the connection.
    Must "7692/6.1/messages-do-not-interleave/compressed-in-compressed" ["6455-5.4-03", "7692-6.1-02"]
        => interleaved(true, true);
    /// A continuation behind a whole compressed message fails the connection.
    Must "7692/6.1/continuation-needs-a-start/whole" ["6455-5.4-08", "7692-6.1-02"]
        => stray_continuation(usize::MAX);
    /// A continuation behind the last fragment of a compressed message fails
    /// the connection.
    Must "7692/6.1/continuation-needs-a-start/fragments" ["6455-5.4-08", "7692-6.1-02"]
        => stray_continuation(9);
    /// A fragmented Ping inside a compressed message fails the connection.
    Must "7692/6.1/control-is-not-fragmented/ping" ["6455-5.4-01", "7692-6.2-01"]
        => fragmented_ping;
}

family! { FIRST, Deflated:
    /// Whatever comes first on a connection, the compressed messages behind it
    /// are inflated, and may refer to each other.
    Should "7692/6.2/whatever-comes-first/" ["7692-6.2-01", "7692-7.1.1-03"]
        => whatever_comes_first;

    "ping" (|_| vec![Frame::ping("first")]);
    "pong" (|_| vec![Frame::pong("first")]);
    "plain" (|_| vec![Frame::text("first")]);
    "plain-in-fragments" (|_| cut(Frame::text("first"), 2));
    "empty" (|_| vec![Frame::text("")]);
    "empty-compressed" (|peer| vec![peer.compress(Frame::text(""))]);
    "compressed-in-fragments" (|peer| cut(peer.compress(Frame::text("first")), 3));
}

mod volume {
    use super::*;

    family! { CASES, Opener volume:
        /// However long the compressed data is, it ends without 00 00 FF FF,
        /// also where it just fills a buffer of the server's.
        Should "7692/7.2.1/any-length-of-output/" ["7692-7.2.1-01"]
            seen "libwebsockets #1413, permessage-deflate-node #4"
            => any_length_of_output;

        "context" (NAME, noise);
        "no-context" ("permessage-deflate; server_no_context_takeover", noise);
        "zeros" (NAME, |length| vec![0; length]);
    }
}

mod apart {
    use super::*;

    family! { CASES, Opener:
        /// Wherever a compressed frame is cut, also inside its length, the
        /// message is inflated.
        Should "7692/6.2/any-cut-is-inflated/" ["7692-6.2-01", "6455-5.4-09"]
            seen "bun #33001"
            => any_cut_is_inflated;

        "length-of-7-bits" (100, 7);
        "length-of-16-bits" (300, 9);
        "length-of-64-bits" (70_000, 15);
    }
}

pub(in crate::cases) const VOLUME: &[crate::Case] = volume::CASES;
pub(in crate::cases) const APART: &[crate::Case] = apart::CASES;

/// Text that a compressor finds nothing in, so that what it makes of it is
/// about as long.
fn noise(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    let mut octets = vec![0; length];
    random.fill(&mut octets);
    octets
}

/// A frame in three fragments, however short it has become.
fn in_three(whole: Frame) -> Vec<Frame> {
    let each = whole.payload.len().div_ceil(3);
    cut(whole, each)
}

/// The forms of a message: compressed or not, whole or in fragments.
const FORMS: [(bool, bool); 4] =
    [(true, false), (true, true), (false, false), (false, true)];

async fn mixed_and_fragmented(peer: &mut Peer, with_pings: bool) -> Verdict {
    let mut number = 0;
    // Every form behind every other, and behind itself.
    for first in FORMS {
        for form in FORMS {
            for (is_compressed, is_cut) in [first, form] {
                number += 1;
                let text = format!("Message {number} of many, many messages");
                let message = match number % 3 {
                    0 => Frame::binary(text),
                    _ => Frame::text(text),
                };
                let whole = match is_compressed {
                    true => peer.compress(message.clone()),
                    false => message.clone(),
                };
                let frames = match is_cut {
                    true => in_three(whole),
                    false => vec![whole],
                };
                for frame in frames {
                    let goes_on = !frame.fin;
                    peer.send(frame).await?;
                    if goes_on && with_pings {
                        peer.send(Frame::ping("between")).await?;
                        peer.expect(Frame::pong("between")).await?;
                    }
                }
                peer.expect(message).await?;
            }
        }
    }
    Ok(())
}

/// No more than the server declares to take.
fn at_most_declared(peer: &Peer, octets: usize) -> usize {
    let declared = peer.declared();
    let most = [declared.max_message, declared.max_frame];
    let most = most.into_iter().flatten().min();
    // Compressed noise is a little longer than it was.
    let most = most.and_then(|most| usize::try_from(most).ok());
    most.map_or(octets, |most| octets.min(most.saturating_sub(most / 8)))
}

async fn messages_keep_their_order(peer: &mut Peer) -> Verdict {
    let long = at_most_declared(peer, 24_000);
    let messages: Vec<_> = (0..10)
        .flat_map(|number| {
            [
                Frame::binary(noise(long - number)),
                Frame::text(format!("short {number}")),
                Frame::text(""),
            ]
        })
        .collect();
    let frames: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(number, message)| match number % 2 {
            0 => peer.compress(message.clone()),
            _ => message.clone(),
        })
        .collect();
    peer.send_cut(Cut::Together, frames).await?;
    peer.expect_all(messages).await
}

async fn nothing_comes_behind_the_close(peer: &mut Peer) -> Verdict {
    let long = at_most_declared(peer, 20_000);
    let mut frames = Vec::new();
    for number in 0..5 {
        let message = Frame::binary(noise(long - number));
        frames.push(peer.compress(message));
    }
    frames.push(Frame::close(StatusCode::NORMAL_CLOSURE, ""));
    peer.send_cut(Cut::Together, frames).await?;
    // How many echoes come before it is left open.
    let mut close = None;
    loop {
        match (peer.next().await?, &close) {
            (Incoming::Message(..), None) => {}
            (got @ Incoming::Close(_), None) => close = Some(got),
            (Incoming::End(_), _) => return Ok(()),
            (got, None) => {
                return Err(Finding::violation("echoes, and a CLOSE", got));
            }
            (got, Some(close)) => {
                return Err(Finding::violation(
                    "nothing behind the CLOSE but the end",
                    format_args!("{close}, then {got}"),
                ));
            }
        }
    }
}

async fn pong_between_fragments(peer: &mut Peer) -> Verdict {
    for number in 0..3 {
        let message = Frame::text(format!("Hello, Hello, Hello {number}"));
        let mut frames = Vec::new();
        for frame in in_three(peer.compress(message.clone())) {
            let goes_on = !frame.fin;
            frames.push(frame);
            if goes_on {
                frames.push(Frame::pong("unsolicited"));
            }
        }
        peer.send_cut(Cut::Together, frames).await?;
        peer.expect(message).await?;
    }
    Ok(())
}

/// A message in compressed fragments, of which the last is missing.
fn begun(peer: &mut Peer) -> Vec<Frame> {
    let message = Frame::text("Hello, and what follows will never come.");
    let mut frames = cut(peer.compress(message), 9);
    frames.pop();
    frames
}

async fn close_between_fragments(peer: &mut Peer) -> Verdict {
    let mut frames = begun(peer);
    frames.push(Frame::close(StatusCode::NORMAL_CLOSURE, ""));
    peer.send_cut(Cut::Together, frames).await?;
    super::expect_answer_to_1000(peer).await
}

async fn interleaved(
    peer: &mut Peer,
    first_is_compressed: bool,
    second_is_compressed: bool,
) -> Verdict {
    let mut frames = match first_is_compressed {
        true => begun(peer),
        false => vec![Frame::text("begun").unfinished()],
    };
    let second = match second_is_compressed {
        // By hand: what has come before it plays no part.
        true => {
            Frame::text(Blocks::new().fixed(b"Hello").message()).with_rsv(RSV1)
        }
        false => Frame::text("Hello"),
    };
    peer.will_inflate(5);
    frames.push(second);
    peer.send_cut(Cut::Together, frames).await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn stray_continuation(peer: &mut Peer, each: usize) -> Verdict {
    let message = Frame::text("Hello, Hello, this is all there is.");
    let frames = cut(peer.compress(message.clone()), each);
    peer.send_cut(Cut::Together, frames).await?;
    peer.expect(message).await?;
    fails(peer, Cut::Together, [Frame::continuation("stray")]).await
}

async fn fragmented_ping(peer: &mut Peer) -> Verdict {
    let mut frames = begun(peer);
    frames.push(Frame::ping("half").unfinished());
    peer.send_cut(Cut::Together, frames).await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn whatever_comes_first(
    peer: &mut Peer,
    first: fn(&mut Peer) -> Vec<Frame>,
) -> Verdict {
    let frames = first(peer);
    let echo = match &frames[0] {
        ping if ping.opcode == rfc6455::Opcode::PING => {
            Some(Frame::pong("first"))
        }
        pong if pong.opcode.is_control() => None,
        // What it says, compressed or not.
        message if message.payload.is_empty() || message.payload[..] == [0] => {
            Some(Frame::text(""))
        }
        _ => Some(Frame::text("first")),
    };
    peer.send_cut(Cut::Together, frames).await?;
    if let Some(echo) = echo {
        peer.expect(echo).await?;
    }
    for _ in 0..3 {
        let message = Frame::text("Hello behind it, Hello behind it");
        peer.send_compressed(message.clone()).await?;
        peer.expect(message).await?;
    }
    Ok(())
}

/// Lengths at which what is compressed, with the few octets that this adds,
/// fills a buffer of any usual size.
fn lengths() -> impl Iterator<Item = usize> {
    let powers = (7..=15).map(|power| 1_usize << power);
    powers.flat_map(|length| length - 24..=length + 8)
}

async fn any_length_of_output(
    opener: &mut Opener,
    offer: &str,
    message: fn(usize) -> Vec<u8>,
) -> Verdict {
    let mut peer = opener.deflated(offer).await?;
    let most = at_most_declared(&peer, 1 << 20);
    for length in lengths().filter(|length| *length <= most) {
        let message = Frame::binary(message(length));
        peer.send_compressed(message.clone()).await?;
        let echoed = peer.expect(message).await;
        // With the tail it does not inflate, but that would say less.
        if peer.last_had_tail() {
            return Err(Finding::violation(
                format_args!(
                    "compressed data without 00 00 FF FF at its end, for \
                     {length} octets"
                ),
                "data that has it",
            ));
        }
        echoed?;
    }
    Ok(())
}

/// Sends a compressed frame in two parts that really come apart: between them
/// the server has served somebody else.
async fn any_cut_is_inflated(
    opener: &mut Opener,
    length: usize,
    cuts: usize,
) -> Verdict {
    let mut peer = opener.deflated(NAME).await?;
    let mut other = opener.open().await?;
    other.is_aside();
    let most = at_most_declared(&peer, length);
    if most < length {
        return Err(Finding::Unsupported(format!(
            "the declared limit is under {length} octets"
        )));
    }
    for at in 1..=cuts {
        let message = Frame::binary(noise(length - at));
        let mut octets = Vec::new();
        peer.compress(message.clone())
            .masked(MaskingKey([0x12, 0x9c, 0x5e, 0xf1]))
            .encode(&mut octets);
        let (first, rest) = octets.split_at(at);
        peer.send_octets(first).await?;
        for _ in 0..3 {
            other.expect_nothing().await?;
        }
        peer.send_octets(rest).await?;
        peer.expect(message).await?;
    }
    Ok(())
}
