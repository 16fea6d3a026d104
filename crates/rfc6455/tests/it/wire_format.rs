//! The wire format against the RFC's own examples, and against itself.

use bytes::Bytes;
use proptest::prelude::*;
use rfc6455::{
    Decoder, Frame, Header, LengthForm, MaskingKey, Opcode, Sender, StatusCode,
    Violation,
};

const KEY: MaskingKey = MaskingKey([0x37, 0xfa, 0x21, 0x3d]);

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut octets = Vec::new();
    frame.encode(&mut octets);
    octets
}

/// RFC 6455 §5.7, one after the other.
#[test]
fn the_examples_of_section_5_7() {
    let kibibytes_64 = vec![0x2a; 65536];
    let examples: [(Frame, &[u8]); 8] = [
        (Frame::text("Hello"), b"\x81\x05\x48\x65\x6c\x6c\x6f"),
        (
            Frame::text("Hello").masked(KEY),
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        ),
        (Frame::text("Hel").unfinished(), b"\x01\x03\x48\x65\x6c"),
        (Frame::continuation("lo"), b"\x80\x02\x6c\x6f"),
        (Frame::ping("Hello"), b"\x89\x05\x48\x65\x6c\x6c\x6f"),
        (
            Frame::pong("Hello").masked(KEY),
            b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        ),
        (
            Frame::binary(vec![0x2a; 256]),
            &[&b"\x82\x7e\x01\x00"[..], &[0x2a; 256]].concat(),
        ),
        (
            Frame::binary(kibibytes_64.clone()),
            &[
                &b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"[..],
                &kibibytes_64,
            ]
            .concat(),
        ),
    ];
    for (frame, octets) in examples {
        assert_eq!(encoded(&frame), octets);
        let mut decoder = Decoder::lenient(u64::MAX);
        decoder.push(octets);
        assert_eq!(decoder.next_frame(), Ok(Some(frame)));
        assert!(decoder.is_between_frames());
    }
}

#[test]
fn a_length_may_be_written_longer_than_needed_and_is_read_back() {
    for form in [LengthForm::Bits16, LengthForm::Bits64] {
        let frame = Frame::text("Hello").with_length_form(form);
        let mut lenient = Decoder::lenient(1024);
        lenient.push(&encoded(&frame));
        assert_eq!(lenient.next_frame(), Ok(Some(frame.clone())));

        let mut strict = Decoder::strict(Sender::Server, 1024);
        strict.push(&encoded(&frame));
        assert_eq!(strict.next_frame(), Err(Violation::LengthNotShortest(5)));
    }
}

#[test]
fn a_declared_length_over_the_limit_fails_before_any_payload_comes() {
    for length in [1025, u64::MAX >> 1, u64::MAX] {
        let header = Header {
            payload_length: length,
            length_form: LengthForm::shortest(length),
            ..Frame::binary("").header()
        };
        let mut octets = Vec::new();
        header.encode(&mut octets);
        let mut decoder = Decoder::lenient(1024);
        decoder.push(&octets);
        let expected = Err(Violation::TooBig {
            length,
            limit: 1024,
        });
        assert_eq!(decoder.next_frame(), expected);
        assert_eq!(decoder.next_frame(), expected, "a failure is final");
    }
}

#[test]
fn a_server_s_mask_and_a_length_s_top_bit_are_violations() {
    let mut decoder = Decoder::strict(Sender::Server, 1024);
    decoder.push(&encoded(&Frame::text("a").masked(KEY)));
    assert_eq!(decoder.next_frame(), Err(Violation::Masked));

    let header = Header {
        payload_length: u64::MAX,
        length_form: LengthForm::Bits64,
        ..Frame::text("").masked(KEY).header()
    };
    let mut octets = Vec::new();
    header.encode(&mut octets);
    let mut decoder = Decoder::strict(Sender::Client, u64::MAX);
    decoder.push(&octets);
    assert_eq!(decoder.next_frame(), Err(Violation::LengthTopBit(u64::MAX)));
}

/// The octet that proves a violation is the last one that is needed.
#[test]
fn text_fails_inside_a_frame_at_the_octet_that_proves_it() {
    let frame = Frame::text(&b"\xce\xba\xf4\x90\x80\x80"[..]).masked(KEY);
    let octets = encoded(&frame);
    let fatal = octets.len() - 3;
    let mut decoder = Decoder::strict(Sender::Client, 1024);
    decoder.push(&octets[..fatal]);
    assert_eq!(decoder.next_frame(), Ok(None));
    decoder.push(&octets[fatal..=fatal]);
    assert_eq!(decoder.next_frame(), Err(Violation::TextNotUtf8));
}

