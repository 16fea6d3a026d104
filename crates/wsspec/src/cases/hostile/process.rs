//! What an attack costs the server: memory, processor time, descriptors. Each
//! of these cases has a server process of its own, and sends it at most
//! 64 MiB.
//!
//! The allowances are wide, so that what exceeds them grows with the attack: a
//! runtime may take some MiB for its own purposes whenever it likes. One that
//! collects its garbage very late can exceed them all the same.

use std::time::Duration;

use rfc6455::{Frame, Header, LengthForm, MaskingKey};

use super::super::until_failed;
use super::has_given_up;
use crate::case::{cases, family};
use crate::dialer::{Answer, Reply, Request};
use crate::measured::Measured;
use crate::peer::{Peer, Poured};
use crate::verdict::{Finding, Verdict};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// What a process may take whatever it is sent.
pub(super) const ALLOWANCE: u64 = 32 * MIB;

/// What one connection may take.
pub(super) const EACH: u64 = 256 * KIB;

/// So many connections at a time.
pub(super) const MANY: usize = 200;

cases! { Measured:
    /// A length that is announced takes no memory before its octets come.
    Guidance "hostile/memory/announced-lengths" ["6455-10.4-01"]
        => announced_lengths;
    /// A frame over the limit is not collected, however long it goes on.
    Guidance "hostile/memory/frame-over-the-limit" ["6455-10.4-01"]
        seen "CVE-2026-54274 (aiohttp)"
        => frame_over_the_limit;
    /// A frame that comes octet by octet takes as much memory as its octets,
    /// and not as its segments.
    Guidance "hostile/memory/octet-by-octet" ["6455-5.4-09"]
        seen "GHSA-96hv-2xvq-fx4p (ws)"
        => octet_by_octet;
    /// A message in very many fragments takes as much memory as its octets,
    /// and not as its fragments; or it is too many.
    Guidance "hostile/memory/fragments-without-end" ["6455-10.4-01"]
        seen "CVE-2026-48779 (ws), actix-extras #651"
        => fragments_without_end;
    /// Messages that never end take no more memory than their octets and what
    /// a connection takes.
    Guidance "hostile/memory/unfinished-messages" ["6455-10.4-01"]
        => unfinished_messages;
    /// The Pongs for a client that does not read are not collected: the
    /// server stops reading, or closes, or leaves some out.
    Guidance "hostile/memory/pongs-that-nobody-reads" ["6455-5.5.3-02"]
        seen "RUSTSEC-2020-0043 (ws-rs)"
        => pongs_that_nobody_reads;
    /// The echoes for a client that does not read are not collected.
    Guidance "hostile/memory/echoes-that-nobody-reads" ["6455-10.4-01"]
        seen "RUSTSEC-2020-0043 (ws-rs)"
        => echoes_that_nobody_reads;
    /// What an idle connection takes, as the growth with 200 of them.
    Guidance "hostile/memory/idle-connections" ["6455-10.4-01"]
        => idle_connections;
    /// Connections that have gone, in order or not, leave neither descriptors
    /// nor memory behind.
    Guidance "hostile/descriptors/connections-that-are-gone" ["6455-7.1.4-01"]
        seen "CVE-2024-23672 (Tomcat)"
        => connections_that_are_gone;
    /// A field of 16 MiB in writes of 4 KiB is not read from its beginning
    /// each time.
    Guidance "hostile/processor/long-field" ["9110-5.4-01"]
        seen "CVE-2023-43669 (tungstenite)"
        => long_field;
}

family! { OFFERS, Measured:
    /// A tedious offer takes no more time than others of its length.
    Guidance "hostile/processor/long-offer/" ["6455-4.2.1-13", "6455-9.1-01"]
        seen "CVE-2021-32640 (ws), CVE-2020-7662 and CVE-2020-7663 \
              (websocket-extensions)"
        => long_offer;

    "subprotocol-blanks" ("Sec-WebSocket-Protocol",
        || format!("b{}x", " ".repeat(32_000)));
    "extension-open-quote" ("Sec-WebSocket-Extensions",
        || format!("a; b=\"{}", "\\c".repeat(20_000)));
}

