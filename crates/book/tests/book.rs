//! The pages of the book against the code that they show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use book::directive::{self, Form};
use book::extract;

/// The functions of a listing that one page shows of all frameworks. `main` is
/// the same nearly everywhere.
const COMPARED: &[&str] = &["serve", "handshake", "echo", "status_code"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn crates() -> PathBuf {
    root().join("crates")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The pages of the book, by their file names.
fn pages() -> BTreeMap<String, String> {
    let folder = root().join("docs/src");
    let pages: BTreeMap<_, _> = names(&folder)
        .into_iter()
        .filter(|name| name.ends_with(".md"))
        .map(|name| (name.clone(), read(&folder.join(name))))
        .collect();
    assert!(!pages.is_empty(), "the book has pages");
    pages
}

/// The folders of the frameworks: `echo-axum`.
fn frameworks() -> BTreeSet<String> {
    let frameworks: BTreeSet<_> = names(&crates())
        .into_iter()
        .filter(|name| name.starts_with("echo-"))
        .collect();
    assert!(frameworks.len() >= 6, "the six are found");
    frameworks
}

/// The listing of a framework.
fn listing(framework: &str) -> String {
    read(&crates().join(framework).join("src/main.rs"))
}

#[test]
fn every_directive_names_something() {
    let mut wrong = Vec::new();
    for (name, page) in pages() {
        for directive in directive::directives(&page) {
            match directive.resolve(&crates()) {
                Ok(text) => assert!(!text.trim().is_empty(), "{name}"),
                Err(why) => {
                    wrong.push(format!("{name}: {}: {why}", directive.text));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a page shows an item of one listing, each listing has it.
#[test]
fn what_is_shown_of_one_listing_is_in_all() {
    let shown: BTreeSet<String> = pages()
        .values()
        .flat_map(|page| {
            let found = directive::directives(page).into_iter();
            let found = found.filter_map(|directive| match directive.form? {
                Form::Code { source, item }
                | Form::Diff {
                    old: source, item, ..
                } => source
                    .starts_with("echo-")
                    .then(|| item.to_owned()),
            });
            found.collect::<Vec<_>>()
        })
        .collect();
    for framework in frameworks() {
        let listing = listing(&framework);
        for item in &shown {
            let found = extract::item(&listing, item);
            assert!(found.is_ok(), "{framework} has no `{item}`, others do");
        }
    }
}

/// One page has each function of each framework, and a framework that is new
/// fails this until it stands there.
#[test]
fn side_by_side_shows_every_framework() {
    let pages = pages();
    let mut shown: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for directive in directive::directives(&pages["side-by-side.md"]) {
        if let Some(Form::Code { source, item }) = directive.form {
            shown.entry(item).or_default().insert(source);
        }
    }
    for function in COMPARED {
        let shown = shown.get(function);
        for framework in frameworks() {
            assert!(
                shown.is_some_and(|it| it.contains(framework.as_str())),
                "side-by-side.md does not show `{function}` of {framework}"
            );
        }
    }
}

/// A page with the Markdown that it includes, which is part of it.
fn whole(page: &str) -> String {
    let mut whole = String::new();
    for line in page.lines() {
        let included = line
            .strip_prefix("{{#include ")
            .and_then(|it| it.strip_suffix("}}"))
            .filter(|it| it.ends_with(".md"));
        match included {
            Some(path) => {
                whole.push_str(&read(&root().join("docs/src").join(path)));
            }
            None => whole.push_str(line),
        }
        whole.push('\n');
    }
    whole
}

/// The lines of a page that are no code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The id that mdBook gives to a heading.
fn id(heading: &str) -> String {
    let mut text = String::new();
    for (n, part) in heading.split("](").enumerate() {
        // Of a link the text alone counts.
        text.push_str(match part.split_once(')') {
            Some((_address, behind)) if n > 0 => behind,
            _ => part,
        });
    }
    let kept = text.trim().chars().filter_map(|it| match it {
        '_' | '-' => Some(it),
        it if it.is_whitespace() => Some('-'),
        it if it.is_alphanumeric() => Some(it.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// Where a link into a page can lead.
fn anchors(page: &str) -> BTreeSet<String> {
    let page = whole(page);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in prose(&page) {
        for value in line.split(" id=\"").skip(1) {
            let value = value.split('"').next();
            anchors.extend(value.map(str::to_owned));
        }
        let heading = line.trim_start_matches('#');
        if heading == line || !heading.starts_with(' ') {
            continue;
        }
        let own = heading.trim_end().strip_suffix('}');
        if let Some((_, own)) = own.and_then(|it| it.rsplit_once("{#")) {
            anchors.insert(own.to_owned());
            continue;
        }
        let id = id(heading);
        let before = seen.entry(id.clone()).or_default();
        anchors.insert(match *before {
            0 => id,
            n => format!("{id}-{n}"),
        });
        *before += 1;
    }
    anchors
}

/// mdBook looks at no link; so this is ours to find.
#[test]
fn every_link_to_a_heading_leads_to_one() {
    let pages = pages();
    let anchors: BTreeMap<_, _> = pages
        .iter()
        .map(|(name, page)| (name.as_str(), anchors(page)))
        .collect();
    let mut links = 0;
    let mut wrong = Vec::new();
    for (name, page) in &pages {
        let page = whole(page);
        let text = prose(&page).collect::<Vec<_>>().join("\n");
        for link in text.split("](").skip(1) {
            let link = link.split([')', ' ']).next().unwrap_or_default();
            let Some((target, anchor)) = link.split_once('#') else {
                continue;
            };
            if target.contains("://") {
                continue;
            }
            let target = match target {
                "" => name.as_str(),
                target => target,
            };
            let found = anchors.get(target);
            if !found.is_some_and(|it| it.contains(anchor)) {
                wrong.push(format!("{name}: {link}"));
            }
            links += 1;
        }
    }
    assert!(links > 0, "the pages lead to each other's headings");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What side-by-side.md says of `main`.
#[test]
fn main_is_the_same_in_all_but_actix() {
    let main = |framework: &str| {
        let listing = listing(framework);
        let main = extract::item(&listing, "main").map(str::to_owned);
        main.unwrap_or_else(|why| panic!("{framework}: {why}"))
    };
    let most = main("echo-axum");
    for framework in frameworks() {
        let is_actix = framework == "echo-actix";
        assert_eq!(main(&framework) != most, is_actix, "{framework}");
    }
    let actix = most
        .replace("tokio::main", "actix_web::main")
        .replace("(&*address).await", "(&*address)");
    assert_eq!(main("echo-actix"), actix);
}
