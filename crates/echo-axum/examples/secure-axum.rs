//! The WebSocket echo at `/ws`, with axum, over TLS and HTTP/2.

use std::error::Error as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, io, process};

use axum::Router;
use axum::extract::ws::{
    CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code,
};
use axum::response::Response;
use axum::routing::any;
use axum_server::tls_rustls::{self, RustlsConfig};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[tokio::main]
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
    let app = Router::new().route("/ws", any(handshake));
    println!("listening on wss://{}/ws", listener.local_addr()?);
    let config = RustlsConfig::from_config(Arc::new(config));
    let mut server = tls_rustls::from_tcp_rustls(listener, config)?;
    // Unless this is said, no client asks for a WebSocket over HTTP/2.
    server
        .http_builder()
        .http2()
        .enable_connect_protocol();
    server.serve(app.into_make_service()).await
}

async fn handshake(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(received) = socket.recv().await {
        let reply = match received {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => message,
            // The answer to a Ping or a Close is queued and leaves when `recv`
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

/// The downcast succeeds only with the tungstenite that axum is built with.
fn status_code(error: &axum::Error) -> Option<u16> {
    use tungstenite::Error;
    match error.source()?.downcast_ref()? {
        Error::Protocol(_) => Some(close_code::PROTOCOL),
        Error::Utf8(_) => Some(close_code::INVALID),
        Error::Capacity(_) => Some(close_code::SIZE),
        _ => None,
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
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("{}: {error}", certificate.display()))?;
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    Ok(config)
}
