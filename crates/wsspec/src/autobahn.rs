//! Autobahn|Testsuite's words for what a server did.
//!
//! Autobahn (517 cases, version 25.10.1) gives each case two words: one for
//! the behaviour, one for how the connection was closed. [`judge`] finds both
//! in the [`Record`] of one connection that a case with that id has driven, so
//! nobody who comes from Autobahn has to learn new words at once, and our own
//! verdicts and Autobahn's come from the same octets.
//!
//! What a case of the original expects is not repeated here for each id. It
//! follows from what was sent, by playing a correct server.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use rfc6455::extension::{self, extensions};
use rfc6455::handshake::{RequestHead, ResponseHead};
use rfc6455::{
    Frame, LengthForm, Opcode, Rules, Sender, StatusCode, Violation,
};
use serde::Serialize;

use crate::record::{FrameRecord, Messages, Record, SharedRecord, Wait, What};
use crate::runner::Judged;

/// What Autobahn says of the behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Behavior {
    /// As it should be.
    Ok,
    /// Allowed, but not the best.
    NonStrict,
    /// Not judged.
    Informational,
    /// The server has not agreed on what the case needs.
    Unimplemented,
    /// Anything else.
    Failed,
}

/// What Autobahn says of the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum BehaviorClose {
    /// As it should be.
    #[serde(rename = "OK")]
    Ok,
    /// The wrong side closed first, or there was no connection.
    #[serde(rename = "FAILED")]
    Failed,
    /// A closing handshake was required and was not completed in time.
    #[serde(rename = "UNCLEAN")]
    Unclean,
    /// The server's status code is none of those that are accepted.
    #[serde(rename = "WRONG CODE")]
    WrongCode,
    /// The server left TCP open, and the tester had to end it.
    #[serde(rename = "FAILED BY CLIENT")]
    FailedByClient,
    /// Not judged.
    #[serde(rename = "INFORMATIONAL")]
    Informational,
}

/// Autobahn's entry for one case, with the names of its `index.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Words {
    /// The word for the behaviour.
    pub behavior: Behavior,
    /// The word for the end of the connection.
    pub behavior_close: BehaviorClose,
    /// The status code of the server's Close, if it sent one with a code.
    pub remote_close_code: Option<u16>,
    /// From the opened connection to the end of TCP, in milliseconds.
    pub duration: u64,
}

/// What Autobahn does when a case has lasted this long and no side has
/// closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// It sends a Close with 1001; a closing that is under way it cuts off.
    Kill(Duration),
    /// It sends a Close without a code.
    Close(Duration),
}

impl Timer {
    /// How long the case may last after what was sent last.
    #[must_use]
    pub fn after(self) -> Duration {
        match self {
            Self::Kill(after) | Self::Close(after) => after,
        }
    }

    /// The Close that Autobahn sends then.
    #[must_use]
    pub fn close(self) -> Frame {
        match self {
            Self::Kill(_) => Frame::close(StatusCode::GOING_AWAY, "Going Away"),
            Self::Close(_) => Frame::close_without_code(),
        }
    }
}

/// How long Autobahn waits for the answer to its Close, and then again for
/// the end of TCP.
pub const CLOSING: Duration = Duration::from_secs(1);

/// How long Autobahn waits between two parts of a case.
pub const LATER: Duration = Duration::from_secs(1);

/// What the tester offers in a case of groups 12 and 13.
#[must_use]
pub fn offer(id: &str) -> String {
    const FIRST: &str = "permessage-deflate; client_no_context_takeover; \
        client_max_window_bits";
    const NO_TAKEOVER: &str = "; server_no_context_takeover";
    const WINDOW_9: &str = "; server_max_window_bits=9";
    const WINDOW_15: &str = "; server_max_window_bits=15";
    let with = |more: &[&str]| format!("{FIRST}{}", more.concat());
    match id {
        id if is_of(id, "13.2") => with(&[NO_TAKEOVER]),
        id if is_of(id, "13.3") => with(&[WINDOW_9]),
        id if is_of(id, "13.4") => with(&[WINDOW_15]),
        id if is_of(id, "13.5") => with(&[NO_TAKEOVER, WINDOW_9]),
        id if is_of(id, "13.6") => with(&[NO_TAKEOVER, WINDOW_15]),
        id if is_of(id, "13.7") => [
            with(&[NO_TAKEOVER, WINDOW_9]),
            with(&[NO_TAKEOVER]),
            with(&[]),
        ]
        .join(", "),
        _ => with(&[]),
    }
}

