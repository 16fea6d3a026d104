//! `wsspec baseline update`: brings the known violations of a `server.toml` up
//! to date.

use std::path::Path;

use wsspec::baseline::{self, Outcomes, Updated};
use wsspec::runner::{JOBS, Runner};

use crate::arguments::Update;
use crate::judge::must_be_near;
use crate::run::{load, targets};
use crate::{Exit, reach, selected};

pub(crate) async fn update(arguments: &Update) -> Exit {
    let file = &arguments.file;
    let cases = selected(&arguments.select.selection());
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return failed(file, &error),
    };
    let servers = load(std::slice::from_ref(file));
    let mut outcomes = Outcomes::new();
    for (server, name, variant) in targets(&servers, &arguments.variant) {
        anstream::eprintln!("{}/{name}", server.name);
        let patience = arguments.patience.duration();
        let endpoint = match server.endpoint(variant, patience) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                anstream::eprintln!("wsspec: {error}");
                return Exit::NotReachable;
            }
        };
        must_be_near(&endpoint.url, arguments.allow_public);
        let hosts = endpoint.hosts();
        let runner = Runner::new(endpoint, JOBS);
        if let Err(exit) = reach(&runner).await {
            return exit;
        }
        let judged = runner.run(cases.iter().copied(), |_| {}).await;
        let told = runner.take_told();
        let ended = hosts.iter().find_map(|host| host.has_ended());
        for host in &hosts {
            host.end();
        }
        // Of a server that is gone nothing is known.
        if ended.is_some() || !told.is_empty() {
            if let Some(ended) = ended {
                anstream::eprintln!("wsspec: {ended}");
            }
            for line in told {
                anstream::eprintln!("wsspec: {line}");
            }
            anstream::eprintln!(
                "wsspec: {} stays as it is; `wsspec run` shows more",
                file.display()
            );
            return Exit::Violations;
        }
        let of_variant = judged.iter().map(|it| (it.case.id, it.outcome));
        outcomes.insert(name.to_owned(), of_variant.collect());
    }
    let Some(server) = servers.first() else {
        return Exit::OwnFault;
    };
    let updated = baseline::update(&text, server, &outcomes, arguments.strict);
    let Updated {
        text: updated,
        told,
    } = match updated {
        Ok(updated) => updated,
        Err(error) => return failed(file, &error),
    };
    for line in told {
        anstream::println!("{line}");
    }
    if updated == text {
        anstream::println!("{} is up to date", file.display());
        return Exit::AsExpected;
    }
    match std::fs::read_to_string(file) {
        Ok(now) if now == text => {}
        _ => return failed(file, &"it has changed meanwhile; update again"),
    }
    match replace(file, &updated) {
        Ok(()) => {
            let file = file.display();
            match updated.contains("why = \"\"") {
                true => anstream::println!(
                    "{file} is written; say why, where it says why = \"\""
                ),
                false => anstream::println!("{file} is written"),
            }
            Exit::AsExpected
        }
        Err(error) => failed(file, &error),
    }
}

/// Whoever is killed in the middle leaves the old file or the new one.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // Where it is a link, what it leads to.
    let file = &file.canonicalize()?;
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, file)
}

fn failed(file: &Path, error: &dyn std::fmt::Display) -> Exit {
    anstream::eprintln!("wsspec: {}: {error}", file.display());
    Exit::OwnFault
}
