//! Growth without end: memory that grows with each message, control frame or
//! past connection, and processor time that no client asks for.
//!
//! How much memory a server takes is its own affair. So the first round does
//! not count, and one later round without growth is enough: a leak grows in
//! each of them.

use std::time::Duration;

use rfc6455::{Frame, StatusCode};

use super::process::takes_many;
use crate::case::family;
use crate::measured::Measured;
use crate::peer::{Incoming, Peer};
use crate::verdict::{Finding, Verdict};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// So many rounds a server may grow in before it has to have enough.
const ROUNDS: usize = 8;

family! { MESSAGES, Measured:
    /// A server keeps no memory for frames that it has answered, however long
    /// the connection lives.
    Guidance "hostile/memory/without-end/" ["6455-10.4-01"]
        seen "WebSocket-Node #322, websockets #312, ws #804"
        => messages_without_end;

    "pings" (|n| vec![Frame::ping(format!("{n}"))]);
    "messages" (|n| vec![Frame::text(format!("message {n}"))]);
    "fragmented-messages" (|n| vec![
        Frame::binary("message").unfinished(),
        Frame::continuation(format!("{n}")),
    ]);
    "pongs" (|n| vec![Frame::pong(format!("{n}"))]);
}

family! { CONNECTIONS, Measured:
    /// A server keeps no memory for connections that have ended.
    Guidance "hostile/memory/without-end/" ["6455-7.1.4-01"]
        seen "WebSocket-Node #192"
        => connections_without_end;

    "closed-connections" (Gone::Closed);
    "reset-connections" (Gone::Reset);
    "failed-connections" (Gone::Failed);
}

family! { PARTS, Measured:
    /// A message in very many fragments takes little more processor time than
    /// as many fragments of short messages: the server does not copy what has
    /// come at each of them.
    Guidance "hostile/processor/" ["6455-5.4-05"]
        seen "aiohttp #13488, rabbitmq-server #17093"
        => many_fragments;

    "many-fragments" (false);
    "many-fragments-and-pings" (true);
}

family! { IDLE, Measured:
    /// A server that has nothing to do takes no processor time.
    Guidance "hostile/processor/idle/" ["6455-7.1.4-01", "6455-10.7-01"]
        seen "rouille #211, Fleck #8, esp32_https_server #58"
        => idle;

    "after-closes" (Idle::AfterCloses);
    "after-resets" (Idle::AfterResets);
    "after-half-frames" (Idle::AfterHalfFrames);
    "silent-clients" (Idle::SilentClients);
    "half-frames" (Idle::HalfFrames);
    "half-requests" (Idle::HalfRequests);
    "clients-that-read-nothing" (Idle::ReadNothing);
}

/// How a connection has ended.
#[derive(Clone, Copy)]
enum Gone {
    Closed,
    Reset,
    Failed,
}

/// In which state nobody asks for anything.
#[derive(Clone, Copy)]
enum Idle {
    AfterCloses,
    AfterResets,
    AfterHalfFrames,
    SilentClients,
    HalfFrames,
    HalfRequests,
    ReadNothing,
}

/// How much the server has grown in the last round, if it has in each.
struct Growth {
    rounds: usize,
    free: u64,
    all: u64,
}

impl Growth {
    fn new(free: u64) -> Self {
        Self {
            rounds: 0,
            free,
            all: 0,
        }
    }

    /// Whether a round has shown that the server does not grow; and whether it
    /// has grown too much.
    fn ends(&mut self, grown: u64, what: &str) -> Result<bool, Finding> {
        // What is set up once.
        self.rounds += 1;
        if self.rounds == 1 {
            return Ok(false);
        }
        self.all += grown;
        if grown <= self.free {
            return Ok(true);
        }
        if self.rounds <= ROUNDS && self.all < 256 * MIB {
            return Ok(false);
        }
        Err(Finding::violation(
            format_args!("no more memory after a while, for {what}"),
            format_args!(
                "{} KiB more in {} rounds, in each of them more than {} KiB",
                self.all / KIB,
                self.rounds - 1,
                self.free / KIB
            ),
        ))
    }
}