/// Whether an id is one of the cases of compression.
fn is_compressed(id: &str) -> bool {
    is_of(id, "12") || is_of(id, "13")
}

/// The timer of an Autobahn case.
#[must_use]
pub fn timer(id: &str) -> Timer {
    let seconds = Duration::from_secs;
    match id {
        "1.1.6" | "1.1.7" | "1.1.8" | "1.2.6" | "1.2.7" | "1.2.8"
        | "10.1.1" => Timer::Kill(seconds(10)),
        id if is_of(id, "9") => Timer::Close(seconds(limit(id))),
        id if is_compressed(id) => Timer::Close(seconds(limit(id))),
        "2.5" => Timer::Kill(seconds(1)),
        "2.6" => Timer::Close(seconds(2)),
        "2.10" | "2.11" => Timer::Close(seconds(3)),
        "5.3" | "5.4" | "5.5" | "5.6" | "5.7" | "5.8" | "5.19" | "5.20" => {
            Timer::Close(seconds(1))
        }
        id if is_of(id, "2") || is_of(id, "6.1") || is_of(id, "6.2") => {
            Timer::Close(seconds(1))
        }
        id if is_of(id, "6.3") || is_of(id, "6.4") => Timer::Kill(seconds(1)),
        id if is_of(id, "6") => Timer::Kill(Duration::from_millis(500)),
        _ => Timer::Kill(seconds(1)),
    }
}

/// How many seconds a case of groups 9, 12 and 13 may take.
fn limit(id: &str) -> u64 {
    match id {
        id if is_compressed(id) => match id.rsplit('.').next() {
            Some("1" | "2") => 60,
            Some("3") => 120,
            Some("4") => 240,
            _ => 480,
        },
        "9.1.1" | "9.1.2" | "9.2.1" | "9.2.2" | "9.2.3" | "9.2.4" => 10,
        "9.7.4" | "9.8.4" => 120,
        "9.7.5" | "9.8.5" => 240,
        "9.7.6" | "9.8.6" => 480,
        id if is_of(id, "9.7") || is_of(id, "9.8") => 60,
        id if is_of(id, "9.5") || is_of(id, "9.6") => 1000,
        _ => 100,
    }
}

/// Whether the tester is the one that should close first.
#[must_use]
pub fn tester_closes(id: &str, record: &Record) -> bool {
    is_of(id, "7") || !is_of(id, "6.4") && !expected(record).violation
}

/// The two words for an Autobahn case, from the record of the connection on
/// which a case that carries it has run.
#[must_use]
pub fn judge(id: &str, record: &Record) -> Words {
    let observed = Observed::of(record);
    let mut words = Words {
        behavior: Behavior::Informational,
        behavior_close: BehaviorClose::Informational,
        remote_close_code: observed.close.as_ref().and_then(Close::code),
        duration: observed.duration,
    };
    if id == "7.1.6" || is_of(id, "7.13") {
        return words;
    }
    words.behavior = behavior(id, record, &observed);
    words.behavior_close = behavior_close(id, record, &observed);
    let code_decides = is_of(id, "7");
    let closer_decides = is_of(id, "6") && !tester_closes(id, record);
    match words.behavior_close {
        BehaviorClose::WrongCode if code_decides => {
            words.behavior = Behavior::Failed;
        }
        BehaviorClose::Failed if closer_decides => {
            words.behavior = Behavior::Failed;
        }
        _ => {}
    }
    words
}

/// The form of Autobahn's `index.json`.
pub type Index = BTreeMap<String, BTreeMap<&'static str, Words>>;

/// Autobahn's `index.json`: the server's name, and under it an entry for each
/// case that carries one of Autobahn's.
///
/// Without a name it is what the server calls itself in its Server field, and
/// `UnknownServer` if it does not.
#[must_use]
pub fn index<'a>(
    agent: Option<&str>,
    judged: impl IntoIterator<Item = &'a Judged>,
) -> Index {
    let mut name = agent.map(str::to_owned);
    let mut entries = BTreeMap::new();
    for judged in judged {
        let Some((id, words)) = judged.case.autobahn.zip(judged.words.clone())
        else {
            continue;
        };
        name = name.or_else(|| judged.records.iter().find_map(server_name));
        entries.insert(id, words);
    }
    let name = name.unwrap_or_else(|| "UnknownServer".to_owned());
    BTreeMap::from([(name, entries)])
}

