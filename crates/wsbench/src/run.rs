//! `wsbench run`: builds servers, judges them, measures them, ends them.

use std::collections::HashSet;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wsspec::programs::Built;
use wsspec::target::{Server, TargetError, Variant};

use crate::arguments::{Plan, Run, usage};
use crate::blocks::{self, Times};
use crate::limits::Needs;
use crate::nodelay::Nodelay;
use crate::process::{
    SystemCalls, memory_of_machine, raise_descriptors, resident_is_from,
};
use crate::processors::Processors;
use crate::report::{Entrant, Measurement, Report, SCHEMA};
use crate::servers::{self, FLOOR, FLOOR_AGAIN, NotMeasured, Participant};
use crate::stats::Interval;
use crate::workload::{Echo, Workload};
use crate::{Exit, instructions, latency, memory, nodelay, table};

/// Where the servers of this repository say how they are built.
const CONFIGS: [&str; 4] = [
    "crates/echo-*/server.toml",
    "examples/go/*/server.toml",
    "tests/third_party/websockets/server.toml",
    "tests/third_party/ws/server.toml",
];

/// About how long it takes to open a connection, to send a message on it, and
/// to close it.
const CONNECTION: Duration = Duration::from_micros(250);

/// About how long it takes to start a process and to end it.
const PROCESS: Duration = Duration::from_millis(400);

/// About how long it takes to begin to count system calls, and to end.
const PERF: Duration = Duration::from_millis(150);

/// About how long it takes to count the instructions of a message.
const CALLGRIND: Duration = Duration::from_secs(15);

/// Variables that decide how many threads a server has.
const VARIABLES: [&str; 3] =
    ["TOKIO_WORKER_THREADS", "GOMAXPROCS", "MALLOC_ARENA_MAX"];

/// Why what needs a fresh process can't be measured.
const ALONE: &str = "this takes a process of its own, and only one can listen \
                     at its url; let it listen where the variable LISTEN \
                     says, without `url`";

