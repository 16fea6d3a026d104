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
    /// We sent a frame.
    SentFrame(FrameRecord),
    /// A frame came.
    ReceivedFrame(FrameRecord),
    /// We sent octets that are no frame, or only a part of one.
    SentOctets(Bytes),
    /// We sent a frame so many times.
    SentMany(FrameRecord, usize),
    /// The frame that came last is one that no server may send.
    Illegal(Violation),
    /// Octets came that are neither a head nor a frame.
    ReceivedOctets(Bytes),
    /// The opening handshake has succeeded.
    Opened,
    /// The case has come to this point and the connection was still open.
    Mark(char),
    /// The server did not take what we sent.
    SendFailed,
    /// We have waited for this in vain.
    TimedOut(Wait),
    /// The server ended its side.
    Ended(End),
    /// We ended the connection.
    WeEnded,
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
        let mut lines = Vec::new();
        for Event { what, .. } in &self.events {
            let (mark, text) = match what {
                What::SentHead(head) => {
                    lines.extend(head_lines('>', head, whole_heads));
                    continue;
                }
                What::ReceivedHead(head) => {
                    lines.extend(head_lines('<', head, whole_heads));
                    continue;
                }
                What::SentFrame(frame) => ('>', frame.line(false)),
                What::ReceivedFrame(frame) => ('<', frame.line(true)),
                What::SentOctets(octets) => ('>', preview(octets)),
                What::SentMany(frame, count) => {
                    ('>', format!("{count} × {}", frame.line(false)))
                }
                What::ReceivedOctets(octets) => ('<', preview(octets)),
                What::Opened => continue,
                What::Mark(_) => {
                    ('!', "the connection is still open".to_owned())
                }
                What::Illegal(violation) => ('!', violation.to_string()),
                What::SendFailed => {
                    ('!', "the server no longer takes what is sent".into())
                }
                What::TimedOut(wait) => ('!', wait.to_string()),
                What::Ended(end) => ('<', end.to_string()),
                What::WeEnded => ('>', End::Fin.to_string()),
            };
            lines.push(format!("{mark} {text}"));
        }
        if self.uncounted > 0 {
            lines.push(format!("… and {} events more", self.uncounted));
        }
        lines
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

impl From<&Frame> for FrameRecord {
    fn from(frame: &Frame) -> Self {
        Self {
            header: frame.header(),
            payload: frame.payload.clone(),
        }
    }
}

impl FrameRecord {
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
