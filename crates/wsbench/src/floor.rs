//! The floors: raw TCP echoes that know nothing of WebSocket. What a server
//! costs more than they do is what its WebSocket costs.
//!
//! One is a loop over epoll, the other a task a connection on tokio; both run
//! on one thread, with TCP_NODELAY, and move the same octets as a server does.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll as Polled;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

/// How much is read at once, by all connections.
const BUFFER: usize = 256 << 10;

const LISTENER: Token = Token(usize::MAX - 1);

/// Listens where the environment variable `LISTEN` says, by default on a port
/// of the system's choice, prints the address, and echoes until killed.
///
/// # Errors
///
/// What keeps it from listening.
pub fn serve(on_tokio: bool) -> std::io::Result<()> {
    let address = std::env::var("LISTEN");
    let address = address.unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = std::net::TcpListener::bind(address)?;
    println!("listening on ws://{}/ws", listener.local_addr()?);
    match on_tokio {
        true => on_tokio_for_ever(listener),
        false => on_epoll_for_ever(listener),
    }
}

/// Echoes on epoll, one thread for all connections.
///
/// # Errors
///
/// What keeps it from going on.
pub fn on_epoll_for_ever(
    listener: std::net::TcpListener,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; BUFFER];
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free = Vec::new();
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(error);
            }
            _ => {}
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections, &mut free)?;
                continue;
            }
            let Token(index) = event.token();
            let place = &mut connections[index];
            let Some(connection) = place else { continue };
            // What fails on a connection is that connection's end.
            let stays = connection.echo(&mut buffer, event.is_read_closed());
            if !stays.unwrap_or(false) {
                *place = None;
                free.push(index);
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Vec<Option<Connection>>,
    free: &mut Vec<usize>,
) -> std::io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(()),
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {
                    continue;
                }
                _ => return Err(error),
            },
        };
        stream.set_nodelay(true)?;
        let index = free.pop().unwrap_or(connections.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = poll.registry();
        registry.register(&mut stream, Token(index), interest)?;
        let connection = Some(Connection {
            stream,
            unwritten: Vec::new(),
        });
        match connections.get_mut(index) {
            Some(place) => *place = connection,
            None => connections.push(connection),
        }
    }
}

struct Connection {
    stream: TcpStream,
    /// What the other side does not take yet; until then nothing is read.
    unwritten: Vec<u8>,
}

impl Connection {
    /// Echoes what there is; `false` at the end of the connection.
    fn echo(
        &mut self,
        buffer: &mut [u8],
        has_ended: bool,
    ) -> std::io::Result<bool> {
        loop {
            let written = write(&mut self.stream, &self.unwritten)?;
            self.unwritten.drain(..written);
            if !self.unwritten.is_empty() {
                return Ok(true);
            }
            let count = match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(true),
                    ErrorKind::Interrupted => continue,
                    _ => return Err(error),
                },
            };
            let written = write(&mut self.stream, &buffer[..count])?;
            self.unwritten
                .extend_from_slice(&buffer[written..count]);
            // A read that is not full has taken all there was.
            let is_all = count < buffer.len() && !has_ended;
            if is_all && self.unwritten.is_empty() {
                return Ok(true);
            }
        }
    }
}

/// Writes as much as the system takes, and tells how much that is.
fn write(stream: &mut TcpStream, octets: &[u8]) -> std::io::Result<usize> {
    let mut written = 0;
    while written < octets.len() {
        match stream.write(&octets[written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => break,
                ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(written)
}

/// Echoes on tokio's runtime of one thread, a task a connection.
///
/// # Errors
///
/// What keeps it from going on.
pub fn on_tokio_for_ever(
    listener: std::net::TcpListener,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, accept_on_tokio(listener))
}

async fn accept_on_tokio(
    listener: std::net::TcpListener,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let buffer = Rc::new(RefCell::new(vec![0; BUFFER]));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let buffer = Rc::clone(&buffer);
        tokio::task::spawn_local(async move {
            // What fails on a connection is that connection's end.
            _ = echo(stream, &buffer).await;
        });
    }
}

async fn echo(
    mut stream: tokio::net::TcpStream,
    buffer: &RefCell<Vec<u8>>,
) -> std::io::Result<()> {
    loop {
        let unwritten = std::future::poll_fn(|context| {
            let mut buffer = buffer.borrow_mut();
            let mut part = ReadBuf::new(&mut buffer);
            match Pin::new(&mut stream).poll_read(context, &mut part) {
                Polled::Pending => return Polled::Pending,
                Polled::Ready(Err(error)) => return Polled::Ready(Err(error)),
                Polled::Ready(Ok(())) => {}
            }
            let octets = part.filled();
            if octets.is_empty() {
                return Polled::Ready(Ok(None));
            }
            let written = match stream.try_write(octets) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => return Polled::Ready(Err(error)),
            };
            Polled::Ready(Ok(Some(octets[written..].to_vec())))
        });
        match unwritten.await? {
            None => return Ok(()),
            Some(unwritten) if unwritten.is_empty() => {}
            Some(unwritten) => stream.write_all(&unwritten).await?,
        }
    }
}
