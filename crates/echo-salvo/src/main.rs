//! The WebSocket echo at `/ws`, with salvo.

use std::{env, io, process};

use salvo::conn::tcp::TcpAcceptor;
use salvo::http::StatusError;
use salvo::websocket::{Message, WebSocket, WebSocketUpgrade};
use salvo::{Request, Response, Router, Server, handler};
use tokio::net::TcpListener;
use tungstenite::protocol::frame::coding::CloseCode;

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
    while let Some(received) = socket.recv().await {
        let reply = match received {
            Ok(message) if message.is_text() || message.is_binary() => message,
            // The answer to a Ping or a Close is queued and leaves when `recv`
            // is called again, so the loop must not end here.
            Ok(_) => continue,
            // After an error the stream has ended: this is the last reply.
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

/// The downcast succeeds only with the tungstenite that salvo is built with.
fn status_code(error: &salvo::Error) -> Option<CloseCode> {
    use tungstenite::Error;
    let salvo::Error::Other(error) = error else {
        return None;
    };
    match error.downcast_ref()? {
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(_) => Some(CloseCode::Size),
        _ => None,
    }
}
