//! Workloads: what is sent, and by how many.

use std::fmt;
use std::str::FromStr;

/// The largest message.
const MOST_OCTETS: usize = 16 << 20;

/// The most messages in flight on one connection.
const MOST_DEPTH: usize = 1024;

/// The most connections.
const MOST_CONNECTIONS: usize = 100_000;

/// The most messages in a second.
const MOST_RATE: usize = 1_000_000;

/// How many connections there are where it is measured what messages leave
/// behind.
const KEPT_CONNECTIONS: usize = 64;

/// Descriptors that a process needs beside its connections.
const OTHER_DESCRIPTORS: usize = 100;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Messages that are echoed, such as `16B-d1-c64`.
    Echo(Echo),
    /// How late answers come at a fixed rate, such as `latency-16B-c64-r5000`.
    Latency(Paced),
    /// Resident memory of so many open connections, such as `idle-1000`.
    Idle(usize),
    /// Resident memory that a connection keeps when it has echoed one message
    /// of so many octets, such as `kept-1MiB`.
    Kept(usize),
    /// Connections that are opened and closed, one at a time.
    Handshakes,
}

/// Messages that are echoed.
///
/// Each connection sends `depth` messages in one write, and the next as many
/// when all have been answered: so every server gets the same octets in the
/// same portions, however it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The payload of a message in octets.
    pub size: usize,
    /// How many messages are in flight on a connection.
    pub depth: usize,
    /// How many connections there are.
    pub connections: usize,
}

/// Messages that are sent at a fixed rate, each at its time, whatever has been
/// answered by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paced {
    /// The payload of a message in octets.
    pub size: usize,
    /// How many connections there are, which send in turn.
    pub connections: usize,
    /// How many messages are sent in a second, by all of them.
    pub rate: usize,
}

const fn echo(size: usize, depth: usize, connections: usize) -> Workload {
    Workload::Echo(Echo {
        size,
        depth,
        connections,
    })
}

/// What a short run measures.
pub const SHORT: &[Workload] =
    &[echo(16, 1, 64), echo(16, 16, 64), Workload::Idle(1000)];

/// What a full run measures.
pub const FULL: &[Workload] = &[
    echo(16, 1, 1),
    echo(16, 1, 64),
    echo(16, 16, 64),
    echo(1 << 10, 1, 64),
    echo(1 << 10, 16, 64),
    echo(64 << 10, 1, 8),
    echo(64 << 10, 16, 8),
    echo(16, 1, 1000),
    Workload::Idle(5000),
    Workload::Idle(20_000),
    Workload::Kept(64 << 10),
    Workload::Kept(1 << 20),
    Workload::Handshakes,
    Workload::Latency(Paced {
        size: 16,
        connections: 64,
        rate: 5000,
    }),
];

impl Workload {
    /// How many connections are open at once.
    #[must_use]
    pub fn connections(&self) -> usize {
        match self {
            Self::Echo(echo) => echo.connections,
            Self::Latency(paced) => paced.connections,
            Self::Idle(connections) => *connections,
            Self::Kept(_) => KEPT_CONNECTIONS,
            Self::Handshakes => 1,
        }
    }

    /// The largest message in octets.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Echo(echo) => echo.size,
            Self::Latency(paced) => paced.size,
            Self::Kept(size) => *size,
            Self::Idle(_) | Self::Handshakes => 16,
        }
    }

    /// How many descriptors the generator needs, and its server.
    #[must_use]
    pub fn descriptors(&self) -> u64 {
        (self.connections() + OTHER_DESCRIPTORS) as u64
    }

    /// What can be measured of it with so many descriptors: fewer idle
    /// connections than asked for are still worth knowing, and everything else
    /// is what it is or nothing.
    #[must_use]
    pub fn within(self, descriptors: u64) -> Option<Self> {
        if self.descriptors() <= descriptors {
            return Some(self);
        }
        let left = usize::try_from(descriptors).ok()?;
        let left = left.checked_sub(OTHER_DESCRIPTORS)?;
        let is_idle = matches!(self, Self::Idle(_));
        (is_idle && left > 0).then_some(Self::Idle(left))
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo(echo) => {
                let Echo {
                    depth, connections, ..
                } = echo;
                write!(f, "{}-d{depth}-c{connections}", Size(echo.size))
            }
            Self::Latency(paced) => {
                let Paced {
                    connections, rate, ..
                } = paced;
                let size = Size(paced.size);
                write!(f, "latency-{size}-c{connections}-r{rate}")
            }
            Self::Idle(connections) => write!(f, "idle-{connections}"),
            Self::Kept(size) => write!(f, "kept-{}", Size(*size)),
            Self::Handshakes => f.write_str("handshakes"),
        }
    }
}

