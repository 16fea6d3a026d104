//! The inflater against two witnesses: zlib-rs, and blocks written by hand.

use proptest::prelude::*;
use rfc6455::extension::extensions;
use rfc6455::handshake::Fields;
use rfc7692::{
    Agreement, BadAgreement, BadParameter, Blocks, Compressor, Inflater,
    NotInflated, Parameters,
};

const LIMIT: usize = 1 << 20;

fn inflate(payload: &[u8]) -> Result<Vec<u8>, NotInflated> {
    Inflater::new(15, true).message(payload, LIMIT)
}

/// Text in which much repeats, and not too near.
fn text(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut octets = Vec::new();
    while octets.len() < length {
        state = state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let word = state >> 20 & 0x1ff;
        octets.extend_from_slice(format!("word{word} ").as_bytes());
    }
    octets.truncate(length);
    octets
}

#[test]
fn the_examples_of_the_rfc_are_hello() {
    let payloads: [&[u8]; 4] = [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9,
            0x07, 0x00,
        ],
    ];
    for payload in payloads {
        assert_eq!(inflate(payload), Ok(b"Hello".to_vec()), "{payload:x?}");
    }
    let mut inflater = Inflater::new(15, true);
    assert_eq!(inflater.message(payloads[0], LIMIT), Ok(b"Hello".to_vec()));
    let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(inflater.message(&second, LIMIT), Ok(b"Hello".to_vec()));
    assert_eq!(inflate(&[0]), Ok(Vec::new()));
}

#[test]
fn a_window_is_kept_to_the_octet() {
    for bits in 8..=15 {
        let window = 1_u32 << bits;
        let filler = text(window as usize, 1);
        let first = Compressor::new(15, true).message(&filler);
        let mut inflater = Inflater::new(bits, true);
        assert_eq!(inflater.message(&first, LIMIT), Ok(filler));
        let distance = u16::try_from(window).expect("at most 32,768");
        let fits = Blocks::new().reference(b"", distance).message();
        assert!(inflater.clone().message(&fits, LIMIT).is_ok(), "{bits}");
        let available = usize::from(distance);
        if bits < 15 {
            let over = Blocks::new()
                .reference(b"", distance + 1)
                .message();
            assert_eq!(
                inflater.message(&over, LIMIT),
                Err(NotInflated::Distance {
                    distance: available + 1,
                    available
                })
            );
        }
    }
}

#[test]
fn the_compressor_keeps_every_window_and_each_takeover() {
    let messages: Vec<_> = (0..6).map(|it| text(20_000, it / 2)).collect();
    for bits in 8..=15 {
        for takes_over in [true, false] {
            let mut compressor = Compressor::new(bits, takes_over);
            let mut inflater = Inflater::new(bits, takes_over);
            let mut sizes = Vec::new();
            for message in &messages {
                let payload = compressor.message(message);
                sizes.push(payload.len());
                assert_eq!(
                    inflater.message(&payload, LIMIT).as_ref(),
                    Ok(message),
                    "{bits} {takes_over}"
                );
            }
            let empty = compressor.message(b"");
            assert_eq!(inflater.message(&empty, LIMIT), Ok(Vec::new()));
            // Whether the same text is short the second time tells which.
            let is_short = bits == 15 && takes_over;
            assert_eq!(2 * sizes[1] < sizes[0], is_short, "{bits}: {sizes:?}");
        }
    }
}

#[test]
fn without_takeover_nothing_is_left_of_the_message_before() {
    let mut compressor = Compressor::new(15, true);
    let mut inflater = Inflater::new(15, false);
    let message = text(1000, 7);
    let first = compressor.message(&message);
    assert_eq!(inflater.message(&first, LIMIT), Ok(message.clone()));
    let second = compressor.message(&message);
    assert!(matches!(
        inflater.message(&second, LIMIT),
        Err(NotInflated::Distance { available: 0, .. })
    ));
}

