//! The record of one connection: everything that went over it, in order.
//!
//! A verdict's evidence. What a trace prints comes from here alone.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rfc6455::{Frame, Header, LengthForm, Opcode, StatusCode, Violation};

/// So many octets of payload data are kept whole, and of what comes after
/// them only the beginnings: a record's size must not be the peer's choice.
const KEPT_WHOLE: usize = 256 << 10;

/// What is kept of a payload in any case.
const KEPT_OF_EACH: usize = 64;

/// Events beyond this many are only counted.
const MOST_EVENTS: usize = 4096;

/// Everything that went over one TCP connection, as the suite saw it.
#[derive(Debug)]
pub struct Record {
    opened: Instant,
    events: Vec<Event>,
    /// How many events came after the last that was kept.
    uncounted: usize,
    /// How many octets of payload data are kept.
    kept: usize,
}

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Event {
    /// The time since the connection was opened.
    pub at: Duration,
    /// What happened.
    pub what: What,
}

/// Something that can happen on a connection.
#[derive(Clone, Debug)]
pub enum What {
    /// We sent the head of a request, as these octets.
    SentHead(Bytes),
    /// The head of a response came, as these octets.
    ReceivedHead(Bytes),
    /// We sent the fields of a request over HTTP/2, here as lines.
    SentFields(Bytes),
    /// The fields of a response came over HTTP/2, here as lines.
    ReceivedFields(Bytes),
    /// We sent a frame of HTTP/2.
    SentHttp2(Http2Record),
    /// A frame of HTTP/2 came.
    ReceivedHttp2(Http2Record),
    /// A compressed message that went over the wire says this; and its
    /// length.
    Inflates(Opcode, Bytes, u64),
    /// TLS ended without a close_notify.
    NoCloseNotify,
    /// Why HTTP/2 ended a stream or a connection, as h2 tells it.
    Cause(String),
    /// We sent a frame.
    SentFrame(FrameRecord),
    /// A frame came.
    ReceivedFrame(FrameRecord),
    /// We sent octets that are no frame, or only a part of one.
    SentOctets(Bytes),
    /// We sent a frame so many times.
    SentMany(FrameRecord, usize),
    /// We sent messages that are too many or too long to be kept.
    SentMessages(Messages),
    /// So many of them came back, or one that is no echo.
    ReceivedMessages(Messages),
    /// The frame that came last is one that no server may send.
    Illegal(Violation),
    /// Octets came that are neither a head nor a frame.
    ReceivedOctets(Bytes),
    /// The opening handshake has succeeded.
    Opened,
    /// It has agreed on compression.
    Agreed,
    /// The case is about another connection.
    Aside,
    /// The case has come to this point and the connection was still open.
    Mark(char),
    /// So many events are not kept.
    LeftOut(usize),
    /// The server did not take what we sent.
    SendFailed,
    /// We have waited for this in vain.
    TimedOut(Wait),
    /// The server ended its side.
    Ended(End),
    /// We ended the connection.
    WeEnded,
    /// We ended it abruptly.
    WeReset,
}

/// Something of a server's that we wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// What the case expects.
    Answer,
    /// The Close that answers ours.
    Close,
    /// The end of TCP after both Closes.
    End,
}

/// How a server ended its side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order: FIN.
    Fin,
    /// Abruptly: RST.
    Reset,
    /// Not at all: it sent more than any case asks for, and we read no more.
    Flood,
}

/// A frame in a record: exact, but for the end of a payload where a record is
/// very long.
#[derive(Clone, Debug)]
pub struct FrameRecord {
    /// The header as it was on the wire.
    pub header: Header,
    /// The payload data, unmasked, or its beginning.
    pub payload: Bytes,
}

/// A frame of HTTP/2 in a record.
#[derive(Clone, Debug)]
pub struct Http2Record {
    /// What it is, such as `HEADERS stream=1 END_HEADERS length=17`.
    pub what: String,
    /// What it says, a line each.
    pub says: Vec<String>,
    /// The beginning of its octets.
    pub octets: Bytes,
}

impl Http2Record {
    fn lines(&self, mark: char) -> Vec<String> {
        let mut lines = vec![format!("{mark} {}", self.what)];
        let says = self.says.iter();
        lines.extend(says.map(|line| format!("{mark}   {line}")));
        lines
    }
}

/// The same message so many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Messages {
    /// Text or binary.
    pub opcode: Opcode,
    /// The octets of payload data of each.
    pub length: u64,
    /// The frames of each.
    pub frames: u64,
    /// How many messages.
    pub count: u64,
}

/// A record that the connection writes and the run reads.
pub type SharedRecord = Arc<Mutex<Record>>;

impl Record {
    /// An empty record that begins now.
    #[must_use]
    pub fn shared() -> SharedRecord {
        Arc::new(Mutex::new(Self {
            opened: Instant::now(),
            events: Vec::new(),
            uncounted: 0,
            kept: 0,
        }))
    }

