//! What two reports measured differently, and which of it is worse.
//!
//! Ratios have intervals, and where those do not overlap one is cheaper. Counts
//! say what a server does and hardly depend on the machine, so they can fail a
//! build: whoever makes more system calls than before does more.

use std::fmt;

use clap::ValueEnum;

use crate::report::Report;
use crate::servers::is_floor;
use crate::stats::Interval;

/// Knobs that are other each time, or that a comparison is about.
const EXPECTED: [&str; 4] =
    ["command line", "load at the start", "seed", "commit"];

/// A count that can be compared. Words of the command line are these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// System calls per message.
    SystemCalls,
    /// Instructions in user space per message.
    Instructions,
    /// Context switches per message: they depend on when who has a processor,
    /// so they do not fail a build unless that is asked for.
    Switches,
    /// Resident octets per connection.
    Memory,
}

impl What {
    /// By so much a count may differ, whatever it is: two runs of the same
    /// program do. The raw echoes took 200 instructions more for a message of
    /// 64 KiB where it came in more parts.
    #[must_use]
    pub fn slack(self) -> f64 {
        match self {
            Self::SystemCalls | Self::Switches => 0.05,
            Self::Instructions => 250.0,
            Self::Memory => 1024.0,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SystemCalls => "system calls",
            Self::Instructions => "instructions",
            Self::Switches => "switches",
            Self::Memory => "KiB per connection",
        })
    }
}

/// What two reports measured differently.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Of each workload and server with a ratio in both.
    pub ratios: Vec<Ratio>,
    /// Of each count that is in both, or was before the server failed.
    pub counts: Vec<Count>,
    /// What is in one of them alone.
    pub unmatched: Vec<String>,
    /// What decides results and is not the same in both.
    pub knobs: Vec<String>,
}

/// The ratio of a server to the floor in two reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// The workload's id.
    pub workload: String,
    /// The server's label.
    pub server: String,
    /// Its ratio to the floor in the earlier report.
    pub before: Interval,
    /// The same in the later one.
    pub after: Interval,
}

impl Ratio {
    /// The later median as a multiple of the earlier.
    #[must_use]
    pub fn change(&self) -> f64 {
        self.after.median / self.before.median
    }
}

/// A count of a server in two reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// What is counted.
    pub what: What,
    /// The workload's id.
    pub workload: String,
    /// The server's label.
    pub server: String,
    /// What it was, in octets or per message.
    pub before: f64,
    /// What it is; `None` if the server has failed.
    pub after: Option<f64>,
}

/// How a count has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// By no more than is tolerated.
    Same,
    /// It is less.
    Less,
    /// It is more: worse.
    More,
    /// The server has failed, and was right before.
    Failed,
}

impl Count {
    /// How it has changed, where a difference is tolerated that is no more
    /// than this part of the earlier, or no more than its
    /// [slack](What::slack).
    #[must_use]
    pub fn change(&self, tolerance: f64) -> Change {
        let Some(after) = self.after else {
            return Change::Failed;
        };
        let more = after - self.before;
        match more.abs() > (self.before * tolerance).max(self.what.slack()) {
            false => Change::Same,
            true if more > 0.0 => Change::More,
            true => Change::Less,
        }
    }

    /// Whether it is to fail a build. A floor is no server: where it does
    /// more, something else has changed.
    #[must_use]
    pub fn is_worse(&self, tolerance: f64, gate: &[What]) -> bool {
        let change = self.change(tolerance);
        matches!(change, Change::More | Change::Failed)
            && gate.contains(&self.what)
            && !is_floor(&self.server)
    }
}

impl Comparison {
    /// Of an earlier report with a later one.
    #[must_use]
    pub fn of(before: &Report, after: &Report) -> Self {
        let mut comparison = Self {
            knobs: differing(before, after),
            ..Self::default()
        };
        comparison.compare_ratios(before, after);
        comparison.compare_counts(before, after);
        let (earlier, later) = (workloads(before), workloads(after));
        let alone = |of: &[&str], others: &[&str], when: &str| {
            let alone = of.iter().filter(|it| !others.contains(it));
            alone
                .map(|it| format!("{it}: only {when}"))
                .collect::<Vec<_>>()
        };
        let mut unmatched = alone(&earlier, &later, "before");
        unmatched.extend(alone(&later, &earlier, "after"));
        // Of what is in both the servers that are not.
        let is_in_both = |line: &String| {
            let workload = line.split(' ').next().unwrap_or_default();
            earlier.contains(&workload) && later.contains(&workload)
        };
        comparison.unmatched.retain(is_in_both);
        unmatched.append(&mut comparison.unmatched);
        comparison.unmatched = unmatched;
        comparison
    }

