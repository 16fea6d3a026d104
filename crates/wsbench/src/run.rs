//! `wsbench run`: builds servers, judges them, measures them, ends them.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wsspec::target::{Server, TargetError, Variant};

use crate::arguments::{Plan, Run, usage};
use crate::blocks::{self, Times};
use crate::process::{SystemCalls, raise_descriptors};
use crate::report::{Entrant, Report, SCHEMA};
use crate::servers::{self, FLOOR, FLOOR_AGAIN, NotMeasured, Participant};
use crate::stats::Interval;
use crate::workload::Workload;
use crate::{Exit, idle, table};

/// Descriptors that a process needs beside its connections.
const OTHER_DESCRIPTORS: u64 = 100;

/// Where the servers of this repository say how they are built.
const CONFIGS: [&str; 2] =
    ["crates/echo-*/server.toml", "examples/go/*/server.toml"];

/// Variables that decide how many threads a server has.
const VARIABLES: [&str; 3] =
    ["TOKIO_WORKER_THREADS", "GOMAXPROCS", "MALLOC_ARENA_MAX"];

pub(crate) fn run(arguments: &Run) -> Exit {
    let plan = arguments.plan();
    if let Some(report) = &arguments.report {
        let folder = report.parent().filter(|it| *it != Path::new(""));
        if folder.is_some_and(|it| !it.is_dir()) {
            usage(&format!("{}: there is no such folder", report.display()));
        }
    }
    let servers = load(&configs(arguments));
    let targets = targets(&servers, arguments);
    let descriptors = raise_descriptors();
    if cfg!(debug_assertions) {
        anstream::eprintln!(
            "wsbench: this is a build without optimisation, which makes the \
             generator the limit; use cargo run --release"
        );
    }
    let mut exit = Exit::AsExpected;
    let mut participants = match floors() {
        Ok(floors) => floors,
        Err(error) => {
            anstream::eprintln!("wsbench: the floors: {error}");
            return Exit::OwnFault;
        }
    };
    let mut entrants = Vec::new();
    for (server, name, variant) in targets {
        let label = format!("{}/{name}", server.name);
        anstream::eprintln!("{label}: building and judging");
        let entered = enter(server, name, variant, &label);
        let not_measured = entered.as_ref().err().map(ToString::to_string);
        if let Some(why) = &not_measured {
            anstream::eprintln!("{label} is not measured: {why}");
        }
        match entered {
            Ok(participant) => participants.push(participant),
            Err(error) => exit = exit.max(exit_of(&error)),
        }
        entrants.push(Entrant {
            name: label,
            language: server.language.clone(),
            stack: server.stack.clone(),
            not_measured,
        });
    }
    let mut report = Report {
        schema: SCHEMA,
        knobs: knobs(&plan, descriptors),
        servers: entrants,
        measurements: Vec::new(),
        idle: Vec::new(),
        skipped: Vec::new(),
    };
    for (name, value) in &report.knobs {
        anstream::println!("{name}: {value}");
    }
    let found = measure(&plan, descriptors, &mut participants, &mut report);
    exit = exit.max(found);
    // Before anybody waits for servers to end.
    if let Some(path) = &arguments.report
        && let Err(error) = report.write(path)
    {
        anstream::eprintln!("wsbench: {error}");
        return Exit::OwnFault;
    }
    exit
}

/// The files that are asked for, or those of the repository.
fn configs(arguments: &Run) -> Vec<PathBuf> {
    if !arguments.config.is_empty() {
        return arguments.config.clone();
    }
    let patterns = CONFIGS
        .into_iter()
        .filter_map(|it| glob::glob(it).ok());
    let found: Vec<_> = patterns.flatten().flatten().collect();
    if found.is_empty() {
        usage(&format!(
            "there is no {}; say --config",
            CONFIGS.join(" or ")
        ));
    }
    found
}

fn load(files: &[PathBuf]) -> Vec<Server> {
    let servers = files.iter().map(|file| {
        Server::load(file).unwrap_or_else(|error| usage(&error.to_string()))
    });
    servers.collect()
}

/// The variants that are asked for.
fn targets<'a>(
    servers: &'a [Server],
    arguments: &Run,
) -> Vec<(&'a Server, &'a str, &'a Variant)> {
    let all = servers.iter().flat_map(Server::variants);
    let fitting: Vec<_> = all
        .filter(|(server, name, _)| {
            let label = format!("{}/{name}", server.name);
            let (variants, filters) = (&arguments.variant, &arguments.filter);
            (variants.is_empty() || variants.iter().any(|it| it == name))
                && (filters.is_empty()
                    || filters
                        .iter()
                        .any(|it| label.contains(it.as_str())))
        })
        .collect();
    if fitting.is_empty() {
        usage("no server is what --variant and --filter ask for");
    }
    fitting
}

fn floors() -> Result<Vec<Participant>, NotMeasured> {
    let program = std::env::current_exe().map_err(NotMeasured::Program)?;
    servers::floors(&program)
}

/// Builds a server, judges it and starts it.
fn enter(
    server: &Server,
    name: &str,
    variant: &Variant,
    label: &str,
) -> Result<Participant, NotMeasured> {
    let launcher = servers::build(server, variant)?;
    servers::judge(server, name, variant, &launcher)?;
    let protocol = crate::frames::Protocol::WebSocket;
    Participant::start(label, launcher, protocol, variant)
}

