//! The report: everything that was measured, for programs and for later.
//!
//! The JSON has a schema, `data/results-2.schema.json`. Its number changes when
//! a property goes or changes its meaning; one that is added is optional when
//! a report is read, so that results which are kept can be read for ever.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::nodelay::Nodelay;
use crate::servers::FLOOR;
use crate::stats::Interval;

/// The version of the form.
pub const SCHEMA: u32 = 2;

/// Everything of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the form: 2.
    pub schema: u32,
    /// What decides results: names and values.
    pub knobs: Vec<(String, String)>,
    /// Who took part, or why not.
    pub servers: Vec<Entrant>,
    /// What was measured in blocks.
    pub measurements: Vec<Measurement>,
    /// Resident memory per connection.
    pub memory: Vec<Memory>,
    /// Latency at a fixed rate.
    pub latency: Vec<Latency>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

/// A server of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrant {
    /// Its label.
    pub name: String,
    /// The language that it is written in.
    pub language: String,
    /// The libraries that it stands on.
    pub stack: String,
    /// Where it sets TCP_NODELAY, as far as that was found out.
    #[serde(default)]
    pub tcp_nodelay: Option<Nodelay>,
    /// Why it was not measured.
    pub not_measured: Option<String>,
}

/// A server that is at work for less than this part of the time waits for
/// more than half of it.
const HALF: f64 = 0.5;

/// A workload, measured in blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The workload's id.
    pub workload: String,
    /// The floor against itself.
    pub noise: Option<Interval>,
    /// What each server took.
    pub servers: Vec<Measured>,
}

impl Measurement {
    /// Whether the floor waited for the generator in most of its turns: a
    /// server that waits falls asleep and is woken, so it took more than its
    /// messages need, and all ratios are lower bounds.
    #[must_use]
    pub fn has_waiting_floor(&self) -> bool {
        let mut servers = self.servers.iter();
        servers
            .find(|it| it.name == FLOOR)
            .is_some_and(Measured::is_generator_bound)
    }

    /// Whether a server waited for more than half of the time, and neither for
    /// the generator nor for what all others wait for.
    #[must_use]
    pub fn has_waited(&self, server: &Measured) -> bool {
        let waits = |it: &Measured| it.server_busy.map(|it| it < HALF);
        let mut others = self.servers.iter();
        waits(server) == Some(true)
            && !server.is_generator_bound()
            && others.any(|it| waits(it) == Some(false))
    }
}

/// What a server took for a workload. A message is a handshake where those
/// are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The server's label.
    pub name: String,
    /// Processor time per message, as a multiple of the floor's: the median of
    /// the blocks' [`ratio`](Block::ratio), and 1 of the floor itself.
    pub ratio: Option<Interval>,
    /// Processor time per message in nanoseconds, the median of blocks.
    pub cpu_ns: Option<f64>,
    /// Context switches per message, the median of blocks.
    pub switches: Option<f64>,
    /// System calls per message.
    pub system_calls: Option<f64>,
    /// Instructions in user space per message, as callgrind counts them.
    pub instructions: Option<f64>,
    /// Messages per second, the median of blocks: an illustration.
    pub per_second: Option<f64>,
    /// Which part of the time the server was at work, from 0 to 1, of all the
    /// processors that it may use; the median of blocks.
    pub server_busy: Option<f64>,
    /// Which part of the time the generator was at work, or could have been
    /// but for other programs, from 0 to 1; the median of blocks.
    pub generator_busy: Option<f64>,
    /// The generator's own processor time per message in nanoseconds, the
    /// median of blocks.
    pub generator_ns: Option<f64>,
    /// In how many blocks the generator was the limit.
    pub generator_bound: usize,
    /// Why there are no more blocks, and no number but theirs.
    pub failed: Option<String>,
    /// The blocks; of the floor its turns, of which a block has several.
    pub blocks: Vec<Block>,
}

impl Measured {
    /// Whether the generator was the limit in most turns.
    #[must_use]
    pub fn is_generator_bound(&self) -> bool {
        self.generator_bound * 2 > self.blocks.len()
    }
}

/// One turn of a server in one block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Which block, from 0 up.
    pub block: usize,
    /// How many messages were echoed.
    pub messages: u64,
    /// In which time.
    pub seconds: f64,
    /// The server's processor time in nanoseconds.
    pub cpu_ns: u64,
    /// The server's context switches.
    pub switches: u64,
    /// How many of its threads ended, whose switches are lost.
    pub ended_threads: usize,
    /// How much of its processor time was that of processes that ended, which
    /// is known in ticks of the clock; `None` in older reports, which lost it,
    /// and that of threads that ended.
    #[serde(default)]
    pub reaped_ns: Option<u64>,
    /// The generator's processor time in nanoseconds.
    pub generator_cpu_ns: u64,
    /// How long the generator waited for its processor, in nanoseconds.
    #[serde(default)]
    pub generator_waited_ns: u64,
    /// Whether the generator was the limit.
    pub generator_bound: bool,
    /// The floor's processor time per message in nanoseconds, the mean of its
    /// turn before this one and of its turn behind; `None` of the floor.
    pub floor_ns: Option<f64>,
}

