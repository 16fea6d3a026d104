//! The octets of messages, encoded beforehand, and the verdict on every octet
//! that comes back.

use rfc6455::{Frame, MaskingKey, Opcode};

/// The key of every frame. Not zero, so that a server has to unmask; always
/// the same, so that a frame is encoded once and only its number changes.
pub const KEY: MaskingKey = MaskingKey([0x37, 0xFA, 0x21, 0x3D]);

/// How many octets of a payload are the message's number.
const NUMBER: usize = 8;

/// What the other side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A WebSocket echo.
    WebSocket,
    /// An echo of octets, which knows nothing of frames.
    Raw,
}

/// The messages of a workload: all the same but for their number, which is the
/// first eight octets of the payload where it has sixteen.
#[derive(Debug)]
pub struct Messages {
    protocol: Protocol,
    /// As it is sent.
    frame: Vec<u8>,
    /// As it comes back.
    answer: Vec<u8>,
    header_of_frame: usize,
    header_of_answer: usize,
    /// How many octets the number has: eight or none.
    number: usize,
}

impl Messages {
    /// Messages of so many octets.
    #[must_use]
    pub fn new(protocol: Protocol, size: usize) -> Self {
        // No period of a power of two: what is moved by a buffer is noticed.
        let payload = (0..size).map(|at| u8::try_from(at % 251));
        let payload: Vec<u8> = payload.map(Result::unwrap_or_default).collect();
        let message = Frame::binary(payload);
        let mut frame = Vec::new();
        message.clone().masked(KEY).encode(&mut frame);
        let answer = match protocol {
            Protocol::Raw => frame.clone(),
            Protocol::WebSocket => {
                let mut answer = Vec::new();
                message.encode(&mut answer);
                answer
            }
        };
        Self {
            protocol,
            header_of_frame: frame.len() - size,
            header_of_answer: answer.len() - size,
            frame,
            answer,
            number: if size >= 2 * NUMBER { NUMBER } else { 0 },
        }
    }

    /// So many frames one behind the other, for [`number`](Self::number).
    #[must_use]
    pub fn batch(&self, depth: usize) -> Vec<u8> {
        self.frame.repeat(depth)
    }

    /// Puts one frame more behind a batch.
    pub fn append(&self, batch: &mut Vec<u8>) {
        batch.extend_from_slice(&self.frame);
    }

    /// Writes the numbers from `first` up into the frames of a batch.
    pub fn number(&self, batch: &mut [u8], first: u64) {
        let place = self.header_of_frame..self.header_of_frame + self.number;
        let frames = batch.chunks_exact_mut(self.frame.len());
        for (number, frame) in (first..).zip(frames) {
            let number = octets(number, true);
            frame[place.clone()].copy_from_slice(&number[..self.number]);
        }
    }

    /// The position of the first octet that is not that of the answer with
    /// this number, where `part` begins at `at` in it.
    fn difference(&self, number: u64, at: usize, part: &[u8]) -> Option<usize> {
        let number = octets(number, self.protocol == Protocol::Raw);
        let start = self.header_of_answer;
        let pieces = [
            (0, &self.answer[..start]),
            (start, &number[..self.number]),
            (start + self.number, &self.answer[start + self.number..]),
        ];
        let (mut at, mut part) = (at, part);
        for (begins, piece) in pieces {
            let ends = begins + piece.len();
            if at >= ends || part.is_empty() {
                continue;
            }
            let piece = &piece[at - begins..];
            let length = piece.len().min(part.len());
            let (now, rest) = part.split_at(length);
            let piece = &piece[..length];
            if now != piece {
                let mut pairs = now.iter().zip(piece);
                let first = pairs.position(|(is, should)| is != should);
                return first.map(|first| at + first);
            }
            at += length;
            part = rest;
        }
        None
    }

    fn what_differs(&self, number: u64, position: usize, got: u8) -> Wrong {
        let payload = self.header_of_answer;
        if position >= payload && position < payload + self.number {
            return Wrong::Number { expected: number };
        }
        if position >= payload || self.protocol == Protocol::Raw {
            return Wrong::Octet {
                number,
                position: position.saturating_sub(payload),
                got,
            };
        }
        match position {
            0 => Wrong::FirstOctet(got),
            1 if got & 0x80 != 0 => Wrong::Masked,
            _ => Wrong::Length {
                expected: self.answer.len() - payload,
            },
        }
    }
}

/// A message's number as it is on the wire.
fn octets(number: u64, masked: bool) -> [u8; NUMBER] {
    let mut octets = number.to_be_bytes();
    if masked {
        KEY.apply(&mut octets);
    }
    octets
}

