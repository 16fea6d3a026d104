//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::workload::{self, Workload};

/// Measures what WebSocket echoes cost, side by side, as a ratio to a raw TCP
/// echo that moves the same octets.
#[derive(Parser)]
#[command(name = "wsbench", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build servers, judge them, measure them, and end them
    Run(Box<Run>),
    /// Show what two reports measured differently
    Compare(Compare),
    /// The raw TCP echo that servers are compared with
    #[command(hide = true)]
    Floor(Floor),
}

#[derive(Args)]
pub(crate) struct Run {
    /// A server.toml [default: crates/echo-*/server.toml and
    /// examples/go/*/server.toml]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) config: Vec<PathBuf>,

    /// Only this variant of each server
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Vec<String>,

    /// Only servers with this in their label, such as axum/echo
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Vec<String>,

    /// Few workloads, short windows: for a laptop (the default)
    #[arg(long, conflicts_with = "full")]
    pub(crate) short: bool,

    /// All workloads, long windows: for a page that others read
    #[arg(long)]
    pub(crate) full: bool,

    /// What to measure, such as 16B-d1-c64 (size, messages in flight a
    /// connection, connections), idle-1000 or handshakes; several widen it
    #[arg(long, value_name = "ID", num_args = 1..)]
    workload: Vec<Workload>,

    /// How many blocks; in each every server has its turn once
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    blocks: Option<u32>,

    /// How long a server is measured in a block, in milliseconds
    #[arg(long, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    window: Option<u64>,

    /// Which random order the blocks have [default: another each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u32>,

    /// Write everything that was measured to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// How a run measures.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) blocks: usize,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    /// How many fresh processes a server's idle memory is measured in.
    pub(crate) idle_repeats: usize,
    pub(crate) seed: u64,
}

impl Run {
    pub(crate) fn plan(&self) -> Plan {
        let is_full = self.full && !self.short;
        let (blocks, warm_up, window, idle_repeats, workloads) = match is_full {
            true => (15, 300, 600, 3, workload::FULL),
            false => (7, 100, 250, 1, workload::SHORT),
        };
        let workloads = match self.workload.is_empty() {
            true => workloads.to_vec(),
            false => self.workload.clone(),
        };
        let blocks = self.blocks.unwrap_or(blocks);
        let seed = self.seed.unwrap_or_else(|| fastrand::u32(..));
        Plan {
            workloads,
            blocks: usize::try_from(blocks).unwrap_or(1),
            warm_up: Duration::from_millis(warm_up),
            window: Duration::from_millis(self.window.unwrap_or(window)),
            idle_repeats,
            seed: u64::from(seed),
        }
    }
}

#[derive(Args)]
pub(crate) struct Compare {
    /// The earlier report, as run --report writes it
    pub(crate) before: PathBuf,

    /// The later report
    pub(crate) after: PathBuf,
}

#[derive(Args)]
pub(crate) struct Floor {
    /// On tokio, not on epoll itself
    #[arg(long)]
    pub(crate) tokio: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  everything that was asked for has been measured, or skipped with a reason
  1  a server echoed wrongly, refused, ended, or did not pass wsspec
  2  the command line is wrong
  3  a server could not be built or started
  4  wsbench itself failed";

/// Ends the process with 2 and what is wrong.
pub(crate) fn usage(problem: &str) -> ! {
    let kind = clap::error::ErrorKind::InvalidValue;
    Arguments::command().error(kind, problem).exit()
}
