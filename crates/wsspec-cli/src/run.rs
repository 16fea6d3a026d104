//! `wsspec run`: starts servers, judges them, and ends them.

use wsspec::target::{Server, TargetError, Variant};
use wsspec::{Endpoint, Host, KnownViolation, Launcher};

use crate::Exit;
use crate::arguments::{Options, Run, usage};
use crate::judge::{Finished, cases, judge_endpoint, must_be_near};
use crate::output::Output;

pub(crate) async fn run(arguments: &Run) -> Exit {
    let options = &arguments.options;
    // Before anything is built.
    cases(options);
    let patience = options.patience.duration();
    let mut output = Output::new(options);
    if let Some(command) = &arguments.exec {
        let launcher = Launcher::shell(command).at(arguments.url.clone());
        let host = Host::start(launcher);
        let endpoint = host.map(|host| {
            let mut endpoint = Endpoint::of(host, patience);
            arguments.declare.apply(&mut endpoint);
            endpoint
        });
        match judge_started(command, endpoint, &[], options).await {
            Ok(finished) => output.add(finished),
            Err(exit) => output.add_failure(exit),
        }
        return output.finish();
    }
    let servers = load(&arguments.config);
    let targets = targets(&servers, &arguments.variant);
    for (.., variant) in &targets {
        // Before any result could be lost.
        if let Some(url) = &variant.url {
            must_be_near(url, options.allow_public);
        }
    }
    for (server, name, variant) in targets {
        let label = format!("{}/{name}", server.name);
        anstream::eprintln!("{label}");
        let known = server.known(name);
        let endpoint = server.endpoint(variant, patience);
        match judge_started(&label, endpoint, &known, options).await {
            Ok(finished) => output.add(finished),
            Err(exit) => output.add_failure(exit),
        }
    }
    output.finish()
}

/// Reads several `server.toml`, or ends the process with 2.
pub(crate) fn load(files: &[std::path::PathBuf]) -> Vec<Server> {
    let servers = files.iter().map(|file| {
        let server = Server::load(file)
            .unwrap_or_else(|error| usage(&error.to_string()));
        let known = server.known_violation.iter();
        let unexplained = known
            .filter(|it| it.why.trim().is_empty())
            .count();
        if unexplained > 0 {
            anstream::eprintln!(
                "wsspec: {}: nobody says why for {unexplained} of the known \
                 violations",
                file.display()
            );
        }
        server
    });
    servers.collect()
}

/// Every variant of every server, or those that are asked for.
pub(crate) fn targets<'a>(
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

/// Judges a server that has been started, and ends it.
pub(crate) async fn judge_started(
    label: &str,
    endpoint: Result<Endpoint, TargetError>,
    known: &[&KnownViolation],
    options: &Options,
) -> Result<Finished, Exit> {
    let endpoint = endpoint.map_err(|error| not_started(&error))?;
    let problems = wsspec::known::problems(known);
    if !problems.is_empty() {
        anstream::eprint!("wsspec: {label}: {problems}");
    }
    let hosts = endpoint.hosts();
    let url = endpoint.url.clone();
    let mut finished = judge_endpoint(endpoint, known, options, label).await;
    for host in &hosts {
        host.end();
    }
    if let (true, Ok(finished)) = (hosts.is_empty(), &mut finished) {
        finished.stays_at = Some(url);
    }
    finished
}

fn not_started(error: &TargetError) -> Exit {
    anstream::eprintln!("wsspec: {error}");
    Exit::NotReachable
}