    /// Whether the case is about another connection.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        let mut events = self.events.iter();
        events.any(|event| matches!(event.what, What::Aside))
    }

    /// Whether the server has ended the connection.
    pub(crate) fn has_ended(&self) -> bool {
        let mut events = self.events.iter();
        events.any(|event| matches!(event.what, What::Ended(_)))
    }

    /// Leaves only the first and the last so many events: what one case has
    /// seen must not be much where there are hundreds.
    pub(crate) fn shorten(&mut self, each: usize) {
        let left_out = self.events.len().saturating_sub(2 * each);
        if left_out < 2 {
            return;
        }
        let at = self.events[each].at;
        let what = What::LeftOut(left_out);
        self.events
            .splice(each..each + left_out, [Event { at, what }]);
        self.events.shrink_to_fit();
    }

    /// What happened, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    fn push(&mut self, mut what: What) {
        if self.events.len() == MOST_EVENTS {
            self.uncounted += 1;
            return;
        }
        if let What::SentFrame(frame)
        | What::SentMany(frame, _)
        | What::ReceivedFrame(frame) = &mut what
        {
            let payload = &mut frame.payload;
            if payload.len() <= KEPT_OF_EACH || self.kept >= KEPT_WHOLE {
                // A slice would keep the whole allocation alive.
                let kept = payload.len().min(KEPT_OF_EACH);
                *payload = Bytes::copy_from_slice(&payload[..kept]);
            }
            self.kept += payload.len();
        }
        self.events.push(Event {
            at: self.opened.elapsed(),
            what,
        });
    }

    /// The record as lines: `>` is what we sent, `<` what came. A head stands
    /// there whole, or with its first line only.
    #[must_use]
    pub fn trace(&self, whole_heads: bool) -> Vec<String> {
        let mut lines: Vec<_> = self
            .events
            .iter()
            .flat_map(|event| event.what.lines(whole_heads))
            .collect();
        if self.uncounted > 0 {
            lines.push(format!("… and {} events more", self.uncounted));
        }
        lines
    }

    /// The record as lines with the time since the connection was opened, and
    /// with the octets as they were on the wire, if they are asked for.
    #[must_use]
    pub fn transcript(&self, octets: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for Event { at, what } in &self.events {
            let mut time = format!("{:>9.3} ms", at.as_secs_f64() * 1e3);
            for line in what.lines(true) {
                lines.push(format!("{time} {line}"));
                time = " ".repeat(time.len());
            }
            if octets {
                let rows = what.octets();
                let rows = rows.chunks(16).map(hex);
                lines.extend(rows.map(|row| format!("{time}   {row}")));
            }
        }
        if self.uncounted > 0 {
            lines.push(format!("… and {} events more", self.uncounted));
        }
        lines
    }
}

impl What {
    fn lines(&self, whole_heads: bool) -> Vec<String> {
        let (mark, text) = match self {
            Self::SentHead(head) | Self::SentFields(head) => {
                return head_lines('>', head, whole_heads);
            }
            Self::ReceivedHead(head) | Self::ReceivedFields(head) => {
                return head_lines('<', head, whole_heads);
            }
            Self::SentHttp2(frame) => return frame.lines('>'),
            Self::ReceivedHttp2(frame) => return frame.lines('<'),
            Self::Inflates(opcode, payload, length) => {
                let content = describe(*opcode, payload, *length);
                (
                    '=',
                    format!("{opcode} {content}")
                        .trim_end()
                        .to_owned(),
                )
            }
            Self::Cause(why) => ('!', why.clone()),
            Self::NoCloseNotify => {
                ('!', "TLS ended without a close_notify".to_owned())
            }
            Self::SentFrame(frame) => ('>', frame.line(false)),
            Self::ReceivedFrame(frame) => ('<', frame.line(true)),
            Self::SentOctets(octets) => ('>', preview(octets)),
            Self::SentMany(frame, count) => {
                ('>', format!("{count} × {}", frame.line(false)))
            }
            Self::SentMessages(messages) => ('>', messages.to_string()),
            Self::ReceivedMessages(messages) => ('<', messages.to_string()),
            Self::ReceivedOctets(octets) => ('<', preview(octets)),
            Self::Opened | Self::Agreed | Self::Aside => return Vec::new(),
            Self::Mark(_) => ('!', "the connection is still open".to_owned()),
            Self::Illegal(violation) => ('!', violation.to_string()),
            Self::LeftOut(count) => ('…', format!("{count} events …")),
            Self::SendFailed => {
                ('!', "the server no longer takes what is sent".into())
            }
            Self::TimedOut(wait) => ('!', wait.to_string()),
            Self::Ended(end) => ('<', end.to_string()),
            Self::WeEnded => ('>', End::Fin.to_string()),
            Self::WeReset => ('>', End::Reset.to_string()),
        };
        vec![format!("{mark} {text}")]
    }