/// Holds for a server that takes many connections.
pub(super) fn takes_many(measured: &Measured) -> Verdict {
    let most = measured.declared().max_connections;
    match most.is_some_and(|most| most < MANY) {
        false => Ok(()),
        true => Err(Finding::Unsupported(format!(
            "the server declares to take less than {MANY} connections"
        ))),
    }
}

/// So many open connections, of a server that takes that many.
async fn open_many(measured: &mut Measured) -> Result<Vec<Peer>, Finding> {
    takes_many(measured)?;
    measured.open_many(MANY).await
}

/// A header that announces so many octets of binary data.
fn header(length: u64) -> Vec<u8> {
    let header = Header {
        masking_key: Some(MaskingKey([7, 7, 7, 7])),
        length_form: LengthForm::shortest(length),
        payload_length: length,
        ..Frame::binary("").header()
    };
    let mut octets = Vec::new();
    header.encode(&mut octets);
    octets
}

/// The largest frame that the server declares to take.
fn frame_limit(measured: &Measured) -> Result<u64, Finding> {
    let declared = measured.declared();
    let limit = declared.max_frame.or(declared.max_message);
    limit.ok_or_else(|| {
        Finding::Unsupported(
            "the server declares neither max-frame nor max-message".to_owned(),
        )
    })
}

async fn announced_lengths(measured: &mut Measured) -> Verdict {
    let limit = frame_limit(measured)?;
    if limit < MIB {
        return Err(Finding::Unsupported(
            "the declared limit is under 1 MiB: 200 times that is no harm"
                .to_owned(),
        ));
    }
    let memory = measured.memory()?;
    let mut peers = open_many(measured).await?;
    for peer in &mut peers {
        peer.send_octets(&header(limit)).await?;
    }
    measured.serves().await?;
    memory.is_within(ALLOWANCE + EACH * MANY as u64, "for 200 headers")
}

async fn frame_over_the_limit(measured: &mut Measured) -> Verdict {
    const LENGTH: u64 = 1 << 40;
    let limit = frame_limit(measured)?.min(LENGTH);
    if limit > 16 * MIB {
        return Err(Finding::Unsupported(
            "the declared limit is over 16 MiB, and a case sends 64 MiB at \
             most"
                .to_owned(),
        ));
    }
    let memory = measured.memory()?;
    let mut peer = measured.open().await?;
    peer.send_octets(&header(LENGTH)).await?;
    let part = vec![0; 64 << 10];
    for _ in 0..1024 {
        if !peer.send_while_silent(&part).await? {
            break;
        }
    }
    measured.serves().await?;
    memory.is_within(ALLOWANCE + limit, "for a frame that is refused")
}

async fn octet_by_octet(measured: &mut Measured) -> Verdict {
    const LENGTH: u64 = 12_000;
    let memory = measured.memory()?;
    let mut peer = measured.open().await?;
    let mut other = measured.open().await?;
    other.is_aside();
    peer.send_octets(&header(LENGTH)).await?;
    let text = Frame::text("in between");
    for _ in 0..LENGTH {
        peer.send_octets(b"o").await?;
        // So that each octet is read by itself.
        other.send(text.clone()).await?;
        other.expect(text.clone()).await?;
    }
    memory.is_within(ALLOWANCE / 2, "for 12,000 octets")
}

async fn fragments_without_end(measured: &mut Measured) -> Verdict {
    const COUNT: usize = 500_000;
    let memory = measured.memory()?;
    let mut peer = measured.open().await?;
    peer.send(Frame::binary("f").unfinished()).await?;
    let fragment = Frame::continuation("f").unfinished();
    let poured = peer.pour(&fragment, COUNT).await;
    if poured == Poured::Taken {
        // What comes for this says that the fragments before it are read.
        peer.send(Frame::ping("behind them")).await?;
        _ = peer.next().await;
    }
    memory.is_within(ALLOWANCE, "for 500 KiB of message")
}

async fn unfinished_messages(measured: &mut Measured) -> Verdict {
    let memory = measured.memory()?;
    let mut peers = open_many(measured).await?;
    for peer in &mut peers {
        let first = Frame::binary(vec![b'u'; 1024]);
        peer.send(first.unfinished()).await?;
    }
    for peer in &mut peers {
        peer.send(Frame::ping("behind it")).await?;
        peer.expect(Frame::pong("behind it")).await?;
    }
    memory.is_within(ALLOWANCE + EACH * MANY as u64, "for 200 KiB")
}

