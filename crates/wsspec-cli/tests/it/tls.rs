//! TLS and HTTP/2 as their users ask for them: whom to trust, and what is said
//! where that does not work.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rfc6455::{Decoder, Frame, Sender, handshake};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const CASE: &str = "6455/5.5.2/ping-is-answered/text";

/// A file of the certificates that the repository's servers use.
fn certificate(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("../../tests/certificates");
    folder.join(name).display().to_string()
}

fn wsspec(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wsspec"))
        .args(["--case", CASE])
        .args(arguments)
        .output()
        .expect("wsspec can be started");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// An echo over TLS; gives its port.
fn secure_server() -> u16 {
    secure_server_with("localhost.pem")
}

/// The same with this certificate.
fn secure_server_with(name: &str) -> u16 {
    let key = PrivateKeyDer::from_pem_file(certificate("localhost-key.pem"));
    let chain = CertificateDer::from_pem_file(certificate(name));
    let config =
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain.expect("PEM")], key.expect("PEM"));
    let config = Arc::new(config.expect("a key that fits"));
    listening(move |stream| {
        let server = ServerConnection::new(Arc::clone(&config)).ok()?;
        serve(StreamOwned::new(server, stream))
    })
}

fn plain_server() -> u16 {
    listening(serve)
}

fn listening(
    serve: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    port
}

fn serve(stream: impl Read + Write) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut key = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some(("Sec-WebSocket-Key", value)) => value.clone_into(&mut key),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let accept = handshake::accept(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream
        .get_mut()
        .write_all(answer.as_bytes())
        .ok()?;
    let mut decoder = Decoder::strict(Sender::Client, 1 << 20);
    let mut buffer = [0; 4096];
    loop {
        while let Some(frame) = decoder.next_frame().ok()? {
            let answer = match frame.opcode {
                rfc6455::Opcode::PING => Frame::pong(frame.payload),
                opcode => Frame::new(opcode, frame.payload),
            };
            let mut octets = Vec::new();
            answer.encode(&mut octets);
            stream.get_mut().write_all(&octets).ok()?;
        }
        let count = stream
            .read(&mut buffer)
            .ok()
            .filter(|it| *it > 0)?;
        decoder.push(&buffer[..count]);
    }
}

#[test]
fn who_is_trusted_is_judged_and_nobody_else() {
    let url = format!("wss://127.0.0.1:{}/ws", secure_server());
    let ca = certificate("ca.pem");
    let (code, text) = wsspec(&[&url, "--ca", &ca]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = wsspec(&[&url, "--insecure"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) =
        wsspec(&[&url, "--ca", &ca, "--server-name", "localhost"]);
    assert_eq!(code, Some(0), "{text}");
    // Its name is none of those in the certificate.
    let (code, text) =
        wsspec(&[&url, "--ca", &ca, "--server-name", "example.com"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("--ca FILE"), "{text}");
    assert!(text.contains("not for example.com"), "{text}");
    let (code, text) = wsspec(&[&url]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("its issuer is not known here"), "{text}");
    assert!(text.contains("--insecure trusts any"), "{text}");
    // The server is running, so the message does not ask whether it is.
    assert!(!text.contains("Is the server running"), "{text}");
}

/// The commonest test certificate signs itself and is marked as an authority,
/// so no authority can vouch for it.
#[test]
fn a_certificate_that_signs_itself_is_trusted_by_itself_alone() {
    let url = format!(
        "wss://127.0.0.1:{}/ws",
        secure_server_with("self-signed.pem")
    );
    let own = certificate("self-signed.pem");
    let (code, text) = wsspec(&[&url, "--ca", &own]);
    assert_eq!(code, Some(0), "{text}");
    let other = certificate("ca.pem");
    for arguments in [vec![&*url], vec![&*url, "--ca", &other]] {
        let (code, text) = wsspec(&arguments);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains("exactly this certificate"), "{text}");
        assert!(!text.contains("OtherError"), "{text}");
    }
    // It is not an authority for another certificate with the same key.
    let url = format!("wss://127.0.0.1:{}/ws", secure_server());
    let (code, text) = wsspec(&[&url, "--ca", &own]);
    assert_eq!(code, Some(3), "{text}");
}

#[test]
fn what_is_no_certificate_is_a_wrong_command_line() {
    let url = "wss://127.0.0.1:1/ws";
    let nowhere = certificate("nowhere.pem");
    let no_certificate = certificate("README.md");
    for (arguments, part) in [
        (["--ca", nowhere.as_str()], "nowhere.pem"),
        (["--ca", no_certificate.as_str()], "no certificate in it"),
        (["--server-name", "not a name"], "no name of a server"),
    ] {
        let (code, text) = wsspec(&[url, arguments[0], arguments[1]]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_server_that_speaks_otherwise_is_not_reached() {
    let plain = plain_server();
    let (code, text) =
        wsspec(&[&format!("wss://127.0.0.1:{plain}/ws"), "--insecure"]);
    assert_eq!(code, Some(3), "{text}");
    let (code, text) =
        wsspec(&[&format!("ws://127.0.0.1:{plain}/ws"), "--http2"]);
    assert_eq!(code, Some(3), "{text}");
    let secure = secure_server();
    let (code, text) = wsspec(&[&format!("ws://127.0.0.1:{secure}/ws")]);
    assert_eq!(code, Some(3), "{text}");
    let url = format!("wss://127.0.0.1:{secure}/ws");
    let (code, text) = wsspec(&[&url, "--insecure", "--http2"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("ALPN"), "{text}");
}
