//! `wsbench run` where nothing comes to be measured: what it says, and how it
//! ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WSBENCH: &str = env!("CARGO_BIN_EXE_wsbench");

/// A folder of a test, with a server that is started by these words.
fn server(test: &str, words: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("server.toml");
    let text = format!(
        "name = \"it\"\nlanguage = \"Rust\"\nstack = \"none\"\n\
         [variant.echo]\nrun = {words:?}\n"
    );
    std::fs::write(&file, text).expect("a file");
    file
}

fn run(arguments: &[&str], config: &[&Path]) -> Output {
    Command::new(WSBENCH)
        .args(["run", "--workload", "16B-d1-c1", "--blocks", "1"])
        .args(arguments)
        .arg("--config")
        .args(config)
        .output()
        .expect("wsbench")
}

#[track_caller]
fn ends(output: &Output, code: i32, told: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(told), "{text}");
    assert_eq!(output.status.code(), Some(code), "{text}");
}

#[test]
fn who_does_not_start_is_told_and_nobody_is_left() {
    let config = server("does-not-start", &["false"]);
    let output = run(&[], &[&config]);
    ends(&output, 3, "it/echo is not measured");
    ends(&output, 3, "nobody is left to be measured");
}

#[test]
fn who_does_not_conform_is_not_measured() {
    let config = server("is-no-websocket", &[WSBENCH, "floor"]);
    ends(&run(&[], &[&config]), 1, "it/echo is not measured: wsspec");
}

#[test]
fn one_label_is_one_server() {
    let one = server("one", &["false"]);
    let other = server("other", &["false"]);
    ends(&run(&[], &[&one, &other]), 2, "it/echo is there twice");
}

#[test]
fn one_address_is_for_one_server() {
    let at = |test: &str, name: &str, url: &str| {
        let config = server(test, &["false"]);
        let text = std::fs::read_to_string(&config).expect("a file");
        let text = text.replace("\"it\"", &format!("{name:?}"));
        std::fs::write(&config, format!("{text}url = {url:?}\n"))
            .expect("a file");
        config
    };
    let one = at("at-one", "one", "ws://127.0.0.1:9/ws");
    let other = at("at-other", "other", "ws://localhost:9/");
    let third = at("at-third", "third", "ws://127.0.0.1:10/ws");
    let output = run(&[], &[&one, &third, &other]);
    ends(
        &output,
        2,
        "one/echo and other/echo both listen at ws://localhost:9",
    );
    ends(
        &output,
        2,
        "without `url`, or measure one at a time with --filter",
    );
    let output = run(&[], &[&one, &third]);
    ends(&output, 3, "nobody is left to be measured");
    let output = run(&["--filter", "one"], &[&one, &other]);
    ends(&output, 3, "nobody is left to be measured");
}

#[test]
fn a_report_that_can_not_be_written_is_told_first() {
    let config = server("report", &["false"]);
    let folder = config.parent().expect("a folder");
    for path in [folder.to_owned(), folder.join("no-such/report.json")] {
        let path = path.to_string_lossy();
        ends(&run(&["--report", &path], &[&config]), 2, &path);
    }
}

#[test]
fn rubbish_is_a_wrong_command_line() {
    let config = server("rubbish", &["false"]);
    ends(
        &run(&["--workload", "many"], &[&config]),
        2,
        "is no workload",
    );
    ends(&run(&["--variant", "none"], &[&config]), 2, "no server is");
    std::fs::write(&config, "name = 7").expect("a file");
    ends(&run(&[], &[&config]), 2, "server.toml");
}
