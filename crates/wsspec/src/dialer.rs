//! The dialer: before the 101, where the connection still speaks HTTP.

use std::fmt;

use bytes::{Bytes, BytesMut};
use rfc6455::handshake::{self, BadAnswer, MalformedHead, ResponseHead};
use rfc7692::Agreement;

use crate::content::Content;
use crate::endpoint::Endpoint;
use crate::http2;
use crate::peer::Peer;
use crate::record::{End, What};
use crate::stream::Over;
use crate::verdict::{Finding, Verdict};
use crate::wire::{Setting, Wire};

/// No head of an answer is longer; the rest of a longer one is not read.
const MOST_OF_HEAD: usize = 64 * 1024;

/// No answer has more interim answers before it.
const MOST_INTERIM: usize = 8;

/// Opens connections to the endpoint and sends any request over them.
#[derive(Debug)]
pub struct Dialer {
    setting: Setting,
    random: fastrand::Rng,
}

/// An opening handshake that is about to be sent: right to begin with, and
/// then as wrong as a case wants it.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    version: String,
    /// Octets before the request line.
    preceded_by: Vec<u8>,
    lines: Vec<Line>,
    key: String,
    /// Octets that go out in the same write, right behind the head.
    followed_by: Vec<u8>,
    /// Content that goes out when the server has an answer to the head, or
    /// seems to wait for it.
    held_back: Vec<u8>,
    write: Write,
}

/// A line of a head.
#[derive(Clone, Debug)]
enum Line {
    Field(String, Vec<u8>),
    /// Written as it is.
    Raw(Vec<u8>),
}

/// How the octets of a request are cut.
#[derive(Clone, Copy, Debug)]
enum Write {
    AtOnce,
    OctetByOctet,
    /// In writes of this many octets, until the server has an answer.
    UntilAnswered(usize),
}

/// What came back for a request.
#[derive(Debug)]
pub struct Answer {
    reply: Reply,
    over: Over,
    /// Whether a 100 came before it.
    continued: bool,
    /// Whether the request's method was HEAD, so that no content follows.
    to_head: bool,
    key: String,
    wire: Wire,
    /// What followed the head.
    rest: BytesMut,
    random: fastrand::Rng,
}

/// The server's side of an opening handshake.
#[derive(Debug)]
pub enum Reply {
    /// A head, whatever its status.
    Head(ResponseHead),
    /// Octets that are no HTTP/1 head.
    Malformed(MalformedHead),
    /// More octets than a head may have, or one interim answer after another.
    TooLong,
    /// The end of the connection instead of an answer.
    End(End),
    /// Nothing, for as long as the patience lasts.
    Silence(std::time::Duration),
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(head) => {
                write!(f, "{} {}", head.status, head.reason)
            }
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::TooLong => {
                write!(f, "a head of more than {MOST_OF_HEAD} octets")
            }
            Self::End(end) => write!(f, "no answer but {end}"),
            Self::Silence(patience) => {
                write!(f, "no complete answer within {patience:?}")
            }
        }
    }
}

impl Request {
    /// Another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// Another target.
    #[must_use]
    pub fn target(mut self, target: impl AsRef<[u8]>) -> Self {
        self.target = target.as_ref().to_vec();
        self
    }

    /// The same target as an absolute URI (RFC 9112 §3.2.2).
    #[must_use]
    pub fn absolute_target(mut self) -> Self {
        let mut target = b"http://".to_vec();
        target.extend_from_slice(self.value("Host"));
        target.extend_from_slice(&self.target);
        self.target = target;
        self
    }

    /// The same target with a query, or with more of it.
    #[must_use]
    pub fn query(mut self, query: impl AsRef<[u8]>) -> Self {
        let mark = match self.target.contains(&b'?') {
            true => b'&',
            false => b'?',
        };
        self.target.push(mark);
        self.target.extend_from_slice(query.as_ref());
        self
    }

    /// What an extended CONNECT has of the fields.
    fn fields_for_http2(&self) -> impl Iterator<Item = (String, &[u8])> {
        const LEFT_OUT: [&str; 4] =
            ["host", "upgrade", "connection", "sec-websocket-key"];
        self.lines.iter().filter_map(|line| match line {
            Line::Field(name, value) => {
                let name = name.to_ascii_lowercase();
                (!LEFT_OUT.contains(&&*name)).then_some((name, &**value))
            }
            Line::Raw(_) => None,
        })
    }

