//! Sets the text of `wsspec --version`: the version, and for a build from a
//! checkout the commit and its date.
//!
//! A package from a registry shows the version alone. Its folder may be inside
//! the checkout of another project, whose commit says nothing about wsspec.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let mut version = variable("CARGO_PKG_VERSION");
    if let Some((commit, date)) = commit() {
        let date = match env::var("SOURCE_DATE_EPOCH") {
            Err(_) => date,
            Ok(seconds) => seconds.parse().map_or_else(
                |_| {
                    println!(
                        "cargo::error=SOURCE_DATE_EPOCH is {seconds:?}, and \
                         it has to be a number of seconds since 1970"
                    );
                    date
                },
                day,
            ),
        };
        version += &format!(" ({commit} {date})");
    }
    println!("cargo::rustc-env=WSSPEC_VERSION={version}");
}

/// The commit and its day in UTC; `None` without a checkout or without git.
fn commit() -> Option<(String, String)> {
    let folder = variable("CARGO_MANIFEST_DIR");
    // cargo puts this file into each package.
    if Path::new(&folder)
        .join(".cargo_vcs_info.json")
        .exists()
    {
        return None;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-C", &folder])
            .args(arguments)
            .env("TZ", "UTC0")
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned())
    };
    // Some other checkout may have this folder in it, without a commit of it.
    git(&["ls-files", "--error-unmatch", "Cargo.toml"])?;
    let format = "--format=%H %cd";
    let text = git(&["log", "-1", "--date=short-local", format])?;
    let (commit, date) = text.split_once(' ')?;
    // HEAD changes with the branch, its log with each commit.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            let path = Path::new(&folder).join(path);
            // A file that is missing would run this script in every build.
            if path.exists() {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
    }
    Some((commit.get(..9)?.to_owned(), date.to_owned()))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// The day of a number of seconds since 1970, such as `2026-03-21`, by Howard
/// Hinnant's `civil_from_days`.
fn day(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524
        - day_of_era / 146_096)
        / 365;
    // Counted from the first of March.
    let day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
