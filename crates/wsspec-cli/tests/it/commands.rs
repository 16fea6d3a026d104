//! The commands as their users type them: what they show, and with which exit
//! code they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rfc6455::{Decoder, Frame, Opcode, Sender, handshake};

const PING: &str = "6455/5.5.2/ping-is-answered/text";

fn wsspec(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_wsspec"))
        .args(arguments)
        .output()
        .expect("wsspec can be started");
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    (status.code(), text(stdout), text(stderr))
}

/// An echo that answers Pings on every second connection.
fn unsteady_server() -> String {
    server(|number| number % 2 == 1)
}

/// An echo that answers Pings on some connections.
fn server(answers_pings: fn(usize) -> bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        // Only handshakes count: a run also looks whether anybody listens.
        let count = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming().flatten() {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                let number = || count.fetch_add(1, Ordering::Relaxed);
                serve(stream, || answers_pings(number()))
            });
        }
    });
    format!("ws://{address}/ws")
}

fn serve(
    mut stream: TcpStream,
    answers_pings: impl FnOnce() -> bool,
) -> Option<()> {
    let mut key = String::new();
    for line in BufReader::new(stream.try_clone().ok()?).lines() {
        let line = line.ok()?;
        match line.split_once(": ") {
            Some(("Sec-WebSocket-Key", value)) => value.clone_into(&mut key),
            None if line.is_empty() => break,
            _ => {}
        }
    }
    if key.is_empty() {
        return None;
    }
    let answers_pings = answers_pings();
    let accept = handshake::accept(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).ok()?;
    let mut decoder = Decoder::strict(Sender::Client, 1 << 20);
    let mut buffer = [0; 4096];
    loop {
        while let Some(frame) = decoder.next_frame().ok()? {
            let answer = match frame.opcode {
                Opcode::PING if answers_pings => Frame::pong(frame.payload),
                Opcode::PING | Opcode::PONG => continue,
                opcode => Frame::new(opcode, frame.payload),
            };
            let mut octets = Vec::new();
            answer.encode(&mut octets);
            stream.write_all(&octets).ok()?;
            if answer.opcode == Opcode::CLOSE {
                return None;
            }
        }
        let count = stream.read(&mut buffer).ok()?;
        if count == 0 {
            return None;
        }
        decoder.push(&buffer[..count]);
    }
}

#[test]
fn list_shows_what_is_asked_for() {
    let (code, all, _) = wsspec(&["list"]);
    assert_eq!(code, Some(0));
    assert_eq!(all.lines().count(), wsspec::cases::all().count());
    let (code, some, _) =
        wsspec(&["list", "--clause", "6455-5.5.3-01", "--autobahn", "2.*"]);
    assert_eq!(code, Some(0));
    assert!(some.contains(PING), "{some}");
    assert!(some.lines().all(|line| line.starts_with("MUST")), "{some}");
}

