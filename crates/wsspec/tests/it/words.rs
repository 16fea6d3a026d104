//! Autobahn's words for broken servers are those that Autobahn itself has
//! given to servers broken in the same way.
//!
//! Base: the reference endpoint gets OK/OK in all 517 cases but the three that
//! are informational. Each row is one defect with the cases whose words it
//! changes, as measured with the original.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rfc6455::{Decoder, Frame, LengthForm, Opcode, handshake};
use tokio::sync::Semaphore;
use wsspec::{Endpoint, Runner, cases};
use wsspec_reference::{Defect, Kind, Reference};

type Words = BTreeMap<&'static str, (String, String)>;

async fn words(defect: Option<Defect>) -> Words {
    words_as(Kind::Large, defect, |defect, id| {
        !is_compressed(id) && (is_told_of_group_9(defect) || !covers("9", id))
    })
    .await
}

/// The words for groups 12 and 13.
async fn words_compressed(kind: Kind, defect: Option<Defect>) -> Words {
    words_as(kind, defect, |_, id| is_compressed(id)).await
}

async fn words_as(
    kind: Kind,
    defect: Option<Defect>,
    is_run: fn(Option<Defect>, &str) -> bool,
) -> Words {
    let reference = Reference::start_as(kind, defect).await;
    let url = reference.url().parse().expect("a URL");
    // Not with Autobahn's own timers, which a busy machine could outrun.
    let endpoint = Endpoint::new(url, Duration::from_millis(200));
    words_over(endpoint, 64, |id| is_run(defect, id)).await
}

fn is_compressed(id: &str) -> bool {
    covers("12", id) || covers("13", id)
}

/// Whether the original's words for group 9 are known, too.
fn is_told_of_group_9(defect: Option<Defect>) -> bool {
    matches!(
        defect,
        None | Some(Defect::WrongOctets | Defect::FragmentsCounted)
    )
}

async fn words_over(
    endpoint: Endpoint,
    jobs: usize,
    is_run: impl Fn(&str) -> bool,
) -> Words {
    let carrying =
        cases::all().filter(|case| case.autobahn.is_some_and(&is_run));
    let judged = Runner::new(endpoint, jobs)
        .run(carrying, |_| {})
        .await;
    judged
        .iter()
        .filter_map(|judged| {
            let words = judged.words.as_ref()?;
            let words =
                (words.behavior.to_string(), words.behavior_close.to_string());
            Some((judged.case.autobahn?, words))
        })
        .collect()
}

/// The words of several defects, a few at a time.
async fn words_of(defects: impl Iterator<Item = Defect>) -> Vec<Words> {
    let at_a_time = Arc::new(Semaphore::new(3));
    let mut running = Vec::new();
    for defect in defects {
        let at_a_time = Arc::clone(&at_a_time);
        running.push(tokio::spawn(async move {
            let _permit = at_a_time.acquire_owned().await;
            words(Some(defect)).await
        }));
    }
    let mut all = Vec::new();
    for running in running {
        all.push(running.await.expect("no panic"));
    }
    all
}

