//! The WebSocket echo at `/ws`, with actix-web and actix-ws, over
//! TLS.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::{env, io, process};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason,
    ProtocolError, Session,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[actix_web::main]
async fn main() -> io::Result<()> {
    let address = env::var_os("LISTEN").unwrap_or("127.0.0.1:8080".into());
    let address = address.to_string_lossy();
    let config = tls().unwrap_or_else(|error| {
        eprintln!("cannot speak TLS, set CERTIFICATE and KEY: {error}");
        process::exit(1)
    });
    let bound = TcpListener::bind(&*address);
    let listener = bound.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}");
        process::exit(1)
    });
    serve(listener, config).await
}

async fn serve(listener: TcpListener, config: ServerConfig) -> io::Result<()> {
    let app = || App::new().route("/ws", web::get().to(handshake));
    println!("listening on wss://{}/ws", listener.local_addr()?);
    // Left to itself, actix takes the signals and waits 30 s for connections.
    let server = HttpServer::new(app).disable_signals();
    server
        .listen_rustls_0_23(listener, config)?
        .run()
        .await
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
                let reason = CloseReason::from(status_code(&error));
                _ = session.close(Some(reason)).await;
                break;
            }
        };
        if sent.is_err() {
            break;
        }
    }
}

/// Bad UTF-8, reserved bits and joined messages over the limit have no variant
/// of their own: only the text tells them apart.
fn status_code(error: &ProtocolError) -> CloseCode {
    let text = error.to_string();
    match error {
        ProtocolError::Overflow => CloseCode::Size,
        ProtocolError::Io(_) if text.contains("utf-8") => CloseCode::Invalid,
        ProtocolError::Io(_) if text.contains("maximum") => CloseCode::Size,
        _ => CloseCode::Protocol,
    }
}

/// The certificate and its key. Those of the repository guard nothing.
fn tls() -> Result<ServerConfig, String> {
    let path = |variable: &str, file: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = folder.join("../../tests/certificates").join(file);
        env::var_os(variable).map_or(file, PathBuf::from)
    };
    let certificate = path("CERTIFICATE", "localhost.pem");
    let key_file = path("KEY", "localhost-key.pem");
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{}: {error}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(&key_file)
        .map_err(|error| format!("{}: {error}", key_file.display()))?;
    // actix-web adds to it what it speaks, and that is http/1.1.
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("{}: {error}", certificate.display()))
}