#[test]
fn what_is_nowhere_is_a_wrong_command_line() {
    let wrong: [&[&str]; 8] = [
        &["run"],
        &["run", "--exec", "true", "--case", "nowhere"],
        &["list", "--case", "nowhere"],
        &["list", "--clause", "6455-99*"],
        &["explain", "nowhere"],
        &["replay", "ws://127.0.0.1:1/ws", "nowhere"],
        &["replay", "ws://127.0.0.1:1/ws", "6455/*"],
        &[],
    ];
    for arguments in wrong {
        let (code, out, error) = wsspec(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {error}");
        assert!(out.is_empty(), "{arguments:?}: {out}");
    }
}

#[test]
fn explain_says_what_a_case_is_about() {
    let (code, text, _) = wsspec(&["explain", PING]);
    assert_eq!(code, Some(0));
    for part in [
        "A Ping is answered with a Pong that carries the same payload.",
        "6455-5.5.2-01  MUST",
        "https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2",
        "> PING \"Hello, world!\"",
        "< PONG \"Hello, world!\"",
        "A Pong is always empty.",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
}

#[test]
fn every_case_can_be_explained() {
    let (code, text, _) = wsspec(&["explain", "*"]);
    assert_eq!(code, Some(0));
    let sends = text.matches("what it sends (>)").count();
    assert_eq!(sends, wsspec::cases::all().count());
}

#[test]
fn replay_shows_every_octet_of_one_case() {
    let url = unsteady_server();
    // The first connection asks whether there is an echo at all.
    let (code, text, error) = wsspec(&["replay", &url, PING, "--hex"]);
    assert_eq!(code, Some(0), "{text}{error}");
    assert!(text.contains("connection 1"), "{text}");
    assert!(text.contains("Sec-WebSocket-Key: "), "{text}");
    let pong = "8a 0d 48 65 6c 6c 6f 2c 20 77 6f 72 6c 64 21";
    assert!(text.contains(pong), "{text}");
}

#[test]
fn repeat_tells_what_is_not_the_same_each_time() {
    let url = unsteady_server();
    let (code, text, _) =
        wsspec(&[&url, "--case", PING, "--repeat", "2", "--timeout", "0.2"]);
    assert_eq!(code, Some(1), "{text}");
    let unsteady = format!("unsteady    {PING}: pass 1×, fail 1×");
    assert!(text.contains(&unsteady), "{text}");
}

#[test]
fn one_flaw_is_told_once() {
    let url = server(|_| false);
    let pings = "6455/5.5.2/ping-is-answered/*";
    let arguments = [&*url, "--case", pings, "--timeout", "0.2"];
    let (_, list, _) = wsspec(&["list", "--case", pings]);
    let count = list.lines().count();
    assert!(count > 5, "{list}");

    let (code, text, _) = wsspec(&arguments);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("1. {count} MUST: ")), "{text}");
    assert!(text.contains(&format!("{pings} ({count})")), "{text}");
    assert_eq!(text.matches("  expected  ").count(), 1, "{text}");
    let end = format!("{count} cases fail the run, with one cause");
    assert!(text.contains(&end), "{text}");
    let all = format!("wsspec {url} --case '{pings}' --verbose");
    assert!(text.contains(&all), "{text}");
    assert!(text.lines().count() < 40, "{text}");

    let (_, text, _) = wsspec(&[&arguments[..], &["--verbose"]].concat());
    assert!(text.matches("  expected  ").count() > count, "{text}");
}

#[test]
fn what_is_excluded_is_left_out() {
    let url = server(|_| true);
    let text = "6455/5.5.2/ping-is-answered/text";
    let (code, out, error) = wsspec(&[
        &url,
        "--case",
        "6455/5.5.2/ping-is-answered/*",
        "--exclude",
        text,
        "--verbose",
    ]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("6455/5.5.2/ping-is-answered/empty"), "{out}");
    assert!(!out.contains(text), "{out}");
    let (code, _, error) = wsspec(&[&url, "--exclude", "nowhere"]);
    assert_eq!(code, Some(2), "{error}");
}

#[test]
fn run_tells_why_a_server_did_not_start() {
    let (code, _, error) = wsspec(&["run", "--exec", "echo broken; exit 7"]);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("exit status: 7"), "{error}");
    assert!(error.contains("broken"), "{error}");

    let (code, _, error) = wsspec(&["run", "--config", "nowhere.toml"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("nowhere.toml"), "{error}");

    let url = unsteady_server();
    let (code, _, error) = wsspec(&["run", "--exec", "true", "--url", &url]);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("already"), "{error}");
}

#[cfg(unix)]
#[test]
fn run_ends_what_it_started() {
    let url = server(|_| true);
    let folder = env!("CARGO_TARGET_TMPDIR");
    let file = format!("{folder}/run-{}.pid", std::process::id());
    let command = format!(
        "echo $$ > {file}; echo ready at {url}; exec tail -f /dev/null"
    );
    let (code, text, error) =
        wsspec(&["run", "--exec", &command, "--case", PING]);
    assert_eq!(code, Some(0), "{text}{error}");
    let pid = std::fs::read_to_string(&file).expect("a process id");
    let left = Command::new("kill")
        .args(["-0", pid.trim()])
        .stderr(std::process::Stdio::null())
        .status()
        .expect("kill can be started");
    assert!(!left.success(), "{} still runs", pid.trim());
}

/// A file of this test run, with this text.
fn file(name: &str, text: &str) -> String {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let path = format!("{folder}/{}-{name}", std::process::id());
    std::fs::write(&path, text).expect("a file is written");
    path
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).expect("a file is read")
}

