//! The command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::blocks::Times;
use crate::comparison::What;
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
    /// Show what two reports measured differently, and end with 1 where a
    /// count got worse
    Compare(Compare),
    /// Make a page of a report: tables in Markdown, and plots
    Report(Page),
    /// The raw TCP echo that servers are compared with
    #[command(hide = true)]
    Floor(Floor),
}

#[derive(Args)]
pub(crate) struct Run {
    /// A server.toml [default: crates/echo-*/server.toml,
    /// examples/go/*/server.toml, and those of tests/third_party/websockets
    /// and tests/third_party/ws]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) config: Vec<PathBuf>,

    /// Only this variant of each server
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Vec<String>,

    /// Only servers with this in their label, such as axum/echo
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Vec<String>,

    /// Few workloads, few blocks: for a laptop (the default)
    #[arg(long, conflicts_with = "full")]
    pub(crate) short: bool,

    /// All workloads, many blocks: for a page that others read
    #[arg(long)]
    pub(crate) full: bool,

    /// What to measure, such as 16B-d1-c64 (size, messages in flight a
    /// connection, connections), idle-1000, kept-1MiB,
    /// latency-16B-c64-r5000 (messages in a second) or handshakes; several
    /// widen it
    #[arg(long, value_name = "ID", num_args = 1..)]
    workload: Vec<Workload>,

    /// Also count the instructions of a message, with valgrind, which takes
    /// minutes; a full run does
    #[arg(long)]
    instructions: bool,

    /// How many processors a server may use; the generator has another
    #[arg(long, value_name = "N", default_value = "1",
          value_parser = clap::value_parser!(u16).range(1..))]
    processors: u16,

    /// How many blocks; in each every server has its turn once, and fewer
    /// than 6 make no interval
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
    /// How messages and handshakes are measured.
    pub(crate) times: Times,
    /// How latency is measured: a round is a block.
    pub(crate) rounds: Times,
    /// In how many fresh processes a server's memory is measured.
    pub(crate) processes: usize,
    pub(crate) instructions: bool,
    /// How many processors a server may use.
    pub(crate) processors: usize,
    pub(crate) seed: u32,
}

const fn times(warm_up: u64, window: u64, blocks: usize) -> Times {
    Times {
        warm_up: Duration::from_millis(warm_up),
        window: Duration::from_millis(window),
        blocks,
    }
}

/// Takes about two minutes with 23 that take part, whom to judge takes 20
/// seconds, and to see who sets TCP_NODELAY 10. A turn takes 160 ms, as it also opens and closes its connections,
/// about 50 ms for 64; 22 servers and the floor's 7 make 29 turns in a block:
/// 9 blocks are 42 s. System calls are counted in 23 × 310 ms: 7 s. Both for
/// two workloads are 98 s; and 23 fresh processes with 1,000 idle connections
/// take 0.7 s each: 16 s.
const SHORT: Times = times(30, 80, 9);

/// Is asked for, and not in a short run by itself.
const SHORT_ROUNDS: Times = times(100, 500, 2);

/// Many short turns close to the floor's tell more than a few long ones, as a
/// machine drifts within seconds: 15 of 600 ms gave the floor against itself
/// an interval of [0.86, 1.04]. A turn takes 250 ms with its 50 ms for 64
/// connections, and 31 blocks of 29 turns 225 s for a workload.
const FULL: Times = times(60, 140, 31);

/// 50,000 answers at 5,000 a second, of which 50 take longer than 99.9 %.
const FULL_ROUNDS: Times = times(500, 2000, 5);

impl Run {
    pub(crate) fn plan(&self) -> Plan {
        let is_full = self.full && !self.short;
        let (mut times, rounds, processes, workloads) = match is_full {
            true => (FULL, FULL_ROUNDS, 3, workload::FULL),
            false => (SHORT, SHORT_ROUNDS, 1, workload::SHORT),
        };
        let workloads = match self.workload.is_empty() {
            true => workloads.to_vec(),
            false => self.workload.clone(),
        };
        if let Some(blocks) = self.blocks {
            times.blocks = usize::try_from(blocks).unwrap_or(1);
        }
        if let Some(window) = self.window {
            times.window = Duration::from_millis(window);
        }
        Plan {
            workloads,
            times,
            rounds,
            processes,
            instructions: self.instructions || is_full,
            processors: usize::from(self.processors),
            seed: self.seed.unwrap_or_else(|| fastrand::u32(..)),
        }
    }