    /// What went over the wire; of a very long frame only the beginning, and
    /// of many frames one.
    fn octets(&self) -> Vec<u8> {
        match self {
            Self::SentHead(octets)
            | Self::ReceivedHead(octets)
            | Self::SentOctets(octets)
            | Self::ReceivedOctets(octets) => octets.to_vec(),
            Self::SentFrame(frame)
            | Self::SentMany(frame, _)
            | Self::ReceivedFrame(frame) => frame.octets(),
            Self::SentHttp2(frame) | Self::ReceivedHttp2(frame) => {
                frame.octets.to_vec()
            }
            _ => Vec::new(),
        }
    }
}

/// Adds an event. A record that a panic left behind is still evidence.
pub(crate) fn note(record: &SharedRecord, what: What) {
    record
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(what);
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "no answer",
            Self::Close => "no Close in answer to ours",
            Self::End => "no end of TCP after both Closes",
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fin => "EOF",
            Self::Reset => "RST",
            Self::Flood => "octets without end",
        })
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            opcode,
            length,
            frames,
            count,
        } = self;
        match (count, frames) {
            (1, 1) => write!(f, "{opcode} of {length} octets"),
            (1, _) => {
                write!(f, "{opcode} of {length} octets in {frames} frames")
            }
            _ => write!(f, "{count} × {opcode} of {length} octets"),
        }
    }
}

impl From<&Frame> for FrameRecord {
    fn from(frame: &Frame) -> Self {
        Self {
            header: frame.header(),
            payload: frame.payload.clone(),
        }
    }
}

/// As a trace has it, whoever has sent it.
impl fmt::Display for FrameRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(self.header.masking_key.is_none()))
    }
}

impl FrameRecord {
    /// The header and the payload as it was sent, masked or not.
    fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        self.header.encode(&mut octets);
        let begin = octets.len();
        octets.extend_from_slice(&self.payload);
        if let Some(key) = self.header.masking_key {
            key.apply(&mut octets[begin..]);
        }
        octets
    }

    /// Such as `TEXT fin=0 "frag"`. A client's frame should be masked and a
    /// server's should not; only what deviates is told.
    fn line(&self, from_server: bool) -> String {
        let Header {
            fin,
            rsv,
            opcode,
            masking_key,
            payload_length,
            ..
        } = self.header;
        let mut line = opcode.to_string();
        if !fin {
            line += " fin=0";
        }
        if rsv != 0 {
            _ = write!(line, " rsv={rsv}");
        }
        match (from_server, masking_key) {
            (true, Some(_)) => line += " masked",
            (false, None) => line += " unmasked",
            _ => {}
        }
        if self.header.length_form != LengthForm::shortest(payload_length) {
            _ = write!(line, " length={:?}", self.header.length_form);
        }
        let content = describe(opcode, &self.payload, payload_length);
        if !content.is_empty() {
            line.push(' ');
            line += &content;
        }
        line
    }
}

/// A payload in a few words, as the opcode reads it.
pub(crate) fn describe(opcode: Opcode, payload: &[u8], length: u64) -> String {
    if length == 0 {
        return String::new();
    }
    if opcode == Opcode::CLOSE
        && let Some((code, reason)) = payload.split_first_chunk()
    {
        let code = StatusCode(u16::from_be_bytes(*code));
        return match reason {
            [] => code.to_string(),
            reason => format!("{code} {}", quoted(reason, length - 2)),
        };
    }
    quoted(payload, length)
}

/// Text in quotes, other octets in hex, and the length if it is cut.
fn quoted(octets: &[u8], length: u64) -> String {
    const SHOWN: usize = 32;
    let text = std::str::from_utf8(octets).ok().filter(|text| {
        text.chars().all(|char| {
            is_line_end(char) || !char.is_control() && char != '\u{feff}'
        })
    });
    match text {
        Some(text) if length <= SHOWN as u64 => format!("{text:?}"),
        Some(text) => {
            let start: String = text.chars().take(SHOWN / 2).collect();
            format!("{start:?}… ({length} octets)")
        }
        None if length <= SHOWN as u64 => format!("[{}]", hex(octets)),
        None => {
            let start = &octets[..octets.len().min(SHOWN / 2)];
            format!("[{}…] ({length} octets)", hex(start))
        }
    }
}

/// Octets that are no frame.
fn preview(octets: &[u8]) -> String {
    quoted(octets, octets.len() as u64)
}

fn is_line_end(char: char) -> bool {
    matches!(char, '\r' | '\n')
}

fn hex(octets: &[u8]) -> String {
    let octets: Vec<_> = octets
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    octets.join(" ")
}

/// The lines of a head, escaped and shortened to what can be read.
fn head_lines(mark: char, head: &[u8], whole: bool) -> Vec<String> {
    const SHOWN: usize = 160;
    let text = String::from_utf8_lossy(head);
    let lines = text.trim_end().split('\n').map(|line| {
        let line = line
            .trim_end_matches('\r')
            .escape_debug()
            .to_string();
        match line.char_indices().nth(SHOWN) {
            Some((cut, _)) => {
                format!("{mark} {}… ({} octets)", &line[..cut], line.len())
            }
            None => format!("{mark} {line}"),
        }
    });
    lines.take(if whole { 40 } else { 1 }).collect()
}
