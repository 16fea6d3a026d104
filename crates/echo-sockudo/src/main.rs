//! The WebSocket echo at `/ws`, with axum and sockudo-ws: compressed.

use std::{env, io, process};

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use sockudo_ws::axum_integration::{WebSocket, WebSocketUpgrade};
use sockudo_ws::error::{CloseReason, Error, ErrorKind};
use sockudo_ws::{Compression, Config, Message};
use tokio::net::TcpListener;

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
    let app = Router::new().route("/ws", get(handshake));
    println!("listening on ws://{}/ws", listener.local_addr()?);
    axum::serve(listener, app).await
}

async fn handshake(upgrade: WebSocketUpgrade) -> impl IntoResponse {
    // Off unless asked for; and then only with a client that offers it.
    let config = Config::builder().compression(Compression::Dedicated);
    upgrade.config(config.build()).on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(received) = socket.recv().await {
        let reply = match received {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => message,
            // A Ping or a Close comes out when its answer has left.
            Ok(_) => continue,
            // With its error sockudo-ws has ended the connection: this reply
            // comes too late, and the client is not told.
            Err(error) => match status_code(&error) {
                Some(code) => Message::Close(Some(CloseReason::new(code, ""))),
                None => break,
            },
        };
        if socket.send(reply).await.is_err() {
            break;
        }
    }
}

fn status_code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::Protocol => Some(CloseReason::PROTOCOL_ERROR),
        // Bad UTF-8, an unknown opcode and a bad status code are of one kind.
        ErrorKind::Validation => Some(match error {
            Error::InvalidUtf8 => CloseReason::INVALID_PAYLOAD,
            _ => CloseReason::PROTOCOL_ERROR,
        }),
        ErrorKind::Compression => Some(CloseReason::INVALID_PAYLOAD),
        ErrorKind::Capacity => Some(CloseReason::TOO_BIG),
        _ => None,
    }
}
