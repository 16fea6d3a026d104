//! What stands in front of the reference endpoint where it is reached by
//! HTTP/2 (RFC 8441): each extended CONNECT becomes a connection of its own to
//! the endpoint, END_STREAM becomes FIN, and RST_STREAM becomes RST.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use rfc6455::handshake::ResponseHead;
use rfc9113::{
    Decoder, ErrorCode, Field, Flags, Frame, PREFACE, Payload, RequestHead,
    Rules, Section, Sections, Sender, Setting,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Defect, guard};

/// The windows as HTTP/2 has them before anybody says otherwise.
const WINDOW: i64 = 65_535;

/// The largest frame that anybody takes.
const MOST_OF_FRAME: usize = 16_384;

/// How many resets a defect remembers.
const TOO_MANY_RESETS: usize = 200;

/// Serves for as long as it is polled.
pub(crate) async fn serve(
    listener: TcpListener,
    behind: SocketAddr,
    defect: Option<Defect>,
) {
    let mut connections = JoinSet::new();
    let mut has_stopped = false;
    let (stop, mut is_stopped) = mpsc::channel(1);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                _ = stream.set_nodelay(true);
                if has_stopped {
                    connections.spawn(async {
                        let _stream = stream;
                        std::future::pending().await
                    });
                    continue;
                }
                let stop = stop.clone();
                let connection = Connection::new(stream, behind, defect, stop);
                connections.spawn(connection.serve());
            }
            Some(_) = connections.join_next() => {}
            Some(()) = is_stopped.recv() => has_stopped = true,
        }
    }
}

/// What comes back for a stream.
enum Reply {
    /// The endpoint has answered.
    Head(u16, Vec<(String, Vec<u8>)>),
    Data(Vec<u8>),
    Fin,
    Reset,
}

/// A stream with a connection to the endpoint behind it.
struct Stream {
    /// What the client has sent; FIN when it is dropped.
    requests: Option<mpsc::UnboundedSender<Vec<u8>>>,
    /// What the client may still be sent.
    window: i64,
    waiting: VecDeque<Bytes>,
    /// The endpoint has said all.
    is_complete: bool,
    is_open: bool,
    room: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    behind: SocketAddr,
    defect: Option<Defect>,
    decoder: Decoder,
    rules: Rules,
    sections: Sections,
    streams: HashMap<u32, Stream>,
    /// What the client may still be sent on all streams.
    window: i64,
    /// What a new stream may be sent.
    initial_window: i64,
    /// The order in which a defect sends.
    queue: VecDeque<u32>,
    replies: mpsc::UnboundedReceiver<(u32, Reply)>,
    to_replies: mpsc::UnboundedSender<(u32, Reply)>,
    tasks: JoinSet<()>,
    out: Vec<u8>,
    client_setting: Option<u32>,
    resets: usize,
    opened: usize,
    stop: mpsc::Sender<()>,
    kept: Vec<Vec<u8>>,
    is_over: bool,
}

