//! The suite as tests of somebody's own: one test for the server, and one more
//! for each case that fails.
//!
//! A file in `tests/`, with `harness = false` for it in `Cargo.toml`:
//!
//! ```no_run
//! use wsspec::harness::Harness;
//!
//! fn main() -> std::process::ExitCode {
//!     Harness::exec("cargo run --quiet --bin my-server").run()
//! }
//! ```
//!
//! or, with the server in the same process,
//!
//! ```no_run
//! # fn start_my_server() -> std::net::SocketAddr { unimplemented!() }
//! # use wsspec::harness::Harness;
//! fn main() -> std::process::ExitCode {
//!     let address = start_my_server();
//!     Harness::at(&format!("ws://{address}/ws")).run()
//! }
//! ```
//!
//! `cargo test` filters the tests by their names, such as
//! `server::6455/5.5.2/ping-is-answered/text`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::report::{Counts, Explained, fails};
use crate::runner::{JOBS, PATIENCE};
use crate::target::Server;
use crate::verdict::Outcome;
use crate::{Endpoint, Host, Judged, KnownViolation, Launcher, Runner, cases};

/// What to judge, and what to make of it.
#[derive(Debug)]
pub struct Harness {
    subject: Subject,
    strict: bool,
}

#[derive(Debug)]
enum Subject {
    At(String),
    Exec(String),
    Config(PathBuf),
}

impl Harness {
    /// A server that listens already, such as at `ws://127.0.0.1:8080/ws`.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self::of(Subject::At(url.to_owned()))
    }

    /// A server that a command of the shell starts. It is told by the
    /// environment variable `LISTEN` where to listen, with port 0, and says
    /// with its `ws://` address in a line that it is ready.
    #[must_use]
    pub fn exec(command: &str) -> Self {
        Self::of(Subject::Exec(command.to_owned()))
    }

    /// The variants of a `server.toml`, with what it declares and knows.
    #[must_use]
    pub fn config(path: impl Into<PathBuf>) -> Self {
        Self::of(Subject::Config(path.into()))
    }

    fn of(subject: Subject) -> Self {
        Self {
            subject,
            strict: false,
        }
    }

    /// Fails for a rule that is no MUST, too.
    #[must_use]
    pub fn strict(self) -> Self {
        Self {
            strict: true,
            ..self
        }
    }

    /// Judges, and runs what came out as tests, with the arguments that
    /// `cargo test` gives.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let arguments = Arguments::from_args();
        let trials = match &self.subject {
            Subject::At(url) => {
                let endpoint = url
                    .parse()
                    .map(|url| Endpoint::new(url, PATIENCE))
                    .map_err(|error| format!("{error}"));
                self.judge(&arguments, "server", &[], || endpoint)
            }
            Subject::Exec(command) => {
                let start = || {
                    let host = Host::start(Launcher::shell(command));
                    host.map(|host| Endpoint::of(host, PATIENCE))
                        .map_err(|error| error.to_string())
                };
                self.judge(&arguments, "server", &[], start)
            }
            Subject::Config(path) => self.judge_all(&arguments, path),
        };
        libtest_mimic::run(&arguments, trials).exit_code()
    }

    fn judge_all(&self, arguments: &Arguments, path: &Path) -> Vec<Trial> {
        let server = match Server::load(path) {
            Ok(server) => server,
            Err(error) => {
                // Whatever is asked for, it is not there.
                let name = arguments.filter.clone();
                let name = name.unwrap_or(path.display().to_string());
                let error = error.to_string();
                return vec![Trial::test(name, || Err(error.into()))];
            }
        };
        let variants = server.variants();
        let trials = variants.flat_map(|(server, name, variant)| {
            let label = format!("{}/{name}", server.name);
            let start = || {
                let endpoint = server.endpoint(variant, PATIENCE);
                endpoint.map_err(|error| error.to_string())
            };
            self.judge(arguments, &label, &server.known(name), start)
        });
        trials.collect()
    }

    fn judge(
        &self,
        arguments: &Arguments,
        label: &str,
        known: &[&KnownViolation],
        start: impl FnOnce() -> Result<Endpoint, String>,
    ) -> Vec<Trial> {
        if arguments.list {
            return vec![Trial::test(label, || Ok(()))];
        }
        let selected = selected(arguments, label);
        if selected.is_empty() {
            return Vec::new();
        }
        match start().and_then(|it| judge(it, &selected, known)) {
            Ok(judged) => {
                let alone = !fits(arguments, label);
                let mut problems = crate::known::problems(known);
                if arguments.exact && fits(arguments, label) {
                    // Nobody asks for the tests of the single cases.
                    problems += &failing(&judged, self.strict);
                }
                trials(label, &judged, problems, alone, self.strict)
            }
            Err(error) => {
                // Under a name that is asked for.
                let name = match fits(arguments, label) {
                    true => label.to_owned(),
                    false => case_name(label, selected[0]),
                };
                vec![Trial::test(name, || Err(error.into()))]
            }
        }
    }
}