async fn pongs_that_nobody_reads(measured: &mut Measured) -> Verdict {
    let memory = measured.memory()?;
    let mut peer = measured.open().await?;
    peer.pour(&Frame::ping(vec![b'p'; 125]), 500_000)
        .await;
    measured.serves().await?;
    memory.is_within(ALLOWANCE, "for 62 MiB of Pongs")
}

async fn echoes_that_nobody_reads(measured: &mut Measured) -> Verdict {
    let memory = measured.memory()?;
    let mut peer = measured.open().await?;
    peer.pour(&Frame::binary(vec![b'e'; 60_000]), 1100)
        .await;
    measured.serves().await?;
    memory.is_within(ALLOWANCE, "for 63 MiB of echoes")
}

async fn idle_connections(measured: &mut Measured) -> Verdict {
    let memory = measured.memory()?;
    let mut peers = open_many(measured).await?;
    for peer in &mut peers {
        peer.expect_nothing().await?;
    }
    memory.is_within(ALLOWANCE + EACH * MANY as u64, "for 200 connections")?;
    let each = memory.growth()? / MANY as u64 / KIB;
    Err(Finding::Observed(format!("{each} KiB a connection")))
}

async fn connections_that_are_gone(measured: &mut Measured) -> Verdict {
    takes_many(measured)?;
    let before = measured.descriptors()?;
    let memory = measured.memory()?;
    let mut closing = Vec::new();
    for n in 0..500 {
        let mut peer = measured.open().await?;
        if n > 0 {
            peer.is_aside();
        }
        match n % 3 {
            0 => peer.reset(),
            1 => {
                peer.send(Frame::text("gone").unfinished())
                    .await?;
                peer.reset();
            }
            _ => {
                peer.send(Frame::close_without_code()).await?;
                closing.push(peer);
            }
        }
    }
    for mut peer in closing {
        until_failed(&mut peer, &[]).await?;
    }
    measured.serves().await?;
    // Those that served just now may still be on their way out.
    let after = measured.descriptors_back_to(before + 5).await?;
    if after > before + 5 {
        return Err(Finding::violation(
            format_args!("{before} descriptors, as before 500 connections"),
            format_args!("{after}"),
        ));
    }
    memory.is_within(ALLOWANCE, "behind 500 connections")
}

/// What reading a request or a message may take, whatever it says.
const A_SECOND: Duration = Duration::from_secs(1);

/// Holds if the server takes no longer for what is sent here. What it answers,
/// and when, is another case's matter.
pub(super) async fn takes_a_second_at_most(
    measured: &mut Measured,
    send: impl AsyncFnOnce(&mut Measured) -> Verdict,
) -> Verdict {
    let before = measured.processor_time()?;
    _ = send(measured).await;
    // It may be reading still.
    _ = measured.serves().await;
    let taken = measured.processor_time()?.saturating_sub(before);
    match taken <= A_SECOND {
        true => Ok(()),
        false => Err(Finding::violation(
            format_args!("at most {A_SECOND:?} of processor time"),
            format_args!("{taken:?}"),
        )),
    }
}

async fn request_takes_a_second_at_most(
    measured: &mut Measured,
    change: impl FnOnce(Request) -> Request,
) -> Verdict {
    let request = change(measured.dialer().request());
    takes_a_second_at_most(measured, async |measured| {
        measured.dialer().dial(request).await.map(drop)
    })
    .await
}

async fn long_field(measured: &mut Measured) -> Verdict {
    request_takes_a_second_at_most(measured, |it| {
        it.add("X-Long", vec![b'x'; 16 << 20])
            .until_answered()
    })
    .await
}

async fn long_offer(
    measured: &mut Measured,
    name: &str,
    offer: fn() -> String,
) -> Verdict {
    request_takes_a_second_at_most(measured, |it| it.add(name, offer())).await
}

pub(in crate::cases) mod lifetime {
    //! How a server ends, and how it keeps to its number of connections.

    use super::*;

