//! What the verifier takes, and what it does not.

use rfc6455::StatusCode;

use super::*;

const FIRST: u64 = 7 << 40;

/// The answers of a right echo to so many messages.
fn echoed(messages: &Messages, count: usize) -> Vec<u8> {
    let mut batch = messages.batch(count);
    messages.number(&mut batch, FIRST);
    if messages.protocol == Protocol::Raw {
        return batch;
    }
    let mut answers = Vec::new();
    for frame in batch.chunks_exact(messages.frame.len()) {
        let mut payload = frame[messages.header_of_frame..].to_vec();
        KEY.apply(&mut payload);
        Frame::binary(payload).encode(&mut answers);
    }
    answers
}

fn verifier(count: usize) -> Verifier {
    let mut verifier = Verifier::new(FIRST);
    verifier.sent(count);
    verifier
}

fn verdict(messages: &Messages, octets: &[u8]) -> Result<usize, Wrong> {
    verifier(2).take(messages, octets, &mut Vec::new())
}

const SIZES: [usize; 6] = [1, 15, 16, 125, 126, 66_000];

#[test]
fn a_right_echo_is_taken_whole() {
    for protocol in [Protocol::WebSocket, Protocol::Raw] {
        for size in SIZES {
            let messages = Messages::new(protocol, size);
            let answers = echoed(&messages, 2);
            assert_eq!(verdict(&messages, &answers), Ok(2), "{size}");
        }
    }
}

#[test]
fn it_may_be_cut_at_every_place() {
    for protocol in [Protocol::WebSocket, Protocol::Raw] {
        let messages = Messages::new(protocol, 130);
        let answers = echoed(&messages, 2);
        for cut in 0..answers.len() {
            let (head, tail) = answers.split_at(cut);
            let mut verifier = verifier(2);
            let mut complete = 0;
            for part in [head, tail] {
                complete += verifier
                    .take(&messages, part, &mut Vec::new())
                    .expect("a right echo");
            }
            assert_eq!((complete, verifier.awaited()), (2, 0), "{cut}");
            assert_eq!(verifier.offset(), answers.len() as u64);
        }
    }
}

#[test]
fn every_wrong_octet_is_found_where_it_is() {
    for protocol in [Protocol::WebSocket, Protocol::Raw] {
        let messages = Messages::new(protocol, 130);
        let answers = echoed(&messages, 2);
        for position in 0..answers.len() {
            let mut wrong = answers.clone();
            wrong[position] ^= 1;
            let mut verifier = verifier(2);
            let taken = verifier.take(&messages, &wrong, &mut Vec::new());
            assert!(taken.is_err(), "{position}");
            assert_eq!(verifier.offset(), position as u64);
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let messages = Messages::new(Protocol::WebSocket, 16);
    let answer = echoed(&messages, 1);
    let with = |position: usize, octet: u8| {
        let mut wrong = answer.clone();
        wrong[position] = octet;
        verdict(&messages, &wrong)
    };
    assert_eq!(with(0, 0x81), Err(Wrong::FirstOctet(0x81)));
    assert_eq!(with(0, 0x02), Err(Wrong::FirstOctet(0x02)));
    assert_eq!(with(0, 0xC2), Err(Wrong::FirstOctet(0xC2)));
    assert_eq!(with(1, 0x90), Err(Wrong::Masked));
    assert_eq!(with(1, 15), Err(Wrong::Length { expected: 16 }));
    let other = Wrong::Number { expected: FIRST };
    assert_eq!(with(9, 1), Err(other.clone()));
    let octet = Wrong::Octet {
        number: FIRST,
        position: 15,
        got: 99,
    };
    assert_eq!(with(17, 99), Err(octet));
    // The second comes first.
    let answers = echoed(&messages, 2);
    assert_eq!(verdict(&messages, &answers[answer.len()..]), Err(other));
}

#[test]
fn more_than_was_sent_is_too_much() {
    for protocol in [Protocol::WebSocket, Protocol::Raw] {
        let messages = Messages::new(protocol, 16);
        let answers = echoed(&messages, 3);
        assert_eq!(verdict(&messages, &answers), Err(Wrong::Surplus));
    }
}

#[test]
fn a_ping_between_answers_is_answered_and_nothing_else_is() {
    let messages = Messages::new(Protocol::WebSocket, 16);
    let mut octets = Vec::new();
    Frame::ping("a").encode(&mut octets);
    Frame::pong("b").encode(&mut octets);
    octets.extend(echoed(&messages, 1));
    let mut expected = Vec::new();
    Frame::pong("a").masked(KEY).encode(&mut expected);
    for cut in 0..octets.len() {
        let (head, tail) = octets.split_at(cut);
        let (mut verifier, mut aside) = (verifier(1), Vec::new());
        for part in [head, tail] {
            let taken = verifier.take(&messages, part, &mut aside);
            taken.expect("all is right");
        }
        assert_eq!((verifier.awaited(), &aside), (0, &expected), "{cut}");
    }
}

#[test]
fn a_close_is_an_error_unless_it_was_asked_for() {
    let messages = Messages::new(Protocol::WebSocket, 16);
    let mut octets = Vec::new();
    Frame::close(StatusCode(1001), "").encode(&mut octets);
    assert_eq!(verdict(&messages, &octets), Err(Wrong::Close(Some(1001))));
    assert_eq!(verdict(&messages, b"\x88\x00"), Err(Wrong::Close(None)));
    assert_eq!(verdict(&messages, b"\x89\x7e"), Err(Wrong::Control));
    assert_eq!(verdict(&messages, b"\x09\x00"), Err(Wrong::Control));
    assert_eq!(verdict(&messages, b"\x8b\x00"), Err(Wrong::Control));
    let mut verifier = Verifier::new(FIRST);
    verifier.closing();
    let taken = verifier.take(&messages, &octets, &mut Vec::new());
    assert_eq!((taken, verifier.is_closed()), (Ok(0), true));
}