#[test]
fn each_rule_has_its_violation() {
    let masked = |frame: Frame| frame.masked(KEY);
    let code = |code| masked(Frame::close(StatusCode(code), ""));
    let cases = [
        (vec![Frame::text("")], Violation::Unmasked),
        (
            vec![masked(Frame::ping("").with_rsv(4))],
            Violation::ReservedBits(4),
        ),
        (
            vec![masked(Frame::new(Opcode::from_first_octet(3), ""))],
            Violation::ReservedOpcode(Opcode::from_first_octet(3)),
        ),
        (
            vec![masked(Frame::ping("").unfinished())],
            Violation::FragmentedControl(Opcode::PING),
        ),
        (
            vec![masked(Frame::pong(vec![0; 126]))],
            Violation::ControlTooLong(Opcode::PONG, 126),
        ),
        (
            vec![masked(Frame::continuation(""))],
            Violation::NothingToContinue,
        ),
        (
            vec![
                masked(Frame::text("").unfinished()),
                masked(Frame::binary("")),
            ],
            Violation::MessageUnfinished(Opcode::BINARY),
        ),
        (
            vec![
                masked(Frame::text(&b"\xce"[..]).unfinished()),
                masked(Frame::continuation("")),
            ],
            Violation::TextNotUtf8,
        ),
        (
            vec![masked(Frame::new(Opcode::CLOSE, "a"))],
            Violation::CloseBodyOneOctet,
        ),
        (vec![code(1005)], Violation::CloseCode(StatusCode(1005))),
        (vec![code(2999)], Violation::CloseCode(StatusCode(2999))),
        (
            vec![masked(Frame::close(StatusCode(1000), b"\xff"))],
            Violation::ReasonNotUtf8,
        ),
    ];
    for (frames, violation) in cases {
        let mut decoder = Decoder::strict(Sender::Client, 1024);
        for frame in &frames {
            decoder.push(&encoded(frame));
        }
        let (last, before) = frames.split_last().expect("a case has frames");
        for frame in before {
            assert_eq!(decoder.next_frame(), Ok(Some(frame.clone())));
        }
        assert_eq!(decoder.next_frame(), Err(violation), "{last:?}");
    }
}

prop_compose! {
    fn any_frame()(
        fin: bool,
        rsv in 0..8_u8,
        opcode in 0..16_u8,
        key in prop::option::of(any::<[u8; 4]>()),
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..140),
            prop::collection::vec(any::<u8>(), 65530..65545),
        ],
        longer in 0..3,
    ) -> Frame {
        let forms =
            [LengthForm::Bits7, LengthForm::Bits16, LengthForm::Bits64];
        let shortest = LengthForm::shortest(payload.len() as u64);
        let at = forms.iter().position(|form| *form == shortest);
        let at = at.expect("a form of the three") + longer as usize;
        Frame {
            fin,
            rsv,
            opcode: Opcode::new(opcode).expect("four bits"),
            masking_key: key.map(MaskingKey),
            length_form: forms[at.min(2)],
            payload: Bytes::from(payload),
        }
    }
}

proptest! {
    /// Whatever can be held can be written, and reads back as it was.
    #[test]
    fn any_frame_survives_the_wire(frame in any_frame()) {
        let mut decoder = Decoder::lenient(u64::MAX);
        decoder.push(&encoded(&frame));
        prop_assert_eq!(decoder.next_frame(), Ok(Some(frame)));
        prop_assert!(decoder.is_between_frames());
    }

    /// Where the octets are cut changes nothing: neither a frame nor the
    /// violation, nor how many frames came before it.
    #[test]
    fn no_cut_changes_the_outcome(
        frames in prop::collection::vec(any_frame(), 1..4),
        cuts in prop::collection::vec(1..9_usize, 1..40),
        strict: bool,
    ) {
        let octets: Vec<u8> = frames.iter().flat_map(encoded).collect();
        let decoder = || if strict {
            Decoder::strict(Sender::Client, 1 << 20)
        } else {
            Decoder::lenient(1 << 20)
        };
        let whole = outcome(decoder(), [&octets[..]].into_iter());
        let mut rest = &octets[..];
        let mut cuts = cuts.iter().cycle();
        let pieces = std::iter::from_fn(|| {
            let most = if rest.len() > 1000 { 997 } else { 1 };
            let length = (cuts.next()? * most).min(rest.len());
            let (piece, after) = rest.split_at(length);
            rest = after;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(outcome(decoder(), pieces), whole);
    }

    /// A key applied in parts is the key applied at once.
    #[test]
    fn masking_in_parts_is_masking_at_once(
        key: [u8; 4],
        payload in prop::collection::vec(any::<u8>(), 0..100),
        cut in 0..100_usize,
    ) {
        let key = MaskingKey(key);
        let mut whole = payload.clone();
        key.apply(&mut whole);
        let mut parts = payload;
        let cut = cut.min(parts.len());
        let (first, second) = parts.split_at_mut(cut);
        key.apply(first);
        key.apply_from(cut as u64, second);
        prop_assert_eq!(parts, whole);
    }
}

fn outcome<'a>(
    mut decoder: Decoder,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Frame>, Option<Violation>) {
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(violation) => return (frames, Some(violation)),
            }
        }
    }
    (frames, None)
}
