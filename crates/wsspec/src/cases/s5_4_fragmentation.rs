//! §5.4, fragmentation: messages in several frames, and what may stand
//! between those.

use rfc6455::{Frame, Opcode, StatusCode};

use super::states::{State, fails_in};
use super::{
    expect_answer_to_1000, fails, fails_after, not_as_a_close, until_failed,
};
use crate::case::{cases, family};
use crate::peer::{Cut, Incoming, Peer};
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// Two fragments are one message.
    Must "6455/5.4/fragments-are-joined/two" ["6455-5.4-05", "6455-5.4-07"] autobahn "5.3"
        => are_joined(Cut::Together, two(), Frame::text("fragment1fragment2"));
    /// Two fragments in two segments are one message.
    Must "6455/5.4/fragments-are-joined/two-apart" ["6455-5.4-05", "6455-5.4-09"] autobahn "5.4"
        => are_joined(Cut::Apart, two(), Frame::text("fragment1fragment2"));
    /// Two fragments that come octet by octet are one message.
    Must "6455/5.4/fragments-are-joined/two-octet-by-octet" ["6455-5.4-05", "6455-5.4-09"] autobahn "5.5"
        => are_joined(Cut::Octets(1), two(), Frame::text("fragment1fragment2"));
    /// Fragments of a binary message make a binary message.
    Must "6455/5.4/fragments-are-joined/binary" ["6455-5.4-07", "6455-6.2-03"]
        => are_joined(
            Cut::Together,
            [
                Frame::binary(&b"\x00\xff"[..]).unfinished(),
                Frame::continuation(&b"\xfe\x01"[..]),
            ],
            Frame::binary(&b"\x00\xff\xfe\x01"[..]),
        );
    /// A hundred fragments are one message, in their order.
    Must "6455/5.4/fragments-are-joined/hundred" ["6455-5.4-02", "6455-5.4-05"]
        => hundred_fragments(Cut::Together);
    /// A hundred fragments in a hundred segments are one message.
    Must "6455/5.4/fragments-are-joined/hundred-apart" ["6455-5.4-02", "6455-5.4-09"]
        => hundred_fragments(Cut::Apart);
    /// Fragments that a sender makes by length are one message.
    Must "6455/5.4/fragments-are-joined/of-1300-octets" ["6455-5.4-02", "6455-5.4-05"] autobahn "10.1.1"
        => fragments_of_1300_octets;
    /// Whole and fragmented messages of both types alternate, and each keeps
    /// its type.
    Must "6455/5.4/fragments-are-joined/alternating" ["6455-6.2-03", "6455-6.2-04", "6455-5.4-07"]
        => messages_alternate;

    /// A first fragment may be empty.
    Must "6455/5.4/fragments-may-be-empty/first" ["6455-5.4-05", "6455-5.4-06"]
        => are_joined(
            Cut::Together,
            [Frame::text("").unfinished(), Frame::continuation("last")],
            Frame::text("last"),
        );
    /// A fragment in the middle may carry all there is.
    Must "6455/5.4/fragments-may-be-empty/first-and-last" ["6455-5.4-05", "6455-5.4-06"] autobahn "6.1.3"
        => are_joined(
            Cut::Together,
            [
                Frame::text("").unfinished(),
                Frame::continuation("middle frame payload").unfinished(),
                Frame::continuation(""),
            ],
            Frame::text("middle frame payload"),
        );
    /// A last fragment may be empty.
    Must "6455/5.4/fragments-may-be-empty/last" ["6455-5.4-05", "6455-5.4-06"]
        => are_joined(
            Cut::Together,
            [Frame::binary("first").unfinished(), Frame::continuation("")],
            Frame::binary("first"),
        );
    /// A message of empty fragments is an empty message.
    Must "6455/5.4/fragments-may-be-empty/all" ["6455-5.4-05", "6455-5.4-06"] autobahn "6.1.2"
        => are_joined(
            Cut::Together,
            [
                Frame::text("").unfinished(),
                Frame::continuation("").unfinished(),
                Frame::continuation(""),
            ],
            Frame::text(""),
        );

    /// A Ping between two fragments is answered, and the message is whole.
    Must "6455/5.4/control-between-fragments/ping" ["6455-5.4-04", "6455-6.2-02"] autobahn "5.6"
        => ping_between_fragments(Cut::Together);
    /// A Ping between two fragments is answered, and the message is whole.
    Must "6455/5.4/control-between-fragments/ping-apart" ["6455-5.4-04", "6455-6.2-02"] autobahn "5.7"
        => ping_between_fragments(Cut::Apart);
    /// A Ping between two fragments is answered, and the message is whole.
    Must "6455/5.4/control-between-fragments/ping-octet-by-octet" ["6455-5.4-04", "6455-6.2-02"] autobahn "5.8"
        => ping_between_fragments(Cut::Octets(1));
    /// A Pong between two fragments is passed over, and the message is whole.
    Must "6455/5.4/control-between-fragments/pong" ["6455-5.4-04", "6455-5.5.3-03"]
        => are_joined(
            Cut::Together,
            [
                Frame::text("fragment1").unfinished(),
                Frame::pong("unsolicited"),
                Frame::continuation("fragment2"),
            ],
            Frame::text("fragment1fragment2"),
        );
    /// A Close between two fragments is answered with a Close.
    Must "6455/5.4/control-between-fragments/close" ["6455-5.4-04", "6455-5.5.1-04"] autobahn "7.1.5"
        => close_between_fragments;

    /// A continuation where nothing is to be continued fails the connection.
    Must "6455/5.4/continuation-needs-a-start/last" ["6455-5.4-08"] autobahn "5.9"
        => fails(Cut::Together, stray_then_text(true));
    /// A continuation where nothing is to be continued fails the connection.
    Must "6455/5.4/continuation-needs-a-start/last-apart" ["6455-5.4-08"] autobahn "5.10"
        => fails(Cut::Apart, stray_then_text(true));
    /// A continuation where nothing is to be continued fails the connection.
    Must "6455/5.4/continuation-needs-a-start/last-octet-by-octet" ["6455-5.4-08"] autobahn "5.11"
        => fails(Cut::Octets(1), stray_then_text(true));
    /// A continuation where nothing is to be continued fails the connection,
    /// also if more are to follow.
    Must "6455/5.4/continuation-needs-a-start/more" ["6455-5.4-08"] autobahn "5.12"
        => fails(Cut::Together, stray_then_text(false));
    /// A continuation where nothing is to be continued fails the connection,
    /// also if more are to follow.
    Must "6455/5.4/continuation-needs-a-start/more-apart" ["6455-5.4-08"] autobahn "5.13"
        => fails(Cut::Apart, stray_then_text(false));
    /// A continuation where nothing is to be continued fails the connection,
    /// also if more are to follow.
    Must "6455/5.4/continuation-needs-a-start/more-octet-by-octet" ["6455-5.4-08"] autobahn "5.14"
        => fails(Cut::Octets(1), stray_then_text(false));
    /// A continuation behind a finished message fails the connection.
    Must "6455/5.4/continuation-needs-a-start/after-a-message" ["6455-5.4-08"] autobahn "5.15"
        => fails_after(
            Cut::Together,
            [
                Frame::text("fragment1").unfinished(),
                Frame::continuation("fragment2"),
                Frame::continuation("fragment3").unfinished(),
                Frame::text("fragment4"),
            ],
            [Frame::text("fragment1fragment2")],
        );
    /// A continuation behind a whole message fails the connection.
    Must "6455/5.4/continuation-needs-a-start/after-a-whole-message" ["6455-5.4-08"]
        => fails_after(
            Cut::Together,
            [Frame::text("whole"), Frame::continuation("stray")],
            [Frame::text("whole")],
        );
    /// A continuation before the start of its message fails the connection.
    Must "6455/5.4/continuation-needs-a-start/wrong-order" ["6455-5.4-08"] autobahn "5.16"
        => fails(Cut::Together, continuation_first(false));
    /// A finished continuation before the start of a message fails the
    /// connection.
    Must "6455/5.4/continuation-needs-a-start/wrong-order-finished" ["6455-5.4-08"] autobahn "5.17"
        => fails(Cut::Together, continuation_first(true));

    /// A text message inside an unfinished text message fails the connection.
    Must "6455/5.4/messages-do-not-interleave/text-in-text" ["6455-5.4-03"] autobahn "5.18"
        => fails(
            Cut::Together,
            [Frame::text("fragment1").unfinished(), Frame::text("fragment2")],
        );
    /// A binary message inside an unfinished text message fails the connection.
    Must "6455/5.4/messages-do-not-interleave/binary-in-text" ["6455-5.4-03"]
        => fails(
            Cut::Together,
            [Frame::text("fragment1").unfinished(), Frame::binary("whole")],
        );
    /// A text message inside an unfinished binary message fails the connection.
    Must "6455/5.4/messages-do-not-interleave/text-in-binary" ["6455-5.4-03"]
        => fails(
            Cut::Together,
            [Frame::binary("fragment1").unfinished(), Frame::text("whole")],
        );
    /// A second first fragment fails the connection.
    Must "6455/5.4/messages-do-not-interleave/first-fragment-twice" ["6455-5.4-03"]
        => fails(
            Cut::Together,
            [
                Frame::binary("fragment1").unfinished(),
                Frame::binary("fragment1").unfinished(),
            ],
        );

    /// A fragmented Ping fails the connection.
    Must "6455/5.4/control-is-not-fragmented/ping" ["6455-5.4-01"] autobahn "5.1"
        => fails(
            Cut::Together,
            [
                Frame::ping("fragment1").unfinished(),
                Frame::continuation("fragment2"),
            ],
        );
    /// A fragmented Pong fails the connection.
    Must "6455/5.4/control-is-not-fragmented/pong" ["6455-5.4-01"] autobahn "5.2"
        => fails(
            Cut::Together,
            [
                Frame::pong("fragment1").unfinished(),
                Frame::continuation("fragment2"),
            ],
        );
    /// A Pong without FIN fails the connection, whatever follows it.
    Must "6455/5.4/control-is-not-fragmented/pong-alone" ["6455-5.4-01"]
        => fails(Cut::Together, [Frame::pong("").unfinished(), Frame::text("")]);
    /// A fragmented Close fails the connection and is not answered in kind.
    Must "6455/5.4/control-is-not-fragmented/close" ["6455-5.4-01"]
        => fragmented_close_fails;
}

