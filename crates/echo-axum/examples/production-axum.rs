//! The WebSocket echo at `/ws`, with axum, as one would deploy it.

use std::error::Error as _;
use std::future::{Ready, ready};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;
use std::{io, process};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use axum_server::Handle;
use axum_server::accept::Accept;
use endpoint::{
    Cause, Fields, Place, Policy, Refusal, Session, Settings, Transport, Turn,
};
use futures_util::{SinkExt, StreamExt};
use hyper::ext::Protocol;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_http::trace::TraceLayer;
use tracing::Span;

#[tokio::main]
async fn main() -> io::Result<()> {
    let settings = Settings::from_command_line();
    endpoint::start(&settings);
    let bound = TcpListener::bind(&settings.listen);
    let listener = bound.unwrap_or_else(|error| {
        eprintln!("cannot listen on {}: {error}", settings.listen);
        process::exit(1)
    });
    serve(listener, settings).await
}

async fn serve(listener: TcpListener, settings: Settings) -> io::Result<()> {
    let address = listener.local_addr()?;
    let policy = Policy::new(settings, address);
    let (settings, register) = (&policy.settings, &policy.register);
    // The last layer is the first that a request meets.
    let router = Router::new()
        .route("/ws", any(handshake))
        .route_layer(from_fn_with_state(policy.clone(), check_opening))
        .route_layer(from_fn_with_state(policy.clone(), check_credential))
        .route_layer(from_fn_with_state(policy.clone(), check_origin))
        .route_layer(from_fn_with_state(policy.clone(), check_rate))
        .route("/", get(Html(endpoint::PAGE)))
        .route("/healthz", get("ok"))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(|response: &Response, _, span: &Span| {
                    span.record("status", response.status().as_u16());
                })
                .on_failure(()),
        )
        .with_state(policy.clone());

    // `axum::serve` has no deadline for a request's head; axum-server shows
    // hyper's builder, which has one.
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener)?
        .acceptor(Streams(Arc::clone(settings)))
        .accept_error_handler(|_, error| {
            tracing::warn!("cannot accept: {error}");
        })
        .first_request_timeout(settings.handshake_deadline)
        .handle(handle.clone());
    let builder = server.http_builder();
    builder
        .http1()
        .header_read_timeout(settings.handshake_deadline)
        .max_buf_size(settings.max_head);
    builder
        .http2()
        .keep_alive_interval(settings.ping_interval)
        .max_concurrent_streams(100)
        .enable_connect_protocol()
        .max_header_list_size(u32::try_from(settings.max_head).unwrap_or(0));
    tokio::spawn(register.clone().leave_on_signal());
    println!("listening on ws://{address}/ws");
    let stop = async {
        register.leaving().await;
        handle.graceful_shutdown(Some(settings.shutdown_deadline));
        register.is_left().await;
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // Of upgraded connections axum-server knows nothing: the register does.
    let (served, ()) = tokio::join!(server.serve(service), stop);
    served
}

/// What becomes of a stream before axum gets it.
#[derive(Clone)]
struct Streams(Arc<Settings>);

impl<S> Accept<TcpStream, S> for Streams {
    type Stream = Transport<TcpStream>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        _ = stream.set_nodelay(true);
        ready(Ok((Transport::new(stream, &self.0), service)))
    }
}

// The HTTP phase: what a request meets before any switch, in this order.

fn span(request: &Request) -> Span {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>();
    endpoint::span(peer.map_or("unknown".into(), |it| it.0.to_string()))
}

async fn check_rate(
    State(policy): State<Policy>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    policy.check_rate(peer, fields(request.headers()))?;
    Ok(next.run(request).await)
}

async fn check_origin(
    State(policy): State<Policy>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    policy.check_origin(fields(request.headers()))?;
    Ok(next.run(request).await)
}

async fn check_credential(
    State(policy): State<Policy>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    policy.check_credential(fields(request.headers()))?;
    Ok(next.run(request).await)
}

