//! `wsbench report`: a small report becomes the page that it should, and the
//! pages of the book are those of the reports that are kept.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use wsbench::nodelay::Nodelay;
use wsbench::page::{self, File};
use wsbench::report::Report;

/// Names that are to be escaped are in it, and servers that failed.
const SAMPLE: &str = "tests/report.json";

#[test]
fn the_first_table_has_each_server_with_what_explains_its_cost() {
    let page = sample();
    let table = rows(section(&page, "In one look"));
    let server = "server | d1 default | d1 tuned | d16 default | d16 tuned \
                  | KiB default | KiB tuned";
    assert_eq!(table[0], server);
    let expected = [
        "actix | 1.30 (8,906) | 1.35 | 1.90 (0.12) | 2.00 (0.13) \
         | 15.1 | –",
        "a&#124;b&#60;i&#62; | 1.90 | – | – | – | – | –",
        "axum | 2.45 (235,000) | 1.08 (7,241) | 12.10 (1.02) \
         | 11.00 (1.01) | 134.0 | 6.3",
        "net/http (Go) | 1.70 | – | 15.20 (1.04) | – | – | –",
        "npm ws (JavaScript) | 2.10 | – | 24.50 (0.96) | – | – | –",
        "floor (tokio) | 1.12 (2,100) | – | 1.12 (0.12) | – | – | –",
    ];
    assert_eq!(table[1..], expected);
}

#[test]
fn a_workload_has_all_that_was_measured_the_cheapest_first() {
    let page = sample();
    let part = section(&page, "16B-d1-c64");
    let table = rows(part);
    let head = "server | CPU / floor [95 %] | CPU µs/message | system calls \
                | instructions | switches | messages/s | server busy \
                | generator busy";
    assert_eq!(table[0], head);
    let axum = "axum/echo | 2.45 [2.38, 2.55] | 15.19 | 2.00 | 235,000 \
                | 0.050 | 65,000 | 93 % | 64 %";
    assert_eq!(table.last().map(String::as_str), Some(axum));
    let npm = "npm ws/echo | 2.10 [2.04, 2.18] | 13.02 | 1.83 | – | 0.050 \
               | 60,000 | 42 %, waited | 64 %";
    assert!(table.iter().any(|it| it == npm), "{part}");
    let names = table[1..].iter();
    let names: Vec<_> = names
        .filter_map(|it| it.split(" | ").next())
        .collect();
    let expected = [
        "floor (epoll)",
        "floor again",
        "axum/production",
        "floor (tokio)",
        "actix/echo",
        "actix/production",
        "net/http/echo",
        "a&#124;b&#60;i&#62;/echo",
        "npm ws/echo",
        "axum/echo",
    ];
    assert_eq!(names, expected);
    for said in [
        "Messages of 16 B, 1 in flight on each of 64 connections.",
        "the median of 2 blocks, with its 95 % bootstrap interval",
        "the floor against itself is 1.01 [0.98, 1.05]",
        "The generator was the limit in 1 of 2 turns of net/http/echo:",
        "such as the acknowledgement that Nagle's algorithm wants, by npm \
         ws/echo.",
        "Threads ended meanwhile, and what they took is not counted, in \
         net/http/echo.",
    ] {
        assert!(part.contains(said), "{said}\n{part}");
    }
    let failed = section(&page, "16B-d16-c64");
    let failure = "- a&#124;b&#60;i&#62;/echo: it ended:  &#124; a \
                   &#60;b&#62; &#123;&#123;#include x&#125;&#125;\n";
    assert!(failed.contains(failure), "{failed}");
    let bounds = "The floor waited for the generator: ratios are lower bounds.";
    assert!(failed.contains(bounds), "{failed}");
    assert!(!part.contains(bounds), "{part}");
    let handshakes = section(&page, "handshakes");
    assert!(handshakes.contains("| CPU µs/handshake |"), "{handshakes}");
    assert!(handshakes.contains("Noise: not known."), "{handshakes}");
}

