//! `wsspec run`: starts servers, judges them, and ends them.

use std::process::Command;

use wsspec::Endpoint;
use wsspec::target::{Running, Server, TargetError, Variant};

use crate::Exit;
use crate::arguments::{Options, Run, usage};
use crate::judge::{self, cases, judge_endpoint};

pub(crate) async fn run(arguments: &Run) -> Exit {
    // Before anything is built.
    cases(&arguments.options);
    if let Some(command) = &arguments.exec {
        let started = start(command, arguments);
        let variant = Variant::default();
        return judge_started(command, started, &variant, &[], arguments).await;
    }
    let mut servers = Vec::new();
    for file in &arguments.config {
        match Server::load(file) {
            Ok(server) => servers.push(server),
            Err(error) => return not_started(&error),
        }
    }
    let targets = targets(&servers, arguments);
    if targets.len() > 1 && arguments.options.output.is_some() {
        usage("--output is for one server; choose one with --variant");
    }
    let mut worst = Exit::AsExpected;
    for (server, name, variant) in targets {
        let label = format!("{}/{name}", server.name);
        anstream::eprintln!("{label}");
        let started = server
            .build(variant)
            .and_then(|run| server.start(&run));
        let known = server.known(name);
        let exit =
            judge_started(&label, started, variant, &known, arguments).await;
        worst = worst.max(exit);
    }
    worst
}

type Target<'a> = (&'a Server, &'a str, &'a Variant);

/// Every variant of every server, or those that are asked for.
fn targets<'a>(servers: &'a [Server], arguments: &Run) -> Vec<Target<'a>> {
    let all = servers.iter().flat_map(|server| {
        let variants = server.variant.iter();
        variants.map(move |(name, variant)| (server, name.as_str(), variant))
    });
    let all: Vec<_> = all.collect();
    let wanted = &arguments.variant;
    for name in wanted {
        if !all.iter().any(|(_, has, _)| has == name) {
            let names: Vec<_> = all.iter().map(|(_, name, _)| *name).collect();
            usage(&format!(
                "there is no variant {name:?}, only {}",
                names.join(", ")
            ));
        }
    }
    all.into_iter()
        .filter(|(_, name, _)| {
            wanted.is_empty() || wanted.iter().any(|it| it == name)
        })
        .collect()
}

async fn judge_started(
    label: &str,
    started: Result<Running, TargetError>,
    variant: &Variant,
    known: &[&wsspec::KnownViolation],
    arguments: &Run,
) -> Exit {
    let options: &Options = &arguments.options;
    let mut running = match started {
        Ok(running) => running,
        Err(error) => return not_started(&error),
    };
    let patience = options.patience.duration();
    let mut endpoint = Endpoint::new(running.url.clone(), patience);
    endpoint.declared = variant.declared();
    let exit = judge_endpoint(
        endpoint,
        known,
        options,
        judge::Server::Ends(label.to_owned()),
    )
    .await;
    running.end();
    exit
}

fn start(command: &str, arguments: &Run) -> Result<Running, TargetError> {
    let words = [command.to_owned()];
    let mut shell = if cfg!(windows) {
        let mut shell = Command::new("cmd");
        shell.arg("/C");
        shell
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c");
        shell
    };
    shell
        .arg(command)
        .stdin(std::process::Stdio::null());
    match &arguments.url {
        Some(url) => Running::start_at(&mut shell, &words, url),
        None => Running::start(shell.env("LISTEN", "127.0.0.1:0"), &words),
    }
}

fn not_started(error: &TargetError) -> Exit {
    anstream::eprintln!("wsspec: {error}");
    Exit::NotReachable
}
