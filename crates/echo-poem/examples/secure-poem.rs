//! The WebSocket echo at `/ws`, with poem, over TLS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, io, process};

use futures_util::{SinkExt, StreamExt};
use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketStream};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{IntoResponse, Route, Server, get, handler};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

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
    let app = Route::new().at("/ws", get(handshake));
    println!("listening on wss://{}/ws", listener.local_addr()?);
    let acceptor = Secure {
        listener,
        acceptor: TlsAcceptor::from(Arc::new(config)),
        handshakes: JoinSet::new(),
    };
    Server::new_with_acceptor(acceptor).run(app).await
}

/// poem has such an acceptor, behind its feature `rustls`; with that comes a
/// second library for cryptography, in C, that takes minutes to compile.
struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<io::Result<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl Acceptor for Secure {
    type Io = TlsStream<TcpStream>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        let address = self.listener.local_addr();
        address
            .map(|it| LocalAddr(it.into()))
            .into_iter()
            .collect()
    }

    async fn accept(
        &mut self,
    ) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        loop {
            // The handshake of TLS waits for its client, and nobody else may.
            tokio::select! {
                accepted = self.listener.accept() => {
                    let (stream, peer) = accepted?;
                    let accepting = self.acceptor.accept(stream);
                    self.handshakes
                        .spawn(async move { Ok((accepting.await?, peer)) });
                }
                Some(done) = self.handshakes.join_next() => {
                    // Whose handshake has failed is not heard of again.
                    let Ok(Ok((stream, peer))) = done else { continue };
                    let local = LocalAddr(self.listener.local_addr()?.into());
                    let peer = RemoteAddr(peer.into());
                    return Ok((stream, local, peer, Scheme::HTTPS));
                }
            }
        }
    }
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
