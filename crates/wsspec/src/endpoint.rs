//! The endpoint that is judged: where it is, and how long to wait for it.

use std::cell::Cell;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::case::Case;
use crate::host::Host;
use crate::http2::{self, Http2Stream};
use crate::known::OneOrMany;
use crate::stream::{Over, Stream};
use crate::tls::{self, Tls};
use rfc6455::handshake::{self, ResponseHead};
use rfc6455::{Decoder, Frame, MaskingKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The address of a WebSocket echo, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    host: String,
    port: u16,
    target: String,
}

/// Why a text is not the address of an endpoint that can be judged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It is no URL at all.
    #[error("{0:?} is no URL; an example is ws://127.0.0.1:8080/ws")]
    Syntax(String),
    /// It is a URL of something else.
    #[error("the scheme is {0:?}; a WebSocket's is ws, or wss over TLS")]
    Scheme(String),
}

impl std::str::FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let syntax = || BadUrl::Syntax(text.to_owned());
        let uri: http::Uri = text.parse().map_err(|_| syntax())?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            Some(other) => return Err(BadUrl::Scheme(other.to_owned())),
            None => return Err(syntax()),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let target = uri.path_and_query().map_or("/", |it| it.as_str());
        let port = if secure { 443 } else { 80 };
        Ok(Self {
            secure,
            host: host.ok_or_else(syntax)?.to_owned(),
            port: uri.port_u16().unwrap_or(port),
            target: target.to_owned(),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.target)
    }
}

impl Url {
    /// The value for the Host field.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The request target.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether it is reached by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The scheme of HTTP under it.
    pub(crate) fn http_scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Whether it is on this machine or in a private network, as far as that
    /// can be known: a host that has no address is not far away.
    #[must_use]
    pub fn is_near(&self) -> bool {
        use std::net::{IpAddr, ToSocketAddrs};
        let near = |address: IpAddr| match address.to_canonical() {
            IpAddr::V4(it) => {
                it.is_loopback()
                    || it.is_private()
                    || it.is_link_local()
                    || it.is_unspecified()
            }
            IpAddr::V6(it) => {
                it.is_loopback()
                    || it.is_unique_local()
                    || it.is_unicast_link_local()
                    || it.is_unspecified()
            }
        };
        self.socket()
            .to_socket_addrs()
            .map_or(true, |mut addresses| {
                addresses.all(|address| near(address.ip()))
            })
    }

    /// The address of a server that has not said where it is.
    pub(crate) fn nowhere() -> Self {
        Self {
            secure: false,
            host: "0.0.0.0".into(),
            port: 0,
            target: "/".into(),
        }
    }