impl Connection {
    fn new(
        socket: TcpStream,
        behind: SocketAddr,
        defect: Option<Defect>,
        stop: mpsc::Sender<()>,
    ) -> Self {
        let (to_replies, replies) = mpsc::unbounded_channel();
        Self {
            socket,
            behind,
            defect,
            decoder: Decoder::new(16_384),
            rules: Rules::new(Sender::Client),
            sections: Sections::new(64 << 10),
            streams: HashMap::new(),
            window: WINDOW,
            initial_window: WINDOW,
            queue: VecDeque::new(),
            replies,
            to_replies,
            tasks: JoinSet::new(),
            out: Vec::new(),
            client_setting: None,
            resets: 0,
            opened: 0,
            stop,
            kept: Vec::new(),
            is_over: false,
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    async fn serve(mut self) {
        let mut preface = [0; PREFACE.len()];
        if self
            .socket
            .read_exact(&mut preface)
            .await
            .is_err()
            || preface != PREFACE
        {
            return;
        }
        let setting = match self.defect {
            Some(Defect::Http2SettingNotSaid) => None,
            Some(Defect::Http2SettingIs2) => Some(2),
            _ => Some(1),
        };
        let setting = setting.map(|it| (Setting::ENABLE_CONNECT_PROTOCOL, it));
        let settings: Vec<_> = setting.into_iter().collect();
        self.send(&Frame::settings(&settings));
        let mut received = Vec::with_capacity(16 << 10);
        while !self.is_over {
            self.send_waiting();
            let out = std::mem::take(&mut self.out);
            if self.socket.write_all(&out).await.is_err() {
                return;
            }
            received.clear();
            tokio::select! {
                read = self.socket.read_buf(&mut received) => {
                    if !matches!(read, Ok(1..)) {
                        return;
                    }
                    self.decoder.push(&received);
                    self.take_frames().await;
                }
                Some((stream, reply)) = self.replies.recv() => {
                    self.take_reply(stream, reply);
                }
                Some(_) = self.tasks.join_next() => {}
            }
        }
        let out = std::mem::take(&mut self.out);
        _ = self.socket.write_all(&out).await;
        _ = self.socket.shutdown().await;
        // What is still said is read, so that no RST takes the end away.
        loop {
            received.clear();
            if !matches!(self.socket.read_buf(&mut received).await, Ok(1..)) {
                return;
            }
        }
    }

    fn send(&mut self, frame: &Frame) {
        frame.encode(&mut self.out);
    }

    fn give_up(&mut self, code: ErrorCode) {
        self.send(&Frame::go_away(0, code, ""));
        self.is_over = true;
    }

    async fn take_frames(&mut self) {
        while !self.is_over {
            let frame = match self.decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(violation) => return self.give_up(violation.error_code()),
            };
            match self.rules.check(&frame) {
                Ok(payload) => self.take(frame, payload).await,
                Err(violation) => self.give_up(violation.error_code()),
            }
        }
    }

    async fn take(&mut self, frame: Frame, payload: Payload) {
        let stream = frame.stream;
        let ends = frame.flags.contains(Flags::END_STREAM);
        match self.sections.take(&frame, &payload) {
            Ok(Some(section)) => return self.take_section(section).await,
            Ok(None) => {}
            Err(violation) => return self.give_up(violation.error_code()),
        }
        match payload {
            Payload::Settings(settings) => self.take_settings(&settings),
            Payload::Ping(octets) => self.send(&Frame::ping_ack(octets)),
            Payload::WindowUpdate(more) => match stream {
                0 => self.window += i64::from(more),
                stream => {
                    if let Some(stream) = self.streams.get_mut(&stream) {
                        stream.window += i64::from(more);
                    }
                }
            },
            Payload::RstStream(_) => self.take_reset(stream).await,
            Payload::Data(data) => {
                let data = match self.has(Defect::Http2PaddingIsData) {
                    true => frame.payload.clone(),
                    false => data,
                };
                self.take_data(stream, &data, ends, frame.payload.len());
            }
            _ => {}
        }
    }

    fn take_settings(&mut self, settings: &[(Setting, u32)]) {
        for (setting, value) in settings {
            match *setting {
                Setting::INITIAL_WINDOW_SIZE => {
                    let value = i64::from(*value);
                    let change = value - self.initial_window;
                    self.initial_window = value;
                    for stream in self.streams.values_mut() {
                        stream.window += change;
                    }
                }
                Setting::ENABLE_CONNECT_PROTOCOL => {
                    self.client_setting = Some(*value);
                }
                _ => {}
            }
        }
        self.send(&Frame::settings_ack());
        if self.client_setting.is_some()
            && self.has(Defect::Http2ClientSettingIsError)
        {
            self.give_up(ErrorCode::PROTOCOL_ERROR);
        }
    }

    async fn take_reset(&mut self, stream: u32) {
        self.resets += 1;
        if self.resets > TOO_MANY_RESETS
            && self.has(Defect::Http2ResetsEndServing)
        {
            _ = self.stop.send(()).await;
        }
        if self.has(Defect::Http2ResetEndsConnection) {
            return self.give_up(ErrorCode::CANCEL);
        }
        self.streams.remove(&stream);
    }

    fn take_data(&mut self, stream: u32, data: &[u8], ends: bool, used: usize) {
        if data.is_empty() && self.has(Defect::Http2KeepsEmptyFrames) {
            self.kept.push(vec![1; 64]);
        }
        let stream = match self.has(Defect::Http2StreamsMixed) {
            true => self
                .streams
                .keys()
                .copied()
                .min()
                .unwrap_or(stream),
            false => stream,
        };
        let used = u32::try_from(used).expect("a frame is short");
        if used > 0 {
            self.send(&Frame::window_update(0, used));
            self.send(&Frame::window_update(stream, used));
        }
        let loses_early = self.has(Defect::Http2EarlyFramesLost);
        let ignores_end = self.has(Defect::Http2EndOfStreamIgnored);
        let Some(stream) = self.streams.get_mut(&stream) else {
            return;
        };
        if let Some(requests) = &stream.requests
            && !data.is_empty()
            && (stream.is_open || !loses_early)
        {
            _ = requests.send(data.to_vec());
        }
        if ends && !ignores_end {
            stream.requests = None;
        }
    }

    async fn take_section(&mut self, section: Section) {
        let Section {
            stream,
            fields,
            ends_stream,
        } = section;
        let fields = self.repaired(fields);
        let has_method = |method: &str| {
            let mut fields = fields.iter();
            fields.any(|it| it.name == ":method" && it.value == method)
        };
        let is_upgrade = fields.iter().any(|it| it.name == ":protocol");
        let is_other_method = is_upgrade && !has_method("CONNECT");
        let head = match RequestHead::read(fields.clone()) {
            Ok(head) => head,
            Err(_) if self.has(Defect::Http2MalformedEndsConnection) => {
                return self.give_up(ErrorCode::PROTOCOL_ERROR);
            }
            Err(_) if self.has(Defect::Http2AnyMethod) && is_other_method => {
                return self.connect(stream, &[]);
            }
            Err(_) => {
                return self.send(&Frame::rst_stream(
                    stream,
                    ErrorCode::PROTOCOL_ERROR,
                ));
            }
        };
        if !head.is_extended_connect() {
            if self.has(Defect::Http2OnlyWebSockets) {
                return self.give_up(ErrorCode::CANCEL);
            }
            let status = match head.path.as_deref() {
                Some(b"/ws") => 426,
                _ => 404,
            };
            return self.answer(stream, status, Vec::new());
        }
        if ends_stream {
            return self.answer(stream, 400, Vec::new());
        }
        self.take_connect(stream, &head).await;
    }

    /// The fields as a defect reads them.
    fn repaired(&self, mut fields: Vec<Field>) -> Vec<Field> {
        let has = |fields: &[Field], name: &str| {
            fields.iter().any(|field| field.name == name)
        };
        match self.defect {
            Some(Defect::Http2SchemeNotNeeded) if !has(&fields, ":scheme") => {
                fields.insert(0, Field::new(":scheme", "http"));
            }
            Some(Defect::Http2PathNotNeeded) if !has(&fields, ":path") => {
                fields.insert(0, Field::new(":path", "/ws"));
            }
            Some(Defect::Http2ConnectionFieldsIgnored) => {
                const NAMES: [&str; 5] = [
                    "connection",
                    "upgrade",
                    "transfer-encoding",
                    "keep-alive",
                    "proxy-connection",
                ];
                fields.retain(|it| !NAMES.iter().any(|name| it.name == name));
            }
            Some(Defect::Http2ControlOctetsTaken) => {
                fields.retain(|field| field.name != "x-value");
            }
            _ => {}
        }
        fields
    }

    async fn take_connect(&mut self, stream: u32, head: &RequestHead) {
        self.opened += 1;
        let value = |name| head.values(name).next().map(|it| &**it);
        let is_another = self.opened > 1 && self.streams.is_empty();
        if is_another && self.has(Defect::Http2SettingTakenBack) {
            let back = [(Setting::ENABLE_CONNECT_PROTOCOL, 0)];
            self.send(&Frame::settings(&back));
        }
        if self.has(Defect::Http2Tunnels)
            && let Some(authority) = &head.authority
        {
            let authority = String::from_utf8_lossy(authority);
            _ = TcpStream::connect(&*authority).await;
        }
        let protocol = head.protocol.as_deref().unwrap_or_default();
        if protocol != b"websocket" && !self.has(Defect::Http2AnyProtocol) {
            return self.answer(stream, 501, Vec::new());
        }
        if head.path.as_deref() != Some(b"/ws") {
            return self.answer(stream, 404, Vec::new());
        }
        let is_wrong_version = value("sec-websocket-version") != Some(b"13")
            && !self.has(Defect::Http2VersionNotChecked);
        let is_refused = self.has(Defect::Http2ClientSettingCounts)
            && self.client_setting == Some(0)
            || self.has(Defect::Http2KeyRefused)
                && value("sec-websocket-key").is_some();
        if is_wrong_version || is_refused {
            return self.answer(stream, 400, Vec::new());
        }
        let bearer = format!("Bearer {}", guard::TOKEN);
        if !self.has(Defect::Http2AccessNotChecked) {
            if value("origin") != Some(guard::ORIGIN.as_bytes()) {
                return self.answer(stream, 403, Vec::new());
            }
            if value("authorization") != Some(bearer.as_bytes()) {
                return self.answer(stream, 401, Vec::new());
            }
        }
        let mut fields = Vec::new();
        let copied = |name: &'static str| {
            value(name).map(|it| Field::new(name, it.to_vec()))
        };
        match self.defect {
            Some(Defect::Http2AnswersAccept) => {
                fields.push(Field::new("sec-websocket-accept", "x"));
            }
            Some(Defect::Http2SubprotocolsAsOffered) => {
                fields.extend(copied("sec-websocket-protocol"));
            }
            Some(Defect::Http2AnyExtension) => {
                fields.extend(copied("sec-websocket-extensions"));
            }
            Some(Defect::Http2AnswerHasLength) => {
                fields.push(Field::new("content-length", "0"));
            }
            _ => {}
        }
        self.connect(stream, &fields);
    }

