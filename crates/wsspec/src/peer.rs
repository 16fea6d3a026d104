//! The peer: after the 101, where the connection is frames in both directions.

mod compressed;
mod volume;

pub use crate::wire::Poured;
pub use compressed::cut;
pub use volume::{Pieces, Volume};

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rfc6455::{Decoder, Frame, MaskingKey, Opcode, Rules, Sender, StatusCode};
use rfc7692::Agreement;
use tokio::time::{Instant, timeout, timeout_at};

use crate::autobahn::{self, CLOSING, Timer};
use crate::endpoint::{Declared, Endpoint, Load};
use crate::record::{End, FrameRecord, Record, Wait, What, describe};
use crate::verdict::{Finding, Verdict};
use crate::wire::Wire;
use compressed::Deflate;

/// The largest message that is read; no case has a larger one echoed.
pub(crate) const MOST_OF_MESSAGE: u64 = 4 << 20;

/// What a server may say without being spoken to. Beyond that no echo is longer
/// than what was sent.
const UNASKED: u64 = 64 << 10;

/// Octets in a write that looks for an answer before the next.
const WRITE_AT_ONCE: usize = 16 << 10;

/// So much may still come while the connection closes; more is a flood.
const MOST_AFTER_CLOSE: usize = 1000;

/// An open connection, seen from a client that may send anything.
///
/// What it sends is masked with a fresh key unless a method says otherwise.
/// It does by itself what every client has to do and no case is about: it
/// answers the server's Pings and the server's Close, and puts fragments
/// together. A frame that no server may send is a violation wherever it comes.
#[derive(Debug)]
pub struct Peer {
    wire: Wire,
    received: BytesMut,
    decoder: Decoder,
    rules: Rules,
    /// How messages are compressed, where that was agreed.
    deflate: Option<Deflate>,
    unfinished: Option<(Opcode, Vec<u8>)>,
    /// How many fragments the unfinished message has.
    fragments: u64,
    random: fastrand::Rng,
    close_sent: bool,
    close_received: bool,
    ended: bool,
    illegal: Option<rfc6455::Violation>,
    /// With Autobahn's timers: what ends the case, and when.
    timer: Option<Timer>,
    deadline: Instant,
    /// All that the server has been sent.
    sent: Load,
    /// Whether nothing has come for as long as the patience lasts.
    waited: bool,
    fences: u32,
    /// Whether the server's Pings and its Close get no answer.
    mute: bool,
    /// Whether data frames stay out of the record, which has them as a sum.
    quiet: bool,
}

/// How frames are cut into writes; with TCP_NODELAY normally into segments.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// All frames in one write.
    Together,
    /// One write a frame, with other work in between.
    Apart,
    /// Writes of so many octets, with other work in between.
    Octets(usize),
    /// Writes that end as soon as the server has something to say: of what it
    /// takes offence at, it need not read the rest.
    UntilAnswered,
}

/// The same frame again and again.
struct Repeated {
    octets: Vec<u8>,
    /// How many octets one of them has.
    one: usize,
    at_once: usize,
}

impl Repeated {
    /// So many of them, at most [`at_once`](Self::at_once).
    fn octets(&self, count: usize) -> &[u8] {
        &self.octets[..self.one * count]
    }
}

/// What can come from the server.
#[derive(Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message, however it was fragmented.
    Message(Opcode, Bytes),
    /// A Pong.
    Pong(Bytes),
    /// A Close with its body.
    Close(Bytes),
    /// The end of the connection.
    End(End),
    /// Nothing, for as long as the patience lasts.
    Silence(Duration),
}

impl From<Frame> for Incoming {
    fn from(frame: Frame) -> Self {
        match frame.opcode {
            Opcode::PONG => Self::Pong(frame.payload),
            Opcode::CLOSE => Self::Close(frame.payload),
            opcode => Self::Message(opcode, frame.payload),
        }
    }
}

