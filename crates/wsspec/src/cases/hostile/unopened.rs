//! Upgrades that are refused, and requests that are never finished: what never
//! became a WebSocket leaves neither descriptors nor memory behind, and takes
//! no place of those that are declared.
//!
//! Memory is measured in rounds of the same: a leak grows in each of them, and
//! what a runtime takes for its own purposes does not.

use rfc6455::{Frame, Opcode};

use super::process::MANY;
use crate::case::{cases, family};
use crate::dialer::Dialer;
use crate::measured::Measured;
use crate::peer::Peer;
use crate::verdict::{Finding, Verdict};

const KIB: u64 = 1 << 10;

/// How often each of these comes in a round.
const COUNT: usize = 250;

/// So many rounds in a row that grow are a leak.
const ROUNDS: usize = 8;

cases! { Measured:
    /// Upgrades that are refused leave no descriptors behind.
    Guidance "hostile/descriptors/refused-requests" ["6455-4.2.2-06", "6455-7.1.4-01"]
        seen "nodetool #4673, weavejs #1118"
        => descriptors_after(Ends::Refused);
    /// Requests that are never finished, or whose answer nobody waits for,
    /// leave no descriptors behind.
    Guidance "hostile/descriptors/unfinished-requests" ["6455-4.2.2-06", "6455-7.1.4-01"]
        => descriptors_after(Ends::Unfinished);
    /// Upgrades that are refused leave no memory behind.
    Guidance "hostile/memory/refused-requests" ["6455-4.2.2-06"]
        => memory_after(Ends::Refused);
    /// Requests that are never finished, or whose answer nobody waits for,
    /// leave no memory behind.
    Guidance "hostile/memory/unfinished-requests" ["6455-4.2.2-06"]
        => memory_after(Ends::Unfinished);
}

family! { PLACES, Measured:
    /// The declared number of connections counts those that are open: one that
    /// ends gives its place back, whenever and however it ends.
    Guidance "hostile/connections/place-comes-back/" ["6455-7.1.4-01", "6455-4.2.2-06"]
        => place_comes_back;

    "refused" (Ends::Refused);
    "unfinished" (Ends::Unfinished);
    "failed" (Ends::Failed);
    "reset" (Ends::Reset);
    "ended" (Ends::Ended);
}

/// How a connection ends.
#[derive(Clone, Copy)]
enum Ends {
    Refused,
    Unfinished,
    Failed,
    Reset,
    Ended,
}

/// Has an upgrade refused, each time for another reason.
async fn refused(dialer: &mut Dialer, number: usize) -> Verdict {
    let request = dialer.request();
    let request = match number % 6 {
        0 => request.without("Sec-WebSocket-Key"),
        1 => request.set("Sec-WebSocket-Version", "14"),
        2 => request.target("/there-is-no-such-resource"),
        3 => request.method("POST").add("Content-Length", "0"),
        4 => request
            .without("Upgrade")
            .set("Connection", "close"),
        _ => request.line("no header field"),
    };
    // What the answer is, other cases judge.
    dialer.dial(request).await.map(drop)
}

/// Begins a request and goes, each time at another moment.
async fn unfinished(dialer: &mut Dialer, number: usize) -> Verdict {
    let head = dialer.request().head();
    let sent = match number % 3 {
        0 => &[],
        1 => &head[..head.len() / 2],
        _ => &head[..],
    };
    let mut unopened = dialer.connect().await?;
    if !sent.is_empty() {
        unopened.send(sent).await?;
    }
    // Half of them vanish, the others end in order.
    if number % 2 == 0 {
        unopened.reset();
    }
    Ok(())
}

/// Lets a connection come and go.
async fn come_and_go(
    measured: &mut Measured,
    ends: Ends,
    number: usize,
) -> Verdict {
    let dialer = measured.dialer();
    match ends {
        Ends::Refused => return refused(dialer, number).await,
        Ends::Unfinished => return unfinished(dialer, number).await,
        _ => {}
    }
    // Whoever was there before may just be going.
    let mut peer = measured.open_when_possible().await?;
    peer.is_aside();
    peer.expect_nothing().await?;
    match ends {
        Ends::Failed => {
            let reserved = Opcode::from_first_octet(0xb);
            peer.send(Frame::new(reserved, "")).await?;
            super::super::until_failed(&mut peer, &[]).await?;
        }
        Ends::Reset => peer.reset(),
        _ => {
            peer.send(Frame::close_without_code()).await?;
            super::super::until_failed(&mut peer, &[]).await?;
        }
    }
    Ok(())
}

async fn times(measured: &mut Measured, ends: Ends, count: usize) -> Verdict {
    for number in 0..count {
        come_and_go(measured, ends, number).await?;
    }
    measured.serves().await
}

async fn descriptors_after(measured: &mut Measured, ends: Ends) -> Verdict {
    let before = measured.descriptors()?;
    times(measured, ends, COUNT).await?;
    // Those that served just now may still be on their way out.
    let after = measured.descriptors_back_to(before + 5).await?;
    match after <= before + 5 {
        true => Ok(()),
        false => Err(Finding::violation(
            format_args!("{before} descriptors, as before {COUNT} of them"),
            after,
        )),
    }
}

async fn memory_after(measured: &mut Measured, ends: Ends) -> Verdict {
    let mut rounds = Rounds::default();
    loop {
        let memory = measured.memory()?;
        times(measured, ends, COUNT).await?;
        if rounds.are_over(memory.growth()?, COUNT as u64 * 4 * KIB) {
            return rounds.verdict();
        }
    }
}

/// How much more memory each round of the same has taken.
#[derive(Debug, Default)]
pub(in crate::cases) struct Rounds {
    count: usize,
    /// What a round has grown by, at least; the first does not count, as it
    /// sets up what is set up once.
    least: Option<u64>,
}

impl Rounds {
    /// Takes note of what a round has grown by, and tells whether that is
    /// enough to know: one that grows by no more than `most` is the end of all
    /// doubt.
    pub(in crate::cases) fn are_over(
        &mut self,
        growth: u64,
        most: u64,
    ) -> bool {
        self.count += 1;
        if self.count == 1 {
            return false;
        }
        if growth <= most {
            self.least = None;
            return true;
        }
        let least = self.least.get_or_insert(growth);
        *least = growth.min(*least);
        self.count > ROUNDS
    }

    pub(in crate::cases) fn verdict(&self) -> Verdict {
        match self.least {
            None => Ok(()),
            Some(least) => Err(Finding::violation(
                "memory that ceases to grow when the same comes again",
                format_args!(
                    "{} KiB more in each of {} rounds",
                    least / KIB,
                    self.count - 1
                ),
            )),
        }
    }
}

/// Opens as many connections as are declared.
async fn place_comes_back(measured: &mut Measured, ends: Ends) -> Verdict {
    let most = measured
        .declared()
        .max_connections
        .ok_or_else(|| {
            Finding::Unsupported(
                "the server declares no max-connections".to_owned(),
            )
        })?;
    if most > MANY {
        return Err(Finding::Unsupported(format!(
            "the declared number is over {MANY}, and a case opens no more \
             connections"
        )));
    }
    let lost = |finding: Finding| {
        Finding::violation("places for all that are declared", finding.got())
    };
    for number in 0..2 * most {
        let came = come_and_go(measured, ends, number).await;
        came.map_err(lost)?;
    }
    let mut peers: Vec<Peer> = Vec::new();
    for _ in 0..most {
        let opened = measured.open_when_possible().await;
        let mut peer = opened.map_err(lost)?;
        peer.expect_nothing().await.map_err(lost)?;
        peers.push(peer);
    }
    Ok(())
}
