//! Latency at a fixed rate, in rounds: in each every server has its turn once,
//! in random order.
//!
//! It depends on the machine and on what else it does, so it is an
//! illustration, and no ratio is made of it. What says nothing is told apart:
//! a server that did not keep up with the rate has a latency that only grows
//! with the window, and a generator that sent late has measured itself.

use fastrand::Rng;

use crate::blocks::{Fault, Times, fail, fits, takes_part};
use crate::pace::{Pace, Seen};
use crate::report::{Latency, LatencyServer, Quantile};
use crate::servers::Participant;
use crate::workload::{Paced, Workload};

/// The points of the distribution that are told.
pub const QUANTILES: [f64; 17] = [
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999,
    0.9995, 0.9999, 1.0,
];

/// The part of what was offered that has to be achieved.
pub const KEPT_UP: f64 = 0.99;

/// The generator may be so late, in nanoseconds, with 99 of 100 messages: that
/// is what a timer and a busy processor cost at most.
pub const MOST_LATE: u64 = 200_000;

/// So many answers at least lie beyond a quantile that is told: a few are
/// chance.
const BEYOND: f64 = 10.0;

/// Measures every server that has not failed, and takes `tell` and the times
/// as blocks do: a round is a block.
pub fn measure(
    paced: Paced,
    participants: &mut [Participant],
    times: Times,
    random: &mut Rng,
    mut tell: impl FnMut(&str, Option<&str>),
) -> Latency {
    let workload = Workload::Latency(paced);
    let mut seen: Vec<Seen> =
        participants.iter().map(|_| Seen::new()).collect();
    let mut order: Vec<usize> = (0..participants.len()).collect();
    for _ in 0..times.blocks {
        random.shuffle(&mut order);
        for &index in &order {
            let participant = &mut participants[index];
            if !takes_part(participant, workload) {
                continue;
            }
            match round(&paced, participant, times, &mut seen[index]) {
                Ok(()) => tell(&participant.name, None),
                Err(fault) => fail(participant, &fault, &mut tell),
            }
        }
    }
    let offered = paced.rate as f64;
    let servers = participants
        .iter()
        .zip(&seen)
        .filter(|(participant, _)| fits(participant, workload))
        .map(|(participant, seen)| {
            let failed = participant.failed.clone();
            summary(&participant.name, failed, seen, offered)
        })
        .collect();
    Latency {
        workload: workload.to_string(),
        offered,
        servers,
    }
}

/// Measures one server in one round, on new connections.
fn round(
    paced: &Paced,
    participant: &Participant,
    times: Times,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let mut pace = Pace::open(&participant.target, paced)?;
    pace.run(times.warm_up, &mut Seen::new())?;
    pace.run(times.window, seen)?;
    pace.close()?;
    Ok(())
}

/// What a server's rounds say together.
#[must_use]
pub fn summary(
    name: &str,
    failed: Option<String>,
    seen: &Seen,
    offered: f64,
) -> LatencyServer {
    // One that has failed has not answered everything: what it has answered
    // would look better than it is.
    let is_whole = failed.is_none() && !seen.latency.is_empty();
    let mut quantiles = Vec::new();
    if is_whole {
        let messages = seen.latency.len();
        let told = QUANTILES.into_iter();
        let told = told.filter(|it| is_backed(*it, messages));
        quantiles.extend(told.map(|quantile| Quantile {
            quantile,
            nanoseconds: seen.latency.value_at_quantile(quantile),
        }));
    }
    let achieved = is_whole.then(|| seen.per_second());
    let late = is_whole.then(|| seen.late.value_at_quantile(0.99));
    // Or so little of what it takes that it makes no difference.
    let tenth = seen.latency.value_at_quantile(0.99) / 10;
    LatencyServer {
        name: name.to_owned(),
        achieved,
        is_valid: !seen.is_behind
            && achieved.is_some_and(|it| it >= KEPT_UP * offered)
            && late.is_some_and(|it| it <= MOST_LATE.max(tenth)),
        generator_late_ns: late,
        messages: if is_whole { seen.latency.len() } else { 0 },
        quantiles,
        failed,
    }
}

/// Whether so many answers can tell a quantile; the largest of all is a fact.
fn is_backed(quantile: f64, messages: u64) -> bool {
    // 1 - 0.9999 is a little less than it should be.
    let beyond = messages as f64 * (1.0 - quantile) + 1e-6;
    quantile >= 1.0 || beyond >= BEYOND
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// So many answers in a second, each after this many nanoseconds.
    fn seen(answers: u64, latency: u64, late: u64) -> Seen {
        let mut seen = Seen::new();
        seen.latency.saturating_record_n(latency, answers);
        seen.late.saturating_record_n(late, answers);
        seen.time = Duration::from_secs(1);
        seen
    }

    #[test]
    fn quantiles_rise() {
        let mut seen = Seen::new();
        (1..=1000).for_each(|it| seen.latency.saturating_record(it * 1000));
        seen.late.saturating_record(1);
        seen.time = Duration::from_secs(1);
        let server = summary("a", None, &seen, 1000.0);
        assert!(server.is_valid);
        assert_eq!(server.messages, 1000);
        let told = server.quantiles.iter().map(|it| it.quantile);
        let told: Vec<_> = told.collect();
        assert_eq!(told[..12], QUANTILES[..12]);
        assert_eq!(told[12..], [1.0]);
        let values = server.quantiles.iter();
        assert!(values.is_sorted_by_key(|it| it.nanoseconds));
        assert!(QUANTILES.is_sorted());
    }

    #[test]
    fn what_few_answers_lie_beyond_is_not_told() {
        assert!(is_backed(0.99, 1000) && !is_backed(0.99, 999));
        assert!(is_backed(0.9999, 100_000) && !is_backed(0.9999, 99_000));
        assert!(is_backed(0.0, 10) && is_backed(1.0, 1));
    }

    #[test]
    fn who_does_not_keep_up_is_not_valid() {
        let is_valid = |seen: &Seen| summary("a", None, seen, 100.0).is_valid;
        assert!(is_valid(&seen(99, 1000, 10)));
        assert!(!is_valid(&seen(98, 1000, 10)));
        let mut behind = seen(100, 1000, 10);
        behind.is_behind = true;
        assert!(!is_valid(&behind));
    }

    #[test]
    fn a_generator_that_is_late_has_measured_itself() {
        let is_valid = |latency, late| {
            summary("a", None, &seen(100, latency, late), 100.0).is_valid
        };
        assert!(is_valid(300_000, 190_000));
        assert!(!is_valid(300_000, 250_000));
        assert!(is_valid(30_000_000, 250_000));
    }

    #[test]
    fn who_has_failed_has_no_number() {
        let failed = Some("ended".to_owned());
        let server = summary("a", failed, &seen(100, 1000, 10), 100.0);
        assert!(!server.is_valid);
        assert!(server.quantiles.is_empty());
        assert_eq!((server.achieved, server.messages), (None, 0));
    }
}
