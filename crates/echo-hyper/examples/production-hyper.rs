//! The WebSocket echo at `/ws`, with hyper and tokio-tungstenite, as one would
//! deploy it.

use std::future::ready;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, process};

use endpoint::{
    Cause, Fields, Place, Policy, Refusal, Session, Settings, Transport, Turn,
};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::ext::Protocol;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::http::{self, response};
use hyper::service::service_fn;
use hyper::upgrade::{self, Upgraded};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, Message, Role, WebSocketConfig,
};

type Answer = Result<response::Builder, Refusal>;
type Body = Full<Bytes>;
type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let settings = Settings::from_command_line();
    endpoint::start(&settings);
    let bound = TcpListener::bind(&settings.listen).await;
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
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.handshake_deadline)
        .max_buf_size(settings.max_head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(settings.ping_interval)
        .max_concurrent_streams(100)
        .enable_connect_protocol()
        .max_header_list_size(u32::try_from(settings.max_head).unwrap_or(0));
    let graceful = GracefulShutdown::new();
    tokio::spawn(register.clone().leave_on_signal());
    println!("listening on ws://{address}/ws");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = register.leaving() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: without a pause this spins.
                tracing::warn!("cannot accept: {error}");
                sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        _ = stream.set_nodelay(true);
        let stream = Transport::new(stream, settings);
        let asked = Arc::new(Notify::new());
        let (policy, first) = (policy.clone(), Arc::clone(&asked));
        let service = service_fn(move |request: Request<Incoming>| {
            first.notify_one();
            let span = endpoint::span(peer);
            ready(span.in_scope(|| route(&policy, peer, request)))
        });
        let stream = TokioIo::new(stream);
        let connection =
            builder.serve_connection_with_upgrades(stream, service);
        let connection = graceful.watch(connection.into_owned());
        let deadline = sleep(settings.handshake_deadline);
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // hyper-util waits without a deadline for the octets that tell
            // HTTP/1 from HTTP/2: so the first request has one.
            tokio::select! {
                _ = connection.as_mut() => return,
                () = deadline => return,
                () = asked.notified() => {}
            }
            _ = connection.await;
        });
    }
    drop(listener);
    // Of upgraded connections hyper knows nothing: the register does.
    let stopped = timeout(settings.shutdown_deadline, graceful.shutdown());
    _ = tokio::join!(stopped, register.is_left());
    Ok(())
}

// The HTTP phase: what a request meets before any switch, in this order. hyper
// knows no middleware but a function that calls the next one.

fn route(
    policy: &Policy,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> http::Result<Response<Body>> {
    let response = Response::builder();
    match (request.method(), request.uri().path()) {
        (_, "/ws") => match check_rate(policy, peer, request) {
            Ok(response) => response.body(Body::default()),
            Err(refusal) => refused(&refusal),
        },
        (&Method::GET, "/") => response
            .header(CONTENT_TYPE, "text/html; charset=utf-8")
            .body(Body::from(endpoint::PAGE)),
        (&Method::GET, "/healthz") => response.body(Body::from("ok")),
        _ => response
            .status(StatusCode::NOT_FOUND)
            .body(Body::default()),
    }
}

fn check_rate(
    policy: &Policy,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Answer {
    policy.check_rate(peer, fields(request.headers()))?;
    check_origin(policy, request)
}

fn check_origin(policy: &Policy, request: Request<Incoming>) -> Answer {
    policy.check_origin(fields(request.headers()))?;
    check_credential(policy, request)
}

fn check_credential(policy: &Policy, request: Request<Incoming>) -> Answer {
    policy.check_credential(fields(request.headers()))?;
    check_opening(policy, request)
}

fn check_opening(policy: &Policy, request: Request<Incoming>) -> Answer {
    let protocol = request.extensions().get::<Protocol>();
    let version = match request.version() {
        Version::HTTP_2 => endpoint::Version::Http2 {
            is_websocket: protocol.is_some_and(|it| it.as_str() == "websocket"),
        },
        Version::HTTP_11 => endpoint::Version::Http11,
        _ => endpoint::Version::Old,
    };
    let (method, headers) = (request.method().as_str(), request.headers());
    policy.check_opening(method, version, fields(headers))?;
    handshake(policy, request)
}

fn handshake(policy: &Policy, request: Request<Incoming>) -> Answer {
    let place = policy.enter()?;
    let settings = place.settings();
    let config = WebSocketConfig::default()
        .read_buffer_size(settings.read_buffer)
        .max_frame_size(Some(settings.max_frame()))
        .max_message_size(Some(settings.max_message));
    let mut response = Response::builder();
    let mut status = StatusCode::OK;
    // Over HTTP/2 the answer is a plain 200, and no key is to be proved.
    if request.version() == Version::HTTP_11 {
        let key = request.headers().get(SEC_WEBSOCKET_KEY);
        let key = key.map(HeaderValue::as_bytes).unwrap_or_default();
        status = StatusCode::SWITCHING_PROTOCOLS;
        response = response
            .status(status)
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key));
    }
    if let Some(it) = endpoint::subprotocol(fields(request.headers())) {
        response = response.header(SEC_WEBSOCKET_PROTOCOL, it);
    }
    // The task of the connection is not the request's: the place has its span.
    place.span().record("status", status.as_u16());
    let upgraded = async move {
        // The stream is ours only when this response has been sent.
        let Ok(upgraded) = upgrade::on(request).await else {
            return;
        };
        let stream = TokioIo::new(upgraded);
        let (role, config) = (Role::Server, Some(config));
        let socket = WebSocket::from_raw_socket(stream, role, config);
        connection(socket.await, place).await;
    };
    tokio::spawn(upgraded);
    Ok(response)
}

fn fields<'a>(headers: &'a HeaderMap) -> impl Fields<'a> {
    |name| {
        headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
    }
}

fn refused(refusal: &Refusal) -> http::Result<Response<Body>> {
    refusal.log();
    let mut response = Response::builder()
        .status(refusal.status())
        .header(CONTENT_TYPE, "text/plain; charset=utf-8");
    for (name, value) in refusal.fields() {
        response = response.header(name, value);
    }
    response.body(Body::from(refusal.to_string()))
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
                session.message(message.len(), Instant::now());
                if socket.feed(message).await.is_err() {
                    return Cause::Lost;
                }
            }
            Some(Ok(Message::Close(frame))) => {
                return Cause::Closed(frame.map(|it| it.code.into()));
            }
            // The Pong that answers a Ping is queued.
            Some(Ok(ping_or_pong)) => session.control(ping_or_pong.len()),
            Some(Err(error)) => return cause(&error),
            None => return Cause::Lost,
        }
    }
}

/// Sends the Close that is due and waits for the peer's. The answer to the
/// peer's own is queued already, and leaves when the stream is read on.
async fn close(socket: &mut WebSocket, cause: Cause) {
    if let Some((code, reason)) = cause.close() {
        let (code, reason) = (code.into(), reason.into());
        let close = Message::Close(Some(CloseFrame { code, reason }));
        if socket.send(close).await.is_err() {
            return;
        }
    }
    while let Some(Ok(_)) = socket.next().await {}
}

fn cause(error: &Error) -> Cause {
    match error {
        // A connection that ends without a Close breaks no rule of framing.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Cause::Lost
        }
        Error::Protocol(_) => Cause::Protocol,
        Error::Utf8(_) => Cause::Text,
        Error::Capacity(_) => Cause::Size,
        _ => Cause::Lost,
    }
}