fn server_name(record: &SharedRecord) -> Option<String> {
    let record = record
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    record.events().iter().find_map(|event| {
        let What::ReceivedHead(octets) = &event.what else {
            return None;
        };
        let (head, _) = ResponseHead::decode(octets).ok()??;
        let name = head.fields.only("Server")?;
        Some(String::from_utf8_lossy(name).into_owned())
    })
}

fn behavior(id: &str, record: &Record, observed: &Observed) -> Behavior {
    if !observed.opened {
        return Behavior::Failed;
    }
    if is_of(id, "6.4") {
        return match &observed.events[..] {
            [Event::Mark('A')] => Behavior::Ok,
            [Event::Mark('A'), Event::Mark('B')] => Behavior::NonStrict,
            _ => Behavior::Failed,
        };
    }
    if is_compressed(id) && !observed.agreed {
        return Behavior::Unimplemented;
    }
    if is_of(id, "9") || is_compressed(id) {
        return match echoed_in_length(record) {
            true => Behavior::Ok,
            false => Behavior::Failed,
        };
    }
    // Their second part was not sent, so what was sent does not tell what was
    // expected.
    let pings = sent(record).filter(|it| it.header.opcode == Opcode::PING);
    if matches!(id, "5.19" | "5.20") && pings.count() < 2 {
        return Behavior::Failed;
    }
    let expected = expected(record);
    if observed.events == expected.events {
        Behavior::Ok
    } else if expected.violation && observed.events.is_empty() {
        Behavior::NonStrict
    } else {
        Behavior::Failed
    }
}

fn behavior_close(
    id: &str,
    record: &Record,
    observed: &Observed,
) -> BehaviorClose {
    if !observed.opened {
        return BehaviorClose::Failed;
    }
    // In group 7 the tester counts as the first from the beginning.
    let by_tester = observed.closed_by_tester || is_of(id, "7");
    if by_tester != tester_closes(id, record) {
        return BehaviorClose::Failed;
    }
    let (clean, codes) = closing(id, record);
    if clean && !observed.is_clean() {
        return BehaviorClose::Unclean;
    }
    let code = observed.close.as_ref().and_then(Close::code);
    if code.is_some_and(|code| !codes.contains(&code)) {
        return BehaviorClose::WrongCode;
    }
    if observed.ended_by_tester {
        return BehaviorClose::FailedByClient;
    }
    BehaviorClose::Ok
}

/// Whether Autobahn's tester takes the answer to its request, of which our own
/// connection looks at less: it may name only extensions and subprotocols that
/// were offered.
fn is_taken(record: &Record) -> bool {
    let mut offered = None;
    let mut answered = None;
    for event in record.events() {
        match &event.what {
            What::SentHead(octets) => {
                offered = RequestHead::decode(octets).ok().flatten();
            }
            What::ReceivedHead(octets) => {
                answered = ResponseHead::decode(octets).ok().flatten();
            }
            What::Opened => break,
            _ => {}
        }
    }
    // The original does not speak HTTP/2, where there are no such heads.
    let (Some((offered, _)), Some((answered, _))) = (offered, answered) else {
        return true;
    };
    let (offered, answered) = (&offered.fields, &answered.fields);
    let Ok(accepted) = extensions(answered) else {
        return false;
    };
    let offers = extensions(offered).unwrap_or_default();
    let were_offered = accepted.iter().all(|accepted| {
        let mut offers = offers.iter();
        offers.any(|offer| offer.name == accepted.name)
    });
    let protocol = "Sec-WebSocket-Protocol";
    let spoken = answered.only(protocol).unwrap_or_default();
    let was_asked = spoken.is_empty()
        || offered
            .list(protocol)
            .any(|asked| asked == spoken);
    were_offered
        && was_asked
        && answered.all(extension::FIELD).count() <= 1
        && answered.all(protocol).count() <= 1
}

/// Whether what was sent in masses has come back, by type, length and number:
/// Autobahn does not look at the octets.
fn echoed_in_length(record: &Record) -> bool {
    let mut sent = None;
    record
        .events()
        .iter()
        .any(|event| match &event.what {
            What::SentMessages(messages) => {
                sent = Some(*messages);
                false
            }
            What::ReceivedMessages(messages) => sent.is_some_and(|sent| {
                // The server may cut them as it likes.
                *messages
                    == Messages {
                        frames: messages.frames,
                        ..sent
                    }
            }),
            _ => false,
        })
}

