//! The generator, in a closed and in an open loop, against echoes that are
//! right and echoes that are not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rfc6455::handshake::{self, RequestHead};
use rfc6455::{Decoder, Frame, Opcode, Sender};
use wsbench::frames::{Protocol, Wrong};
use wsbench::generator::Load;
use wsbench::latency;
use wsbench::nodelay::{self, Nodelay};
use wsbench::opening::{self, Failure, Target, What};
use wsbench::pace::{Pace, Seen};
use wsbench::processors::Processors;
use wsbench::servers;
use wsbench::workload::{Echo, Paced};
use wsspec::Declared;

const SMALL: Echo = Echo {
    size: 16,
    depth: 4,
    connections: 3,
};

const LARGE: Echo = Echo {
    size: 1 << 20,
    depth: 2,
    connections: 2,
};

const PACED: Paced = Paced {
    size: 16,
    connections: 3,
    rate: 2000,
};

/// A hundred messages at that rate.
const WINDOW: Duration = Duration::from_millis(50);

/// What is wrong with an echo.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    Octet,
    Twice,
    Swapped,
    Short,
    Text,
    Accept,
    Closes,
    Pings,
    Ends,
    /// It answers nothing until so many messages have come.
    Holds(usize),
}

fn target(protocol: Protocol, url: &str) -> Target {
    let url = url.parse().expect("a URL");
    let declared = Declared::default();
    Target::new("echo", protocol, &url, &declared).expect("a target")
}

/// Sends each message twice over, and closes.
fn exchange(target: &Target, echo: &Echo) -> Result<u64, Failure> {
    let mut load = Load::open(target, echo)?;
    let answered = load.once()? + load.once()?;
    load.close()?;
    Ok(answered)
}

/// Sends messages at their times, in two windows, and closes.
fn paced(target: &Target, paced: &Paced) -> Result<Seen, Failure> {
    let mut pace = Pace::open(target, paced)?;
    let mut seen = Seen::new();
    pace.run(WINDOW, &mut seen)?;
    pace.run(WINDOW, &mut seen)?;
    pace.close()?;
    Ok(seen)
}

/// A floor in this process, for as long as it lives.
fn floor_here() -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || wsbench::floor::on_epoll_for_ever(listener));
    target(Protocol::Raw, &format!("ws://{address}/"))
}

/// A floor as a process, which ends with this.
struct Floor(Child);

