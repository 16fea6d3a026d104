//! A raw connection of HTTP/2, for cases about how a WebSocket begins and ends
//! over it ([RFC 8441]), and about what no client may send.
//!
//! The frames are our own, from `rfc9113`: a library refuses to send most of
//! what is sent here.
//!
//! [RFC 8441]: https://www.rfc-editor.org/rfc/rfc8441

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rfc6455::MaskingKey;
use rfc9113::{
    Decoder, ErrorCode, Field, Flags, Frame, PREFACE, Payload, ResponseHead,
    Rules, Section, Sections, Sender, Setting, Settings,
};

use crate::endpoint::{Declared, Endpoint};
use crate::record::{End, Http2Record, What};
use crate::verdict::{Finding, Verdict};
use crate::wire::{Setting as Case, Wire};

/// The largest frame that is read: what nobody has announced otherwise.
const MOST_OF_FRAME: u32 = 16_384;

/// The largest field section that is read.
const MOST_OF_SECTION: usize = 64 << 10;

/// A server has no reason to send more before anything that a case waits for.
const MOST_EVENTS: usize = 4096;

/// The same in octets of DATA.
const MOST_WAITING: usize = 1 << 20;

/// No message that a case has echoed here is longer.
const MOST_OF_MESSAGE: u64 = 1 << 20;

/// So much of a frame stands in a trace.
const SHOWN: usize = 64;

/// Opens raw connections of HTTP/2.
#[derive(Debug)]
pub struct Http2Opener {
    setting: Case,
    random: fastrand::Rng,
}

/// A raw connection of HTTP/2.
///
/// By itself it does what every client has to do and no case is about: it
/// answers SETTINGS and PING, and gives the server room for more. A frame that
/// no server may send is a violation wherever it comes.
#[derive(Debug)]
pub struct Http2Peer {
    wire: Wire,
    decoder: Decoder,
    rules: Rules,
    sections: Sections,
    settings: Settings,
    next_stream: u32,
    sockets: HashMap<u32, rfc6455::Decoder>,
    /// What has come for another stream than the one that is waited for.
    waiting: VecDeque<Event>,
    /// How many octets have been in there; they are few, so nobody subtracts.
    waiting_octets: usize,
    /// Whether the server gets no more room on a stream when it has used it.
    holds_back: bool,
    random: fastrand::Rng,
}

/// What can come from the server.
#[derive(Clone, Debug)]
pub enum Event {
    /// The head of a response, which may end the stream.
    Head(u32, ResponseHead, bool),
    /// Content of a stream, which may end it.
    Data(u32, Bytes, bool),
    /// The abrupt end of a stream.
    Reset(u32, ErrorCode),
    /// The end of the connection is announced.
    GoAway(ErrorCode),
    /// The end of the connection.
    End(End),
    /// Nothing, for as long as the patience lasts.
    Silence(Duration),
}

impl Event {
    /// The stream that it is about.
    #[must_use]
    pub fn stream(&self) -> Option<u32> {
        match self {
            Self::Head(stream, ..)
            | Self::Data(stream, ..)
            | Self::Reset(stream, _) => Some(*stream),
            _ => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(_, head, _) => write!(f, ":status: {}", head.status),
            Self::Data(_, data, true) if data.is_empty() => {
                f.write_str("END_STREAM")
            }
            Self::Data(_, data, _) => {
                write!(f, "DATA of {} octets", data.len())
            }
            Self::Reset(_, code) => write!(f, "RST_STREAM {code}"),
            Self::GoAway(code) => write!(f, "GOAWAY {code}"),
            Self::End(end) => end.fmt(f),
            Self::Silence(patience) => {
                write!(f, "nothing within {patience:?}")
            }
        }
    }
}