/// Whether the closing handshake must be completed, and with which codes.
fn closing(id: &str, record: &Record) -> (bool, Vec<u16>) {
    match id {
        "7.3.2" | "7.3.6" => return (false, vec![1002]),
        "7.5.1" => return (false, vec![1002, 1007]),
        _ => {}
    }
    if is_of(id, "7.9") {
        return (false, vec![1002]);
    }
    if is_of(id, "7.7") {
        let code = sent(record)
            .find(|frame| frame.header.opcode == Opcode::CLOSE)
            .and_then(|frame| frame.payload.first_chunk())
            .map(|code| u16::from_be_bytes(*code));
        return (true, std::iter::once(1000).chain(code).collect());
    }
    if tester_closes(id, record) {
        return (true, vec![1000]);
    }
    (false, vec![if is_of(id, "6") { 1007 } else { 1002 }])
}

/// Something that Autobahn counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Message(Opcode, Bytes),
    Pong(Bytes),
    Mark(char),
}

/// What a correct server answers to what was sent.
struct Expected {
    events: Vec<Event>,
    /// Whether what was sent breaks a rule.
    violation: bool,
}

/// Plays a correct server over the frames that were sent: it answers up to
/// the first violation or Close.
fn expected(record: &Record) -> Expected {
    let mut events = Vec::new();
    let mut rules = Rules::new(Sender::Client);
    let mut message = Assembly::default();
    for frame in sent(record) {
        let legal = rules
            .header(&frame.header)
            .and_then(|()| rules.payload(&frame.payload))
            .and_then(|()| rules.end(&frame.header));
        if legal.is_err() {
            return Expected {
                events,
                violation: true,
            };
        }
        match frame.header.opcode {
            Opcode::CLOSE => break,
            Opcode::PING => events.push(Event::Pong(frame.payload.clone())),
            Opcode::PONG => {}
            _ => events.extend(message.add(frame)),
        }
    }
    Expected {
        events,
        violation: false,
    }
}

/// Puts fragments together.
#[derive(Default)]
struct Assembly(Option<(Opcode, Vec<u8>)>);

impl Assembly {
    fn add(&mut self, frame: &FrameRecord) -> Option<Event> {
        let opcode = frame.header.opcode;
        let (_, octets) = self.0.get_or_insert_with(|| (opcode, Vec::new()));
        octets.extend_from_slice(&frame.payload);
        if !frame.header.fin {
            return None;
        }
        let (opcode, octets) = self.0.take()?;
        Some(Event::Message(opcode, octets.into()))
    }
}

fn sent(record: &Record) -> impl Iterator<Item = &FrameRecord> {
    record
        .events()
        .iter()
        .filter_map(|event| match &event.what {
            What::SentFrame(frame) => Some(frame),
            _ => None,
        })
}

/// The body of a Close that came.
#[derive(Clone, Debug)]
struct Close {
    body: Bytes,
    legal: bool,
}

impl Close {
    fn of(frame: &FrameRecord) -> Self {
        let header = &frame.header;
        let is_close = frame.payload.len() != 1
            && header.payload_length <= 125
            && header.length_form == LengthForm::Bits7
            && header.masking_key.is_none()
            && header.rsv == 0;
        if !is_close {
            // Autobahn fails the connection before it reads a code.
            return Self {
                body: Bytes::new(),
                legal: false,
            };
        }
        let mut close = Self {
            body: frame.payload.clone(),
            legal: true,
        };
        let reason = close.body.get(2..).unwrap_or_default();
        // Codes that were registered after Autobahn was written are none to
        // it.
        close.legal = std::str::from_utf8(reason).is_ok()
            && close.code().is_none_or(
                |code| matches!(code, 1000..=1003 | 1007..=1011 | 3000..=4999),
            );
        close
    }

    fn code(&self) -> Option<u16> {
        self.body
            .first_chunk()
            .map(|code| u16::from_be_bytes(*code))
    }
}

/// What Autobahn would have noted.
#[derive(Debug, Default)]
struct Observed {
    opened: bool,
    /// Whether compression was agreed on.
    agreed: bool,
    events: Vec<Event>,
    close: Option<Close>,
    close_sent: bool,
    /// The tester sent the first Close, or failed the connection.
    closed_by_tester: bool,
    /// The server sent what no server may.
    illegal: bool,
    /// A wait for a Close or for the end of TCP was in vain.
    timed_out: bool,
    ended_by_tester: bool,
    duration: u64,
}

