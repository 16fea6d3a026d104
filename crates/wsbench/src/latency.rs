//! Latency at a fixed rate, in rounds: in each every server has its turn once,
//! in random order.
//!
//! It depends on the machine and on what else it does, so it is an
//! illustration, and no ratio is made of it. What says nothing is told apart:
//! a server that did not keep up with the rate has a latency that only grows
//! with the window, and where the generator was late it has measured itself.
//! That is seen for each quantile: a generator that slept now and then spoils
//! the tail and leaves the median alone.

use fastrand::Rng;

use crate::blocks::{Fault, Times, fail};
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
            if !participant.takes_part() {
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
        .filter(|(participant, _)| !participant.sits_out)
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
        let told = QUANTILES.into_iter();
        let told = told.filter(|it| is_backed(*it, seen.latency.len()));
        quantiles.extend(told.map(|it| quantile_of(seen, it)));
    }
    let achieved = is_whole.then(|| seen.per_second());
    let kept_up =
        !seen.is_behind && achieved.is_some_and(|it| it >= KEPT_UP * offered);
    let late = is_whole.then(|| seen.late.value_at_quantile(0.99));
    let mut server = LatencyServer {
        name: name.to_owned(),
        achieved,
        is_valid: false,
        kept_up: Some(kept_up),
        generator_late_ns: late,
        disturbed: is_whole.then(|| disturbed(seen)),
        messages: if is_whole { seen.latency.len() } else { 0 },
        quantiles,
        failed,
    };
    let mut quantiles = server.quantiles.iter();
    server.is_valid = server.keeps_up()
        && quantiles.all(|it| server.told(it.quantile).is_some());
    server
}

/// A quantile, and between what it would have been, had the generator been on
/// time.
///
/// Whatever a late generator has done to a part of the messages, it has moved
/// no more than that part of them from one side of the quantile to the other.
/// All others would have been answered no later than they were, counted from
/// when they were due, and no sooner than counted from when they were sent.
fn quantile_of(seen: &Seen, quantile: f64) -> Quantile {
    let disturbed = disturbed(seen);
    let (lower, upper) = (quantile - disturbed, quantile + disturbed);
    let has_least = seen.disturbed == 0 || lower > 0.0;
    let has_most = seen.disturbed == 0
        || upper < 1.0 && is_backed(upper, seen.latency.len());
    Quantile {
        quantile,
        nanoseconds: seen.latency.value_at_quantile(quantile),
        least_ns: has_least.then(|| seen.from_sent.value_at_quantile(lower)),
        most_ns: has_most.then(|| seen.latency.value_at_quantile(upper)),
    }
}

