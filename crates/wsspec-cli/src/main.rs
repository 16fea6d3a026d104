//! The command `wsspec`: judges a WebSocket server by RFC 6455.

mod arguments;
mod baseline;
mod diff;
mod explain;
mod judge;
mod output;
mod replay;
mod run;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use wsspec::runner::NotReachable;
use wsspec::{Runner, Selection};

use crate::arguments::{Arguments, Baseline, Command};

/// Why the process ends as it does; 2, a wrong command line, is clap's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    AsExpected = 0,
    Violations = 1,
    NotReachable = 3,
    OwnFault = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("wsspec: can't start: {error}");
            return Exit::OwnFault.into();
        }
    };
    let run = async {
        match &arguments.command {
            None => judge::judge(&arguments.judge).await,
            Some(Command::Run(run)) => run::run(run).await,
            Some(Command::List(select)) => explain::list(select),
            Some(Command::Explain(explain)) => explain::explain(explain),
            Some(Command::Replay(replay)) => replay::replay(replay).await,
            Some(Command::Baseline(Baseline::Update(update))) => {
                baseline::update(update).await
            }
            Some(Command::Diff(diff)) => diff::diff(diff),
            Some(Command::Init) => {
                print(include_bytes!("server.toml"), Exit::AsExpected)
            }
        }
    };
    // What panics is ours, and the message has been printed by then.
    let run = AssertUnwindSafe(|| runtime.block_on(run));
    let exit = catch_unwind(run).unwrap_or(Exit::OwnFault);
    // A case that hangs in a system call must not hold the process up.
    runtime.shutdown_background();
    exit.into()
}

/// The cases that are asked for, or the end of the process with 2.
fn selected(selection: &Selection) -> Vec<&'static wsspec::Case> {
    selection
        .cases()
        .unwrap_or_else(|error| arguments::usage(&error.to_string()))
}

/// Makes sure that there is something to judge.
async fn reach(runner: &Runner) -> Result<(), Exit> {
    let hint = runner.reach().await.map_err(|error| {
        anstream::eprintln!("wsspec: {error}");
        if let NotReachable::NoConnection(_) = error {
            anstream::eprintln!("Is the server running, and is that its port?");
        }
        Exit::NotReachable
    })?;
    if let Some(hint) = hint {
        anstream::eprintln!("wsspec: {hint}");
    }
    Ok(())
}

/// Prints a text; a closed pipe is the reader's wish, not a fault.
fn print(text: &[u8], exit: Exit) -> Exit {
    let mut out = anstream::stdout().lock();
    written(out.write_all(text).and_then(|()| out.flush()), exit)
}

/// The exit code when something should have been written.
fn written(result: std::io::Result<()>, exit: Exit) -> Exit {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            anstream::eprintln!("wsspec: can't write the results: {error}");
            Exit::OwnFault
        }
        _ => exit,
    }
}