/// What is wrong with what came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// FIN, a reserved bit or the opcode.
    #[error(
        "an answer begins with the octet {0:#04x}, not 0x82 (FIN, no reserved \
         bit, BINARY)"
    )]
    FirstOctet(u8),
    /// A server never masks.
    #[error("an answer is masked")]
    Masked,
    /// The answer is longer or shorter than the message.
    #[error("the length of an answer is not {expected}, in its shortest form")]
    Length {
        /// The length of the message.
        expected: usize,
    },
    /// Another message than the next one.
    #[error("message {expected} is next, and another one came")]
    Number {
        /// The number of the next message.
        expected: u64,
    },
    /// An octet of the payload.
    #[error(
        "octet {position} of message {number} came back as {got:#04x}, which \
         it was not"
    )]
    Octet {
        /// The number of the message.
        number: u64,
        /// Which octet of the payload.
        position: usize,
        /// What came.
        got: u8,
    },
    /// Something came and nothing was missing.
    #[error("more comes back than was sent")]
    Surplus,
    /// The server closes the connection.
    #[error("the server sent a Close with {}", .0.map_or_else(
        || "no status code".to_owned(), |code| format!("status code {code}")
    ))]
    Close(Option<u16>),
    /// A control frame that no server may send.
    #[error("a control frame is malformed")]
    Control,
}

/// Verifies what comes back on one connection, in any pieces.
#[derive(Debug)]
pub struct Verifier {
    /// The number of the message whose answer is next.
    next: u64,
    awaited: usize,
    /// How much of the next answer has come.
    at: usize,
    /// What has come of a control frame.
    control: Vec<u8>,
    offset: u64,
    is_closing: bool,
    is_closed: bool,
}

impl Verifier {
    /// Of a connection whose first message has this number.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self {
            next: first,
            awaited: 0,
            at: 0,
            control: Vec::new(),
            offset: 0,
            is_closing: false,
            is_closed: false,
        }
    }

    /// The number of the next message, where none is awaited.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.next
    }

    /// How many answers are missing.
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.awaited
    }

    /// How many octets have come and were right.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether an answer is missing, or the Close that was asked for.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.awaited > 0 || (self.is_closing && !self.is_closed)
    }

    /// Whether the server's Close has come that was asked for.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// So many messages have been sent.
    pub fn sent(&mut self, count: usize) {
        self.awaited += count;
    }

    /// A Close has been sent: one may come.
    pub fn closing(&mut self) {
        self.is_closing = true;
    }

    /// Takes what has come, and tells how many answers are complete by it.
    /// What has to be said to Pings goes to `aside`.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn take(
        &mut self,
        messages: &Messages,
        mut octets: &[u8],
        aside: &mut Vec<u8>,
    ) -> Result<usize, Wrong> {
        let mut complete = 0;
        while let Some(first) = octets.first() {
            if self.is_closed {
                break;
            }
            let is_control = !self.control.is_empty()
                || (self.at == 0
                    && messages.protocol == Protocol::WebSocket
                    && Opcode::from_first_octet(*first).is_control());
            if is_control {
                let rest = self.take_control(octets, aside)?;
                self.offset += (octets.len() - rest.len()) as u64;
                octets = rest;
                continue;
            }
            if self.awaited == 0 {
                return Err(Wrong::Surplus);
            }
            let missing = messages.answer.len() - self.at;
            let (now, rest) = octets.split_at(missing.min(octets.len()));
            let difference = messages.difference(self.next, self.at, now);
            if let Some(position) = difference {
                let within = position - self.at;
                self.offset += within as u64;
                let got = now[within];
                return Err(messages.what_differs(self.next, position, got));
            }
            self.offset += now.len() as u64;
            self.at += now.len();
            octets = rest;
            if self.at == messages.answer.len() {
                self.at = 0;
                self.next += 1;
                self.awaited -= 1;
                complete += 1;
            }
        }
        Ok(complete)
    }

    /// Takes octets of a control frame, and gives back what is behind them.
    fn take_control<'a>(
        &mut self,
        octets: &'a [u8],
        aside: &mut Vec<u8>,
    ) -> Result<&'a [u8], Wrong> {
        let missing = 2_usize.saturating_sub(self.control.len());
        let (now, rest) = octets.split_at(missing.min(octets.len()));
        self.control.extend_from_slice(now);
        let &[first, length, ..] = self.control.as_slice() else {
            return Ok(rest);
        };
        if length > 125 || first & 0xF0 != 0x80 {
            return Err(Wrong::Control);
        }
        let whole = 2 + usize::from(length);
        let missing = whole - self.control.len();
        let (now, rest) = rest.split_at(missing.min(rest.len()));
        self.control.extend_from_slice(now);
        if self.control.len() < whole {
            return Ok(rest);
        }
        let frame = std::mem::take(&mut self.control);
        let payload = frame[2..].to_vec();
        match Opcode::from_first_octet(first) {
            Opcode::PING => Frame::pong(payload).masked(KEY).encode(aside),
            Opcode::PONG => {}
            Opcode::CLOSE if self.is_closing => self.is_closed = true,
            Opcode::CLOSE => {
                let code = payload.first_chunk().copied();
                return Err(Wrong::Close(code.map(u16::from_be_bytes)));
            }
            _ => return Err(Wrong::Control),
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests;
