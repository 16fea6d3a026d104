//! §5.5, control frames: Close, Ping and Pong.

use rfc6455::{Frame, Opcode, StatusCode};

use super::s5_1_overview::every_frame;
use super::s5_4_fragmentation::two_pings_between_fragments;
use super::{expect_answer_to_1000, fails, not_as_a_close, until_failed};
use crate::case::cases;
use crate::peer::{Cut, Incoming, Peer};
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// A Ping of more than 125 octets fails the connection.
    Must "6455/5.5/control-is-short/ping-126" ["6455-5.5-01"] autobahn "2.5"
        => fails(Cut::Together, [Frame::ping(vec![0xfe; 126])]);
    /// A Pong of more than 125 octets fails the connection.
    Must "6455/5.5/control-is-short/pong-126" ["6455-5.5-01"]
        => fails_before_text([Frame::pong(vec![0xfe; 126])]);
    /// A Close of more than 125 octets fails the connection.
    Must "6455/5.5/control-is-short/close-126" ["6455-5.5-01"] autobahn "7.3.6"
        => close_fails(close(1000, &[b'*'; 124]));
    /// A Ping whose length takes 64 bits fails the connection.
    Must "6455/5.5/control-is-short/ping-65536" ["6455-5.5-01"]
        => fails(Cut::Together, [Frame::ping(vec![0xfe; 65536])]);

    /// A control frame of a server is whole and has at most 125 octets.
    Must "6455/5.5/server-control-is-short" ["6455-5.5-02"]
        => every_frame(
            |header| !header.opcode.is_control()
                || header.fin && header.payload_length <= 125,
            "control frames in one piece, of at most 125 octets",
        );

    /// A Close without a body is answered with a Close.
    Must "6455/5.5.1/close-is-answered/empty" ["6455-5.5.1-04"] autobahn "7.3.1"
        => close_is_answered(Frame::close_without_code());
    /// A Close with a status code is answered with a Close.
    Must "6455/5.5.1/close-is-answered/code" ["6455-5.5.1-04"] autobahn "7.3.3"
        => close_is_answered(close(1000, b""));
    /// A Close with a reason is answered with a Close.
    Must "6455/5.5.1/close-is-answered/reason" ["6455-5.5.1-04"] autobahn "7.3.4"
        => close_is_answered(close(1000, b"Hello World!"));
    /// A Close with the longest reason is answered with a Close.
    Must "6455/5.5.1/close-is-answered/longest-reason" ["6455-5.5.1-04"] autobahn "7.3.5"
        => close_is_answered(close(1000, &[b'*'; 123]));
    /// A Close after a message is answered with a Close.
    Must "6455/5.5.1/close-is-answered/after-a-message" ["6455-5.5.1-04"] autobahn "7.1.1"
        => close_after_message;
    /// The answer to a Close repeats its status code.
    Should "6455/5.5.1/answer-repeats-the-code/1000" ["6455-5.5.1-06"]
        => answer_repeats(1000);
    /// The answer to a Close repeats its status code.
    Should "6455/5.5.1/answer-repeats-the-code/1001" ["6455-5.5.1-06"]
        => answer_repeats(1001);
    /// The answer to a Close repeats its status code, also an application's.
    Should "6455/5.5.1/answer-repeats-the-code/4999" ["6455-5.5.1-06"]
        => answer_repeats(4999);
    /// A Close without a code is answered without a code, or with 1000: 1005
    /// stands for it only inside the endpoint.
    Should "6455/5.5.1/empty-close-has-no-code" ["6455-7.1.5-01"]
        => empty_close_has_no_code;
    /// When both Closes have passed, the server ends the TCP connection.
    Must "6455/5.5.1/tcp-ends-after-both-closes" ["6455-5.5.1-08", "6455-7.1.1-02"]
        => tcp_ends_after_both_closes;

    /// Nothing comes from a server behind its Close, whatever is still to be
    /// answered.
    Must "6455/5.5.1/nothing-comes-after-own-close" ["6455-5.5.1-03", "6455-6.1-01"]
        => nothing_comes_after_own_close;
    /// An answer to a Close comes soon where there is nothing else to do.
    Should "6455/5.5.1/close-is-answered-soon" ["6455-5.5.1-05"]
        => close_is_answered_soon;

    /// A second Close is not answered.
    Should "6455/5.5.1/nothing-counts-after-close/close" ["6455-5.5.1-10"] autobahn "7.1.2"
        => nothing_counts_after_close(Frame::close_without_code());
    /// A Ping behind a Close is not answered.
    Should "6455/5.5.1/nothing-counts-after-close/ping" ["6455-5.5.1-10"] autobahn "7.1.3"
        => nothing_counts_after_close(Frame::ping(""));
    /// A message behind a Close is not echoed.
    Should "6455/5.5.1/nothing-counts-after-close/text" ["6455-5.5.1-10"] autobahn "7.1.4"
        => nothing_counts_after_close(Frame::text("Hello World!"));

    /// A Close whose body is one octet fails the connection.
    Must "6455/5.5.1/close-body-has-a-code" ["6455-5.5.1-01"] autobahn "7.3.2"
        => close_fails(Frame::new(Opcode::CLOSE, "a"));
    /// A Close whose reason is not UTF-8 fails the connection.
    Should "6455/5.5.1/reason-is-utf8" ["6455-5.5.1-02"] autobahn "7.5.1"
        => close_fails(close(1000, NOT_UTF8));

    /// A Close whose longest reason ends inside a character fails the
    /// connection.
    Should "6455/5.5.1/longest-reason-is-utf8" ["6455-5.5.1-02"]
        => close_fails(close(1000, LONGEST_NOT_UTF8));

    /// A Ping is answered with a Pong.
    Must "6455/5.5.2/ping-is-answered/empty" ["6455-5.5.2-01"] autobahn "2.1"
        => ping_is_answered(Cut::Together, b"");
    /// A Ping is answered with a Pong that carries the same payload.
    Must "6455/5.5.2/ping-is-answered/text" ["6455-5.5.2-01", "6455-5.5.3-01"] autobahn "2.2"
        => ping_is_answered(Cut::Together, b"Hello, world!");
    /// A Ping's payload is any octets.
    Must "6455/5.5.2/ping-is-answered/binary" ["6455-5.5.2-01", "6455-5.5.3-01"] autobahn "2.3"
        => ping_is_answered(
            Cut::Together,
            b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff",
        );
    /// A Ping's payload has up to 125 octets.
    Must "6455/5.5.2/ping-is-answered/longest" ["6455-5.5.2-01", "6455-5.5.3-01"] autobahn "2.4"
        => ping_is_answered(Cut::Together, &[0xfe; 125]);
    /// A Ping that comes octet by octet is a Ping.
    Must "6455/5.5.2/ping-is-answered/octet-by-octet" ["6455-5.5.2-01", "6455-5.4-09"] autobahn "2.6"
        => ping_is_answered(Cut::Octets(1), &[0xfe; 125]);
    /// The Pong carries every octet value as it came.
    Must "6455/5.5.2/ping-is-answered/every-octet-value" ["6455-5.5.2-01", "6455-5.5.3-01"]
        => every_octet_value;
    /// Of several Pings the last is answered; those that are answered before
    /// are answered in order.
    Must "6455/5.5.2/ping-is-answered/ten" ["6455-5.5.2-01", "6455-5.5.3-02"] autobahn "2.10"
        => ten_pings(Cut::Together);
    /// Of several Pings the last is answered, also if they come octet by
    /// octet.
    Must "6455/5.5.2/ping-is-answered/ten-octet-by-octet" ["6455-5.5.2-01", "6455-5.5.3-02"] autobahn "2.11"
        => ten_pings(Cut::Octets(1));

    /// A Ping inside a message is answered before the message is complete.
    Should "6455/5.5.2/ping-is-answered-soon/inside-a-message" ["6455-5.5.2-02", "6455-5.4-04"] autobahn "5.19"
        => two_pings_between_fragments(Cut::Together);
    /// A Ping inside a message is answered before the message is complete.
    Should "6455/5.5.2/ping-is-answered-soon/inside-a-message-apart" ["6455-5.5.2-02", "6455-5.4-04"] autobahn "5.20"
        => two_pings_between_fragments(Cut::Apart);

    /// A Pong that nobody asked for is legal and needs no answer.
    Should "6455/5.5.3/pong-needs-no-answer/empty" ["6455-5.5.3-03"] autobahn "2.7"
        => pong_then_close(b"");
    /// A Pong that nobody asked for is legal and needs no answer.
    Should "6455/5.5.3/pong-needs-no-answer/payload" ["6455-5.5.3-03"] autobahn "2.8"
        => pong_then_close(b"unsolicited pong payload");
    /// A Pong that nobody asked for does not disturb the answer to a Ping.
    Must "6455/5.5.3/pong-needs-no-answer/then-ping" ["6455-5.5.3-03", "6455-5.5.2-01"] autobahn "2.9"
        => pong_then_ping;
    /// After a Pong that nobody asked for, messages go on.
    Should "6455/5.5.3/pong-needs-no-answer/then-text" ["6455-5.5.3-03"]
        => pong_then_text;
}