    cases! { Measured:
        /// A server that is told to end says so with a Close 1001 to each
        /// client.
        Guidance "hostile/shutdown/close-with-1001" ["6455-7.4.1-05", "6455-7.3-01", "6455-7.1.2-01"]
            => close_with_1001;
        /// A server that is told to end does so within the declared deadline,
        /// also if its clients say nothing.
        Guidance "hostile/shutdown/silent-clients" ["6455-7.1.2-03"]
            => silent_clients;
        /// A server that is told to end takes no more connections.
        Guidance "hostile/shutdown/no-new-connections" ["6455-7.3-01"]
            => no_new_connections;
        /// A client whose request is half there when the server is told to end
        /// does not get a connection for the other half.
        Guidance "hostile/shutdown/half-a-request" ["6455-7.3-01"]
            => half_a_request;
        /// One connection more than the declared number is refused, and the
        /// others go on.
        Guidance "hostile/connections/over-the-number" ["6455-10.4-01"]
            => over_the_number;
        /// Whoever is refused for want of room is told so, and when to come
        /// back: 503 with Retry-After.
        Guidance "hostile/connections/over-the-number-is-503" ["6455-4.2.2-06"]
            => over_the_number_is_503;
        /// One opening handshake more than the declared number in a row is
        /// refused, and open connections go on.
        Guidance "hostile/rate/over-the-number" ["6455-4.2.2-06"]
            => over_the_rate;
        /// Whoever asks too often is told so, and when to come back: 429 with
        /// Retry-After.
        Guidance "hostile/rate/over-the-number-is-429" ["6455-4.2.2-06"]
            => over_the_rate_is_429;
    }

    fn shutdown_deadline(measured: &Measured) -> Result<Duration, Finding> {
        let deadline = measured.declared().shutdown_deadline;
        deadline.ok_or_else(|| {
            Finding::Unsupported(
                "the server declares no shutdown-deadline".to_owned(),
            )
        })
    }

    /// Open connections of which the server knows: each has had an echo.
    async fn clients(measured: &mut Measured) -> Result<Vec<Peer>, Finding> {
        let most = measured.declared().max_connections;
        // Places have to be left, or nobody is refused for another reason.
        let count = most.map_or(20, |most| (most / 2).clamp(1, 20));
        let mut peers = measured.open_many(count).await?;
        for peer in &mut peers {
            peer.expect_nothing().await?;
        }
        Ok(peers)
    }

    async fn close_with_1001(measured: &mut Measured) -> Verdict {
        let deadline = shutdown_deadline(measured)?;
        let mut peers = clients(measured).await?;
        measured.terminate();
        for peer in &mut peers {
            let got = peer.next_within(deadline).await?;
            if got.status_code().map(|code| code.0) != Some(1001) {
                return Err(Finding::violation("CLOSE 1001", got));
            }
        }
        Ok(())
    }

    async fn silent_clients(measured: &mut Measured) -> Verdict {
        let deadline = shutdown_deadline(measured)?;
        let mut peers = clients(measured).await?;
        for peer in &mut peers {
            peer.falls_silent();
        }
        measured.terminate();
        let patience = measured.patience();
        match measured.ends_within(deadline + patience).await {
            true => Ok(()),
            false => Err(Finding::violation(
                format_args!("the end of the process within {deadline:?}"),
                "it still runs",
            )),
        }
    }

    async fn no_new_connections(measured: &mut Measured) -> Verdict {
        let deadline = shutdown_deadline(measured)?;
        let mut peers = clients(measured).await?;
        for peer in &mut peers {
            peer.falls_silent();
        }
        measured.terminate();
        // The first that the server does is what begins its end.
        if let Some(peer) = peers.first_mut() {
            peer.next_within(deadline).await?;
        }
        match measured.refuses_within(deadline).await {
            true => Ok(()),
            false => Err(Finding::violation(
                format_args!("no more connections within {deadline:?}"),
                "a 101",
            )),
        }
    }

