//! Instructions in user space per message, as callgrind counts them: a number
//! that does not depend on what else the machine does.
//!
//! Callgrind counts a whole process. So a server runs twice, and does the same
//! both times but for the number of messages: what it takes more the second
//! time is theirs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::generator::Load;
use crate::memory::NoNumber;
use crate::opening::Failure;
use crate::servers::{NotMeasured, Participant};
use crate::workload::Echo;

/// What runs a server. Nobody reads the profile itself.
const CALLGRIND: [&str; 3] = [
    "valgrind",
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
];

/// On more connections a message takes no other instructions, and callgrind
/// runs one thread at a time.
const MOST_CONNECTIONS: usize = 8;

/// How often each connection sends before what is counted begins: what is done
/// once is done by then.
const ROUNDS_BEFORE: usize = 8;

/// How many octets, and how many messages at most and at least, are sent more
/// the second time: some fifty times slower than usual it takes seconds.
const OCTETS: usize = 16 << 20;
const MESSAGES: (usize, usize) = (64, 2048);

/// How long the messages of one run may take.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a server may take to end under callgrind.
const ENDING: Duration = Duration::from_secs(20);

/// Why instructions are not counted.
#[derive(Debug, thiserror::Error)]
pub enum Uncounted {
    /// There is no valgrind.
    #[error("valgrind does not run: {0}; install it")]
    NoValgrind(String),
    /// The server does not start under it, or does something wrong.
    #[error(transparent)]
    Server(#[from] NoNumber),
    /// It takes too long.
    #[error("its messages take longer than {LONGEST:?} under callgrind")]
    Slow,
    /// It does not end.
    #[error("it does not end within {ENDING:?} of SIGTERM under callgrind")]
    Endless,
    /// Callgrind tells no number.
    #[error("callgrind has printed no number of instructions")]
    NoTotal,
    /// The messages take less than what differs between two runs.
    #[error("its messages take less than what differs between two runs")]
    Few,
}

impl From<NotMeasured> for Uncounted {
    fn from(error: NotMeasured) -> Self {
        Self::Server(error.into())
    }
}

impl From<Failure> for Uncounted {
    fn from(failure: Failure) -> Self {
        Self::Server(NoNumber::Fault(failure.into()))
    }
}

/// Makes sure that they can be counted on this machine.
///
/// # Errors
///
/// Why they can't.
pub fn check() -> Result<(), Uncounted> {
    let [valgrind, ..] = CALLGRIND;
    let status = Command::new(valgrind)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Uncounted::NoValgrind(status.to_string())),
        Err(error) => Err(Uncounted::NoValgrind(error.to_string())),
    }
}

/// Whether callgrind can follow what is written in a language: it sees native
/// programs alone, and loses its way where a runtime moves stacks.
#[must_use]
pub fn follows(language: &str) -> bool {
    ["Rust", "C", "C++"].contains(&language)
}

/// What decides how many instructions a message takes: the same workload on
/// more connections has the same number.
#[must_use]
pub fn counted(echo: &Echo) -> Echo {
    Echo {
        connections: echo.connections.min(MOST_CONNECTIONS),
        ..*echo
    }
}

/// Counts the instructions of a message, in processes of their own.
///
/// # Errors
///
/// What keeps them from being counted, which is no failure of the server.
pub fn per_message(
    participant: &Participant,
    echo: &Echo,
) -> Result<f64, Uncounted> {
    let echo = counted(echo);
    let rounds = rounds_more(&echo);
    let few = total(participant, &echo, ROUNDS_BEFORE)?;
    let many = total(participant, &echo, ROUNDS_BEFORE + rounds)?;
    let messages = rounds * echo.depth * echo.connections;
    let more = many.checked_sub(few).ok_or(Uncounted::Few)?;
    Ok(more as f64 / messages as f64)
}

/// How often each connection sends more the second time.
fn rounds_more(echo: &Echo) -> usize {
    let (least, most) = MESSAGES;
    let messages = (OCTETS / echo.size.max(1)).clamp(least, most);
    messages.div_ceil(echo.depth * echo.connections)
}

/// All instructions of a process that echoes so often on each connection.
fn total(
    participant: &Participant,
    echo: &Echo,
    rounds: usize,
) -> Result<u64, Uncounted> {
    let program = CALLGRIND.map(str::to_owned);
    let (mut running, target) = participant.another_under(&program)?;
    let target = target.with_patience(LONGEST);
    let begun = Instant::now();
    let mut load = Load::open(&target, echo)?;
    for _ in 0..rounds {
        load.once()?;
        if begun.elapsed() > LONGEST {
            return Err(Uncounted::Slow);
        }
    }
    load.close()?;
    running.signal(Signal::TERM);
    if running.wait(ENDING).is_none() {
        return Err(Uncounted::Endless);
    }
    collected(&running.output.lines()).ok_or(Uncounted::NoTotal)
}

/// The number in what callgrind prints at its end.
fn collected(lines: &[String]) -> Option<u64> {
    lines.iter().rev().find_map(|line| {
        let (_, number) = line
            .strip_prefix("==")?
            .split_once("Collected :")?;
        number.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_number_stands_among_what_callgrind_prints() {
        let text = "listening on ws://127.0.0.1:4567/ws\n\
                    ==4711== Callgrind, a call-graph generating profiler\n\
                    ==4711== Process terminating with default action of \
                    signal 15 (SIGTERM)\n\
                    ==4711== \n\
                    ==4711== Events    : Ir\n\
                    ==4711== Collected : 123456789\n\
                    ==4711== \n\
                    ==4711== I   refs:      123,456,789";
        assert_eq!(collected(&lines(text)), Some(123_456_789));
    }

    #[test]
    fn what_the_server_prints_is_no_number() {
        assert_eq!(collected(&[]), None);
        assert_eq!(collected(&lines("Collected : 12")), None);
        assert_eq!(collected(&lines("==1== Collected : many")), None);
    }

    #[test]
    fn more_connections_than_eight_make_no_difference() {
        let echo = |connections| Echo {
            size: 16,
            depth: 1,
            connections,
        };
        assert_eq!(counted(&echo(1000)), counted(&echo(64)));
        assert_eq!(counted(&echo(1)), echo(1));
    }

    #[test]
    fn large_messages_are_fewer() {
        let messages = |size, depth, connections| {
            let echo = Echo {
                size,
                depth,
                connections,
            };
            rounds_more(&echo) * depth * connections
        };
        assert_eq!(messages(16, 1, 8), 2048);
        assert_eq!(messages(64 << 10, 1, 8), 256);
        assert_eq!(messages(16 << 20, 1, 1), 64);
        // Never none, and whole rounds.
        assert_eq!(messages(16, 1024, 8), 8192);
    }
}