/// The answers to frames: each message, each Ping.
async fn answers_come(peer: &mut Peer, frames: &[Frame]) -> Verdict {
    use rfc6455::Opcode;

    let messages = frames
        .iter()
        .filter(|it| it.fin && !it.opcode.is_control());
    let mut messages = messages.count();
    let pings = frames
        .iter()
        .filter(|it| it.opcode == Opcode::PING);
    let last = pings.last().map(|it| it.payload.clone());
    let mut is_answered = last.is_none();
    while messages > 0 || !is_answered {
        match peer.next().await? {
            Incoming::Message(..) if messages > 0 => messages -= 1,
            Incoming::Pong(payload) => {
                is_answered |= Some(payload) == last;
            }
            got => {
                return Err(Finding::Blocked(format!(
                    "instead of an answer comes {got}"
                )));
            }
        }
    }
    Ok(())
}

/// Twenty thousand a round: a hundred bytes each are found.
async fn messages_without_end(
    measured: &mut Measured,
    frames: fn(usize) -> Vec<Frame>,
) -> Verdict {
    const EACH: usize = 20_000;
    const AT_ONCE: usize = 100;
    let mut growth = Growth::new(2 * MIB);
    let mut peer = measured.open().await?;
    loop {
        let memory = measured.memory()?;
        for begin in (0..EACH).step_by(AT_ONCE) {
            let mut frames: Vec<_> = (begin..begin + AT_ONCE)
                .flat_map(frames)
                .collect();
            frames.push(Frame::ping("so far"));
            peer.send_all(frames.clone()).await?;
            answers_come(&mut peer, &frames).await?;
        }
        if growth.ends(memory.growth()?, "20,000 a round")? {
            return Ok(());
        }
    }
}

/// Three hundred a round: five KiB each are found.
async fn connections_without_end(
    measured: &mut Measured,
    gone: Gone,
) -> Verdict {
    if measured.declared().max_handshakes.is_some() {
        return Err(Finding::Unsupported(
            "the server declares to answer only so many opening handshakes"
                .to_owned(),
        ));
    }
    takes_many(measured)?;
    let mut growth = Growth::new(3 * MIB / 2);
    loop {
        let memory = measured.memory()?;
        for _ in 0..300 {
            let mut peer = measured.open().await?;
            peer.is_aside();
            match gone {
                Gone::Closed => {
                    let close = Frame::close(StatusCode::NORMAL_CLOSURE, "");
                    peer.send(close).await?;
                    peer.expect_close().await?;
                }
                Gone::Failed => {
                    peer.send(Frame::continuation("stray")).await?;
                    peer.next().await?;
                }
                Gone::Reset => {
                    peer.expect_nothing().await?;
                    peer.reset();
                }
            }
        }
        measured.serves().await?;
        if growth.ends(memory.growth()?, "300 connections a round")? {
            return Ok(());
        }
    }
}

/// The same fragments once as 64 messages and once as one. Copying what has
/// come at each fragment costs 64 times as much in one.
async fn many_fragments(measured: &mut Measured, pings: bool) -> Verdict {
    const COUNT: usize = 65_536;
    const MESSAGES: usize = 64;
    let declared = measured.declared();
    let most = declared
        .max_message
        .unwrap_or(4 * MIB)
        .min(4 * MIB);
    let each = usize::try_from(most).unwrap_or(COUNT) / COUNT;
    if each == 0 {
        return Err(Finding::Unsupported(
            "the declared limit is under 64 KiB: copying that again and again \
             is no harm"
                .to_owned(),
        ));
    }
    let each = match declared.max_frame {
        Some(most) => usize::try_from(most).unwrap_or(each).min(each),
        None => each,
    };
    let short = vec![COUNT / MESSAGES; MESSAGES];
    let short = time_for(measured, &short, each, pings).await?;
    let long = time_for(measured, &[COUNT], each, pings).await?;
    let most = short * 4 + Duration::from_secs(1);
    match long <= most {
        true => Ok(()),
        false => Err(Finding::violation(
            format_args!(
                "at most {most:?} of processor time for {COUNT} fragments of \
                 one message: as many of {MESSAGES} take {short:?}"
            ),
            format_args!("{long:?}"),
        )),
    }
}

