//! `wsspec run`: starts servers, judges them, and ends them.

use std::sync::Arc;

use wsspec::target::{Server, TargetError, Variant};
use wsspec::{Declared, Endpoint, Host, Launcher};

use crate::Exit;
use crate::arguments::{Options, Run, usage};
use crate::judge::{self, cases, judge_endpoint};

pub(crate) async fn run(arguments: &Run) -> Exit {
    // Before anything is built.
    cases(&arguments.options);
    if let Some(command) = &arguments.exec {
        let launcher = Launcher::shell(command);
        let launcher = match &arguments.url {
            Some(url) => launcher.at(url.clone()),
            None => launcher,
        };
        let started = Host::start(launcher);
        let declared = Declared::default();
        return judge_started(command, started, declared, &[], arguments).await;
    }
    let mut servers = Vec::new();
    for file in &arguments.config {
        match Server::load(file) {
            Ok(server) => servers.push(server),
            Err(error) => return not_started(&error),
        }
    }
    let targets = targets(&servers, &arguments.variant);
    if targets.len() > 1 && arguments.options.output.is_some() {
        usage("--output is for one server; choose one with --variant");
    }
    let mut worst = Exit::AsExpected;
    for (server, name, variant) in targets {
        let label = format!("{}/{name}", server.name);
        anstream::eprintln!("{label}");
        let started = server
            .build(variant)
            .and_then(|run| Host::start(server.launcher(&run)));
        let known = server.known(name);
        let declared = variant.declared();
        let exit =
            judge_started(&label, started, declared, &known, arguments).await;
        worst = worst.max(exit);
    }
    worst
}

/// Every variant of every server, or those that are asked for.
fn targets<'a>(
    servers: &'a [Server],
    wanted: &[String],
) -> Vec<(&'a Server, &'a str, &'a Variant)> {
    let all: Vec<_> = servers
        .iter()
        .flat_map(Server::variants)
        .collect();
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
    started: Result<Host, TargetError>,
    declared: Declared,
    known: &[&wsspec::KnownViolation],
    arguments: &Run,
) -> Exit {
    let options: &Options = &arguments.options;
    let host = match started {
        Ok(host) => Arc::new(host),
        Err(error) => return not_started(&error),
    };
    let patience = options.patience.duration();
    let mut endpoint = Endpoint::new(host.url().clone(), patience);
    endpoint.declared = declared;
    endpoint.host = Some(Arc::clone(&host));
    let exit = judge_endpoint(
        endpoint,
        known,
        options,
        judge::Server::Ends(label.to_owned()),
    )
    .await;
    host.end();
    exit
}

fn not_started(error: &TargetError) -> Exit {
    anstream::eprintln!("wsspec: {error}");
    Exit::NotReachable
}
