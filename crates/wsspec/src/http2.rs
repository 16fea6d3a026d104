//! A WebSocket over HTTP/2 ([RFC 8441]): the extended CONNECT, and the stream
//! that it opens.
//!
//! The crate h2 speaks HTTP/2, one connection a WebSocket. What a case has to
//! say that h2 refuses to, it says over [`crate::http2_peer`].
//!
//! [RFC 8441]: https://www.rfc-editor.org/rfc/rfc8441

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::client::{self, SendRequest};
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use rfc6455::handshake::{Fields, ResponseHead};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::stream::Stream;

/// What a server may send before it is read: several times what HTTP/2 begins
/// with, so that long echoes do not wait for each round trip.
const ROOM: u32 = 1 << 20;

/// How long a connection may still say good-bye when nobody needs it any
/// more.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// A stream of a connection of its own, from before it is opened.
pub(crate) struct Http2Stream {
    requests: SendRequest<Bytes>,
    open: Option<Open>,
    /// The connection ends soon after this.
    _in_use: oneshot::Sender<()>,
}

struct Open {
    sending: SendStream<Bytes>,
    receiving: RecvStream,
    /// What has come and is not read.
    unread: Bytes,
}

impl std::fmt::Debug for Http2Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http2Stream")
            .field("is_open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

impl Http2Stream {
    /// Begins HTTP/2 over TCP, with prior knowledge, or over TLS.
    ///
    /// # Errors
    ///
    /// A server that does not speak it, or carries no WebSocket over it.
    pub(crate) async fn begin(over: Stream) -> io::Result<Self> {
        let (requests, mut connection) = client::Builder::new()
            .enable_push(false)
            .initial_window_size(ROOM)
            .initial_connection_window_size(ROOM)
            .handshake(over)
            .await
            .map_err(no_http2)?;
        let ping_pong = connection.ping_pong();
        let (in_use, no_longer) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = &mut connection => {}
                _ = no_longer => {
                    // Who does not read the good-bye is not waited for.
                    _ = tokio::time::timeout(GOOD_BYE, connection).await;
                }
            }
        });
        // A server's settings come first, so they are there when it answers.
        if let Some(mut ping_pong) = ping_pong {
            let ping = h2::Ping::opaque();
            ping_pong
                .ping(ping)
                .await
                .map_err(io::Error::other)?;
        }
        if !requests.is_extended_connect_protocol_enabled() {
            return Err(io::Error::other(
                "it has no WebSocket over HTTP/2: its settings lack \
                 ENABLE_CONNECT_PROTOCOL",
            ));
        }
        Ok(Self {
            requests,
            open: None,
            _in_use: in_use,
        })
    }

    /// Sends an extended CONNECT and waits for its answer; an answer of 2xx
    /// opens the stream.
    ///
    /// # Errors
    ///
    /// A server that resets the stream instead, or ends the connection.
    pub(crate) async fn connect(
        &mut self,
        request: Request<()>,
    ) -> io::Result<ResponseHead> {
        let sent = self.requests.send_request(request, false);
        let (answer, sending) = sent.map_err(io::Error::other)?;
        let answer = answer.await.map_err(io::Error::other)?;
        let head = head(&answer);
        self.open = Some(Open {
            sending,
            receiving: answer.into_body(),
            unread: Bytes::new(),
        });
        Ok(head)
    }

    /// Ends the stream abruptly: RST_STREAM.
    pub(crate) fn reset(&mut self) {
        if let Some(open) = &mut self.open {
            open.sending.send_reset(Reason::CANCEL);
        }
    }

    fn open(&mut self) -> io::Result<&mut Open> {
        self.open
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// An extended CONNECT for a WebSocket.
///
/// # Errors
///
/// A target or a field that HTTP/2 can't carry.
pub(crate) fn extended_connect<'a>(
    scheme: &str,
    authority: &str,
    target: &str,
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<Request<()>, http::Error> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("{scheme}://{authority}{target}"))
        .extension(Protocol::from_static("websocket"))
        .body(())?;
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        let value = HeaderValue::from_bytes(value)?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

/// A request as lines, for a trace.
pub(crate) fn request_lines(request: &Request<()>) -> Bytes {
    let uri = request.uri();
    let mut lines = format!(
        ":method: {}\n:protocol: websocket\n:scheme: {}\n:path: {}\n\
         :authority: {}\n",
        request.method(),
        uri.scheme_str().unwrap_or_default(),
        uri.path_and_query()
            .map_or("/", |target| target.as_str()),
        uri.authority()
            .map_or("", |authority| authority.as_str()),
    );
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        lines += &format!("{name}: {value}\n");
    }
    lines.into()
}

/// A response as lines, for a trace.
pub(crate) fn response_lines(head: &ResponseHead) -> Bytes {
    let mut lines = format!(":status: {}\n", head.status);
    for (name, value) in head.fields.iter() {
        lines += &format!("{name}: {}\n", String::from_utf8_lossy(value));
    }
    lines.into()
}

fn head(answer: &Response<RecvStream>) -> ResponseHead {
    let mut fields = Fields::default();
    for (name, value) in answer.headers() {
        fields.push(name.as_str().to_owned(), value.as_bytes().to_vec());
    }
    ResponseHead {
        version: "HTTP/2".to_owned(),
        status: answer.status().as_u16(),
        reason: String::new(),
        fields,
    }
}

fn no_http2(error: h2::Error) -> io::Error {
    io::Error::other(format!("it does not speak HTTP/2: {error}"))
}

fn abrupt(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

impl AsyncRead for Http2Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let open = self.get_mut().open()?;
        while open.unread.is_empty() {
            match ready!(open.receiving.poll_data(context)) {
                None => return Poll::Ready(Ok(())),
                Some(Ok(octets)) => open.unread = octets,
                Some(Err(error)) => return Poll::Ready(Err(abrupt(error))),
            }
        }
        let count = open.unread.len().min(into.remaining());
        into.put_slice(&open.unread[..count]);
        open.unread.advance(count);
        // What is not read is not given back: a server has to wait for it.
        let released = open
            .receiving
            .flow_control()
            .release_capacity(count);
        Poll::Ready(released.map_err(abrupt))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let open = self.get_mut().open()?;
        if octets.is_empty() {
            return Poll::Ready(Ok(0));
        }
        open.sending.reserve_capacity(octets.len());
        let mut room = open.sending.capacity();
        while room == 0 {
            match ready!(open.sending.poll_capacity(context)) {
                None => {
                    return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                }
                Some(Ok(capacity)) => room = capacity,
                Some(Err(error)) => return Poll::Ready(Err(abrupt(error))),
            }
        }
        let count = room.min(octets.len());
        let part = Bytes::copy_from_slice(&octets[..count]);
        let sent = open.sending.send_data(part, false);
        Poll::Ready(sent.map(|()| count).map_err(abrupt))
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let open = self.get_mut().open()?;
        let sent = open.sending.send_data(Bytes::new(), true);
        Poll::Ready(sent.map_err(abrupt))
    }
}
