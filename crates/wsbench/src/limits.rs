//! Which workloads a server excludes by what it declares: who says that it
//! serves ten connections has not failed when it refuses the eleventh.

use std::fmt;
use std::time::Duration;

use wsspec::Declared;

use crate::blocks::{MOST_HANDSHAKES, MOST_WARMING, Times};
use crate::memory::LONGEST_SETTLING;
use crate::workload::{Echo, Paced, Workload};

/// No connection takes longer to be opened, even on a busy machine.
const OPENING: Duration = Duration::from_millis(1);

/// Beginning and ending to count system calls takes no longer.
const COUNTING: Duration = Duration::from_millis(500);

/// So many octets at least are echoed in a second.
const ECHOED: f64 = 50e6;

/// So many Pings in a row may have no Pong before a server drops a connection.
const PINGS: u32 = 3;

/// What a workload asks of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The largest message in octets.
    size: u64,
    /// How many connections are open at a time.
    connections: usize,
    /// How many opening handshakes a process answers.
    handshakes: usize,
    /// Whether that is a process of its own, which has answered none before.
    is_fresh: bool,
    /// How long a connection has no message.
    quiet: Duration,
    /// How long a connection is open.
    open: Duration,
    /// How long a Ping waits for its Pong.
    unanswered: Duration,
}

impl Needs {
    /// Of a workload, with the times of a turn and how many turns there are.
    #[must_use]
    pub fn of(workload: Workload, times: Times) -> Self {
        let connections = workload.connections();
        let opening = OPENING * count(connections);
        let turns = times.blocks;
        let turn = opening + times.warm_up + times.window;
        let needs = Self {
            size: workload.size() as u64,
            connections,
            handshakes: connections * turns,
            is_fresh: false,
            quiet: opening,
            open: turn,
            unanswered: opening,
        };
        match workload {
            Workload::Echo(Echo { .. }) => Self {
                // System calls have a turn of their own.
                handshakes: connections * (turns + 1),
                open: turn + COUNTING,
                ..needs
            },
            Workload::Latency(Paced { rate, .. }) => Self {
                quiet: opening
                    + Duration::from_secs(1) * count(connections)
                        / count(rate).max(1),
                ..needs
            },
            Workload::Handshakes => {
                let most = MOST_WARMING + MOST_HANDSHAKES;
                Self {
                    // The place of the one before may not be free yet.
                    connections: 2,
                    handshakes: turns
                        * usize::try_from(most).unwrap_or(usize::MAX),
                    quiet: OPENING,
                    open: OPENING,
                    ..needs
                }
            }
            Workload::Idle(_) => Self {
                // The first is there before the others.
                connections: connections + 1,
                handshakes: connections + 1,
                is_fresh: true,
                quiet: opening + LONGEST_SETTLING,
                open: opening + 2 * LONGEST_SETTLING,
                unanswered: LONGEST_SETTLING,
                ..needs
            },
            Workload::Kept(size) => {
                let octets = size as f64 * connections as f64;
                let echoes = Duration::from_secs_f64(octets / ECHOED);
                Self {
                    handshakes: connections,
                    is_fresh: true,
                    quiet: opening + echoes + LONGEST_SETTLING,
                    open: opening + echoes + 2 * LONGEST_SETTLING,
                    unanswered: LONGEST_SETTLING,
                    ..needs
                }
            }
        }
    }

    /// How many opening handshakes a process that runs all the time answers.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        match self.is_fresh {
            true => 0,
            false => self.handshakes,
        }
    }

    /// What a server declares that excludes this, if anything. Its process has
    /// answered so many opening handshakes before: nobody knows when it forgets
    /// them.
    #[must_use]
    pub fn excluded_by(
        &self,
        declared: &Declared,
        answered: usize,
    ) -> Option<Excluded> {
        let answered = match self.is_fresh {
            true => 0,
            false => answered,
        };
        let handshakes = answered + self.handshakes;
        let sizes = [
            ("max-message", declared.max_message),
            ("max-frame", declared.max_frame),
        ];
        let numbers = [
            (
                "max-connections",
                declared.max_connections,
                self.connections,
            ),
            ("max-handshakes", declared.max_handshakes, handshakes),
        ];
        let times = [
            ("idle-deadline", declared.idle_deadline, self.quiet),
            ("max-age", declared.max_age, self.open),
            (
                "ping-interval",
                declared.ping_interval,
                self.unanswered / PINGS,
            ),
        ];
        let size = sizes.into_iter().find_map(|(name, most)| {
            most.filter(|most| *most < self.size)
                .map(|most| Excluded {
                    name,
                    declared: format!("{most} B"),
                    needed: format!("{} B", self.size),
                })
        });
        let number = numbers
            .into_iter()
            .find_map(|(name, most, needed)| {
                most.filter(|most| *most < needed)
                    .map(|most| Excluded {
                        name,
                        declared: most.to_string(),
                        needed: needed.to_string(),
                    })
            });
        let time = times
            .into_iter()
            .find_map(|(name, most, needed)| {
                most.filter(|most| *most < needed)
                    .map(|most| Excluded {
                        name,
                        declared: format!("{most:?}"),
                        needed: format!("{needed:?} on a busy machine"),
                    })
            });
        size.or(number).or(time)
    }
}

