//! Resident memory per idle connection, each time in a fresh process: what a
//! server has done before would stand in its memory.

use std::time::Duration;

use wsspec::target::Running;

use crate::blocks::Fault;
use crate::generator::Load;
use crate::opening::Target;
use crate::process::resident;
use crate::report::{Idle, IdleServer};
use crate::servers::{NotMeasured, Participant};
use crate::stats::median;
use crate::workload::Echo;

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
pub fn measure(
    connections: usize,
    participants: &[Participant],
    repeats: usize,
    mut tell: impl FnMut(&str, Option<&str>),
) -> Idle {
    let mut servers = Vec::new();
    for participant in participants {
        let mut octets = Vec::new();
        let mut failed = participant.failed.clone();
        for _ in 0..repeats {
            if failed.is_some() {
                break;
            }
            match one(participant, connections) {
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
        servers.push(IdleServer {
            name: participant.name.clone(),
            octets_per_connection: median(&octets),
            measured: octets,
            failed,
        });
    }
    Idle {
        connections,
        servers,
    }
}

fn one(participant: &Participant, count: usize) -> Result<f64, NoNumber> {
    let (mut running, target) = participant.another()?;
    let measured = octets_per_connection(&running, &target, count);
    measured.map_err(|fault| {
        // What ended its connections may be its process, which is just ending.
        running.wait(Duration::from_millis(200));
        match running.has_ended() {
            Some(ended) => NoNumber::Ended(format!("{fault}; {ended}")),
            None => NoNumber::Fault(fault),
        }
    })
}

/// By how much memory grows per connection, after one message on each.
fn octets_per_connection(
    running: &Running,
    target: &Target,
    connections: usize,
) -> Result<f64, Fault> {
    let echo = |connections| Echo {
        size: 16,
        depth: 1,
        connections,
    };
    // What a server sets up once is no connection's cost.
    let mut first = Load::open(target, &echo(1))?;
    first.once()?;
    let before = resident(running.pid)?;
    let mut load = Load::open(target, &echo(connections))?;
    load.once()?;
    let after = resident(running.pid)?;
    load.close()?;
    first.close()?;
    Ok((after as f64 - before as f64) / connections as f64)
}
