//! The WebSocket echo at `/ws`, with poem.

use std::{env, io, process};

use futures_util::{SinkExt, StreamExt};
use poem::listener::TcpAcceptor;
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketStream};
use poem::{IntoResponse, Route, Server, get, handler};
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
    let app = Route::new().at("/ws", get(handshake));
    println!("listening on ws://{}/ws", listener.local_addr()?);
    let acceptor = TcpAcceptor::from_tokio(listener)?;
    Server::new_with_acceptor(acceptor).run(app).await
}

#[handler]
fn handshake(upgrade: WebSocket) -> impl IntoResponse {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocketStream) {
    while let Some(received) = socket.next().await {
        let reply = match received {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => message,
            // The answer to a Ping or a Close is queued and leaves when `next`
            // is called again, so the loop must not end here.
            Ok(_) => continue,
            // After an error the stream has ended: this is the last reply.
            Err(error) => match status_code(&error) {
                Some(code) => Message::Close(Some((code, String::new()))),
                None => break,
            },
        };
        if socket.send(reply).await.is_err() {
            break;
        }
    }
}

/// poem keeps only the text of tungstenite's error, so the text decides.
fn status_code(error: &io::Error) -> Option<CloseCode> {
    match error.to_string().split(':').next() {
        Some("WebSocket protocol error") => Some(CloseCode::Protocol),
        Some("UTF-8 encoding error") => Some(CloseCode::Invalid),
        Some("Space limit exceeded") => Some(CloseCode::Size),
        _ => None,
    }
}
