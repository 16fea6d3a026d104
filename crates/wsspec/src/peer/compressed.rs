//! Compressed messages, where permessage-deflate was agreed (RFC 7692).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rfc6455::{Frame, Opcode, Violation};
use rfc7692::{Agreement, Compressor, Inflater, NotInflated, RSV1};

use super::{Incoming, Peer};
use crate::autobahn::Timer;
use crate::corpus::Corpus;
use crate::record::{Messages, What};
use crate::verdict::{Finding, Verdict};

/// So much of what a compressed message says goes on record.
const SHOWN: usize = 64;

/// With Autobahn's timers: how long one echo may take where not all of its
/// messages are sent. Its own timers of up to eight minutes are for a thousand.
const STALL: Duration = Duration::from_secs(10);

/// How both sides of the connection compress.
#[derive(Debug)]
pub(super) struct Deflate {
    agreement: Agreement,
    compressor: Compressor,
    inflater: Inflater,
    /// Whether the message that came last was compressed.
    pub(super) was_compressed: bool,
}

impl Deflate {
    pub(super) fn new(agreement: Agreement) -> Self {
        Self {
            agreement,
            compressor: Compressor::new(
                agreement.client_window_bits,
                agreement.client_takes_over,
            ),
            inflater: Inflater::new(
                agreement.server_window_bits,
                agreement.server_takes_over,
            ),
            was_compressed: false,
        }
    }
}

/// A frame, cut into fragments of so many octets, the last one shorter; what
/// its reserved bits say stands on the first.
#[must_use]
pub fn cut(frame: Frame, each: usize) -> Vec<Frame> {
    let (opcode, rsv, mut rest) = (frame.opcode, frame.rsv, frame.payload);
    let mut frames = Vec::new();
    loop {
        let part = rest.split_to(rest.len().min(each.max(1)));
        let fragment = match frames.is_empty() {
            true => Frame::new(opcode, part).with_rsv(rsv),
            false => Frame::continuation(part),
        };
        if rest.is_empty() {
            frames.push(fragment);
            return frames;
        }
        frames.push(fragment.unfinished());
    }
}

impl Peer {
    /// How both sides compress, where that was agreed.
    #[must_use]
    pub fn agreement(&self) -> Option<Agreement> {
        self.deflate.as_ref().map(|it| it.agreement)
    }

    /// Whether the message that came last was compressed.
    #[must_use]
    pub fn was_compressed(&self) -> bool {
        self.deflate
            .as_ref()
            .is_some_and(|it| it.was_compressed)
    }

    /// A message as one compressed frame, within the agreed window and
    /// takeover; as it is where nothing was agreed. It has to be sent: what
    /// comes later refers to it.
    pub fn compress(&mut self, message: Frame) -> Frame {
        let Some(deflate) = &mut self.deflate else {
            return message;
        };
        let payload = deflate.compressor.message(&message.payload);
        self.will_inflate(message.payload.len());
        Frame::new(message.opcode, payload).with_rsv(RSV1)
    }

    /// Takes note that a compressed message of so many octets is about to be
    /// sent, so that its echo may be as long.
    pub fn will_inflate(&mut self, length: usize) {
        self.sent.octets += length;
    }

    /// Sends a message compressed.
    ///
    /// # Errors
    ///
    /// A server that stopped reading.
    pub async fn send_compressed(
        &mut self,
        message: Frame,
    ) -> Result<(), Finding> {
        let frame = self.compress(message.clone());
        self.send(frame).await?;
        self.note_inflated(message.opcode, &message.payload);
        Ok(())
    }

    fn note_inflated(&self, opcode: Opcode, message: &[u8]) {
        if !self.quiet {
            let shown = &message[..message.len().min(SHOWN)];
            self.wire.note(What::Inflates(
                opcode,
                Bytes::copy_from_slice(shown),
                message.len() as u64,
            ));
        }
    }

    /// Inflates a message that has come, with the agreed window.
    pub(super) fn inflate(
        &mut self,
        opcode: Opcode,
        compressed: &[u8],
    ) -> Result<Vec<u8>, Finding> {
        let limit = usize::try_from(self.most_expected()).unwrap_or(usize::MAX);
        let Some(deflate) = &mut self.deflate else {
            return Ok(compressed.to_vec());
        };
        let message = match deflate.inflater.message(compressed, limit) {
            Ok(message) => message,
            Err(NotInflated::TooLong(_)) => {
                return Err(Finding::violation(
                    "a message no longer than what was sent",
                    format_args!("one that inflates to over {limit} octets"),
                ));
            }
            Err(error) => {
                let violation = Violation::NotInflated(error.to_string());
                return Err(self.illegal(violation));
            }
        };
        self.note_inflated(opcode, &message);
        if opcode == Opcode::TEXT && std::str::from_utf8(&message).is_err() {
            return Err(self.illegal(Violation::TextNotUtf8));
        }
        Ok(message)
    }

    /// Sends windows of a corpus, each compressed and when the echo of the one
    /// before has come, and holds if every echo is right.
    ///
    /// # Errors
    ///
    /// The first thing that is no echo.
    pub async fn echoes_compressed(
        &mut self,
        corpus: Corpus,
        length: usize,
        fragment: Option<usize>,
    ) -> Verdict {
        self.step();
        let most = self.declared().max_message;
        if most.is_some_and(|most| (length as u64) > most) {
            return Err(Finding::Unsupported(format!(
                "the declared limit is under {length} octets"
            )));
        }
        let count = corpus.count(length, self.wire.endpoint.full_volume);
        let messages = |count| Messages {
            opcode: corpus.opcode(),
            length: length as u64,
            frames: 1,
            count,
        };
        self.wire
            .note(What::SentMessages(messages(count)));
        self.quiet = true;
        let timer = self.timer;
        if !self.wire.endpoint.full_volume {
            // Autobahn's timer is for a thousand messages.
            let bounded = |timer: Timer| Timer::Close(timer.after().min(STALL));
            self.timer = timer.map(bounded);
        }
        let mut came = 0;
        let exchanged = loop {
            if came == count {
                break Ok(());
            }
            let message =
                Frame::new(corpus.opcode(), corpus.window(came, length));
            let frame = self.compress(message.clone());
            let frames = match fragment {
                Some(each) => cut(frame, each),
                None => vec![frame],
            };
            let octets = self.encode(frames);
            self.wire.write(&octets).await?;
            if !self.wire.endpoint.full_volume {
                self.step();
            }
            match self.next().await {
                Ok(got) if got == Incoming::from(message) => came += 1,
                Ok(got) => {
                    break Err(Finding::violation(
                        format_args!("the echo of message {}", came + 1),
                        got,
                    ));
                }
                Err(finding) => break Err(finding),
            }
        };
        self.quiet = false;
        self.timer = timer;
        self.wire
            .note(What::ReceivedMessages(messages(came)));
        match self.illegal.is_some() || self.waited {
            true => exchanged,
            // Autobahn closes at once where an echo is wrong.
            false => {
                self.after_volume(exchanged, BytesMut::new())
                    .await
            }
        }
    }
}