impl Block {
    /// The server's processor time per message in nanoseconds.
    #[must_use]
    pub fn cpu_per_message(&self) -> f64 {
        self.cpu_ns as f64 / self.messages.max(1) as f64
    }

    /// The same as a multiple of the floor's.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let floor = self.floor_ns.filter(|it| *it > 0.0)?;
        Some(self.cpu_per_message() / floor)
    }
}

/// Resident memory per connection: of idle ones (`idle-5000`), or what stays
/// after one large message on each (`kept-1MiB`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// The workload's id.
    pub workload: String,
    /// How many connections were open.
    pub connections: usize,
    /// What each server took.
    pub servers: Vec<MemoryServer>,
}

/// A server's resident memory per connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryServer {
    /// The server's label.
    pub name: String,
    /// Resident octets per connection, the median.
    pub octets_per_connection: Option<f64>,
    /// The same, process by process.
    pub measured: Vec<f64>,
    /// Why there is no number.
    pub failed: Option<String>,
}

/// Latency at a fixed rate, of messages whose times were fixed beforehand: an
/// illustration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The workload's id.
    pub workload: String,
    /// How many messages were to be sent in a second.
    pub offered: f64,
    /// What each server took.
    pub servers: Vec<LatencyServer>,
}

/// How late a server's answers came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyServer {
    /// The server's label.
    pub name: String,
    /// How many answers came in a second.
    pub achieved: Option<f64>,
    /// Whether it kept up with what was offered, and all quantiles can be
    /// told; [`told`](Self::told) knows which.
    pub is_valid: bool,
    /// Whether it kept up with what was offered; `None` in older reports,
    /// which hold back all quantiles of a server or none.
    #[serde(default)]
    pub kept_up: Option<bool>,
    /// How much later than intended the generator sent a message, in
    /// nanoseconds: 99 of 100 went out no later.
    pub generator_late_ns: Option<u64>,
    /// Which part of the answers, from 0 to 1, is [as late as nobody
    /// knows](crate::pace::Seen::disturbed) for the generator's sake.
    #[serde(default)]
    pub disturbed: Option<f64>,
    /// How many answers are in the quantiles.
    pub messages: u64,
    /// From the intended time of a message to the end of its answer; rising.
    pub quantiles: Vec<Quantile>,
    /// Why there is no number.
    pub failed: Option<String>,
}

impl LatencyServer {
    /// Whether it kept up, so that its latencies are those of a rate.
    #[must_use]
    pub fn keeps_up(&self) -> bool {
        self.failed.is_none() && self.kept_up.unwrap_or(self.is_valid)
    }

    /// A quantile, unless the generator was so late that it can't be told.
    #[must_use]
    pub fn told(&self, quantile: f64) -> Option<&Quantile> {
        let mut quantiles = self.quantiles.iter();
        let found = quantiles.find(|it| (it.quantile - quantile).abs() < 1e-9);
        found.filter(|it| self.keeps_up() && it.is_told(self.kept_up.is_none()))
    }
}

/// A point of the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// Which part of the answers took no longer, from 0 to 1.
    pub quantile: f64,
    /// How long, in nanoseconds.
    pub nanoseconds: u64,
    /// How long at least, had the generator been on time; `None` where that is
    /// not known.
    #[serde(default)]
    pub least_ns: Option<u64>,
    /// How long at most, had the generator been on time; `None` where that is
    /// not known.
    #[serde(default)]
    pub most_ns: Option<u64>,
}

impl Quantile {
    /// Between what the server's own part is, in nanoseconds: once the same,
    /// where nobody has looked or it is nearly so.
    #[must_use]
    pub fn ends(&self) -> (u64, u64) {
        match (self.least_ns, self.most_ns) {
            (Some(least), Some(most)) if most > least + least / NEARLY => {
                (least, most)
            }
            _ => (self.nanoseconds, self.nanoseconds),
        }
    }

    /// Whether that is close enough to say something; of an older report the
    /// server as a whole is valid or not.
    fn is_told(&self, is_older: bool) -> bool {
        match (self.least_ns, self.most_ns) {
            (Some(least), Some(most)) => most <= least.saturating_mul(WIDEST),
            _ => is_older,
        }
    }
}

/// A range that is no wider than this part of its least is shown as a number.
const NEARLY: u64 = 10;

/// A range whose most is more than so many times its least says nothing.
const WIDEST: u64 = 4;

/// Why a file is no report.
#[derive(Debug, thiserror::Error)]
pub enum BadReport {
    /// The file can't be read or written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is not what `--report` writes.
    #[error("{path} is no report of wsbench: {error}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// Another wsbench has written it.
    #[error(
        "{path} has schema {schema}, and this wsbench reads {SCHEMA}",
        path = path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: u32,
    },
}