/// Whether a test of this name is asked for.
#[must_use]
pub fn fits(arguments: &Arguments, name: &str) -> bool {
    let is = |filter: &String| match arguments.exact {
        true => name == filter,
        false => name.contains(filter.as_str()),
    };
    arguments.filter.as_ref().is_none_or(is) && !arguments.skip.iter().any(is)
}

/// The cases that are asked for of a server: all if its name fits.
#[must_use]
pub fn selected(arguments: &Arguments, label: &str) -> Vec<&'static Case> {
    let whole = fits(arguments, label);
    cases::all()
        .filter(|case| whole || fits(arguments, &case_name(label, case)))
        .collect()
}

fn case_name(label: &str, case: &Case) -> String {
    format!("{label}::{}", case.id)
}

/// What fails, all in one.
fn failing(judged: &[Judged], strict: bool) -> String {
    judged
        .iter()
        .filter(|judged| fails(judged.outcome, strict))
        .map(explained)
        .collect()
}

/// Everything about a case, for where no colours are.
fn explained(judged: &Judged) -> String {
    let text = format!("\n{}", Explained(judged));
    anstream::adapter::strip_str(&text).to_string()
}

/// Runs the cases, and ends the server if it was started for that.
///
/// # Errors
///
/// What is there instead of a WebSocket echo, in a sentence.
pub fn judge(
    endpoint: Endpoint,
    selected: &[&'static Case],
    known: &[&KnownViolation],
) -> Result<Vec<Judged>, String> {
    let hosts = endpoint.hosts();
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| format!("no runtime: {error}"))?;
    let runner = Runner::new(endpoint, JOBS).expecting(known);
    let judged = runtime.block_on(async {
        runner
            .reach()
            .await
            .map_err(|error| error.to_string())?;
        Ok(runner.run(selected.iter().copied(), |_| {}).await)
    });
    runtime.shutdown_background();
    for host in hosts {
        host.end();
    }
    judged.map(|mut judged: Vec<Judged>| {
        crate::known::apply(&mut judged, known);
        judged
    })
}

/// One trial for the server and one for each case that fails; or, where cases
/// were asked for by name (`alone`), one for each of those.
#[must_use]
pub fn trials(
    label: &str,
    judged: &[Judged],
    problems: String,
    alone: bool,
    strict: bool,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    let results = judged.iter();
    let counts = Counts::of(results.map(|it| (it.case.level, it.outcome)));
    if !alone {
        let known = counts.total(Outcome::Known);
        let kind = format!("{} cases, {known} known", judged.len());
        let whole = Trial::test(label, move || match problems.as_str() {
            "" => Ok(()),
            problems => Err(Failed::from(problems)),
        });
        trials.push(whole.with_kind(kind));
    }
    for judged in judged {
        let failed = fails(judged.outcome, strict);
        if failed || alone {
            let text = explained(judged);
            let name = case_name(label, judged.case);
            trials.push(Trial::test(name, move || match failed {
                true => Err(Failed::from(text)),
                false => Ok(()),
            }));
        }
    }
    trials
}