#[test]
fn a_baseline_keeps_what_was_written_by_hand() {
    let url = server(|_| false);
    let config = format!(
        "# Ours.\n\
         name = \"deaf\"\nlanguage = \"Rust\"\nstack = \"none\"\n\n\
         [variant.echo]\nurl = \"{url}\" # it runs already\n\n\
         # A reason.\n\
         [[known-violation]]\n\
         case = [\"{PING}\", \"6455/5.2/any-length-is-echoed/text-0\"]\n\
         why = \"it never answers\" # ever\n"
    );
    let path = file("baseline.toml", &config);
    let some = [
        "--case",
        "6455/5.5.2/ping-is-answered/*",
        "--case",
        "6455/5.2/any-length-is-echoed/text-0",
        "--timeout",
        "0.3",
    ];
    let with = |words: &[&str]| wsspec(&[words, &some].concat());

    // Stale, and more than is known.
    let (code, text, error) = with(&["run", "--config", &path]);
    assert_eq!(code, Some(1), "{text}{error}");
    let (code, told, error) = with(&["baseline", "update", &path]);
    assert_eq!(code, Some(0), "{told}{error}");
    assert!(
        told.contains("holds  6455/5.2/any-length-is-echoed/text-0"),
        "{told}"
    );
    let updated = read(&path);
    for kept in [
        "# Ours.",
        "# it runs already",
        "# A reason.",
        "\"it never answers\" # ever",
        &format!("case = [\"{PING}\""),
        "\"6455/5.5.2/ping-is-answered/empty\",",
        "why = \"\"",
    ] {
        assert!(updated.contains(kept), "{kept} is missing:\n{updated}");
    }
    assert!(!updated.contains("text-0"), "{updated}");

    // Now everything is known, if not why.
    let (code, text, error) = with(&["run", "--config", &path]);
    assert_eq!(code, Some(0), "{text}{error}");
    assert!(error.contains("nobody says why"), "{error}");
    let (code, told, error) = with(&["baseline", "update", &path]);
    assert_eq!(code, Some(0), "{told}{error}");
    assert!(told.contains("is up to date"), "{told}");
    assert_eq!(read(&path), updated);
}

#[test]
fn a_baseline_takes_in_what_can_not_be_judged() {
    // Without a Pong the conversation that shows all frames has no end.
    let url = server(|_| false);
    let two_lines = format!("name = \"mute\"\nvariant.echo.url = \"{url}\"\n");
    let path = file("blocked.toml", &two_lines);
    let some = [
        "--case",
        "6455/5.1/server-frames-are-not-masked",
        "--case",
        "6455/5.5.2/ping-is-answered/*",
        "--timeout",
        "0.2",
    ];
    let with = |words: &[&str]| wsspec(&[words, &some].concat());
    let (code, text, error) = with(&["run", "--config", &path]);
    assert_eq!(code, Some(1), "{text}{error}");
    assert!(text.contains("1 blocked"), "{text}");
    let (code, told, error) = with(&["baseline", "update", &path]);
    assert_eq!(code, Some(0), "{told}{error}");
    let updated = read(&path);
    assert!(updated.contains("# It could not be judged"), "{updated}");
    // The family fails alike, so it is one pattern.
    let family = "case = \"6455/5.5.2/ping-is-answered/*\"";
    assert!(updated.contains(family), "{updated}");
    assert!(!updated.contains("ping-is-answered/text"), "{updated}");

    // A green job.
    let (code, text, error) = with(&["run", "--config", &path]);
    assert_eq!(code, Some(0), "{text}{error}");
    assert!(text.contains("known"), "{text}");
    let (code, told, error) = with(&["baseline", "update", &path]);
    assert_eq!(code, Some(0), "{told}{error}");
    assert!(told.contains("is up to date"), "{told}");
}

#[test]
fn init_prints_a_file_that_can_be_used() {
    use wsspec::target::Server;
    let (code, text, error) = wsspec(&["init"]);
    assert_eq!(code, Some(0), "{error}");
    let server = Server::parse(&text).expect("a server.toml");
    assert_eq!(server.variant.len(), 1);
    assert!(server.known_violation.is_empty());
    // Each line in a comment is right as well.
    let is_setting = |line: &&str| {
        line.starts_with("# variant")
            || line.starts_with("# [[")
            || line.starts_with("# case")
            || line.starts_with("# why")
    };
    let all: Vec<_> = text
        .lines()
        .map(|line| match is_setting(&line) {
            true => line.trim_start_matches("# "),
            false => line,
        })
        .collect();
    let server = Server::parse(&all.join("\n")).expect("a server.toml");
    assert!(server.variant["echo"].max_message.is_some());
    assert_eq!(server.known_violation.len(), 1);
}

