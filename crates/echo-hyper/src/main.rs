//! The WebSocket echo at `/ws`, with hyper and tokio-tungstenite: no framework.

use std::convert::Infallible;
use std::time::Duration;
use std::{env, io, process};

use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderValue, SEC_WEBSOCKET_VERSION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{self, Upgraded};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};
use tokio_tungstenite::tungstenite::{Error, handshake::server};

type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::var_os("LISTEN").unwrap_or("127.0.0.1:8080".into());
    let address = address.to_string_lossy();
    let bound = TcpListener::bind(&*address).await;
    let listener = bound.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}");
        process::exit(1)
    });
    serve(listener).await
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    println!("listening on ws://{}/ws", listener.local_addr()?);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: without a pause this spins.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        // Without a timer hyper waits for a request head for ever.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service_fn(handshake))
            .with_upgrades();
        tokio::spawn(connection);
    }
}

async fn handshake(
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut refusal = Response::new(Empty::new());
    if request.uri().path() != "/ws" {
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        return Ok(refusal);
    }
    let accepted = server::create_response_with_body(&request, Empty::new);
    let Ok(response) = accepted else {
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        let version = HeaderValue::from_static("13");
        let headers = refusal.headers_mut();
        headers.insert(SEC_WEBSOCKET_VERSION, version);
        return Ok(refusal);
    };
    // The stream is ours only when this response has been sent.
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade::on(request).await else {
            return;
        };
        let stream = TokioIo::new(upgraded);
        let socket = WebSocket::from_raw_socket(stream, Role::Server, None);
        echo(socket.await).await;
    });
    Ok(response)
}

async fn echo(mut socket: WebSocket) {
    while let Some(received) = socket.next().await {
        let reply = match received {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => message,
            // The answer to a Ping or a Close is queued and leaves when `next`
            // is called again, so the loop must not end here.
            Ok(_) => continue,
            // After an error the stream has ended: this is the last reply.
            Err(error) => match status_code(&error) {
                Some(code) => Message::Close(Some(CloseFrame {
                    code,
                    reason: "".into(),
                })),
                None => break,
            },
        };
        if socket.send(reply).await.is_err() {
            break;
        }
    }
}

fn status_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(_) => Some(CloseCode::Size),
        _ => None,
    }
}
