//! The laws of the house, as tests: who may depend on whom, what a listing
//! looks like, what a `server.toml` must say.

#[path = "support/generated.rs"]
mod generated;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use wsspec::programs::Workspace;

/// Our own crates that judge, measure, hold no I/O or show the others.
const JUDGES: &[&str] = &[
    "rfc6455",
    "rfc7692",
    "rfc9113",
    "wsspec",
    "wsspec-cli",
    "wsspec-reference",
    "wsbench",
    "endpoint",
    "book",
];

/// What each of our crates may use of the others.
const EDGES: &[(&str, &[&str])] = &[
    ("align", &[]),
    ("book", &[]),
    ("endpoint", &[]),
    ("rfc6455", &[]),
    ("rfc7692", &["rfc6455"]),
    ("rfc9113", &[]),
    ("wsspec", &["rfc6455", "rfc7692", "rfc9113"]),
    ("wsspec-cli", &["wsspec"]),
    ("wsspec-reference", &["rfc6455", "rfc7692", "rfc9113"]),
    ("wsbench", &["rfc6455", "wsspec"]),
    ("websocket-boundary", &[]),
];

/// Frameworks, and libraries that parse WebSocket or HTTP/1: a judge must not
/// share code with the judged.
const JUDGED: &[&str] = &[
    "actix-http",
    "actix-web",
    "actix-ws",
    "axum",
    "axum-core",
    "poem",
    "salvo",
    "salvo_core",
    "salvo_extra",
    "warp",
    "hyper",
    "hyper-util",
    "headers",
    "httparse",
    "http-body-util",
    "tungstenite",
    "tokio-tungstenite",
    "fastwebsockets",
    "tokio-websockets",
    "soketto",
    "yawc",
    "sockudo-ws",
    "websocket",
    "ws",
    "ratchet_rs",
    "embedded-websocket",
];

/// Licences that a user of MIT OR Apache-2.0 can live with.
const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "ISC",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Zlib",
    "0BSD",
    "BSL-1.0",
    "Unicode-3.0",
    "Unlicense",
    "CC0-1.0",
];

/// The functions of a listing, in their order.
const FUNCTIONS: &[&str] =
    &["main", "serve", "handshake", "echo", "status_code"];

/// What the listing over TLS has behind them: where the certificate is from.
const TLS: &str = "tls";

/// The functions that every production variant has, in their order. A
/// framework may need others between them.
const PRODUCTION_FUNCTIONS: &[&str] = &[
    "main",
    "serve",
    "check_rate",
    "check_origin",
    "check_credential",
    "check_opening",
    "handshake",
    "fields",
    "connection",
    "echo",
    "close",
    "cause",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(root())
        .other_options(["--locked".to_owned()])
        .exec()
        .expect("cargo describes the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files under a folder with this ending, without what is generated.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            let generated = ["target", "node_modules", ".venv", "book", ".git"];
            if path.is_dir() && !generated.contains(&&*name) {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn listings() -> BTreeMap<String, String> {
    let listings: BTreeMap<_, _> = files("crates", "main.rs")
        .into_iter()
        .filter_map(|path| {
            let folder = path.strip_prefix(root().join("crates")).ok()?;
            let folder = folder.iter().next()?.to_str()?.to_owned();
            let text = read(&path);
            folder
                .starts_with("echo-")
                .then_some((folder, text))
        })
        .collect();
    assert!(listings.len() >= 6, "the six listings are found");
    listings
}

/// The examples of one kind, by the folder that they are in. Not every folder
/// has every one.
fn examples(kind: &str) -> BTreeMap<String, String> {
    listings()
        .into_keys()
        .filter_map(|folder| {
            let name = folder.replace("echo-", kind);
            let path = format!("crates/{folder}/examples/{name}.rs");
            let text = root().join(&path).exists().then(|| read(path))?;
            Some((folder, text))
        })
        .collect()
}

/// The names of the functions of a program, in their order.
fn functions(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            let line = line.strip_prefix("async ").unwrap_or(line);
            line.strip_prefix("fn ")?.split(['(', '<']).next()
        })
        .collect()
}

/// The text of one function, without what stands above it.
fn function<'a>(text: &'a str, name: &str) -> &'a str {
    let starts = [format!("fn {name}("), format!("async fn {name}(")];
    let starts = starts.iter().filter_map(|it| text.find(it));
    let text = &text[starts.min().expect("a function")..];
    &text[..text.find("\n}\n").expect("its end")]
}

