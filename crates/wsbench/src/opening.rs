//! One connection: opened with an opening handshake that is checked, closed
//! with a closing handshake.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rfc6455::handshake::{self, BadAnswer, MalformedHead, ResponseHead};
use rfc6455::{Frame, StatusCode};
use socket2::{Domain, Socket, Type};
use wsspec::{Declared, Url};

use crate::frames::{KEY, Messages, Protocol, Verifier, Wrong};

/// How long a server may make no progress before that is an error.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The longest head that is read.
const MOST_OF_HEAD: usize = 64 << 10;

/// `EMFILE`, for which Rust has no name yet.
const NO_DESCRIPTOR: i32 = 24;

/// How many connections in a row come from one address of this machine.
const FROM_ONE_ADDRESS: u64 = 5000;

/// How many such addresses there are, from 127.0.0.1 up.
const ADDRESSES: u64 = 250;

/// How many connections this process has begun to open.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// A server to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server's label.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// How long it may make no progress.
    pub(crate) patience: Duration,
    address: SocketAddr,
    /// The request but for the value of the key and the end of the head.
    request: String,
}

impl Target {
    /// The server at this address, with what it declares.
    ///
    /// # Errors
    ///
    /// A name without an address.
    pub fn new(
        name: &str,
        protocol: Protocol,
        url: &Url,
        declared: &Declared,
    ) -> std::io::Result<Self> {
        let authority = url.authority();
        let address = authority.to_socket_addrs()?.next();
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
            url.target(),
        );
        if let Some(origin) = &declared.origin {
            request += &format!("Origin: {origin}\r\n");
        }
        if let Some(token) = &declared.bearer {
            request += &format!("Authorization: Bearer {token}\r\n");
        }
        Ok(Self {
            name: name.to_owned(),
            protocol,
            patience: PATIENCE,
            address: address.ok_or(ErrorKind::AddrNotAvailable)?,
            request,
        })
    }

    /// The same, and it may make no progress for this long instead of
    /// [`PATIENCE`].
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Opens a connection, and gives back what the server sent behind its
    /// answer. The number makes the key.
    ///
    /// # Errors
    ///
    /// Why it is not open.
    pub fn open(&self, number: u64) -> Result<(TcpStream, Vec<u8>), What> {
        let mut stream = self.connect()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        if self.protocol == Protocol::Raw {
            return Ok((stream, Vec::new()));
        }
        let nonce = (u128::from(number) + 1)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let key = handshake::key(nonce.to_be_bytes());
        let request =
            format!("{}Sec-WebSocket-Key: {key}\r\n\r\n", self.request);
        stream.write_all(request.as_bytes())?;
        let mut received = Vec::new();
        let mut part = [0; 4096];
        let (head, length) = loop {
            let count = stream.read(&mut part)?;
            if count == 0 {
                return Err(What::Ended);
            }
            received.extend_from_slice(&part[..count]);
            if let Some(whole) = ResponseHead::decode(&received)? {
                break whole;
            }
            if received.len() > MOST_OF_HEAD {
                return Err(What::Head);
            }
        };
        handshake::check_response(&head, &key)?;
        if head.fields.contains("Sec-WebSocket-Extensions") {
            return Err(What::Extension);
        }
        received.drain(..length);
        Ok((stream, received))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let opened = OPENED.fetch_add(1, Ordering::Relaxed);
        let Some(source) = source(&self.address, opened) else {
            return TcpStream::connect_timeout(&self.address, self.patience);
        };
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddrV4::new(source, 0).into())?;
        socket.connect_timeout(&self.address.into(), self.patience)?;
        Ok(socket.into())
    }
}

/// The address that a connection comes from, by how many there were before it;
/// `None` where the system shall choose.
///
/// One address has some 28,000 ports, and that of a connection that this side
/// has ended stays taken for a minute: so who opens more goes on to the next
/// address, and comes back to none before its ports are free. Linux has all of
/// 127.0.0.0/8 on its loopback.
fn source(target: &SocketAddr, opened: u64) -> Option<Ipv4Addr> {
    let is_here = matches!(target, SocketAddr::V4(it) if it.ip().is_loopback());
    let last = u8::try_from(opened / FROM_ONE_ADDRESS % ADDRESSES + 1);
    last.ok()
        .filter(|_| is_here)
        .map(|last| Ipv4Addr::new(127, 0, 0, last))
}

