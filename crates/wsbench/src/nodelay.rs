//! Who sets TCP_NODELAY, seen by the system calls of a server to which
//! connections are opened: it decides what small messages cost, and when they
//! come.
//!
//! An option of a socket can't be asked for from outside its process, and `ss`
//! does not show this one. So `perf` counts the calls that name it. It does not
//! see to what they set it; as it is off to begin with, who names it switches it
//! on. How long answers take would tell less: a server that writes all its
//! answers at once never waits for an acknowledgement, on or off.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generator::Load;
use crate::memory::NoNumber;
use crate::opening::{Failure, Target};
use crate::process::{self, Unmeasured};
use crate::servers::Participant;
use crate::workload::Echo;

/// The system call.
const EVENT: &str = "syscalls:sys_enter_setsockopt";

/// Of protocol TCP its option TCP_NODELAY.
const FILTER: &str = "level == 6 && optname == 1";

/// So many connections are opened, one after the other: who has fewer calls
/// has not made one for each.
const CONNECTIONS: u64 = 32;

/// How long a server may take to end.
const ENDING: Duration = Duration::from_secs(10);

/// Where a server sets TCP_NODELAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nodelay {
    /// Nowhere, so Nagle's algorithm is on.
    Never,
    /// On the listening socket: on Linux the connections inherit it.
    OnListener,
    /// On each connection.
    OnConnections,
}

impl fmt::Display for Nodelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "not set",
            Self::OnListener => "set on the listening socket",
            Self::OnConnections => "set on connections",
        })
    }
}

/// Why that is not known.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// The server does not start under `perf`, or does something wrong.
    #[error(transparent)]
    Server(#[from] NoNumber),
    /// `perf` can't count.
    #[error(transparent)]
    Perf(#[from] Unmeasured),
    /// It does not end.
    #[error("it does not end within {ENDING:?} of SIGTERM under perf")]
    Endless,
}

/// Makes sure that the calls can be counted on this machine.
///
/// # Errors
///
/// Why they can't.
pub fn check() -> Result<(), Unmeasured> {
    let mut words = perf();
    words.push("true".to_owned());
    process::count(&words, EVENT).map(|_| ())
}

/// Finds out, in a process of its own.
///
/// # Errors
///
/// What keeps it from being known, which is no failure of the server.
pub fn of(participant: &Participant) -> Result<Nodelay, Unknown> {
    let (mut running, target) = participant
        .another_under(&perf())
        .map_err(NoNumber::from)?;
    for _ in 0..CONNECTIONS {
        echoed(&target).map_err(|it| NoNumber::Fault(it.into()))?;
    }
    // Perf leads the group, and tells its number when the server ends.
    process::end_all_but_leader(running.pid)?;
    if running.wait(ENDING).is_none() {
        return Err(Unknown::Endless);
    }
    let printed = running.output.lines().join("\n");
    Ok(of_calls(process::counted_in(&printed, EVENT)?))
}

/// Opens a connection and closes it. What was echoed in between says that the
/// server has come to it.
fn echoed(target: &Target) -> Result<(), Failure> {
    let echo = Echo {
        size: 16,
        depth: 1,
        connections: 1,
    };
    let mut load = Load::open(target, &echo)?;
    load.once()?;
    load.close()
}

fn perf() -> Vec<String> {
    let words = ["perf", "stat", "-x,", "-e", EVENT, "--filter", FILTER, "--"];
    words.map(str::to_owned).to_vec()
}

fn of_calls(calls: u64) -> Nodelay {
    match calls {
        0 => Nodelay::Never,
        calls if calls < CONNECTIONS => Nodelay::OnListener,
        _ => Nodelay::OnConnections,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_for_each_connection_is_more_than_one_for_all() {
        assert_eq!(of_calls(0), Nodelay::Never);
        assert_eq!(of_calls(1), Nodelay::OnListener);
        assert_eq!(of_calls(CONNECTIONS - 1), Nodelay::OnListener);
        assert_eq!(of_calls(CONNECTIONS), Nodelay::OnConnections);
        assert_eq!(of_calls(10 * CONNECTIONS), Nodelay::OnConnections);
    }
}
