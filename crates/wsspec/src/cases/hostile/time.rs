//! Timers: a server does not cut off a client that behaves.
//!
//! A server has many timers, and some belong to the HTTP server that accepted
//! the connection. In these cases the client behaves for longer than any of
//! them lasts. A case fails only if something comes too early by the client's
//! clock, which started before the server's.

use std::time::{Duration, Instant};

use rfc6455::{Frame, MaskingKey, StatusCode};

use crate::case::{cases, family};
use crate::opener::Opener;
use crate::peer::{Incoming, Peer, too_slow};
use crate::verdict::{Finding, Verdict};

family! { SILENCE, Opener thorough:
    /// A connection stays open while both sides are silent, or the server sends
    /// a Close first: the timers of its HTTP server do not end it.
    Guidance "hostile/time/silence/" ["6455-7.3-01", "6455-7.1.1-03"]
        seen "akka-core #19945, nbio #17, node-http-proxy #1664"
        => silence;

    "open" (Silent::Open);
    "after-a-message" (Silent::AfterAMessage);
    "inside-a-message" (Silent::InsideAMessage);
    "inside-a-frame" (Silent::InsideAFrame);
}

family! { OPENED, Opener thorough:
    /// The deadline for the opening handshake does not apply after it.
    Guidance "hostile/time/handshake-deadline-ends/" ["6455-7.3-01"]
        seen "hashview #528"
        => handshake_deadline_ends;

    "silent" (false);
    "after-a-message" (true);
}

family! { ANSWERED, Opener thorough:
    /// A server does not drop a client that answers its Pings: at once, late,
    /// only the last of several, or with unsolicited Pongs in between.
    Guidance "hostile/time/pings-answered/" ["6455-5.5.2-03", "6455-5.5.3-02", "6455-5.5.3-03"]
        seen "Java-WebSocket #198"
        => pings_answered;

    "at-once" (Answers::AtOnce);
    "late" (Answers::Late);
    "last-of-two" (Answers::LastOfTwo);
    "with-others" (Answers::WithOthers);
}

cases! { Opener thorough:
    /// A connection stays open as long as the client uses it; only a declared
    /// max-age ends it.
    Guidance "hostile/time/in-use" ["6455-7.3-01"]
        => in_use;
    /// A client in the middle of a frame can't answer a Ping; the bytes that it
    /// sends show that it is alive.
    Guidance "hostile/time/pings-inside-a-frame" ["6455-5.5.2-03", "6455-5.4-01"]
        => pings_inside_a_frame;
    /// A client that sends a message before the idle deadline is not idle.
    Guidance "hostile/time/messages-before-the-idle-deadline" ["6455-7.3-01"]
        => not_idle;
    /// A server does not end a connection before its declared maximum age.
    Guidance "hostile/time/younger-than-declared" ["6455-7.3-01"]
        => younger_than_declared;
    /// A server does not drop a client that reads on before the declared send
    /// deadline.
    Guidance "hostile/time/reads-before-the-send-deadline" ["6455-7.3-01"]
        => reads_before_the_deadline;
}

pub(in crate::cases) mod pings {
    //! The same server, with a rule of the RFC.

    use super::*;

    cases! { Opener thorough:
        /// A Pong carries the payload of the client's Ping, also if the server
        /// has just sent a Ping of its own.
        Must "6455/5.5.2/ping-is-answered/while-the-server-pings" ["6455-5.5.2-01", "6455-5.5.3-01"]
            seen "libwebsockets #2413"
            => answered_while_the_server_pings;
    }
}

/// What the silent client has sent last.
#[derive(Clone, Copy)]
enum Silent {
    Open,
    AfterAMessage,
    InsideAMessage,
    InsideAFrame,
}

/// How a client answers Pings.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    AtOnce,
    Late,
    LastOfTwo,
    WithOthers,
}

fn undeclared(key: &str) -> Finding {
    Finding::Unsupported(format!("the server declares no {key}"))
}

/// A little more than a minute where silence counts after 2 seconds: more than
/// any usual timer of an HTTP server.
fn long_time(patience: Duration) -> Duration {
    patience * 65 / 2
}

