//! What stands in front of the reference endpoint where it is reached by TLS:
//! it takes TLS off and passes octets on, both ways, and the two ends of a
//! connection with them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, copy,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::Defect;

/// The folder of the certificates that the servers of the repository use.
pub fn certificates() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/certificates"
    ))
}

pub(crate) fn acceptor() -> TlsAcceptor {
    let folder = certificates();
    let certificate =
        CertificateDer::from_pem_file(folder.join("localhost.pem"));
    let key = PrivateKeyDer::from_pem_file(folder.join("localhost-key.pem"));
    let config =
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("a certificate")],
                key.expect("a key"),
            );
    let mut config = config.expect("a key that fits");
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Passes connections on for as long as it is polled.
pub(crate) async fn serve_tls(
    listener: TcpListener,
    behind: SocketAddr,
    defect: Option<Defect>,
) {
    let acceptor = acceptor();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                _ = stream.set_nodelay(true);
                let acceptor = acceptor.clone();
                connections.spawn(pass_on(stream, acceptor, behind, defect));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn pass_on(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    behind: SocketAddr,
    defect: Option<Defect>,
) -> io::Result<()> {
    let backend = TcpStream::connect(behind).await?;
    backend.set_nodelay(true)?;
    let (mut replies, mut requests) = backend.into_split();
    let mut first = [0];
    stream.peek(&mut first).await?;
    if defect == Some(Defect::TlsNotNeeded) && first[0].is_ascii_alphabetic() {
        let (mut reading, mut writing) = stream.into_split();
        let ways = (
            copy(&mut reading, &mut requests),
            copy(&mut replies, &mut writing),
        );
        tokio::try_join!(ways.0, ways.1)?;
        return Ok(());
    }
    let (past, mut is_past) = mpsc::unbounded_channel();
    let sniffed = Sniffed {
        stream,
        past: (defect == Some(Defect::TlsMayBePassedBy)).then_some(past),
    };
    let accepted = acceptor.accept(sniffed).into_fallible().await;
    let stream = match accepted {
        Ok(stream) => stream,
        Err((_, mut failed)) => {
            if defect == Some(Defect::FailedTlsHangs) {
                std::future::pending::<()>().await;
            }
            return failed.shutdown().await;
        }
    };
    let (mut reading, mut writing) = tokio::io::split(stream);
    let forth = async {
        let mut octets = vec![0; 16 << 10];
        loop {
            let read = tokio::select! {
                read = reading.read(&mut octets) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(count) => octets[..count].to_vec(),
                },
                Some(past) = is_past.recv() => past,
            };
            requests.write_all(&read).await?;
        }
        requests.shutdown().await
    };
    let back = async {
        copy(&mut replies, &mut writing).await?;
        writing.flush().await?;
        if defect != Some(Defect::NoCloseNotify) {
            writing.shutdown().await?;
        }
        // Whichever side ends first, the endpoint's end is the end.
        Err::<(), _>(io::ErrorKind::ConnectionAborted.into())
    };
    let ended: io::Result<_> = async { tokio::try_join!(forth, back) }.await;
    _ = ended;
    // What the client still says is read, so that no RST takes the end away.
    let mut stream = reading.unsplit(writing).into_inner().0;
    _ = stream.shutdown().await;
    let mut rest = Vec::new();
    _ = stream.read_to_end(&mut rest).await;
    Ok(())
}

/// A TCP connection under TLS, which a defect reads past it.
struct Sniffed {
    stream: TcpStream,
    past: Option<mpsc::UnboundedSender<Vec<u8>>>,
}

impl AsyncRead for Sniffed {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let before = into.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
            let read = &into.filled()[before..];
            // Records of TLS begin with their type.
            let is_past = read
                .first()
                .is_some_and(|octet| !(20..=24).contains(octet));
            match &this.past {
                Some(past) if is_past => {
                    _ = past.send(read.to_vec());
                    into.set_filled(before);
                }
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Sniffed {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, octets)
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