    fn value(&self, name: &str) -> &[u8] {
        let values = self.lines.iter().find_map(|line| match line {
            Line::Field(field, value) if field == name => Some(&value[..]),
            _ => None,
        });
        values.unwrap_or_default()
    }

    /// Another HTTP version, such as `HTTP/1.0`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// Another value in the place of a field's.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        for line in &mut self.lines {
            if let Line::Field(field, old) = line
                && field.eq_ignore_ascii_case(name)
            {
                *old = value.to_vec();
            }
        }
        if name.eq_ignore_ascii_case("Sec-WebSocket-Key") {
            self.key = String::from_utf8_lossy(value).into_owned();
        }
        self
    }

    /// One more field line, at the end.
    #[must_use]
    pub fn add(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_vec();
        self.lines
            .push(Line::Field(name.to_owned(), value));
        self
    }

    /// One more line as it is, at the end.
    #[must_use]
    pub fn line(mut self, line: impl AsRef<[u8]>) -> Self {
        self.lines.push(Line::Raw(line.as_ref().to_vec()));
        self
    }

    /// One more line as it is, right behind the request line.
    #[must_use]
    pub fn first_line(mut self, line: impl AsRef<[u8]>) -> Self {
        self.lines
            .insert(0, Line::Raw(line.as_ref().to_vec()));
        self
    }

    /// No field of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.lines.retain(|line| {
            !matches!(line, Line::Field(field, _)
                if field.eq_ignore_ascii_case(name))
        });
        self
    }

    /// The same fields in another order and with other letters in their
    /// names.
    #[must_use]
    pub fn shuffled(mut self, name: fn(&str) -> String) -> Self {
        self.lines.reverse();
        for line in &mut self.lines {
            if let Line::Field(field, _) = line {
                *field = name(field);
            }
        }
        self
    }

    /// Octets before the request line.
    #[must_use]
    pub fn preceded_by(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.preceded_by = octets.as_ref().to_vec();
        self
    }

    /// Octets in the same write, right behind the head: content, another
    /// request, or what may not be there at all.
    #[must_use]
    pub fn followed_by(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.followed_by = octets.as_ref().to_vec();
        self
    }

    /// Content that is sent when the server has said 100 (Continue).
    #[must_use]
    pub fn content_after_100(mut self, content: &str) -> Self {
        self.held_back = content.into();
        self.add("Expect", "100-continue")
            .add("Content-Length", content.len().to_string())
    }

    /// Content that is late: it is sent when the server has answered without
    /// it, or seems to wait for it.
    #[must_use]
    pub fn late_content(mut self, content: &str) -> Self {
        self.held_back = content.into();
        self.add("Content-Length", content.len().to_string())
    }

    /// The same octets, one at a time.
    #[must_use]
    pub fn octet_by_octet(mut self) -> Self {
        self.write = Write::OctetByOctet;
        self
    }

    /// The same octets in writes of 4 KiB, which end when the server has
    /// something to say to them.
    #[must_use]
    pub fn until_answered(mut self) -> Self {
        self.write = Write::UntilAnswered(4 << 10);
        self
    }

    /// The request up to the empty line, as it goes out.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let Self {
            method,
            target,
            version,
            ..
        } = self;
        let mut head = self.preceded_by.clone();
        head.extend_from_slice(method.as_bytes());
        head.push(b' ');
        head.extend_from_slice(target);
        head.extend_from_slice(format!(" {version}\r\n").as_bytes());
        for line in &self.lines {
            match line {
                Line::Field(name, value) => {
                    head.extend_from_slice(name.as_bytes());
                    head.extend_from_slice(b": ");
                    head.extend_from_slice(value);
                }
                Line::Raw(line) => head.extend_from_slice(line),
            }
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

impl Dialer {
    pub(crate) fn new(setting: Setting, seed: u64) -> Self {
        Self {
            setting,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.setting.endpoint
    }

    pub(crate) fn setting(&self) -> &Setting {
        &self.setting
    }

    /// The request that every server has to accept, with a fresh key.
    pub fn request(&mut self) -> Request {
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce);
        let key = handshake::key(nonce);
        let url = &self.setting.endpoint.url;
        let fields = [
            ("Host", url.authority()),
            ("Upgrade", "websocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            ("Sec-WebSocket-Key", key.clone()),
            ("Sec-WebSocket-Version", "13".to_owned()),
        ];
        Request {
            method: "GET".to_owned(),
            target: url.target().into(),
            version: "HTTP/1.1".to_owned(),
            preceded_by: Vec::new(),
            lines: fields
                .into_iter()
                .chain(self.setting.endpoint.declared.fields())
                .map(|(name, value)| {
                    Line::Field(name.to_owned(), value.into_bytes())
                })
                .collect(),
            key,
            followed_by: Vec::new(),
            held_back: Vec::new(),
            write: Write::AtOnce,
        }
    }

    /// Sends a request over a connection of its own and waits for the answer.
    ///
    /// # Errors
    ///
    /// No connection, or a server that does not read.
    pub async fn dial(&mut self, request: Request) -> Result<Answer, Finding> {
        let wire = Wire::open(&self.setting).await?;
        let random = self.random.fork();
        exchange(wire, BytesMut::new(), &request, random).await
    }

    /// A connection on which nothing has been sent.
    ///
    /// # Errors
    ///
    /// No connection.
    pub async fn connect(&mut self) -> Result<Unopened, Finding> {
        Ok(Unopened {
            wire: Wire::open(&self.setting).await?,
            received: BytesMut::new(),
        })
    }

    /// A TCP connection, without TLS whatever the address says.
    ///
    /// # Errors
    ///
    /// No connection.
    pub async fn connect_tcp(&mut self) -> Result<Unopened, Finding> {
        Ok(Unopened {
            wire: Wire::open_tcp(&self.setting).await?,
            received: BytesMut::new(),
        })
    }

    /// The connection after a right opening handshake.
    ///
    /// # Errors
    ///
    /// [`Finding::Blocked`] if the server does not switch.
    pub(crate) async fn open(&mut self) -> Result<Peer, Finding> {
        let request = self.request();
        self.open_with(request).await
    }

    /// The same with the opening handshake that Autobahn's tester sends.
    ///
    /// # Errors
    ///
    /// [`Finding::Blocked`] if the server does not switch.
    pub(crate) async fn open_as_autobahn(&mut self) -> Result<Peer, Finding> {
        let request = self.request_of_autobahn();
        self.open_with(request).await
    }

    pub(crate) fn request_of_autobahn(&mut self) -> Request {
        let mut request = self.request();
        let authority = self.setting.endpoint.url.authority();
        let agent = concat!("wsspec/", env!("CARGO_PKG_VERSION"));
        let key = request.key.clone();
        request.lines = [
            ("User-Agent", agent),
            ("Host", &authority),
            ("Upgrade", "WebSocket"),
            ("Connection", "Upgrade"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("Sec-WebSocket-Key", &key),
            ("Sec-WebSocket-Version", "13"),
        ]
        .map(|(name, value)| Line::Field(name.to_owned(), value.into()))
        .into();
        let declared = self.setting.endpoint.declared.fields();
        request.lines.extend(
            declared.map(|(name, value)| {
                Line::Field(name.to_owned(), value.into())
            }),
        );
        request
    }

    async fn open_with(&mut self, request: Request) -> Result<Peer, Finding> {
        let answer = self.dial(request).await?;
        answer.into_peer().map_err(blocked)
    }
}

/// What is another case's matter: that the opening handshake succeeds.
pub(crate) fn blocked(finding: Finding) -> Finding {
    match finding {
        Finding::Violation { got, .. } => Finding::Blocked(format!(
            "the opening handshake did not succeed: {got}"
        )),
        finding => finding,
    }
}

/// A connection on which there is no whole request, and so no answer due.
#[derive(Debug)]
pub struct Unopened {
    wire: Wire,
    received: BytesMut,
}

impl Unopened {
    /// Sends octets.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn send(&mut self, octets: &[u8]) -> Result<(), Finding> {
        self.wire.write_octets(octets).await
    }

    /// What the server does within this time without being asked: an answer,
    /// or the end.
    pub async fn acts_within(
        &mut self,
        deadline: std::time::Duration,
    ) -> Reply {
        let endpoint = std::sync::Arc::clone(&self.wire.endpoint);
        let reply = reply(&mut self.wire, &mut self.received);
        let reply = endpoint.within(deadline, reply).await;
        reply.unwrap_or(Reply::Silence(deadline))
    }

    /// How the server ends the connection within this time; what it says
    /// before is read over.
    pub async fn ends_within(
        &mut self,
        deadline: std::time::Duration,
    ) -> Option<End> {
        let endpoint = std::sync::Arc::clone(&self.wire.endpoint);
        let ends = async {
            loop {
                self.received.clear();
                if let Some(end) = self.wire.read(&mut self.received).await {
                    return end;
                }
            }
        };
        endpoint.within(deadline, ends).await
    }

    /// Whether the server has done anything yet; nobody waits for it.
    pub async fn has_acted(&mut self) -> bool {
        let now = std::time::Duration::ZERO;
        let reply = reply(&mut self.wire, &mut self.received);
        tokio::time::timeout(now, reply).await.is_ok()
    }

    /// Ends the connection abruptly: RST.
    pub fn reset(self) {
        self.wire.reset();
    }
}

/// Sends a request and waits for its answer.
async fn exchange(
    mut wire: Wire,
    rest: BytesMut,
    request: &Request,
    random: fastrand::Rng,
) -> Result<Answer, Finding> {
    if wire.http2().is_some() {
        return exchange_over_http2(wire, request, random).await;
    }
    let mut octets = request.head();
    wire.note(What::SentHead(shown(&octets)));
    if !request.followed_by.is_empty() {
        wire.note(What::SentOctets(shown(&request.followed_by)));
    }
    octets.extend_from_slice(&request.followed_by);
    match request.write {
        Write::AtOnce => wire.write(&octets).await?,
        Write::OctetByOctet => {
            for octet in octets.chunks(1) {
                wire.write(octet).await?;
                tokio::task::yield_now().await;
            }
        }
        Write::UntilAnswered(count) => {
            wire.write_until_answered(&octets, count).await?;
        }
    }
    answer(wire, rest, request, random).await
}

/// The same by an extended CONNECT: what HTTP/1.1 needs to switch is left out
/// (RFC 8441 §5).
async fn exchange_over_http2(
    mut wire: Wire,
    request: &Request,
    random: fastrand::Rng,
) -> Result<Answer, Finding> {
    let endpoint = std::sync::Arc::clone(&wire.endpoint);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let fields: Vec<_> = request.fields_for_http2().collect();
    let sent = http2::extended_connect(
        endpoint.url.http_scheme(),
        &text(request.value("Host")),
        &text(&request.target),
        fields
            .iter()
            .map(|(name, value)| (&**name, &**value)),
    );
    let sent = sent.map_err(|error| {
        Finding::Blocked(format!("HTTP/2 can't carry the request: {error}"))
    })?;
    wire.note(What::SentFields(http2::request_lines(&sent)));
    let reply = match wire.http2() {
        Some(stream) => {
            let answer = stream.connect(sent);
            endpoint.patiently(answer).await
        }
        None => None,
    };
    let reply = match reply {
        Some(Ok(head)) => {
            wire.note(What::ReceivedFields(http2::response_lines(&head)));
            Reply::Head(head)
        }
        Some(Err(_)) => {
            wire.note(What::Ended(End::Reset));
            Reply::End(End::Reset)
        }
        None => Reply::Silence(endpoint.patience),
    };
    Ok(Answer {
        reply,
        over: Over::Http2,
        continued: false,
        to_head: false,
        key: String::new(),
        wire,
        rest: BytesMut::new(),
        random,
    })
}

/// As much of what is sent as a trace could show.
fn shown(octets: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&octets[..octets.len().min(MOST_OF_HEAD)])
}

/// Waits for the answer to a request that has been sent.
async fn answer(
    mut wire: Wire,
    mut rest: BytesMut,
    request: &Request,
    random: fastrand::Rng,
) -> Result<Answer, Finding> {
    let endpoint = std::sync::Arc::clone(&wire.endpoint);
    let mut continues = 0;
    let mut held_back = &request.held_back[..];
    let expects = request
        .lines
        .iter()
        .any(|line| matches!(line, Line::Field(name, _) if name == "Expect"));
    let reply = loop {
        let waits = !held_back.is_empty() && !expects;
        let patience = endpoint.patience / if waits { 2 } else { 1 };
        let reply = endpoint
            .within(patience, reply(&mut wire, &mut rest))
            .await;
        if waits && !matches!(reply, Some(Reply::End(_))) {
            // Late is what comes when the server has done all that it does.
            endpoint.others_have_a_turn().await;
            wire.write_octets(held_back).await?;
            held_back = &[];
            if reply.is_none() {
                continue;
            }
        }
        let reply = reply.unwrap_or_else(|| {
            note_octets(&wire, &rest);
            Reply::Silence(endpoint.patience)
        });
        match &reply {
            Reply::Head(head)
                if head.status == 100 && continues < MOST_INTERIM =>
            {
                continues += 1;
                if !held_back.is_empty() {
                    wire.write_octets(held_back).await?;
                    held_back = &[];
                }
            }
            _ => break reply,
        }
    };
    Ok(Answer {
        reply,
        over: Over::Http1,
        continued: continues > 0,
        to_head: request.method == "HEAD",
        key: request.key.clone(),
        wire,
        rest,
        random,
    })
}

/// Reads a head; interim answers but 100 and 101 are read over.
async fn reply(wire: &mut Wire, received: &mut BytesMut) -> Reply {
    let mut interim = 0;
    loop {
        match ResponseHead::decode(received) {
            Ok(Some((_, length))) if length > MOST_OF_HEAD => {
                note_octets(wire, received);
                return Reply::TooLong;
            }
            Ok(Some((head, length))) => {
                let octets = received.split_to(length).freeze();
                wire.note(What::ReceivedHead(octets));
                if (102..200).contains(&head.status) {
                    interim += 1;
                    if interim > MOST_INTERIM {
                        return Reply::TooLong;
                    }
                    continue;
                }
                return Reply::Head(head);
            }
            Ok(None) if received.len() > MOST_OF_HEAD => {
                note_octets(wire, received);
                return Reply::TooLong;
            }
            Ok(None) => {}
            Err(malformed) => {
                note_octets(wire, received);
                return Reply::Malformed(malformed);
            }
        }
        if let Some(end) = wire.read(received).await {
            return Reply::End(end);
        }
    }
}

fn note_octets(wire: &Wire, received: &[u8]) {
    const SHOWN: usize = 256;
    if !received.is_empty() {
        let shown = &received[..received.len().min(SHOWN)];
        wire.note(What::ReceivedOctets(Bytes::copy_from_slice(shown)));
    }
}

impl Answer {
    /// What came.
    #[must_use]
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// The head, if one came.
    ///
    /// # Errors
    ///
    /// A violation if there is none.
    pub fn head(&self) -> Result<&ResponseHead, Finding> {
        match &self.reply {
            Reply::Head(head) => Ok(head),
            other => Err(Finding::violation("an HTTP answer", other)),
        }
    }

    /// Whether a 100 (Continue) came before it.
    #[must_use]
    pub fn was_continued(&self) -> bool {
        self.continued
    }

    /// Sends another request over the same connection.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn again(mut self, request: &Request) -> Result<Self, Finding> {
        self.read_content().await;
        exchange(self.wire, self.rest, request, self.random).await
    }

    /// The answer to a request that went out behind the one before.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub async fn next(mut self, request: &Request) -> Result<Self, Finding> {
        self.read_content().await;
        answer(self.wire, self.rest, request, self.random).await
    }

    /// Sends octets over the same connection, which HTTP has no use for, and
    /// waits for what comes back.
    ///
    /// # Errors
    ///
    /// A server that does not read.
    pub async fn send(mut self, octets: &[u8]) -> Result<Self, Finding> {
        self.read_content().await;
        self.wire.write_octets(octets).await?;
        let endpoint = std::sync::Arc::clone(&self.wire.endpoint);
        let reply = reply(&mut self.wire, &mut self.rest);
        let reply = endpoint.patiently(reply).await;
        self.reply = reply.unwrap_or(Reply::Silence(endpoint.patience));
        Ok(self)
    }

    /// Holds if nothing comes behind this answer but the end.
    ///
    /// # Errors
    ///
    /// What comes instead, and silence.
    pub async fn expect_end(mut self) -> Verdict {
        self.read_content().await;
        let endpoint = std::sync::Arc::clone(&self.wire.endpoint);
        let expected = "the end of the connection behind the answer";
        if !self.rest.is_empty() {
            // Octets of another answer are one too many, also if the rest of
            // it never comes.
            let reply = reply(&mut self.wire, &mut self.rest);
            let reply = endpoint.patiently(reply).await;
            let reply = reply.unwrap_or(Reply::Silence(endpoint.patience));
            return Err(Finding::violation(expected, reply));
        }
        let read = self.wire.read(&mut self.rest);
        match endpoint.patiently(read).await {
            Some(Some(End::Fin | End::Reset)) => Ok(()),
            Some(_) => {
                note_octets(&self.wire, &self.rest);
                Err(Finding::violation(expected, "more octets"))
            }
            None => Err(Finding::violation(
                expected,
                format_args!("nothing within {:?}", endpoint.patience),
            )),
        }
    }

    /// Reads the content behind the head, so that the next answer begins;
    /// what is malformed or too long is left, and will be no answer.
    async fn read_content(&mut self) {
        let Reply::Head(head) = &self.reply else {
            return;
        };
        let mut content = Content::of(head, self.to_head);
        let endpoint = std::sync::Arc::clone(&self.wire.endpoint);
        let (wire, rest) = (&mut self.wire, &mut self.rest);
        let read = async {
            while !content.take(rest) {
                if wire.read(rest).await.is_some() {
                    return;
                }
            }
        };
        endpoint.patiently(read).await;
    }

    /// Whether the server switched, by the status alone.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        let Reply::Head(head) = &self.reply else {
            return false;
        };
        match self.over {
            Over::Http1 => head.status == 101,
            Over::Http2 => (200..300).contains(&head.status),
        }
    }

    /// Holds if the server refuses with an HTTP error status.
    ///
    /// # Errors
    ///
    /// A switch, a success, or no HTTP answer at all.
    pub fn expect_refusal(&self) -> Verdict {
        match &self.reply {
            Reply::Head(head) if (300..600).contains(&head.status) => Ok(()),
            other => Err(Finding::violation("an HTTP error status", other)),
        }
    }

    /// The connection, if the answer switches to WebSocket for our key.
    ///
    /// # Errors
    ///
    /// The first rule that the answer breaks.
    pub fn into_peer(self) -> Result<Peer, Finding> {
        self.into_peer_with(None)
    }

    /// The same where compression was agreed on.
    pub(crate) fn into_peer_with(
        self,
        agreement: Option<Agreement>,
    ) -> Result<Peer, Finding> {
        let head = match &self.reply {
            Reply::Head(head) => head,
            other => {
                return Err(Finding::violation(
                    "101 Switching Protocols",
                    other,
                ));
            }
        };
        let checked = match self.over {
            Over::Http1 => handshake::check_response(head, &self.key),
            Over::Http2 if self.is_switch() => Ok(()),
            Over::Http2 => {
                return Err(Finding::violation("a status of 2xx", &self.reply));
            }
        };
        match checked {
            Ok(()) => {
                self.wire.note(What::Opened);
                if agreement.is_some() {
                    self.wire.note(What::Agreed);
                }
                let Self {
                    wire, rest, random, ..
                } = self;
                Ok(Peer::new(wire, rest, random, agreement))
            }
            Err(BadAnswer::Status(_)) => {
                Err(Finding::violation("101 Switching Protocols", &self.reply))
            }
            Err(bad) => Err(Finding::violation(
                "an answer that switches to WebSocket",
                bad,
            )),
        }
    }
}