/// The time for which nothing has a reason to end the connection.
fn without_deadlines(opener: &Opener, time: Duration) -> Duration {
    let declared = opener.declared();
    let deadlines = [declared.idle_deadline, declared.max_age];
    let least = deadlines.into_iter().flatten().min();
    least.map_or(time, |least| time.min(least / 2))
}

/// Holds if nothing comes within this time but Pings; what does, if anything.
async fn waits(
    peer: &mut Peer,
    time: Duration,
) -> Result<Option<Incoming>, Finding> {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        if let Some(got) = peer.arrives_within(left).await? {
            return Ok(Some(got));
        }
    }
}

/// Holds if the connection is as good as new.
async fn is_open(peer: &mut Peer) -> Verdict {
    peer.send(Frame::ping("still there")).await?;
    peer.expect(Frame::pong("still there")).await?;
    peer.expect_nothing().await
}

async fn silence(opener: &mut Opener, silent: Silent) -> Verdict {
    let patience = opener.endpoint().patience;
    let time = without_deadlines(opener, long_time(patience));
    let mut peer = opener.open().await?;
    let mut frame = Vec::new();
    let text = Frame::text("whole after a while");
    text.clone()
        .masked(MaskingKey([9, 8, 7, 6]))
        .encode(&mut frame);
    match silent {
        Silent::Open => {}
        Silent::AfterAMessage => peer.expect_nothing().await?,
        Silent::InsideAMessage => {
            peer.send(Frame::text("whole ").unfinished())
                .await?;
        }
        Silent::InsideAFrame => {
            // What answers a Ping now would be inside this frame.
            peer.falls_silent();
            peer.send_octets(&frame[..9]).await?;
        }
    }
    match waits(&mut peer, time).await? {
        None => {}
        // A client that answers no Ping may be gone.
        Some(Incoming::Close(_) | Incoming::End(_))
            if matches!(silent, Silent::InsideAFrame)
                && !peer.pings().is_empty() =>
        {
            return Ok(());
        }
        Some(close @ Incoming::Close(_)) => {
            return is_policy(close);
        }
        Some(got) => {
            return Err(Finding::violation(
                "silence, or a CLOSE before the end",
                got,
            ));
        }
    }
    match silent {
        Silent::Open | Silent::AfterAMessage => {}
        Silent::InsideAMessage => {
            peer.send(Frame::continuation("after a while"))
                .await?;
            peer.expect(text).await?;
        }
        Silent::InsideAFrame => {
            peer.send_octets(&frame[9..]).await?;
            peer.answers_again();
            peer.expect(text).await?;
        }
    }
    is_open(&mut peer).await
}

/// Holds for a Close that says that the server has had enough of waiting.
fn is_policy(close: Incoming) -> Verdict {
    match close.status_code().map(|code| code.0) {
        None | Some(1000 | 1001 | 1008 | 1012 | 1013 | 3000..=4999) => Ok(()),
        Some(_) => Err(Finding::violation(
            "silence, or a CLOSE that does not accuse the client or the server",
            close,
        )),
    }
}

/// Has a text echoed again and again, within `each` of the one before; what
/// comes instead.
async fn is_used(
    peer: &mut Peer,
    time: Duration,
    each: Duration,
) -> Result<Option<Incoming>, Finding> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        let text = Frame::text("in use");
        peer.send(text.clone()).await?;
        match peer.next().await? {
            got if got == Incoming::from(text) => {}
            got => return Ok(Some(got)),
        }
        if let Some(got) = waits(peer, each).await? {
            return Ok(Some(got));
        }
    }
    Ok(None)
}

async fn in_use(opener: &mut Opener) -> Verdict {
    let patience = opener.endpoint().patience;
    let mut time = long_time(patience);
    if let Some(age) = opener.declared().max_age {
        time = time.min(age / 2);
    }
    let each = without_deadlines(opener, patience / 2);
    let mut peer = opener.open().await?;
    match is_used(&mut peer, time, each).await? {
        None => Ok(()),
        Some(got) => Err(Finding::violation("nothing but echoes", got)),
    }
}