    /// The command line that measures the same again, in the same order. What
    /// it names by its whole path, which is nobody else's, is cut.
    pub(crate) fn command_line(&self, plan: &Plan) -> String {
        let mut words = vec!["wsbench".to_owned(), "run".to_owned()];
        let mut add = |name: &str, value: &str| {
            words.extend([format!("--{name}"), quoted(value)]);
        };
        let here = std::env::current_dir().unwrap_or_default();
        for file in &self.config {
            add("config", &not_whole(file, &here));
        }
        for name in &self.variant {
            add("variant", name);
        }
        for text in &self.filter {
            add("filter", text);
        }
        for workload in &self.workload {
            add("workload", &workload.to_string());
        }
        if self.processors > 1 {
            add("processors", &self.processors.to_string());
        }
        if let Some(blocks) = self.blocks {
            add("blocks", &blocks.to_string());
        }
        if let Some(window) = self.window {
            add("window", &window.to_string());
        }
        add("seed", &plan.seed.to_string());
        let flags = [
            ("--short", self.short),
            ("--full", self.full),
            ("--instructions", self.instructions),
        ];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set);
        words.extend(flags.map(|(name, _)| name.to_owned()));
        words.join(" ")
    }
}

/// A path as seen from a folder, or of one elsewhere its last two names.
fn not_whole(path: &Path, here: &Path) -> String {
    if path.is_relative() {
        return path.display().to_string();
    }
    if let Ok(path) = path.strip_prefix(here) {
        return path.display().to_string();
    }
    let names: Vec<_> = path.iter().skip(1).collect();
    let last = names.len().saturating_sub(2);
    let last: PathBuf = names[last..].iter().collect();
    last.display().to_string()
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain =
        |it: char| it.is_ascii_alphanumeric() || "+-./:=@_".contains(it);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[derive(Args)]
pub(crate) struct Compare {
    /// The earlier report, as run --report writes it
    pub(crate) before: PathBuf,

    /// The later report
    pub(crate) after: PathBuf,

    /// By how many percent a count may be more than before; two runs of the
    /// same program also differ by 0.05 system calls or switches, 250
    /// instructions or 1 KiB, which is always tolerated
    #[arg(long, value_name = "PERCENT", default_value = "10",
          value_parser = clap::value_parser!(u16).range(..=1000))]
    tolerance: u16,

    /// Which counts end it with 1 if they got worse; switches depend on the
    /// machine's other work, and ratios never do
    #[arg(
        long,
        value_name = "WHAT",
        value_delimiter = ',',
        default_value = "system-calls,instructions,memory"
    )]
    pub(crate) gate: Vec<What>,
}

impl Compare {
    /// As a part of the earlier count.
    pub(crate) fn tolerance(&self) -> f64 {
        f64::from(self.tolerance) / 100.0
    }
}

#[derive(Args)]
pub(crate) struct Page {
    /// The report, as run --report writes it; its name is the page's
    pub(crate) file: PathBuf,

    /// Write the page and its plots into this folder, for a page beside the
    /// folder to include
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: PathBuf,
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
  1  a server echoed wrongly, refused, ended, or did not pass wsspec; or a
     count got worse by more than what compare tolerates
  2  the command line is wrong
  3  a server could not be built or started
  4  wsbench itself failed";

/// Ends the process with 2 and what is wrong.
pub(crate) fn usage(problem: &str) -> ! {
    let kind = clap::error::ErrorKind::InvalidValue;
    Arguments::command().error(kind, problem).exit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Run {
        let words = ["wsbench", "run"].iter().chain(words);
        match Arguments::parse_from(words).command {
            Command::Run(run) => *run,
            _ => panic!("it is run"),
        }
    }

    #[test]
    fn the_command_line_is_told_again() {
        let words = [
            "--config",
            "one/server.toml",
            "--filter",
            "a b",
            "--workload",
            "idle-5",
            "kept-1MiB",
            "--blocks",
            "3",
            "--seed",
            "7",
            "--full",
        ];
        let run = run(&words);
        assert_eq!(
            run.command_line(&run.plan()),
            "wsbench run --config one/server.toml --filter 'a b' --workload \
             idle-5 --workload kept-1MiB --blocks 3 --seed 7 --full"
        );
    }

    #[test]
    fn a_path_is_never_told_as_a_whole() {
        let here = Path::new("/home/me/work");
        let told = |path| not_whole(Path::new(path), here);
        assert_eq!(told("/home/me/work/x/server.toml"), "x/server.toml");
        assert_eq!(told("/srv/secret/x/server.toml"), "x/server.toml");
        assert_eq!(told("/server.toml"), "server.toml");
        assert_eq!(told("../x/server.toml"), "../x/server.toml");
    }

    #[test]
    fn what_is_asked_for_goes_before_what_is_usual() {
        let plan = run(&["--workload", "idle-5", "--window", "20"]).plan();
        assert_eq!(plan.workloads, [Workload::Idle(5)]);
        assert_eq!(plan.times.window, Duration::from_millis(20));
        assert!(!plan.instructions);
        assert!(run(&["--full"]).plan().instructions);
        assert!(run(&["--instructions"]).plan().instructions);
    }
}
