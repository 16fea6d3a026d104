//! The peer: after the 101, where the connection is frames in both directions.

mod apart;
mod compressed;
mod limit;
mod outgoing;
mod unread;
mod volume;

pub use crate::wire::Poured;
pub use compressed::cut;
pub use unread::{Unread, too_slow};
pub use volume::{Pieces, Volume};

use std::collections::VecDeque;
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
pub(crate) use apart::Other;
use compressed::Deflate;
use outgoing::Outgoing;

/// The largest message that is read; no case has a larger one echoed.
pub(crate) const MOST_OF_MESSAGE: u64 = 4 << 20;

/// What a server may say without being spoken to. Beyond that no echo is longer
/// than what was sent.
const UNASKED: u64 = 64 << 10;

/// Of the server's Pings so many are answered at once when a frame of our own
/// is complete; the oldest may go without.
const MOST_OWED: usize = 64;

/// So many cuts of what is sent surely arrive as cuts: the headers of the first
/// frames are among them.
const MOST_APART: usize = 64;

/// Octets in a write that looks for an answer before the next.
const WRITE_AT_ONCE: usize = 16 << 10;

/// So much may still come while the connection closes; more is a flood.
const MOST_AFTER_CLOSE: usize = 1000;

/// An open connection, seen from a client that may send anything.
///
/// What it sends is masked with a fresh key unless a method says otherwise.
/// It does by itself what every client has to do and no case is about: it
/// answers the server's Pings and the server's Close, and puts fragments
/// together. No answer goes into a frame that is half sent: it waits for the
/// end of that frame. A frame that no server may send is a violation wherever it comes.
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
    /// Whether a frame of our own is half sent.
    outgoing: Outgoing,
    /// Answers that wait for the end of that frame.
    owed: VecDeque<Frame>,
    /// Whether a long message goes out, which takes the answers along.
    pours: bool,
    /// What has come while something was written, until the case asks for it.
    heard: VecDeque<Incoming>,
    /// Another connection, for cuts that arrive apart.
    other: Other,
    /// Whether the server reads what is sent, as far as that was seen.
    is_read: bool,
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
    /// One write a frame, each when the server has had its turn with the one
    /// before.
    Apart,
    /// Writes of so many bytes, in the same way.
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
            outgoing: Outgoing::default(),
            owed: VecDeque::new(),
            pours: false,
            heard: VecDeque::new(),
            other: Other::default(),
            is_read: true,
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
        let octets = self.encode([frame]);
        let written = self.write(&octets).await;
        self.step();
        written
    }

    /// Writes bytes, and knows where in a frame they end.
    async fn write(&mut self, octets: &[u8]) -> Result<(), Finding> {
        self.outgoing.advance(octets);
        self.wire.write(octets).await
    }

    /// Sends octets as they are: a part of a frame, or none.
    ///
    /// # Errors
    ///
    /// A server that stopped reading.
    pub async fn send_octets(&mut self, octets: &[u8]) -> Result<(), Finding> {
        self.sent.octets += octets.len();
        self.wire
            .note(What::SentOctets(Bytes::copy_from_slice(octets)));
        let written = self.write(octets).await;
        self.step();
        written?;
        self.pay().await
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
        let sent = self.write_until_answered(octets).await?;
        self.wire
            .note(What::SentOctets(Bytes::copy_from_slice(octets)));
        self.step();
        Ok(sent)
    }

    /// Writes until all is written or the server has something to say; tells
    /// whether all is written. A Ping is nothing that the server says to it.
    async fn write_until_answered(
        &mut self,
        octets: &[u8],
    ) -> Result<bool, Finding> {
        let mut left = octets;
        while !left.is_empty() && !self.wire.is_deaf() {
            let part = &left[..left.len().min(WRITE_AT_ONCE)];
            let mut received = BytesMut::new();
            let written = self
                .wire
                .write_or_read(part, &mut received)
                .await?;
            if self.wire.is_deaf() {
                self.decoder.push(&received);
                return Ok(false);
            }
            self.outgoing.advance(&part[..written]);
            left = &left[written..];
            if !received.is_empty() {
                self.decoder.push(&received);
                self.hear().await?;
            }
            if !self.heard.is_empty() {
                self.wire.stop_writing();
                return Ok(false);
            }
            self.pay().await?;
        }
        Ok(left.is_empty())
    }

    /// Takes the frames that have come; what they say to the case waits until
    /// the case asks.
    async fn hear(&mut self) -> Result<(), Finding> {
        self.decoder.set_limit(self.most_expected());
        while let Some(frame) = self
            .decoder
            .next_frame()
            .map_err(|violation| self.illegal(violation))?
        {
            if let Some(incoming) = self.take(frame).await? {
                self.heard.push_back(incoming);
            }
        }
        Ok(())
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
        let written = self.write(&octets).await;
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
                self.write_until_answered(&octets).await?;
                self.step();
                return Ok(());
            }
            Cut::Apart => {
                let mut frames = frames.into_iter().peekable();
                while let Some(frame) = frames.next() {
                    self.send(frame).await?;
                    if frames.peek().is_some() {
                        self.apart().await;
                    }
                }
                return Ok(());
            }
        };
        let octets = self.encode(frames);
        let mut parts = octets.chunks(octets_each).enumerate().peekable();
        while let Some((number, part)) = parts.next() {
            self.write(part).await?;
            match parts.peek().is_some() && number < MOST_APART {
                true => self.apart().await,
                false => tokio::task::yield_now().await,
            }
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

    /// From here on answers the server's Pings and its Close again.
    pub fn answers_again(&mut self) {
        self.mute = false;
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
                other => {
                    // The write may have stopped inside a frame.
                    self.outgoing.lose_track();
                    return other;
                }
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
                self.step();
                _ = self.reply(close).await;
            }
        }
        if let Some(violation) = self.illegal.take() {
            // Autobahn fails the connection; where a close is under way it
            // just ends it.
            if is_open(self) {
                let close = Frame::close(violation.status_code(), "");
                self.step();
                _ = self.reply(close).await;
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
            return Ok(());
        }
        Err(self.instead_of(expected, got).await)
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

    /// The answer to a Close that was sent.
    ///
    /// # Errors
    ///
    /// Anything else that comes, and no answer: of a server that answers no
    /// Close at all, that is another case's matter.
    pub async fn answer_to_close(&mut self) -> Result<Incoming, Finding> {
        match self.next().await? {
            close @ Incoming::Close(_) => Ok(close),
            got @ (Incoming::End(_) | Incoming::Silence(_)) => {
                Err(self.no_answer_to_close(got).await)
            }
            got => Err(Finding::violation("a CLOSE", got)),
        }
    }

    /// What it means that this comes instead of the answer to a Close.
    pub(crate) async fn no_answer_to_close(&self, got: Incoming) -> Finding {
        if self.is_any_close_answered().await {
            return Finding::violation("a CLOSE", got);
        }
        Finding::shown_by(
            "no Close is answered",
            "6455/5.5.1/close-is-answered/code",
        )
    }

    /// Whether a Close with 1000 is answered on a connection of its own.
    async fn is_any_close_answered(&self) -> bool {
        let Ok(mut other) = apart::another(&self.wire.setting).await else {
            return false;
        };
        let close = Frame::close(StatusCode::NORMAL_CLOSURE, "");
        if other.send(close).await.is_err() {
            return false;
        }
        loop {
            match other.next().await {
                Ok(Incoming::Close(_)) => return true,
                Ok(Incoming::Pong(_) | Incoming::Message(..)) => {}
                _ => return false,
            }
        }
    }

    /// Holds if the server ends the connection next; tells how. That it may
    /// close but once is another case's matter.
    ///
    /// # Errors
    ///
    /// Anything else that comes, and silence.
    pub async fn expect_end(&mut self) -> Result<End, Finding> {
        let mut is_closed = self.close_received;
        loop {
            match self.next().await? {
                Incoming::End(end) => return Ok(end),
                Incoming::Close(_) if is_closed => is_closed = false,
                got => {
                    return Err(Finding::violation(
                        "the end of the connection",
                        got,
                    ));
                }
            }
        }
    }

    /// Whether the connection has ended in the middle of a frame.
    #[must_use]
    pub fn ended_inside_a_frame(&self) -> bool {
        self.ended && !self.decoder.is_between_frames()
    }

    /// What a server can have reason to send, in one message or one answer.
    fn most_expected(&self) -> u64 {
        MOST_OF_MESSAGE.min(UNASKED + self.sent.octets as u64)
    }

    async fn arrive(&mut self) -> Result<Incoming, Finding> {
        if let Some(heard) = self.heard.pop_front() {
            return Ok(heard);
        }
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

    /// Sends what every client has to answer, as soon as no frame of our own is
    /// half sent. The case's timer runs on: the case has not gone a step
    /// further.
    async fn reply(&mut self, frame: Frame) -> Result<(), Finding> {
        self.owed.push_back(frame);
        if self.owed.len() > MOST_OWED {
            // §5.5.3: only the latest of several Pings has to be answered.
            self.owed.pop_front();
        }
        self.pay().await
    }

    /// Sends the answers that have waited for the end of a frame.
    async fn pay(&mut self) -> Result<(), Finding> {
        if self.owed.is_empty() || self.outgoing.is_inside() || self.pours {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        let octets = self.encode(owed);
        self.write(&octets).await
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
            // After a Close no Ping needs an answer.
            Opcode::PING if self.mute || self.close_received => {
                return Ok(None);
            }
            Opcode::PING => {
                self.reply(Frame::pong(frame.payload)).await?;
                return Ok(None);
            }
            Opcode::CLOSE => {
                let is_first = !self.close_received;
                self.close_received = true;
                if is_first && !self.close_sent && !self.mute {
                    let reply = Frame::close(StatusCode::NORMAL_CLOSURE, "");
                    // A server that has closed need not read it.
                    _ = self.reply(reply).await;
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