impl Report {
    /// Reads a file that [`write`](Self::write) has written.
    ///
    /// # Errors
    ///
    /// Any other file.
    pub fn read(path: &Path) -> Result<Self, BadReport> {
        let path = path.to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return Err(BadReport::File { path, error }),
        };
        match serde_json::from_str::<Self>(&text) {
            Ok(report) if report.schema == SCHEMA => Ok(report),
            Ok(Self { schema, .. }) => Err(BadReport::Schema { path, schema }),
            Err(error) => Err(BadReport::Json { path, error }),
        }
    }

    /// Sees whether a file can be written, and leaves what is in it.
    ///
    /// # Errors
    ///
    /// Why it can't.
    pub fn can_be_written(path: &Path) -> Result<(), BadReport> {
        let mut options = std::fs::OpenOptions::new();
        match options.create(true).append(true).open(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(BadReport::File {
                path: path.to_owned(),
                error,
            }),
        }
    }

    /// Writes it as JSON, or leaves the file as it was.
    ///
    /// # Errors
    ///
    /// A file that can't be written.
    pub fn write(&self, path: &Path) -> Result<(), BadReport> {
        let path = path.to_owned();
        // On one line: with every block it has tens of thousands of values.
        let text = match serde_json::to_string(self) {
            Ok(text) => text + "\n",
            Err(error) => return Err(BadReport::Json { path, error }),
        };
        // What is no file, such as a terminal, has nothing to be kept.
        let is_file = std::fs::metadata(&path).is_ok_and(|it| it.is_file());
        let written = match is_file {
            false => std::fs::write(&path, text),
            true => {
                let mut aside = path.clone().into_os_string();
                aside.push(".part");
                std::fs::write(&aside, text)
                    .and_then(|()| std::fs::rename(&aside, &path))
            }
        };
        written.map_err(|error| BadReport::File { path, error })
    }
}

#[cfg(test)]
impl Measured {
    /// A server of which nothing has been measured.
    pub(crate) fn nothing(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ratio: None,
            cpu_ns: None,
            switches: None,
            system_calls: None,
            instructions: None,
            per_second: None,
            server_busy: None,
            generator_busy: None,
            generator_ns: None,
            generator_bound: 0,
            failed: None,
            blocks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(median: f64) -> Interval {
        Interval {
            median,
            low: Some(median - 0.1),
            high: Some(median + 0.1),
        }
    }

    fn report(servers: &[(&str, f64)]) -> Report {
        let servers = servers.iter().map(|(name, ratio)| Measured {
            ratio: Some(interval(*ratio)),
            cpu_ns: Some(1234.5),
            blocks: vec![Block {
                block: 0,
                messages: 10,
                seconds: 0.1,
                cpu_ns: 12345,
                switches: 3,
                ended_threads: 0,
                reaped_ns: Some(0),
                generator_cpu_ns: 1,
                generator_waited_ns: 2,
                generator_bound: false,
                floor_ns: Some(617.25),
            }],
            ..Measured::nothing(name)
        });
        Report {
            schema: SCHEMA,
            knobs: vec![("seed".to_owned(), "1".to_owned())],
            servers: Vec::new(),
            measurements: vec![Measurement {
                workload: "16B-d1-c64".to_owned(),
                noise: None,
                servers: servers.collect(),
            }],
            memory: Vec::new(),
            latency: Vec::new(),
            skipped: Vec::new(),
        }
    }

    #[test]
    fn a_block_is_compared_with_the_floor_beside_it() {
        let report = report(&[("a", 2.0)]);
        let block = &report.measurements[0].servers[0].blocks[0];
        let ratio = block.ratio().expect("a floor");
        assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
        for floor_ns in [None, Some(0.0)] {
            let block = Block {
                floor_ns,
                ..block.clone()
            };
            assert_eq!(block.ratio(), None);
        }
    }

    #[test]
    fn who_waits_alone_is_told() {
        let mut report = report(&[(FLOOR, 1.0), ("idle", 2.0)]);
        let measurement = &mut report.measurements[0];
        let told = |it: &Measurement| it.has_waited(&it.servers[1]);
        assert!(!told(measurement));
        measurement.servers[1].server_busy = Some(0.3);
        measurement.servers[0].server_busy = Some(0.4);
        assert!(!told(measurement), "the floor waits, too");
        measurement.servers[0].server_busy = Some(0.9);
        assert!(told(measurement));
        measurement.servers[1].generator_bound = 1;
        assert!(!told(measurement), "it waits for the generator");
        assert!(!measurement.has_waiting_floor());
        measurement.servers[0].generator_bound = 1;
        assert!(measurement.has_waiting_floor());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let report = report(&[("a", 1.1)]);
        let text = serde_json::to_string(&report).expect("JSON");
        let again: Report = serde_json::from_str(&text).expect("a report");
        assert_eq!(again, report);
    }
}