pub(crate) fn run(arguments: &Run) -> Exit {
    let plan = arguments.plan();
    // Better now than when all has been measured.
    if let Some(path) = &arguments.report
        && let Err(error) = Report::can_be_written(path)
    {
        usage(&error.to_string());
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
    let processors = Processors::share(plan.processors);
    let mut participants = match floors(processors) {
        Ok(floors) => floors,
        Err(error) => {
            anstream::eprintln!("wsbench: the floors: {error}");
            return Exit::OwnFault;
        }
    };
    let mut entrants = Vec::new();
    let mut skipped = Vec::new();
    let sees_nodelay = nodelay::check();
    if let Err(error) = &sees_nodelay {
        skipped.push(format!("who sets TCP_NODELAY is not known: {error}"));
    }
    let programs = targets
        .iter()
        .map(|(server, _, it)| (*server, *it));
    let built = match servers::build_programs(programs) {
        Ok(built) => built,
        Err(error) => usage(&error.to_string()),
    };
    for (server, name, variant) in targets {
        let label = format!("{}/{name}", server.name);
        anstream::eprintln!("{label}: judging");
        let entered = enter(server, name, variant, &built, &label, processors);
        let not_measured = entered.as_ref().err().map(ToString::to_string);
        if let Some(why) = &not_measured {
            anstream::eprintln!("{label} is not measured: {why}");
        }
        let mut tcp_nodelay = None;
        match entered {
            Ok(participant) => {
                if sees_nodelay.is_ok() {
                    tcp_nodelay = nodelay_of(&participant, &mut skipped);
                }
                participants.push(participant);
            }
            Err(error) => exit = exit.max(exit_of(&error)),
        }
        entrants.push(Entrant {
            name: label,
            language: server.language.clone(),
            stack: server.stack.clone(),
            tcp_nodelay,
            not_measured,
        });
    }
    if participants.iter().all(Participant::is_floor) {
        anstream::eprintln!("wsbench: nobody is left to be measured");
        return match exit {
            Exit::AsExpected => Exit::NotStarted,
            exit => exit,
        };
    }
    let mut report = Report {
        schema: SCHEMA,
        knobs: knobs(
            &plan,
            descriptors,
            processors,
            arguments.command_line(&plan),
        ),
        servers: entrants,
        measurements: Vec::new(),
        memory: Vec::new(),
        latency: Vec::new(),
        skipped: Vec::new(),
    };
    for (name, value) in &report.knobs {
        anstream::println!("{name}: {value}");
    }
    for entrant in &report.servers {
        if let Some(nodelay) = entrant.tcp_nodelay {
            anstream::println!("TCP_NODELAY of {}: {nodelay}", entrant.name);
        }
    }
    for line in skipped {
        skip(&mut report, line);
    }
    let path = arguments.report.as_deref();
    let found = processors.of_generator(|| {
        measure(&plan, descriptors, &mut participants, &mut report, path)
    });
    exit = exit.max(found);
    // Before anybody waits for servers to end.
    if let Some(path) = path
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

/// Of the repository's own servers these are measured if nobody says which.
const DEFAULT_VARIANTS: [&str; 2] = ["echo", "production"];

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
            let is_wanted = match (&variants[..], &arguments.config[..]) {
                ([], []) => DEFAULT_VARIANTS.contains(name),
                ([], _) => true,
                (wanted, _) => wanted.iter().any(|it| it == name),
            };
            is_wanted
                && (filters.is_empty()
                    || filters
                        .iter()
                        .any(|it| label.contains(it.as_str())))
        })
        .collect();
    if fitting.is_empty() {
        usage("no server is what --variant and --filter ask for");
    }
    let (fitting, beside): (Vec<_>, Vec<_>) = fitting
        .into_iter()
        .partition(|(.., variant)| variant.is_plain());
    for (server, name, _) in &beside {
        anstream::eprintln!(
            "{}/{name} is left out: wsbench speaks neither TLS nor HTTP/2",
            server.name
        );
    }
    if fitting.is_empty() {
        usage("no server is left that speaks HTTP/1.1 without TLS");
    }
    let mut labels = HashSet::new();
    for (server, name, _) in &fitting {
        let label = format!("{}/{name}", server.name);
        if !labels.insert(label.clone()) {
            usage(&format!(
                "{label} is there twice; give one of them another `name`"
            ));
        }
    }
    if let Some((one, other, url)) = same_address(&fitting) {
        usage(&format!(
            "{one} and {other} both listen at {url}, and all servers of a run \
             are there at once; let them listen where the variable LISTEN \
             says, without `url`, or measure one at a time with --filter or \
             --variant"
        ));
    }
    fitting
}

/// Two servers that always listen at the same address, if there are any.
fn same_address(
    servers: &[(&Server, &str, &Variant)],
) -> Option<(String, String, String)> {
    let mut taken: Vec<(SocketAddr, String)> = Vec::new();
    for (server, name, variant) in servers {
        let is_ours = variant.cargo.is_some() || variant.run.is_some();
        let Some(url) = variant.url.as_ref().filter(|_| is_ours) else {
            continue;
        };
        let label = format!("{}/{name}", server.name);
        // Names of one address are one place. A name without an address is
        // told when the server is started.
        let addresses = url.authority().to_socket_addrs();
        let addresses: Vec<_> = addresses.into_iter().flatten().collect();
        let same = taken.iter().find(|it| addresses.contains(&it.0));
        if let Some((_, other)) = same {
            return Some((other.clone(), label, url.to_string()));
        }
        let its_own = addresses.into_iter();
        taken.extend(its_own.map(|address| (address, label.clone())));
    }
    None
}

fn floors(processors: Processors) -> Result<Vec<Participant>, NotMeasured> {
    let program = std::env::current_exe().map_err(NotMeasured::Program)?;
    servers::floors(&program, processors)
}

/// Where a server sets TCP_NODELAY; why that is not known is added to
/// `skipped`.
fn nodelay_of(
    participant: &Participant,
    skipped: &mut Vec<String>,
) -> Option<Nodelay> {
    let found = match participant.is_alone {
        true => Err(ALONE.to_owned()),
        false => nodelay::of(participant).map_err(|it| it.to_string()),
    };
    found
        .map_err(|why| {
            let name = &participant.name;
            skipped.push(format!(
                "whether {name} sets TCP_NODELAY is not known: {why}"
            ));
        })
        .ok()
}

