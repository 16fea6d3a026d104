//! §5.4, fragmentation: messages in several frames, and what may stand
//! between those.

use rfc6455::{Frame, StatusCode};

use super::{
    expect_answer_to_1000, fails, fails_after, not_as_a_close, until_failed,
};
use crate::case::cases;
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
    /// A Close between two fragments is answered as any Close.
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

fn two() -> [Frame; 2] {
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
    expect_answer_to_1000(peer).await?;
    peer.expect_end().await.map(drop)
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