impl fmt::Display for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (opcode, payload) = match self {
            Self::Message(opcode, payload) => (*opcode, payload),
            Self::Pong(payload) => (Opcode::PONG, payload),
            Self::Close(payload) => (Opcode::CLOSE, payload),
            Self::End(end) => return end.fmt(f),
            Self::Silence(patience) => {
                return write!(f, "nothing within {patience:?}");
            }
        };
        let content = describe(opcode, payload, payload.len() as u64);
        match content.as_str() {
            "" => write!(f, "an empty {opcode}"),
            content => write!(f, "{opcode} {content}"),
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Incoming {
    /// The status code, if this is a Close that has one.
    #[must_use]
    pub fn status_code(&self) -> Option<StatusCode> {
        let Self::Close(body) = self else { return None };
        let code = body.first_chunk()?;
        Some(StatusCode(u16::from_be_bytes(*code)))
    }
}

impl Peer {
    pub(crate) fn new(
        wire: Wire,
        received: BytesMut,
        random: fastrand::Rng,
        agreement: Option<Agreement>,
    ) -> Self {
        let mut decoder = Decoder::lenient(MOST_OF_MESSAGE);
        decoder.push(&received);
        Self {
            wire,
            received: BytesMut::new(),
            decoder,
            rules: match agreement {
                None => Rules::new(Sender::Server),
                Some(_) => Rules::new(Sender::Server).with_deflate(),
            },
            deflate: agreement.map(Deflate::new),
            unfinished: None,
            fragments: 0,
            random,
            close_sent: false,
            close_received: false,
            ended: false,
            illegal: None,
            timer: None,
            deadline: Instant::now(),
            sent: Load::default(),
            waited: false,
            fences: 0,
            mute: false,
            quiet: false,
        }
    }

    /// Lets the case end by this timer.
    pub(crate) fn set_timer(&mut self, timer: Timer) {
        self.timer = Some(timer);
        self.step();
    }

    /// From here on the timer runs anew.
    fn step(&mut self) {
        self.waited = false;
        if let Some(timer) = self.timer {
            self.deadline = Instant::now() + timer.after();
        }
    }

    /// Sends a frame.
    ///
    /// # Errors
    ///
    /// A server that stopped reading.
    pub async fn send(&mut self, frame: Frame) -> Result<(), Finding> {
        let written = self.reply(frame).await;
        self.step();
        written
    }

    /// Sends octets as they are: a part of a frame, or none.
    ///
    /// # Errors
    ///
    /// A server that stopped reading.
    pub async fn send_octets(&mut self, octets: &[u8]) -> Result<(), Finding> {
        self.sent.octets += octets.len();
        let written = self.wire.write_octets(octets).await;
        self.step();
        written
    }

    /// Sends octets past TLS, in the TCP connection under it.
    ///
    /// # Errors
    ///
    /// A server that stopped reading.
    pub async fn send_beneath_tls(
        &mut self,
        octets: &[u8],
    ) -> Result<(), Finding> {
        self.wire.write_beneath_tls(octets).await
    }

    /// Whether TLS has ended without a close_notify.
    #[must_use]
    pub fn lacks_close_notify(&self) -> bool {
        self.with_record(|record| {
            let mut events = record.events().iter();
            events.any(|event| matches!(event.what, What::NoCloseNotify))
        })
    }

    /// Sends octets as they are unless the server has something to say, and
    /// tells whether they were sent.
    ///
    /// # Errors
    ///
    /// A server that neither reads nor says anything.
    pub async fn send_while_silent(
        &mut self,
        octets: &[u8],
    ) -> Result<bool, Finding> {
        let sent = self
            .wire
            .write_until_answered(octets, WRITE_AT_ONCE)
            .await?;
        self.wire
            .note(What::SentOctets(Bytes::copy_from_slice(octets)));
        self.step();
        Ok(sent)
    }

    /// Sends a frame as it is, masked or not.
    ///
    /// # Errors
    ///
    /// A server that stopped reading.
    pub async fn send_as_is(&mut self, frame: Frame) -> Result<(), Finding> {
        let mut octets = Vec::new();
        self.wire
            .note(What::SentFrame(FrameRecord::from(&frame)));
        frame.encode(&mut octets);
        self.sent.octets += octets.len();
        let written = self.wire.write(&octets).await;
        self.step();
        written
    }

    /// Sends frames, cut into writes in this way.
    ///
    /// # Errors
    ///
    /// A server that stopped reading.
    pub async fn send_cut(
        &mut self,
        cut: Cut,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Result<(), Finding> {
        let octets_each = match cut {
            Cut::Together => usize::MAX,
            Cut::Octets(count) => count,
            Cut::UntilAnswered => {
                let octets = self.encode(frames);
                self.wire
                    .write_until_answered(&octets, WRITE_AT_ONCE)
                    .await?;
                self.step();
                return Ok(());
            }
            Cut::Apart => {
                for frame in frames {
                    self.send(frame).await?;
                    tokio::task::yield_now().await;
                }
                return Ok(());
            }
        };
        let octets = self.encode(frames);
        for part in octets.chunks(octets_each) {
            self.wire.write(part).await?;
            tokio::task::yield_now().await;
        }
        self.step();
        Ok(())
    }

    /// Writes a frame down and masks it; a Close is remembered.
    fn encode(&mut self, frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
        let mut octets = Vec::new();
        for frame in frames {
            let key = MaskingKey(self.random.u32(..).to_be_bytes());
            let frame = frame.masked(key);
            // A Close that is none for the server is none for us.
            self.close_sent |=
                frame.opcode == Opcode::CLOSE && frame.rsv == 0 && frame.fin;
            if !self.quiet || frame.opcode.is_control() {
                self.wire
                    .note(What::SentFrame(FrameRecord::from(&frame)));
            }
            frame.encode(&mut octets);
            self.sent.frames += 1;
        }
        self.sent.octets += octets.len();
        octets
    }

    /// Sends a frame many times, and takes in meanwhile what the server sends:
    /// who does not read may not complain that nobody answers.
    ///
    /// # Errors
    ///
    /// A server that neither reads nor sends anything.
    pub async fn flood(
        &mut self,
        frame: &Frame,
        count: usize,
    ) -> Result<(), Finding> {
        let many = self.repeated(frame, count);
        let mut left = count;
        while left > 0 {
            let now = left.min(many.at_once);
            let part = many.octets(now);
            self.sent.octets += part.len();
            self.sent.frames += now;
            let most = usize::try_from(2 * self.most_expected());
            let most = most
                .unwrap_or(usize::MAX)
                .saturating_sub(self.decoder.unread());
            let mut received = BytesMut::new();
            self.wire
                .write_and_read(part, &mut received, most)
                .await?;
            self.decoder.push(&received);
            left -= now;
        }
        self.step();
        Ok(())
    }

    /// A frame, masked, so many times as fit into a write; it goes on record
    /// as all that will be sent.
    fn repeated(&mut self, frame: &Frame, count: usize) -> Repeated {
        let key = MaskingKey(self.random.u32(..).to_be_bytes());
        let frame = frame.clone().masked(key);
        self.wire
            .note(What::SentMany(FrameRecord::from(&frame), count));
        let mut one = Vec::new();
        frame.encode(&mut one);
        let at_once = (WRITE_AT_ONCE / one.len()).max(1);
        Repeated {
            octets: one.repeat(at_once),
            one: one.len(),
            at_once,
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.wire.endpoint
    }

    /// What the server declares.
    #[must_use]
    pub fn declared(&self) -> &Declared {
        &self.wire.endpoint.declared
    }

    /// How long silence lasts before it counts.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.wire.endpoint.patience
    }

    /// Reads the record of this connection.
    pub(crate) fn with_record<T>(&self, read: impl FnOnce(&Record) -> T) -> T {
        let record = self.wire.record.lock();
        read(&record.unwrap_or_else(PoisonError::into_inner))
    }

    /// From here on answers neither Pings nor a Close.
    pub fn falls_silent(&mut self) {
        self.mute = true;
    }

    /// Sends a frame so many times, for as long as the server takes it, and
    /// reads nothing.
    pub async fn pour(&mut self, frame: &Frame, count: usize) -> Poured {
        let stall = self.wire.endpoint.patience / 2;
        self.pour_against(frame, count, stall).await
    }

    /// The same to a server that may take nothing for so long.
    pub async fn pour_against(
        &mut self,
        frame: &Frame,
        count: usize,
        stall: Duration,
    ) -> Poured {
        let many = self.repeated(frame, count);
        let mut left = count;
        while left > 0 {
            let now = left.min(many.at_once);
            let part = many.octets(now);
            match self.wire.pour(part, stall).await {
                Poured::Taken => left -= now,
                other => return other,
            }
        }
        Poured::Taken
    }

    /// What comes within this time, and as long as the patience lasts behind
    /// it; Pings and Pongs are read over.
    ///
    /// # Errors
    ///
    /// A frame that no server may send.
    pub async fn next_within(
        &mut self,
        deadline: Duration,
    ) -> Result<Incoming, Finding> {
        let endpoint = Arc::clone(&self.wire.endpoint);
        let patience = deadline + endpoint.patience;
        let next = async {
            loop {
                match self.arrive().await {
                    Ok(Incoming::Pong(_)) => {}
                    other => return other,
                }
            }
        };
        let arrived = endpoint.within(patience, next).await;
        arrived.unwrap_or_else(|| {
            self.wire.note(What::TimedOut(Wait::Answer));
            Ok(Incoming::Silence(deadline))
        })
    }

    /// What comes within this time; Pings and Pongs are read over. That nothing
    /// does proves nothing: no witness is asked.
    ///
    /// # Errors
    ///
    /// A frame that no server may send.
    pub async fn arrives_within(
        &mut self,
        time: Duration,
    ) -> Result<Option<Incoming>, Finding> {
        let arrives = async {
            loop {
                match self.arrive().await {
                    Ok(Incoming::Pong(_)) => {}
                    other => return other,
                }
            }
        };
        timeout(time, arrives).await.ok().transpose()
    }

    /// Ends the connection abruptly: RST.
    pub fn reset(self) {
        self.wire.reset();
    }

    /// Sends FIN and goes on reading.
    pub async fn end(&mut self) {
        self.wire.end().await;
    }

    /// The next thing that comes.
    ///
    /// # Errors
    ///
    /// A frame that no server may send.
    pub async fn next(&mut self) -> Result<Incoming, Finding> {
        // One deadline for the whole item: octets that drip in one by one
        // don't renew it.
        let endpoint = Arc::clone(&self.wire.endpoint);
        let sent = self.sent;
        let (arrived, waited) = match self.timer {
            Some(timer) => (
                timeout_at(self.deadline, self.arrive())
                    .await
                    .ok(),
                timer.after(),
            ),
            None => {
                let patience = endpoint.patience;
                let arrived = self.arrive();
                (endpoint.behind(sent, patience, arrived).await, patience)
            }
        };
        arrived.unwrap_or_else(|| {
            self.waited = true;
            self.wire.note(What::TimedOut(Wait::Answer));
            Ok(Incoming::Silence(waited))
        })
    }

    /// Waits for half the patience for the server to act; `None` if it does
    /// not.
    ///
    /// Where nothing can be sent that must be answered, this is all there is
    /// to tell whether the server has taken offence.
    ///
    /// # Errors
    ///
    /// A frame that no server may send.
    pub async fn acts_soon(&mut self) -> Result<Option<Incoming>, Finding> {
        let endpoint = Arc::clone(&self.wire.endpoint);
        let arrived = match self.timer {
            Some(_) => timeout(autobahn::LATER, self.arrive()).await.ok(),
            None => {
                endpoint
                    .within(endpoint.patience / 2, self.arrive())
                    .await
            }
        };
        arrived.transpose()
    }

    /// Notes that this connection is not the one that the case is about.
    pub(crate) fn is_aside(&self) {
        self.wire.note(What::Aside);
    }

    /// Notes that the case has come to this point.
    pub fn mark(&self, mark: char) {
        self.wire.note(What::Mark(mark));
    }

    /// Ends the conversation as Autobahn's tester does, with everything that
    /// still comes on record; and holds if that is nothing but what belongs
    /// to the closing handshake.
    ///
    /// A case that came to its end as it should is closed at once with 1000
    /// by the side whose turn it is; another one when its timer has run out.
    pub(crate) async fn conclude(
        &mut self,
        timer: Timer,
        verdict: Verdict,
        tester_closes: bool,
    ) -> Verdict {
        let mut unexpected = None;
        let is_open = |peer: &Self| {
            !peer.close_sent && !peer.close_received && !peer.ended
        };
        if is_open(self) && self.illegal.is_none() {
            let close = if verdict.is_ok() && tester_closes {
                Frame::close(StatusCode::NORMAL_CLOSURE, "")
            } else {
                let mut came = 0;
                while is_open(self) && came < MOST_AFTER_CLOSE {
                    came += 1;
                    match self.more().await {
                        Ok(None | Some(Incoming::Silence(_))) | Err(_) => break,
                        Ok(Some(_)) => {}
                    }
                }
                timer.close()
            };
            if is_open(self) && self.illegal.is_none() {
                _ = self.send(close).await;
            }
        }
        if let Some(violation) = self.illegal.take() {
            // Autobahn fails the connection; where a close is under way it
            // just ends it.
            if is_open(self) {
                let close = Frame::close(violation.status_code(), "");
                _ = self.send(close).await;
            } else {
                self.end().await;
                return verdict;
            }
        }
        let mut since = Instant::now();
        let mut waiting = None;
        let mut came = 0;
        while !self.ended {
            let wait = match self.close_received {
                true => Wait::End,
                false => Wait::Close,
            };
            if waiting.replace(wait) != Some(wait) {
                since = Instant::now();
            }
            came += 1;
            if came > MOST_AFTER_CLOSE {
                self.end().await;
                break;
            }
            match self.closing(timer, wait, since).await {
                Some(Ok(Incoming::Close(_))) => {}
                Some(Ok(Incoming::End(_))) => break,
                Some(Ok(got)) => unexpected = unexpected.or(Some(got)),
                Some(Err(_)) | None => {
                    self.end().await;
                    break;
                }
            }
        }
        verdict?;
        match unexpected {
            None => Ok(()),
            Some(got) => Err(Finding::violation("nothing more", got)),
        }
    }

    /// What comes before the case's timer runs out, if it has not yet.
    async fn more(&mut self) -> Result<Option<Incoming>, Finding> {
        if self.timer.is_none() && self.waited {
            // Whoever is patient has waited long enough.
            return Ok(None);
        }
        self.next().await.map(Some)
    }

    /// What comes while the connection closes; `None` when that takes too
    /// long.
    async fn closing(
        &mut self,
        timer: Timer,
        wait: Wait,
        since: Instant,
    ) -> Option<Result<Incoming, Finding>> {
        let endpoint = Arc::clone(&self.wire.endpoint);
        if self.timer.is_none() {
            let arrived = endpoint.patiently(self.arrive()).await;
            if arrived.is_none() {
                self.wire.note(What::TimedOut(wait));
            }
            return arrived;
        }
        // A short kill timer cuts in before the wait for TCP's end is over,
        // and then that wait does not count as in vain.
        let killed = matches!(timer, Timer::Kill(after) if after <= CLOSING);
        let until = match wait {
            Wait::End if killed => since.max(self.deadline),
            _ => since + CLOSING,
        };
        let arrived = timeout_at(until, self.arrive()).await.ok();
        if arrived.is_none() && !(killed && wait == Wait::End) {
            self.wire.note(What::TimedOut(wait));
        }
        arrived
    }

    /// Holds if the next thing that comes is this frame, or the message that
    /// it holds in fragments of the server's choice.
    ///
    /// # Errors
    ///
    /// Anything else that comes, and silence.
    pub async fn expect(&mut self, frame: Frame) -> Verdict {
        let expected = Incoming::from(frame);
        let got = self.next().await?;
        if got == expected {
            Ok(())
        } else {
            Err(Finding::violation(expected, got))
        }
    }

    /// Holds if exactly these come next, in this order.
    ///
    /// # Errors
    ///
    /// The first that does not.
    pub async fn expect_all(
        &mut self,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Verdict {
        for frame in frames {
            self.expect(frame).await?;
        }
        Ok(())
    }

    /// Holds if the server had nothing to say to what was sent before: sends
    /// a text that must be echoed and expects only that echo.
    ///
    /// # Errors
    ///
    /// Anything that comes before the echo, and silence.
    pub async fn expect_nothing(&mut self) -> Verdict {
        self.fences += 1;
        let fence = Frame::text(format!("fence {}", self.fences));
        self.send(fence.clone()).await?;
        let got = self.next().await?;
        if got == Incoming::from(fence) {
            return Ok(());
        }
        Err(Finding::violation(
            "nothing but the echo of the text that was sent after it",
            got,
        ))
    }

    /// Holds if the next thing is a Close; gives it back.
    ///
    /// # Errors
    ///
    /// Anything else that comes, and silence.
    pub async fn expect_close(&mut self) -> Result<Incoming, Finding> {
        match self.next().await? {
            close @ Incoming::Close(_) => Ok(close),
            got => Err(Finding::violation("a CLOSE", got)),
        }
    }

    /// Holds if the server ends the connection next; tells how.
    ///
    /// # Errors
    ///
    /// Anything else that comes, and silence.
    pub async fn expect_end(&mut self) -> Result<End, Finding> {
        match self.next().await? {
            Incoming::End(end) => Ok(end),
            got => Err(Finding::violation("the end of the connection", got)),
        }
    }

    /// What a server can have reason to send, in one message or one answer.
    fn most_expected(&self) -> u64 {
        MOST_OF_MESSAGE.min(UNASKED + self.sent.octets as u64)
    }

    async fn arrive(&mut self) -> Result<Incoming, Finding> {
        self.decoder.set_limit(self.most_expected());
        loop {
            let frame = match self.decoder.next_frame() {
                Ok(frame) => frame,
                Err(violation) => return Err(self.illegal(violation)),
            };
            if let Some(frame) = frame {
                if let Some(incoming) = self.take(frame).await? {
                    return Ok(incoming);
                }
                continue;
            }
            self.received.clear();
            if let Some(end) = self.wire.read(&mut self.received).await {
                self.ended = true;
                return match end {
                    End::Flood => Err(Finding::violation(
                        "an end of what the server sends",
                        end,
                    )),
                    end => Ok(Incoming::End(end)),
                };
            }
            self.decoder.push(&self.received);
        }
    }

    /// Sends what every client has to answer. The case's timer runs on: the
    /// case has not gone a step further.
    async fn reply(&mut self, frame: Frame) -> Result<(), Finding> {
        let octets = self.encode([frame]);
        self.wire.write(&octets).await
    }

    /// What a frame completes, if anything.
    async fn take(
        &mut self,
        frame: Frame,
    ) -> Result<Option<Incoming>, Finding> {
        if !self.quiet || frame.opcode.is_control() {
            self.wire
                .note(What::ReceivedFrame(FrameRecord::from(&frame)));
        }
        let header = frame.header();
        self.rules
            .header(&header)
            .and_then(|()| self.rules.payload(&frame.payload))
            .and_then(|()| self.rules.end(&header))
            .map_err(|violation| self.illegal(violation))?;
        match frame.opcode {
            Opcode::PING if self.mute => return Ok(None),
            Opcode::PING => {
                self.reply(Frame::pong(frame.payload)).await?;
                return Ok(None);
            }
            Opcode::CLOSE => {
                self.close_received = true;
                if !self.close_sent && !self.mute {
                    let reply = Frame::close(StatusCode::NORMAL_CLOSURE, "");
                    self.reply(reply).await?;
                }
            }
            _ => {}
        }
        if frame.opcode.is_control() {
            return Ok(Some(Incoming::from(frame)));
        }
        let compressed = self.rules.is_compressed();
        if let Some(deflate) = &mut self.deflate {
            deflate.was_compressed = compressed;
        }
        if frame.fin && self.unfinished.is_none() && !compressed {
            return Ok(Some(Incoming::from(frame)));
        }
        let (_, octets) = self
            .unfinished
            .get_or_insert_with(|| (frame.opcode, Vec::new()));
        octets.extend_from_slice(&frame.payload);
        self.fragments += 1;
        let (length, fragments) = (octets.len() as u64, self.fragments);
        let most = self.most_expected();
        if length > most || fragments > most {
            return Err(Finding::violation(
                "a message no longer than what was sent",
                format_args!(
                    "{length} octets in {fragments} fragments, and no end"
                ),
            ));
        }
        if !frame.fin {
            return Ok(None);
        }
        self.fragments = 0;
        let Some((opcode, mut octets)) = self.unfinished.take() else {
            return Ok(None);
        };
        if compressed {
            octets = self.inflate(opcode, &octets)?;
        }
        Ok(Some(Incoming::Message(opcode, Bytes::from(octets))))
    }

    fn illegal(&mut self, violation: rfc6455::Violation) -> Finding {
        let expected = match violation {
            rfc6455::Violation::TooBig { .. } => {
                "a message no longer than what was sent"
            }
            _ => "frames that a server may send",
        };
        let finding = Finding::violation(expected, &violation);
        self.wire.note(What::Illegal(violation.clone()));
        self.illegal = Some(violation);
        finding
    }
}
