//! `wsbench compare`: what it shows of two reports, and when it fails a build.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// A report of one server, of which these were measured.
fn report(test: &str, name: &str, calls: f64, idle: Value) -> PathBuf {
    let server = json!({
        "name": "a/echo", "ratio": null, "cpu_ns": null, "switches": calls,
        "system_calls": calls, "instructions": 5000.0, "per_second": null,
        "server_busy": null, "generator_busy": null, "generator_ns": null,
        "generator_bound": 0, "failed": null, "blocks": [],
    });
    let failed = match &idle {
        Value::Null => json!("it ended"),
        _ => Value::Null,
    };
    let memory = json!({
        "name": "a/echo", "octets_per_connection": idle, "measured": [],
        "failed": failed,
    });
    write(
        test,
        name,
        &json!({
            "schema": 2,
            "knobs": [["kernel", name], ["seed", name], ["window", "80ms"]],
            "servers": [],
            "measurements": [
                {"workload": "16B-d1-c64", "noise": null, "servers": [server]},
            ],
            "memory": [
                {"workload": "idle-10", "connections": 10, "servers": [memory]},
            ],
            "latency": [],
            "skipped": [],
        }),
    )
}

fn write(test: &str, name: &str, report: &Value) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("compare-{test}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(format!("{name}.json"));
    std::fs::write(&path, report.to_string()).expect("a file");
    path
}

fn compare(files: [&Path; 2], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wsbench"))
        .arg("compare")
        .args(arguments)
        .args(files)
        .output()
        .expect("wsbench")
}

#[track_caller]
fn ends(output: &Output, code: i32) -> (String, String) {
    let text = |it| String::from_utf8_lossy(it).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    (out, err)
}

#[test]
fn a_count_that_got_worse_ends_it_with_1() {
    let before = report("worse", "before", 2.0, json!(6144.0));
    let after = report("worse", "after", 3.0, json!(6200.0));
    let files = [&*before, &*after];
    let (out, err) = ends(&compare(files, &[]), 1);
    let rows: Vec<Vec<&str>> = out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let workload = "16B-d1-c64";
    for row in [
        vec![workload, "a/echo", "2.00", "3.00", "1.50", "more"],
        vec![workload, "a/echo", "2.000", "3.000", "1.50", "more"],
        vec![workload, "a/echo", "5000", "5000", "1.00"],
        vec!["idle-10", "a/echo", "6.00", "6.05", "1.01"],
    ] {
        assert!(rows.contains(&row), "{row:?}\n{out}");
    }
    let worse = "worse: 16B-d1-c64 a/echo: 3.00 system calls, 2.00 before";
    assert!(err.contains(worse), "{err}");
    assert_eq!(err.matches("worse").count(), 1, "{err}");
    // What is worse one way is better the other way.
    ends(&compare([&after, &before], &[]), 0);
    ends(&compare(files, &["--tolerance", "50"]), 0);
    ends(&compare(files, &["--tolerance", "49"]), 1);
    ends(&compare(files, &["--gate", "instructions,memory"]), 0);
    let (_, err) = ends(&compare(files, &["--gate", "switches"]), 1);
    assert!(err.contains("worse: 16B-d1-c64 a/echo: 3.000 switches"));
}

#[test]
fn who_was_measured_before_and_fails_is_worse() {
    let before = report("failed", "before", 2.0, json!(6144.0));
    let after = report("failed", "after", 2.0, Value::Null);
    let (_, err) = ends(&compare([&before, &after], &[]), 1);
    let worse = "idle-10 a/echo: 6.00 KiB per connection before, then failed";
    assert!(err.contains(worse), "{err}");
}

#[test]
fn knobs_that_differ_are_warned_of() {
    let before = report("knobs", "before", 2.0, json!(6144.0));
    let after = report("knobs", "after", 2.0, json!(6144.0));
    let (_, err) = ends(&compare([&before, &after], &[]), 0);
    let told = "the two runs differ in kernel: before before, after after";
    assert!(err.contains(told), "{err}");
    assert!(!err.contains("seed") && !err.contains("window"), "{err}");
    let (_, err) = ends(&compare([&before, &before], &[]), 0);
    assert_eq!(err, "");
}

#[test]
fn where_nothing_can_be_compared_that_is_no_success() {
    let before = report("nothing", "before", 2.0, json!(6144.0));
    let none = json!({
        "schema": 2, "knobs": [], "servers": [], "measurements": [],
        "memory": [], "latency": [], "skipped": [],
    });
    let after = write("nothing", "after", &none);
    let (_, err) = ends(&compare([&before, &after], &[]), 2);
    assert!(err.contains("nothing to compare"), "{err}");
    let missing = after.with_file_name("missing.json");
    let (_, err) = ends(&compare([&before, &missing], &[]), 2);
    assert!(err.contains("missing.json"), "{err}");
}
