//! The WebSocket echo at `/ws`, with salvo, over TLS.

use std::path::{Path, PathBuf};
use std::{env, io, process};

use salvo::conn::TcpListener;
use salvo::conn::rustls::{
    Keycert, RustlsAcceptor, RustlsConfig, ServerConfig,
};
use salvo::conn::tcp::TcpAcceptor;
use salvo::http::StatusError;
use salvo::websocket::{Message, WebSocket, WebSocketUpgrade};
use salvo::{Listener, Request, Response, Router, Server, handler};
use tungstenite::protocol::frame::coding::CloseCode;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::var_os("LISTEN").unwrap_or("127.0.0.1:8080".into());
    let address = address.to_string_lossy();
    let config = tls().unwrap_or_else(|error| {
        eprintln!("cannot speak TLS, set CERTIFICATE and KEY: {error}");
        process::exit(1)
    });
    // salvo's listener only keeps the address, and binds when it is asked to.
    let listener = TcpListener::new(address.to_string()).rustls(config);
    let bound = listener.try_bind().await;
    let acceptor = bound.unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}");
        process::exit(1)
    });
    serve(acceptor).await
}

async fn serve(acceptor: RustlsAcceptor<TcpAcceptor>) -> io::Result<()> {
    let router = Router::with_path("ws").goal(handshake);
    let address = acceptor.inner().inner().local_addr()?;
    println!("listening on wss://{address}/ws");
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

/// The certificate and its key. Those of the repository guard nothing.
fn tls() -> Result<RustlsConfig, String> {
    let path = |variable: &str, file: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = folder.join("../../tests/certificates").join(file);
        env::var_os(variable).map_or(file, PathBuf::from)
    };
    let certificate = path("CERTIFICATE", "localhost.pem");
    let key_file = path("KEY", "localhost-key.pem");
    let pair = Keycert::new()
        .cert_from_path(&certificate)
        .map_err(|error| format!("{}: {error}", certificate.display()))?
        .key_from_path(&key_file)
        .map_err(|error| format!("{}: {error}", key_file.display()))?;
    let config = RustlsConfig::new(pair);
    // salvo would understand the files only in `try_bind`.
    let understood: io::Result<ServerConfig> = config.clone().try_into();
    understood.map_err(|error| error.to_string())?;
    Ok(config)
}
