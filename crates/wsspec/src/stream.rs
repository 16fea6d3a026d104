//! What carries the octets of a connection: TCP, TLS over it, or a stream of
//! HTTP/2 over one of both.
//!
//! Only here is known which. The cases see octets, an end in order, and an
//! abrupt one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::io::poll_read_buf;

use crate::http2::Http2Stream;

/// How a WebSocket is opened: by which version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// With an upgrade (RFC 6455).
    #[default]
    Http1,
    /// With an extended CONNECT (RFC 8441).
    Http2,
}

/// An open connection to a server.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Http2(Http2Stream),
}

/// What can happen first where one both reads and writes.
#[derive(Debug)]
pub(crate) enum First {
    /// So many octets have come; 0 is the end.
    Read(io::Result<usize>),
    /// So many octets were taken.
    Written(io::Result<usize>),
}

impl Stream {
    /// Writes some of the octets, or reads some, whatever is possible first,
    /// and reading where both are.
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub(crate) async fn write_or_read(
        &mut self,
        octets: &[u8],
        into: &mut BytesMut,
    ) -> First {
        std::future::poll_fn(|context| {
            let read = poll_read_buf(Pin::new(&mut *self), context, into);
            if let Poll::Ready(read) = read {
                return Poll::Ready(First::Read(read));
            }
            let written = Pin::new(&mut *self).poll_write(context, octets);
            written.map(First::Written)
        })
        .await
    }

    /// Lets the connection end abruptly: RST, or RST_STREAM.
    pub(crate) fn reset(mut self) {
        // Where that fails the end is an ordinary one, and the case just less
        // hard.
        match &mut self {
            Self::Tcp(stream) => _ = stream.set_zero_linger(),
            Self::Tls(stream) => _ = stream.get_ref().0.set_zero_linger(),
            Self::Http2(stream) => stream.reset(),
        }
    }
}

/// A server that writes a header and its payload apart, or a window update
/// behind an echo, and does not set TCP_NODELAY waits for our acknowledgement
/// each time, which the kernel holds back for 40 ms.
#[cfg(target_os = "linux")]
fn acknowledge_at_once(stream: &TcpStream) {
    // Where it fails the run is only slower.
    _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
}

#[cfg(not(target_os = "linux"))]
fn acknowledge_at_once(_stream: &TcpStream) {}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => {
                let before = into.filled().len();
                let read = Pin::new(&mut *stream).poll_read(context, into);
                if into.filled().len() > before {
                    acknowledge_at_once(stream);
                }
                read
            }
            Self::Tls(stream) => {
                // TLS keeps what TCP had no room for, and sends it only when
                // it is asked to. Whether that works is seen when writing.
                _ = Pin::new(&mut *stream).poll_flush(context);
                let before = into.filled().len();
                let read = Pin::new(&mut *stream).poll_read(context, into);
                if into.filled().len() > before {
                    acknowledge_at_once(stream.get_ref().0);
                }
                read
            }
            Self::Http2(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Http2(stream) => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Http2(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Http2(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