/// Which part of the messages a late generator has changed.
fn disturbed(seen: &Seen) -> f64 {
    seen.disturbed as f64 / seen.latency.len().max(1) as f64
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

    /// So many answers in a second, each after this many nanoseconds, of
    /// which the generator was late for so many.
    fn seen(answers: u64, latency: u64, late: u64) -> Seen {
        let mut seen = Seen::new();
        seen.latency.saturating_record_n(latency, answers);
        seen.late.saturating_record_n(late, answers);
        let own = latency.saturating_sub(late);
        seen.from_sent.saturating_record_n(own, answers);
        seen.time = Duration::from_secs(1);
        seen
    }

    /// Answers after 1 to 1,000 µs, as many after each, all of which were sent
    /// on time but for a part that was not, in thousandths.
    fn rising(disturbed: u64) -> Seen {
        let mut seen = Seen::new();
        for latency in (1..=1000).map(|it| it * 1000) {
            seen.latency.saturating_record_n(latency, 100);
            seen.from_sent.saturating_record_n(latency, 100);
        }
        seen.late.saturating_record(1);
        seen.disturbed = disturbed * 100;
        seen.time = Duration::from_secs(1);
        seen
    }

    fn told(server: &LatencyServer) -> Vec<f64> {
        let told = QUANTILES.into_iter();
        told.filter(|it| server.told(*it).is_some())
            .collect()
    }

    #[test]
    fn quantiles_rise() {
        let mut seen = rising(0);
        seen.time = Duration::from_secs(100);
        let server = summary("a", None, &seen, 1000.0);
        assert!(server.is_valid);
        assert_eq!(server.messages, 100_000);
        assert_eq!(told(&server), QUANTILES);
        let values = server.quantiles.iter();
        assert!(values.is_sorted_by_key(|it| it.nanoseconds));
        assert!(QUANTILES.is_sorted());
        let few = summary("a", None, &self::seen(1000, 1000, 10), 1000.0);
        let told = told(&few);
        assert_eq!(told[..12], QUANTILES[..12]);
        assert_eq!(told[12..], [1.0]);
    }

    #[test]
    fn a_quantile_is_moved_by_no_more_than_what_was_disturbed() {
        let server = summary("a", None, &rising(20), 100_000.0);
        let median = server.told(0.5).expect("a median");
        let is_near = |it: Option<u64>, micros: u64| {
            it.is_some_and(|it| it.abs_diff(micros * 1000) < 2000)
        };
        assert!(is_near(median.least_ns, 480), "{median:?}");
        assert!(is_near(Some(median.nanoseconds), 500), "{median:?}");
        assert!(is_near(median.most_ns, 520), "{median:?}");
        assert!(!server.is_valid);
        assert_eq!(server.disturbed, Some(0.02));
    }

    #[test]
    fn a_spoilt_tail_leaves_the_rest() {
        let told = |disturbed| {
            told(&summary("a", None, &rising(disturbed), 100_000.0))
        };
        // Of the least nobody knows how much less it may be, of the last how
        // much more.
        assert_eq!(told(0), QUANTILES);
        assert_eq!(told(4)[..], QUANTILES[1..13]);
        assert_eq!(told(20)[..], QUANTILES[1..11]);
        assert_eq!(told(60)[..], QUANTILES[1..10]);
        assert_eq!(told(290), [0.5, 0.6, 0.7]);
        assert!(told(500).is_empty());
    }

    #[test]
    fn what_few_answers_lie_beyond_is_not_told() {
        assert!(is_backed(0.99, 1000) && !is_backed(0.99, 999));
        assert!(is_backed(0.9999, 100_000) && !is_backed(0.9999, 99_000));
        assert!(is_backed(0.0, 10) && is_backed(1.0, 1));
    }

    #[test]
    fn who_does_not_keep_up_is_told_nothing() {
        let told = |seen: &Seen| told(&summary("a", None, seen, 100.0));
        assert!(!told(&seen(99, 1000, 10)).is_empty());
        assert!(told(&seen(98, 1000, 10)).is_empty());
        let mut behind = seen(100, 1000, 10);
        behind.is_behind = true;
        assert!(told(&behind).is_empty());
    }

    #[test]
    fn a_generator_that_is_always_late_has_measured_itself() {
        let median = |latency, late| {
            let server = summary("a", None, &seen(100, latency, late), 100.0);
            server.told(0.5).map(Quantile::ends)
        };
        // Histograms are right to three digits.
        let about = |ends: Option<(u64, u64)>| {
            ends.map(|(least, most)| (least / 1000, most / 1000))
        };
        assert_eq!(about(median(100_000, 5000)), Some((100, 100)));
        assert_eq!(about(median(100_000, 60_000)), Some((40, 100)));
        assert_eq!(median(100_000, 80_000), None);
    }

    #[test]
    fn who_has_failed_has_no_number() {
        let failed = Some("ended".to_owned());
        let server = summary("a", failed, &seen(100, 1000, 10), 100.0);
        assert!(!server.is_valid);
        assert!(server.quantiles.is_empty());
        assert_eq!(server.disturbed, None);
        assert_eq!((server.achieved, server.messages), (None, 0));
    }
}