/// What a server declares, and what a workload would need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// The name in `server.toml`.
    name: &'static str,
    declared: String,
    needed: String,
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            declared,
            needed,
        } = self;
        write!(f, "it declares {name} {declared}, and this takes {needed}")
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        warm_up: Duration::from_millis(60),
        window: Duration::from_millis(140),
        blocks: 31,
    };

    fn excluded(workload: &str, declared: &Declared) -> Option<String> {
        let workload = workload.parse().expect("a workload");
        let excluded = Needs::of(workload, TIMES).excluded_by(declared, 0);
        excluded.map(|it| it.name.to_owned())
    }

    #[test]
    fn a_message_that_is_too_large_is_not_sent() {
        let declared = Declared {
            max_message: Some(1 << 20),
            max_frame: Some(64 << 10),
            ..Declared::default()
        };
        assert_eq!(excluded("64KiB-d1-c8", &declared), None);
        let frame = Some("max-frame".to_owned());
        assert_eq!(excluded("65KiB-d1-c8", &declared), frame);
        let message = Some("max-message".to_owned());
        assert_eq!(excluded("kept-2MiB", &declared), message);
    }

    #[test]
    fn no_more_connections_are_opened_than_are_served() {
        let serves = |connections| Declared {
            max_connections: Some(connections),
            ..Declared::default()
        };
        let too_many = Some("max-connections".to_owned());
        assert_eq!(excluded("16B-d1-c64", &serves(64)), None);
        assert_eq!(excluded("16B-d1-c64", &serves(63)), too_many);
        // One is open before they come.
        assert_eq!(excluded("idle-1000", &serves(1001)), None);
        assert_eq!(excluded("idle-1000", &serves(1000)), too_many);
        assert_eq!(excluded("handshakes", &serves(1)), too_many);
        assert_eq!(excluded("latency-16B-c64-r500", &serves(2)), too_many);
    }

    #[test]
    fn opening_handshakes_are_counted_over_all_turns_and_workloads() {
        let declared = Declared {
            max_handshakes: Some(2048),
            ..Declared::default()
        };
        let needs =
            |text: &str| Needs::of(text.parse().expect("a workload"), TIMES);
        let echo = needs("16B-d1-c64");
        assert_eq!(echo.handshakes(), 64 * 32);
        assert_eq!(echo.excluded_by(&declared, 0), None);
        let told = echo.excluded_by(&declared, 1);
        let told = told.expect("one too many").to_string();
        let expected = "it declares max-handshakes 2048, and this takes 2049";
        assert_eq!(told, expected);
        // Memory is measured in a process of its own.
        let idle = needs("idle-1000");
        assert_eq!(idle.handshakes(), 0);
        assert_eq!(idle.excluded_by(&declared, 5000), None);
        let many = needs("idle-5000").excluded_by(&declared, 0);
        assert!(many.is_some());
        let handshakes = needs("handshakes").excluded_by(&declared, 0);
        assert!(handshakes.is_some());
    }

    #[test]
    fn a_deadline_that_would_come_is_not_waited_for() {
        let idle = |seconds| Declared {
            idle_deadline: Some(Duration::from_secs(seconds)),
            ..Declared::default()
        };
        let told = Some("idle-deadline".to_owned());
        assert_eq!(excluded("idle-1000", &idle(1)), told);
        assert_eq!(excluded("idle-1000", &idle(30)), None);
        assert_eq!(excluded("16B-d1-c64", &idle(1)), None);
        // 64 connections that have a message a second in turn.
        assert_eq!(excluded("latency-16B-c64-r1", &idle(60)), told);
        assert_eq!(excluded("latency-16B-c64-r5000", &idle(1)), None);
        let age = |millis| Declared {
            max_age: Some(Duration::from_millis(millis)),
            ..Declared::default()
        };
        let told = Some("max-age".to_owned());
        assert_eq!(excluded("16B-d1-c64", &age(200)), told);
        assert_eq!(excluded("16B-d1-c64", &age(2000)), None);
        assert_eq!(excluded("kept-1MiB", &age(2000)), told);
        let pings = |millis| Declared {
            ping_interval: Some(Duration::from_millis(millis)),
            ..Declared::default()
        };
        let told = Some("ping-interval".to_owned());
        assert_eq!(excluded("idle-10", &pings(300)), told);
        assert_eq!(excluded("idle-10", &pings(2000)), None);
        assert_eq!(excluded("16B-d1-c64", &pings(300)), None);
    }

    #[test]
    fn who_declares_nothing_takes_part_in_everything() {
        for workload in crate::workload::FULL {
            let needs = Needs::of(*workload, TIMES);
            let excluded =
                needs.excluded_by(&Declared::default(), usize::MAX / 2);
            assert_eq!(excluded, None);
        }
    }
}
