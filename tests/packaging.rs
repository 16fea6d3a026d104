//! What the packages of `packaging/` have in common: one version, one list of
//! platforms, one address, and the words of the report that their helpers read.
//!
//! Here it is read; `packaging/check.sh` builds and installs it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ADDRESS: &str = "https://github.com/OWNER/REPOSITORY";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `packaging/release.sh` prints; `None` without a bash.
fn release(argument: &str) -> Option<Vec<String>> {
    if cfg!(windows) {
        return None;
    }
    let output = Command::new("bash")
        .arg(root().join("packaging/release.sh"))
        .arg(argument)
        .output()
        .ok()?;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    Some(text.lines().map(str::to_owned).collect())
}

/// A key of `[workspace.package]`.
fn workspace(key: &str) -> Option<String> {
    let manifest = read("Cargo.toml");
    let table = manifest
        .split("[workspace.package]")
        .nth(1)
        .expect("a table");
    let table = table.split("\n[").next().unwrap_or_default();
    table.lines().find_map(|line| {
        let value = line.strip_prefix(&format!("{key} = \""))?;
        Some(value.trim_end_matches('"').to_owned())
    })
}

#[test]
fn the_release_reads_the_version_of_the_workspace() {
    let version = workspace("version").expect("a version");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    if let Some(printed) = release("version") {
        assert_eq!(printed, [version]);
    }
}

/// A version that a file states itself would have to be changed with each
/// release.
#[test]
fn no_package_states_a_version_of_its_own() {
    let wheel = read("packaging/pypi/pyproject.toml");
    assert!(wheel.contains("dynamic = [\"version\"]"), "the wheel");
    assert!(!wheel.contains("\nversion ="), "the wheel");
    let npm = read("packaging/npm/wsspec/package.json");
    assert!(npm.contains("\"version\": \"0.0.0\""), "npm");
    for template in [
        "packaging/homebrew/wsspec.rb.in",
        "packaging/nix/wsspec.nix.in",
        "packaging/install.sh.in",
    ] {
        assert!(read(template).contains("@VERSION@"), "{template}");
    }
    // The page has commands that can be copied.
    let version = workspace("version").expect("a version");
    let page = read("docs/src/install.md");
    for part in page.split("wsspec-v").skip(1) {
        assert!(
            part.starts_with(&format!("{version}-")),
            "wsspec-v{part:.9}"
        );
    }
    for part in page.split("/releases/download/v").skip(1) {
        assert!(part.starts_with(&version), "download/v{part:.9}");
    }
}

#[test]
fn each_platform_is_built_and_packed() {
    let Some(targets) = release("targets") else {
        return;
    };
    assert_eq!(targets.len(), 5);
    let workflow = read(".github/workflows/release.yml");
    let npm = read("packaging/npm/build.mjs");
    let action = read("packaging/action.sh");
    for target in &targets {
        let build = format!("- target: {target}\n");
        assert!(workflow.contains(&build), "the workflow builds {target}");
        assert!(npm.contains(&format!("\"{target}\": ")), "npm: {target}");
        assert!(action.contains(target.as_str()), "the action: {target}");
        // These three are for systems with a shell.
        for template in [
            "packaging/homebrew/wsspec.rb.in",
            "packaging/nix/wsspec.nix.in",
            "packaging/install.sh.in",
        ] {
            let placeholder = format!("@SHA256:{target}@");
            assert_eq!(
                read(template).contains(&placeholder),
                !target.contains("windows"),
                "{template}: {target}"
            );
        }
    }
}

#[test]
fn crates_are_published_after_those_that_they_use() {
    let Some(order) = release("order") else {
        return;
    };
    let mut published = BTreeSet::new();
    for entry in fs::read_dir(root().join("crates")).expect("a folder") {
        let path = entry.expect("an entry").path().join("Cargo.toml");
        let manifest = fs::read_to_string(path).expect("a manifest");
        if !manifest.contains("publish = false") {
            let mut lines = manifest.lines();
            let name = lines.find_map(|line| line.strip_prefix("name = \""));
            let name = name.expect("a name").trim_end_matches('"');
            published.insert(name.to_owned());
        }
    }
    let listed: BTreeSet<String> = order.iter().cloned().collect();
    assert_eq!(listed, published, "release.sh lists what is published");
    for (at, name) in order.iter().enumerate() {
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        let needed = manifest.split("[dev-dependencies]").next();
        for later in &order[at + 1..] {
            let needs = needed.is_some_and(|needed| {
                needed.contains(&format!("\n{later}.workspace"))
            });
            assert!(!needs, "{name} uses {later}, which is published later");
        }
    }
}