#[test]
fn a_case_that_has_disappeared_is_told() {
    let url = server(|_| true);
    let config = format!(
        "name = \"it\"\nlanguage = \"Rust\"\nstack = \"none\"\n\
         [variant.echo]\nurl = \"{url}\"\n\
         [[known-violation]]\ncase = \"6455/0.0/gone\"\nwhy = \"long ago\"\n"
    );
    let path = file("gone.toml", &config);
    let (code, text, error) =
        wsspec(&["run", "--config", &path, "--case", PING]);
    assert_eq!(code, Some(0), "{text}{error}");
    assert!(error.contains("6455/0.0/gone"), "{error}");
}

#[test]
fn reports_are_written_in_the_form_that_their_names_ask_for() {
    let url = server(|_| false);
    let path = |ending: &str| file(&format!("report.{ending}"), "old");
    let begins = [
        ("html", "<!"),
        ("json", "{"),
        ("xml", "<?xml"),
        ("md", "## wsspec"),
    ];
    let paths = begins.map(|(ending, _)| path(ending));
    let mut arguments = vec![&*url, "--case", PING, "--timeout", "0.2"];
    for path in &paths {
        arguments.extend(["--report", path]);
    }
    let (code, text, error) = wsspec(&arguments);
    assert_eq!(code, Some(1), "{text}{error}");
    assert!(text.contains("expected  PONG"), "{text}");
    for ((_, begin), path) in begins.iter().zip(&paths) {
        let report = read(path);
        assert!(report.trim_start().starts_with(begin), "{path}: {report}");
        assert!(report.contains(PING), "{path}");
    }
    assert!(!read(&paths[0]).contains("__DATA__"));

    let (code, _, error) = wsspec(&[&url, "--report", "report.pdf"]);
    assert_eq!(code, Some(2), "{error}");
    let nowhere = "/nowhere/report.html";
    let (code, _, error) =
        wsspec(&[&url, "--case", "6455/5.2/*-0", "--report", nowhere]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("no such folder"), "{error}");
}

#[test]
fn diff_tells_better_from_worse() {
    let results = |answers: fn(usize) -> bool, name: &str| {
        let path = file(name, "");
        let url = server(answers);
        let (code, ..) = wsspec(&[
            &url,
            "--case",
            PING,
            "--timeout",
            "0.2",
            "--format",
            "json",
            "--output",
            &path,
        ]);
        assert!(matches!(code, Some(0 | 1)));
        path
    };
    let good = results(|_| true, "good.json");
    let bad = results(|_| false, "bad.json");
    let (code, text, _) = wsspec(&["diff", &good, &bad]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("worse") && text.contains(PING), "{text}");
    assert!(text.contains("pass → fail"), "{text}");
    let (code, text, _) = wsspec(&["diff", &bad, &good]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 better"), "{text}");
    let (code, text, _) = wsspec(&["diff", &bad, &bad]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the same"), "{text}");

    let rubbish = file("rubbish.json", "{\"schema\": 7}");
    for path in [rubbish.as_str(), "nowhere.json"] {
        let (code, _, error) = wsspec(&["diff", &good, path]);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(path), "{error}");
    }
}

#[test]
fn a_public_server_is_left_alone() {
    // A documentation address: nobody is there.
    let far = "ws://192.0.2.1/ws";
    for arguments in [vec![far], vec!["replay", far, PING]] {
        let (code, _, error) = wsspec(&arguments);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains("--allow-public"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_does_not_survive_fails_the_run() {
    let url = server(|_| true);
    // It says where somebody else listens, and ends.
    let command = format!("echo ready at {url}; exit 7");
    let (code, text, error) =
        wsspec(&["run", "--exec", &command, "--case", PING]);
    let all = text + &error;
    assert_eq!(code, Some(1), "{all}");
    // The case reports it, or a line about a server that ends on its own.
    assert!(all.contains("exit status: 7"), "{all}");
}
