//! Our codec isn't its own only witness: tungstenite reads what we write, we
//! read what it writes, and the two agree about what is illegal.

use std::io::{self, Read, Write};

use bytes::Bytes;
use proptest::prelude::*;
use rfc6455::{
    Decoder, Frame, LengthForm, MaskingKey, Opcode, Sender, StatusCode,
    Violation,
};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Message, Role, WebSocket};

const KEY: MaskingKey = MaskingKey([0x5a, 0x00, 0xff, 0x81]);

/// A stream whose input is fixed and whose output is kept.
struct Wire {
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.output.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn witness(role: Role, input: Vec<u8>) -> WebSocket<Wire> {
    let wire = Wire {
        input: io::Cursor::new(input),
        output: Vec::new(),
    };
    WebSocket::from_raw_socket(wire, role, None)
}

fn encoded(frames: &[Frame]) -> Vec<u8> {
    let mut octets = Vec::new();
    for frame in frames {
        frame.encode(&mut octets);
    }
    octets
}

/// What tungstenite, as a server, makes of a client's frames: the messages,
/// and the error that ended them.
fn as_server(frames: &[Frame]) -> (Vec<Message>, Error) {
    let mut server = witness(Role::Server, encoded(frames));
    let mut messages = Vec::new();
    loop {
        match server.read() {
            Ok(message) => messages.push(message),
            Err(error) => return (messages, error),
        }
    }
}

/// What our strict decoder makes of the same frames.
fn ours(frames: &[Frame]) -> Option<Violation> {
    let mut decoder = Decoder::strict(Sender::Client, 16 << 20);
    decoder.push(&encoded(frames));
    loop {
        match decoder.next_frame() {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(violation) => return Some(violation),
        }
    }
}

#[test]
fn tungstenite_reads_every_legal_frame_that_we_write() {
    for length in [0, 1, 125, 126, 127, 65535, 65536] {
        let payload = vec![b'*'; length];
        let text = String::from_utf8(payload.clone()).expect("asterisks");
        let halves = payload.split_at(length / 2);
        let cases = [
            (
                vec![Frame::text(payload.clone())],
                Message::text(text.clone()),
            ),
            (
                vec![Frame::binary(payload.clone())],
                Message::binary(payload.clone()),
            ),
            (
                vec![
                    Frame::text(halves.0.to_vec()).unfinished(),
                    Frame::continuation("").unfinished(),
                    Frame::continuation(halves.1.to_vec()),
                ],
                Message::text(text),
            ),
        ];
        for (frames, message) in cases {
            let frames: Vec<_> = frames
                .into_iter()
                .map(|frame| frame.masked(KEY))
                .collect();
            let (messages, _) = as_server(&frames);
            assert_eq!(messages, [message], "{length} octets");
            assert_eq!(ours(&frames), None);
        }
    }
    let control = [
        (Frame::ping("p"), Message::Ping("p".into())),
        (
            Frame::pong(vec![7; 125]),
            Message::Pong(vec![7; 125].into()),
        ),
        (
            Frame::close(StatusCode::GOING_AWAY, "bye"),
            Message::Close(Some(CloseFrame {
                code: CloseCode::Away,
                reason: "bye".into(),
            })),
        ),
        (Frame::close_without_code(), Message::Close(None)),
    ];
    for (frame, message) in control {
        let (messages, _) = as_server(&[frame.masked(KEY)]);
        assert_eq!(messages, [message]);
    }
}

#[test]
fn we_read_every_legal_frame_that_tungstenite_writes() {
    for (role, sender) in [
        (Role::Client, Sender::Client),
        (Role::Server, Sender::Server),
    ] {
        for length in [0, 1, 125, 126, 65535, 65536] {
            let payload = Bytes::from(vec![b'*'; length]);
            let text = String::from_utf8_lossy(&payload).into_owned();
            let mut socket = witness(role, Vec::new());
            let messages = [
                Message::text(text),
                Message::binary(payload.clone()),
                Message::Ping(payload.slice(..length.min(125))),
                Message::Pong(payload.slice(..length.min(125))),
                Message::Close(None),
            ];
            for message in messages {
                socket
                    .send(message)
                    .expect("a Vec takes everything");
            }
            let mut decoder = Decoder::strict(sender, 1 << 20);
            decoder.push(&socket.get_ref().output);
            let expected = [
                (Opcode::TEXT, length),
                (Opcode::BINARY, length),
                (Opcode::PING, length.min(125)),
                (Opcode::PONG, length.min(125)),
                (Opcode::CLOSE, 0),
            ];
            for (opcode, length) in expected {
                let frame = decoder.next_frame().expect("legal");
                let frame = frame.expect("complete");
                assert_eq!(frame.opcode, opcode);
                assert_eq!(frame.payload, payload.slice(..length));
            }
            assert!(decoder.is_between_frames());
        }
    }
}

/// Both call it illegal, and both call it the same.
#[test]
fn the_verdict_on_every_illegal_frame_is_the_same() {
    let mut cases = vec![
        vec![Frame::text("a")],
        vec![Frame::ping("").unfinished().masked(KEY)],
        vec![Frame::pong("").unfinished().masked(KEY)],
        vec![
            Frame::close_without_code()
                .unfinished()
                .masked(KEY),
        ],
        vec![Frame::ping(vec![0; 126]).masked(KEY)],
        vec![Frame::pong(vec![0; 65536]).masked(KEY)],
        vec![Frame::continuation("a").masked(KEY)],
        vec![Frame::continuation("a").unfinished().masked(KEY)],
        vec![
            Frame::text("a").unfinished().masked(KEY),
            Frame::text("b").masked(KEY),
        ],
        vec![
            Frame::binary("a").unfinished().masked(KEY),
            Frame::text("b").unfinished().masked(KEY),
        ],
        vec![Frame::text(&b"\xce\xba\xff"[..]).masked(KEY)],
        vec![Frame::text(&b"\xed\xa0\x80"[..]).masked(KEY)],
        vec![
            Frame::text(&b"\xce"[..]).unfinished().masked(KEY),
            Frame::continuation("").masked(KEY),
        ],
        vec![Frame::new(Opcode::CLOSE, "a").masked(KEY)],
        vec![Frame::close(StatusCode(1000), b"\xff").masked(KEY)],
    ];
    for rsv in 1..8 {
        for opcode in [0, 1, 2, 8, 9, 10].map(opcode) {
            let frame = Frame::new(opcode, "").with_rsv(rsv).masked(KEY);
            cases.push(vec![frame]);
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(opcode) {
        cases.push(vec![Frame::new(opcode, "").masked(KEY)]);
        cases.push(vec![Frame::new(opcode, "a").unfinished().masked(KEY)]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        cases.push(vec![Frame::close(StatusCode(code), "").masked(KEY)]);
    }
    for frames in cases {
        let (messages, error) = as_server(&frames);
        // tungstenite answers a Close with a code that can't be sent with
        // 1002 of its own and reports it as an ordinary Close.
        let theirs = match &error {
            _ if matches!(&messages[..], [Message::Close(_)]) => 1002,
            Error::Utf8(_) => 1007,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => 0,
            Error::Protocol(_) => 1002,
            error => panic!("{frames:?}: {error}"),
        };
        let ours = ours(&frames).map_or(0, |it| it.status_code().0);
        assert_eq!(ours, theirs, "{frames:?}: {error}");
    }
}

/// The same for what a server may not send: tungstenite as the client.
#[test]
fn the_verdict_on_a_server_s_illegal_frames_is_the_same() {
    let cases = [
        vec![Frame::text("a").masked(KEY)],
        vec![Frame::ping("").unfinished()],
        vec![Frame::pong(vec![0; 126])],
        vec![Frame::continuation("a")],
        vec![Frame::text("a").unfinished(), Frame::binary("b")],
        vec![Frame::text("a").with_rsv(4)],
        vec![Frame::new(opcode(3), "")],
        vec![Frame::new(opcode(11), "")],
        vec![Frame::text(&b"\xff"[..])],
        vec![Frame::new(Opcode::CLOSE, "a")],
        vec![Frame::close(StatusCode(1005), "")],
        vec![Frame::close(StatusCode(1000), b"\xff")],
    ];
    for frames in cases {
        let mut decoder = Decoder::strict(Sender::Server, 16 << 20);
        decoder.push(&encoded(&frames));
        let ours = loop {
            match decoder.next_frame() {
                Ok(Some(_)) => {}
                Ok(None) => break 0,
                Err(violation) => break violation.status_code().0,
            }
        };
        let mut client = witness(Role::Client, encoded(&frames));
        let theirs = loop {
            match client.read() {
                Ok(Message::Close(_)) => break 1002,
                Ok(_) => {}
                Err(Error::Utf8(_)) => break 1007,
                Err(Error::Protocol(
                    ProtocolError::ResetWithoutClosingHandshake,
                )) => break 0,
                Err(_) => break 1002,
            }
        };
        assert_eq!(ours, theirs, "{frames:?}");
    }
}

/// Where we are stricter, on purpose, and where it is.
#[test]
fn the_known_differences() {
    // tungstenite takes a length that is not in its shortest form.
    let long = Frame::text("a").with_length_form(LengthForm::Bits64);
    let long = [long.masked(KEY)];
    assert_eq!(ours(&long), Some(Violation::LengthNotShortest(1)));
    assert_eq!(as_server(&long).0, [Message::text("a")]);
    // 1014 was registered after the RFC; tungstenite does not know it.
    let late = [Frame::close(StatusCode::BAD_GATEWAY, "").masked(KEY)];
    assert_eq!(ours(&late), None);
    let CloseCode::Bad(1014) = CloseCode::from(1014) else {
        panic!("tungstenite has learned 1014: drop this difference");
    };
}

fn opcode(bits: u8) -> Opcode {
    Opcode::new(bits).expect("four bits")
}

proptest! {
    /// Random sequences of frames, legal or not: the two agree on whether
    /// the connection lives.
    #[test]
    fn random_sequences_get_the_same_verdict(
        frames in prop::collection::vec(
            (any::<bool>(), 0..3_u8, any::<bool>(), "\\PC{0,8}"),
            1..6,
        ),
    ) {
        let frames: Vec<_> = frames
            .into_iter()
            .map(|(fin, bits, ping, text)| {
                let frame = if ping {
                    Frame::ping(text.into_bytes()[..].iter().copied()
                        .take(125).collect::<Vec<_>>())
                } else {
                    Frame::new(opcode(bits), text)
                };
                let frame = if fin || ping { frame } else { frame.unfinished() };
                frame.masked(KEY)
            })
            .collect();
        let (_, error) = as_server(&frames);
        let failed = !matches!(
            error,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        );
        prop_assert_eq!(ours(&frames).is_some(), failed);
    }
}