/// Closes a connection on which nothing is in flight, and waits for the
/// server's Close.
///
/// # Errors
///
/// What came instead.
pub fn close(
    mut stream: TcpStream,
    protocol: Protocol,
    early: &[u8],
) -> Result<(), What> {
    if protocol == Protocol::Raw {
        return Ok(());
    }
    stream.write_all(&close_frame())?;
    let messages = Messages::new(protocol, 16);
    let mut verifier = Verifier::new(0);
    verifier.closing();
    let mut aside = Vec::new();
    verifier.take(&messages, early, &mut aside)?;
    let mut part = [0; 1024];
    while !verifier.is_closed() {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err(What::Ended);
        }
        verifier.take(&messages, &part[..count], &mut aside)?;
    }
    Ok(())
}

/// The Close of a client that has what it wanted.
#[must_use]
pub fn close_frame() -> Vec<u8> {
    let mut octets = Vec::new();
    Frame::close(StatusCode(1000), "")
        .masked(KEY)
        .encode(&mut octets);
    octets
}

/// What went wrong on a connection.
#[derive(Debug, thiserror::Error)]
pub enum What {
    /// What came back is not what it should be.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// The answer to the opening handshake is no right switch.
    #[error("the opening handshake is not answered as it must be: {0}")]
    Refused(#[from] BadAnswer),
    /// The answer to the opening handshake is no HTTP.
    #[error("the opening handshake is not answered by HTTP: {0}")]
    Malformed(#[from] MalformedHead),
    /// The answer to the opening handshake does not end.
    #[error("the answer to the opening handshake is longer than 64 KiB")]
    Head,
    /// The server speaks an extension that was not offered.
    #[error("the server names an extension that was not offered")]
    Extension,
    /// The connection ended.
    #[error("the server ended the connection")]
    Ended,
    /// Nothing happens.
    #[error("nothing came in time")]
    Silent,
    /// No port is left.
    #[error(
        "no local port is left; wait a minute, or widen \
         net.ipv4.ip_local_port_range"
    )]
    Ports,
    /// No descriptor is left.
    #[error("no descriptor is left; raise the limit with `ulimit -n`")]
    Descriptors,
    /// Anything else that the system says.
    #[error("{0}")]
    Io(std::io::Error),
}

impl From<std::io::Error> for What {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Silent,
            ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => Self::Ports,
            _ if error.raw_os_error() == Some(NO_DESCRIPTOR) => {
                Self::Descriptors
            }
            _ => Self::Io(error),
        }
    }
}

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{server}: connection {connection}, after {offset} octets: {what}")]
pub struct Failure {
    /// The server's label.
    pub server: String,
    /// Which connection, from 0 up.
    pub connection: usize,
    /// How many octets had come on it and were right, behind the opening
    /// handshake.
    pub offset: u64,
    /// What it is.
    pub what: What,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_come_from_several_addresses() {
        let here = "127.0.0.1:8080".parse().expect("an address");
        let from = |opened| source(&here, opened).map(|it| it.octets());
        assert_eq!(from(0), Some([127, 0, 0, 1]));
        assert_eq!(from(4999), Some([127, 0, 0, 1]));
        assert_eq!(from(5000), Some([127, 0, 0, 2]));
        assert_eq!(from(19_999), Some([127, 0, 0, 4]));
        assert_eq!(from(1_249_999), Some([127, 0, 0, 250]));
        assert_eq!(from(1_250_000), Some([127, 0, 0, 1]));
        assert!(from(u64::MAX).is_some());
    }

    #[test]
    fn to_other_machines_the_system_chooses() {
        for elsewhere in ["192.0.2.1:80", "[::1]:80"] {
            let elsewhere = elsewhere.parse().expect("an address");
            assert_eq!(source(&elsewhere, 5000), None);
        }
    }
}
