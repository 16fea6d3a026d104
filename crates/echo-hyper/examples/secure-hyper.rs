//! The WebSocket echo at `/ws`, with hyper and tokio-tungstenite, over TLS and
//! HTTP/2.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, io, process};

use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::ext::Protocol;
use hyper::header::{HeaderValue, SEC_WEBSOCKET_VERSION};
use hyper::service::service_fn;
use hyper::upgrade::{self, Upgraded};
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};
use tokio_tungstenite::tungstenite::{Error, handshake::server};

type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

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
    println!("listening on wss://{}/ws", listener.local_addr()?);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    // Unless this is said, no client asks for a WebSocket over HTTP/2.
    builder.http2().enable_connect_protocol();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: without a pause this spins.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let (acceptor, builder) = (acceptor.clone(), builder.clone());
        // The handshake of TLS waits for its client, so not in this loop.
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let stream = TokioIo::new(stream);
            let service = service_fn(handshake);
            _ = builder
                .serve_connection_with_upgrades(stream, service)
                .await;
        });
    }
}

async fn handshake(
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut refusal = Response::new(Empty::new());
    if request.uri().path() != "/ws" {
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        return Ok(refusal);
    }
    let protocol = request.extensions().get::<Protocol>();
    let accepted = match (request.version(), protocol) {
        // The answer to a CONNECT is a plain 200, and no key is proved.
        (Version::HTTP_2, Some(protocol)) => {
            let version = request.headers().get(SEC_WEBSOCKET_VERSION);
            let is_ours = protocol.as_str() == "websocket"
                && version.is_some_and(|it| it == "13");
            is_ours.then(|| Response::new(Empty::new()))
        }
        _ => server::create_response_with_body(&request, Empty::new).ok(),
    };
    let Some(response) = accepted else {
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        let version = HeaderValue::from_static("13");
        let headers = refusal.headers_mut();
        headers.insert(SEC_WEBSOCKET_VERSION, version);
        return Ok(refusal);
    };
    // The stream is ours only when this response has been sent.
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade::on(request).await else {
            return;
        };
        let stream = TokioIo::new(upgraded);
        let socket = WebSocket::from_raw_socket(stream, Role::Server, None);
        echo(socket.await).await;
    });
    Ok(response)
}

async fn echo(mut socket: WebSocket) {
    while let Some(received) = socket.next().await {
        let reply = match received {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => message,
            // The answer to a Ping or a Close is queued and leaves when `next`
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

fn status_code(error: &Error) -> Option<CloseCode> {
    match error {
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
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    Ok(config)
}