    async fn half_a_request(measured: &mut Measured) -> Verdict {
        let deadline = shutdown_deadline(measured)?;
        let mut peers = clients(measured).await?;
        for peer in &mut peers {
            peer.falls_silent();
        }
        let head = measured.dialer().request().head();
        let (half, rest) = head.split_at(head.len() / 2);
        let mut unopened = measured.dialer().connect().await?;
        unopened.send(half).await?;
        // Whoever is served behind it shows that the server has read it.
        measured.serves().await?;
        measured.terminate();
        if let Some(peer) = peers.first_mut() {
            peer.next_within(deadline).await?;
        }
        if unopened.send(rest).await.is_err() {
            return Ok(());
        }
        has_given_up(&unopened.acts_within(deadline).await)
    }

    /// As many open connections as are declared.
    async fn all_places(measured: &mut Measured) -> Result<Vec<Peer>, Finding> {
        let most = measured.declared().max_connections;
        let most = most.ok_or_else(|| {
            Finding::Unsupported(
                "the server declares no max-connections".to_owned(),
            )
        })?;
        if most > MANY {
            return Err(Finding::Unsupported(format!(
                "the declared number is over {MANY}, and a case opens no \
                 more connections"
            )));
        }
        let mut peers = Vec::new();
        for _ in 0..most {
            // Whoever was there before may just be going.
            let mut peer = measured.open_when_possible().await?;
            peer.expect_nothing().await?;
            peers.push(peer);
        }
        Ok(peers)
    }

    async fn over_the_number_is_503(measured: &mut Measured) -> Verdict {
        let _peers = all_places(measured).await?;
        let request = measured.dialer().request();
        let answer = measured.dialer().dial(request).await?;
        is_to_come_back(&answer, 503)
    }

    fn is_to_come_back(answer: &Answer, status: u16) -> Verdict {
        match answer.reply() {
            Reply::Head(head)
                if head.status == status
                    && head.fields.contains("Retry-After") =>
            {
                Ok(())
            }
            other => Err(Finding::violation(
                format_args!("{status} with Retry-After"),
                other,
            )),
        }
    }

    /// The answer to the first opening handshake that is refused, or to the
    /// last of more than twice as many as are declared.
    async fn answer_over_the_rate(
        measured: &mut Measured,
    ) -> Result<Answer, Finding> {
        let most = measured.declared().max_handshakes;
        let most = most.ok_or_else(|| {
            Finding::Unsupported(
                "the server declares no max-handshakes".to_owned(),
            )
        })?;
        if most > MANY {
            return Err(Finding::Unsupported(format!(
                "the declared number is over {MANY}, and a case makes no more \
                 opening handshakes"
            )));
        }
        // Some come back while this goes on, but not that fast.
        for _ in 0..2 * most {
            let request = measured.dialer().request();
            let answer = measured.dialer().dial(request).await?;
            if !answer.is_switch() {
                return Ok(answer);
            }
        }
        let request = measured.dialer().request();
        measured.dialer().dial(request).await
    }

    async fn over_the_rate(measured: &mut Measured) -> Verdict {
        let mut open = measured.open().await?;
        let answer = answer_over_the_rate(measured).await?;
        if answer.is_switch() {
            return Err(Finding::violation(
                "a refusal among twice as many opening handshakes as declared",
                answer.reply(),
            ));
        }
        open.expect_nothing().await.map_err(|finding| {
            Finding::violation("open connections to go on", finding.got())
        })
    }

    async fn over_the_rate_is_429(measured: &mut Measured) -> Verdict {
        let answer = answer_over_the_rate(measured).await?;
        is_to_come_back(&answer, 429)
    }

    async fn over_the_number(measured: &mut Measured) -> Verdict {
        let mut peers = all_places(measured).await?;
        if measured.open().await.is_ok() {
            return Err(Finding::violation(
                format_args!(
                    "no connection behind the {} declared",
                    peers.len()
                ),
                "a 101",
            ));
        }
        for peer in &mut peers {
            match peer.expect_nothing().await {
                Ok(()) => {}
                Err(finding) => {
                    return Err(Finding::violation(
                        "the other connections to go on",
                        finding.got(),
                    ));
                }
            }
        }
        // Whoever goes makes room.
        drop(peers);
        match measured.open_when_possible().await {
            Ok(_) => Ok(()),
            Err(finding) => Err(Finding::violation(
                "a connection when others have gone",
                finding.got(),
            )),
        }
    }
}
