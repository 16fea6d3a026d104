//! Resident memory per connection, each time in a fresh process: what a server
//! has done before would stand in its memory.

use std::time::Duration;

use wsspec::target::Running;

use crate::blocks::Fault;
use crate::generator::Load;
use crate::opening::Target;
use crate::process::{Unmeasured, resident};
use crate::report::{Memory, MemoryServer};
use crate::servers::{NotMeasured, Participant};
use crate::stats::median;
use crate::workload::{Echo, Workload};

/// A server that takes the same twice, with this time between, has freed what
/// it frees after its last answer.
const SETTLED: Duration = Duration::from_millis(100);

/// So often it is asked at most: what a garbage collector leaves for later is
/// memory that is taken, too.
const MOST_READINGS: usize = 20;

/// How long a server is given for that, with the time to ask it.
pub(crate) const LONGEST_SETTLING: Duration = Duration::from_millis(2500);

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub enum NoNumber {
    /// No fresh process starts.
    #[error(transparent)]
    NotStarted(#[from] NotMeasured),
    /// It does something wrong, or can't be measured.
    #[error(transparent)]
    Fault(Fault),
    /// Its process ended.
    #[error("{0}")]
    Ended(String),
}

/// Measures every server that has not failed; of `tell` as in blocks.
///
/// Of idle connections it is by how much resident memory grows for each, when
/// it has echoed one message of 16 B. Of what is kept it is by how much it
/// grows over that for each, when every connection in turn has echoed one
/// large message and the server is idle again: so what an idle connection
/// costs is not in it, and what a server shares among its connections is
/// divided by their number.
pub fn measure(
    workload: Workload,
    participants: &[Participant],
    repeats: usize,
    mut tell: impl FnMut(&str, Option<&str>),
) -> Memory {
    let mut servers = Vec::new();
    for participant in participants {
        if participant.sits_out {
            continue;
        }
        let mut octets = Vec::new();
        let mut failed = participant.failed.clone();
        for _ in 0..repeats {
            if failed.is_some() {
                break;
            }
            match one(participant, workload) {
                Ok(measured) => {
                    octets.push(measured);
                    tell(&participant.name, None);
                }
                Err(error) => {
                    let why = error.to_string();
                    tell(&participant.name, Some(&why));
                    failed = Some(why);
                }
            }
        }
        servers.push(MemoryServer {
            name: participant.name.clone(),
            octets_per_connection: match failed {
                None => median(&octets),
                Some(_) => None,
            },
            measured: octets,
            failed,
        });
    }
    Memory {
        workload: workload.to_string(),
        connections: workload.connections(),
        servers,
    }
}

fn one(participant: &Participant, workload: Workload) -> Result<f64, NoNumber> {
    let (mut running, target) = participant.another()?;
    let measured = octets_per_connection(&mut running, &target, workload);
    measured.map_err(|fault| {
        // What ended its connections may be its process, which is just ending.
        running.wait(Duration::from_millis(200));
        match running.has_ended() {
            Some(ended) => NoNumber::Ended(format!("{fault}; {ended}")),
            None => NoNumber::Fault(fault),
        }
    })
}

/// By how much memory grows per connection.
fn octets_per_connection(
    running: &mut Running,
    target: &Target,
    workload: Workload,
) -> Result<f64, Fault> {
    let connections = workload.connections();
    let echo = |connections| Echo {
        size: 16,
        depth: 1,
        connections,
    };
    let (load, before, after) = match workload {
        Workload::Kept(size) => {
            let mut load = Load::open(target, &echo(connections))?;
            load.once()?;
            let before = settled(running)?;
            load.one_by_one(size)?;
            (load, before, settled(running)?)
        }
        _ => {
            // What a server sets up once is no connection's cost.
            let mut load = Load::open(target, &echo(1))?;
            load.once()?;
            let before = settled(running)?;
            load.grow(connections)?;
            load.once()?;
            (load, before, settled(running)?)
        }
    };
    load.close()?;
    Ok((after as f64 - before as f64) / connections as f64)
}

/// Resident memory when it no longer changes.
fn settled(running: &mut Running) -> Result<u64, Unmeasured> {
    let mut before = resident(running.pid)?;
    for _ in 0..MOST_READINGS {
        running.wait(SETTLED);
        let now = resident(running.pid)?;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(before)
}