#[test]
fn whose_threads_and_processes_ended_is_told() {
    let mut report = Report::read(Path::new(SAMPLE)).expect("a report");
    for measurement in &mut report.measurements {
        for server in &mut measurement.servers {
            let is_npm = server.name == "npm ws/echo";
            for block in &mut server.blocks {
                let reaped = if is_npm { 10_000_000 } else { 0 };
                block.reaped_ns = Some(reaped);
            }
        }
    }
    let page = page::files(&report, "report", "")
        .swap_remove(0)
        .text;
    let part = section(&page, "16B-d1-c64");
    for said in [
        "Threads ended meanwhile, and their switches are not counted, in \
         net/http/echo.",
        "Processes ended meanwhile, whose time is known in ticks of 10 ms, in \
         npm ws/echo.",
    ] {
        assert!(part.contains(said), "{said}\n{part}");
    }
    assert!(!part.contains("what they took is not counted"), "{part}");
}

#[test]
fn memory_and_latency_have_their_tables() {
    let page = sample();
    let idle = section(&page, "idle-1000");
    let expected = [
        "server | KiB per connection | process by process",
        "floor (epoll) | 0.03 | 0.03, 0.03, 0.04",
        "axum/production | 6.30 | 6.30, 6.25, 6.35",
        "actix/echo | 15.10 | 15.10",
        "axum/echo | 134.00 | 134.00, 133.79, 134.08",
        "net/http/echo | – | ",
    ];
    assert_eq!(rows(idle), expected);
    assert!(idle.contains("- net/http/echo: no fresh process starts\n"));
    let kept = section(&page, "kept-1MiB");
    assert!(kept.contains("one message of 1MiB echoed"), "{kept}");

    let latency = section(&page, "latency-16B-c64-r5000");
    let expected = [
        "server | 50 % | 90 % | 99 % | 99.9 % | 99.99 % | sent late, 99 % \
         | answers/s | answers",
        "axum/production | 48 | 80 | 140 | 300 | 700 | 20 | 5,000 | 120,000",
        "axum/echo | 61 | 90 | 170 | 410 | 900 | 20 | 5,000 | 120,000",
        "net/http/echo | 55 | 95 | 400 | 1,300 | 2,600 | 20 | 5,000 \
         | 120,000",
    ];
    assert_eq!(rows(latency), expected);
    for invalid in [
        "- actix/echo: 3,100 of 5,000 answers came in a second\n",
        "- actix/production: the generator was late: by more than 1,500 µs",
        "- a&#124;b&#60;i&#62;/echo: connection 3: it ended\n",
    ] {
        assert!(latency.contains(invalid), "{latency}");
    }
}

#[test]
fn a_generator_that_was_late_spoils_no_more_than_it_must() {
    let page = sample();
    let latency = section(&page, "latency-1KiB-c8-r1000");
    let expected = [
        "server | 50 % | 90 % | sent late, 99 % | disturbed | answers/s \
         | answers",
        "axum/echo | 48–63 | 90 | 350 | 3.1 % | 1,000 | 10,000",
    ];
    assert_eq!(rows(latency), expected);
    assert!(latency.contains(" had the generator been on time"));
    for invalid in [
        "- actix/echo: 999 of 1,000 answers came in a second\n",
        "- net/http/echo: the generator was late for 50.0 % of the messages, \
         which leaves no quantile\n",
    ] {
        assert!(latency.contains(invalid), "{latency}");
    }
    assert!(!latency.contains("777"), "{latency}");
    let plots = files(SAMPLE).into_iter().map(|it| it.text);
    let plots: Vec<_> = plots
        .filter(|it| it.contains("Latency, 1KiB-c8-r1000"))
        .collect();
    assert_eq!(plots.len(), 2 + 1, "the page, and a plot for two themes");
    for plot in &plots[1..] {
        assert!(plot.contains(">axum/echo</text>"), "{plot}");
        assert!(!plot.contains(">net/http/echo</text>"), "{plot}");
    }
}

#[test]
fn who_is_not_there_is_named_with_the_reason() {
    let page = sample();
    let part = section(&page, "Who took part");
    let warp = "- warp/echo: wsspec: 6455/5.1/&#42; is not kept\n";
    assert!(part.contains(warp), "{part}");
    let idle = "- idle-20000 is skipped: it needs 20100 descriptors\n";
    assert!(part.contains(idle), "{part}");
    assert!(
        rows(part)
            .iter()
            .all(|it| !it.starts_with("warp"))
    );
    assert!(rows(part).contains(&"server | language | stack".to_owned()));
    let mut report = Report::read(Path::new(SAMPLE)).expect("a report");
    report.servers[0].tcp_nodelay = Some(Nodelay::Never);
    let told = page::files(&report, "report", "")
        .swap_remove(0)
        .text;
    let told = rows(section(&told, "Who took part"));
    let axum = "axum/echo | Rust | axum 0.8 · hyper 1 | not set";
    assert_eq!(told[0], "server | language | stack | TCP_NODELAY");
    assert_eq!(told[1], axum);
    assert!(told[2].ends_with(" | –"), "{told:?}");
    let how = section(&page, "How it was measured");
    let command = "<pre><code>wsbench run --full --seed 7</code></pre>\n";
    assert!(how.contains(command), "{how}");
    assert_eq!(
        rows(how)[1..],
        ["kernel | 6.1", "TCP_NODELAY | a server&#124;"]
    );
}

