//! The load of an open loop: messages are sent at times that are fixed
//! beforehand, whatever has been answered by then.
//!
//! A message's latency counts from the time when it was due, not from when it
//! was sent: a server that holds everything up is charged for all that should
//! have been sent meanwhile, and so is a generator that is late.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
    timerfd_create, timerfd_settime,
};

use crate::connections::{Connection, Connections};
use crate::frames::Messages;
use crate::opening::{Failure, Target};
use crate::workload;

/// So many octets may be in flight on one connection; where more are due the
/// server does not keep up, and memory would grow.
const MOST_IN_FLIGHT: usize = 1 << 20;

/// The same in messages, whatever their size: the fewest and the most.
const MESSAGES_IN_FLIGHT: (usize, usize) = (4, 1024);

/// The longest latency that is told apart from longer ones, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// How many digits of a latency are right.
const DIGITS: u8 = 3;

/// No connection has this number.
const TIMER: Token = Token(usize::MAX);

/// Open connections to one server.
#[derive(Debug)]
pub struct Pace<'a> {
    connections: Connections<'a>,
    timer: Timer,
    rate: usize,
    most_in_flight: usize,
}

/// When which message is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    rate: u64,
    messages: u64,
}

/// What has been seen, in any number of windows.
#[derive(Clone, Debug)]
pub struct Seen {
    /// From when a message was due to the end of its answer, in nanoseconds.
    pub latency: Histogram<u64>,
    /// From when a message was due to when it was sent, in nanoseconds.
    pub late: Histogram<u64>,
    /// How long it took until everything had been answered, but no less than
    /// was planned.
    pub time: Duration,
    /// Whether a window has ended early, since the server did not keep up.
    pub is_behind: bool,
}

impl Schedule {
    /// Of a rate, for so long; one message at least.
    #[must_use]
    pub fn new(rate: usize, duration: Duration) -> Self {
        let rate = (rate as u64).max(1);
        let messages = duration.as_nanos() * u128::from(rate) / 1_000_000_000;
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        Self {
            rate,
            messages: messages.max(1),
        }
    }

    /// How many messages there are.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// How long after the start a message is due.
    #[must_use]
    pub fn due(&self, message: u64) -> Duration {
        // Of the whole and the rest, so that nothing overflows.
        let (seconds, rest) = (message / self.rate, message % self.rate);
        let rest = rest * 1_000_000_000 / self.rate;
        Duration::from_secs(seconds) + Duration::from_nanos(rest)
    }
}

impl Seen {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            latency: histogram(),
            late: histogram(),
            time: Duration::ZERO,
            is_behind: false,
        }
    }

    /// How many answers came in a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        match self.time.is_zero() {
            true => 0.0,
            false => self.latency.len() as f64 / self.time.as_secs_f64(),
        }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new()
    }
}

fn histogram() -> Histogram<u64> {
    let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS);
    histogram.expect("bounds in order, and few digits")
}

impl<'a> Pace<'a> {
    /// Opens the connections, one after the other.
    ///
    /// # Errors
    ///
    /// The first that can't be opened.
    pub fn open(
        target: &'a Target,
        paced: &workload::Paced,
    ) -> Result<Self, Failure> {
        let workload::Paced {
            size,
            connections,
            rate,
        } = *paced;
        let connections = Connections::open(target, size, connections)?;
        let timer = Timer::new(connections.registry());
        let timer =
            timer.map_err(|error| connections.failure(0, error.into()))?;
        let (fewest, most) = MESSAGES_IN_FLIGHT;
        Ok(Self {
            connections,
            timer,
            rate,
            most_in_flight: (MOST_IN_FLIGHT / size.max(1)).clamp(fewest, most),
        })
    }

