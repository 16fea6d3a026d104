//! The command `wsspec`: judges a WebSocket server by RFC 6455.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wsspec::report::{Counts, Explained, is_violation};
use wsspec::runner::{JOBS, NotReachable, PATIENCE};
use wsspec::{Endpoint, Judged, Outcome, Runner, Url, autobahn, cases};

/// Judges a WebSocket echo by RFC 6455, in seconds.
///
/// The endpoint at URL has to echo: text as text, binary as binary.
#[derive(Parser)]
#[command(name = "wsspec", version, after_help = EXIT_CODES)]
struct Arguments {
    /// The address of the endpoint, such as ws://127.0.0.1:8080/ws
    url: Url,

    /// Run only the cases with this id; * stands for any part
    #[arg(long = "case", value_name = "ID")]
    cases: Vec<String>,

    /// How many cases run at a time
    #[arg(long, value_name = "N", default_value_t = JOBS,
          value_parser = at_least_one)]
    jobs: usize,

    /// How long the server may keep silent before that counts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE.as_secs_f64(),
          value_parser = seconds)]
    timeout: f64,

    /// Fail for a rule that is no MUST, too
    #[arg(long)]
    strict: bool,

    /// Show every case, not only those that need a look
    #[arg(long, short)]
    verbose: bool,

    /// What to write; `autobahn` runs the cases that Autobahn|Testsuite has,
    /// too, with its timers, and gives its words in the form of its index.json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// The name of the server in Autobahn's form; by default what its Server
    /// field says
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,

    /// Write to this file, not to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The forms in which results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Text,
    /// Autobahn|Testsuite's index.json.
    Autobahn,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  every MUST holds (with --strict: every SHOULD, too)
  1  a rule is broken
  2  the command line is wrong
  3  there is no WebSocket endpoint at URL
  4  wsspec itself failed";

/// Why the process ends as it does.
#[derive(Clone, Copy)]
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
    // clap ends the process with 2 where the usage is wrong.
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("wsspec: can't start: {error}");
            return Exit::OwnFault.into();
        }
    };
    // What panics is ours, and the message has been printed by then.
    let judging = AssertUnwindSafe(|| runtime.block_on(judge(&arguments)));
    let exit = catch_unwind(judging).unwrap_or(Exit::OwnFault);
    // A case that hangs in a system call must not hold the process up.
    runtime.shutdown_background();
    exit.into()
}

async fn judge(arguments: &Arguments) -> Exit {
    let selected: Vec<_> = cases::all()
        .filter(|case| {
            arguments.format != Format::Autobahn || case.autobahn.is_some()
        })
        .filter(|case| {
            let wanted = &arguments.cases;
            wanted.is_empty()
                || wanted
                    .iter()
                    .any(|it| wsspec::known::matches(it, case.id))
        })
        .collect();
    if selected.is_empty() {
        usage(&format!(
            "no case has an id like {}",
            arguments.cases.join(" or ")
        ));
    }
    let patience = Duration::from_secs_f64(arguments.timeout);
    let mut endpoint = Endpoint::new(arguments.url.clone(), patience);
    endpoint.autobahn_timers = arguments.format == Format::Autobahn;
    let runner = Runner::new(endpoint, arguments.jobs);
    if let Err(error) = runner.reach().await {
        anstream::eprintln!("wsspec: {error}");
        if let NotReachable::NoConnection(_) = error {
            anstream::eprintln!("Is the server running, and is that its port?");
        }
        return Exit::NotReachable;
    }

    let begun = Instant::now();
    let progress = progress(selected.len() as u64);
    let judged = runner
        .run(selected, |judged| {
            progress.inc(1);
            progress.set_message(judged.case.id);
        })
        .await;
    progress.finish_and_clear();

    match write(arguments, &judged, begun.elapsed()) {
        // A closed pipe is the reader's wish, not a fault.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            anstream::eprintln!("wsspec: can't write the results: {error}");
            Exit::OwnFault
        }
        _ => verdict(&judged, arguments.strict),
    }
}

fn write(
    arguments: &Arguments,
    judged: &[Judged],
    took: Duration,
) -> std::io::Result<()> {
    let mut text = Vec::new();
    match arguments.format {
        Format::Text => report(&mut text, arguments, judged, took)?,
        Format::Autobahn => {
            let agent = arguments.agent.as_deref();
            let index = autobahn::index(agent, judged);
            serde_json::to_writer_pretty(&mut text, &index)?;
            writeln!(text)?;
        }
    }
    match &arguments.output {
        None => {
            let mut out = anstream::stdout().lock();
            out.write_all(&text)?;
            out.flush()
        }
        Some(path) => {
            // No colours in a file.
            let mut out = anstream::StripStream::new(File::create(path)?);
            out.write_all(&text)?;
            out.flush()
        }
    }
}

fn report(
    out: &mut impl Write,
    arguments: &Arguments,
    judged: &[Judged],
    took: Duration,
) -> std::io::Result<()> {
    for judged in judged {
        let needs_a_look = !matches!(
            judged.outcome,
            Outcome::Pass | Outcome::Info | Outcome::Unsupported
        );
        if needs_a_look {
            writeln!(out, "{}", Explained(judged))?;
        } else if arguments.verbose {
            let (outcome, id) = (judged.outcome, judged.case.id);
            writeln!(out, "{outcome:11} {id}")?;
        }
    }
    writeln!(
        out,
        "{}: {} cases in {:.1} s",
        arguments.url,
        judged.len(),
        took.as_secs_f64()
    )?;
    write!(out, "{}", Counts::of(judged))
}

fn verdict(judged: &[Judged], strict: bool) -> Exit {
    let has = |found: fn(&Judged, bool) -> bool| {
        judged.iter().any(|judged| found(judged, strict))
    };
    if has(|judged, _| judged.outcome == Outcome::Broken) {
        Exit::OwnFault
    } else if has(|judged, strict| is_violation(judged.outcome, strict)) {
        Exit::Violations
    } else {
        Exit::AsExpected
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(
        Some(length),
        ProgressDrawTarget::stderr(),
    );
    let style = ProgressStyle::with_template("{pos}/{len} {wide_msg}");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn usage(problem: &str) -> ! {
    use clap::CommandFactory;
    let kind = clap::error::ErrorKind::InvalidValue;
    Arguments::command().error(kind, problem).exit()
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number from 1 up is needed".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.01 to 3600 is needed".to_owned()),
    }
}