/// The frame that came last.
#[derive(Debug, Default)]
struct Last {
    /// Whether it made an event.
    was_counted: bool,
    is_control: bool,
    /// Whether a close was under way before it.
    was_closing: bool,
}

impl Observed {
    fn of(record: &Record) -> Self {
        let mut observed = Self::default();
        let mut message = Assembly::default();
        let mut opened_at = Duration::ZERO;
        let mut ended = false;
        let mut last = Last::default();
        let mut dropped = false;
        if !is_taken(record) {
            return observed;
        }
        for event in record.events() {
            match &event.what {
                What::Opened => {
                    observed.opened = true;
                    opened_at = event.at;
                }
                What::Agreed => observed.agreed = true,
                What::Mark(mark) => observed.events.push(Event::Mark(*mark)),
                What::SentFrame(frame) => observed.sent(frame),
                What::ReceivedFrame(_) if dropped => {}
                What::ReceivedFrame(frame) => {
                    let before = observed.events.len();
                    let was_closing = observed.is_closing();
                    observed.received(frame, &mut message);
                    last = Last {
                        was_counted: observed.events.len() > before,
                        is_control: frame.header.opcode.is_control(),
                        was_closing,
                    };
                }
                What::Illegal(violation) => {
                    // Autobahn fails the connection: from then on no message
                    // is taken, also from this frame, but a Pong is. Where a
                    // close is under way, it drops TCP before it reads on. A
                    // control frame with a longer length form breaks two of
                    // its rules, and the second comes while it closes.
                    let is_two =
                        matches!(violation, Violation::LengthNotShortest(_))
                            && last.is_control;
                    dropped = last.was_closing || is_two;
                    observed.illegal = true;
                    if last.was_counted && (!last.is_control || dropped) {
                        observed.events.pop();
                    }
                    last.was_counted = false;
                }
                What::TimedOut(Wait::Close | Wait::End) => {
                    observed.timed_out = true;
                }
                What::Ended(_) => ended = true,
                What::WeEnded if !ended => observed.ended_by_tester = true,
                _ => {}
            }
            let open = event.at.saturating_sub(opened_at);
            observed.duration =
                u64::try_from(open.as_millis()).unwrap_or(u64::MAX);
        }
        observed
    }

    fn sent(&mut self, frame: &FrameRecord) {
        // A Close with reserved bits is no Close of the tester's.
        let is_close = frame.header.opcode == Opcode::CLOSE
            && frame.header.rsv == 0
            && frame.header.fin;
        if is_close {
            self.closed_by_tester |= self.close.is_none();
            self.close_sent = true;
        }
    }

    fn received(&mut self, frame: &FrameRecord, message: &mut Assembly) {
        match frame.header.opcode {
            Opcode::PONG => {
                self.events
                    .push(Event::Pong(frame.payload.clone()));
            }
            Opcode::PING => {}
            Opcode::CLOSE => {
                let close = Close::of(frame);
                match &mut self.close {
                    // Of several Closes the last one's code counts.
                    Some(first) => first.body = close.body,
                    None => {
                        // An illegal Close fails the connection, and that is
                        // the tester's doing.
                        self.closed_by_tester |= !close.legal;
                        self.close = Some(close);
                    }
                }
            }
            opcode if opcode.is_control() => {}
            _ if self.illegal => {}
            _ => self.events.extend(message.add(frame)),
        }
    }

    /// Whether a side has sent a Close.
    fn is_closing(&self) -> bool {
        self.close_sent || self.close.is_some()
    }

    fn is_clean(&self) -> bool {
        let legal = self
            .close
            .as_ref()
            .is_some_and(|close| close.legal);
        legal && self.close_sent && !self.illegal && !self.timed_out
    }
}

/// Whether an id belongs to a group: `6.4.1` to `6.4` and to `6`.
fn is_of(id: &str, group: &str) -> bool {
    id.strip_prefix(group)
        .is_some_and(|rest| rest.starts_with('.'))
}

impl fmt::Display for Behavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::NonStrict => "NON-STRICT",
            Self::Informational => "INFORMATIONAL",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Failed => "FAILED",
        })
    }
}

impl fmt::Display for BehaviorClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Failed => "FAILED",
            Self::Unclean => "UNCLEAN",
            Self::WrongCode => "WRONG CODE",
            Self::FailedByClient => "FAILED BY CLIENT",
            Self::Informational => "INFORMATIONAL",
        })
    }
}