family! { AMID, Peer:
    /// A control frame between two fragments does not change their message,
    /// also if the cut is inside a character.
    Must "6455/5.4/control-between-fragments/" ["6455-5.4-04", "6455-6.2-02", "6455-5.6-02"]
        seen "mio_httpc #20, SWI-Prolog/packages-http #151"
        => control_amid;

    "ping-inside-a-character" (|| Amid::Text.with(Frame::ping(NO_TEXT)));
    "pong-inside-a-character" (|| Amid::Text.with(Frame::pong(NO_TEXT)));
    "empty-ping-inside-a-character" (|| Amid::Text.with(Frame::ping("")));
    "ping-in-binary" (|| Amid::Binary.with(Frame::ping("text")));
    "pong-in-binary" (|| Amid::Binary.with(Frame::pong("text")));
    "pings-and-pongs" (|| vec![
        Frame::text("f\u{f6}").unfinished(),
        Frame::pong(""),
        Frame::ping(vec![0xfe; 125]),
        Frame::pong(vec![0xfe; 125]),
        Frame::continuation("").unfinished(),
        Frame::ping("1"),
        Frame::continuation(&b"\xf0\x9f"[..]).unfinished(),
        Frame::ping("2"),
        Frame::continuation(&b"\xa6"[..]).unfinished(),
        Frame::pong(NO_TEXT),
        Frame::continuation(&b"\x80"[..]).unfinished(),
        Frame::ping(""),
        Frame::continuation(""),
    ]);
}