/// The address is stated where a package index reads the file as it is. It is
/// a placeholder until `Cargo.toml` has one.
#[test]
fn all_state_the_same_address() {
    let address = workspace("repository");
    let address = address.as_deref().unwrap_or(ADDRESS);
    let module = address.trim_start_matches("https://");
    for (path, expected) in [
        ("packaging/pypi/pyproject.toml", format!("\"{address}\"")),
        (
            "packaging/go/go.mod",
            format!("module {module}/packaging/go\n"),
        ),
        (
            "packaging/go/wsspectest/wsspectest_test.go",
            format!("\"{module}/packaging/go/wsspectest\""),
        ),
        ("docs/src/install.md", format!("{address}/releases/")),
    ] {
        let text = read(path);
        assert!(text.contains(&expected), "{path} lacks {expected}");
        let other = address != ADDRESS && text.contains("OWNER/REPOSITORY");
        assert!(!other, "{path} has the placeholder");
    }
}

#[test]
fn the_helpers_know_the_words_of_the_report() {
    let schema = read("crates/wsspec/data/results-1.schema.json");
    let words = schema
        .split("\"outcome\": {")
        .nth(1)
        .expect("a property");
    let words = words
        .split("\"enum\": [")
        .nth(1)
        .expect("its words");
    let words = quoted(words.split(']').next().unwrap_or_default());
    for path in [
        "packaging/pypi/python/wsspec/pytest_plugin.py",
        "packaging/npm/wsspec/test.js",
        "packaging/go/wsspectest/wsspectest.go",
    ] {
        let text = read(path).to_lowercase().replace('_', "");
        for (name, count) in [("failing", 4), ("failingifstrict", 1)] {
            let mut lines = text.lines();
            let line = lines.find_map(|line| {
                let line = line.trim().trim_start_matches("const ");
                let rest = line.strip_prefix(name)?.trim_start();
                rest.strip_prefix('=')
            });
            let line = line.unwrap_or_else(|| panic!("{path} lacks {name}"));
            let known = quoted(line);
            assert_eq!(known.len(), count, "{path}: {name}");
            let unknown: Vec<_> = known.difference(&words).collect();
            assert!(unknown.is_empty(), "{path}: {unknown:?} of {words:?}");
        }
    }
}

/// The words in quotation marks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// `packaging/check.sh` runs the commands of these sections, so it has to find
/// them.
#[test]
fn the_dry_run_and_the_page_have_the_same_sections() {
    let page = read("docs/src/install.md");
    let check = read("packaging/check.sh");
    let mut sections = 0;
    for part in check.split("as_the_page_says ").skip(1) {
        let section = match part.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => part.split(' ').next(),
        };
        let section = section.unwrap_or_default();
        let heading = format!("\n## {section}\n");
        assert!(page.contains(&heading), "the page lacks {section:?}");
        sections += 1;
    }
    assert!(sections >= 6, "check.sh runs {sections} sections");
}

#[test]
fn actions_are_pinned() {
    let mut files = vec![root().join("action.yml")];
    let workflows = root().join(".github/workflows");
    for entry in fs::read_dir(workflows).expect("a folder") {
        files.push(entry.expect("an entry").path());
    }
    for path in files {
        let text = fs::read_to_string(&path).expect("a workflow");
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some((_, used)) = line.split_once("uses: ") else {
                continue;
            };
            let pinned = used.rsplit_once('@').is_some_and(|(_, hash)| {
                hash.len() == 40
                    && hash.bytes().all(|it| it.is_ascii_hexdigit())
            });
            // A comment above says the version of a hash, or why there is none.
            let above = lines[..at].iter().rev().map(|line| line.trim());
            let above = above.take(2).any(|line| {
                line.starts_with(if pinned { "# v" } else { "# By " })
            });
            assert!(above, "{}: {used}", file_name(&path));
        }
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