#[test]
fn our_crates_use_each_other_only_as_the_design_says() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let allowed = EDGES.iter().find(|(it, _)| *it == name);
        let allowed = match allowed {
            Some((_, allowed)) => *allowed,
            None => {
                assert!(
                    name.starts_with("echo-"),
                    "{name} is new: say in EDGES what it may use"
                );
                &[]
            }
        };
        for used in dependencies(package) {
            assert!(
                !ours.contains(used) || allowed.contains(&used),
                "{name} uses {used}, which the design does not allow"
            );
        }
        if name.starts_with("echo-") {
            for used in package.dependencies.iter().map(|it| &*it.name) {
                assert!(
                    !ours.contains(used) || used == "endpoint",
                    "{name} uses {used}; its example may use endpoint alone"
                );
            }
        }
    }
}

/// Normal and build dependencies.
fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    package
        .dependencies
        .iter()
        .filter(|it| it.kind != DependencyKind::Development)
        .map(|it| it.name.as_str())
}

#[test]
fn no_judge_shares_code_with_the_judged() {
    let metadata = metadata();
    for judge in JUDGES {
        for package in beneath(&metadata, judge) {
            let name = package.name.as_str();
            assert!(
                !JUDGED.contains(&name),
                "{judge} depends on {name}, a library that it judges"
            );
        }
    }
}

/// A package of the workspace and all that its normal and build dependencies
/// bring.
fn beneath<'a>(metadata: &'a Metadata, name: &str) -> Vec<&'a Package> {
    let resolve = metadata
        .resolve
        .as_ref()
        .expect("a resolved graph");
    let nodes: BTreeMap<_, _> = resolve
        .nodes
        .iter()
        .map(|node| (&node.id, node))
        .collect();
    let package = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name == name)
        .unwrap_or_else(|| panic!("{name} is a package of ours"));
    let mut pending = vec![&package.id];
    let mut seen = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if !seen.insert(id) {
            continue;
        }
        pending.extend(nodes[id].deps.iter().filter_map(|dependency| {
            let mut kinds = dependency.dep_kinds.iter();
            kinds
                .any(|it| it.kind != DependencyKind::Development)
                .then_some(&dependency.pkg)
        }));
    }
    seen.into_iter().map(|id| &metadata[id]).collect()
}

#[test]
fn the_tests_of_the_whole_use_no_framework() {
    let metadata = metadata();
    let root = metadata.root_package().expect("a root package");
    for used in &root.dependencies {
        let is_client = used.name == "tokio-tungstenite";
        assert!(
            is_client || !JUDGED.contains(&used.name.as_str()),
            "the root package uses {}",
            used.name
        );
    }
}

/// Each program has in the build of its group the features that it has alone:
/// what a framework speaks depends on no other.
#[test]
fn programs_that_are_built_together_have_the_features_that_each_has_alone() {
    let servers = support::servers().expect("every server.toml can be read");
    let workspace = Workspace::of(root()).expect("a workspace");
    let programs = support::programs(&servers);
    let groups = workspace.groups(&programs).expect("groups");
    let all: usize = groups.iter().map(Vec::len).sum();
    assert_eq!(all, programs.len(), "each program is in one group");
    for group in &groups {
        let differences = workspace.differences(group);
        let differences = differences.expect("the features");
        assert!(differences.is_empty(), "{differences:#?}");
    }
    // Told apart: a listing that has other features with another one beside it.
    let [axum, sockudo] = ["echo-axum", "echo-sockudo"].map(|package| {
        let mut programs = programs.iter();
        programs
            .find(|it| it.package == package && it.example.is_none())
            .expect("a listing")
            .clone()
    });
    let differences = workspace.differences(&[axum, sockudo]);
    let differences = differences.expect("the features").join("\n");
    assert!(differences.contains("axum v0.8"), "{differences}");
    let missing = workspace
        .not_aligned(&groups)
        .expect("the features");
    assert!(
        missing.is_empty(),
        "crates/align/Cargo.toml lacks features that programs have, so that \
         crates are compiled more than once: {missing:#?}"
    );
}