/// The processor time for messages of so many fragments each. A server may
/// refuse them; how that ends is another case's matter.
async fn time_for(
    measured: &mut Measured,
    messages: &[usize],
    each: usize,
    pings: bool,
) -> Result<Duration, Finding> {
    let part = Frame::continuation(vec![b'f'; each]).unfinished();
    let before = measured.processor_time()?;
    let mut peer = measured.open().await?;
    let sent = async {
        for count in messages {
            peer.send(Frame::binary("").unfinished()).await?;
            for _ in 0..16 {
                if pings {
                    peer.send(Frame::ping("between")).await?;
                }
                peer.flood(&part, count / 16).await?;
            }
            peer.send(Frame::continuation("")).await?;
            while let Incoming::Pong(_) = peer.next().await? {}
        }
        Ok::<_, Finding>(())
    };
    _ = sent.await;
    // It may be reading still.
    _ = measured.serves().await;
    Ok(measured.processor_time()?.saturating_sub(before))
}

/// How long a server may do what it likes before it has to be quiet.
const WINDOWS: usize = 8;

/// How long it is looked at, each time.
const WINDOW: Duration = Duration::from_millis(250);

async fn idle(measured: &mut Measured, idle: Idle) -> Verdict {
    const COUNT: usize = 10;
    if measured
        .declared()
        .max_connections
        .is_some_and(|most| most < 2 * COUNT)
    {
        return Err(Finding::Unsupported(
            "the server declares to take less than 20 connections".to_owned(),
        ));
    }
    let mut open = Vec::new();
    let mut unopened = Vec::new();
    let head = measured.dialer().request().head();
    for _ in 0..COUNT {
        if let Idle::HalfRequests = idle {
            let mut half = measured.dialer().connect().await?;
            half.send(&head[..head.len() / 2]).await?;
            unopened.push(half);
            continue;
        }
        let mut peer = measured.open().await?;
        match idle {
            Idle::AfterCloses => {
                let close = Frame::close(StatusCode::NORMAL_CLOSURE, "");
                peer.send(close).await?;
                peer.expect_close().await?;
                continue;
            }
            Idle::AfterResets => {
                peer.expect_nothing().await?;
                peer.reset();
                continue;
            }
            Idle::AfterHalfFrames => {
                peer.send_octets(b"\x81\x85\0\0\0\0hel").await?;
                peer.end().await;
                continue;
            }
            Idle::HalfFrames => {
                peer.send_octets(b"\x81\x85\0\0\0\0hel").await?;
            }
            Idle::ReadNothing => {
                let frame = Frame::binary(vec![b'e'; 60_000]);
                let frame = match measured.declared().max_message {
                    Some(0..60_000) => Frame::binary("e"),
                    _ => frame,
                };
                peer.send_unread(&vec![frame; 140]).await;
            }
            Idle::SilentClients | Idle::HalfRequests => {
                peer.expect_nothing().await?;
            }
        }
        open.push(peer);
        // One of them takes as much as ten.
        if let Idle::ReadNothing = idle {
            break;
        }
    }
    measured.serves().await?;
    let mut least = Duration::MAX;
    for _ in 0..WINDOWS {
        let before = measured.processor_time()?;
        // There is nothing to wait for: that is what the case is about.
        tokio::time::sleep(WINDOW).await;
        let taken = measured.processor_time()?.saturating_sub(before);
        least = least.min(taken);
        if least <= WINDOW / 10 {
            return Ok(());
        }
    }
    Err(Finding::violation(
        format_args!("hardly any processor time in {WINDOW:?}"),
        format_args!("at least {least:?}, {WINDOWS} times in a row"),
    ))
}
