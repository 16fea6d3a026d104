//! The load of an open loop: messages are sent at times that are fixed
//! beforehand, whatever has been answered by then.
//!
//! A message's latency counts from the time when it was due, not from when it
//! was sent: a server that holds everything up is charged for all that should
//! have been sent meanwhile, and so is a generator that is late. How much of it
//! is the generator's own part is seen beside it.

use std::collections::VecDeque;
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

use crate::connections::Connections;
use crate::opening::{Failure, Target};
use crate::workload;

/// So many octets may be in flight on one connection; where more are due the
/// server does not keep up, and memory would grow.
const MOST_IN_FLIGHT: usize = 1 << 20;

/// The same in messages, whatever their size: the fewest and the most.
const MESSAGES_IN_FLIGHT: (usize, usize) = (4, 1024);

/// A message that is sent later than this is late: that is what a timer and a
/// busy processor cost at most, and where a generator slept for longer it has
/// several messages to send at once.
pub const LATE: Duration = Duration::from_micros(200);

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
    /// From when a message was sent to the end of its answer, in nanoseconds:
    /// what its latency is but for the generator's own part.
    pub from_sent: Histogram<u64>,
    /// How many messages' latencies a late generator has changed, nobody knows
    /// by how much: of those that were sent [`LATE`], of those that were in
    /// flight meanwhile, whose answers it may have read late, and of those
    /// that were sent while a late one was in flight, as they had to wait for
    /// it.
    pub disturbed: u64,
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
            from_sent: histogram(),
            disturbed: 0,
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
        let firsts = self.connections.numbers();
        let start = Instant::now();
        self.connections.begin(start);
        let mut window = Window::new(schedule, start, firsts, seen);
        'window: while window.next < schedule.messages() {
            // Only what is due by now: then it is the answers' turn, however
            // late the messages are.
            let now = start.elapsed();
            while window.is_due(now) {
                let index = window.sends();
                let in_flight = self.connections.add(index)?;
                if in_flight > self.most_in_flight {
                    window.seen.is_behind = true;
                    break 'window;
                }
            }
            if window.next == schedule.messages() {
                break;
            }
            // The timer wakes us, as a poll's own time is in milliseconds.
            let next = window.next;
            let left = schedule.due(next).saturating_sub(start.elapsed());
            if !left.is_zero() && window.armed != Some(next) {
                let set = self.timer.set(left);
                set.map_err(|error| self.connections.failure(0, error.into()))?;
                window.armed = Some(next);
            }
            let at_most = match left.is_zero() {
                true => Duration::ZERO,
                false => Duration::MAX,
            };
            self.connections.turn(
                at_most,
                &mut |index, connection, _, complete| {
                    let next = connection.verifier.number();
                    window.answered(index, next, complete);
                },
            )?;
        }
        self.connections
            .drain(&mut |index, connection, _, complete| {
                let next = connection.verifier.number();
                window.answered(index, next, complete);
            })?;
        seen.time += start.elapsed().max(duration);
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

/// The messages of a window: which are in flight, and what is seen of them.
///
/// The connections send in turn, and answers come in the order of the
/// messages: which one an answer is for is counted, not stored.
struct Window<'a> {
    schedule: Schedule,
    start: Instant,
    /// The number of each connection's first message.
    firsts: Vec<u64>,
    /// What is in flight on each of them, the oldest first.
    in_flight: Vec<VecDeque<Sent>>,
    /// How many of those were sent late.
    late_in_flight: usize,
    /// Up to when the generator was late, the last time that it was.
    late_until: Duration,
    /// Which message is the next.
    next: u64,
    /// For which message the timer goes off.
    armed: Option<u64>,
    seen: &'a mut Seen,
}

/// A message that is in flight.
struct Sent {
    at: Duration,
    is_late: bool,
    is_disturbed: bool,
}

impl<'a> Window<'a> {
    fn new(
        schedule: Schedule,
        start: Instant,
        firsts: Vec<u64>,
        seen: &'a mut Seen,
    ) -> Self {
        let in_flight = firsts.iter().map(|_| VecDeque::new());
        Self {
            schedule,
            start,
            in_flight: in_flight.collect(),
            firsts,
            late_in_flight: 0,
            late_until: Duration::ZERO,
            next: 0,
            armed: None,
            seen,
        }
    }

    fn is_due(&self, now: Duration) -> bool {
        self.next < self.schedule.messages()
            && self.schedule.due(self.next) <= now
    }