family! { CLOSE_AMID, Peer:
    /// A Close between two fragments is answered as any Close, also if the cut
    /// is inside a character.
    Must "6455/5.4/control-between-fragments/close-" ["6455-5.4-04", "6455-5.5.1-04"]
        => close_amid;

    "inside-a-character" (Frame::text(&b"\xe4\xb8"[..]).unfinished(), "why");
    "with-characters-in-the-reason" (
        Frame::text(&b"\xe4\xb8"[..]).unfinished(),
        "\u{4e16}\u{754c}"
    );
    "in-binary" (Frame::binary(NO_TEXT).unfinished(), "\u{4e16}");
}

family! { ORDER, Peer:
    /// Long and short messages of both types are echoed in the order in which
    /// they were sent.
    Must "6455/5.4/messages-keep-their-order/" ["6455-5.4-02", "6455-6.2-04"]
        seen "WatsonWebsocket #160, OpenICF #109"
        => keep_their_order;

    "whole" (Parts::Whole);
    "fragmented" (Parts::Fragments);
    "with-pings" (Parts::WithPings);
}

family! { STRAY_IN_STATES, Peer:
    /// A continuation where nothing is to be continued fails the connection,
    /// whatever came before it.
    Must "6455/5.4/continuation-needs-a-start/" ["6455-5.4-08"]
        => fails_in;
    "last-after-messages" (State::AfterMessages, |_| Frame::continuation("stray"));
    "last-after-control" (State::AfterControl, |_| Frame::continuation("stray"));
    "empty-after-messages" (State::AfterMessages, |_| Frame::continuation("").unfinished());
    "empty-after-control" (State::AfterControl, |_| Frame::continuation("").unfinished());
}