    /// Whether somebody accepts connections there.
    pub(crate) fn accepts(&self) -> bool {
        std::net::TcpStream::connect(self.socket()).is_ok()
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where a server has to listen for it.
    pub(crate) fn listen(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Waits until nobody accepts connections there, so long at most.
    pub(crate) fn wait_until_free(&self, at_most: Duration) {
        let deadline = std::time::Instant::now() + at_most;
        while self.accepts() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
    }

    fn socket(&self) -> (&str, u16) {
        (self.host.trim_matches(['[', ']']), self.port)
    }
}

/// What a server declares of itself. Cases read it and never guess.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The largest message that it echoes, in octets.
    pub max_message: Option<u64>,
    /// The largest frame that it takes, in octets, if that is less.
    pub max_frame: Option<u64>,
    /// How many connections it serves at a time.
    pub max_connections: Option<usize>,
    /// The origin that it serves; every right opening handshake names it.
    pub origin: Option<String>,
    /// The bearer token that it asks for; every right opening handshake has
    /// it.
    pub bearer: Option<String>,
    /// A subprotocol that it speaks.
    pub subprotocol: Option<String>,
    /// How long a client may take for its opening handshake.
    pub handshake_deadline: Option<Duration>,
    /// How often it pings; who does not answer three of them is dropped.
    pub ping_interval: Option<Duration>,
    /// How long after its own Close it waits for the client's.
    pub close_deadline: Option<Duration>,
    /// How long after SIGTERM its process ends.
    pub shutdown_deadline: Option<Duration>,
    /// What stands before the token where it comes as a subprotocol.
    pub bearer_subprotocol: Option<String>,
    /// How many opening handshakes it answers in a row, before it refuses.
    pub max_handshakes: Option<usize>,
    /// How long no message may come before it closes the connection.
    pub idle_deadline: Option<Duration>,
    /// How old a connection may become before it closes it.
    pub max_age: Option<Duration>,
    /// How long a client may not read before it drops it.
    pub send_deadline: Option<Duration>,
}

impl Declared {
    /// The same, and where it says nothing what the other says.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let or = |own: Option<String>, other: &Option<String>| {
            own.or_else(|| other.clone())
        };
        Self {
            max_message: self.max_message.or(other.max_message),
            max_frame: self.max_frame.or(other.max_frame),
            max_connections: self.max_connections.or(other.max_connections),
            origin: or(self.origin, &other.origin),
            bearer: or(self.bearer, &other.bearer),
            subprotocol: or(self.subprotocol, &other.subprotocol),
            handshake_deadline: self
                .handshake_deadline
                .or(other.handshake_deadline),
            ping_interval: self.ping_interval.or(other.ping_interval),
            close_deadline: self.close_deadline.or(other.close_deadline),
            shutdown_deadline: self
                .shutdown_deadline
                .or(other.shutdown_deadline),
            bearer_subprotocol: or(
                self.bearer_subprotocol,
                &other.bearer_subprotocol,
            ),
            max_handshakes: self.max_handshakes.or(other.max_handshakes),
            idle_deadline: self.idle_deadline.or(other.idle_deadline),
            max_age: self.max_age.or(other.max_age),
            send_deadline: self.send_deadline.or(other.send_deadline),
        }
    }

    /// The fields that every right opening handshake has for this server.
    pub(crate) fn fields(
        &self,
    ) -> impl Iterator<Item = (&'static str, String)> {
        let origin = self.origin.clone();
        let bearer = self.bearer.as_ref();
        let bearer = bearer.map(|token| format!("Bearer {token}"));
        let origin = origin.map(|origin| ("Origin", origin));
        let bearer = bearer.map(|bearer| ("Authorization", bearer));
        origin.into_iter().chain(bearer)
    }
}

/// So many echoes on a second connection show that a server serves.
const ENOUGH: usize = 3;

tokio::task_local! {
    /// What the waits of a case have come to.
    static WAITS: Cell<Waits>;
}

/// What waiting in vain has shown, or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    /// It proved nothing, because the server did not serve anybody.
    pub(crate) unserved: bool,
    /// There was some: what came too late for it may be right.
    pub(crate) in_vain: bool,
}

/// Runs a case, and tells what its waits have come to.
pub(crate) async fn watching_waits<T>(
    case: impl Future<Output = T>,
) -> (T, Waits) {
    WAITS
        .scope(Cell::default(), async {
            let found = case.await;
            (found, WAITS.with(Cell::get))
        })
        .await
}

fn note_wait(note: impl Fn(&mut Waits)) {
    // Outside of a case nobody wants to know.
    _ = WAITS.try_with(|waits| {
        let mut now = waits.get();
        note(&mut now);
        waits.set(now);
    });
}

fn proves_nothing() {
    note_wait(|waits| waits.unserved = true);
}

/// Notes that the case is about being served: then it counts that nobody was.
pub(crate) fn being_served_counts() {
    note_wait(|waits| waits.unserved = false);
}

/// What a server has been sent and has to work through.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) octets: usize,
    pub(crate) frames: usize,
}

impl Load {
    /// How many times the patience it deserves.
    fn patiences(self) -> u32 {
        let more = self.octets / (256 << 10) + self.frames / 10_000;
        u32::try_from(1 + more).map_or(5, |more| more.min(5))
    }