#[test]
fn every_row_has_the_cells_of_its_head() {
    let page = sample();
    let lines = page.lines();
    let tables = lines.map(|it| it.starts_with('|').then_some(it));
    let mut cells = None;
    for line in tables {
        let count = line.map(|it| it.matches('|').count());
        if let (Some(before), Some(now)) = (cells, count) {
            assert_eq!(before, now, "{line:?}");
        }
        cells = count;
    }
}

#[test]
fn every_plot_is_xml_and_names_its_servers() {
    let files = files(SAMPLE);
    let plots: Vec<_> = files[1..].iter().collect();
    let names: Vec<_> = plots.iter().map(|it| it.name.as_str()).collect();
    let workloads = [
        "16B-d1-c64",
        "16B-d16-c64",
        "handshakes",
        "idle-1000",
        "kept-1MiB",
        "latency-16B-c64-r5000",
        "latency-1KiB-c8-r1000",
    ];
    let expected: Vec<_> = workloads
        .iter()
        .flat_map(|it| ["light", "dark"].map(|theme| (it, theme)))
        .map(|(it, theme)| format!("report-{it}-{theme}.svg"))
        .collect();
    assert_eq!(names, expected);
    let page = &files[0].text;
    for plot in &plots {
        is_well_formed(plot);
        let in_book = format!(" src=\"performance/{}\" ", plot.name);
        assert!(page.contains(&in_book), "{in_book}");
        for none in ["NaN", "inf", "\"-", ",-"] {
            assert!(!plot.text.contains(none), "{}: {none}", plot.name);
        }
        assert!(plot.text.contains(" role=\"img\" aria-label="));
        let servers: &[&str] = match &plot.name {
            name if name.contains("d1-") => {
                &["axum/echo", "net/http/echo", "a|b&lt;i&gt;/echo"]
            }
            name if name.contains("d16-") => {
                &["actix/production", "npm ws/echo", "floor (tokio)"]
            }
            name if name.contains("latency-16B") => {
                &["axum/echo", "axum/production", "net/http/echo"]
            }
            _ => &["axum/echo"],
        };
        for server in servers {
            let text = format!(">{server}</text>");
            assert!(plot.text.contains(&text), "{}: {server}", plot.name);
        }
    }
    let d16 = plots.iter().find(|it| it.name.contains("d16-"));
    let d16 = d16.expect("a plot");
    assert!(d16.text.contains("× the floor, logarithmic"));
}

#[test]
fn the_same_report_makes_the_same_files() {
    assert_eq!(files(SAMPLE), files(SAMPLE));
}

#[test]
fn an_empty_report_has_a_page_without_plots() {
    let text = r#"{"schema": 2, "knobs": [], "servers": [],
        "measurements": [], "memory": [], "latency": [], "skipped": []}"#;
    let path = fresh("empty.json");
    std::fs::write(&path, text).expect("a file is written");
    let report = Report::read(&path).expect("a report");
    assert_eq!(page::files(&report, "empty", "").len(), 1);
}

#[test]
fn the_command_writes_into_a_folder_that_it_makes() {
    let folder = fresh("book").join("performance");
    let (code, error) = wsbench(Path::new(SAMPLE), &folder);
    assert_eq!(code, Some(0), "{error}");
    for file in files(SAMPLE) {
        let path = folder.join(&file.name);
        let text = std::fs::read_to_string(&path).expect("a file is read");
        assert_eq!(text, file.text, "{}", file.name);
    }
}