async fn handshake_deadline_ends(
    opener: &mut Opener,
    after_a_message: bool,
) -> Verdict {
    let deadline = opener.declared().handshake_deadline;
    let deadline = deadline.ok_or_else(|| undeclared("handshake-deadline"))?;
    let time = deadline + opener.endpoint().patience;
    if without_deadlines(opener, time) < time {
        return Err(Finding::Unsupported(
            "the server declares to close a silent connection earlier"
                .to_owned(),
        ));
    }
    let mut peer = opener.open().await?;
    if after_a_message {
        peer.expect_nothing().await?;
    }
    match waits(&mut peer, time).await? {
        None => is_open(&mut peer).await,
        Some(got) => Err(Finding::violation(
            format_args!(
                "nothing more when the {deadline:?} for the opening handshake \
                 are over"
            ),
            got,
        )),
    }
}

fn ping_interval(opener: &Opener) -> Result<Duration, Finding> {
    let interval = opener.declared().ping_interval;
    interval.ok_or_else(|| undeclared("ping-interval"))
}

async fn pings_answered(opener: &mut Opener, answers: Answers) -> Verdict {
    const ENOUGH: usize = 10;
    let interval = ping_interval(opener)?;
    let most = without_deadlines(opener, interval * 14);
    if most < interval * 6 {
        return Err(Finding::Unsupported(
            "the server declares to close a silent connection earlier"
                .to_owned(),
        ));
    }
    let mut peer = opener.open().await?;
    if answers != Answers::AtOnce {
        // The case answers by itself.
        peer.falls_silent();
    }
    let begun = Instant::now();
    let mut waiting = Vec::new();
    let mut seen = 0;
    let mut looked = Instant::now();
    while begun.elapsed() < most && (seen < ENOUGH || !waiting.is_empty()) {
        let got = peer.arrives_within(interval / 20).await?;
        let was_late = looked.elapsed() > interval / 2;
        looked = Instant::now();
        if let Some(got) = got {
            return Err(match was_late {
                true => too_slow(),
                false => Finding::violation(
                    format_args!(
                        "no offence at a client that answers: {seen} PINGs"
                    ),
                    got,
                ),
            });
        }
        for ping in peer.pings().into_iter().skip(seen) {
            waiting.push((Instant::now(), ping));
            seen += 1;
        }
        let due = match answers {
            Answers::AtOnce => {
                waiting.clear();
                continue;
            }
            Answers::Late => waiting
                .first()
                .is_some_and(|(since, _)| since.elapsed() > interval * 4 / 5),
            Answers::LastOfTwo => waiting.len() > 1,
            Answers::WithOthers => !waiting.is_empty(),
        };
        if !due {
            continue;
        }
        let Some((_, ping)) = waiting.pop() else {
            continue;
        };
        waiting.clear();
        if answers == Answers::WithOthers {
            peer.send(Frame::pong("nobody asked")).await?;
        }
        peer.send(Frame::pong(ping)).await?;
        if answers == Answers::WithOthers {
            peer.send(Frame::pong("")).await?;
        }
        if answers == Answers::LastOfTwo && seen >= ENOUGH {
            break;
        }
    }
    if seen < 3 {
        return Err(Finding::violation(
            format_args!("a PING each {interval:?}"),
            format_args!("{seen} within {:?}", begun.elapsed()),
        ));
    }
    peer.answers_again();
    is_open(&mut peer).await
}

async fn answered_while_the_server_pings(opener: &mut Opener) -> Verdict {
    const ENOUGH: usize = 4;
    let interval = ping_interval(opener)?;
    let mut peer = opener.open().await?;
    let mut seen = 0;
    let begun = Instant::now();
    let ping = |n: usize| Frame::ping(format!("the client's {n}"));
    peer.send(ping(0)).await?;
    peer.expect(Frame::pong("the client's 0")).await?;
    while seen < ENOUGH {
        if begun.elapsed() > interval * 8 {
            return Err(Finding::Blocked(format!(
                "the server has not sent {ENOUGH} PINGs"
            )));
        }
        if let Some(got) = peer.arrives_within(interval / 20).await? {
            return Err(Finding::violation("nothing but PINGs", got));
        }
        let now = peer.pings().len();
        if now == seen {
            continue;
        }
        seen = now;
        peer.send(ping(seen)).await?;
        let pong = Frame::pong(format!("the client's {seen}"));
        peer.expect(pong).await?;
    }
    Ok(())
}

