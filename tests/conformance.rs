//! Server × variant × case: builds every server that has a `server.toml`,
//! starts it, and judges it with the runner that `wsspec` uses.
//!
//! A server is one test, such as `axum/echo`. What it breaks and its
//! `server.toml` does not know is a test of its own that fails, such as
//! `axum/echo::6455/5.5.2/ping-is-answered/empty`. A filter on these names
//! narrows what is built.
//!
//! - `FULL=1` judges all servers in all variants; without it and without a
//!   filter these are the listings and what one would deploy.
//! - `CONFORMANCE_ALL=1` makes a server fail that the machine can't run;
//!   otherwise it is skipped with a line that says what to install.
//! - `BLESS=1 FULL=1` writes the generated tables instead of comparing them.

#[path = "support/generated.rs"]
mod generated;
mod support;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};
use wsspec::case::Case;
use wsspec::programs::Built;
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

const GROUPS: [Group; 7] = [
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
    Group {
        folder: support::THIRD_PARTY,
        variant: "echo",
        title: "Servers that others wrote",
        is_in_readme: false,
    },
    Group {
        folder: support::THIRD_PARTY,
        variant: "http2",
        title: "Servers that others wrote, over HTTP/2",
        is_in_readme: false,
    },
];

/// A variant of a server that is to be judged.
struct Job<'a> {
    label: String,
    server: &'a Server,
    name: &'a str,
    variant: &'a Variant,
    selected: Vec<&'static Case>,
}

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
    let mut jobs = Vec::new();
    let mut left_out = Vec::new();
    for (server, name, variant) in servers.iter().flat_map(Server::variants) {
        let label = format!("{}/{name}", server.name);
        let selected = harness::selected(&arguments, &label);
        let is_selected = !selected.is_empty();
        if arguments.list {
            trials.push(Trial::test(label, || Ok(())));
        } else if is_selected
            && (arguments.filter.is_some() || support::is_in_tier(server, name))
        {
            all_ran &= selected.len() == cases::all().count();
            jobs.push(Job {
                label,
                server,
                name,
                variant,
                selected,
            });
        } else {
            all_ran = false;
            left_out.extend(is_selected.then_some(label));
        }
    }
    if !left_out.is_empty() {
        eprintln!("left out, FULL=1 judges them: {}", left_out.join(", "));
    }
    let built = support::build(&servers, |server, name| {
        let mut jobs = jobs.iter();
        jobs.any(|it| it.server.name == server.name && it.name == name)
    });
    let built = match built {
        Ok(built) => built,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for (job, judged) in side_by_side(&jobs, |job| judge(job, &built)) {
        let Job {
            label,
            server,
            variant,
            ..
        } = job;
        match judged {
            Ok(judged) => {
                let alone = !harness::fits(&arguments, label);
                let problems = known::problems(&server.known(job.name));
                trials.extend(harness::trials(
                    label, &judged, problems, alone, true,
                ));
                columns.push(Results {
                    label: label.clone(),
                    server,
                    variant,
                    judged,
                });
            }
            Err(error) => {
                all_ran = false;
                trials.push(not_judged(label.clone(), &error));
            }
        }
    }
    if all_ran && !arguments.list {
        trials.extend(pages(&columns));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs what is to be done, as many at a time as there are processors: most
/// of the time a judge waits. The results come in the order of the jobs.
fn side_by_side<J: Sync, R: Send>(
    jobs: &[J],
    run: impl Fn(&J) -> R + Sync,
) -> impl Iterator<Item = (&J, R)> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> =
        jobs.iter().map(|_| Mutex::default()).collect();
    let lanes = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some((n, job)) = {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(n).map(|job| (n, job))
                } {
                    let result = run(job);
                    *results[n].lock().expect("no panic") = Some(result);
                }
            });
        }
    });
    jobs.iter().zip(results.into_iter().map(|result| {
        let result = result.into_inner().expect("no panic");
        result.expect("every job has run")
    }))
}

/// Starts the server, runs the cases, and ends it.
fn judge(job: &Job<'_>, built: &Built) -> Result<Vec<Judged>, TargetError> {
    let Job {
        label,
        server,
        name,
        variant,
        selected,
    } = job;
    let run = server.build_with(variant, built)?;
    let endpoint = server.endpoint_of(variant, &run, PATIENCE)?;
    eprintln!(
        "judging {label} at {}: {} cases",
        endpoint.url,
        selected.len()
    );
    let begun = Instant::now();
    let judged = harness::judge(endpoint, selected, &server.known(name));
    let judged = judged.unwrap_or_else(|error| panic!("{label}: {error}"));
    eprintln!("judged {label} in {:.1?}", begun.elapsed());
    Ok(judged)
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
    let is_theirs =
        |it: &&Results<'_>| support::is_in(support::THIRD_PARTY, it.server);
    let (theirs, ours): (Vec<_>, Vec<_>) = columns.iter().partition(is_theirs);
    let ways = ways_table(&ours);
    let mut chapters = format!("How each can be reached:\n\n{ways}\n");
    let mut page = format!("## How each can be reached\n\n{ways}\n");
    // One is ours and only there to die; it is in no table.
    let (theirs, _): (Vec<_>, Vec<_>) = theirs
        .iter()
        .partition(|it| !it.label.ends_with("/dies"));
    let ways = ways_table(&theirs);
    let mut third_party = format!("## How each can be reached\n\n{ways}\n");
    for Group {
        folder,
        variant,
        title,
        is_in_readme,
    } in GROUPS
    {
        let page = match folder {
            support::THIRD_PARTY => &mut third_party,
            _ => &mut page,
        };
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
        *page += &format!("## {title}\n\n{sections}\n{broken}\n");
        for Results { server, judged, .. } in ours {
            let list = report::broken_list(judged);
            let (name, stack) = (&server.name, &server.stack);
            *page += &format!("### {name}, {variant}\n\n{stack}\n\n{list}\n");
        }
    }
    let pages = [
        ("README.md", chapters),
        ("docs/src/conformance.md", page),
        ("docs/src/third-party.md", third_party),
    ];
    pages
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
fn ways_table(columns: &[&Results<'_>]) -> String {
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
        let frames = |found: Option<&&Results<'_>>| {
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
