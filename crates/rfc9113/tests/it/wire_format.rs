//! Frames: written and read back, cut anywhere, legal or not.

use proptest::prelude::*;
use rfc9113::{
    Decoder, ErrorCode, Flags, Frame, FrameType, Header, Payload, Priority,
    Rules, Sender, Setting, Violation,
};

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut octets = Vec::new();
    frame.encode(&mut octets);
    octets
}

/// What the frame says, to somebody who gets it after SETTINGS.
fn check(frame: &Frame) -> Result<Payload, Violation> {
    let mut rules = Rules::new(Sender::Server);
    rules.check(&Frame::settings(&[]))?;
    rules.check(frame)
}

/// RFC 9113 §6, type after type.
#[test]
fn every_type_is_written_as_the_rfc_draws_it() {
    let priority = Priority {
        exclusive: true,
        dependency: 3,
        weight: 15,
    };
    let examples: [(Frame, &[u8], Payload); 13] = [
        (
            Frame::data(1, "Hi").end_stream(),
            b"\0\0\x02\0\x01\0\0\0\x01Hi",
            Payload::Data("Hi".into()),
        ),
        (
            Frame::data(1, "Hi").padded(3),
            b"\0\0\x06\0\x08\0\0\0\x01\x03Hi\0\0\0",
            Payload::Data("Hi".into()),
        ),
        (
            Frame::headers(1, "\x00"),
            b"\0\0\x01\x01\x04\0\0\0\x01\0",
            Payload::Headers {
                priority: None,
                block: "\0".into(),
            },
        ),
        (
            Frame::new(
                FrameType::HEADERS,
                Flags::PRIORITY | Flags::END_HEADERS,
                1,
                &b"\x80\0\0\x03\x0f\x88"[..],
            )
            .padded(1),
            b"\0\0\x08\x01\x2c\0\0\0\x01\x01\x80\0\0\x03\x0f\x88\0",
            Payload::Headers {
                priority: Some(priority),
                block: (&b"\x88"[..]).into(),
            },
        ),
        (
            Frame::priority(5, priority),
            b"\0\0\x05\x02\0\0\0\0\x05\x80\0\0\x03\x0f",
            Payload::Priority(priority),
        ),
        (
            Frame::rst_stream(7, ErrorCode::CANCEL),
            b"\0\0\x04\x03\0\0\0\0\x07\0\0\0\x08",
            Payload::RstStream(ErrorCode::CANCEL),
        ),
        (
            Frame::settings(&[(Setting::ENABLE_CONNECT_PROTOCOL, 1)]),
            b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01",
            Payload::Settings(vec![(Setting::ENABLE_CONNECT_PROTOCOL, 1)]),
        ),
        (
            Frame::settings_ack(),
            b"\0\0\0\x04\x01\0\0\0\0",
            Payload::SettingsAck,
        ),
        (
            Frame::ping(*b"12345678"),
            b"\0\0\x08\x06\0\0\0\0\x0012345678",
            Payload::Ping(*b"12345678"),
        ),
        (
            Frame::ping_ack(*b"12345678"),
            b"\0\0\x08\x06\x01\0\0\0\x0012345678",
            Payload::PingAck(*b"12345678"),
        ),
        (
            Frame::go_away(9, ErrorCode::NO_ERROR, "bye"),
            b"\0\0\x0b\x07\0\0\0\0\0\0\0\0\x09\0\0\0\0bye",
            Payload::GoAway {
                last_stream: 9,
                code: ErrorCode::NO_ERROR,
                debug_data: "bye".into(),
            },
        ),
        (
            Frame::window_update(1, 0x7fff_ffff),
            b"\0\0\x04\x08\0\0\0\0\x01\x7f\xff\xff\xff",
            Payload::WindowUpdate(0x7fff_ffff),
        ),
        (
            Frame::new(FrameType(0x2a), Flags(0xff), 1, "?").with_reserved(),
            b"\0\0\x01\x2a\xff\x80\0\0\x01?",
            Payload::Unknown,
        ),
    ];
    for (frame, octets, payload) in examples {
        assert_eq!(encoded(&frame), octets, "{frame:?}");
        let mut decoder = Decoder::new(16_384);
        decoder.push(octets);
        assert_eq!(decoder.next_frame(), Ok(Some(frame.clone())));
        assert!(decoder.is_between_frames());
        assert_eq!(check(&frame), Ok(payload));
    }
}

