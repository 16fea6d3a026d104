//! The time of a connection after the switch: what is due, and when.
//!
//! Before the switch a framework's time-outs and its log see every request;
//! after it they see none. A session keeps both without reading a clock or a
//! socket: it is told what happened and when, and says what is to be done.

use std::time::{Duration, Instant};

use crate::turn::Waits;
use crate::{Place, Settings};

/// So many octets are collected, and then sent, before more is read: enough
/// for many small messages, and little enough for ten thousand connections.
const BATCH: usize = 16 * 1024;

/// The most that stands before the payload of a server's frame.
const HEADER: usize = 10;

/// A peer that has left so many Pings unanswered is gone.
const MOST_UNANSWERED: u32 = 2;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The peer has sent a Close, with this status code or without.
    Closed(Option<u16>),
    /// The connection has ended without a Close.
    Lost,
    /// The peer has broken the protocol.
    Protocol,
    /// A text is not UTF-8.
    Text,
    /// A message or frame is over the limit.
    Size,
    /// The server is about to end.
    Leaving,
    /// No message has come for too long.
    Idle,
    /// The connection is as old as it may become.
    Age,
    /// No Pong has come.
    Silent,
    /// The peer does not read what it is sent.
    Stalled,
}

impl Cause {
    /// The status code and reason of the Close that this side sends (RFC 6455
    /// §7.4.1), or nothing where a Close would reach nobody, or where the
    /// library has answered the peer's.
    #[must_use]
    pub fn close(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Closed(_) | Self::Lost | Self::Stalled => None,
            Self::Protocol => Some((1002, "")),
            Self::Text => Some((1007, "")),
            Self::Size => Some((1009, "")),
            Self::Leaving => Some((1001, "the server is shutting down")),
            Self::Idle => Some((1001, "no message for too long")),
            Self::Age => Some((1008, "connect again")),
            Self::Silent => Some((1008, "no Pong")),
        }
    }

    /// Whether the peer is there for a closing handshake.
    #[must_use]
    pub fn can_be_told(self) -> bool {
        !matches!(self, Self::Lost | Self::Stalled)
    }

    /// The close code, as both sides could log it (RFC 6455 §7.1.5).
    #[must_use]
    pub fn code(self) -> u16 {
        match (self, self.close()) {
            (Self::Closed(code), _) => code.unwrap_or(1005),
            (_, Some((code, _))) => code,
            (_, None) => 1006,
        }
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A Ping.
    Ping,
    /// The end.
    End(Cause),
}

/// What happens after the switch, and when.
#[derive(Debug)]
pub struct Session {
    ping_interval: Duration,
    idle_deadline: Duration,
    opened: Instant,
    expires: Instant,
    idle_from: Instant,
    next_ping: Instant,
    unanswered: u32,
    unsent: usize,
    messages: u64,
    octets: u64,
    pub(crate) waits: Option<Waits>,
}

