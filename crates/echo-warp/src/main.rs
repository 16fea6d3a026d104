//! The WebSocket echo at `/ws`, with warp.

use std::error::Error as _;
use std::{env, io, process};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tungstenite::protocol::frame::coding::CloseCode;
use warp::ws::{Message, WebSocket, Ws};
use warp::{Filter, Reply};

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
    let routes = warp::path!("ws").and(warp::ws()).map(handshake);
    println!("listening on ws://{}/ws", listener.local_addr()?);
    warp::serve(routes).incoming(listener).run().await;
    Ok(())
}

fn handshake(upgrade: Ws) -> impl Reply {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(received) = socket.next().await {
        let reply = match received {
            Ok(message) if message.is_text() || message.is_binary() => message,
            // The answer to a Ping or a Close is queued and leaves when `next`
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

/// The downcast succeeds only with the tungstenite that warp is built with.
fn status_code(error: &warp::Error) -> Option<CloseCode> {
    use tungstenite::Error;
    match error.source()?.downcast_ref()? {
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(_) => Some(CloseCode::Size),
        _ => None,
    }
}
