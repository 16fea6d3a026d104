//! One connection: opened with an opening handshake that is checked, closed
//! with a closing handshake.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use rfc6455::handshake::{self, BadAnswer, MalformedHead, ResponseHead};
use rfc6455::{Frame, StatusCode};
use wsspec::{Declared, Url};

use crate::frames::{KEY, Messages, Protocol, Verifier, Wrong};

/// How long a server may make no progress before that is an error.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The longest head that is read.
const MOST_OF_HEAD: usize = 64 << 10;

/// `EMFILE`, for which Rust has no name yet.
const NO_DESCRIPTOR: i32 = 24;

/// A server to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server's label.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
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
            address: address.ok_or(ErrorKind::AddrNotAvailable)?,
            request,
        })
    }

    /// Opens a connection, and gives back what the server sent behind its
    /// answer. The number makes the key.
    ///
    /// # Errors
    ///
    /// Why it is not open.
    pub fn open(&self, number: u64) -> Result<(TcpStream, Vec<u8>), What> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
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
    #[error("nothing came for {PATIENCE:?}")]
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
            ErrorKind::AddrNotAvailable => Self::Ports,
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