/// A number of octets, as ids have it.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size.is_multiple_of(1 << 20) => {
                write!(f, "{}MiB", size >> 20)
            }
            size if size.is_multiple_of(1 << 10) => {
                write!(f, "{}KiB", size >> 10)
            }
            size => write!(f, "{size}B"),
        }
    }
}

/// A text that is no workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no workload; examples are 16B-d1-c64, 64KiB-d1-c8, idle-1000, \
     kept-1MiB, latency-16B-c64-r5000 and handshakes (messages up to 16 MiB, \
     depth up to {MOST_DEPTH}, up to {MOST_CONNECTIONS} connections, up to \
     {MOST_RATE} messages in a second)"
)]
pub struct BadWorkload(pub String);

impl FromStr for Workload {
    type Err = BadWorkload;

    fn from_str(text: &str) -> Result<Self, BadWorkload> {
        parse(text).ok_or_else(|| BadWorkload(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Workload> {
    if text == "handshakes" {
        return Some(Workload::Handshakes);
    }
    if let Some(connections) = text.strip_prefix("idle-") {
        return Some(Workload::Idle(within(connections, MOST_CONNECTIONS)?));
    }
    if let Some(size) = text.strip_prefix("kept-") {
        return Some(Workload::Kept(octets(size)?));
    }
    if let Some(paced) = text.strip_prefix("latency-") {
        let (size, connections, rate) = three(paced)?;
        return Some(Workload::Latency(Paced {
            size: octets(size)?,
            connections: behind('c', connections, MOST_CONNECTIONS)?,
            rate: behind('r', rate, MOST_RATE)?,
        }));
    }
    let (size, depth, connections) = three(text)?;
    Some(Workload::Echo(Echo {
        size: octets(size)?,
        depth: behind('d', depth, MOST_DEPTH)?,
        connections: behind('c', connections, MOST_CONNECTIONS)?,
    }))
}

/// The three parts of a text, and no more.
fn three(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.split('-');
    let three = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(three)
}

/// A size with its unit.
fn octets(text: &str) -> Option<usize> {
    let digits = text.find(|it: char| !it.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    let size = within(number, MOST_OCTETS)?.checked_mul(unit)?;
    (size <= MOST_OCTETS).then_some(size)
}

/// A number behind a letter.
fn behind(letter: char, text: &str, most: usize) -> Option<usize> {
    within(text.strip_prefix(letter)?, most)
}

/// A number from 1 up.
fn within(text: &str, most: usize) -> Option<usize> {
    let number = text.parse().ok()?;
    (1..=most).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for workload in SHORT.iter().chain(FULL) {
            assert_eq!(workload.to_string().parse(), Ok(*workload));
        }
        assert_eq!(echo(64 << 10, 1, 8).to_string(), "64KiB-d1-c8");
        assert_eq!("5B-d2-c3".parse(), Ok(echo(5, 2, 3)));
        assert_eq!("1MiB-d1-c1".parse(), Ok(echo(1 << 20, 1, 1)));
        assert_eq!("kept-64KiB".parse(), Ok(Workload::Kept(64 << 10)));
        let paced = Workload::Latency(Paced {
            size: 1024,
            connections: 2,
            rate: 30,
        });
        assert_eq!("latency-1KiB-c2-r30".parse(), Ok(paced));
    }

    #[test]
    fn of_idle_connections_as_many_are_measured_as_can_be_open() {
        let idle = Workload::Idle(20_000);
        assert_eq!(idle.within(20_100), Some(idle));
        assert_eq!(idle.within(20_000), Some(Workload::Idle(19_900)));
        assert_eq!(idle.within(101), Some(Workload::Idle(1)));
        assert_eq!(idle.within(100), None);
        assert_eq!(idle.within(0), None);
        let echo = echo(16, 1, 1000);
        assert_eq!(echo.within(1100), Some(echo));
        assert_eq!(echo.within(1099), None);
        assert_eq!(idle.within(u64::MAX), Some(idle));
    }

    #[test]
    fn rubbish_is_no_workload() {
        let cases = [
            "",
            "16B",
            "16B-d1",
            "16B-d1-c1-x",
            "16-d1-c1",
            "16B-d0-c1",
            "16B-d1-c0",
            "0B-d1-c1",
            "17MiB-d1-c1",
            "99999999999999999999B-d1-c1",
            "16B-1-c1",
            "16 B-d1-c1",
            "idle-",
            "idle-100001",
            "kept-",
            "kept-17MiB",
            "kept-1",
            "latency-16B-c64",
            "latency-16B-c64-r0",
            "latency-16B-c64-r1000001",
            "latency-16B-c64-r1-x",
            "latency-16B-d1-c64",
            "Handshakes",
        ];
        for text in cases {
            let error = BadWorkload(text.to_owned());
            assert_eq!(text.parse::<Workload>(), Err(error));
        }
    }
}