impl Session {
    /// A connection that is opened now.
    #[must_use]
    pub fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            ping_interval: settings.ping_interval,
            idle_deadline: settings.idle_deadline,
            opened: now,
            expires: now + settings.max_age,
            idle_from: now + settings.idle_deadline,
            next_ping: now + settings.ping_interval,
            unanswered: 0,
            unsent: 0,
            messages: 0,
            octets: 0,
            waits: None,
        }
    }

    /// When to ask what is [`due`](Self::due).
    pub(crate) fn next(&self) -> Instant {
        self.next_ping
            .min(self.idle_from)
            .min(self.expires)
    }

    /// What is due now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        if now >= self.expires {
            return Some(Due::End(Cause::Age));
        }
        if now >= self.idle_from {
            return Some(Due::End(Cause::Idle));
        }
        if now < self.next_ping {
            return None;
        }
        if self.unanswered == MOST_UNANSWERED {
            return Some(Due::End(Cause::Silent));
        }
        self.unanswered += 1;
        self.next_ping = now + self.ping_interval;
        self.queued(0);
        Some(Due::Ping)
    }

    /// A message of so many octets has come, and its echo is queued.
    pub fn message(&mut self, octets: usize, now: Instant) {
        self.messages += 1;
        self.octets += octets as u64;
        self.idle_from = now + self.idle_deadline;
        self.control(octets);
    }

    /// A control frame of so many octets has come, and may have an answer
    /// queued. Whatever comes shows that the peer is there.
    pub fn control(&mut self, octets: usize) {
        self.unanswered = 0;
        self.queued(octets);
    }

    fn queued(&mut self, octets: usize) {
        self.unsent += octets + HEADER;
    }

    /// Whether something is queued and not sent.
    pub(crate) fn has_unsent(&self) -> bool {
        self.unsent > 0
    }

    /// Whether more may be queued before all is sent: a peer that does not
    /// read is not read from.
    pub(crate) fn has_room(&self) -> bool {
        self.unsent < BATCH
    }

    /// All that was queued has been sent.
    pub fn sent(&mut self) {
        self.unsent = 0;
    }

    /// Notes the end in the request's span: how long it was, what came, and
    /// the close code.
    pub fn ended(&self, cause: Cause, place: &Place) {
        let span = place.span();
        span.record("messages", self.messages);
        span.record("octets", self.octets);
        span.record("close", cause.code());
        let seconds = self.opened.elapsed().as_secs_f64();
        span.in_scope(|| {
            tracing::info!("ended after {seconds:.3} s: {cause:?}");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn session(arguments: &[&str]) -> (Session, Instant) {
        let now = Instant::now();
        (Session::new(&Settings::of(arguments), now), now)
    }

    #[test]
    fn a_ping_is_due_every_interval() {
        let (mut session, opened) = session(&["--ping-interval", "20s"]);
        assert_eq!(session.next(), opened + 20 * SECOND);
        assert_eq!(session.due(opened + 19 * SECOND), None);
        assert_eq!(session.due(opened + 20 * SECOND), Some(Due::Ping));
        assert!(session.has_unsent());
        assert_eq!(session.due(opened + 21 * SECOND), None);
        assert_eq!(session.next(), opened + 40 * SECOND);
    }

    #[test]
    fn whoever_misses_two_pongs_is_gone_when_the_third_ping_is_due() {
        let (mut session, opened) = session(&["--ping-interval", "20s"]);
        let mut at = |seconds| session.due(opened + seconds * SECOND);
        assert_eq!(at(20), Some(Due::Ping));
        assert_eq!(at(40), Some(Due::Ping));
        assert_eq!(at(60), Some(Due::End(Cause::Silent)));
    }

    #[test]
    fn whatever_comes_shows_that_the_peer_is_there() {
        let (mut session, opened) = session(&["--ping-interval", "20s"]);
        for n in 1..10 {
            assert_eq!(session.due(opened + n * 20 * SECOND), Some(Due::Ping));
            session.control(0);
        }
    }

    #[test]
    fn pongs_keep_no_idle_connection_open_and_messages_do() {
        let arguments = ["--ping-interval", "20s", "--idle-deadline", "30s"];
        let (mut session, opened) = session(&arguments);
        session.message(5, opened + 25 * SECOND);
        session.control(0);
        assert_eq!(session.due(opened + 30 * SECOND), Some(Due::Ping));
        session.control(0);
        let due = session.due(opened + 55 * SECOND);
        assert_eq!(due, Some(Due::End(Cause::Idle)));
    }

    #[test]
    fn no_connection_becomes_older_than_it_may() {
        let (mut session, opened) = session(&["--max-age", "1m"]);
        session.message(5, opened + 59 * SECOND);
        let due = session.due(opened + 60 * SECOND);
        assert_eq!(due, Some(Due::End(Cause::Age)));
    }

    #[test]
    fn what_is_queued_is_bounded() {
        let (mut session, now) = session(&[]);
        assert!(!session.has_unsent() && session.has_room());
        let mut count = 0;
        while session.has_room() {
            session.message(6, now);
            count += 1;
        }
        assert_eq!(count, 1024);
        session.sent();
        assert!(!session.has_unsent());
        // Empty frames, too.
        for _ in 0..BATCH {
            session.control(0);
        }
        assert!(!session.has_room());
    }

    #[test]
    fn every_cause_has_its_code() {
        assert_eq!(Cause::Closed(Some(3000)).code(), 3000);
        assert_eq!(Cause::Closed(None).code(), 1005);
        assert_eq!(Cause::Lost.code(), 1006);
        assert_eq!(Cause::Stalled.code(), 1006);
        assert_eq!(Cause::Leaving.code(), 1001);
        assert_eq!(Cause::Age.code(), 1008);
    }
}