#[test]
fn every_licence_is_permissive() {
    for package in metadata().packages {
        let licence = package.license.as_deref().unwrap_or("none");
        let licence = licence
            .replace(['(', ')'], "")
            .replace('/', " OR ");
        // One of an OR suffices, every one of an AND is needed.
        let allowed = licence.split(" AND ").all(|all| {
            all.split(" OR ")
                .any(|one| LICENCES.contains(&one.trim()))
        });
        assert!(allowed, "{} is {licence}", package.name);
    }
}

#[test]
fn every_crate_says_what_it_is() {
    for package in metadata().workspace_packages() {
        let name = &package.name;
        assert!(package.description.is_some(), "{name} has no description");
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"));
        assert!(package.rust_version.is_some(), "{name}: rust-version");
    }
}

#[test]
fn every_listing_has_the_same_functions_in_the_same_order() {
    for (name, text) in listings() {
        assert_eq!(functions(&text), FUNCTIONS, "{name}");
    }
}

#[test]
fn every_production_variant_has_the_same_functions_in_the_same_order() {
    let production = examples("production-");
    assert!(
        production.len() >= 6,
        "the six production variants are found"
    );
    for (name, text) in production {
        let mut common = functions(&text);
        common.retain(|it| PRODUCTION_FUNCTIONS.contains(it));
        assert_eq!(common, PRODUCTION_FUNCTIONS, "{name}");
        // The longest are actix's, which has to be kept from collecting frames,
        // and warp's, of which neither the handshake nor the loop will do.
        let lines = text.lines().count();
        assert!(lines <= 375, "{name} has {lines} lines");
        for line in text.lines() {
            let width = line.chars().count();
            assert!(width <= 80, "{name}: {width} columns in {line}");
        }
        for same in [
            "Settings::from_command_line();",
            "endpoint::start(&settings);",
            r#"eprintln!("cannot listen on {}: {error}", settings.listen);"#,
            r#"println!("listening on ws://{address}/ws");"#,
            "// The HTTP phase: what a request meets before any switch, in this order.",
            "// The connection phase: what the framework no longer does.",
            "// The task of the connection is not the request's: the place has its span.",
            "register.clone().leave_on_signal()",
        ] {
            let one_line = text.split_whitespace();
            let one_line: Vec<_> = one_line.collect();
            let has = one_line.join(" ").contains(same);
            assert!(has, "{name} lacks {same}");
        }
    }
}

/// Behind the switch TLS changes nothing.
#[test]
fn every_listing_over_tls_is_the_listing_and_tls() {
    let secure = examples("secure-");
    assert!(secure.len() >= 6, "the six are found");
    let listings = listings();
    for (name, text) in secure {
        let expected = FUNCTIONS.iter().copied().chain([TLS]);
        let expected: Vec<_> = expected.collect();
        assert_eq!(functions(&text), expected, "{name}");
        for same in ["echo", "status_code"] {
            let listing = function(&listings[&name], same);
            assert_eq!(function(&text, same), listing, "{name}: {same}");
        }
        // The longest is hyper's, which has both kinds of handshake by hand.
        let lines = text.lines().count();
        assert!(lines <= 170, "{name} has {lines} lines");
        for line in text.lines() {
            let width = line.chars().count();
            assert!(width <= 80, "{name}: {width} columns in {line}");
        }
        for same in [
            r#"env::var_os("LISTEN").unwrap_or("127.0.0.1:8080".into())"#,
            r#"eprintln!("cannot listen on {address}: {error}");"#,
            r#"eprintln!("cannot speak TLS, set CERTIFICATE and KEY: {error}");"#,
            r#"println!("listening on wss://{"#,
            r#"path("CERTIFICATE", "localhost.pem")"#,
            r#"path("KEY", "localhost-key.pem")"#,
        ] {
            assert!(text.contains(same), "{name} lacks {same}");
        }
    }
}