impl Drop for Floor {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn floor(arguments: &[&str]) -> (Floor, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wsbench"))
        .arg("floor")
        .args(arguments)
        .env("LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a floor");
    let stdout = child.stdout.take().expect("its output");
    let floor = Floor(child);
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("a line");
    let url = line.trim().strip_prefix("listening on ");
    (floor, url.expect("an address").to_owned())
}

#[test]
fn the_floors_echo_octets() {
    for arguments in [&[][..], &["--tokio"]] {
        let (_floor, url) = floor(arguments);
        let target = target(Protocol::Raw, &url);
        for echo in [SMALL, LARGE] {
            let answered = exchange(&target, &echo).expect("a right echo");
            assert_eq!(answered, (2 * echo.depth * echo.connections) as u64);
        }
    }
}

#[test]
fn the_floors_set_nodelay_on_every_connection() {
    // Where perf can't count there is nothing to be seen.
    if nodelay::check().is_err() {
        return;
    }
    let program = Path::new(env!("CARGO_BIN_EXE_wsbench"));
    let floors = servers::floors(program, Processors::share(1));
    for floor in floors.expect("floors") {
        let found = nodelay::of(&floor).expect("calls that are counted");
        assert_eq!(found, Nodelay::OnConnections, "{}", floor.name);
    }
}

#[test]
fn a_floor_in_this_process_is_driven_for_a_time() {
    let target = floor_here();
    let mut load = Load::open(&target, &SMALL).expect("connections");
    let answered = load
        .run(Duration::from_millis(20))
        .expect("an echo");
    let batches = (SMALL.depth * SMALL.connections) as u64;
    assert!(answered >= batches);
    assert_eq!(answered % SMALL.depth as u64, 0);
}

#[test]
fn a_floor_is_no_websocket() {
    let (_floor, url) = floor(&[]);
    let target = target(Protocol::WebSocket, &url);
    let failure = exchange(&target, &SMALL).expect_err("no WebSocket");
    assert!(matches!(failure.what, What::Malformed(_)), "{failure}");
}

#[test]
fn a_right_echo_is_taken() {
    for defect in [Defect::None, Defect::Pings] {
        let target = target(Protocol::WebSocket, &server(defect));
        for echo in [SMALL, LARGE] {
            let answered = exchange(&target, &echo).expect("a right echo");
            assert_eq!(answered, (2 * echo.depth * echo.connections) as u64);
        }
    }
}

#[test]
fn a_connection_is_opened_and_closed() {
    let target = target(Protocol::WebSocket, &server(Defect::None));
    let (stream, early) = target.open(1).expect("a connection");
    opening::close(stream, target.protocol, &early).expect("a Close");
}

#[test]
fn every_defect_is_caught() {
    let what = |defect| {
        let target = target(Protocol::WebSocket, &server(defect));
        exchange(&target, &SMALL)
            .expect_err("a defect")
            .what
    };
    let octet = what(Defect::Octet);
    assert!(matches!(octet, What::Wrong(Wrong::Octet { .. })), "{octet}");
    let twice = what(Defect::Twice);
    assert!(
        matches!(twice, What::Wrong(Wrong::Number { .. })),
        "{twice}"
    );
    let swapped = what(Defect::Swapped);
    let is_number = matches!(swapped, What::Wrong(Wrong::Number { .. }));
    assert!(is_number, "{swapped}");
    let short = what(Defect::Short);
    assert!(
        matches!(short, What::Wrong(Wrong::Length { .. })),
        "{short}"
    );
    let text = what(Defect::Text);
    let is_first = matches!(text, What::Wrong(Wrong::FirstOctet(0x81)));
    assert!(is_first, "{text}");
    let accept = what(Defect::Accept);
    assert!(matches!(accept, What::Refused(_)), "{accept}");
    every_end_is_caught(what);
}

/// Of a load that is done before it should be, by what a defect makes of it.
fn every_end_is_caught(what: impl Fn(Defect) -> What) {
    let closes = what(Defect::Closes);
    let is_close = matches!(closes, What::Wrong(Wrong::Close(Some(1001))));
    assert!(is_close, "{closes}");
    // What it had not read yet may make that a reset.
    let ends = what(Defect::Ends);
    assert!(matches!(ends, What::Ended | What::Io(_)), "{ends}");
}

#[test]
fn a_second_answer_to_one_message_is_too_much() {
    let target = target(Protocol::WebSocket, &server(Defect::Twice));
    let echo = Echo { depth: 1, ..SMALL };
    let failure = exchange(&target, &echo).expect_err("a defect");
    let is_caught = matches!(
        failure.what,
        What::Wrong(Wrong::Surplus | Wrong::Number { .. })
    );
    assert!(is_caught, "{failure}");
}

#[test]
fn connections_and_messages_may_become_more_and_larger() {
    let servers = [
        target(Protocol::WebSocket, &server(Defect::None)),
        floor_here(),
    ];
    for target in servers {
        let echo = Echo {
            depth: 1,
            connections: 1,
            ..SMALL
        };
        let mut load = Load::open(&target, &echo).expect("a connection");
        assert_eq!(load.once().expect("an echo"), 1);
        load.grow(2).expect("connections");
        assert_eq!(load.once().expect("echoes"), 3);
        assert_eq!(load.one_by_one(1 << 20).expect("echoes"), 3);
        assert_eq!(load.once().expect("echoes"), 3);
        load.close().expect("Closes");
    }
}

#[test]
fn who_opens_many_serves_those_that_are_open() {
    let target = floor_here();
    let mut load = Load::open(&target, &SMALL).expect("connections");
    load.grow(260).expect("connections");
    let answered = load.once().expect("echoes");
    assert_eq!(answered, 263 * SMALL.depth as u64);
}

#[test]
fn every_message_that_was_due_is_answered_and_counted() {
    let servers = [
        floor_here(),
        target(Protocol::WebSocket, &server(Defect::None)),
        target(Protocol::WebSocket, &server(Defect::Pings)),
    ];
    for target in servers {
        let seen = paced(&target, &PACED).expect("a right echo");
        assert_eq!((seen.latency.len(), seen.late.len()), (200, 200));
        assert!(!seen.is_behind);
        let told = latency::summary("echo", None, &seen, 2000.0);
        assert_eq!(told.messages, 200);
        let quantiles = told.quantiles.iter();
        assert!(quantiles.is_sorted_by_key(|it| it.nanoseconds));
    }
}

#[test]
fn an_answer_is_as_late_as_the_generator_was() {
    let seen = paced(&floor_here(), &PACED).expect("a right echo");
    // What is seen of an answer begins where its message was due.
    assert!(seen.latency.min() >= seen.late.min());
    assert!(seen.latency.max() >= seen.late.max());
}

#[test]
fn large_messages_keep_their_times_too() {
    let large = Paced {
        size: 300_000,
        connections: 2,
        rate: 60,
    };
    let target = target(Protocol::WebSocket, &server(Defect::None));
    let seen = paced(&target, &large).expect("a right echo");
    assert_eq!(seen.latency.len(), 6);
}

#[test]
fn a_defect_is_caught_at_a_fixed_rate_as_well() {
    let what = |defect| {
        let target = target(Protocol::WebSocket, &server(defect));
        paced(&target, &PACED).expect_err("a defect").what
    };
    let octet = what(Defect::Octet);
    assert!(matches!(octet, What::Wrong(Wrong::Octet { .. })), "{octet}");
    let twice = what(Defect::Twice);
    let is_caught =
        matches!(twice, What::Wrong(Wrong::Surplus | Wrong::Number { .. }));
    assert!(is_caught, "{twice}");
    every_end_is_caught(what);
}

#[test]
fn who_never_answers_is_not_waited_for_for_ever() {
    let target =
        target(Protocol::WebSocket, &server(Defect::Holds(usize::MAX)));
    let target = target.with_patience(Duration::from_millis(100));
    let failure = paced(&target, &PACED).expect_err("no answer");
    assert!(matches!(failure.what, What::Silent), "{failure}");
    let failure = exchange(&target, &SMALL).expect_err("no answer");
    assert!(matches!(failure.what, What::Silent), "{failure}");
}

#[test]
fn who_does_not_keep_up_is_sent_no_more() {
    // Of this size four may be in flight on a connection, and no answer comes
    // before the fifth is.
    let large = Paced {
        size: 256 << 10,
        connections: 1,
        rate: 1000,
    };
    let target = target(Protocol::WebSocket, &server(Defect::Holds(5)));
    let mut pace = Pace::open(&target, &large).expect("a connection");
    let mut seen = Seen::new();
    pace.run(WINDOW, &mut seen).expect("answers");
    pace.close().expect("a Close");
    assert!(seen.is_behind);
    assert_eq!(seen.latency.len(), 5);
    let told = latency::summary("echo", None, &seen, 1000.0);
    assert!(!told.is_valid);
}

/// A WebSocket echo with a defect, for as long as this process lives.
fn server(defect: Defect) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever goes away is not the test's matter.
            thread::spawn(move || serve(stream, defect));
        }
    });
    format!("ws://{address}/ws")
}

