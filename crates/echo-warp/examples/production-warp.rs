//! The WebSocket echo at `/ws`, with warp, as one would deploy it.

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
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::service::{Service, service_fn};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tracing::Instrument;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use warp::http::header::{
    CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use warp::http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use warp::reject::{self, Reject};
use warp::{Filter, Rejection, Reply};

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
    // Not `warp::ws()`: it hides the size of the read buffer, 128 KiB for each
    // connection, and takes neither a subprotocol nor a CONNECT.
    let websocket = warp::path!("ws")
        .and(check_rate(policy.clone()))
        .and(check_origin(policy.clone()))
        .and(check_credential(policy.clone()))
        .and(check_opening(policy.clone()))
        .and(enter(policy.clone()))
        .and(warp::ext::get::<OnUpgrade>())
        .and(warp::ext::get::<Version>())
        .and(warp::header::headers_cloned())
        .map(handshake);
    let page = warp::path::end()
        .and(warp::get())
        .map(|| warp::reply::html(endpoint::PAGE).into_response());
    let health = warp::path!("healthz")
        .and(warp::get())
        .map(|| "ok".into_response());
    let routes = websocket.or(page).or(health).recover(refused);

    // `warp::serve` has no deadline for a request's head; hyper, which it is
    // built on, has one.
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
        let first = Arc::clone(&asked);
        let filters = TowerToHyperService::new(warp::service(routes.clone()));
        let service = service_fn(move |mut request: Request<Incoming>| {
            first.notify_one();
            // No filter tells the version, and `warp::addr::remote()` tells the
            // peer only behind `warp::serve`.
            let version = request.version();
            request.extensions_mut().insert(version);
            request.extensions_mut().insert(peer);
            // `warp::trace` sees no peer, and logs a refusal a second time.
            let span = endpoint::span(peer);
            filters.call(request).instrument(span)
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

// The HTTP phase: what a request meets before any switch, in this order.

fn check_rate(
    policy: Policy,
) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::ext::get::<SocketAddr>()
        .and(warp::header::headers_cloned())
        .and_then(move |peer: SocketAddr, headers: HeaderMap| {
            let checked = policy.check_rate(peer, fields(&headers));
            ready(checked.map_err(refuse))
        })
        .untuple_one()
}

fn check_origin(
    policy: Policy,
) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::header::headers_cloned()
        .and_then(move |headers: HeaderMap| {
            let checked = policy.check_origin(fields(&headers));
            ready(checked.map_err(refuse))
        })
        .untuple_one()
}

fn check_credential(
    policy: Policy,
) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::header::headers_cloned()
        .and_then(move |headers: HeaderMap| {
            let checked = policy.check_credential(fields(&headers));
            ready(checked.map_err(refuse))
        })
        .untuple_one()
}

fn check_opening(
    policy: Policy,
) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::method()
        .and(warp::ext::get::<Version>())
        .and(warp::ext::optional::<Protocol>())
        .and(warp::header::headers_cloned())
        .and_then(
            move |method: Method,
                  version: Version,
                  protocol: Option<Protocol>,
                  headers: HeaderMap| {
                let version = match version {
                    Version::HTTP_2 => endpoint::Version::Http2 {
                        is_websocket: protocol
                            .is_some_and(|it| it.as_str() == "websocket"),
                    },
                    Version::HTTP_11 => endpoint::Version::Http11,
                    _ => endpoint::Version::Old,
                };
                let (method, fields) = (method.as_str(), fields(&headers));
                let checked = policy.check_opening(method, version, fields);
                ready(checked.map_err(refuse))
            },
        )
        .untuple_one()
}

fn enter(
    policy: Policy,
) -> impl Filter<Extract = (Place,), Error = Rejection> + Clone {
    warp::any().and_then(move || ready(policy.enter().map_err(refuse)))
}

fn handshake(
    place: Place,
    upgrade: OnUpgrade,
    version: Version,
    headers: HeaderMap,
) -> impl Reply {
    let settings = place.settings();
    let config = WebSocketConfig::default()
        .read_buffer_size(settings.read_buffer)
        .max_frame_size(Some(settings.max_frame()))
        .max_message_size(Some(settings.max_message));
    let mut response = Response::builder();
    let mut status = StatusCode::OK;
    // Over HTTP/2 the answer is a plain 200, and no key is to be proved.
    if version == Version::HTTP_11 {
        let key = headers.get(SEC_WEBSOCKET_KEY);
        let key = key.map(HeaderValue::as_bytes).unwrap_or_default();
        status = StatusCode::SWITCHING_PROTOCOLS;
        response = response
            .status(status)
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key));
    }
    if let Some(it) = endpoint::subprotocol(fields(&headers)) {
        response = response.header(SEC_WEBSOCKET_PROTOCOL, it);
    }
    // The task of the connection is not the request's: the place has its span.
    place.span().record("status", status.as_u16());
    let upgraded = async move {
        // The stream is ours only when this response has been sent.
        let Ok(upgraded) = upgrade.await else {
            return;
        };
        let stream = TokioIo::new(upgraded);
        let (role, config) = (Role::Server, Some(config));
        let socket = WebSocket::from_raw_socket(stream, role, config);
        connection(socket.await, place).await;
    };
    tokio::spawn(upgraded);
    response.body(String::new())
}

fn fields<'a>(headers: &'a HeaderMap) -> impl Fields<'a> {
    |name| {
        headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
    }
}

#[derive(Debug)]
struct Refused(Refusal);

impl Reject for Refused {}

fn refuse(refusal: Refusal) -> Rejection {
    reject::custom(Refused(refusal))
}

async fn refused(rejection: Rejection) -> Result<impl Reply, Rejection> {
    let Some(Refused(refusal)) = rejection.find::<Refused>() else {
        return Err(rejection);
    };
    refusal.log();
    let mut response = Response::builder()
        .status(refusal.status())
        .header(CONTENT_TYPE, "text/plain; charset=utf-8");
    for (name, value) in refusal.fields() {
        response = response.header(name, value);
    }
    Ok(response.body(refusal.to_string()))
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