    /// In how many turns a server may take it up.
    fn turns(self) -> usize {
        (self.octets / (4 << 10) + self.frames / 100).min(1000)
    }
}

/// An endpoint, and how long to wait when it says nothing.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it is.
    pub url: Url,
    /// How a WebSocket is opened.
    pub over: Over,
    /// Whom to trust where the address begins with `wss`; if nobody says so,
    /// whom the system trusts.
    pub tls: Option<Arc<Tls>>,
    /// Whether compressed messages come in Autobahn's numbers, not in as many
    /// as show the same.
    pub full_volume: bool,
    /// How long silence lasts before it counts. Nobody waits that long but
    /// for a server that should have acted and did not.
    pub patience: Duration,
    /// Whether cases that Autobahn has, too, end by Autobahn's own timers:
    /// then a slow server or a busy machine changes its words, as there.
    pub autobahn_timers: bool,
    /// What the server declares.
    pub declared: Declared,
    /// How to start the server, if anybody knows.
    pub host: Option<Arc<Host>>,
    /// More processes of the same server, with other limits, each for the
    /// cases that these patterns name.
    pub instances: Vec<(OneOrMany, Arc<Self>)>,
    /// Whether anybody knows that it echoes at all.
    known: bool,
    /// Whether the last witness was served, or none was needed yet.
    serves: AtomicBool,
    /// Whether a witness is asking a server that served nobody before.
    asking: AtomicBool,
    /// Whether a connection was refused since somebody asked.
    refused: AtomicBool,
}

impl Endpoint {
    /// An endpoint to judge.
    #[must_use]
    pub fn new(url: Url, patience: Duration) -> Self {
        Self {
            url,
            over: Over::default(),
            tls: None,
            full_volume: false,
            patience,
            autobahn_timers: false,
            declared: Declared::default(),
            host: None,
            instances: Vec::new(),
            known: true,
            serves: AtomicBool::new(true),
            asking: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        }
    }

    /// The endpoint of a server that runs for this, and can be started again.
    #[must_use]
    pub fn of(host: Host, patience: Duration) -> Self {
        Self {
            url: host.url(),
            host: Some(Arc::new(host)),
            ..Self::new(Url::nowhere(), patience)
        }
    }

    /// The hosts of the server and its instances, if anybody has started them.
    #[must_use]
    pub fn hosts(&self) -> Vec<Arc<Host>> {
        let instances = self.instances.iter().map(|(_, it)| &it.host);
        std::iter::once(&self.host)
            .chain(instances)
            .flatten()
            .cloned()
            .collect()
    }

    /// The instance for a case, as a number; `None` for the server itself.
    pub(crate) fn instance_for(&self, case: &Case) -> Option<usize> {
        self.instances
            .iter()
            .position(|(cases, _)| cases.names(case.id))
    }

    /// An endpoint of which nobody knows yet whether it serves anybody: no
    /// witness is asked.
    pub(crate) fn unknown(url: Url, patience: Duration) -> Self {
        Self {
            known: false,
            serves: AtomicBool::new(false),
            ..Self::new(url, patience)
        }
    }

    /// The same way to the same server at another address, or for another
    /// wait.
    pub(crate) fn like(&self, other: Self) -> Self {
        Self {
            over: self.over,
            tls: self.tls.clone(),
            full_volume: self.full_volume,
            declared: self.declared.clone(),
            ..other
        }
    }

    /// The same server, at another address where it has been started again,
    /// with so many times the patience.
    pub(crate) fn again(&self, url: Url, factor: u32) -> Self {
        Self {
            autobahn_timers: self.autobahn_timers,
            host: self.host.clone(),
            ..self.like(Self::new(url, self.patience * factor))
        }
    }

