//! Blocks: in each every server has its turn once, in random order, and is
//! compared with the floor of the same block.
//!
//! So whatever else the machine does falls on all of them, and the floor that
//! stands in each block twice shows how much of it is left.

use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::generator::Load;
use crate::opening::{self, Failure};
use crate::process::{Reading, SystemCalls, Unmeasured, own_nanoseconds};
use crate::report::{Block, Measured, Measurement};
use crate::servers::{FLOOR, FLOOR_AGAIN, Participant};
use crate::stats::{Interval, median};
use crate::workload::{Echo, Workload};

/// So many connections are opened and closed in a block at most: their ports
/// stay taken for a while.
const MOST_HANDSHAKES: u64 = 500;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How long a server is driven before it is measured.
    pub warm_up: Duration,
    /// How long it is measured.
    pub window: Duration,
    /// How many blocks there are.
    pub blocks: usize,
}

/// Why a server has no number.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It did something wrong.
    #[error(transparent)]
    Server(#[from] Failure),
    /// It can't be measured.
    #[error(transparent)]
    Unmeasured(#[from] Unmeasured),
}

/// Measures a workload of messages or handshakes.
///
/// Whoever fails is told to `tell` and has no turn any more, here and in what
/// is measured later.
pub fn measure(
    workload: Workload,
    participants: &mut [Participant],
    times: Times,
    counts_calls: bool,
    random: &mut Rng,
    mut tell: impl FnMut(&str, Option<&str>),
) -> Measurement {
    let mut measured: Vec<Vec<Block>> = vec![Vec::new(); participants.len()];
    let mut order: Vec<usize> = (0..participants.len()).collect();
    for number in 0..times.blocks {
        random.shuffle(&mut order);
        for &index in &order {
            let participant = &mut participants[index];
            if !takes_part(participant, workload) {
                continue;
            }
            match block(number, workload, participant, times) {
                Ok(block) => {
                    measured[index].push(block);
                    tell(&participant.name, None);
                }
                Err(fault) => fail(participant, &fault, &mut tell),
            }
        }
    }
    let mut system_calls = vec![None; participants.len()];
    if let (true, Workload::Echo(echo)) = (counts_calls, workload) {
        for (participant, calls) in
            participants.iter_mut().zip(&mut system_calls)
        {
            if !takes_part(participant, workload) {
                continue;
            }
            match count_calls(participant, &echo, times.window) {
                Ok(count) => *calls = Some(count),
                Err(Fault::Unmeasured(Unmeasured::Perf(_))) => {}
                Err(fault) => fail(participant, &fault, &mut tell),
            }
        }
    }
    let floor = participants
        .iter()
        .position(|it| it.name == FLOOR);
    let floor = floor.map(|index| measured[index].clone());
    let floor = floor.unwrap_or_default();
    let servers: Vec<Measured> = participants
        .iter()
        .zip(measured)
        .zip(system_calls)
        .filter(|((participant, _), _)| fits(participant, workload))
        .map(|((participant, blocks), calls)| {
            summary(participant, blocks, &floor, calls, random)
        })
        .collect();
    let again = servers.iter().find(|it| it.name == FLOOR_AGAIN);
    Measurement {
        workload: workload.to_string(),
        noise: again.and_then(|it| it.ratio),
        servers,
    }
}

/// Whether its messages are not too large for it.
#[must_use]
pub fn fits(participant: &Participant, workload: Workload) -> bool {
    let most = participant.max_message.unwrap_or(u64::MAX);
    workload.size() as u64 <= most
}

/// Whether it is measured.
pub(crate) fn takes_part(
    participant: &Participant,
    workload: Workload,
) -> bool {
    participant.failed.is_none() && fits(participant, workload)
}

/// Notes why a server is no longer measured; if its process has ended, with
/// the last that it printed.
pub fn fail(
    participant: &mut Participant,
    fault: &Fault,
    tell: &mut impl FnMut(&str, Option<&str>),
) {
    // What ended its connections may be its process, which is just ending.
    participant
        .running
        .wait(Duration::from_millis(200));
    let why = match participant.has_ended() {
        Some(ended) => format!("{fault}; {ended}"),
        None => fault.to_string(),
    };
    tell(&participant.name, Some(&why));
    participant.failed = Some(why);
}

/// Measures one server in one block.
fn block(
    number: usize,
    workload: Workload,
    participant: &Participant,
    times: Times,
) -> Result<Block, Fault> {
    let pid = participant.running.pid;
    let mut load = match workload {
        Workload::Echo(echo) => Some(Load::open(&participant.target, &echo)?),
        _ => None,
    };
    match &mut load {
        Some(load) => load.run(times.warm_up)?,
        None => handshakes(participant, 3, times.warm_up)?,
    };
    // Nothing is in flight, so every message's cost is within.
    let before = Reading::of(pid)?;
    let own = own_nanoseconds()?;
    let begun = Instant::now();
    let messages = match &mut load {
        Some(load) => load.run(times.window)?,
        None => handshakes(participant, MOST_HANDSHAKES, times.window)?,
    };
    let seconds = begun.elapsed().as_secs_f64();
    let own = own_nanoseconds()?.saturating_sub(own);
    let used = Reading::of(pid)?.since(&before);
    if let Some(load) = load {
        load.close()?;
    }
    let share = |nanoseconds: u64| nanoseconds as f64 / 1e9 / seconds;
    Ok(Block {
        block: number,
        messages,
        seconds,
        cpu_ns: used.nanoseconds,
        switches: used.switches,
        ended_threads: used.ended_threads,
        generator_cpu_ns: own,
        generator_bound: share(own) > 0.9 && share(used.nanoseconds) < 0.7,
    })
}

/// Opens and closes connections, one at a time, so long and so many at most.
fn handshakes(
    participant: &Participant,
    most: u64,
    at_most: Duration,
) -> Result<u64, Fault> {
    let target = &participant.target;
    let end = Instant::now() + at_most;
    let mut count = 0;
    while count < most && (count == 0 || Instant::now() < end) {
        let opened = target.open(count).and_then(|(stream, early)| {
            opening::close(stream, target.protocol, &early)
        });
        opened.map_err(|what| Failure {
            server: target.name.clone(),
            connection: usize::try_from(count).unwrap_or_default(),
            offset: 0,
            what,
        })?;
        count += 1;
    }
    Ok(count)
}

/// System calls per message, counted apart: to count them costs time.
fn count_calls(
    participant: &Participant,
    echo: &Echo,
    window: Duration,
) -> Result<f64, Fault> {
    let mut load = Load::open(&participant.target, echo)?;
    load.once()?;
    let counting = SystemCalls::begin(participant.running.pid)?;
    let messages = load.run(window)?;
    let calls = counting.end()?;
    load.close()?;
    Ok(per(calls, messages))
}

fn per(what: u64, messages: u64) -> f64 {
    what as f64 / messages.max(1) as f64
}

fn summary(
    participant: &Participant,
    blocks: Vec<Block>,
    floor: &[Block],
    system_calls: Option<f64>,
    random: &mut Rng,
) -> Measured {
    let ratios: Vec<f64> = blocks
        .iter()
        .filter_map(|own| {
            let floor = floor.iter().find(|it| it.block == own.block)?;
            let (own, floor) = (own.cpu_per_message(), floor.cpu_per_message());
            (floor > 0.0).then(|| own / floor)
        })
        .collect();
    let middle = |of: fn(&Block) -> f64| {
        let values: Vec<f64> = blocks.iter().map(of).collect();
        median(&values)
    };
    Measured {
        name: participant.name.clone(),
        ratio: Interval::of(&ratios, random),
        cpu_ns: middle(Block::cpu_per_message),
        switches: middle(|it| per(it.switches, it.messages)),
        system_calls,
        // Those are counted apart.
        instructions: None,
        per_second: middle(|it| it.messages as f64 / it.seconds),
        generator_ns: middle(|it| per(it.generator_cpu_ns, it.messages)),
        generator_bound: blocks
            .iter()
            .filter(|it| it.generator_bound)
            .count(),
        failed: participant.failed.clone(),
        blocks,
    }
}