/// One frame, a byte at a time, for longer than three intervals.
async fn pings_inside_a_frame(opener: &mut Opener) -> Verdict {
    let interval = ping_interval(opener)?;
    let time = interval * 5;
    if without_deadlines(opener, time) < time {
        return Err(Finding::Unsupported(
            "the server declares to close a connection without messages \
             earlier"
                .to_owned(),
        ));
    }
    let mut peer = opener.open().await?;
    peer.falls_silent();
    let mut octets = Vec::new();
    let text = Frame::text("x".repeat(100));
    text.clone()
        .masked(MaskingKey([9, 8, 7, 6]))
        .encode(&mut octets);
    let (last, octets) = octets.split_last().unwrap_or((&0, &[]));
    let each = time / 100;
    let mut looked = Instant::now();
    for byte in octets {
        peer.send_octets(&[*byte]).await?;
        let got = waits(&mut peer, each).await?;
        let was_late = looked.elapsed() > interval;
        looked = Instant::now();
        if let Some(got) = got {
            return Err(match was_late {
                true => too_slow(),
                false => Finding::violation(
                    "patience with a client that can't answer a PING",
                    got,
                ),
            });
        }
    }
    peer.send_octets(&[*last]).await?;
    let pings = peer.pings();
    peer.answers_again();
    if let Some(ping) = pings.last() {
        peer.send(Frame::pong(ping.clone())).await?;
    }
    peer.expect(text).await?;
    is_open(&mut peer).await
}

async fn not_idle(opener: &mut Opener) -> Verdict {
    let deadline = opener.declared().idle_deadline;
    let deadline = deadline.ok_or_else(|| undeclared("idle-deadline"))?;
    let age = opener.declared().max_age;
    let time = age.map_or(deadline * 3, |age| (age / 2).min(deadline * 3));
    let mut peer = opener.open().await?;
    let begun = Instant::now();
    let text = Frame::text("not idle");
    while begun.elapsed() < time {
        let sent = Instant::now();
        peer.send(text.clone()).await?;
        let mut got = Some(peer.next().await?);
        if got == Some(Incoming::from(text.clone())) {
            got = waits(&mut peer, deadline / 2).await?;
        }
        if let Some(got) = got {
            return Err(match sent.elapsed() >= deadline {
                true => too_slow(),
                false => Finding::violation(
                    format_args!(
                        "no end within {deadline:?} of the last message"
                    ),
                    got,
                ),
            });
        }
    }
    Ok(())
}

async fn younger_than_declared(opener: &mut Opener) -> Verdict {
    let age = opener.declared().max_age;
    let age = age.ok_or_else(|| undeclared("max-age"))?;
    let each = match opener.declared().idle_deadline {
        Some(idle) => (idle / 3).min(age / 20),
        None => age / 20,
    };
    let begun = Instant::now();
    let mut peer = opener.open().await?;
    let got = is_used(&mut peer, age * 3 / 4, each).await?;
    match got {
        Some(got) if begun.elapsed() < age => Err(Finding::violation(
            format_args!("a connection that becomes {age:?} old"),
            format_args!("{got} after {:?}", begun.elapsed()),
        )),
        Some(_) => Err(too_slow()),
        None => Ok(()),
    }
}

/// A Close that comes because of another deadline is none of this case's.
async fn reads_before_the_deadline(opener: &mut Opener) -> Verdict {
    use super::super::unread::{Came, Talk, stop_reading};

    let deadline = opener.declared().send_deadline;
    let deadline = deadline.ok_or_else(|| undeclared("send-deadline"))?;
    let begun = Instant::now();
    let mut peer = opener.open().await?;
    let mut due = stop_reading(&mut peer, Talk::Long).await;
    let pause = (deadline / 2).saturating_sub(begun.elapsed());
    // Nothing is read: that is what the case is about.
    tokio::time::sleep(pause).await;
    due.read_on(&mut peer, Vec::new()).await?;
    let was_late = begun.elapsed() >= deadline;
    match due.comes(&mut peer, false).await? {
        Came::Everything => {
            peer.send(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
                .await?;
            peer.expect_close().await.map(drop)
        }
        Came::Other(_) if was_late => Err(too_slow()),
        Came::Other(got) => Err(Finding::violation(
            format_args!(
                "every echo for a client that reads on within {deadline:?}"
            ),
            got,
        )),
    }
}