    /// Whether a connection was refused since this was last asked.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused.swap(false, Ordering::Relaxed)
    }

    /// Opens a TCP connection, without Nagle's delay.
    pub(crate) async fn connect_tcp(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.url.socket()).await;
        if let Err(error) = &stream
            && error.kind() == std::io::ErrorKind::ConnectionRefused
        {
            self.refused.store(true, Ordering::Relaxed);
        }
        let stream = stream?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Opens a connection for octets, over TLS where the address asks for it.
    pub(crate) async fn connect_octets(&self) -> std::io::Result<Stream> {
        let stream = self.connect_tcp().await?;
        if !self.url.secure {
            return Ok(Stream::Tcp(stream));
        }
        let tls = match (&self.tls, &*tls::SYSTEM) {
            (Some(tls), _) | (None, Ok(tls)) => tls,
            (None, Err(bad)) => {
                return Err(std::io::Error::other(bad.to_string()));
            }
        };
        let host = self.url.socket().0;
        let stream = tls.connect(self.over, host, stream).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Opens a connection on which an opening handshake can be sent.
    pub(crate) async fn connect(&self) -> std::io::Result<Stream> {
        let stream = self.connect_octets().await?;
        match self.over {
            Over::Http1 => Ok(stream),
            Over::Http2 => Ok(Stream::Http2(Http2Stream::begin(stream).await?)),
        }
    }

    /// Waits for an event; `None` if the server keeps silent.
    ///
    /// Silence is told from slowness by a witness: it counts only when the
    /// patience is over *and* the same server has in the meantime opened a
    /// second connection and echoed on it. So a busy machine makes a run
    /// slower and changes no verdict. A server that serves nobody any more is
    /// asked by one case at a time, so that it can't hold the run up.
    pub(crate) async fn patiently<T>(
        self: &Arc<Self>,
        event: impl Future<Output = T>,
    ) -> Option<T> {
        self.within(self.patience, event).await
    }

    /// The same with another patience.
    pub(crate) async fn within<T>(
        self: &Arc<Self>,
        patience: Duration,
        event: impl Future<Output = T>,
    ) -> Option<T> {
        self.behind(Load::default(), patience, event)
            .await
    }

    /// The same for a server that has so much to work through first: it has
    /// longer for it, and the witness asks more often, as a server may take
    /// turns between its connections with each few KiB.
    pub(crate) async fn behind<T>(
        self: &Arc<Self>,
        load: Load,
        patience: Duration,
        event: impl Future<Output = T>,
    ) -> Option<T> {
        let happened = self.wait(load, patience, event).await;
        if happened.is_none() {
            note_wait(|waits| waits.in_vain = true);
        }
        happened
    }

    async fn wait<T>(
        self: &Arc<Self>,
        load: Load,
        patience: Duration,
        event: impl Future<Output = T>,
    ) -> Option<T> {
        let patience = patience * load.patiences();
        let mut event = pin!(event);
        if let Ok(happened) = timeout(patience, &mut event).await {
            return Some(happened);
        }
        // A server that served nobody is asked again, but by one case at a
        // time: the others don't wait for what will hardly come.
        if !self.serves.load(Ordering::Relaxed)
            && (!self.known || self.asking.swap(true, Ordering::Relaxed))
        {
            proves_nothing();
            return None;
        }
        let trips = AtomicUsize::new(0);
        let witness = self.echo_round_trips(ENOUGH + load.turns(), &trips);
        let witness = timeout(self.patience * 10, witness);
        let happened = tokio::select! {
            biased;
            happened = &mut event => Some(happened),
            _ = witness => {
                // Whoever is too slow for all of them still serves.
                let served = trips.load(Ordering::Relaxed) >= ENOUGH;
                if !served {
                    proves_nothing();
                }
                self.serves.store(served, Ordering::Relaxed);
                None
            }
        };
        self.asking.store(false, Ordering::Relaxed);
        if happened.is_some() {
            return happened;
        }
        timeout(Duration::ZERO, event).await.ok()
    }

    /// Lets the server serve somebody else for a while.
    pub(crate) async fn others_have_a_turn(&self) {
        let trips = AtomicUsize::new(0);
        let turns = self.echo_round_trips(10, &trips);
        _ = timeout(self.patience, turns).await;
    }

    /// Opens a connection and has some text echoed, and counts what came back.
    async fn echo_round_trips(
        &self,
        count: usize,
        trips: &AtomicUsize,
    ) -> std::io::Result<()> {
        let Some(mut witness) = self.witness().await? else {
            return Ok(());
        };
        for _ in 0..count {
            if !witness.round_trip().await? {
                return Ok(());
            }
            trips.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether the server opens a connection and echoes on it, within this
    /// time.
    pub(crate) async fn serves_within(&self, at_most: Duration) -> bool {
        timeout(at_most, self.served())
            .await
            .is_ok_and(|it| it.is_some())
    }

    /// A connection on which a text has come back.
    pub(crate) async fn served(&self) -> Option<Witness> {
        let mut witness = self.witness().await.ok()??;
        let echoed = witness.round_trip().await;
        echoed.is_ok_and(|it| it).then_some(witness)
    }

    /// Opens a connection that shows whether others are served.
    async fn witness(&self) -> std::io::Result<Option<Witness>> {
        let mut stream = self.connect().await?;
        let received = self.open_witness(&mut stream).await?;
        Ok(received.map(|received| {
            let mut decoder = Decoder::lenient(1024);
            decoder.push(&received);
            Witness {
                stream,
                decoder,
                received,
            }
        }))
    }

    /// Opens a WebSocket, and gives back what has come behind the answer;
    /// `None` where that is no answer.
    async fn open_witness(
        &self,
        stream: &mut Stream,
    ) -> std::io::Result<Option<Vec<u8>>> {
        if let Stream::Http2(stream) = stream {
            let declared: Vec<_> = self.declared.fields().collect();
            let declared = declared.iter();
            let declared =
                declared.map(|(name, value)| (*name, value.as_bytes()));
            let version = ("sec-websocket-version", &b"13"[..]);
            let request = http2::extended_connect(
                self.url.http_scheme(),
                &self.url.authority(),
                &self.url.target,
                std::iter::once(version).chain(declared),
            );
            let request = request.map_err(std::io::Error::other)?;
            let answer = stream.connect(request).await?;
            let is_open = (200..300).contains(&answer.status);
            return Ok(is_open.then(Vec::new));
        }
        let key = handshake::key(*b"the witness key!");
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Version: 13\r\n",
            self.url.target,
            self.url.authority(),
        );
        for (name, value) in self.declared.fields() {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut received = Vec::with_capacity(4096);
        loop {
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(None);
            }
            match ResponseHead::decode(&received) {
                Ok(Some((_, length))) => {
                    return Ok(Some(received.split_off(length)));
                }
                Ok(None) if received.len() < 64 * 1024 => {}
                _ => return Ok(None),
            }
        }
    }
}

/// A connection beside that of a case.
#[derive(Debug)]
pub(crate) struct Witness {
    stream: Stream,
    decoder: Decoder,
    received: Vec<u8>,
}

impl Witness {
    /// Sends a text and waits for something that is no control frame: what it
    /// is does not matter, somebody was served. Whether it came.
    async fn round_trip(&mut self) -> std::io::Result<bool> {
        let mut octets = Vec::new();
        Frame::text("witness")
            .masked(MaskingKey([1, 2, 3, 4]))
            .encode(&mut octets);
        self.stream.write_all(&octets).await?;
        self.stream.flush().await?;
        loop {
            match self.decoder.next_frame() {
                Ok(Some(frame)) if !frame.opcode.is_control() => {
                    return Ok(true);
                }
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(_) => return Ok(false),
            }
            self.received.clear();
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Ok(false);
            }
            self.decoder.push(&self.received);
        }
    }
}