/// "κόσμε", a surrogate, "edited".
pub(super) const NOT_UTF8: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\
    \xb5\xed\xa0\x80edited";

/// 122 octets and the first of a character of three.
const LONGEST_NOT_UTF8: &[u8] = &{
    let mut reason = [b'*'; 123];
    reason[122] = 0xe2;
    reason
};

pub(super) fn close(code: u16, reason: &[u8]) -> Frame {
    Frame::close(StatusCode(code), reason)
}

/// Sends a text behind the illegal frame: a server that takes no notice of
/// the frame will echo it.
async fn fails_before_text(peer: &mut Peer, frames: [Frame; 1]) -> Verdict {
    let [illegal] = frames;
    fails(peer, Cut::Together, [illegal, Frame::text("after")]).await
}

/// Sends a Close that is none.
pub(super) async fn close_fails(peer: &mut Peer, frame: Frame) -> Verdict {
    peer.send(frame).await?;
    not_as_a_close(&until_failed(peer, &[]).await?)
}

async fn close_is_answered(peer: &mut Peer, frame: Frame) -> Verdict {
    peer.send(frame).await?;
    peer.expect_close().await.map(drop)
}

async fn close_after_message(peer: &mut Peer) -> Verdict {
    let text = Frame::text("Hello World!");
    peer.send(text.clone()).await?;
    peer.expect(text).await?;
    close_is_answered(peer, close(1000, b"")).await
}

