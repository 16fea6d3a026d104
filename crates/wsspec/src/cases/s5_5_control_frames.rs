//! §5.5, control frames: Close, Ping and Pong.

use rfc6455::{Frame, Opcode, StatusCode};

use super::s5_1_overview::every_frame;
use super::s5_4_fragmentation::{two, two_pings_between_fragments};
use super::states::{State, fails_in};
use super::unread::{Came, Talk, stop_reading};
use super::{expect_answer_to_1000, fails, not_as_a_close, until_failed};
use crate::case::{cases, family};
use crate::opener::Opener;
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
        => plain_close_is_answered;
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
    /// The answer to a Close repeats its status code, also between the
    /// fragments of a message.
    Should "6455/5.5.1/answer-repeats-the-code/inside-a-message" ["6455-5.5.1-06", "6455-5.4-04"]
        => answer_repeats_inside_a_message;
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

family! { RETURNED, Peer:
    /// A reason that the server sends back is UTF-8, and fits into a control
    /// frame.
    Must "6455/5.5.1/returned-reason-is-utf8/" ["6455-5.5.1-04", "6455-5.5-02", "6455-5.5.1-02"]
        => returned_reason;

    "2-byte-characters" ("\u{e9}", 122);
    "2-byte-characters-later" ("\u{e9}", 123);
    "3-byte-characters" ("\u{4e16}", 123);
    "3-byte-characters-later" ("\u{4e16}", 122);
    "3-byte-characters-latest" ("\u{4e16}", 121);
    "4-byte-characters" ("\u{1F980}", 120);
    "4-byte-characters-later" ("\u{1F980}", 122);
    "short" ("\u{4e16}", 31);
}

family! { BEFORE_FIN, Peer:
    /// A Close is answered also if the client ends its side of TCP right after
    /// it.
    Should "6455/5.5.1/close-is-answered/before-a-fin" ["6455-5.5.1-04", "6455-7.1.1-01"]
        => answered_before_fin;

    "" (0);
    "-and-messages" (20);
}

family! { UNREAD, Opener:
    /// A Close is answered however much the server still has to send: it may
    /// leave out whole messages.
    Must "6455/5.5.1/close-is-answered/after-unread-" ["6455-5.5.1-04", "6455-6.1-02"]
        seen "bun #39843"
        => answered_after_unread;

    "long-echoes" (Talk::Long);
    "short-echoes" (Talk::Short);
}

family! { LONG_IN_STATES, Peer:
    /// A control frame of more than 125 bytes fails the connection, whatever
    /// came before it.
    Must "6455/5.5/control-is-short/" ["6455-5.5-01"]
        => fails_in;
    "ping-inside" (State::Inside, |_| Frame::ping(vec![0xfe; 126]));
    "ping-inside-after-a-ping" (State::InsideAfterAPing, |_| Frame::ping(vec![0xfe; 126]));
    "ping-after-messages" (State::AfterMessages, |_| Frame::ping(vec![0xfe; 126]));
    "ping-after-control" (State::AfterControl, |_| Frame::ping(vec![0xfe; 126]));
    "close-inside" (State::Inside, |_| close(1000, &[b'*'; 124]));
    "close-inside-after-a-ping" (State::InsideAfterAPing, |_| close(1000, &[b'*'; 124]));
    "close-after-messages" (State::AfterMessages, |_| close(1000, &[b'*'; 124]));
    "close-after-control" (State::AfterControl, |_| close(1000, &[b'*'; 124]));
}

family! { CODES_IN_STATES, Peer:
    /// A Close whose body is one byte fails the connection, whatever came
    /// before it.
    Must "6455/5.5.1/close-body-has-a-code/" ["6455-5.5.1-01"]
        => fails_in;
    "inside" (State::Inside, |_| Frame::new(Opcode::CLOSE, "a"));
    "inside-after-a-ping" (State::InsideAfterAPing, |_| Frame::new(Opcode::CLOSE, "a"));
    "after-messages" (State::AfterMessages, |_| Frame::new(Opcode::CLOSE, "a"));
    "after-control" (State::AfterControl, |_| Frame::new(Opcode::CLOSE, "a"));
}