/// Builds a server, judges it and starts it.
fn enter(
    server: &Server,
    name: &str,
    variant: &Variant,
    built: &Built,
    label: &str,
    processors: Processors,
) -> Result<Participant, NotMeasured> {
    let launcher = servers::build(server, variant, built)?;
    servers::judge(server, name, variant, &launcher)?;
    let protocol = crate::frames::Protocol::WebSocket;
    Participant::start(label, launcher, protocol, variant, processors)
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
fn knobs(
    plan: &Plan,
    descriptors: u64,
    processors: Processors,
    command_line: String,
) -> Vec<(String, String)> {
    let file = |path: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.trim().to_owned()
    };
    let cpus = std::thread::available_parallelism();
    let mib = memory_of_machine().map(|octets| octets >> 20);
    let somaxconn = file("/proc/sys/net/core/somaxconn");
    let Times {
        warm_up,
        window,
        blocks,
    } = plan.rounds;
    let mut knobs = vec![
        ("command line", command_line),
        ("wsbench", env!("CARGO_PKG_VERSION").to_owned()),
        ("kernel", file("/proc/sys/kernel/osrelease")),
        (
            "processors",
            format!("{}; {processors}", cpus.map_or(0, usize::from)),
        ),
        (
            "memory",
            mib.map_or_else(String::new, |mib| format!("{mib} MiB")),
        ),
        ("load at the start", file("/proc/loadavg")),
        ("descriptors", descriptors.to_string()),
        (
            "backlog",
            format!("as each program asks, {somaxconn} at most"),
        ),
        ("allocator", "each program's own default".into()),
        (
            "TCP_NODELAY",
            "generator and floors; a server as it does".into(),
        ),
        ("compression", "not offered".into()),
        ("generator", "one thread; all answers verified".into()),
        ("blocks", plan.times.blocks.to_string()),
        ("warm-up", format!("{:?}", plan.times.warm_up)),
        ("window", format!("{:?}", plan.times.window)),
        (
            "rounds of latency",
            format!("{blocks}, each {window:?} after {warm_up:?}"),
        ),
        ("processes for memory", plan.processes.to_string()),
        ("processor time", "the clock of each process".into()),
        ("resident memory", resident_is_from().into()),
        ("seed", plan.seed.to_string()),
    ];
    let programs: [(&str, &str, &[&str]); 3] = [
        ("commit", "git", &["rev-parse", "--short", "HEAD"]),
        ("rustc", "rustc", &["--version"]),
        ("go", "go", &["version"]),
    ];
    for (name, program, words) in programs {
        let output = Command::new(program).args(words).output();
        if let Ok(output) = output
            && output.status.success()
        {
            let told = String::from_utf8_lossy(&output.stdout);
            knobs.push((name, told.trim().to_owned()));
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

/// Measures all workloads and prints their tables. The report is written
/// whenever there is more: who interrupts has what was measured by then.
fn measure(
    plan: &Plan,
    descriptors: u64,
    participants: &mut [Participant],
    report: &mut Report,
    path: Option<&Path>,
) -> Exit {
    let mut random = fastrand::Rng::with_seed(u64::from(plan.seed));
    let counts_calls = match SystemCalls::check() {
        Ok(()) => true,
        Err(error) => {
            skip(report, format!("system calls are not counted: {error}"));
            false
        }
    };
    let mut counting = Counting::new(plan, participants, report);
    tell_estimate(plan, participants.len(), counting.servers.len());
    let mut exit = Exit::AsExpected;
    let mut measured = Vec::new();
    for asked in &plan.workloads {
        let Some(workload) = fitting(*asked, descriptors, report) else {
            continue;
        };
        // Two may have become one where descriptors are few.
        if measured.contains(&workload) {
            continue;
        }
        measured.push(workload);
        leave_out(plan, workload, participants, report);
        let each = turns_of(plan, workload);
        let turns = each * turns_of_all(workload, participants.len());
        let progress = progress(turns as u64);
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
            Workload::Idle(_) | Workload::Kept(_) => {
                let memory =
                    memory::measure(workload, participants, each, tell);
                if memory
                    .servers
                    .iter()
                    .any(|it| it.failed.is_some())
                {
                    exit = exit.max(Exit::Wrong);
                }
                let text = table::memory(&memory);
                report.memory.push(memory);
                text
            }
            Workload::Latency(paced) => {
                let measured = latency::measure(
                    paced,
                    participants,
                    plan.rounds,
                    &mut random,
                    tell,
                );
                let text = table::latency(&measured);
                report.latency.push(measured);
                text
            }
            Workload::Echo(_) | Workload::Handshakes => {
                let mut skipped = Vec::new();
                let mut measured = blocks::measure(
                    workload,
                    participants,
                    plan.times,
                    counts_calls,
                    &mut random,
                    &mut skipped,
                    tell,
                );
                for line in skipped {
                    progress.suspend(|| skip(report, line));
                }
                if let Workload::Echo(echo) = workload {
                    let name = |name: &str| {
                        let text = format!("{workload} {name}: instructions");
                        progress.set_message(text);
                    };
                    let lines = counting.count(
                        &echo,
                        participants,
                        &mut measured,
                        name,
                    );
                    for line in lines {
                        progress.suspend(|| skip(report, line));
                    }
                }
                let text = table::measurement(&measured);
                warn_of_noise(&workload.to_string(), measured.noise);
                report.measurements.push(measured);
                text
            }
        };
        progress.finish_and_clear();
        anstream::println!("\n{text}");
        if let Some(path) = path {
            // Whether that can't be done is told at the end.
            _ = report.write(path);
        }
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

/// Tells who has no turn in a workload, as it declares something else.
fn leave_out(
    plan: &Plan,
    workload: Workload,
    participants: &mut [Participant],
    report: &mut Report,
) {
    let times = match workload {
        Workload::Latency(_) => plan.rounds,
        _ => plan.times,
    };
    let needs = Needs::of(workload, times);
    let is_memory = matches!(workload, Workload::Idle(_) | Workload::Kept(_));
    for participant in participants {
        let declared = participant.declared();
        let excluded = needs.excluded_by(declared, participant.answered);
        let excluded = excluded.map(|it| it.to_string());
        let why = match participant.is_alone && is_memory {
            true => Some(ALONE.to_owned()),
            false => excluded,
        };
        participant.sits_out = why.is_some();
        match why {
            Some(why) => {
                let name = &participant.name;
                let line = format!("{workload} is left out for {name}: {why}");
                skip(report, line);
            }
            None => participant.answered += needs.handshakes(),
        }
    }
}

/// What of a workload can be measured with so many descriptors.
fn fitting(
    asked: Workload,
    descriptors: u64,
    report: &mut Report,
) -> Option<Workload> {
    let fitting = asked.within(descriptors);
    if fitting != Some(asked) {
        let instead = fitting.map_or_else(
            || "skipped".to_owned(),
            |fitting| format!("measured as {fitting}"),
        );
        let needed = asked.descriptors();
        skip(
            report,
            format!(
                "{asked} is {instead}: it needs {needed} descriptors, and the \
                 limit is {descriptors}; raise it as root, in limits.conf or \
                 with `prlimit --nofile={needed}`"
            ),
        );
    }
    fitting
}

/// How many turns each server has.
fn turns_of(plan: &Plan, workload: Workload) -> usize {
    match workload {
        // The mean of so many connections needs no second process.
        Workload::Idle(10_000..) => 1,
        Workload::Idle(_) | Workload::Kept(_) => plan.processes,
        Workload::Latency(_) => plan.rounds.blocks,
        Workload::Echo(_) | Workload::Handshakes => plan.times.blocks,
    }
}

/// How many turns there are when every server has one.
fn turns_of_all(workload: Workload, servers: usize) -> usize {
    match workload {
        Workload::Echo(_) | Workload::Handshakes => blocks::turns(servers),
        _ => servers,
    }
}

fn tell_estimate(plan: &Plan, servers: usize, counted: usize) {
    let all = plan.workloads.iter().map(|workload| {
        let counted = match workload {
            Workload::Echo(_) => CALLGRIND * turns(counted),
            _ => Duration::ZERO,
        };
        let servers = turns_of_all(*workload, servers);
        estimate(plan, *workload) * turns(servers) + counted
    });
    let seconds = all.sum::<Duration>().as_secs() + 1;
    let time = match seconds {
        ..=120 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    };
    anstream::eprintln!(
        "{} workloads, {servers} servers with floors: about {time}",
        plan.workloads.len(),
    );
}

/// About how long a workload takes for each server.
fn estimate(plan: &Plan, workload: Workload) -> Duration {
    let connections = CONNECTION * turns(workload.connections());
    let turn = match workload {
        Workload::Idle(_) | Workload::Kept(_) => PROCESS + connections,
        Workload::Latency(_) => {
            plan.rounds.warm_up + plan.rounds.window + connections
        }
        Workload::Echo(_) | Workload::Handshakes => {
            plan.times.warm_up + plan.times.window + connections
        }
    };
    let calls = match workload {
        Workload::Echo(_) => {
            PERF + plan.times.warm_up + plan.times.window + connections
        }
        _ => Duration::ZERO,
    };
    turn * turns(turns_of(plan, workload)) + calls
}

/// Counts instructions, where that is asked for and possible.
struct Counting {
    /// Whose are counted.
    servers: Vec<String>,
    /// What has been counted: a workload on more connections is the same.
    known: Vec<(String, Echo, f64)>,
}

impl Counting {
    fn new(
        plan: &Plan,
        participants: &[Participant],
        report: &mut Report,
    ) -> Self {
        let mut counting = Self {
            servers: Vec::new(),
            known: Vec::new(),
        };
        let is_echo = |it: &Workload| matches!(it, Workload::Echo(_));
        if !plan.instructions || !plan.workloads.iter().any(is_echo) {
            return counting;
        }
        if let Err(error) = instructions::check() {
            skip(report, format!("instructions are not counted: {error}"));
            return counting;
        }
        let (alone, participants): (Vec<_>, Vec<_>) =
            participants.iter().partition(|it| it.is_alone);
        for Participant { name, .. } in alone {
            let line =
                format!("instructions are not counted of {name}: {ALONE}");
            skip(report, line);
        }
        let (followed, others): (Vec<_>, Vec<_>) = participants
            .iter()
            .map(|it| it.name.clone())
            .partition(|name| {
                let mut servers = report.servers.iter();
                // Who is none of those is a floor.
                let server = servers.find(|it| it.name == *name);
                server.is_none_or(|it| instructions::follows(&it.language))
            });
        if !others.is_empty() {
            let line = format!(
                "instructions are not counted of {}: callgrind follows native \
                 programs only",
                others.join(", ")
            );
            skip(report, line);
        }
        counting.servers = followed;
        counting
    }

    /// Puts the instructions of a message where they belong, and tells what
    /// could not be counted.
    fn count(
        &mut self,
        echo: &Echo,
        participants: &[Participant],
        measured: &mut Measurement,
        tell: impl Fn(&str),
    ) -> Vec<String> {
        let counted = instructions::counted(echo);
        let mut lines = Vec::new();
        for server in &mut measured.servers {
            let name = &server.name;
            let mut all = participants.iter();
            let participant = all.find(|it| it.name == *name);
            let participant = participant.filter(|it| it.failed.is_none());
            let Some(participant) = participant else {
                continue;
            };
            if !self.servers.contains(name) {
                continue;
            }
            let mut known = self.known.iter();
            let same = known.find(|it| (&it.0, it.1) == (name, counted));
            if let Some((_, _, instructions)) = same {
                server.instructions = Some(*instructions);
                continue;
            }
            tell(name);
            match instructions::per_message(participant, &counted) {
                Ok(instructions) => {
                    self.known
                        .push((name.clone(), counted, instructions));
                    server.instructions = Some(instructions);
                }
                Err(error) => lines.push(format!(
                    "{}: instructions of {name} are not counted: {error}",
                    measured.workload
                )),
            }
        }
        lines
    }
}

/// Says so where the machine is too busy to tell small differences.
fn warn_of_noise(workload: &str, noise: Option<Interval>) {
    let ends = noise.and_then(|it| it.ends());
    let is_wide = ends.is_some_and(|(low, high)| low < 0.95 || high > 1.05);
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
