//! What a package installs beside the binary: completions, the manual page, and
//! the version that they state.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::commands::wsspec;

#[test]
fn each_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, text, error) = wsspec(&["completions", shell]);
        assert_eq!(code, Some(0), "{shell}: {error}");
        for part in ["explain", "completions", "--allow-public", "junit"] {
            let part = match shell {
                // fish writes options without their dashes.
                "fish" => part.trim_start_matches("--"),
                // elvish completes no values.
                "elvish" | "powershell" if part == "junit" => continue,
                _ => part,
            };
            assert!(text.contains(part), "{shell} lacks {part}");
        }
    }
}

#[test]
fn bash_can_read_its_completions() {
    let Ok(bash) = Command::new("bash").arg("--version").output() else {
        return;
    };
    assert!(bash.status.success());
    let script = "eval \"$1\"; COMP_WORDS=(wsspec expl) COMP_CWORD=1; \
                  _wsspec wsspec expl wsspec; echo \"${COMPREPLY[*]}\"";
    let (_, completions, _) = wsspec(&["completions", "bash"]);
    let output = Command::new("bash")
        .args(["-c", script, "bash", &completions])
        .output()
        .expect("bash can be started");
    let words = String::from_utf8_lossy(&output.stdout);
    assert_eq!(words.trim(), "explain", "{output:?}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    for (command, parts) in [
        (
            &[][..],
            &[".TH wsspec 1", "Exit codes:", r"wsspec\-run(1)"][..],
        ),
        (&["run"], &[".TH wsspec-run 1", r"\-\-exec"]),
        (&["baseline", "update"], &[".TH wsspec-baseline-update 1"]),
    ] {
        let arguments = [&["man"], command].concat();
        let (code, text, error) = wsspec(&arguments);
        assert_eq!(code, Some(0), "{command:?}: {error}");
        for part in parts {
            assert!(text.contains(part), "{command:?} lacks {part}:\n{text}");
        }
    }
}

#[test]
fn what_has_no_page_is_a_wrong_command_line() {
    let wrong: [&[&str]; 4] = [
        &["man", "nowhere"],
        &["man", "run", "nowhere"],
        &["completions"],
        &["completions", "nosuchshell"],
    ];
    for arguments in wrong {
        let (code, out, error) = wsspec(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {error}");
        assert!(out.is_empty(), "{arguments:?}: {out}");
    }
}

#[test]
fn the_version_names_the_commit_of_a_checkout() {
    let (code, text, _) = wsspec(&["--version"]);
    assert_eq!(code, Some(0));
    let version = concat!("wsspec ", env!("CARGO_PKG_VERSION"));
    let output = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "HEAD"])
        .output();
    let commit = output
        .ok()
        .filter(|output| output.status.success());
    let Some(commit) = commit else {
        assert_eq!(text.trim(), version);
        return;
    };
    let commit = String::from_utf8_lossy(&commit.stdout);
    let expected = format!("{version} ({} ", &commit[..9]);
    assert!(text.starts_with(&expected), "{text} is not {expected}");
}

/// Runs the build script as cargo does.
fn version(folder: &Path, epoch: Option<&str>) -> Output {
    let program = folder.join(format!("build{}", env::consts::EXE_SUFFIX));
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let compiled = Command::new(rustc)
        .args(["--edition=2024", "-o"])
        .arg(&program)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs"))
        .status()
        .expect("rustc can be started");
    assert!(compiled.success());
    let mut command = Command::new(program);
    command
        .env("CARGO_MANIFEST_DIR", folder)
        .env("CARGO_PKG_VERSION", "1.2.3")
        .env_remove("SOURCE_DATE_EPOCH");
    if let Some(epoch) = epoch {
        command.env("SOURCE_DATE_EPOCH", epoch);
    }
    command
        .output()
        .expect("the script can be started")
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn git(folder: &Path, arguments: &[&str]) -> bool {
    Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=n", "-c", "user.email=e"])
        .args(["-c", "commit.gpgsign=false"])
        .args(arguments)
        .env("GIT_COMMITTER_DATE", "2026-02-28T23:30:00-0100")
        .output()
        .is_ok_and(|output| output.status.success())
}

#[test]
fn a_build_shows_the_commit_where_the_sources_are_committed() {
    let folder = folder("version");
    let text = |epoch: Option<&str>| {
        let output = version(&folder, epoch);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    if !git(&folder, &["init", "--quiet"]) {
        return;
    }
    let alone = "cargo::rustc-env=WSSPEC_VERSION=1.2.3\n";
    fs::write(folder.join("Cargo.toml"), "").expect("a file");
    assert!(text(None).ends_with(alone), "the file is not committed");
    assert!(git(&folder, &["add", "Cargo.toml"]));
    assert!(git(&folder, &["commit", "--quiet", "-m", "first"]));
    // The day is the one in UTC.
    assert!(text(None).ends_with(" 2026-03-01)\n"), "{}", text(None));
    assert!(text(None).contains("rerun-if-changed="), "{}", text(None));
    for (epoch, day) in [
        ("0", "1970-01-01"),
        ("951782399", "2000-02-28"),
        ("951782400", "2000-02-29"),
        ("1798761599", "2026-12-31"),
        ("4107542400", "2100-03-01"),
    ] {
        let text = text(Some(epoch));
        assert!(text.ends_with(&format!(" {day})\n")), "{epoch}: {text}");
    }
    let bad = text(Some("yesterday"));
    assert!(bad.contains("cargo::error=SOURCE_DATE_EPOCH"), "{bad}");
    fs::write(folder.join(".cargo_vcs_info.json"), "{}").expect("a file");
    assert!(text(None).ends_with(alone), "it is a package");
}
