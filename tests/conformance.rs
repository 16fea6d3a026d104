//! Server × variant × case: builds every server that has a `server.toml`,
//! starts it, and judges it with the runner that `wsspec` uses.
//!
//! A server is one test, such as `axum/echo`. What it breaks and its
//! `server.toml` does not know is a test of its own that fails, such as
//! `axum/echo::6455/5.5.2/ping-is-answered/empty`. A filter on these names
//! narrows what is built.
//!
//! - `CONFORMANCE_ALL=1` makes a server fail that the machine can't run;
//!   otherwise it is skipped with a line that says what to install.
//! - `BLESS=1` writes the generated tables instead of comparing them.

#[path = "support/generated.rs"]
mod generated;
mod support;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use wsspec::case::Case;
use wsspec::report;
use wsspec::runner::PATIENCE;
use wsspec::target::{Server, TargetError, Variant};
use wsspec::{Judged, cases, harness, known};

/// What stands in a table of its own: servers of a folder, in a variant.
struct Group {
    folder: &'static str,
    variant: &'static str,
    title: &'static str,
}

const GROUPS: [Group; 3] = [
    Group {
        folder: support::OURS,
        variant: "echo",
        title: "The listings, with what their frameworks do by default",
    },
    Group {
        folder: support::OURS,
        variant: "production",
        title: "The production variants",
    },
    Group {
        folder: support::GO,
        variant: "echo",
        title: "The document's servers, in Go",
    },
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let servers = match support::servers() {
        Ok(servers) => servers,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    let mut columns = Vec::new();
    let mut all_ran = true;
    for (server, name, variant) in servers.iter().flat_map(Server::variants) {
        let label = format!("{}/{name}", server.name);
        let selected = harness::selected(&arguments, &label);
        if arguments.list {
            trials.push(Trial::test(label, || Ok(())));
            continue;
        }
        if selected.is_empty() {
            all_ran = false;
            continue;
        }
        match judge(server, name, variant, &label, &selected) {
            Ok(judged) => {
                let alone = !harness::fits(&arguments, &label);
                let problems = known::problems(&server.known(name));
                trials.extend(harness::trials(
                    &label, &judged, problems, alone, true,
                ));
                all_ran &= selected.len() == cases::all().count();
                columns.push((label, server, judged));
            }
            Err(error) => {
                let mut groups = GROUPS.iter();
                all_ran &= !groups.any(|it| support::is_in(it.folder, server));
                trials.push(not_judged(label, &error));
            }
        }
    }
    if all_ran && !arguments.list {
        trials.extend(pages(&columns));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Builds the server, starts it, runs the cases, and ends it.
fn judge(
    server: &Server,
    name: &str,
    variant: &Variant,
    label: &str,
    selected: &[&'static Case],
) -> Result<Vec<Judged>, TargetError> {
    eprintln!("building {label}");
    let endpoint = server.endpoint(variant, PATIENCE)?;
    eprintln!(
        "judging {label} at {}: {} cases",
        endpoint.url,
        selected.len()
    );
    let judged = harness::judge(endpoint, selected, &server.known(name));
    Ok(judged.unwrap_or_else(|error| panic!("{label}: {error}")))
}

/// A server that the machine can't run is skipped, unless all are demanded.
fn not_judged(label: String, error: &TargetError) -> Trial {
    let demanded = std::env::var_os("CONFORMANCE_ALL").is_some();
    let text = error.to_string();
    if matches!(error, TargetError::Missing { .. }) && !demanded {
        eprintln!("skipping {label}: {text}");
        return Trial::test(label, || Ok(())).with_ignored_flag(true);
    }
    Trial::test(label, move || Err(Failed::from(text)))
}

/// The generated parts of README and book: compared, or written with `BLESS`.
fn pages(columns: &[(String, &Server, Vec<Judged>)]) -> Vec<Trial> {
    let (mut chapters, mut page) = (String::new(), String::new());
    for Group {
        folder,
        variant,
        title,
    } in GROUPS
    {
        let ours: Vec<_> = columns
            .iter()
            .filter(|(label, server, _)| {
                support::is_in(folder, server)
                    && *label == format!("{}/{variant}", server.name)
            })
            .collect();
        let as_columns: Vec<report::Column<'_>> = ours
            .iter()
            .map(|(_, server, judged)| {
                (server.name.as_str(), judged.as_slice())
            })
            .collect();
        let table = report::chapters_table(&as_columns);
        chapters += &format!("{title}:\n\n{table}\n");
        let sections = report::sections_table(&as_columns);
        let broken = report::broken_table(&as_columns);
        page += &format!("## {title}\n\n{sections}\n{broken}\n");
        for (_, server, judged) in &ours {
            let list = report::broken_list(judged);
            let (name, stack) = (&server.name, &server.stack);
            page += &format!("### {name}, {variant}\n\n{stack}\n\n{list}\n");
        }
    }
    [("README.md", chapters), ("docs/src/conformance.md", page)]
        .into_iter()
        .map(|(file, text)| {
            let name = format!("the results in {file} are current");
            Trial::test(name, move || {
                generated::is_current(file, "conformance", &text)
                    .map_err(Failed::from)
            })
        })
        .collect()
}
