//! What a run makes of a server that ends, and of answers that come late.

#![cfg(unix)]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rfc6455::handshake::{RequestHead, check_request};
use rfc6455::{Decoder, Frame, Opcode, Sender};
use wsspec::{
    Endpoint, Finding, Host, Judged, Launcher, Outcome, Runner, cases, known,
};

const PATIENCE: Duration = Duration::from_millis(250);

/// The case whose text ends the server.
const DEADLY: &str = "6455/8.1/text-is-echoed/smallest-00";

fn launcher(how: &str) -> Launcher {
    let program = std::env::current_exe().expect("this test's program");
    Launcher::shell(&format!(
        "HOW={how} exec '{}' --exact endings::the_server --ignored --nocapture",
        program.display()
    ))
}

async fn run(endpoint: Endpoint, patterns: &[&str]) -> (Vec<Judged>, String) {
    let some = cases::all().filter(|case| {
        let mut patterns = patterns.iter();
        patterns.any(|it| known::matches(it, case.id))
    });
    let runner = Runner::new(endpoint, 64);
    let judged = runner.run(some, |_| {}).await;
    (judged, runner.take_told().join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_case_that_ends_a_server_fails_and_no_other() {
    let host = Host::start(launcher("mortal")).expect("a server");
    let endpoint = Endpoint::of(host, PATIENCE);
    let hosts = endpoint.hosts();
    let patterns = ["6455/8.1/text-is-echoed/*", "6455/5.5.2/*"];
    let (judged, told) = run(endpoint, &patterns).await;
    hosts.iter().for_each(|it| it.end());
    assert_eq!(told, "");
    assert!(judged.len() > 20, "{}", judged.len());
    for judged in &judged {
        match (judged.case.id, judged.outcome) {
            (DEADLY, Outcome::Fail) => {
                let got = judged.finding.as_ref().map(Finding::got);
                let got = got.expect("a finding");
                assert!(got.contains("exit status: 3"), "{got}");
                assert!(got.contains("a NUL"), "{got}");
            }
            (id, outcome) => assert_eq!(
                (id, outcome),
                (id, Outcome::Pass),
                "{:?}",
                judged.finding
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_server_can_not_be_started_again_the_run_says_so() {
    let running = launcher("mortal").start().expect("a server");
    let endpoint = Endpoint::new(running.url.clone(), PATIENCE);
    let patterns = ["6455/8.1/text-is-echoed/*", "6455/5.5.2/*"];
    let (judged, told) = run(endpoint, &patterns).await;
    assert!(told.contains(DEADLY), "{told}");
    assert!(told.contains("--exclude"), "{told}");
    let deadly = judged.iter().find(|it| it.case.id == DEADLY);
    let outcome = deadly.expect("it ran").outcome;
    assert!(matches!(outcome, Outcome::Fail | Outcome::Blocked));
}

/// Each Ping is answered only when it comes for the second time.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_vain_is_tried_again() {
    let running = launcher("forgetful").start().expect("a server");
    let endpoint = Endpoint::new(running.url.clone(), PATIENCE);
    let pattern = "6455/5.5.2/ping-is-answered/text";
    let (judged, _) = run(endpoint, &[pattern]).await;
    assert_eq!(judged[0].outcome, Outcome::Pass, "{:?}", judged[0].finding);
    let note = judged[0].note.as_deref().unwrap_or_default();
    assert!(note.contains("tried again"), "{note}");
    // Nobody tries again what is expected, and so what fails still fails.
    let running = launcher("forgetful").start().expect("a server");
    let endpoint = Endpoint::new(running.url.clone(), PATIENCE);
    let ping = cases::all().filter(|case| case.id == pattern);
    let judged = Runner::new(endpoint, 64)
        .once()
        .run(ping, |_| {})
        .await;
    assert_eq!(judged[0].outcome, Outcome::Fail);
}

#[test]
#[ignore = "it is the server that other tests start"]
fn the_server() {
    let how = std::env::var("HOW").expect("who starts it says how");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    println!("listening on ws://{address}/ws");
    let seen = Arc::new(Mutex::new(HashSet::new()));
    for stream in listener.incoming().flatten() {
        let (how, seen) = (how.clone(), Arc::clone(&seen));
        thread::spawn(move || serve(stream, &how, &seen));
    }
}

fn serve(
    mut stream: TcpStream,
    how: &str,
    seen: &Mutex<HashSet<Vec<u8>>>,
) -> Option<()> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    let (head, length) = loop {
        match RequestHead::decode(&received).ok()? {
            Some(whole) => break whole,
            None => {
                let count = stream.read(&mut buffer).ok()?;
                received.extend_from_slice(&buffer[..count]);
                if count == 0 {
                    return None;
                }
            }
        }
    };
    let accept = check_request(&head).ok()?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).ok()?;
    let mut decoder = Decoder::strict(Sender::Client, 1 << 20);
    decoder.push(&received[length..]);
    let mut message: Option<Frame> = None;
    loop {
        while let Some(frame) = decoder.next_frame().ok()? {
            let mut answers = Vec::new();
            let is_last = frame.fin;
            match frame.opcode {
                Opcode::PING => {
                    let payload = frame.payload.to_vec();
                    let is_new = seen.lock().ok()?.insert(payload);
                    if how != "forgetful" || !is_new {
                        Frame::pong(frame.payload).encode(&mut answers);
                    }
                }
                Opcode::PONG => {}
                Opcode::CLOSE => {
                    Frame::new(Opcode::CLOSE, frame.payload)
                        .encode(&mut answers);
                    return stream.write_all(&answers).ok();
                }
                opcode => {
                    let whole = match message.take() {
                        Some(begun) => Frame::new(
                            begun.opcode,
                            [begun.payload, frame.payload].concat(),
                        ),
                        None => Frame::new(opcode, frame.payload),
                    };
                    if how == "mortal" && whole.payload[..] == [0] {
                        eprintln!("a NUL ends me");
                        std::process::exit(3);
                    }
                    match is_last {
                        true => whole.encode(&mut answers),
                        false => message = Some(whole),
                    }
                }
            }
            stream.write_all(&answers).ok()?;
        }
        let count = stream.read(&mut buffer).ok()?;
        if count == 0 {
            return None;
        }
        decoder.push(&buffer[..count]);
    }
}