fn serve(mut stream: TcpStream, defect: Defect) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    let mut part = vec![0; 64 << 10];
    let (head, length) = loop {
        let count = stream.read(&mut part)?;
        received.extend_from_slice(&part[..count]);
        match RequestHead::decode(&received) {
            Ok(Some(whole)) => break whole,
            Ok(None) if count > 0 => {}
            _ => return Ok(()),
        }
    };
    let accept = handshake::check_request(&head);
    let mut accept = accept.expect("a right opening handshake");
    if defect == Defect::Accept {
        accept.make_ascii_lowercase();
    }
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes())?;
    let mut decoder = Decoder::strict(Sender::Client, 16 << 20);
    decoder.push(&received[length..]);
    let mut held = None;
    let mut holds = Vec::new();
    loop {
        let mut answers = Vec::new();
        while let Some(frame) = decoder.next_frame().expect("right frames") {
            if frame.opcode == Opcode::CLOSE {
                Frame::close_without_code().encode(&mut answers);
                return stream.write_all(&answers);
            }
            if frame.opcode != Opcode::BINARY {
                continue;
            }
            let mut payload = frame.payload.to_vec();
            match defect {
                Defect::Octet => payload[12] ^= 0x40,
                Defect::Short => payload.truncate(15),
                Defect::Pings => Frame::ping("?").encode(&mut answers),
                Defect::Closes => {
                    let code = rfc6455::StatusCode(1001);
                    Frame::close(code, "").encode(&mut answers);
                }
                Defect::Ends => return Ok(()),
                _ => {}
            }
            let answer = match defect {
                Defect::Text => Frame::text(payload),
                _ => Frame::binary(payload),
            };
            if defect == Defect::Twice {
                answer.encode(&mut answers);
            }
            if defect == Defect::Swapped {
                // The second goes before the first.
                if let Some(earlier) = held.replace(answer) {
                    let later = held.take();
                    let pair: [Option<Frame>; 2] = [later, Some(earlier)];
                    for frame in pair.into_iter().flatten() {
                        frame.encode(&mut answers);
                    }
                }
                continue;
            }
            if let Defect::Holds(count) = defect {
                holds.push(answer);
                if holds.len() == count {
                    for answer in holds.drain(..) {
                        answer.encode(&mut answers);
                    }
                }
                continue;
            }
            answer.encode(&mut answers);
        }
        stream.write_all(&answers)?;
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        decoder.push(&part[..count]);
    }
}