family! { INTERLEAVED_IN_STATES, Peer:
    /// A message inside an unfinished one fails the connection, also if a
    /// control frame is between its fragments.
    Must "6455/5.4/messages-do-not-interleave/" ["6455-5.4-03"]
        => fails_in;
    "text-inside" (State::Inside, |_| Frame::text("whole"));
    "text-inside-after-a-ping" (State::InsideAfterAPing, |_| Frame::text("whole"));
    "empty-binary-inside" (State::Inside, |_| Frame::binary("").unfinished());
    "empty-binary-inside-after-a-ping" (State::InsideAfterAPing, |_| Frame::binary("").unfinished());
}

family! { FRAGMENTED_IN_STATES, Peer:
    /// A control frame without FIN fails the connection, whatever came before
    /// it.
    Must "6455/5.4/control-is-not-fragmented/" ["6455-5.4-01"]
        => fails_in;
    "ping-inside" (State::Inside, |_| Frame::ping("part").unfinished());
    "ping-inside-after-a-ping" (State::InsideAfterAPing, |_| Frame::ping("part").unfinished());
    "ping-after-messages" (State::AfterMessages, |_| Frame::ping("part").unfinished());
    "ping-after-control" (State::AfterControl, |_| Frame::ping("part").unfinished());
    "close-inside" (State::Inside, |_| Frame::close(StatusCode::NORMAL_CLOSURE, "").unfinished());
    "close-inside-after-a-ping" (State::InsideAfterAPing, |_| Frame::close(StatusCode::NORMAL_CLOSURE, "").unfinished());
    "close-after-messages" (State::AfterMessages, |_| Frame::close(StatusCode::NORMAL_CLOSURE, "").unfinished());
    "close-after-control" (State::AfterControl, |_| Frame::close(StatusCode::NORMAL_CLOSURE, "").unfinished());
}

pub(super) fn two() -> [Frame; 2] {
    [
        Frame::text("fragment1").unfinished(),
        Frame::continuation("fragment2"),
    ]
}

async fn are_joined<const N: usize>(
    peer: &mut Peer,
    cut: Cut,
    frames: [Frame; N],
    message: Frame,
) -> Verdict {
    peer.send_cut(cut, frames).await?;
    peer.expect(message).await
}

async fn hundred_fragments(peer: &mut Peer, cut: Cut) -> Verdict {
    let part = |n: usize| format!("{n:02}");
    let frames = (0..100).map(|n| match n {
        0 => Frame::text(part(n)).unfinished(),
        99 => Frame::continuation(part(n)),
        _ => Frame::continuation(part(n)).unfinished(),
    });
    peer.send_cut(cut, frames).await?;
    let message: String = (0..100).map(part).collect();
    peer.expect(Frame::text(message)).await
}

