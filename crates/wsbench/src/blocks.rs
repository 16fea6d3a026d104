//! Blocks: in each every server has its turn once, in random order, and is
//! compared with the floor right before it and right behind it.
//!
//! The floor has a turn first, after every few servers, and last, as a machine
//! drifts within seconds. So what else it does falls on both, and the floor
//! that stands among the servers once more shows how much of it is left.

use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::generator::Load;
use crate::opening::{self, Failure};
use crate::process::{Reading, Scheduled, SystemCalls, Unmeasured};
use crate::report::{Block, Measured, Measurement};
use crate::servers::{FLOOR, FLOOR_AGAIN, Participant};
use crate::stats::{Interval, median};
use crate::workload::{Echo, Workload};

/// So many servers at most have their turns between two of the floor.
const BETWEEN: usize = 4;

/// So many connections are opened and closed in a window at most: their ports
/// stay taken for a while.
pub(crate) const MOST_HANDSHAKES: u64 = 2000;

/// So many are at most while a server gets warm.
pub(crate) const MOST_WARMING: u64 = 500;

/// A generator that is at work for more than this part of the time has none
/// left for what comes back sooner.
const FULLY_BUSY: f64 = 0.9;

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
/// A handshake opens a connection and closes it again, both with all that
/// WebSocket asks for; the floor's is a bare TCP connection, opened and closed.
///
/// Whoever fails is told to `tell` and has no turn any more, here and in what
/// is measured later. What could not be counted is added to `skipped`.
pub fn measure(
    workload: Workload,
    participants: &mut [Participant],
    times: Times,
    counts_calls: bool,
    random: &mut Rng,
    skipped: &mut Vec<String>,
    mut tell: impl FnMut(&str, Option<&str>),
) -> Measurement {
    let floor = participants
        .iter()
        .position(|it| it.name == FLOOR);
    let mut measured: Vec<Vec<Block>> = vec![Vec::new(); participants.len()];
    let mut order: Vec<usize> = (0..participants.len()).collect();
    order.retain(|it| Some(*it) != floor);
    for number in 0..times.blocks {
        random.shuffle(&mut order);
        let is_there = |index: &usize| participants[*index].takes_part();
        let servers = order.iter().copied().filter(is_there);
        let servers: Vec<usize> = servers.collect();
        let turns = with_floor(&servers, floor.filter(is_there));
        let mut taken = Vec::new();
        for index in turns {
            let participant = &mut participants[index];
            // The floor may have failed in its turn before.
            if !participant.takes_part() {
                continue;
            }
            match block(number, workload, participant, times) {
                Ok(block) => {
                    taken.push((index, Some(block)));
                    tell(&participant.name, None);
                }
                Err(fault) => {
                    taken.push((index, None));
                    fail(participant, &fault, &mut tell);
                }
            }
        }
        let took: Vec<_> = taken
            .iter()
            .map(|(index, block)| {
                let block = block.as_ref();
                (*index, block.map(Block::cpu_per_message))
            })
            .collect();
        let beside = floor_beside(&took, floor);
        for ((index, block), floor_ns) in taken.into_iter().zip(beside) {
            let block = block.map(|block| Block { floor_ns, ..block });
            measured[index].extend(block);
        }
    }
    let mut calls = vec![None; participants.len()];
    if let (true, Workload::Echo(echo)) = (counts_calls, workload) {
        let tell = &mut tell;
        calls = system_calls(&echo, participants, times, skipped, tell);
    }
    let has_floor =
        floor.is_some_and(|index| participants[index].failed.is_none());
    let servers: Vec<Measured> = participants
        .iter()
        .zip(measured)
        .zip(calls)
        .filter(|((participant, _), _)| !participant.sits_out)
        .map(|((participant, blocks), calls)| {
            summary(participant, blocks, has_floor, calls, random)
        })
        .collect();
    let again = servers.iter().find(|it| it.name == FLOOR_AGAIN);
    Measurement {
        workload: workload.to_string(),
        noise: again.and_then(|it| it.ratio),
        servers,
    }
}

/// How many turns there are in a block of so many that take part, of whom one
/// is the floor.
#[must_use]
pub fn turns(participants: usize) -> usize {
    let servers = participants.saturating_sub(1);
    servers + servers.div_ceil(BETWEEN) + 1
}

