//! Servers of HTTP/2 that mean harm: whatever they send without end, every case
//! ends, none of them by a fault of the suite, and it keeps to its memory.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::{MOST, peak};
use rfc9113::{Decoder, ErrorCode, Frame, FrameType, PREFACE, Setting};
use wsspec::{Endpoint, Outcome, Over, Runner, cases};

/// The octets that a server repeats for a stream until nobody takes them.
type Flood = fn(u32) -> Vec<Frame>;

const FLOODS: [(&str, Flood); 8] = [
    ("PING", |_| vec![Frame::ping(*b"floods!!")]),
    ("SETTINGS", |_| {
        vec![Frame::settings(&[(Setting::MAX_FRAME_SIZE, 16_384)])]
    }),
    ("WINDOW_UPDATE", |stream| {
        vec![Frame::window_update(stream, 1)]
    }),
    ("empty DATA", |stream| vec![Frame::data(stream, "")]),
    ("DATA", |stream| {
        vec![Frame::data(stream, vec![0x81; 16_000])]
    }),
    ("padded DATA", |stream| {
        vec![Frame::data(stream, "").padded(255)]
    }),
    ("fields", |stream| {
        let fields = vec![b'a'; 16_000];
        vec![
            Frame::headers(stream, fields.clone()).unfinished(),
            Frame::continuation(stream, fields).unfinished(),
        ]
    }),
    ("GOAWAY", |_| {
        vec![Frame::go_away(0, ErrorCode::NO_ERROR, "")]
    }),
];

#[test]
fn whatever_floods_every_case_ends_and_nothing_is_collected() {
    for (name, flood) in FLOODS {
        let port = server(flood);
        let url = format!("ws://127.0.0.1:{port}/ws");
        let url = url.parse().expect("a URL");
        let mut endpoint = Endpoint::new(url, Duration::from_millis(50));
        endpoint.over = Over::Http2;
        let some = cases::all().filter(|case| {
            ["8441/5/s", "8441/5/w", "6455/5.5.2/ping-is-answered/"]
                .iter()
                .any(|part| case.id.starts_with(part))
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        // Its silence is no matter of time.
        let runner = Runner::new(endpoint, 16).once();
        let judged = runtime.block_on(runner.run(some, |_| {}));
        let broken = judged
            .iter()
            .filter(|it| it.outcome == Outcome::Broken);
        assert_eq!(broken.count(), 0, "{name}");
        let failed = judged.iter().filter(|it| {
            !matches!(it.outcome, Outcome::Pass | Outcome::Unsupported)
        });
        assert!(failed.count() > 10, "{name}: it is no echo");
        assert!(peak() < MOST, "{name}: {} MiB", peak() >> 10);
    }
}

/// A server that opens every stream with 200, and answers what comes on it with
/// a flood.
fn server(flood: Flood) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, flood));
        }
    });
    port
}

fn serve(mut socket: TcpStream, flood: Flood) -> Option<()> {
    let mut preface = [0; PREFACE.len()];
    socket.read_exact(&mut preface).ok()?;
    let connect = [(Setting::ENABLE_CONNECT_PROTOCOL, 1)];
    send(&mut socket, &[Frame::settings(&connect)])?;
    let mut decoder = Decoder::new(1 << 20);
    let mut octets = vec![0; 16 << 10];
    loop {
        while let Some(frame) = decoder.next_frame().ok()? {
            let stream = frame.stream;
            match frame.frame_type {
                FrameType::SETTINGS if frame.payload.is_empty() => {}
                FrameType::SETTINGS => {
                    send(&mut socket, &[Frame::settings_ack()])?;
                }
                FrameType::PING if frame.flags.0 == 0 => {
                    let opaque = frame.payload.first_chunk()?;
                    send(&mut socket, &[Frame::ping_ack(*opaque)])?;
                }
                // An index of the static table: `:status: 200`.
                FrameType::HEADERS => {
                    send(&mut socket, &[Frame::headers(stream, vec![0x88])])?;
                }
                FrameType::DATA => loop {
                    send(&mut socket, &flood(stream))?;
                },
                _ => {}
            }
        }
        let count = socket
            .read(&mut octets)
            .ok()
            .filter(|it| *it > 0)?;
        decoder.push(&octets[..count]);
    }
}

fn send(socket: &mut TcpStream, frames: &[Frame]) -> Option<()> {
    let mut octets = Vec::new();
    for frame in frames {
        frame.encode(&mut octets);
    }
    socket.write_all(&octets).ok()
}