#[test]
fn every_listing_is_a_program_on_one_screen() {
    for (name, text) in listings() {
        let lines = text.lines().count();
        assert!(lines <= 110, "{name} has {lines} lines");
        for line in text.lines() {
            let width = line.chars().count();
            assert!(width <= 80, "{name}: {width} columns in {line}");
        }
        let ours = JUDGES.iter().map(|it| it.replace('-', "_"));
        for ours in ours {
            let path = format!("{ours}::");
            assert!(!text.contains(&path), "{name} uses {ours}");
        }
        assert!(!text.contains("mod "), "{name} is one file");
    }
}

#[test]
fn every_listing_says_the_same_where_it_means_the_same() {
    for (name, text) in listings() {
        for same in [
            r#"env::var_os("LISTEN").unwrap_or("127.0.0.1:8080".into())"#,
            r#"eprintln!("cannot listen on {address}: {error}");"#,
            r#"println!("listening on ws://{}/ws", listener.local_addr()?);"#,
        ] {
            assert!(text.contains(same), "{name} lacks {same}");
        }
    }
}

#[test]
fn every_echo_folder_has_a_server_toml_that_can_be_trusted() {
    let metadata = metadata();
    let servers = support::servers().expect("every server.toml can be read");
    let folders: BTreeSet<_> = servers
        .iter()
        .filter_map(|server| server.folder.file_name()?.to_str())
        .collect();
    for name in listings().keys() {
        assert!(folders.contains(name.as_str()), "{name} has no server.toml");
    }
    for server in &servers {
        let name = &server.name;
        for known in &server.known_violation {
            assert!(known.why.len() > 10, "{name}: a why is empty");
            assert!(
                !known.why.ends_with('.') && !known.why.contains('\n'),
                "{name}: a why is one sentence without its full stop"
            );
            for upstream in known.upstream.as_slice() {
                assert!(
                    upstream.starts_with("https://"),
                    "{name}: {upstream} is no link"
                );
            }
        }
        if !support::is_in(support::OURS, server) {
            continue;
        }
        assert!(server.variant.contains_key("echo"), "{name}: no echo");
        let package = server.variant["echo"].cargo.as_ref();
        let package = &package.expect("a cargo target").package;
        let beneath = beneath(&metadata, package);
        for layer in server.stack.split(" · ") {
            let (layer, version) = layer
                .rsplit_once(' ')
                .expect("a name and a version");
            let stands = beneath.iter().any(|it| {
                it.name == layer
                    && format!("{}.", it.version)
                        .starts_with(&format!("{version}."))
            });
            assert!(stands, "{name} does not stand on {layer} {version}");
        }
    }
}

#[test]
fn every_source_file_opens_with_what_it_is() {
    for path in files(".", ".rs") {
        let text = read(&path);
        let first = text.lines().next().unwrap_or_default();
        let path = path.display();
        assert!(first.starts_with("//! "), "{path} opens with {first:?}");
    }
}

