//! The WebSocket echo at `/ws`, with hyper and tokio-tungstenite: no framework.

use std::time::Duration;
use std::{env, io, process};

use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{self, Upgraded};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};
use tokio_tungstenite::tungstenite::{Error, http};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

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
            // Out of descriptors, most likely: the frameworks wait here, too.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service_fn(handshake))
            .with_upgrades();
        tokio::spawn(connection);
    }
}

async fn handshake(
    mut request: Request<Incoming>,
) -> http::Result<Response<Empty<Bytes>>> {
    let refusal = Response::builder();
    match server::create_response_with_body(&request, Empty::new) {
        _ if request.uri().path() != "/ws" => refusal
            .status(StatusCode::NOT_FOUND)
            .body(Empty::new()),
        Err(_) => refusal
            .status(StatusCode::BAD_REQUEST)
            .header("Sec-WebSocket-Version", "13")
            .body(Empty::new()),
        Ok(response) => {
            // The stream is ours only when this response has been sent.
            tokio::spawn(async move {
                let Ok(upgraded) = upgrade::on(&mut request).await else {
                    return;
                };
                let stream = TokioIo::new(upgraded);
                let role = Role::Server;
                echo(Socket::from_raw_socket(stream, role, None).await).await;
            });
            Ok(response)
        }
    }
}

async fn echo(mut socket: Socket) {
    while let Some(received) = socket.next().await {
        let reply = match received {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => message,
            // The answer to a Ping or a Close is already queued; it leaves
            // with the next `next`, so the loop must not end here.
            Ok(_) => continue,
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