    /// Whether the reports have nothing in common but floors, which are in
    /// every one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let ratios = self.ratios.iter().map(|it| &it.server);
        let counts = self.counts.iter().map(|it| &it.server);
        ratios.chain(counts).all(|it| is_floor(it))
    }

    fn compare_ratios(&mut self, before: &Report, after: &Report) {
        let mut later = ratios(after);
        for (workload, server, before) in ratios(before) {
            let same = later
                .iter()
                .position(|it| (it.0, it.1) == (workload, server));
            match same {
                Some(index) => self.ratios.push(Ratio {
                    workload: workload.to_owned(),
                    server: server.to_owned(),
                    before,
                    after: later.remove(index).2,
                }),
                None => self.tell(format!("{workload} {server}: only before")),
            }
        }
        for (workload, server, _) in later {
            self.tell(format!("{workload} {server}: only after"));
        }
    }

    fn compare_counts(&mut self, before: &Report, after: &Report) {
        let (earlier, later) = (entries(before), entries(after));
        for entry in &earlier {
            let Some(value) = entry.value else { continue };
            let same = later.iter().find(|it| it.key() == entry.key());
            match same {
                Some(Entry {
                    value: None,
                    has_failed: false,
                    ..
                }) => self.tell(format!("{entry}: only before")),
                Some(same) => self.counts.push(Count {
                    what: entry.what,
                    workload: entry.workload.to_owned(),
                    server: entry.server.to_owned(),
                    before: value,
                    after: same.value.filter(|_| !same.has_failed),
                }),
                None => {
                    let Entry {
                        workload, server, ..
                    } = entry;
                    self.tell(format!("{workload} {server}: only before"));
                }
            }
        }
        for entry in later.iter().filter(|it| it.value.is_some()) {
            let same = earlier.iter().find(|it| it.key() == entry.key());
            let Entry {
                workload, server, ..
            } = entry;
            match same {
                Some(same) if same.value.is_some() => {}
                Some(_) => self.tell(format!("{entry}: only after")),
                None => self.tell(format!("{workload} {server}: only after")),
            }
        }
    }

    /// Tells what is in one report alone, once.
    fn tell(&mut self, line: String) {
        if !self.unmatched.contains(&line) {
            self.unmatched.push(line);
        }
    }
}

/// The ids of what can be compared.
fn workloads(report: &Report) -> Vec<&str> {
    let measured = report.measurements.iter();
    let measured = measured.map(|it| it.workload.as_str());
    let memory = report.memory.iter();
    measured
        .chain(memory.map(|it| it.workload.as_str()))
        .collect()
}

/// Workload, server and its ratio to the floor.
fn ratios(report: &Report) -> Vec<(&str, &str, Interval)> {
    let all = report
        .measurements
        .iter()
        .flat_map(|measurement| {
            let servers = measurement.servers.iter();
            servers.filter_map(move |it| {
                Some((&*measurement.workload, &*it.name, it.ratio?))
            })
        });
    all.collect()
}

/// A count in a report, or that there is none.
struct Entry<'a> {
    what: What,
    workload: &'a str,
    server: &'a str,
    value: Option<f64>,
    has_failed: bool,
}

impl Entry<'_> {
    fn key(&self) -> (What, &str, &str) {
        (self.what, self.workload, self.server)
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            workload,
            server,
            ..
        } = self;
        write!(f, "{workload} {server}: {what}")
    }
}

fn entries(report: &Report) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for measurement in &report.measurements {
        for it in &measurement.servers {
            let counts = [
                (What::SystemCalls, it.system_calls),
                (What::Instructions, it.instructions),
                (What::Switches, it.switches),
            ];
            entries.extend(counts.map(|(what, value)| Entry {
                what,
                workload: &measurement.workload,
                server: &it.name,
                value,
                has_failed: it.failed.is_some(),
            }));
        }
    }
    for memory in &report.memory {
        entries.extend(memory.servers.iter().map(|it| Entry {
            what: What::Memory,
            workload: &memory.workload,
            server: &it.name,
            value: it.octets_per_connection,
            has_failed: it.failed.is_some(),
        }));
    }
    entries
}