    /// Sends for so long, waits until everything has been answered, and adds
    /// what is seen.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong on any connection.
    pub fn run(
        &mut self,
        duration: Duration,
        seen: &mut Seen,
    ) -> Result<(), Failure> {
        let schedule = Schedule::new(self.rate, duration);
        // The connections send in turn, and answers come in the order of the
        // messages: which one an answer is for is counted, not stored.
        let count = self.connections.count() as u64;
        let firsts = self.connections.numbers();
        let start = Instant::now();
        self.connections.begin(start);
        let Seen {
            latency,
            late,
            time,
            is_behind,
        } = seen;
        let mut answered = |index: usize,
                            connection: &mut Connection,
                            _: &Messages,
                            complete: usize| {
            let now = start.elapsed();
            let next = connection.verifier.number() - firsts[index];
            for turn in next - complete as u64..next {
                let message = turn * count + index as u64;
                let took = now.saturating_sub(schedule.due(message));
                latency.saturating_record(nanoseconds(took));
            }
        };
        let mut next = 0;
        let mut armed = None;
        'window: while next < schedule.messages() {
            // Only what is due by now: then it is the answers' turn, however
            // late the messages are.
            let now = start.elapsed();
            while next < schedule.messages() && schedule.due(next) <= now {
                let due = schedule.due(next);
                let late_by = start.elapsed().saturating_sub(due);
                late.saturating_record(nanoseconds(late_by));
                let index = usize::try_from(next % count).unwrap_or_default();
                let in_flight = self.connections.add(index)?;
                next += 1;
                if in_flight > self.most_in_flight {
                    *is_behind = true;
                    break 'window;
                }
            }
            if next == schedule.messages() {
                break;
            }
            // The timer wakes us, as a poll's own time is in milliseconds.
            let left = schedule.due(next).saturating_sub(start.elapsed());
            if !left.is_zero() && armed != Some(next) {
                let set = self.timer.set(left);
                set.map_err(|error| self.connections.failure(0, error.into()))?;
                armed = Some(next);
            }
            let at_most = match left.is_zero() {
                true => Duration::ZERO,
                false => Duration::MAX,
            };
            self.connections.turn(at_most, &mut answered)?;
        }
        self.connections.drain(&mut answered)?;
        *time += start.elapsed().max(duration);
        Ok(())
    }

    /// Closes every connection, and waits for the server's Closes.
    ///
    /// # Errors
    ///
    /// Anything else that comes.
    pub fn close(self) -> Result<(), Failure> {
        self.connections.close()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A timer of the kernel that wakes a poll up.
///
/// It is as exact as the kernel's clock, to which the slack that threads have
/// does not apply; and where the generator waits for a time by looking at the
/// clock, it takes a processor away from the server on a small machine.
#[derive(Debug)]
struct Timer(OwnedFd);

impl Timer {
    fn new(registry: &Registry) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let descriptor = timer.as_raw_fd();
        let mut source = SourceFd(&descriptor);
        registry.register(&mut source, TIMER, Interest::READABLE)?;
        Ok(Self(timer))
    }

    /// Goes off after this time, and not at the one set before. Nobody reads
    /// how often it did: to set it forgets that.
    fn set(&self, after: Duration) -> io::Result<()> {
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: after.subsec_nanos().into(),
            },
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_at_even_distances() {
        let schedule = Schedule::new(5000, Duration::from_secs(2));
        assert_eq!(schedule.messages(), 10_000);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(1), Duration::from_micros(200));
        assert_eq!(schedule.due(9999), Duration::from_micros(1_999_800));
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_does_not_drift() {
        let schedule = Schedule::new(3, Duration::from_secs(10));
        assert_eq!(schedule.messages(), 30);
        assert_eq!(schedule.due(1), Duration::from_nanos(333_333_333));
        assert_eq!(schedule.due(3), Duration::from_secs(1));
        assert_eq!(schedule.due(3_000_000), Duration::from_secs(1_000_000));
    }

    #[test]
    fn there_is_a_message_in_any_window() {
        let schedule = Schedule::new(1, Duration::from_millis(10));
        assert_eq!(schedule.messages(), 1);
        assert_eq!(schedule.due(0), Duration::ZERO);
    }

    #[test]
    fn the_longest_latency_is_counted_and_not_lost() {
        let mut seen = Seen::new();
        seen.latency.saturating_record(u64::MAX);
        seen.latency.saturating_record(0);
        assert_eq!(seen.latency.len(), 2);
        assert!(seen.latency.value_at_quantile(1.0) >= LONGEST);
    }
}
