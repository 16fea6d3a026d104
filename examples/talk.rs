//! Talks to a WebSocket server: sends the lines that you type, shows what
//! comes.
//!
//! ```console
//! $ cargo run --example talk                # ws://127.0.0.1:8080/ws
//! $ cargo run --example talk -- ws://127.0.0.1:9000/ws
//! ```
//!
//! `/ping TEXT` sends a Ping, `/close CODE REASON` a Close, and the end of the
//! input a Close with 1000.

use std::env;
use std::process::ExitCode;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::main]
async fn main() -> ExitCode {
    let url = env::args().nth(1);
    let url = url.unwrap_or("ws://127.0.0.1:8080/ws".to_owned());
    match talk(&url).await {
        Ok(()) | Err(Error::ConnectionClosed) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{url}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn talk(url: &str) -> Result<(), Error> {
    let (mut socket, response) = connect_async(url).await?;
    println!("{}; type a line", response.status());
    let mut lines = BufReader::new(stdin()).lines();
    let mut typing = true;
    loop {
        // Reading and sending take turns on one socket: what is dropped by
        // the other branch is only a wait.
        tokio::select! {
            line = lines.next_line(), if typing => {
                let message = line?.map_or_else(close_normally, spoken);
                // Nothing may follow a Close, but its answer is to come.
                typing = !message.is_close();
                socket.send(message).await?;
            }
            received = socket.next() => match received {
                Some(message) => println!("< {}", shown(&message?)),
                None => return Ok(()),
            },
        }
    }
}

/// What a line means.
fn spoken(line: String) -> Message {
    if let Some(payload) = line.strip_prefix("/ping") {
        return Message::Ping(payload.trim().to_owned().into());
    }
    let Some(close) = line.strip_prefix("/close") else {
        return Message::text(line);
    };
    let (code, reason) = close
        .trim()
        .split_once(' ')
        .unwrap_or((close, ""));
    match code.trim().parse::<u16>() {
        Ok(code) => Message::Close(Some(CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        })),
        Err(_) => close_normally(),
    }
}

fn close_normally() -> Message {
    spoken("/close 1000".to_owned())
}

fn shown(message: &Message) -> String {
    match message {
        Message::Text(text) => text.to_string(),
        Message::Binary(octets) => format!("{} octets", octets.len()),
        Message::Ping(octets) => format!("Ping {octets:?}"),
        Message::Pong(octets) => format!("Pong {octets:?}"),
        Message::Close(Some(close)) => {
            format!("Close {} {}", u16::from(close.code), close.reason)
        }
        Message::Close(None) => "Close".to_owned(),
        Message::Frame(_) => "a frame".to_owned(),
    }
}