family! { REASONS_IN_STATES, Peer:
    /// A Close whose reason is not UTF-8 fails the connection, whatever came
    /// before it.
    Should "6455/5.5.1/reason-is-utf8/" ["6455-5.5.1-02"]
        => fails_in;
    "inside" (State::Inside, |_| close(1000, NOT_UTF8));
    "inside-after-a-ping" (State::InsideAfterAPing, |_| close(1000, NOT_UTF8));
    "after-messages" (State::AfterMessages, |_| close(1000, NOT_UTF8));
    "after-control" (State::AfterControl, |_| close(1000, NOT_UTF8));
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

/// The case that shows a server that answers no Close.
async fn plain_close_is_answered(peer: &mut Peer) -> Verdict {
    peer.send(close(1000, b"")).await?;
    peer.expect_close().await.map(drop)
}

async fn close_is_answered(peer: &mut Peer, frame: Frame) -> Verdict {
    peer.send(frame).await?;
    peer.answer_to_close().await.map(drop)
}

async fn close_after_message(peer: &mut Peer) -> Verdict {
    let text = Frame::text("Hello World!");
    peer.send(text.clone()).await?;
    peer.expect(text).await?;
    close_is_answered(peer, close(1000, b"")).await
}

async fn answer_repeats(peer: &mut Peer, code: u16) -> Verdict {
    peer.send(close(code, b"reason")).await?;
    repeats(&peer.answer_to_close().await?, code)
}

fn repeats(answer: &Incoming, code: u16) -> Verdict {
    if answer.status_code() == Some(StatusCode(code)) {
        return Ok(());
    }
    Err(Finding::violation(format_args!("CLOSE {code}"), answer))
}

async fn answer_repeats_inside_a_message(peer: &mut Peer) -> Verdict {
    let [first, last] = two();
    peer.send_cut(Cut::Together, [first, close(1000, b""), last])
        .await?;
    repeats(&peer.answer_to_close().await?, 1000)
}

async fn empty_close_has_no_code(peer: &mut Peer) -> Verdict {
    peer.send(Frame::close_without_code()).await?;
    // 1005 on the wire is illegal: the peer has already said so.
    expect_answer_to_1000(peer).await
}

async fn tcp_ends_after_both_closes(peer: &mut Peer) -> Verdict {
    peer.send(close(1000, b"")).await?;
    peer.answer_to_close().await?;
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
            got @ (Incoming::End(_) | Incoming::Silence(_)) => {
                return Err(peer.no_answer_to_close(got).await);
            }
            got if got == Incoming::from(text(echoes)) => echoes += 1,
            got => {
                return Err(Finding::violation(
                    format_args!("TEXT \"text {echoes}\", or a CLOSE"),
                    got,
                ));
            }
        }
    }
    nothing_more_but_closes(peer).await
}

/// Holds if nothing comes up to the end. That there is one, and that the
/// server closes but once, are other cases' matters.
async fn nothing_more_but_closes(peer: &mut Peer) -> Verdict {
    loop {
        match peer.next().await? {
            Incoming::End(_) | Incoming::Silence(_) => return Ok(()),
            Incoming::Close(_) => {}
            got => return Err(Finding::violation("nothing more", got)),
        }
    }
}

async fn close_is_answered_soon(peer: &mut Peer) -> Verdict {
    peer.send(close(1000, b"")).await?;
    match peer.acts_soon().await? {
        Some(Incoming::Close(_)) => Ok(()),
        Some(got @ Incoming::End(_)) => Err(peer.no_answer_to_close(got).await),
        Some(got) => Err(Finding::violation("a CLOSE", got)),
        None => {
            let silence = Incoming::Silence(peer.patience() / 2);
            Err(peer.no_answer_to_close(silence).await)
        }
    }
}

async fn nothing_counts_after_close(peer: &mut Peer, behind: Frame) -> Verdict {
    let is_close = behind.opcode == Opcode::CLOSE;
    peer.send_cut(Cut::Together, [close(1000, b""), behind])
        .await?;
    peer.answer_to_close().await?;
    if !is_close {
        return nothing_more_but_closes(peer).await;
    }
    match peer.next().await? {
        Incoming::End(_) | Incoming::Silence(_) => Ok(()),
        got => Err(Finding::violation("nothing more", got)),
    }
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

/// A reason of as many characters as fit, behind some letters: wherever it is
/// cut, one of them is cut inside a character.
async fn returned_reason(
    peer: &mut Peer,
    character: &'static str,
    most: usize,
) -> Verdict {
    let letters = most % character.len();
    let reason =
        "r".repeat(letters) + &character.repeat(most / character.len());
    peer.send(close(1000, reason.as_bytes())).await?;
    // The peer says so if the body of what comes is none.
    expect_answer_to_1000(peer).await
}

async fn answered_before_fin(peer: &mut Peer, messages: usize) -> Verdict {
    let message = |n: usize| Frame::text(format!("{n:0>1000}"));
    let frames = (0..messages).map(message);
    peer.send_all(frames.chain([close(1000, b"")]))
        .await?;
    peer.end().await;
    let mut next = 0;
    loop {
        match peer.next().await? {
            Incoming::Close(_) => return peer.expect_end().await.map(drop),
            got if got == Incoming::from(message(next)) => next += 1,
            got => return Err(Finding::violation("a CLOSE", got)),
        }
    }
}

/// Whether a server gives up a client that reads nothing is its own matter:
/// then there is nothing to answer.
async fn answered_after_unread(opener: &mut Opener, talk: Talk) -> Verdict {
    let mut first = opener.open().await?;
    first.is_aside();
    let mut due = stop_reading(&mut first, talk).await;
    due.read_on(&mut first, Vec::new()).await?;
    if !matches!(due.comes(&mut first, false).await, Ok(Came::Everything)) {
        return Err(Finding::Unsupported(
            "the server does not go on with a client that has stopped \
             reading"
                .to_owned(),
        ));
    }
    drop(first);
    let mut peer = opener.open().await?;
    let mut due = stop_reading(&mut peer, talk).await;
    due.close_unread(&mut peer).await;
    peer.apart().await;
    due.read_on(&mut peer, Vec::new()).await?;
    match due.comes(&mut peer, true).await? {
        Came::Other(Incoming::Close(_)) => {}
        Came::Everything => {
            peer.expect_close().await?;
        }
        Came::Other(Incoming::End(_)) if due.is_over(&peer) => return Ok(()),
        Came::Other(got) => {
            return Err(Finding::violation(
                "a CLOSE, after as many whole echoes as the server likes",
                got,
            ));
        }
    }
    peer.expect_end().await.map(drop)
}
