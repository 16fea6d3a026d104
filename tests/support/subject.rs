//! A variant of a server of ours, and clients for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use libtest_mimic::Failed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use wsspec::programs::Built;
use wsspec::target::{Running, Server, Size, Variant};

/// The end of a wait that should not be one. No test passes by waiting.
const HANG: Duration = Duration::from_secs(120);

pub(crate) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A variant of a server of ours.
pub(crate) struct Subject {
    pub(crate) server: Server,
    pub(crate) variant: String,
    built: Arc<Built>,
}

impl Subject {
    pub(crate) fn new(
        server: Server,
        variant: &str,
        built: &Arc<Built>,
    ) -> Self {
        Self {
            server,
            variant: variant.to_owned(),
            built: Arc::clone(built),
        }
    }

    /// The name of the server and the variant, as in every table.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.server.name, self.variant)
    }

    pub(crate) fn declared(&self) -> &Variant {
        &self.server.variant[&self.variant]
    }

    /// The words that start it.
    pub(crate) fn run(&self) -> Result<Vec<String>, Failed> {
        let run = self
            .server
            .build_with(self.declared(), &self.built);
        run.map_err(|error| Failed::from(error.to_string()))
    }

    pub(crate) fn start(&self) -> Result<Running, Failed> {
        self.start_with(&[])
    }

    pub(crate) fn start_with(
        &self,
        arguments: &[&str],
    ) -> Result<Running, Failed> {
        let arguments: Vec<_> = arguments
            .iter()
            .map(|it| (*it).to_owned())
            .collect();
        let launcher = self.server.launcher(&self.run()?);
        Ok(launcher.with(&arguments).start()?)
    }

    /// Sizes in octets: the largest frame and the largest message.
    pub(crate) fn limits(&self) -> (usize, usize) {
        let declared = self.declared();
        let message = declared
            .max_message
            .expect("max-message is declared");
        let frame = declared.max_frame.unwrap_or(message);
        let octets = |size: Size| {
            usize::try_from(size.0).expect("a size that fits in memory")
        };
        (octets(frame), octets(message))
    }

    /// A right opening handshake for the server.
    pub(crate) fn request(&self, running: &Running) -> Request {
        let url = running.url.to_string();
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in self.fields() {
            let value = HeaderValue::from_str(&value).expect("a value");
            request.headers_mut().insert(name, value);
        }
        request
    }

    /// What a right opening handshake says beyond what it always does.
    pub(crate) fn fields(
        &self,
    ) -> impl Iterator<Item = (&'static str, String)> {
        let handshake = &self.declared().handshake;
        let origin = handshake.origin.clone();
        let bearer = handshake.bearer.as_ref();
        let bearer = bearer.map(|token| format!("Bearer {token}"));
        let origin = origin.map(|it| ("origin", it));
        let bearer = bearer.map(|it| ("authorization", it));
        origin.into_iter().chain(bearer)
    }

    /// The octets of a right opening handshake.
    pub(crate) fn head(&self, running: &Running) -> String {
        let mut head = format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\
             Sec-WebSocket-Version: 13\r\n",
            running.url.authority()
        );
        for (name, value) in self.fields() {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    pub(crate) async fn connect(
        &self,
        running: &Running,
    ) -> Result<Client, Failed> {
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None)
            .read_buffer_size(4096);
        let request = self.request(running);
        let (client, _) = tokio_tungstenite::connect_async_with_config(
            request,
            Some(config),
            true,
        )
        .await?;
        Ok(client)
    }

    /// A connection after the 101, for octets of any kind.
    pub(crate) async fn open_raw(
        &self,
        running: &Running,
    ) -> Result<TcpStream, Failed> {
        let mut stream = TcpStream::connect(running.url.authority()).await?;
        let head = self.head(running);
        stream.write_all(head.as_bytes()).await?;
        let answer = read_head(&mut stream).await?;
        match answer.starts_with("HTTP/1.1 101 ") {
            true => Ok(stream),
            false => Err(answer.into()),
        }
    }
}

/// The head of an answer, with the empty line.
pub(crate) async fn read_head(
    stream: &mut TcpStream,
) -> Result<String, Failed> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Runs a test that waits, and ends it if it waits for ever.
pub(crate) fn wait(
    test: impl Future<Output = Result<(), Failed>>,
) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome =
        runtime.block_on(async { tokio::time::timeout(HANG, test).await });
    outcome.unwrap_or_else(|_| Err(format!("no end within {HANG:?}").into()))
}

pub(crate) async fn echo(
    client: &mut Client,
    message: Message,
) -> Result<(), Failed> {
    client.send(message.clone()).await?;
    expect(client, message).await
}

/// Reads Pings over: they come when they are due.
pub(crate) async fn expect(
    client: &mut Client,
    message: Message,
) -> Result<(), Failed> {
    loop {
        return match client.next().await {
            Some(Ok(Message::Ping(_))) => continue,
            Some(Ok(got)) if got == message => Ok(()),
            Some(Ok(got)) => Err(format!(
                "{} octets came back as {} others: {:.80}",
                message.len(),
                got.len(),
                format!("{got:?}")
            )
            .into()),
            Some(Err(error)) => Err(format!("{error}").into()),
            None => Err("the connection ended instead".into()),
        };
    }
}

/// The memory of a process that is in RAM, in KiB.
pub(crate) fn resident(running: &Running) -> Result<usize, Failed> {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", running.pid))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmRSS")?.parse()?)
}