impl Http2Opener {
    pub(crate) fn new(setting: Case, seed: u64) -> Self {
        Self {
            setting,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    fn endpoint(&self) -> &Arc<Endpoint> {
        &self.setting.endpoint
    }

    /// What the server declares.
    #[must_use]
    pub fn declared(&self) -> &Declared {
        &self.endpoint().declared
    }

    /// A connection on which both have said their settings.
    ///
    /// # Errors
    ///
    /// No connection, or a server that does not speak HTTP/2.
    pub async fn connect(&mut self) -> Result<Http2Peer, Finding> {
        self.connect_with(&[]).await
    }

    /// The same with settings of the client's.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(
        &mut self,
        settings: &[(Setting, u32)],
    ) -> Result<Http2Peer, Finding> {
        let wire = Wire::open_octets(&self.setting).await?;
        let mut peer = Http2Peer {
            wire,
            decoder: Decoder::new(MOST_OF_FRAME),
            rules: Rules::new(Sender::Server),
            sections: Sections::new(MOST_OF_SECTION),
            settings: Settings::new(),
            next_stream: 1,
            sockets: HashMap::new(),
            waiting: VecDeque::new(),
            waiting_octets: 0,
            holds_back: false,
            random: self.random.fork(),
        };
        peer.wire.write(PREFACE).await?;
        peer.send(Frame::settings(settings)).await?;
        loop {
            match peer.read_frame().await? {
                Ok((frame, payload)) => {
                    let is_first = matches!(payload, Payload::Settings(_));
                    peer.take(frame, payload).await?;
                    if is_first {
                        break;
                    }
                }
                Err(event) => {
                    return Err(Finding::Blocked(format!(
                        "no HTTP/2: {event} instead of SETTINGS"
                    )));
                }
            }
        }
        Ok(peer)
    }

    /// The fields of a right extended CONNECT.
    #[must_use]
    pub fn request(&self) -> Vec<Field> {
        let url = &self.endpoint().url;
        let mut fields = vec![
            Field::new(":method", "CONNECT"),
            Field::new(":protocol", "websocket"),
            Field::new(":scheme", url.http_scheme()),
            Field::new(":path", url.target().to_owned()),
            Field::new(":authority", url.authority()),
            Field::new("sec-websocket-version", "13"),
        ];
        let declared = self.declared().fields();
        fields.extend(
            declared.map(|(name, value)| {
                Field::new(name.to_ascii_lowercase(), value)
            }),
        );
        fields
    }
}

/// The same fields, one with another value.
#[must_use]
pub fn set(mut fields: Vec<Field>, name: &str, value: &str) -> Vec<Field> {
    for field in &mut fields {
        if field.name == name {
            field.value = Bytes::copy_from_slice(value.as_bytes());
        }
    }
    fields
}

/// The same fields without one.
#[must_use]
pub fn without(mut fields: Vec<Field>, name: &str) -> Vec<Field> {
    fields.retain(|field| field.name != name);
    fields
}

/// The same fields with one more at the end.
#[must_use]
pub fn add(
    mut fields: Vec<Field>,
    name: &'static str,
    value: impl Into<Bytes>,
) -> Vec<Field> {
    fields.push(Field::new(name, value));
    fields
}

impl Http2Peer {
    /// The value of the server's last SETTINGS that have this one.
    #[must_use]
    pub fn setting(&self, setting: Setting) -> Option<u32> {
        let settings = self.settings.iter().rev();
        let mut values = settings.filter(|(name, _)| *name == setting);
        values.next().map(|(_, value)| *value)
    }

    /// From here on a stream gets no more room when it is used up.
    pub fn holds_back(&mut self) {
        self.holds_back = true;
    }

    /// Sends a frame as it is.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn send(&mut self, frame: Frame) -> Result<(), Finding> {
        self.send_saying(frame, Vec::new()).await
    }

    async fn send_saying(
        &mut self,
        frame: Frame,
        says: Vec<String>,
    ) -> Result<(), Finding> {
        let mut octets = Vec::new();
        frame.encode(&mut octets);
        let record = record(&frame, says);
        self.wire.note(What::SentHttp2(record));
        self.wire.write(&octets).await
    }