async fn fragments_of_1300_octets(peer: &mut Peer) -> Verdict {
    let octets = vec![b'*'; 65536];
    let parts = octets.chunks(1300).enumerate().map(|(n, part)| {
        let part = part.to_vec();
        match (n, part.len()) {
            (0, _) => Frame::text(part).unfinished(),
            (_, 1300) => Frame::continuation(part).unfinished(),
            _ => Frame::continuation(part),
        }
    });
    peer.send_cut(Cut::Together, parts.collect::<Vec<_>>())
        .await?;
    peer.expect(Frame::text(octets)).await
}

async fn messages_alternate(peer: &mut Peer) -> Verdict {
    let whole = [Frame::binary("one"), Frame::text("two")];
    peer.send_cut(
        Cut::Together,
        [
            whole[0].clone(),
            Frame::text("thr").unfinished(),
            Frame::continuation("ee"),
            whole[1].clone(),
            Frame::binary("fo").unfinished(),
            Frame::continuation("ur"),
            Frame::text("five"),
        ],
    )
    .await?;
    let [one, two] = whole;
    let three = Frame::text("three");
    let four = Frame::binary("four");
    let five = Frame::text("five");
    peer.expect_all([one, three, two, four, five])
        .await
}

async fn ping_between_fragments(peer: &mut Peer, cut: Cut) -> Verdict {
    let [first, last] = two();
    let ping = Frame::ping("ping payload");
    peer.send_cut(cut, [first, ping, last]).await?;
    let pong = Incoming::from(Frame::pong("ping payload"));
    let message = Incoming::from(Frame::text("fragment1fragment2"));
    // Soon is another case's matter; here either may come first.
    let got = [peer.next().await?, peer.next().await?];
    if got == [pong.clone(), message.clone()] || got == [message, pong] {
        return Ok(());
    }
    let [first, second] = got;
    Err(Finding::violation(
        "PONG \"ping payload\" and TEXT \"fragment1fragment2\"",
        format_args!("{first}, then {second}"),
    ))
}

pub(super) async fn two_pings_between_fragments(
    peer: &mut Peer,
    cut: Cut,
) -> Verdict {
    let more = |part| Frame::continuation(part).unfinished();
    let first = [
        Frame::text("fragment1").unfinished(),
        more("fragment2"),
        Frame::ping("pongme 1!"),
    ];
    peer.send_cut(cut, first).await?;
    peer.expect(Frame::pong("pongme 1!")).await?;
    let second = [
        more("fragment3"),
        more("fragment4"),
        Frame::ping("pongme 2!"),
        Frame::continuation("fragment5"),
    ];
    peer.send_cut(cut, second).await?;
    let message = "fragment1fragment2fragment3fragment4fragment5";
    peer.expect_all([Frame::pong("pongme 2!"), Frame::text(message)])
        .await
}

async fn close_between_fragments(peer: &mut Peer) -> Verdict {
    let close = Frame::close(StatusCode::NORMAL_CLOSURE, "");
    let [first, last] = two();
    peer.send_cut(Cut::Together, [first, close, last])
        .await?;
    // With which code, and that TCP ends then, are other cases' matters.
    peer.answer_to_close().await.map(drop)
}

fn stray_then_text(fin: bool) -> [Frame; 2] {
    let stray = Frame::continuation("non-continuation payload");
    let stray = if fin { stray } else { stray.unfinished() };
    [stray, Frame::text("Hello, world!")]
}

fn continuation_first(fin: bool) -> [Frame; 6] {
    let first = Frame::continuation("fragment1");
    let first = if fin { first } else { first.unfinished() };
    let once = [
        first,
        Frame::text("fragment2").unfinished(),
        Frame::continuation("fragment3"),
    ];
    let [a, b, c] = once.clone();
    let [d, e, f] = once;
    [a, b, c, d, e, f]
}

async fn fragmented_close_fails(peer: &mut Peer) -> Verdict {
    let close = Frame::close(StatusCode::NORMAL_CLOSURE, "").unfinished();
    peer.send(close).await?;
    not_as_a_close(&until_failed(peer, &[]).await?)
}