async fn check_opening(
    State(policy): State<Policy>,
    protocol: Option<Extension<Protocol>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let version = match request.version() {
        Version::HTTP_2 => endpoint::Version::Http2 {
            is_websocket: protocol
                .is_some_and(|it| it.0.as_str() == "websocket"),
        },
        Version::HTTP_11 => endpoint::Version::Http11,
        _ => endpoint::Version::Old,
    };
    let (method, headers) = (request.method().as_str(), request.headers());
    policy.check_opening(method, version, fields(headers))?;
    // The extractor reads neither lists nor a second line, and need not now.
    if version == endpoint::Version::Http11 {
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    Ok(next.run(request).await)
}

async fn handshake(
    State(policy): State<Policy>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let place = policy.enter()?;
    let settings = place.settings();
    let upgrade = upgrade
        .protocols([endpoint::SUBPROTOCOL])
        .read_buffer_size(settings.read_buffer)
        .max_frame_size(settings.max_frame())
        .max_message_size(settings.max_message);
    // The task of the connection is not the request's: the place has its span.
    Ok(upgrade.on_upgrade(|socket| connection(socket, place)))
}

fn fields<'a>(headers: &'a HeaderMap) -> impl Fields<'a> {
    |name| {
        headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
    }
}

struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(refusal) = self;
        refusal.log();
        let status = StatusCode::from_u16(refusal.status());
        let fields = AppendHeaders(refusal.fields());
        (status.unwrap_or_default(), fields, refusal.to_string())
            .into_response()
    }
}

// The connection phase: what the framework no longer does.

async fn connection(mut socket: WebSocket, place: Place) {
    let settings = place.settings();
    let mut session = Session::new(settings, Instant::now());
    let cause = echo(&mut socket, &mut session, &place).await;
    if cause.can_be_told() {
        let closing = close(&mut socket, cause);
        _ = timeout(settings.close_deadline, closing).await;
    }
    session.ended(cause, &place);
}

async fn echo(
    socket: &mut WebSocket,
    session: &mut Session,
    place: &Place,
) -> Cause {
    loop {
        let received = match session.turn(socket, place).await {
            Turn::Received(received) => received,
            Turn::Ping => {
                if socket
                    .feed(Message::Ping("".into()))
                    .await
                    .is_err()
                {
                    return Cause::Lost;
                }
                continue;
            }
            Turn::End(cause) => return cause,
        };
        match received {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                session.message(length(&message), Instant::now());
                if socket.feed(message).await.is_err() {
                    return Cause::Lost;
                }
            }
            Some(Ok(Message::Close(frame))) => {
                return Cause::Closed(frame.map(|it| it.code));
            }
            // The Pong that answers a Ping is queued.
            Some(Ok(ping_or_pong)) => session.control(length(&ping_or_pong)),
            Some(Err(error)) => return cause(&error),
            None => return Cause::Lost,
        }
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(data) | Message::Ping(data) | Message::Pong(data) => {
            data.len()
        }
        Message::Close(_) => 0,
    }
}

/// Sends the Close that is due and waits for the peer's. The answer to the
/// peer's own is queued already, and leaves when the stream is read on.
async fn close(socket: &mut WebSocket, cause: Cause) {
    if let Some((code, reason)) = cause.close() {
        let reason = reason.into();
        let close = Message::Close(Some(CloseFrame { code, reason }));
        if socket.send(close).await.is_err() {
            return;
        }
    }
    while let Some(Ok(_)) = socket.next().await {}
}

/// The downcast succeeds only with the tungstenite that axum is built with.
fn cause(error: &axum::Error) -> Cause {
    use tungstenite::Error;
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    let source = error.source().and_then(|it| it.downcast_ref());
    match source {
        // A connection that ends without a Close breaks no rule of framing.
        Some(Error::Protocol(ResetWithoutClosingHandshake)) => Cause::Lost,
        Some(Error::Protocol(_)) => Cause::Protocol,
        Some(Error::Utf8(_)) => Cause::Text,
        Some(Error::Capacity(_)) => Cause::Size,
        _ => Cause::Lost,
    }
}
