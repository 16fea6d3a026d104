//! The WebSocket echo at `/ws`, with warp, over TLS.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, io, process};

use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tungstenite::protocol::frame::coding::CloseCode;
use warp::ws::{Message, WebSocket, Ws};
use warp::{Filter, Reply};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::var_os("LISTEN").unwrap_or("127.0.0.1:8080".into());
    let address = address.to_string_lossy();
    let config = tls().unwrap_or_else(|error| {
        eprintln!("cannot speak TLS, set CERTIFICATE and KEY: {error}");
        process::exit(1)
    });
    let bound = TcpListener::bind(&*address).await;
    let listener = bound.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}");
        process::exit(1)
    });
    serve(listener, config).await
}

async fn serve(listener: TcpListener, config: ServerConfig) -> io::Result<()> {
    let routes = warp::path!("ws").and(warp::ws()).map(handshake);
    println!("listening on wss://{}/ws", listener.local_addr()?);
    // `warp::serve` takes no other stream than TCP's; hyper, which it is built
    // on, takes any.
    let service = TowerToHyperService::new(warp::service(routes));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: without a pause this spins.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let acceptor = acceptor.clone();
        // The handshake of TLS waits for its client, so not in this loop.
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    }
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
    config.alpn_protocols = vec!["http/1.1".into()];
    Ok(config)
}