#[test]
fn a_length_over_the_limit_fails_before_any_payload_comes() {
    let header = Header {
        length: 16_385,
        ..Frame::data(1, "").header()
    };
    let mut octets = Vec::new();
    header.encode(&mut octets);
    let mut decoder = Decoder::new(16_384);
    decoder.push(&octets);
    let expected = Err(Violation::TooBig {
        length: 16_385,
        limit: 16_384,
    });
    assert_eq!(decoder.next_frame(), expected);
    decoder.push(&encoded(&Frame::ping([0; 8])));
    assert_eq!(decoder.next_frame(), expected, "a failure is final");
    assert_eq!(decoder.unread(), octets, "and takes nothing more");
}

/// A server that knows only HTTP/1 answers the preface in its own way.
#[test]
fn http_1_is_no_frame_and_can_be_looked_at() {
    let octets = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let mut decoder = Decoder::new(16_384);
    decoder.push(octets);
    assert!(decoder.next_frame().is_err());
    assert_eq!(decoder.unread(), octets);
}

#[test]
fn every_broken_rule_of_a_frame_has_its_violation() {
    let with = |frame: Frame, payload: &'static [u8]| Frame {
        payload: payload.into(),
        ..frame
    };
    let code = ErrorCode::NO_ERROR;
    let push = || {
        let promise = &b"\0\0\0\x02\x88"[..];
        Frame::new(FrameType::PUSH_PROMISE, Flags::END_HEADERS, 1, promise)
    };
    for (frame, violation) in [
        (Frame::data(0, ""), Violation::OnConnection(FrameType::DATA)),
        (
            Frame::rst_stream(0, code),
            Violation::OnConnection(FrameType::RST_STREAM),
        ),
        (
            Frame {
                stream: 1,
                ..Frame::settings_ack()
            },
            Violation::OnStream(FrameType::SETTINGS, 1),
        ),
        (
            with(Frame::settings_ack(), b"\0\x01\0\0\0\0"),
            Violation::Length(FrameType::SETTINGS, 6),
        ),
        (
            with(Frame::settings(&[]), b"\0\x01\0\0\0"),
            Violation::Length(FrameType::SETTINGS, 5),
        ),
        (
            with(Frame::ping([0; 8]), b"1234567"),
            Violation::Length(FrameType::PING, 7),
        ),
        (
            with(Frame::go_away(0, code, ""), b"1234567"),
            Violation::Length(FrameType::GOAWAY, 7),
        ),
        (
            with(Frame::rst_stream(1, code), b"12345"),
            Violation::Length(FrameType::RST_STREAM, 5),
        ),
        (
            Frame::data(1, "").with_flags(Flags::PADDED),
            Violation::Length(FrameType::DATA, 0),
        ),
        (
            Frame::headers(1, "1234").with_flags(Flags::PRIORITY),
            Violation::Length(FrameType::HEADERS, 4),
        ),
        (
            Frame::data(1, &b"\x03ab"[..]).with_flags(Flags::PADDED),
            Violation::PaddingTooLong {
                frame_type: FrameType::DATA,
                padding: 3,
            },
        ),
        (push(), Violation::Push),
        (
            with(push(), b"\0\0\x02"),
            Violation::Length(FrameType::PUSH_PROMISE, 3),
        ),
        (Frame::window_update(1, 0), Violation::NoIncrement(1)),
        (Frame::window_update(1, 1 << 31), Violation::NoIncrement(1)),
        (Frame::continuation(1, ""), Violation::NothingToContinue),
    ] {
        assert_eq!(check(&frame), Err(violation), "{frame:?}");
    }
}

#[test]
fn settings_have_values_that_they_can_have() {
    let check = |sender, setting, value| {
        Rules::new(sender).check(&Frame::settings(&[(setting, value)]))
    };
    for (setting, good, bad, code) in [
        (
            Setting::ENABLE_CONNECT_PROTOCOL,
            1,
            2,
            ErrorCode::PROTOCOL_ERROR,
        ),
        (
            Setting::INITIAL_WINDOW_SIZE,
            0x7fff_ffff,
            0x8000_0000,
            ErrorCode::FLOW_CONTROL_ERROR,
        ),
        (
            Setting::MAX_FRAME_SIZE,
            0x4000,
            0x3fff,
            ErrorCode::PROTOCOL_ERROR,
        ),
        (
            Setting::MAX_FRAME_SIZE,
            0xff_ffff,
            0x100_0000,
            ErrorCode::PROTOCOL_ERROR,
        ),
        (Setting::ENABLE_PUSH, 0, 1, ErrorCode::PROTOCOL_ERROR),
    ] {
        assert!(check(Sender::Server, setting, good).is_ok());
        let violation = Violation::SettingValue(setting, bad);
        assert_eq!(violation.error_code(), code);
        assert_eq!(check(Sender::Server, setting, bad), Err(violation));
    }
    assert!(check(Sender::Client, Setting::ENABLE_PUSH, 1).is_ok());
    assert!(check(Sender::Server, Setting(0x7777), u32::MAX).is_ok());

    let connect =
        |value| Frame::settings(&[(Setting::ENABLE_CONNECT_PROTOCOL, value)]);
    let mut rules = Rules::new(Sender::Server);
    for value in [0, 1, 1] {
        assert!(rules.check(&connect(value)).is_ok());
    }
    let taken_back = Err(Violation::ConnectProtocolTakenBack);
    assert_eq!(rules.check(&connect(0)), taken_back);
}