fn exit_of(error: &NotMeasured) -> Exit {
    match error {
        // What the machine has not is nobody's fault.
        NotMeasured::Target(TargetError::Missing { .. })
        | NotMeasured::NotOurs => Exit::AsExpected,
        NotMeasured::Judged(_) | NotMeasured::NotReachable(_) => Exit::Wrong,
        NotMeasured::Program(_) => Exit::OwnFault,
        NotMeasured::Target(_) | NotMeasured::Address(_) => Exit::NotStarted,
    }
}

/// What decides results.
fn knobs(plan: &Plan, descriptors: u64) -> Vec<(String, String)> {
    let file = |path: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.trim().to_owned()
    };
    let cpus = std::thread::available_parallelism();
    let mut knobs = vec![
        ("wsbench", env!("CARGO_PKG_VERSION").to_owned()),
        ("kernel", file("/proc/sys/kernel/osrelease")),
        ("processors", cpus.map_or(0, usize::from).to_string()),
        ("somaxconn", file("/proc/sys/net/core/somaxconn")),
        ("descriptors", descriptors.to_string()),
        (
            "TCP_NODELAY",
            "generator and floors; a server as it does".into(),
        ),
        ("compression", "not offered".into()),
        ("generator", "one thread; all answers verified".into()),
        ("blocks", plan.blocks.to_string()),
        ("warm-up", format!("{:?}", plan.warm_up)),
        ("window", format!("{:?}", plan.window)),
        ("seed", plan.seed.to_string()),
    ];
    for (program, argument) in [("rustc", "--version"), ("go", "version")] {
        let mut command = std::process::Command::new(program);
        if let Ok(output) = command.arg(argument).output() {
            let version = String::from_utf8_lossy(&output.stdout);
            knobs.push((program, version.trim().to_owned()));
        }
    }
    for name in VARIABLES {
        let value = std::env::var(name);
        knobs.push((name, value.unwrap_or_else(|_| "not set".to_owned())));
    }
    let knobs = knobs.into_iter();
    knobs
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Measures all workloads and prints their tables.
fn measure(
    plan: &Plan,
    descriptors: u64,
    participants: &mut [Participant],
    report: &mut Report,
) -> Exit {
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let times = Times {
        warm_up: plan.warm_up,
        window: plan.window,
        blocks: plan.blocks,
    };
    let counts_calls = match SystemCalls::check() {
        Ok(()) => true,
        Err(error) => {
            skip(report, format!("system calls are not counted: {error}"));
            false
        }
    };
    let one = (times.warm_up + times.window) * turns(times.blocks);
    let several = one * turns(participants.len() * plan.workloads.len());
    anstream::eprintln!(
        "{} workloads, {} servers with floors: at most about {} s",
        plan.workloads.len(),
        participants.len(),
        several.as_secs() + 1
    );
    let mut exit = Exit::AsExpected;
    for workload in &plan.workloads {
        let needed = workload.connections() as u64 + OTHER_DESCRIPTORS;
        if needed > descriptors {
            skip(
                report,
                format!(
                    "{workload} is skipped: it needs {needed} descriptors, \
                     and the limit is {descriptors}; raise it with \
                     `ulimit -Hn {needed}` or LimitNOFILE"
                ),
            );
            continue;
        }
        let not_fitting: Vec<_> = participants
            .iter()
            .filter(|it| !blocks::fits(it, *workload))
            .map(|it| it.name.clone())
            .collect();
        for name in not_fitting {
            let line = format!("{workload} is too large for {name}");
            skip(report, line);
        }
        let each = match workload {
            Workload::Idle(_) => plan.idle_repeats,
            _ => plan.blocks,
        };
        let progress = progress((each * participants.len()) as u64);
        progress.set_message(workload.to_string());
        let tell = |name: &str, failed: Option<&str>| {
            progress.inc(1);
            match failed {
                None => progress.set_message(format!("{workload} {name}")),
                Some(why) => progress.suspend(|| {
                    anstream::eprintln!("{workload}: {name} failed: {why}");
                }),
            }
        };
        let text = match workload {
            Workload::Idle(connections) => {
                let repeats = plan.idle_repeats;
                let idle =
                    idle::measure(*connections, participants, repeats, tell);
                if idle.servers.iter().any(|it| it.failed.is_some()) {
                    exit = exit.max(Exit::Wrong);
                }
                let text = table::idle(&idle);
                report.idle.push(idle);
                text
            }
            Workload::Echo(_) | Workload::Handshakes => {
                let measured = blocks::measure(
                    *workload,
                    participants,
                    times,
                    counts_calls,
                    &mut random,
                    tell,
                );
                let text = table::measurement(&measured);
                warn_of_noise(&workload.to_string(), measured.noise);
                report.measurements.push(measured);
                text
            }
        };
        progress.finish_and_clear();
        anstream::println!("\n{text}");
    }
    let mut failed = participants
        .iter()
        .filter(|it| it.failed.is_some());
    let own = [FLOOR, FLOOR_AGAIN];
    match failed
        .clone()
        .any(|it| own.contains(&it.name.as_str()))
    {
        true => Exit::OwnFault,
        false if failed.next().is_some() => exit.max(Exit::Wrong),
        false => exit,
    }
}

/// Says so where the machine is too busy to tell small differences.
fn warn_of_noise(workload: &str, noise: Option<Interval>) {
    let is_wide = noise.is_some_and(|it| it.low < 0.95 || it.high > 1.05);
    if is_wide {
        anstream::eprintln!(
            "wsbench: {workload}: the floor against itself is not within 5 %; \
             more --blocks, or fewer other programs, would help"
        );
    }
}

fn skip(report: &mut Report, line: String) {
    anstream::eprintln!("{line}");
    report.skipped.push(line);
}

fn turns(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Shown on a terminal alone.
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
