//! The WebSocket echo at `/ws`, with poem, as one would deploy it.

use std::convert::Infallible;
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
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::make_sync;
use poem::http::header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use poem::http::uri::Scheme;
use poem::http::{HeaderMap, HeaderValue, StatusCode, Version};
use poem::web::websocket::{
    Message, WebSocket, WebSocketConfig, WebSocketStream,
};
use poem::web::{Data, Html, LocalAddr, RemoteAddr};
use poem::{
    Endpoint, EndpointExt, Error, IntoResponse, Request, Response, Result,
    Route, get, handler,
};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

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
    // The last wrapper is the first that a request meets.
    let websocket = handshake
        .before(check_opening)
        .before(check_credential)
        .before(check_origin)
        .before(check_rate);
    let app = Route::new()
        .at("/ws", websocket)
        .at("/", get(make_sync(|_| Html(endpoint::PAGE))))
        .at("/healthz", get(make_sync(|_| "ok")))
        .around(span)
        .data(policy.clone());
    let app = Arc::new(app);

    // `poem::Server` has no deadline for a request's head; hyper, which it is
    // built on, has one. HTTP/1 is enough: poem's extractor takes no CONNECT,
    // and so no WebSocket over HTTP/2 (RFC 8441).
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.handshake_deadline)
        .max_buf_size(settings.max_head);
    tokio::spawn(register.clone().leave_on_signal());
    println!("listening on ws://{address}/ws");
    let connections = TaskTracker::new();
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
        let app = Arc::clone(&app);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let app = Arc::clone(&app);
            let local = LocalAddr(address.into());
            let remote = RemoteAddr(peer.into());
            let request = Request::from((request, local, remote, Scheme::HTTP));
            async move {
                let response = app.get_response(request).await;
                Ok::<_, Infallible>(hyper::Response::from(response))
            }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let leaving = register.leaving();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                _ = &mut connection => {}
                () = leaving => {
                    connection.as_mut().graceful_shutdown();
                    _ = connection.await;
                }
            }
        });
    }
    drop(listener);
    connections.close();
    // Of upgraded connections hyper knows nothing: the register does.
    let stopped = timeout(settings.shutdown_deadline, connections.wait());
    _ = tokio::join!(stopped, register.is_left());
    Ok(())
}

// The HTTP phase: what a request meets before any switch, in this order.

async fn span<E: Endpoint>(next: E, request: Request) -> Result<E::Output> {
    let span = endpoint::span(peer(&request));
    next.call(request).instrument(span).await
}

async fn check_rate(request: Request) -> Result<Request> {
    policy(&request)
        .check_rate(peer(&request), fields(request.headers()))
        .map_err(refused)?;
    Ok(request)
}

async fn check_origin(request: Request) -> Result<Request> {
    policy(&request)
        .check_origin(fields(request.headers()))
        .map_err(refused)?;
    Ok(request)
}

async fn check_credential(request: Request) -> Result<Request> {
    policy(&request)
        .check_credential(fields(request.headers()))
        .map_err(refused)?;
    Ok(request)
}

async fn check_opening(mut request: Request) -> Result<Request> {
    let version = match request.version() {
        Version::HTTP_11 => endpoint::Version::Http11,
        _ => endpoint::Version::Old,
    };
    let (method, headers) = (request.method().as_str(), request.headers());
    policy(&request)
        .check_opening(method, version, fields(headers))
        .map_err(refused)?;
    let subprotocol = endpoint::subprotocol(fields(headers));
    // The extractor compares Upgrade as a whole and with case, and reads one
    // line of Sec-WebSocket-Protocol; it need not do better now.
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Some(name) = subprotocol {
        let name = HeaderValue::from_static(name);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    Ok(request)
}

#[handler]
fn handshake(
    Data(policy): Data<&Policy>,
    upgrade: WebSocket,
) -> Result<impl IntoResponse> {
    let place = policy.enter().map_err(refused)?;
    let settings = place.settings();
    let config = WebSocketConfig::default()
        .read_buffer_size(settings.read_buffer)
        .max_frame_size(Some(settings.max_frame()))
        .max_message_size(Some(settings.max_message));
    let upgrade = upgrade
        .protocols([endpoint::SUBPROTOCOL])
        .config(config);
    // The task of the connection is not the request's: the place has its span.
    place.span().record("status", 101);
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

fn policy(request: &Request) -> &Policy {
    let policy = request.data::<Policy>();
    policy.expect("the policy is with every request")
}

fn peer(request: &Request) -> SocketAddr {
    let peer = request.remote_addr().as_socket_addr();
    *peer.expect("every connection is over TCP")
}

fn refused(refusal: Refusal) -> Error {
    refusal.log();
    let status = StatusCode::from_u16(refusal.status());
    let mut response = Response::builder()
        .status(status.unwrap_or_default())
        .content_type("text/plain; charset=utf-8");
    for (name, value) in refusal.fields() {
        response = response.header(name, value);
    }
    Error::from_response(response.body(refusal.to_string()))
}

// The connection phase: what the framework no longer does.

async fn connection(mut socket: WebSocketStream, place: Place) {
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
    socket: &mut WebSocketStream,
    session: &mut Session,
    place: &Place,
) -> Cause {
    loop {
        let received = match session.turn(socket, place).await {
            Turn::Received(received) => received,
            Turn::Ping => {
                if socket.feed(Message::ping("")).await.is_err() {
                    return Cause::Lost;
                }
                continue;
            }
            Turn::End(cause) => return cause,
        };
        match received {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                session.message(message.as_bytes().len(), Instant::now());
                if socket.feed(message).await.is_err() {
                    return Cause::Lost;
                }
            }
            Some(Ok(Message::Close(frame))) => {
                return Cause::Closed(frame.map(|(code, _)| code.into()));
            }
            // The Pong that answers a Ping is queued.
            Some(Ok(ping_or_pong)) => {
                session.control(ping_or_pong.as_bytes().len());
            }
            Some(Err(error)) => return cause(&error),
            None => return Cause::Lost,
        }
    }
}

/// Sends the Close that is due and waits for the peer's. The answer to the
/// peer's own is queued already, and leaves when the stream is read on.
async fn close(socket: &mut WebSocketStream, cause: Cause) {
    if let Some((code, reason)) = cause.close() {
        let close = Message::close_with(code, reason);
        if socket.send(close).await.is_err() {
            return;
        }
    }
    while let Some(Ok(_)) = socket.next().await {}
}

/// poem keeps only the text of tungstenite's error, so the text decides.
fn cause(error: &io::Error) -> Cause {
    match error.to_string().split_once(": ") {
        // A connection that ends without a Close breaks no rule of framing.
        Some((_, "Connection reset without closing handshake")) => Cause::Lost,
        Some(("WebSocket protocol error", _)) => Cause::Protocol,
        Some(("UTF-8 encoding error", _)) => Cause::Text,
        Some(("Space limit exceeded", _)) => Cause::Size,
        _ => Cause::Lost,
    }
}