    /// Sends frames that are many, in one write; the first stands for all in
    /// the trace.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn send_many(&mut self, frames: &[Frame]) -> Result<(), Finding> {
        let mut octets = Vec::new();
        for frame in frames {
            frame.encode(&mut octets);
        }
        if let Some(first) = frames.first() {
            let mut record = record(first, Vec::new());
            record.what = format!("{} × {}", frames.len(), record.what);
            self.wire.note(What::SentHttp2(record));
        }
        self.wire.write(&octets).await
    }

    /// Begins a stream with these fields, be they right or wrong, and gives
    /// its number.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn begin(&mut self, fields: Vec<Field>) -> Result<u32, Finding> {
        self.begin_as(fields, false).await
    }

    /// The same for a request without content.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn ask(&mut self, fields: Vec<Field>) -> Result<u32, Finding> {
        self.begin_as(fields, true).await
    }

    async fn begin_as(
        &mut self,
        fields: Vec<Field>,
        ends_stream: bool,
    ) -> Result<u32, Finding> {
        let stream = self.next_stream;
        self.next_stream += 2;
        let says = fields.iter().map(Field::to_string).collect();
        let section = Section {
            stream,
            fields,
            ends_stream,
        };
        let mut frames = section.frames(MOST_OF_FRAME as usize).into_iter();
        if let Some(first) = frames.next() {
            self.send_saying(first, says).await?;
        }
        for frame in frames {
            self.send(frame).await?;
        }
        Ok(stream)
    }

    /// A WebSocket on a stream of its own.
    ///
    /// # Errors
    ///
    /// [`Finding::Blocked`] if the server does not open it.
    pub async fn open(&mut self, fields: Vec<Field>) -> Result<u32, Finding> {
        let stream = self.begin(fields).await?;
        match self.next_on(stream).await? {
            Event::Head(_, head, false) if is_success(head.status) => {
                Ok(stream)
            }
            event => Err(Finding::Blocked(format!(
                "the extended CONNECT did not succeed: {event}"
            ))),
        }
    }

    /// Sends a frame of WebSocket, masked.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn send_on(
        &mut self,
        stream: u32,
        frame: rfc6455::Frame,
    ) -> Result<(), Finding> {
        let key = MaskingKey(self.random.u32(..).to_be_bytes());
        self.send_as_is(stream, frame.masked(key)).await
    }

    /// Sends a frame of WebSocket as it is.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn send_as_is(
        &mut self,
        stream: u32,
        frame: rfc6455::Frame,
    ) -> Result<(), Finding> {
        let mut octets = Vec::new();
        let what = crate::record::FrameRecord::from(&frame).to_string();
        frame.encode(&mut octets);
        for part in octets.chunks(MOST_OF_FRAME as usize) {
            let data = Frame::data(stream, part.to_vec());
            self.send_saying(data, vec![what.clone()]).await?;
        }
        Ok(())
    }

    /// Holds if a text comes back on this stream.
    ///
    /// # Errors
    ///
    /// What comes instead.
    pub async fn echoes(&mut self, stream: u32, text: &str) -> Verdict {
        let text = rfc6455::Frame::text(text.to_owned());
        self.send_on(stream, text.clone()).await?;
        self.expect_on(stream, &text).await
    }

    /// Holds if this frame of WebSocket comes next on this stream.
    ///
    /// # Errors
    ///
    /// What comes instead.
    pub async fn expect_on(
        &mut self,
        stream: u32,
        expected: &rfc6455::Frame,
    ) -> Verdict {
        let what = |frame: &rfc6455::Frame| {
            crate::record::FrameRecord::from(frame).to_string()
        };
        match self.next_frame_on(stream).await? {
            Ok(got) if got == *expected => Ok(()),
            Ok(got) => Err(Finding::violation(what(expected), what(&got))),
            Err(event) => Err(Finding::violation(what(expected), event)),
        }
    }

    /// The next frame of WebSocket on a stream, or what comes instead.
    ///
    /// # Errors
    ///
    /// A frame that no server may send.
    pub async fn next_frame_on(
        &mut self,
        stream: u32,
    ) -> Result<Result<rfc6455::Frame, Event>, Finding> {
        loop {
            let decoder = self.sockets.entry(stream).or_insert_with(|| {
                rfc6455::Decoder::strict(
                    rfc6455::Sender::Server,
                    MOST_OF_MESSAGE,
                )
            });
            let frame = decoder.next_frame().map_err(|violation| {
                Finding::violation("frames that a server may send", violation)
            })?;
            if let Some(frame) = frame {
                return Ok(Ok(frame));
            }
            match self.next_on(stream).await? {
                Event::Data(_, data, false) => {
                    if let Some(decoder) = self.sockets.get_mut(&stream) {
                        decoder.push(&data);
                    }
                }
                Event::Data(_, data, true) if !data.is_empty() => {
                    if let Some(decoder) = self.sockets.get_mut(&stream) {
                        decoder.push(&data);
                    }
                    // What came with the end is read before it.
                    self.waiting.push_front(Event::Data(
                        stream,
                        Bytes::new(),
                        true,
                    ));
                }
                event => return Ok(Err(event)),
            }
        }
    }

    /// The next thing that comes on a stream, or ends the connection; what
    /// comes on others waits for its turn.
    ///
    /// # Errors
    ///
    /// A frame that no server may send.
    pub async fn next_on(&mut self, stream: u32) -> Result<Event, Finding> {
        let is_about = |event: &Event| {
            event.stream().is_none_or(|it| it == stream)
                && !matches!(event, Event::GoAway(ErrorCode::NO_ERROR))
        };
        if let Some(at) = self.waiting.iter().position(is_about)
            && let Some(event) = self.waiting.remove(at)
        {
            return Ok(event);
        }
        loop {
            let event = self.next().await?;
            if is_about(&event) {
                return Ok(event);
            }
            if let Event::Data(_, data, _) = &event {
                self.waiting_octets += data.len();
            }
            self.waiting.push_back(event);
            if self.waiting.len() > MOST_EVENTS
                || self.waiting_octets > MOST_WAITING
            {
                return Err(Finding::violation(
                    "an end of what the server sends",
                    format_args!(
                        "{} frames with {} octets for other streams",
                        self.waiting.len(),
                        self.waiting_octets
                    ),
                ));
            }
        }
    }

    /// Whether something has come for a stream that nobody has asked for yet.
    #[must_use]
    pub fn has_more_of(&self, stream: u32) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|event| event.stream() == Some(stream))
    }

    /// The next thing that comes.
    ///
    /// # Errors
    ///
    /// A frame that no server may send.
    async fn next(&mut self) -> Result<Event, Finding> {
        for _ in 0..MOST_EVENTS {
            match self.read_frame().await? {
                Err(event) => return Ok(event),
                Ok((frame, payload)) => {
                    if let Some(event) = self.take(frame, payload).await? {
                        return Ok(event);
                    }
                }
            }
        }
        Err(Finding::violation(
            "an end of what the server sends",
            format_args!("{MOST_EVENTS} frames that say nothing"),
        ))
    }

    /// The next frame, or the end, or silence.
    async fn read_frame(
        &mut self,
    ) -> Result<Result<(Frame, Payload), Event>, Finding> {
        let endpoint = Arc::clone(&self.wire.endpoint);
        let mut received = BytesMut::new();
        let illegal = |violation: &rfc9113::Violation| {
            Finding::violation("frames that a server may send", violation)
        };
        loop {
            let frame = self.decoder.next_frame();
            if let Some(frame) = frame.map_err(|it| illegal(&it))? {
                let payload = self.rules.check(&frame);
                if payload.is_err() {
                    let record = record(&frame, Vec::new());
                    self.wire.note(What::ReceivedHttp2(record));
                }
                let payload = payload.map_err(|it| illegal(&it))?;
                return Ok(Ok((frame, payload)));
            }
            received.clear();
            let read = self.wire.read(&mut received);
            match endpoint.patiently(read).await {
                Some(None) => self.decoder.push(&received),
                Some(Some(end)) => return Ok(Err(Event::End(end))),
                None => {
                    return Ok(Err(Event::Silence(endpoint.patience)));
                }
            }
        }
    }

    /// What a frame says to a case, if anything.
    async fn take(
        &mut self,
        frame: Frame,
        payload: Payload,
    ) -> Result<Option<Event>, Finding> {
        let stream = frame.stream;
        let ends = frame.flags.contains(Flags::END_STREAM);
        let section =
            self.sections
                .take(&frame, &payload)
                .map_err(|violation| {
                    Finding::violation("fields that can be read", violation)
                })?;
        let says = match (&section, &payload) {
            (Some(section), _) => section
                .fields
                .iter()
                .map(Field::to_string)
                .collect(),
            (None, Payload::Settings(settings)) => settings
                .iter()
                .map(|(setting, value)| format!("{setting} = {value}"))
                .collect(),
            (None, Payload::RstStream(code) | Payload::GoAway { code, .. }) => {
                vec![code.to_string()]
            }
            _ => Vec::new(),
        };
        self.wire
            .note(What::ReceivedHttp2(record(&frame, says)));
        match payload {
            Payload::Settings(settings) => {
                self.settings.extend(settings);
                self.settings.truncate(MOST_EVENTS);
                self.send(Frame::settings_ack()).await?;
            }
            Payload::Ping(octets) => {
                self.send(Frame::ping_ack(octets)).await?;
            }
            Payload::Data(data) => {
                let used = u32::try_from(frame.payload.len());
                let used = used.unwrap_or(MOST_OF_FRAME);
                if used > 0 {
                    self.send(Frame::window_update(0, used)).await?;
                    if !self.holds_back && !ends {
                        let more = Frame::window_update(stream, used);
                        self.send(more).await?;
                    }
                }
                return Ok(Some(Event::Data(stream, data, ends)));
            }
            Payload::RstStream(code) => {
                return Ok(Some(Event::Reset(stream, code)));
            }
            Payload::GoAway { code, .. } => {
                return Ok(Some(Event::GoAway(code)));
            }
            _ => {}
        }
        let Some(section) = section else {
            return Ok(None);
        };
        let head = ResponseHead::read(section.fields).map_err(|malformed| {
            Finding::violation("the head of a response", malformed)
        })?;
        if head.is_interim() {
            return Ok(None);
        }
        Ok(Some(Event::Head(section.stream, head, section.ends_stream)))
    }

    /// Waits until the server has read all that was sent, or has ended: a PING
    /// is answered in its turn. What comes meanwhile is read over.
    ///
    /// # Errors
    ///
    /// A frame that no server may send, and silence.
    pub async fn fence(&mut self) -> Verdict {
        const FENCE: [u8; 8] = *b"a fence!";
        self.send(Frame::ping(FENCE)).await?;
        for _ in 0..16 * MOST_EVENTS {
            match self.read_frame().await? {
                Ok((_, Payload::PingAck(FENCE))) => return Ok(()),
                Ok((frame, payload)) => {
                    self.take(frame, payload).await?;
                }
                Err(Event::Silence(patience)) => {
                    return Err(Finding::violation(
                        "an answer to PING, or the end of the connection",
                        Event::Silence(patience),
                    ));
                }
                Err(_) => return Ok(()),
            }
        }
        Err(Finding::violation(
            "an answer to PING, or the end of the connection",
            "frames without end",
        ))
    }

    /// Holds if a malformed or wrong request is not granted: the stream is
    /// reset, the status says no, or the connection ends.
    ///
    /// # Errors
    ///
    /// A success, and silence.
    pub async fn expect_refusal_on(&mut self, stream: u32) -> Verdict {
        match self.next_on(stream).await? {
            Event::Reset(..) | Event::GoAway(_) | Event::End(_) => Ok(()),
            Event::Head(_, head, _) if (300..600).contains(&head.status) => {
                Ok(())
            }
            event => Err(Finding::violation(
                "RST_STREAM, or a status that says no",
                event,
            )),
        }
    }

    /// How a stream ends: END_STREAM or RST_STREAM; frames of WebSocket before
    /// that are read over.
    ///
    /// # Errors
    ///
    /// The end of the connection, and silence.
    pub async fn expect_end_of(
        &mut self,
        stream: u32,
    ) -> Result<Event, Finding> {
        for _ in 0..MOST_EVENTS {
            match self.next_on(stream).await? {
                Event::Data(_, _, false) => {}
                event @ (Event::Data(..) | Event::Reset(..)) => {
                    return Ok(event);
                }
                event => {
                    return Err(Finding::violation(
                        "the end of the stream",
                        event,
                    ));
                }
            }
        }
        Err(Finding::violation("the end of the stream", "no end"))
    }

    /// Ends the connection abruptly.
    pub fn reset(self) {
        self.wire.reset();
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn record(frame: &Frame, says: Vec<String>) -> Http2Record {
    let mut octets = Vec::new();
    frame.header().encode(&mut octets);
    let shown = frame.payload.len().min(SHOWN);
    octets.extend_from_slice(&frame.payload[..shown]);
    Http2Record {
        what: frame.header().to_string(),
        says,
        octets: octets.into(),
    }
}
