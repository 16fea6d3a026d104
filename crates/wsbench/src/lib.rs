//! The load generator and the side-by-side benchmark behind `wsbench`.
//!
//! Nothing is a number that has not been verified: every octet that comes back
//! is compared, and a server that has not passed `wsspec` is not measured.
//! What is measured is what a message costs the server, as a ratio to a raw
//! TCP echo that moves the same octets in the same block. Linux alone tells
//! what it takes.
//!
//! The book has a page about it: `docs/src/measuring.md`.
//!
//! | module | holds |
//! |---|---|
//! | [`workload`] | what is sent: size, depth, connections |
//! | [`frames`] | the octets of messages, and the verdict on what comes back |
//! | [`opening`] | one opening handshake, checked |
//! | [`generator`] | messages as fast as they are answered |
//! | [`pace`] | messages at times that are fixed beforehand |
//! | [`floor`] | the raw TCP echoes that servers are compared with |
//! | [`servers`] | build them, judge them, start them |
//! | [`limits`] | which workloads a server excludes by what it declares |
//! | [`nodelay`] | who sets TCP_NODELAY |
//! | [`processors`] | which of them servers and generator have |
//! | [`process`] | what a process took: processor time, memory, switches |
//! | [`blocks`], [`latency`], [`memory`], [`instructions`] | the measurements |
//! | [`stats`] | median, bootstrap interval |
//! | [`report`], [`table`] | results for programs and for people |
//! | [`comparison`] | what two reports measured differently |
//! | [`page`] | results for a book: tables with plots |

mod arguments;
pub mod blocks;
pub mod comparison;
mod connections;
pub mod floor;
pub mod frames;
pub mod generator;
pub mod instructions;
pub mod latency;
pub mod limits;
pub mod memory;
pub mod nodelay;
pub mod opening;
pub mod pace;
pub mod page;
mod plot;
pub mod process;
pub mod processors;
pub mod report;
mod run;
pub mod servers;
pub mod stats;
mod svg;
pub mod table;
pub mod workload;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::comparison::Comparison;
use crate::report::Report;

/// Why the process ends as it does; 2, a wrong command line, is clap's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    AsExpected = 0,
    Wrong = 1,
    NotStarted = 3,
    OwnFault = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let run = AssertUnwindSafe(|| match &arguments.command {
        Command::Run(run) => run::run(run),
        Command::Compare(asked) => compare(asked),
        Command::Report(page) => write_page(&page.file, &page.into),
        Command::Floor(floor) => match floor::serve(floor.tokio) {
            Ok(()) => Exit::AsExpected,
            Err(error) => {
                anstream::eprintln!("wsbench: the floor: {error}");
                Exit::OwnFault
            }
        },
    });
    // What panics is ours, and the message has been printed by then.
    catch_unwind(run).unwrap_or(Exit::OwnFault).into()
}

fn compare(asked: &arguments::Compare) -> Exit {
    let comparison = Comparison::of(&read(&asked.before), &read(&asked.after));
    if comparison.is_empty() {
        arguments::usage(
            "the two reports have no server with a workload in common, so \
             there is nothing to compare; run both with the same --workload",
        );
    }
    for knob in &comparison.knobs {
        anstream::eprintln!("wsbench: the two runs differ in {knob}");
    }
    let (tolerance, gate) = (asked.tolerance(), &asked.gate);
    anstream::print!("{}", table::comparison(&comparison, tolerance));
    let counts = comparison.counts.iter();
    let worse: Vec<_> = counts
        .filter(|it| it.is_worse(tolerance, gate))
        .collect();
    for count in &worse {
        anstream::eprintln!(
            "wsbench: worse: {}",
            table::count(count, tolerance)
        );
    }
    let mut counts = comparison.counts.iter();
    if !counts.any(|it| gate.contains(&it.what)) {
        anstream::eprintln!(
            "wsbench: nothing that --gate names was counted in both runs, so \
             nothing can be worse; `skipped` in the reports says why"
        );
    }
    match worse.is_empty() {
        true => Exit::AsExpected,
        false => Exit::Wrong,
    }
}

fn write_page(file: &Path, folder: &Path) -> Exit {
    let report = read(file);
    let name = file.file_stem().unwrap_or_default();
    match page::write(&report, &name.to_string_lossy(), folder) {
        Ok(()) => Exit::AsExpected,
        Err(error) => arguments::usage(&error.to_string()),
    }
}

/// A report that the command line names.
fn read(path: &Path) -> Report {
    Report::read(path)
        .unwrap_or_else(|error| arguments::usage(&error.to_string()))
}