#[test]
fn what_is_no_report_is_a_wrong_command_line() {
    let folder = fresh("nothing");
    let old = r#"{"schema": 1, "knobs": [], "servers": [],
        "measurements": [], "memory": [], "latency": [], "skipped": []}"#;
    for (text, problem) in [
        (Some("rubbish"), "is no report of wsbench"),
        (Some("{}"), "is no report of wsbench"),
        (Some(old), "has schema 1"),
        (None, "report.json"),
    ] {
        let path = fresh("report.json");
        if let Some(text) = text {
            std::fs::write(&path, text).expect("a file is written");
        }
        let (code, error) = wsbench(&path, &folder);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(problem), "{error}");
        assert!(!folder.exists(), "nothing is written");
    }
    let file = fresh("file");
    std::fs::write(&file, "").expect("a file is written");
    let (code, error) = wsbench(Path::new(SAMPLE), &file);
    assert_eq!(code, Some(2), "{error}");
    let name = file.display().to_string();
    assert!(error.contains(&name), "{error}");
}

/// `docs/results/NAME.json` is the report behind `NAME.md` and its plots in
/// `docs/src/performance`, where nothing else is.
#[test]
fn the_pages_of_the_book_are_those_of_its_reports() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let folder = docs.join("src/performance");
    let mut expected = BTreeMap::new();
    for path in entries(&docs.join("results")) {
        if path.extension().is_some_and(|it| it == "json") {
            let made = files(&path).into_iter();
            expected.extend(made.map(|it| (it.name, it.text)));
        }
    }
    if std::env::var_os("BLESS").is_some() && !expected.is_empty() {
        std::fs::create_dir_all(&folder).expect("a folder is made");
        for (name, text) in &expected {
            std::fs::write(folder.join(name), text).expect("a file");
        }
    }
    for path in entries(&folder) {
        let name = path.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("text");
        let made = expected.remove(&name);
        assert!(made.is_some(), "{name} is of no report: remove it");
        assert!(
            made == Some(text),
            "{name} is out of date; `BLESS=1 cargo test -p wsbench --test \
             report` writes it"
        );
    }
    let missing: Vec<_> = expected.keys().collect();
    assert!(
        missing.is_empty(),
        "{missing:?} are missing; `BLESS=1 cargo test -p wsbench --test \
         report` writes them"
    );
}

/// What is in a folder; nothing if there is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    let entries = entries.map(|it| it.expect("an entry").path());
    entries.collect()
}

/// The files of a report, for a page beside the folder `performance`.
fn files(path: impl AsRef<Path>) -> Vec<File> {
    let path = path.as_ref();
    let report = Report::read(path);
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    let name = path.file_stem().unwrap_or_default();
    page::files(&report, &name.to_string_lossy(), "performance")
}

fn sample() -> String {
    let mut files = files(SAMPLE);
    files.swap_remove(0).text
}

/// What stands between a heading and the next.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let heading = format!("\n## {heading}\n");
    let (_, rest) = page.split_once(&heading).expect(&heading);
    rest.split("\n## ").next().unwrap_or_default()
}

/// The rows of a table, its head first, without the bars at their ends.
fn rows(part: &str) -> Vec<String> {
    let rows = part.lines().filter(|it| it.starts_with("| "));
    let rows = rows.filter_map(|it| it.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(str::to_owned).collect()
}

/// A path of this test run at which nothing is.
fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let test = std::thread::current();
    let test = test.name().unwrap_or_default().replace(':', "-");
    let folder = folder.join(format!("report-{}-{test}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder is made");
    let path = folder.join(name);
    if path.is_file() {
        std::fs::remove_file(&path).expect("a file is removed");
    }
    path
}

/// Runs the command; its exit code, and what it says is wrong.
fn wsbench(report: &Path, folder: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wsbench"))
        .arg("report")
        .arg(report)
        .arg("--into")
        .arg(folder)
        .output()
        .expect("wsbench can be started");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), error)
}

/// Every element is closed, every attribute has quotes and stands once, and
/// what looks like an escape is one.
fn is_well_formed(plot: &File) {
    let name = &plot.name;
    let mut reader = Reader::from_str(&plot.text);
    let mut depth = 0;
    let attributes = |tag: &BytesStart| {
        for attribute in tag.attributes() {
            attribute.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    };
    loop {
        let event = reader.read_event();
        match event.unwrap_or_else(|error| panic!("{name}: {error}")) {
            Event::Start(tag) => {
                attributes(&tag);
                depth += 1;
            }
            Event::Empty(tag) => attributes(&tag),
            Event::End(_) => depth -= 1,
            Event::GeneralRef(reference) => {
                let known: [&[u8]; 4] = [b"amp", b"lt", b"gt", b"quot"];
                assert!(known.contains(&&*reference), "{name}");
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{name} ends within an element");
}
