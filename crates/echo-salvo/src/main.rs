//! The WebSocket echo at `/ws`, with salvo.

use std::{env, io, process};

use futures_util::StreamExt;
use salvo::conn::tcp::TcpAcceptor;
use salvo::http::StatusError;
use salvo::websocket::{Message, WebSocket, WebSocketUpgrade};
use salvo::{Request, Response, Router, Server, handler};
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
    let router = Router::with_path("ws").goal(handshake);
    println!("listening on ws://{}/ws", listener.local_addr()?);
    let acceptor = TcpAcceptor::try_from(listener)?;
    Server::new(acceptor).try_serve(router).await
}

#[handler]
async fn handshake(
    request: &mut Request,
    response: &mut Response,
) -> Result<(), StatusError> {
    let upgrade = WebSocketUpgrade::new();
    upgrade.upgrade(request, response, echo).await
}

async fn echo(mut socket: WebSocket) {
    while let Some(received) = socket.next().await {
        let reply = match received {
            Ok(message) if message.is_text() || message.is_binary() => message,
            // The answer to a Ping or a Close is already queued; it leaves
            // with the next `next`, so the loop must not end here.
            Ok(_) => continue,
            Err(error) => match status_code(&error) {
                Some(code) => Message::close_with(code, ""),
                None => break,
            },
        };
        if socket.send(reply).await.is_err() {
            break;
        }
    }
}

/// The error is boxed: only a tungstenite of salvo's own version opens it.
fn status_code(error: &salvo::Error) -> Option<u16> {
    use tungstenite::Error;
    let salvo::Error::Other(error) = error else {
        return None;
    };
    match error.downcast_ref()? {
        Error::Protocol(_) => Some(1002),
        Error::Utf8(_) => Some(1007),
        Error::Capacity(_) => Some(1009),
        _ => None,
    }
}