    /// Opens a connection to the endpoint for a stream.
    fn connect(&mut self, stream: u32, fields: &[Field]) {
        let (requests, to_send) = mpsc::unbounded_channel();
        self.streams.insert(
            stream,
            Stream {
                requests: Some(requests),
                window: self.initial_window,
                waiting: VecDeque::new(),
                is_complete: false,
                is_open: false,
                room: Vec::new(),
            },
        );
        let fields = fields
            .iter()
            .map(|it| {
                let name = String::from_utf8_lossy(&it.name).into_owned();
                (name, it.value.to_vec())
            })
            .collect();
        let replies = self.to_replies.clone();
        let behind = self.behind;
        self.tasks
            .spawn(exchange(stream, behind, fields, to_send, replies));
    }

    fn answer(&mut self, stream: u32, status: u16, mut more: Vec<Field>) {
        let ends_stream = !(200..300).contains(&status) && status != 101;
        let mut fields = vec![Field::new(":status", status.to_string())];
        if status == 404 && self.has(Defect::Http2UpperCaseNames) {
            fields.push(Field::new("X-Server", "reference"));
        }
        fields.append(&mut more);
        let section = Section {
            stream,
            fields,
            ends_stream,
        };
        for frame in section.frames(MOST_OF_FRAME) {
            self.send(&frame);
        }
    }

