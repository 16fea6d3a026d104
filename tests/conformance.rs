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
use wsspec::{Judged, Over, cases, harness, known};

/// What stands in a table of its own: servers of a folder, in a variant.
struct Group {
    folder: &'static str,
    variant: &'static str,
    title: &'static str,
    /// Whether the README has its table, too.
    is_in_readme: bool,
}

const GROUPS: [Group; 5] = [
    Group {
        folder: support::OURS,
        variant: "echo",
        title: "The listings, with what their frameworks do by default",
        is_in_readme: true,
    },
    Group {
        folder: support::OURS,
        variant: "production",
        title: "The production variants",
        is_in_readme: true,
    },
    Group {
        folder: support::GO,
        variant: "echo",
        title: "The document's servers, in Go",
        is_in_readme: true,
    },
    Group {
        folder: support::OURS,
        variant: "secure",
        title: "The listings over TLS",
        is_in_readme: false,
    },
    Group {
        folder: support::OURS,
        variant: "http2",
        title: "WebSocket over HTTP/2",
        is_in_readme: false,
    },
];

/// The results of one variant of a server.
struct Results<'a> {
    label: String,
    server: &'a Server,
    variant: &'a Variant,
    judged: Vec<Judged>,
}

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
                columns.push(Results {
                    label,
                    server,
                    variant,
                    judged,
                });
            }
            Err(error) => {
                all_ran = false;
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
fn pages(columns: &[Results<'_>]) -> Vec<Trial> {
    let ways = ways_table(columns);
    let mut chapters = format!("How each can be reached:\n\n{ways}\n");
    let mut page = format!("## How each can be reached\n\n{ways}\n");
    for Group {
        folder,
        variant,
        title,
        is_in_readme,
    } in GROUPS
    {
        let ours: Vec<_> = columns
            .iter()
            .filter(|it| {
                support::is_in(folder, it.server)
                    && it.label == format!("{}/{variant}", it.server.name)
            })
            .collect();
        let as_columns: Vec<report::Column<'_>> = ours
            .iter()
            .map(|it| (it.server.name.as_str(), it.judged.as_slice()))
            .collect();
        if is_in_readme {
            let table = report::chapters_table(&as_columns);
            chapters += &format!("{title}:\n\n{table}\n");
        }
        let sections = report::sections_table(&as_columns);
        let broken = report::broken_table(&as_columns);
        page += &format!("## {title}\n\n{sections}\n{broken}\n");
        for Results { server, judged, .. } in ours {
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

/// Servers as rows, and as columns the ways in which a WebSocket can be opened
/// and compressed.
fn ways_table(columns: &[Results<'_>]) -> String {
    let is_deflate = |it: &&Judged| it.case.id.starts_with("7692/");
    let mut servers: Vec<_> = columns.iter().map(|it| it.server).collect();
    servers.dedup_by_key(|server| &server.name);
    let mut table = "|  | HTTP/1.1 | wss | HTTP/2 | permessage-deflate |\n\
         |---|--:|--:|--:|--:|\n"
        .to_owned();
    for server in servers {
        let of_server = || {
            let all = columns.iter();
            all.filter(move |it| it.server.name == server.name)
        };
        let frames = |found: Option<&Results<'_>>| {
            let judged = found.iter().flat_map(|it| &it.judged);
            report::held(judged.filter(|it| !is_deflate(it)))
        };
        let plain = of_server().find(|it| it.label.ends_with("/echo"));
        let secure = of_server().find(|it| {
            it.variant.over == Over::Http1 && !it.variant.is_plain()
        });
        let http2 = of_server().find(|it| it.variant.over == Over::Http2);
        let mut deflate = of_server()
            .filter(|it| it.variant.is_plain())
            .map(|it| report::held(it.judged.iter().filter(is_deflate)));
        let deflate = deflate.rfind(|cell| cell != "–");
        table += &format!(
            "| {} | {} | {} | {} | {} |\n",
            server.name,
            frames(plain),
            frames(secure),
            frames(http2),
            deflate.unwrap_or_else(|| "–".to_owned()),
        );
    }
    table
}