/// What decides results and is not the same in both.
fn differing(before: &Report, after: &Report) -> Vec<String> {
    let of = |report: &Report, name: &str| {
        let mut knobs = report.knobs.iter();
        let value = knobs
            .find(|it| it.0 == name)
            .map(|it| it.1.clone());
        value.unwrap_or_else(|| "not told".to_owned())
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in before.knobs.iter().chain(&after.knobs) {
        if !names.contains(&&**name) && !EXPECTED.contains(&&**name) {
            names.push(name);
        }
    }
    let values = names
        .into_iter()
        .map(|name| (name.to_owned(), of(before, name), of(after, name)));
    let mut all: Vec<_> = values.collect();
    all.extend(before.servers.iter().filter_map(|it| {
        let mut later = after.servers.iter();
        let later = later.find(|other| other.name == it.name)?;
        let name = format!("TCP_NODELAY of {}", it.name);
        let (then, now) = (it.tcp_nodelay?, later.tcp_nodelay?);
        Some((name, then.to_string(), now.to_string()))
    }));
    all.into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| {
            format!("{name}: {before} before, {after} after")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodelay::Nodelay;
    use crate::report::{
        Entrant, Measured, Measurement, Memory, MemoryServer, SCHEMA,
    };
    use crate::servers::FLOOR;

    const GATE: [What; 3] =
        [What::SystemCalls, What::Instructions, What::Memory];

    fn interval(median: f64) -> Interval {
        Interval {
            median,
            low: Some(median - 0.1),
            high: Some(median + 0.1),
        }
    }

    fn report(servers: Vec<Measured>) -> Report {
        Report {
            schema: SCHEMA,
            knobs: Vec::new(),
            servers: Vec::new(),
            measurements: vec![Measurement {
                workload: "16B-d1-c64".to_owned(),
                noise: None,
                servers,
            }],
            memory: Vec::new(),
            latency: Vec::new(),
            skipped: Vec::new(),
        }
    }

    fn ratio(name: &str, ratio: f64) -> Measured {
        Measured {
            ratio: Some(interval(ratio)),
            ..Measured::nothing(name)
        }
    }

    fn calls(name: &str, system_calls: f64) -> Measured {
        Measured {
            system_calls: Some(system_calls),
            ..Measured::nothing(name)
        }
    }

    fn memory(octets: Option<f64>) -> Memory {
        Memory {
            workload: "idle-10".to_owned(),
            connections: 10,
            servers: vec![MemoryServer {
                name: "a".to_owned(),
                octets_per_connection: octets,
                measured: octets.into_iter().collect(),
                failed: octets.is_none().then(|| "ended".to_owned()),
            }],
        }
    }

    #[test]
    fn ratios_that_are_in_both_are_compared() {
        let before =
            report(vec![ratio("a", 2.0), ratio("b", 1.0), ratio("gone", 1.0)]);
        let after =
            report(vec![ratio("b", 1.1), ratio("a", 1.0), ratio("new", 1.0)]);
        let comparison = Comparison::of(&before, &after);
        let [a, b] = comparison.ratios.as_slice() else {
            panic!("two rows");
        };
        assert_eq!((a.server.as_str(), b.server.as_str()), ("a", "b"));
        assert!((a.change() - 0.5).abs() < 1e-9);
        assert_eq!(a.before.overlaps(&a.after), Some(false));
        assert_eq!(b.before.overlaps(&b.after), Some(true));
        let unmatched =
            ["16B-d1-c64 gone: only before", "16B-d1-c64 new: only after"];
        assert_eq!(comparison.unmatched, unmatched);
    }

    #[test]
    fn a_count_is_worse_beyond_its_tolerance_and_its_slack() {
        let change = |what, before, after| {
            let count = Count {
                what,
                workload: "16B-d1-c64".to_owned(),
                server: "a".to_owned(),
                before,
                after: Some(after),
            };
            count.change(0.1)
        };
        use What::{Instructions, Memory, SystemCalls};
        assert_eq!(change(SystemCalls, 2.0, 2.19), Change::Same);
        assert_eq!(change(SystemCalls, 2.0, 2.21), Change::More);
        assert_eq!(change(SystemCalls, 2.0, 1.79), Change::Less);
        // One write more for sixteen messages is seen, a straggler isn't.
        assert_eq!(change(SystemCalls, 0.125, 0.1875), Change::More);
        assert_eq!(change(SystemCalls, 0.125, 0.15), Change::Same);
        assert_eq!(change(Instructions, 110.0, 359.0), Change::Same);
        assert_eq!(change(Instructions, 110.0, 361.0), Change::More);
        assert_eq!(change(Instructions, 9000.0, 9901.0), Change::More);
        assert_eq!(change(Memory, 32.0, 1000.0), Change::Same);
        assert_eq!(change(Memory, 32.0, 1100.0), Change::More);
    }

    #[test]
    fn what_is_not_gated_fails_nothing() {
        let count = |what, server: &str, after| Count {
            what,
            workload: "16B-d1-c64".to_owned(),
            server: server.to_owned(),
            before: 1000.0,
            after,
        };
        let is_worse = |it: &Count| it.is_worse(0.1, &GATE);
        let (more, calls) = (Some(1e6), What::SystemCalls);
        assert!(is_worse(&count(calls, "a", more)));
        assert!(is_worse(&count(calls, "a", None)));
        assert!(!is_worse(&count(calls, "a", Some(1.0))));
        assert!(!is_worse(&count(calls, FLOOR, more)));
        let switches = count(What::Switches, "a", more);
        assert!(!is_worse(&switches));
        assert!(switches.is_worse(0.1, &[What::Switches]));
    }

    #[test]
    fn counts_that_are_in_both_are_compared() {
        let failed = Measured {
            failed: Some("ended".to_owned()),
            ..Measured::nothing("b")
        };
        let none = Measured::nothing("c");
        let mut before = report(vec![
            calls("a", 2.0),
            calls("b", 2.0),
            calls("c", 2.0),
            calls("gone", 2.0),
        ]);
        let mut after =
            report(vec![calls("a", 3.0), failed, none, calls("new", 2.0)]);
        before.memory.push(memory(Some(2048.0)));
        after.memory.push(memory(None));
        let comparison = Comparison::of(&before, &after);
        let counts = comparison.counts.iter();
        let counts: Vec<_> = counts
            .map(|it| (it.what, it.server.as_str(), it.change(0.1)))
            .collect();
        let expected = [
            (What::SystemCalls, "a", Change::More),
            (What::SystemCalls, "b", Change::Failed),
            (What::Memory, "a", Change::Failed),
        ];
        assert_eq!(counts, expected);
        let unmatched = [
            "16B-d1-c64 c: system calls: only before",
            "16B-d1-c64 gone: only before",
            "16B-d1-c64 new: only after",
        ];
        assert_eq!(comparison.unmatched, unmatched);
    }

    #[test]
    fn what_is_in_one_report_alone_is_told_as_a_whole() {
        let mut before = report(vec![calls("a", 2.0), calls(FLOOR, 2.0)]);
        before.memory.push(memory(Some(2048.0)));
        let after = report(vec![calls("b", 2.0), calls(FLOOR, 2.0)]);
        let comparison = Comparison::of(&before, &after);
        assert!(comparison.is_empty(), "floors are no servers");
        let unmatched = [
            "idle-10: only before",
            "16B-d1-c64 a: only before",
            "16B-d1-c64 b: only after",
        ];
        assert_eq!(comparison.unmatched, unmatched);
        assert!(!Comparison::of(&before, &before).is_empty());
    }

    #[test]
    fn knobs_that_differ_are_told() {
        let with = |knobs: &[(&str, &str)]| {
            let knobs = knobs.iter();
            let knobs = knobs.map(|it| (it.0.to_owned(), it.1.to_owned()));
            Report {
                knobs: knobs.collect(),
                ..report(Vec::new())
            }
        };
        let before =
            with(&[("kernel", "6.1"), ("seed", "1"), ("window", "80ms")]);
        let after = with(&[
            ("kernel", "6.2"),
            ("seed", "2"),
            ("window", "80ms"),
            ("go", "1.26"),
        ]);
        let told = [
            "kernel: 6.1 before, 6.2 after",
            "go: not told before, 1.26 after",
        ];
        assert_eq!(Comparison::of(&before, &after).knobs, told);
        assert!(Comparison::of(&before, &before).knobs.is_empty());
        let with = |tcp_nodelay| Report {
            servers: vec![Entrant {
                name: "a".to_owned(),
                language: "Rust".to_owned(),
                stack: String::new(),
                tcp_nodelay,
                not_measured: None,
            }],
            ..report(Vec::new())
        };
        let never = with(Some(Nodelay::Never));
        let always = with(Some(Nodelay::OnConnections));
        let told =
            ["TCP_NODELAY of a: not set before, set on connections after"];
        assert_eq!(Comparison::of(&never, &always).knobs, told);
        assert!(
            Comparison::of(&never, &with(None))
                .knobs
                .is_empty()
        );
    }
}