    fn take_reply(&mut self, number: u32, reply: Reply) {
        if !self.streams.contains_key(&number) {
            return;
        }
        let has_room = self.has(Defect::Http2StalledHasRoom);
        match reply {
            Reply::Head(status, fields) => {
                let status = match (status, self.defect) {
                    (101, Some(Defect::Http2AnswersWith101)) => 101,
                    (101, _) => 200,
                    (status, _) => status,
                };
                let fields = fields
                    .into_iter()
                    .map(|(name, value)| Field::new(name, value));
                self.answer(number, status, fields.collect());
                if let Some(stream) = self.streams.get_mut(&number) {
                    stream.is_open = true;
                }
            }
            Reply::Data(data) => {
                if let Some(stream) = self.streams.get_mut(&number) {
                    if has_room && stream.room.is_empty() {
                        stream.room = vec![1; 1 << 20];
                    }
                    for part in data.chunks(MOST_OF_FRAME) {
                        stream.waiting.push_back(part.to_vec().into());
                        self.queue.push_back(number);
                    }
                }
            }
            Reply::Fin => {
                if let Some(stream) = self.streams.get_mut(&number) {
                    stream.is_complete = true;
                }
            }
            Reply::Reset => {
                self.send(&Frame::rst_stream(number, ErrorCode::CANCEL));
                self.streams.remove(&number);
            }
        }
    }