    /// The next message is sent now; tells on which connection.
    fn sends(&mut self) -> usize {
        self.sends_at(self.start.elapsed())
    }

    fn sends_at(&mut self, now: Duration) -> usize {
        let late_by = now.saturating_sub(self.schedule.due(self.next));
        let late = &mut self.seen.late;
        late.saturating_record(nanoseconds(late_by));
        let is_late = late_by > LATE;
        if is_late {
            self.late_until = now;
            self.late_in_flight += 1;
        }
        let count = self.firsts.len() as u64;
        let index = usize::try_from(self.next % count).unwrap_or_default();
        self.in_flight[index].push_back(Sent {
            at: now,
            is_late,
            is_disturbed: self.late_in_flight > 0,
        });
        self.next += 1;
        index
    }

    /// So many answers came on a connection, whose next message has this
    /// number.
    fn answered(&mut self, index: usize, next: u64, complete: usize) {
        self.answered_at(self.start.elapsed(), index, next, complete);
    }

    fn answered_at(
        &mut self,
        now: Duration,
        index: usize,
        next: u64,
        complete: usize,
    ) {
        // A generator that has slept reads answers first, and only then sends
        // what has been due.
        if self.is_due(now.saturating_sub(LATE)) {
            self.late_until = now;
        }
        let count = self.firsts.len() as u64;
        let next = next - self.firsts[index];
        for turn in next - complete as u64..next {
            let due = self.schedule.due(turn * count + index as u64);
            let Some(sent) = self.in_flight[index].pop_front() else {
                return;
            };
            let took = nanoseconds(now.saturating_sub(due));
            self.seen.latency.saturating_record(took);
            let took = nanoseconds(now.saturating_sub(sent.at));
            self.seen.from_sent.saturating_record(took);
            self.late_in_flight -= usize::from(sent.is_late);
            if sent.is_disturbed || self.late_until > due {
                self.seen.disturbed += 1;
            }
        }
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

    /// A message every millisecond, on two connections in turn.
    fn window(seen: &mut Seen) -> Window<'_> {
        let schedule = Schedule::new(1000, Duration::from_millis(10));
        Window::new(schedule, Instant::now(), vec![0, 0], seen)
    }

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn a_punctual_generator_disturbs_nothing() {
        let mut seen = Seen::new();
        let mut window = window(&mut seen);
        for (at, index, turn) in [(0, 0, 1), (1010, 1, 1), (2200, 0, 2)] {
            assert_eq!(window.sends_at(micros(at)), index);
            window.answered_at(micros(at + 300), index, turn, 1);
        }
        assert_eq!(seen.disturbed, 0);
        // Each counts from its own beginning; histograms know three digits.
        let near = |it: u64, micros: u64| it.abs_diff(micros * 1000) < 1000;
        assert!(near(seen.latency.min(), 300) && near(seen.latency.max(), 500));
        let from_sent = &seen.from_sent;
        assert!(near(from_sent.min(), 300) && near(from_sent.max(), 300));
    }

    #[test]
    fn who_is_late_disturbs_what_is_in_flight_then() {
        let mut seen = Seen::new();
        let mut window = window(&mut seen);
        window.sends_at(micros(0));
        // The next was due at 1,000.
        window.answered_at(micros(1201), 0, 1, 1);
        assert_eq!(window.seen.disturbed, 1);
        window.sends_at(micros(1201));
        assert_eq!(window.late_in_flight, 1);
        // It is sent on time and waits behind the late one.
        window.sends_at(micros(2000));
        window.answered_at(micros(2050), 1, 1, 1);
        assert_eq!(window.seen.disturbed, 2);
        window.answered_at(micros(2060), 0, 2, 1);
        assert_eq!(window.seen.disturbed, 3);
        // The late one has gone.
        window.sends_at(micros(3000));
        window.answered_at(micros(3100), 1, 2, 1);
        assert_eq!((seen.disturbed, seen.latency.len()), (3, 4));
    }

    #[test]
    fn behind_the_last_message_nobody_is_late() {
        let mut seen = Seen::new();
        let schedule = Schedule::new(1000, Duration::from_millis(1));
        let mut window =
            Window::new(schedule, Instant::now(), vec![0], &mut seen);
        window.sends_at(micros(0));
        window.answered_at(micros(9000), 0, 1, 1);
        assert_eq!(seen.disturbed, 0);
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