#[test]
fn what_is_no_message_is_told_apart() {
    let blocks = Blocks::new;
    let cases = [
        (blocks().of_no_type().message(), NotInflated::BlockType),
        (
            blocks().stored_with_wrong_length().message(),
            NotInflated::StoredLength,
        ),
        (
            blocks().dynamic_without_a_code().message(),
            NotInflated::CodeLengths,
        ),
        (blocks().unfinished(b"Hello").octets(), NotInflated::Symbol),
        (Vec::new(), NotInflated::Unfinished),
        (blocks().stored(b"Hello").octets(), NotInflated::Unfinished),
        // A stored block that takes the tail for its own data.
        (vec![0, 4, 0, 0xfb, 0xff], NotInflated::Unfinished),
        (vec![0, 5, 0, 0xfa, 0xff, 1], NotInflated::Unfinished),
        (
            blocks().reference(b"abc", 4).message(),
            NotInflated::Distance {
                distance: 4,
                available: 3,
            },
        ),
    ];
    for (payload, error) in cases {
        let got = inflate(&payload);
        // Which of the two an unfinished block gives depends on its bits.
        if error == NotInflated::Symbol {
            assert!(got.is_err(), "{payload:x?}");
        } else {
            assert_eq!(got, Err(error), "{payload:x?}");
        }
    }
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let payload = Compressor::new(15, true).message(&vec![0; 8 << 20]);
    assert!(payload.len() < 10_000);
    let inflated = Inflater::new(15, true).message(&payload, 1000);
    assert_eq!(inflated, Err(NotInflated::TooLong(1000)));
}

#[test]
fn every_kind_of_block_is_read() {
    let all: Vec<u8> = (0..=255).collect();
    let payload = Blocks::new()
        .stored(&all)
        .fixed(&all)
        .dynamic(&all)
        .last()
        .fixed(&all)
        .stored(b"")
        .reference(b"", 256)
        .message();
    let mut expected = all.repeat(4);
    expected.extend_from_slice(&[0, 1, 2]);
    assert_eq!(inflate(&payload), Ok(expected));
}

fn parse(text: &str) -> Vec<rfc6455::extension::Extension> {
    let mut fields = Fields::default();
    let name = rfc6455::extension::FIELD.to_owned();
    fields.push(name, text.as_bytes().to_vec());
    extensions(&fields).expect("a list")
}

#[test]
fn an_answer_has_to_fit_an_offer() {
    let offer = |text: &str| -> Vec<_> {
        parse(text)
            .iter()
            .map(|it| Parameters::offered(it).expect("an offer"))
            .collect()
    };
    let agreed = |offers: &str, answer: &str| {
        Agreement::of(&offer(offers), &parse(answer))
    };
    let plain = Agreement {
        server_takes_over: true,
        client_takes_over: true,
        server_window_bits: 15,
        client_window_bits: 15,
    };
    const D: &str = "permessage-deflate";
    assert_eq!(agreed(D, ""), Ok(None));
    assert_eq!(agreed(D, D), Ok(Some(plain)));
    let all = "permessage-deflate; server_no_context_takeover; \
        client_no_context_takeover; server_max_window_bits=10; \
        client_max_window_bits";
    let answer = all.replace("window_bits", "window_bits=9");
    let answer = answer.replace("=9=10", "=9");
    assert_eq!(
        agreed(all, &answer),
        Ok(Some(Agreement {
            server_takes_over: false,
            client_takes_over: false,
            server_window_bits: 9,
            client_window_bits: 9,
        }))
    );
    // It fits the second of the offers.
    assert_eq!(agreed(&format!("{all}, {D}"), D), Ok(Some(plain)));
    let with = |parameter: &str| format!("{D}; {parameter}");
    let bad = [
        (
            D.to_owned(),
            "x-one".to_owned(),
            BadAgreement::NotOffered("x-one".into()),
        ),
        (D.to_owned(), format!("{D}, {D}"), BadAgreement::Twice),
        (
            with("server_no_context_takeover"),
            D.to_owned(),
            BadAgreement::LacksServerTakeover,
        ),
        (
            with("server_max_window_bits=10"),
            D.to_owned(),
            BadAgreement::LacksServerWindow(10),
        ),
        (
            with("server_max_window_bits=10"),
            with("server_max_window_bits=11"),
            BadAgreement::ServerWindow(10, 11),
        ),
        (
            D.to_owned(),
            with("client_max_window_bits=15"),
            BadAgreement::ClientWindowUnasked,
        ),
        (
            with("client_max_window_bits=10"),
            with("client_max_window_bits=11"),
            BadAgreement::ClientWindow(10, 11),
        ),
        (
            with("client_max_window_bits"),
            with("client_max_window_bits"),
            BadAgreement::Parameter(BadParameter::LacksValue(
                "client_max_window_bits".into(),
            )),
        ),
    ];
    for (offers, answer, error) in bad {
        assert_eq!(agreed(&offers, &answer), Err(error));
    }
    let not_offered = Agreement::of(&[], &parse(D));
    assert_eq!(not_offered, Err(BadAgreement::NotOffered(D.into())));
}

