//! The dialer: before the 101, where the connection still speaks HTTP.

use std::fmt;

use bytes::{Bytes, BytesMut};
use rfc6455::handshake::{self, BadAnswer, MalformedHead, ResponseHead};

use crate::endpoint::Endpoint;
use crate::peer::Peer;
use crate::record::{End, What};
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
    target: String,
    version: String,
    fields: Vec<(String, Vec<u8>)>,
    key: String,
    /// Octets that go out in the same write, right behind the head.
    followed_by: Vec<u8>,
    write: Write,
}

/// How the octets of a request are cut.
#[derive(Clone, Copy, Debug)]
enum Write {
    AtOnce,
    OctetByOctet,
}

/// What came back for a request.
#[derive(Debug)]
pub struct Answer {
    reply: Reply,
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
    pub fn target(mut self, target: &str) -> Self {
        self.target = target.to_owned();
        self
    }

    /// Another HTTP version, such as `HTTP/1.0`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// Another value in the place of a field's.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        for field in &mut self.fields {
            if field.0.eq_ignore_ascii_case(name) {
                field.1 = value.into();
            }
        }
        if name.eq_ignore_ascii_case("Sec-WebSocket-Key") {
            self.key = value.to_owned();
        }
        self
    }

    /// One more field line, at the end.
    #[must_use]
    pub fn add(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// No field of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields
            .retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        self
    }

    /// The same fields in another order and with other letters in their
    /// names.
    #[must_use]
    pub fn shuffled(mut self, name: fn(&str) -> String) -> Self {
        self.fields.reverse();
        for field in &mut self.fields {
            field.0 = name(&field.0);
        }
        self
    }

    /// Octets in the same write, right behind the head.
    #[must_use]
    pub fn followed_by(mut self, octets: Vec<u8>) -> Self {
        self.followed_by = octets;
        self
    }

    /// The same octets, one at a time.
    #[must_use]
    pub fn octet_by_octet(mut self) -> Self {
        self.write = Write::OctetByOctet;
        self
    }

    fn head(&self) -> Vec<u8> {
        let Self {
            method,
            target,
            version,
            ..
        } = self;
        let mut head = format!("{method} {target} {version}\r\n").into_bytes();
        for (name, value) in &self.fields {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
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
            target: url.target().to_owned(),
            version: "HTTP/1.1".to_owned(),
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into_bytes()))
                .collect(),
            key,
            followed_by: Vec::new(),
            write: Write::AtOnce,
        }
    }

    /// Sends a request over a connection of its own and waits for the answer.
    ///
    /// # Errors
    ///
    /// No connection, or a server that does not read.
    pub async fn dial(&mut self, request: Request) -> Result<Answer, Finding> {
        let mut wire = Wire::open(&self.setting).await?;
        let mut octets = request.head();
        wire.note(What::SentHead(Bytes::copy_from_slice(&octets)));
        if !request.followed_by.is_empty() {
            wire.note(What::SentOctets(Bytes::copy_from_slice(
                &request.followed_by,
            )));
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
        }
        let endpoint = std::sync::Arc::clone(&wire.endpoint);
        let mut rest = BytesMut::new();
        let reply = endpoint
            .patiently(reply(&mut wire, &mut rest))
            .await;
        let reply = reply.unwrap_or_else(|| {
            note_octets(&wire, &rest);
            Reply::Silence(endpoint.patience)
        });
        let random = self.random.fork();
        Ok(Answer {
            reply,
            key: request.key,
            wire,
            rest,
            random,
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
        let mut request = self.request();
        let authority = self.setting.endpoint.url.authority();
        let agent = concat!("wsspec/", env!("CARGO_PKG_VERSION"));
        let key = request.key.clone();
        request.fields = [
            ("User-Agent", agent),
            ("Host", &authority),
            ("Upgrade", "WebSocket"),
            ("Connection", "Upgrade"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("Sec-WebSocket-Key", &key),
            ("Sec-WebSocket-Version", "13"),
        ]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into();
        self.open_with(request).await
    }

    async fn open_with(&mut self, request: Request) -> Result<Peer, Finding> {
        let answer = self.dial(request).await?;
        answer
            .into_peer()
            .map_err(|finding| match finding {
                Finding::Violation { got, .. } => Finding::Blocked(format!(
                    "the opening handshake did not succeed: {got}"
                )),
                finding => finding,
            })
    }
}

/// Reads a head; interim answers but 101 are read over.
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
                if head.status != 101 && (100..200).contains(&head.status) {
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

    /// Whether the server switched, by the status alone.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        matches!(&self.reply, Reply::Head(head) if head.status == 101)
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
        let head = match &self.reply {
            Reply::Head(head) => head,
            other => {
                return Err(Finding::violation(
                    "101 Switching Protocols",
                    other,
                ));
            }
        };
        match handshake::check_response(head, &self.key) {
            Ok(()) => {
                self.wire.note(What::Opened);
                Ok(Peer::new(self.wire, self.rest, self.random))
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