/// The turns of a block: the floor's stand first, after every few servers, and
/// last.
fn with_floor(servers: &[usize], floor: Option<usize>) -> Vec<usize> {
    let mut turns: Vec<usize> = floor.into_iter().collect();
    for some in servers.chunks(BETWEEN) {
        turns.extend(some);
        turns.extend(floor);
    }
    turns
}

/// What the floor took beside each turn: the mean of its turn before and of
/// its turn behind; `None` beside its own turns, and where one of the two is
/// missing. A turn is whose it was, and what a message took.
fn floor_beside(
    turns: &[(usize, Option<f64>)],
    floor: Option<usize>,
) -> Vec<Option<f64>> {
    let is_floor = |turn: &&(usize, Option<f64>)| floor == Some(turn.0);
    let beside = |at: usize| {
        let (before, behind) = turns.split_at(at);
        let before = before.iter().rev().find(is_floor)?.1?;
        // This turn itself is the first of those behind.
        let behind = behind.iter().find(is_floor)?.1?;
        Some(f64::midpoint(before, behind))
    };
    let turns = turns.iter().enumerate();
    turns
        .map(|(at, turn)| match is_floor(&turn) {
            true => None,
            false => beside(at),
        })
        .collect()
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
        None => handshakes(participant, MOST_WARMING, times.warm_up)?,
    };
    // Nothing is in flight, so every message's cost is within.
    let before = Reading::of(pid)?;
    let own = Scheduled::own()?;
    let begun = Instant::now();
    let messages = match &mut load {
        Some(load) => load.run(times.window)?,
        None => handshakes(participant, MOST_HANDSHAKES, times.window)?,
    };
    let seconds = begun.elapsed().as_secs_f64();
    let own = Scheduled::own()?.since(&own);
    let used = Reading::of(pid)?.since(&before);
    if let Some(load) = load {
        load.close()?;
    }
    let server = share(used.nanoseconds, seconds) / processors(participant);
    let generator = share(own.ran + own.waited, seconds);
    Ok(Block {
        block: number,
        messages,
        seconds,
        cpu_ns: used.nanoseconds,
        switches: used.switches,
        ended_threads: used.ended_threads,
        reaped_ns: Some(used.reaped),
        generator_cpu_ns: own.ran,
        generator_waited_ns: own.waited,
        generator_bound: is_generator_bound(generator, server),
        // Its turn behind this one is still to come.
        floor_ns: None,
    })
}

/// Which part of the time it was at work, of one processor.
fn share(nanoseconds: u64, seconds: f64) -> f64 {
    nanoseconds as f64 / 1e9 / seconds
}

/// How many processors a server may use.
fn processors(participant: &Participant) -> f64 {
    participant.processors().of_a_server() as f64
}

/// Whether the generator was the limit, by which part of the time it and the
/// server were at work: a server that often waits is at work for longer than
/// its messages need, as to fall asleep and to be woken takes time, too.
fn is_generator_bound(generator: f64, server: f64) -> bool {
    generator > FULLY_BUSY && generator >= server
}

/// Opens and closes connections, one at a time, so long and so many at most;
/// of the floor they are bare TCP connections.
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

/// System calls per message of all that take part. Who fails has no turn any
/// more; what `perf` can't do is told once.
fn system_calls(
    echo: &Echo,
    participants: &mut [Participant],
    times: Times,
    skipped: &mut Vec<String>,
    tell: &mut impl FnMut(&str, Option<&str>),
) -> Vec<Option<f64>> {
    let workload = Workload::Echo(*echo);
    let mut not_counted = Vec::new();
    let mut why = None;
    let mut calls = Vec::new();
    for participant in participants {
        let counted = match participant.takes_part() {
            true => count_calls(participant, echo, times).map(Some),
            false => Ok(None),
        };
        calls.push(counted.unwrap_or_else(|fault| {
            match fault {
                Fault::Unmeasured(Unmeasured::Perf(said)) => {
                    not_counted.push(participant.name.clone());
                    why.get_or_insert(said);
                }
                fault => fail(participant, &fault, tell),
            }
            None
        }));
    }
    if let Some(why) = why {
        let names = not_counted.join(", ");
        skipped.push(format!(
            "{workload}: system calls of {names} are not counted: {why}"
        ));
    }
    calls
}