#[test]
fn bad_parameters_are_told_apart() {
    let cases = [
        ("foo", BadParameter::Unknown("foo".into())),
        (
            "server_no_context_takeover; server_no_context_takeover",
            BadParameter::Repeated("server_no_context_takeover".into()),
        ),
        (
            "client_no_context_takeover=1",
            BadParameter::HasValue(
                "client_no_context_takeover".into(),
                "1".into(),
            ),
        ),
        (
            "server_max_window_bits",
            BadParameter::LacksValue("server_max_window_bits".into()),
        ),
    ];
    for (parameters, error) in cases {
        let offer = parse(&format!("permessage-deflate; {parameters}"));
        assert_eq!(Parameters::offered(&offer[0]), Err(error));
    }
    for value in ["7", "16", "0", "-1", "08", "8.0", "x", "99999"] {
        let offer =
            format!("permessage-deflate; server_max_window_bits={value}");
        assert!(matches!(
            Parameters::offered(&parse(&offer)[0]),
            Err(BadParameter::WindowBits(..))
        ));
    }
    for bits in 8..=15 {
        let offer = format!(
            "permessage-deflate; server_max_window_bits={bits}; \
             client_max_window_bits=\"{bits}\""
        );
        let parameters = Parameters::offered(&parse(&offer)[0]);
        let parameters = parameters.expect("an offer");
        assert_eq!(parameters.server_max_window_bits, Some(bits));
        assert_eq!(parameters.to_string(), offer.replace('"', ""));
    }
}

proptest! {
    #[test]
    fn what_zlib_compresses_is_inflated(
        messages in prop::collection::vec(
            prop::collection::vec(0_u8..20, 0..5000), 1..8,
        ),
        bits in 8_u8..=15,
        takes_over in any::<bool>(),
    ) {
        let mut compressor = Compressor::new(bits, takes_over);
        let mut inflater = Inflater::new(bits, takes_over);
        for message in messages {
            let payload = compressor.message(&message);
            prop_assert_eq!(inflater.message(&payload, LIMIT), Ok(message));
        }
    }

    /// The other way round, and where both say that it is no message.
    #[test]
    fn rubbish_is_judged_as_zlib_does(
        mut payload in prop::collection::vec(any::<u8>(), 0..200),
        broken in any::<prop::sample::Index>(),
        from_zlib in any::<bool>(),
    ) {
        use flate2::{Decompress, FlushDecompress, Status};
        if from_zlib {
            let at = broken.index(payload.len() + 1).saturating_sub(1);
            payload = Compressor::new(15, true).message(&payload);
            let at = at.min(payload.len() - 1);
            payload[at] ^= 1 << (at % 8);
        }
        let ours = inflate(&payload);
        let mut whole = payload.clone();
        whole.extend_from_slice(&rfc7692::TAIL);
        let mut theirs = vec![0; LIMIT];
        let mut zlib = Decompress::new(false);
        let status = zlib.decompress(&whole, &mut theirs, FlushDecompress::Sync);
        match (ours, status) {
            (Ok(message), Ok(Status::Ok | Status::BufError)) => {
                prop_assert_eq!(
                    usize::try_from(zlib.total_out()).expect("a size"),
                    message.len()
                );
                prop_assert!(theirs.starts_with(&message));
            }
            // Behind BFINAL zlib reads no further; and it does not mind where
            // the data ends.
            (_, Ok(Status::StreamEnd)) => {}
            (Err(NotInflated::Unfinished), Ok(_)) => {}
            (Err(_), Err(_)) => {}
            (ours, status) => {
                prop_assert!(false, "{ours:?} {status:?}");
            }
        }
    }
}