/// Not UTF-8, and no beginning of it.
const NO_TEXT: &[u8] = b"\xff\xfe\x80";

/// A message in two fragments.
enum Amid {
    /// The first ends inside a character.
    Text,
    Binary,
}

impl Amid {
    fn with(self, control: Frame) -> Vec<Frame> {
        let [first, last] = match self {
            Self::Text => [
                Frame::text(&b"\xe4\xb8"[..]),
                Frame::continuation(&b"\x96"[..]),
            ],
            Self::Binary => [
                Frame::binary(&b"\xff\xe4"[..]),
                Frame::continuation(&b"\xfe\x80"[..]),
            ],
        };
        vec![first.unfinished(), control, last]
    }
}

/// The Pongs may come before the message or after it; of several the last has
/// to.
async fn control_amid(peer: &mut Peer, frames: fn() -> Vec<Frame>) -> Verdict {
    let frames = frames();
    let data = frames.iter().filter(|it| !it.opcode.is_control());
    let payload = data.flat_map(|it| it.payload.iter().copied());
    let message = Frame::new(frames[0].opcode, payload.collect::<Vec<_>>());
    let pings = frames
        .iter()
        .filter(|it| it.opcode == Opcode::PING);
    let pongs: Vec<_> = pings
        .map(|it| Incoming::from(Frame::pong(it.payload.clone())))
        .collect();
    peer.send_all(frames).await?;
    let message = Incoming::from(message);
    let mut has_come = false;
    let mut answered = 0;
    while !has_come || answered < pongs.len() {
        let got = peer.next().await?;
        let left = &pongs[answered..];
        if got == message && !has_come {
            has_come = true;
        } else if let Some(at) = left.iter().position(|it| *it == got) {
            answered += at + 1;
        } else {
            return Err(Finding::violation(
                format_args!("{message}, and a PONG for each PING"),
                got,
            ));
        }
    }
    Ok(())
}

async fn close_amid(
    peer: &mut Peer,
    first: Frame,
    reason: &'static str,
) -> Verdict {
    let close = Frame::close(StatusCode::NORMAL_CLOSURE, reason);
    peer.send_all([first, close]).await?;
    expect_answer_to_1000(peer).await?;
    peer.expect_end().await.map(drop)
}

#[derive(Clone, Copy)]
enum Parts {
    Whole,
    Fragments,
    WithPings,
}

async fn keep_their_order(peer: &mut Peer, parts: Parts) -> Verdict {
    const LENGTHS: [usize; 10] =
        [200_000, 1, 100_000, 0, 65_536, 300, 2, 70_000, 126, 5];
    let declared = peer.declared();
    let limit = declared.max_frame.or(declared.max_message);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(usize::MAX);
    let mut frames = Vec::new();
    let mut messages = Vec::new();
    for (n, length) in LENGTHS.into_iter().cycle().take(40).enumerate() {
        let length = length.min(limit);
        let message = match n % 3 {
            0 => Frame::binary(super::unread::numbered(n, length)),
            _ => {
                let letter = ["\u{e9}", "b", "\u{4e16}"][n % 3];
                let text = letter.repeat(length / letter.len());
                Frame::text(text + &"-".repeat(length % letter.len()))
            }
        };
        messages.push(Incoming::from(message.clone()));
        match parts {
            Parts::Fragments if n % 4 < 3 => {
                let half = message.payload.len() / 2;
                let last = message.payload.slice(half..);
                let first = message.payload.slice(..half);
                let first = Frame::new(message.opcode, first);
                frames.push(first.unfinished());
                frames.push(Frame::continuation(last));
            }
            Parts::WithPings => {
                frames.push(message);
                frames.push(Frame::ping(format!("{n}")));
            }
            _ => frames.push(message),
        }
    }
    peer.send_all(frames).await?;
    for (n, message) in messages.iter().enumerate() {
        let mut got = peer.next().await?;
        while matches!((parts, &got), (Parts::WithPings, Incoming::Pong(_))) {
            got = peer.next().await?;
        }
        if got != *message {
            return Err(Finding::violation(
                format_args!("message {n} of 40: {message}"),
                got,
            ));
        }
    }
    Ok(())
}