/// System calls per message, counted apart: to count them costs time.
fn count_calls(
    participant: &Participant,
    echo: &Echo,
    times: Times,
) -> Result<f64, Fault> {
    let mut load = Load::open(&participant.target, echo)?;
    load.run(times.warm_up)?;
    let counting = SystemCalls::begin(participant.running.pid)?;
    let messages = load.run(times.window)?;
    let calls = counting.end()?;
    load.close()?;
    Ok(per(calls, messages))
}

fn per(what: u64, messages: u64) -> f64 {
    what as f64 / messages.max(1) as f64
}

/// What a server's blocks say together. Of one that has failed they say
/// nothing: what it did right may be what was cheap.
fn summary(
    participant: &Participant,
    blocks: Vec<Block>,
    has_floor: bool,
    system_calls: Option<f64>,
    random: &mut Rng,
) -> Measured {
    let is_whole = participant.failed.is_none();
    let middle = |of: fn(&Block) -> f64| {
        let values: Vec<f64> = blocks.iter().map(of).collect();
        median(&values).filter(|_| is_whole)
    };
    let ratios: Vec<f64> = blocks.iter().filter_map(Block::ratio).collect();
    let ratio = match participant.name == FLOOR {
        // Nothing is measured there.
        true => (!blocks.is_empty()).then(|| Interval::alone(1.0)),
        false => Interval::of(&ratios, random),
    };
    let server = middle(|it| share(it.cpu_ns, it.seconds));
    Measured {
        name: participant.name.clone(),
        ratio: ratio.filter(|_| is_whole && has_floor),
        cpu_ns: middle(Block::cpu_per_message),
        switches: middle(|it| per(it.switches, it.messages)),
        system_calls: system_calls.filter(|_| is_whole),
        // Those are counted apart.
        instructions: None,
        per_second: middle(|it| it.messages as f64 / it.seconds),
        server_busy: server.map(|it| it / processors(participant)),
        generator_busy: middle(|it| {
            let at_work = it.generator_cpu_ns + it.generator_waited_ns;
            share(at_work, it.seconds)
        }),
        generator_ns: middle(|it| per(it.generator_cpu_ns, it.messages)),
        generator_bound: blocks
            .iter()
            .filter(|it| it.generator_bound)
            .count(),
        failed: participant.failed.clone(),
        blocks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: usize = 7;

    fn order(servers: usize) -> Vec<usize> {
        let servers: Vec<usize> = (10..10 + servers).collect();
        with_floor(&servers, Some(FLOOR))
    }

    #[test]
    fn the_floor_is_first_and_last_and_after_every_fourth() {
        assert_eq!(order(0), [FLOOR]);
        assert_eq!(order(2), [FLOOR, 10, 11, FLOOR]);
        assert_eq!(order(4), [FLOOR, 10, 11, 12, 13, FLOOR]);
        let five = [FLOOR, 10, 11, 12, 13, FLOOR, 14, FLOOR];
        assert_eq!(order(5), five);
        assert_eq!(with_floor(&[1, 2], None), [1, 2]);
        for servers in 0..20 {
            assert_eq!(order(servers).len(), turns(servers + 1));
        }
    }

    #[test]
    fn a_server_is_compared_with_the_floor_on_both_sides() {
        let turns = [
            (FLOOR, Some(2.0)),
            (1, Some(9.0)),
            (2, None),
            (FLOOR, Some(4.0)),
            (3, Some(9.0)),
            (FLOOR, Some(8.0)),
        ];
        let beside = floor_beside(&turns, Some(FLOOR));
        let expected = [None, Some(3.0), Some(3.0), None, Some(6.0), None];
        assert_eq!(beside, expected);
    }

    #[test]
    fn where_a_turn_of_the_floor_is_missing_there_is_nothing_to_compare() {
        let failed = [
            (FLOOR, Some(2.0)),
            (1, Some(9.0)),
            (FLOOR, None),
            (2, Some(9.0)),
        ];
        assert_eq!(floor_beside(&failed, Some(FLOOR)), [None; 4]);
        let cut = [(FLOOR, Some(2.0)), (1, Some(9.0))];
        assert_eq!(floor_beside(&cut, Some(FLOOR)), [None; 2]);
        assert_eq!(floor_beside(&[(1, Some(9.0))], None), [None]);
    }

    #[test]
    fn the_busier_one_is_the_limit() {
        assert!(is_generator_bound(0.97, 0.75));
        assert!(!is_generator_bound(0.97, 0.99));
        assert!(!is_generator_bound(0.8, 0.4));
    }
}