#[test]
fn settings_come_first_and_a_field_section_in_one_piece() {
    let mut rules = Rules::new(Sender::Server);
    for frame in [Frame::settings_ack(), Frame::ping([0; 8])] {
        let expected = Violation::NotSettingsFirst(frame.frame_type);
        assert_eq!(rules.check(&frame), Err(expected));
    }
    for frame in [
        Frame::settings(&[]),
        Frame::headers(1, "").unfinished(),
        Frame::continuation(1, "").unfinished(),
    ] {
        assert!(rules.check(&frame).is_ok());
    }
    assert_eq!(rules.unfinished_fields(), Some(1));
    for frame in [
        Frame::continuation(3, ""),
        Frame::ping([0; 8]),
        Frame::data(1, ""),
        Frame::headers(1, ""),
        Frame::new(FrameType(0x2a), Flags::NONE, 1, ""),
    ] {
        let expected = Violation::FieldsUnfinished(frame.frame_type, 1);
        assert_eq!(rules.check(&frame), Err(expected));
    }
    assert!(rules.check(&Frame::continuation(1, "")).is_ok());
    assert!(rules.check(&Frame::ping([0; 8])).is_ok());
}

#[test]
fn everything_is_called_as_the_rfc_calls_it() {
    let shown = |frame: Frame| frame.header().to_string();
    assert_eq!(
        shown(Frame::headers(1, "abc").end_stream()),
        "HEADERS stream=1 END_STREAM END_HEADERS length=3"
    );
    assert_eq!(
        shown(Frame::settings_ack()),
        "SETTINGS stream=0 ACK length=0"
    );
    let odd = Frame::new(FrameType(0x2a), Flags(0x41), 1, "").with_reserved();
    assert_eq!(
        shown(odd),
        "TYPE 0x2a stream=1 RESERVED flags=0x41 length=0"
    );
    assert_eq!(ErrorCode::CANCEL.to_string(), "CANCEL");
    assert_eq!(ErrorCode(0xff).to_string(), "ERROR 0xff");
    assert_eq!(Setting(0x8).to_string(), "ENABLE_CONNECT_PROTOCOL");
    assert_eq!(Setting(0x7777).to_string(), "SETTING 0x7777");
}

prop_compose! {
    fn frame()(
        frame_type in prop_oneof![0..10_u8, any::<u8>()],
        flags in any::<u8>(),
        reserved in any::<bool>(),
        stream in prop_oneof![0..4_u32, 0..1_u32 << 31],
        payload in prop::collection::vec(any::<u8>(), 0..64),
    ) -> Frame {
        Frame {
            frame_type: FrameType(frame_type),
            flags: Flags(flags),
            reserved,
            stream,
            payload: payload.into(),
        }
    }
}

proptest! {
    #[test]
    fn any_frame_comes_back_however_it_is_cut(
        frames in prop::collection::vec(frame(), 0..8),
        piece in 1..40_usize,
    ) {
        let octets: Vec<_> = frames.iter().flat_map(encoded).collect();
        let mut decoder = Decoder::new(64);
        let mut decoded = Vec::new();
        for piece in octets.chunks(piece) {
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame()? {
                decoded.push(frame);
            }
        }
        prop_assert!(decoder.is_between_frames());
        prop_assert_eq!(decoded, frames);
    }

    #[test]
    fn no_frame_is_too_odd_to_be_judged(
        frames in prop::collection::vec(frame(), 0..8),
    ) {
        for sender in [Sender::Client, Sender::Server] {
            let mut rules = Rules::new(sender);
            for frame in &frames {
                _ = rules.check(frame).map_err(|it| it.to_string());
                _ = frame.header().to_string();
            }
        }
    }

    #[test]
    fn no_octets_are_too_odd_to_be_read(
        octets in prop::collection::vec(any::<u8>(), 0..400),
        limit in 0..200_u32,
    ) {
        let mut decoder = Decoder::new(limit);
        decoder.push(&octets);
        while let Ok(Some(frame)) = decoder.next_frame() {
            prop_assert!(frame.payload.len() <= 200);
        }
    }
}