const INFORMATIONAL: [&str; 3] = ["7.1.6", "7.13.1", "7.13.2"];

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_defect_is_ok_in_every_case() {
    let mut words = words(None).await;
    words.extend(words_compressed(Kind::Deflate, None).await);
    assert_eq!(words.len(), 517);
    for (id, (behavior, close)) in words {
        let expected = match INFORMATIONAL.contains(&id) {
            true => "INFORMATIONAL",
            false => "OK",
        };
        assert_eq!((&*behavior, &*close), (expected, expected), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_compress_has_not_implemented_it() {
    let words = words_compressed(Kind::Plain, None).await;
    assert_eq!(words.len(), 216);
    for (id, (behavior, close)) in words {
        assert_eq!((&*behavior, &*close), ("UNIMPLEMENTED", "OK"), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_compression_autobahn_sees_what_comes_back_alone() {
    for (defect, expected) in COMPRESSED {
        let words = words_compressed(Kind::Deflate, Some(*defect)).await;
        assert_eq!(words.len(), 216);
        for (id, words) in words {
            let words = (&*words.0, &*words.1);
            assert_eq!(words, (*expected, "OK"), "{defect:?} {id}");
        }
    }
}

/// Each defect with the word that all of groups 12 and 13 get.
const COMPRESSED: &[(Defect, &str)] = &[
    (Defect::NeverCompresses, "OK"),
    (Defect::NoTakeoverNotAnswered, "OK"),
    (Defect::ServerWindowNotAnswered, "OK"),
    (Defect::WrongOctets, "FAILED"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_moves_the_words_that_it_moved_in_autobahn() {
    let mut wrong = String::new();
    let all = words_of(MOVES.iter().map(|(defect, _)| *defect)).await;
    for ((defect, moves), words) in MOVES.iter().zip(all) {
        for (id, (behavior, close)) in words {
            if INFORMATIONAL.contains(&id) {
                continue;
            }
            // Whoever overlooks something here reads whole frames first.
            let late = defect.overlooks() && covers("6.4.3-6.4.4", id);
            let expected = moves
                .iter()
                .rev()
                .find(|(ids, ..)| ids.split(' ').any(|it| covers(it, id)))
                .map_or(
                    if late {
                        ("NON-STRICT", "OK")
                    } else {
                        ("OK", "OK")
                    },
                    |(_, behavior, close)| (*behavior, *close),
                );
            let close_fits = expected.1 == "*" || expected.1 == close;
            if expected.0 != behavior || !close_fits {
                wrong += &format!(
                    "{defect:?} {id}: {behavior}/{close}, not {}/{}\n",
                    expected.0, expected.1
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_cases_fail_as_in_autobahn() {
    let mut wrong = String::new();
    let all = words_of(COUNTS.iter().map(|(defect, _)| *defect)).await;
    for ((defect, expected), words) in COUNTS.iter().zip(all) {
        let failed = words
            .values()
            .filter(|(it, _)| it == "FAILED")
            .count();
        if failed != *expected {
            wrong += &format!("{defect:?}: {failed}, not {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whether a pattern such as `5.6-5.8`, `6.4` or `3.1` covers an id.
fn covers(pattern: &str, id: &str) -> bool {
    let parts = |id: &str| -> Vec<u32> {
        id.split('.')
            .filter_map(|part| part.parse().ok())
            .collect()
    };
    match pattern.split_once('-') {
        Some((first, last)) => {
            let (first, last, id) = (parts(first), parts(last), parts(id));
            first.len() == id.len() && first <= id && id <= last
        }
        None => id == pattern || id.starts_with(&format!("{pattern}.")),
    }
}

const INVALID_TEXT: &str = "6.3 6.4 6.6.1 6.6.3-6.6.4 6.6.6 6.6.8 6.6.10 6.8 \
    6.10 6.11.5 6.12 6.13 6.14 6.15 6.16 6.17 6.18 6.19 6.20 6.21";

const PINGED: &str = "2.1-2.4 2.6 2.9-2.11 5.6-5.8 5.19-5.20";

/// Ids, and the words for behaviour and close that they get.
type Move = (&'static str, &'static str, &'static str);

/// Each defect with what it moves.
const MOVES: &[(Defect, &[Move])] = &[
    (
        Defect::ReservedBitsIgnored,
        &[("3.1-3.6", "FAILED", "FAILED")],
    ),
    (
        Defect::ReservedOpcodeIgnored,
        &[
            ("4", "FAILED", "FAILED"),
            ("4.1.1-4.1.2 4.2.1-4.2.2", "OK", "FAILED"),
        ],
    ),
    (
        Defect::ReservedDataIsText,
        &[("4", "FAILED", "FAILED"), ("4.2.1-4.2.2", "OK", "FAILED")],
    ),
    (
        Defect::LongControl,
        &[
            ("2.5", "FAILED", "FAILED"),
            ("7.3.6", "OK", "FAILED BY CLIENT"),
        ],
    ),
    (Defect::PingNotAnswered, &[(PINGED, "FAILED", "OK")]),
    (Defect::PingAnsweredTwice, &[(PINGED, "FAILED", "OK")]),
    (Defect::PingsFirst, &[("6.4.3-6.4.4", "FAILED", "OK")]),
    (Defect::PongsFirst, &[("1 2 3 4 5 6 7 10", "FAILED", "*")]),
    (Defect::EchoInFragments, &[]),
    (
        Defect::PongEmpty,
        &[(PINGED, "FAILED", "OK"), ("2.1", "OK", "OK")],
    ),
    (
        Defect::PongHeldBack,
        &[("5.6-5.8 5.19-5.20", "FAILED", "OK")],
    ),
    (Defect::ControlFinIgnored, &[("5.1", "FAILED", "OK")]),
    (
        Defect::StrayContinuationStarts,
        &[("5.9-5.11 5.17", "FAILED", "FAILED")],
    ),
    (
        Defect::StrayContinuationIgnored,
        &[("5.9-5.17", "FAILED", "FAILED")],
    ),
    (Defect::Interleaving, &[("5.18", "FAILED", "FAILED")]),
    (Defect::NotUtf8Echoed, &[(INVALID_TEXT, "FAILED", "FAILED")]),
    (Defect::Utf8AtMessageEnd, &[("6.4", "NON-STRICT", "OK")]),
    (
        Defect::Utf8AtFrameEnd,
        &[("6.4.3-6.4.4", "NON-STRICT", "OK")],
    ),
    (
        Defect::Utf8EachFrameAlone,
        &[
            ("6.2.3-6.2.4", "FAILED", "FAILED"),
            ("6.4.2", "FAILED", "OK"),
            ("6.4.3-6.4.4", "NON-STRICT", "OK"),
        ],
    ),
    (Defect::NotUtf8Is1002, &[(INVALID_TEXT, "OK", "WRONG CODE")]),
    (
        Defect::BinaryAsText,
        &[
            ("1.2.1", "FAILED", "WRONG CODE"),
            ("1.2.2-1.2.8", "FAILED", "UNCLEAN"),
        ],
    ),
    (
        Defect::EchoCut,
        &[("1.1.7-1.1.8 1.2.7-1.2.8 10.1.1", "FAILED", "WRONG CODE")],
    ),
    (
        Defect::EmptyNotEchoed,
        &[
            ("1.1.1 1.2.1", "FAILED", "WRONG CODE"),
            ("6.1.1-6.1.2", "FAILED", "OK"),
        ],
    ),
    (Defect::FailsWithoutClose, &[]),
    (Defect::CloseAnsweredWithoutCode, &[]),
    (Defect::CloseAnsweredWith1000, &[]),
    (Defect::AnyCloseCode, &[("7.9", "FAILED", "WRONG CODE")]),
    (
        Defect::OneOctetClose,
        &[("7.3.2", "OK", "FAILED BY CLIENT")],
    ),
    (
        Defect::ReasonNotChecked,
        &[("7.5.1", "FAILED", "WRONG CODE")],
    ),
    (Defect::UnmaskedAccepted, &[]),
    (
        Defect::WrongAccept,
        &[("1 2 3 4 5 6 7 10", "FAILED", "FAILED")],
    ),
    (
        Defect::Status200,
        &[("1 2 3 4 5 6 7 10", "FAILED", "FAILED")],
    ),
    (
        Defect::ExtensionUnasked,
        &[("1 2 3 4 5 6 7 10", "FAILED", "FAILED")],
    ),
    (
        Defect::SubprotocolUnasked,
        &[("1 2 3 4 5 6 7 10", "FAILED", "FAILED")],
    ),
    (Defect::Greets, &[("1 2 3 4 5 6 7 10", "FAILED", "*")]),
    (
        Defect::FragmentsCounted,
        &[("9.3.1-9.3.3 9.4.1-9.4.3", "FAILED", "FAILED")],
    ),
];

/// Each defect with how many cases fail.
const COUNTS: &[(Defect, usize)] = &[
    (Defect::TextAsBinary, 98),
    (Defect::WrongOctets, 102),
    (Defect::EchoedTwice, 106),
    (Defect::MasksItsFrames, 173),
    // 166 there, of a server that takes only the next longer form, so that
    // eight messages of group 1 have the right one.
    (Defect::LongLengths, 174),
    (Defect::CloseNotAnswered, 0),
    // 7.1.1 to 7.1.5, 7.3.1, 7.3.3 to 7.3.5, and 7.7 without 7.7.2.
    (Defect::CloseAnsweredWith1001, 21),
    (Defect::CloseAnsweredWith1006, 0),
    (Defect::CloseAnsweredWithRubbish, 0),
    (Defect::TextBehindOwnClose, 127),
    (Defect::Greets, 244),
];

/// With Autobahn's own timers, as the original was.
async fn words_with_timers(defect: Defect) -> Words {
    let reference = Reference::start_as(Kind::Large, Some(defect)).await;
    let url = reference.url().parse().expect("a URL");
    let mut endpoint = Endpoint::new(url, Duration::from_secs(1));
    endpoint.autobahn_timers = true;
    words_over(endpoint, 64, |id| !is_compressed(id) && !covers("9", id)).await
}

#[tokio::test]
#[ignore = "Autobahn's timers are short, and a busy machine outruns them"]
async fn a_server_that_never_ends_tcp_is_ended_by_the_client() {
    use wsspec::autobahn::{Timer, timer};
    const SECOND: Duration = Duration::from_secs(1);
    let mut counts = BTreeMap::new();
    for (id, (behavior, close)) in words_with_timers(Defect::TcpStaysOpen).await
    {
        *counts.entry(close.clone()).or_insert(0) += 1;
        match (&*close, timer(id)) {
            ("OK" | "INFORMATIONAL", _) => {}
            ("FAILED BY CLIENT", Timer::Kill(after)) if after <= SECOND => {}
            ("UNCLEAN", Timer::Close(_)) => {}
            ("UNCLEAN", Timer::Kill(after)) if after > SECOND => {}
            _ => panic!("{id}: {behavior}/{close}"),
        }
    }
    let counts: Vec<_> = counts.into_iter().collect();
    let expected = [
        ("FAILED BY CLIENT", 95),
        ("INFORMATIONAL", 3),
        ("OK", 117),
        ("UNCLEAN", 32),
    ];
    assert_eq!(counts, expected.map(|(word, count)| (word.into(), count)));
}

#[tokio::test]
#[ignore = "Autobahn's timers are short, and a busy machine outruns them"]
async fn a_server_that_passes_over_closes_is_unclean() {
    let words = words_with_timers(Defect::CloseIgnored).await;
    let with = |behavior: &str, close: &str| -> Vec<&str> {
        let words = words
            .iter()
            .filter(|(_, (is, ends))| is == behavior && ends == close);
        words.map(|(id, _)| *id).collect()
    };
    assert_eq!(with("FAILED", "UNCLEAN"), ["7.1.3", "7.1.4", "7.1.5"]);
    assert_eq!(
        with("OK", "FAILED BY CLIENT"),
        [
            "7.3.2", "7.5.1", "7.9.1", "7.9.2", "7.9.3", "7.9.4", "7.9.5",
            "7.9.6", "7.9.7", "7.9.8", "7.9.9",
        ]
    );
    assert_eq!(with("OK", "UNCLEAN").len(), 124);
}

/// A server that judges nothing and answers each frame with these; it ends
/// after a Close.
fn frame_by_frame(answers: fn(Frame) -> Vec<Frame>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream, answers));
        }
    });
    format!("ws://{address}/ws")
}

fn serve(
    mut stream: TcpStream,
    answers: fn(Frame) -> Vec<Frame>,
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
    let accept = handshake::accept(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).ok()?;
    let mut decoder = Decoder::lenient(1 << 20);
    let mut buffer = [0; 4096];
    loop {
        let count = stream
            .read(&mut buffer)
            .ok()
            .filter(|it| *it > 0)?;
        decoder.push(&buffer[..count]);
        while let Some(frame) = decoder.next_frame().ok()? {
            let is_close = frame.opcode == Opcode::CLOSE;
            let mut octets = Vec::new();
            for answer in answers(frame) {
                answer.encode(&mut octets);
            }
            stream.write_all(&octets).ok()?;
            if is_close {
                stream.shutdown(std::net::Shutdown::Write).ok()?;
                // Without reading on, the end would be a reset.
                while stream.read(&mut buffer).ok()? > 0 {}
                return None;
            }
        }
    }
}

/// Each frame comes back as it is, with Pongs for Pings.
fn as_it_is(frame: Frame) -> Vec<Frame> {
    let opcode = match frame.opcode {
        Opcode::PING => Opcode::PONG,
        Opcode::PONG => return Vec::new(),
        opcode => opcode,
    };
    let answer = Frame::new(opcode, frame.payload);
    vec![match frame.fin {
        true => answer,
        false => answer.unfinished(),
    }]
}

async fn words_frame_by_frame(
    answers: fn(Frame) -> Vec<Frame>,
    ids: &str,
) -> Words {
    let url = frame_by_frame(answers).parse().expect("a URL");
    let endpoint = Endpoint::new(url, Duration::from_millis(200));
    words_over(endpoint, 16, |id| ids.split(' ').any(|it| covers(it, id))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_continuation_that_comes_back_fails_the_connection() {
    // The tester itself ends the connection then, before any message counts.
    let words = words_frame_by_frame(as_it_is, "5.9-5.17").await;
    assert_eq!(words.len(), 9);
    for (id, (behavior, close)) in words {
        assert_eq!((&*behavior, &*close), ("OK", "FAILED"), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_closes_the_last_code_counts() {
    let words = words_frame_by_frame(
        |frame| match frame.opcode {
            Opcode::CLOSE => {
                let first = Frame::new(Opcode::CLOSE, frame.payload);
                vec![first, Frame::close(rfc6455::StatusCode(1011), "")]
            }
            _ => as_it_is(frame),
        },
        "1.1.1 2.2 7.3.3 7.7.9",
    )
    .await;
    let expected = [
        ("1.1.1", "OK", "WRONG CODE"),
        ("2.2", "OK", "WRONG CODE"),
        ("7.3.3", "FAILED", "WRONG CODE"),
        // Its code is 1011.
        ("7.7.9", "OK", "OK"),
    ];
    let expected = expected.map(|(id, behavior, close)| {
        (id, (behavior.to_owned(), close.to_owned()))
    });
    assert_eq!(words, expected.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pong_with_a_longer_length_is_never_read() {
    let words = words_frame_by_frame(
        |frame| {
            let is_ping = frame.opcode == Opcode::PING;
            let longer = |it: Frame| match is_ping {
                true => it.with_length_form(LengthForm::Bits16),
                false => it,
            };
            as_it_is(frame).into_iter().map(longer).collect()
        },
        PINGED,
    )
    .await;
    assert_eq!(words.len(), 13);
    for (id, (behavior, _)) in words {
        assert_eq!(behavior, "FAILED", "{id}");
    }
}