#[test]
fn no_test_sleeps() {
    // The listing of raw hyper waits when it is out of descriptors, and that
    // is the program, not a test.
    let exceptions = [
        // A process says nothing when it has closed a descriptor.
        "crates/wsspec/src/measured.rs",
        // An endpoint with deadlines and Pings.
        "crates/wsspec-reference/src/lib.rs",
        // What happens next may be that it is time for something.
        "crates/endpoint/src/turn.rs",
        "crates/endpoint/src/transport.rs",
    ];
    let needle = concat!("sle", "ep");
    for folder in [
        "tests",
        "crates/book",
        "crates/rfc6455",
        "crates/rfc7692",
        "crates/rfc9113",
        "crates/wsspec",
        "crates/wsspec-cli",
        "crates/wsspec-reference",
        "crates/endpoint",
        "crates/wsbench",
    ] {
        for path in files(folder, ".rs") {
            if exceptions.iter().any(|it| path.ends_with(it)) {
                continue;
            }
            let text = read(&path);
            for call in [format!("{needle}("), format!("{needle}_until(")] {
                assert!(
                    !text.contains(&call),
                    "{} calls {call}",
                    path.display()
                );
            }
        }
    }
}

/// mdBook renders a missing anchor as nothing and goes on; so this is ours to
/// find.
#[test]
fn every_include_of_the_book_includes_something() {
    let mut includes = 0;
    for page in files("docs/src", ".md") {
        let text = read(&page);
        let folder = page.parent().expect("a folder");
        for include in text.split("{{#include ").skip(1) {
            let include = include.split("}}").next().unwrap_or_default();
            let mut parts = include.trim().splitn(2, ':');
            let file = folder.join(parts.next().unwrap_or_default());
            let included = read(&file);
            let page = page.display();
            assert!(!included.trim().is_empty(), "{page}: {include}");
            if let Some(anchor) = parts.next() {
                let start = format!("ANCHOR: {anchor}\n");
                assert!(included.contains(&start), "{page}: {include}");
            }
            includes += 1;
        }
    }
    let listings = listings().len();
    assert!(includes >= listings, "the book shows every listing");
}

#[test]
fn every_link_inside_the_repository_leads_somewhere() {
    let mut pages = files("docs/src", ".md");
    pages.extend(["README.md", "CONTRIBUTING.md"].map(|it| root().join(it)));
    for page in pages {
        let text = read(&page);
        let folder = page.parent().expect("a folder");
        for link in text.split("](").skip(1) {
            let link = link.split([')', ' ']).next().unwrap_or_default();
            let link = link.split('#').next().unwrap_or_default();
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let there = folder.join(link).exists();
            assert!(there, "{}: {link} leads nowhere", page.display());
        }
    }
}

/// Nobody can follow these without a network; so they stand in one place for
/// whoever does.
#[test]
fn every_link_to_elsewhere_is_listed() {
    const PAGE: &str = "docs/src/sources.md";
    let mut links: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for page in files("docs/src", ".md") {
        let name = page.file_stem().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let is_list = page == root().join(PAGE);
        let is_generated =
            page.starts_with(root().join("docs/src/performance"));
        if is_list || is_generated {
            continue;
        }
        for link in read(&page).split("](http").skip(1) {
            let link = link.split([')', ' ']).next().unwrap_or_default();
            let link = link.split('#').next().unwrap_or_default();
            // A page of the book may have a name that begins so.
            if !link.contains("://") {
                continue;
            }
            links
                .entry(format!("http{link}"))
                .or_default()
                .insert(format!("[{name}]({name}.md)"));
        }
    }
    let rows = links.into_iter().map(|(link, pages)| {
        let pages: Vec<_> = pages.into_iter().collect();
        format!("- <{link}>: {}", pages.join(", "))
    });
    let list = rows.collect::<Vec<_>>().join("\n");
    let current = generated::is_current(PAGE, "repository", &list);
    current.unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn the_field_s_own_terms_are_used() {
    let mut pages = files("docs/src", ".md");
    pages.push(root().join("README.md"));
    for page in pages {
        let text = read(&page).to_lowercase();
        for term in ["upgrade request", "packet", "close handshake"] {
            assert!(
                !text.contains(term),
                "{}: {term:?} is not the RFC's word",
                page.display()
            );
        }
    }
}

#[test]
fn the_page_of_what_is_tested_is_current() {
    let page = wsspec::coverage::page();
    let current =
        generated::is_current("docs/src/coverage.md", "repository", &page);
    current.unwrap_or_else(|problem| panic!("{problem}"));
}
