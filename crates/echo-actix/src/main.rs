//! The WebSocket echo at `/ws`, with actix-web and actix-ws.

use std::net::TcpListener;
use std::{env, io, process};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, ProtocolError,
    Session,
};

#[actix_web::main]
async fn main() -> io::Result<()> {
    let address = env::var_os("LISTEN").unwrap_or("127.0.0.1:8080".into());
    let address = address.to_string_lossy();
    let bound = TcpListener::bind(&*address);
    let listener = bound.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}");
        process::exit(1)
    });
    serve(listener).await
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let app = || App::new().route("/ws", web::get().to(handshake));
    println!("listening on ws://{}/ws", listener.local_addr()?);
    // actix takes the signals itself, and would wait 30 s for open connections.
    let server = HttpServer::new(app).shutdown_timeout(0);
    server.listen(listener)?.run().await
}

async fn handshake(
    request: HttpRequest,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let (response, session, messages) = actix_ws::handle(&request, body)?;
    rt::spawn(echo(session, messages.aggregate_continuations()));
    Ok(response)
}

async fn echo(mut session: Session, mut messages: AggregatedMessageStream) {
    while let Some(received) = messages.recv().await {
        let sent = match received {
            Ok(AggregatedMessage::Text(text)) => session.text(text).await,
            Ok(AggregatedMessage::Binary(data)) => session.binary(data).await,
            // actix-ws answers nothing by itself: neither a Ping nor a Close.
            Ok(AggregatedMessage::Ping(data)) => session.pong(&data).await,
            Ok(AggregatedMessage::Pong(_)) => continue,
            Ok(AggregatedMessage::Close(reason)) => {
                _ = session.close(reason).await;
                break;
            }
            Err(error) => {
                _ = session
                    .close(Some(status_code(&error).into()))
                    .await;
                break;
            }
        };
        if sent.is_err() {
            break;
        }
    }
}

/// Some rules have no variant of their own yet, so their text decides.
fn status_code(error: &ProtocolError) -> CloseCode {
    match error {
        ProtocolError::Overflow => CloseCode::Size,
        ProtocolError::Io(error) => match error.to_string() {
            text if text.contains("utf-8") => CloseCode::Invalid,
            text if text.contains("maximum continuation") => CloseCode::Size,
            _ => CloseCode::Protocol,
        },
        _ => CloseCode::Protocol,
    }
}