    /// Sends what there is room for, and the ends of streams.
    fn send_waiting(&mut self) {
        if self.has(Defect::Http2StalledBlocks) {
            // In the order in which it came, whatever stalls.
            while let Some(number) = self.queue.front().copied() {
                if self.streams.contains_key(&number) && !self.send_one(number)
                {
                    break;
                }
                self.queue.pop_front();
            }
        } else {
            self.queue.clear();
            let numbers: Vec<_> = self.streams.keys().copied().collect();
            for number in numbers {
                while self.send_one(number) {}
            }
        }
        let complete: Vec<_> = self
            .streams
            .iter()
            .filter(|(_, it)| it.is_complete && it.waiting.is_empty())
            .map(|(number, _)| *number)
            .collect();
        for number in complete {
            let by_error = self
                .streams
                .remove(&number)
                .is_some_and(|it| it.requests.is_some());
            match self.defect {
                Some(Defect::Http2StreamStaysOpen) => {}
                Some(Defect::Http2ResetsAfterClose) => {
                    self.send(&Frame::rst_stream(number, ErrorCode::NO_ERROR))
                }
                Some(Defect::Http2FailureEndsConnection) if by_error => {
                    self.give_up(ErrorCode::INTERNAL_ERROR);
                }
                _ => self.send(&Frame::data(number, "").end_stream()),
            }
        }
    }

    /// Sends a part of what waits; whether there was something and room.
    fn send_one(&mut self, number: u32) -> bool {
        let ignores = self.has(Defect::Http2WindowIgnored);
        let Some(stream) = self.streams.get_mut(&number) else {
            return false;
        };
        let Some(mut part) = stream.waiting.pop_front() else {
            return false;
        };
        let room = match ignores {
            true => i64::MAX,
            false => stream.window.min(self.window),
        };
        let room = usize::try_from(room).unwrap_or_default();
        if room == 0 {
            stream.waiting.push_front(part);
            return false;
        }
        if part.len() > room {
            stream.waiting.push_front(part.split_off(room));
        }
        let used = i64::try_from(part.len()).expect("a part is short");
        stream.window -= used;
        self.window -= used;
        self.send(&Frame::data(number, part));
        true
    }
}

/// The connection to the endpoint behind a stream.
async fn exchange(
    stream: u32,
    behind: SocketAddr,
    fields: Vec<(String, Vec<u8>)>,
    mut to_send: mpsc::UnboundedReceiver<Vec<u8>>,
    replies: mpsc::UnboundedSender<(u32, Reply)>,
) {
    const REQUEST: &str = "GET /ws HTTP/1.1\r\nHost: reference\r\n\
        Upgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    let reply = |reply| replies.send((stream, reply));
    // Whoever has been reset at once needs no connection.
    if to_send.is_closed() {
        return;
    }
    let Ok(mut backend) = TcpStream::connect(behind).await else {
        return;
    };
    _ = backend.set_nodelay(true);
    _ = backend.write_all(REQUEST.as_bytes()).await;
    let mut received = Vec::new();
    let rest = loop {
        if !matches!(backend.read_buf(&mut received).await, Ok(1..)) {
            return;
        }
        if let Ok(Some((head, length))) = ResponseHead::decode(&received) {
            _ = reply(Reply::Head(head.status, fields));
            break received.split_off(length);
        }
    };
    if !rest.is_empty() {
        _ = reply(Reply::Data(rest));
    }
    let mut has_ended = false;
    loop {
        received.clear();
        let (mut reading, mut writing) = backend.split();
        tokio::select! {
            read = reading.read_buf(&mut received) => {
                let what = match read {
                    Ok(0) => Reply::Fin,
                    Ok(_) => Reply::Data(received.clone()),
                    Err(_) => Reply::Reset,
                };
                let goes_on = matches!(what, Reply::Data(_));
                // Nobody to tell is a stream that was reset.
                if reply(what).is_err() || !goes_on {
                    return;
                }
            }
            octets = to_send.recv(), if !has_ended => match octets {
                Some(octets) => _ = writing.write_all(&octets).await,
                None => {
                    has_ended = true;
                    _ = writing.shutdown().await;
                }
            },
        }
    }
}
