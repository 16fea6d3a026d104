//! Workloads: what is sent, and by how many.

use std::fmt;
use std::str::FromStr;

/// The largest message.
const MOST_OCTETS: usize = 16 << 20;

/// The most messages in flight on one connection.
const MOST_DEPTH: usize = 1024;

/// The most connections: more need more than one source address.
const MOST_CONNECTIONS: usize = 20_000;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Messages that are echoed, such as `16B-d1-c64`.
    Echo(Echo),
    /// Resident memory of so many open connections, such as `idle-1000`.
    Idle(usize),
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

const fn echo(size: usize, depth: usize, connections: usize) -> Workload {
    Workload::Echo(Echo {
        size,
        depth,
        connections,
    })
}

/// What a short run measures.
pub const SHORT: &[Workload] = &[
    echo(16, 1, 64),
    echo(16, 16, 64),
    echo(64 << 10, 1, 8),
    Workload::Idle(1000),
    Workload::Handshakes,
];

/// What a full run measures.
pub const FULL: &[Workload] = &[
    echo(16, 1, 1),
    echo(16, 1, 64),
    echo(16, 16, 64),
    echo(1 << 10, 1, 64),
    echo(64 << 10, 1, 8),
    echo(16, 1, 1000),
    Workload::Idle(5000),
    Workload::Handshakes,
];

impl Workload {
    /// How many connections are open at once.
    #[must_use]
    pub fn connections(&self) -> usize {
        match self {
            Self::Echo(echo) => echo.connections,
            Self::Idle(connections) => *connections,
            Self::Handshakes => 1,
        }
    }

    /// The largest message in octets.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Echo(echo) => echo.size,
            Self::Idle(_) | Self::Handshakes => 16,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo(echo) => {
                let (size, unit) = match echo.size {
                    size if size.is_multiple_of(1 << 20) => (size >> 20, "MiB"),
                    size if size.is_multiple_of(1 << 10) => (size >> 10, "KiB"),
                    size => (size, "B"),
                };
                let Echo {
                    depth, connections, ..
                } = echo;
                write!(f, "{size}{unit}-d{depth}-c{connections}")
            }
            Self::Idle(connections) => write!(f, "idle-{connections}"),
            Self::Handshakes => f.write_str("handshakes"),
        }
    }
}

/// A text that is no workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no workload; examples are 16B-d1-c64, 64KiB-d1-c8, idle-1000 \
     and handshakes (messages up to 16 MiB, depth up to {MOST_DEPTH}, up to \
     {MOST_CONNECTIONS} connections)"
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
    let mut parts = text.split('-');
    let (size, depth, connections) =
        (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let digits = size.find(|it: char| !it.is_ascii_digit())?;
    let (number, unit) = size.split_at(digits);
    let unit = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    let size = within(number, MOST_OCTETS)?.checked_mul(unit)?;
    Some(Workload::Echo(Echo {
        size: (size <= MOST_OCTETS).then_some(size)?,
        depth: within(depth.strip_prefix('d')?, MOST_DEPTH)?,
        connections: within(connections.strip_prefix('c')?, MOST_CONNECTIONS)?,
    }))
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
            "idle-20001",
            "Handshakes",
        ];
        for text in cases {
            let error = BadWorkload(text.to_owned());
            assert_eq!(text.parse::<Workload>(), Err(error));
        }
    }
}
