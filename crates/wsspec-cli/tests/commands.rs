//! The commands as their users type them: what they show, and with which exit
//! code they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
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
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            thread::spawn(move || serve(stream, number % 2 == 1));
        }
    });
    format!("ws://{address}/ws")
}

fn serve(mut stream: TcpStream, answers_pings: bool) -> Option<()> {
    let mut key = String::new();
    for line in BufReader::new(stream.try_clone().ok()?).lines() {
        let line = line.ok()?;
        match line.split_once(": ") {
            Some(("Sec-WebSocket-Key", value)) => value.clone_into(&mut key),
            None if line.is_empty() => break,
            _ => {}
        }
    }
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
fn run_tells_why_a_server_did_not_start() {
    let (code, _, error) = wsspec(&["run", "--exec", "echo broken; exit 7"]);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("exit status: 7"), "{error}");
    assert!(error.contains("broken"), "{error}");

    let (code, _, error) = wsspec(&["run", "--config", "nowhere.toml"]);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("nowhere.toml"), "{error}");

    let url = unsteady_server();
    let (code, _, error) = wsspec(&["run", "--exec", "true", "--url", &url]);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("already"), "{error}");
}

#[cfg(unix)]
#[test]
fn run_ends_what_it_started() {
    let url = unsteady_server();
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