async fn answer_repeats(peer: &mut Peer, code: u16) -> Verdict {
    peer.send(close(code, b"reason")).await?;
    let answer = peer.expect_close().await?;
    if answer.status_code() == Some(StatusCode(code)) {
        return Ok(());
    }
    Err(Finding::violation(format_args!("CLOSE {code}"), answer))
}

async fn empty_close_has_no_code(peer: &mut Peer) -> Verdict {
    peer.send(Frame::close_without_code()).await?;
    // 1005 on the wire is illegal: the peer has already said so.
    expect_answer_to_1000(peer).await
}

async fn tcp_ends_after_both_closes(peer: &mut Peer) -> Verdict {
    peer.send(close(1000, b"")).await?;
    peer.expect_close().await?;
    peer.expect_end().await.map(drop)
}

async fn nothing_comes_after_own_close(peer: &mut Peer) -> Verdict {
    let text = |n: usize| Frame::text(format!("text {n}"));
    let frames = (0..50).map(text).chain([close(1000, b"")]);
    peer.send_cut(Cut::Together, frames).await?;
    let mut echoes = 0;
    loop {
        match peer.next().await? {
            Incoming::Close(_) => break,
            got if got == Incoming::from(text(echoes)) => echoes += 1,
            got => {
                return Err(Finding::violation(
                    format_args!("TEXT \"text {echoes}\", or a CLOSE"),
                    got,
                ));
            }
        }
    }
    peer.expect_end().await.map(drop)
}

async fn close_is_answered_soon(peer: &mut Peer) -> Verdict {
    peer.send(close(1000, b"")).await?;
    match peer.acts_soon().await? {
        Some(Incoming::Close(_)) => Ok(()),
        Some(got) => Err(Finding::violation("a CLOSE", got)),
        None => Err(Finding::violation("a CLOSE", "nothing for so long")),
    }
}

async fn nothing_counts_after_close(peer: &mut Peer, behind: Frame) -> Verdict {
    peer.send_cut(Cut::Together, [close(1000, b""), behind])
        .await?;
    peer.expect_close().await?;
    peer.expect_end().await.map(drop)
}

async fn ping_is_answered(
    peer: &mut Peer,
    cut: Cut,
    payload: &'static [u8],
) -> Verdict {
    peer.send_cut(cut, [Frame::ping(payload)]).await?;
    peer.expect(Frame::pong(payload)).await
}

async fn every_octet_value(peer: &mut Peer) -> Verdict {
    let values: Vec<u8> = (0..=255).collect();
    for part in values.chunks(125) {
        peer.send(Frame::ping(part.to_vec())).await?;
        peer.expect(Frame::pong(part.to_vec())).await?;
    }
    Ok(())
}

async fn ten_pings(peer: &mut Peer, cut: Cut) -> Verdict {
    let payload = |n: usize| format!("payload-{n}");
    peer.send_cut(cut, (0..10).map(|n| Frame::ping(payload(n))))
        .await?;
    let mut next = 0;
    while next < 10 {
        let got = peer.next().await?;
        let answered = (next..10)
            .find(|n| got == Incoming::from(Frame::pong(payload(*n))));
        let Some(answered) = answered else {
            return Err(Finding::violation(
                format_args!("PONG \"payload-{next}\", or a later one"),
                got,
            ));
        };
        next = answered + 1;
    }
    Ok(())
}

async fn pong_then_close(peer: &mut Peer, payload: &'static [u8]) -> Verdict {
    peer.send_cut(Cut::Together, [Frame::pong(payload), close(1000, b"")])
        .await?;
    expect_answer_to_1000(peer).await
}

async fn pong_then_ping(peer: &mut Peer) -> Verdict {
    let pong = Frame::pong("unsolicited pong payload");
    peer.send_cut(Cut::Together, [pong, Frame::ping("ping payload")])
        .await?;
    peer.expect(Frame::pong("ping payload")).await
}

async fn pong_then_text(peer: &mut Peer) -> Verdict {
    peer.send(Frame::pong("unsolicited pong payload"))
        .await?;
    peer.expect_nothing().await
}
