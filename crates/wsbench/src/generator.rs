//! The load generator: many connections on one thread, and every octet that
//! comes back is verified.
//!
//! It uses one buffer for all reads, frames that are encoded beforehand and
//! one write for all messages that a connection may send.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::frames::{Messages, Protocol, Verifier};
use crate::opening::{Failure, PATIENCE, Target, What, close_frame};
use crate::workload::Echo;

/// How much is read at once.
const BUFFER: usize = 256 << 10;

/// The number of a connection stands above this bit in the numbers of its
/// messages: an answer to somebody else is noticed.
const CONNECTION: u32 = 40;

/// Open connections to one server.
#[derive(Debug)]
pub struct Load<'a> {
    target: &'a Target,
    messages: Messages,
    depth: usize,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    /// Whether what is answered is followed by more.
    goes_on: bool,
    answered: u64,
    /// When something last came that was awaited.
    progress: Instant,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    verifier: Verifier,
    /// The frames that are sent in one write.
    batch: Vec<u8>,
    /// How much of the batch has been written.
    written: usize,
    /// What is written behind the batch: Pongs, and the Close.
    aside: Vec<u8>,
}

/// What an event told.
#[derive(Clone, Copy, Default)]
struct Ready {
    reading: bool,
    /// The other side has ended its direction: read until that comes.
    ended: bool,
}

impl<'a> Load<'a> {
    /// Opens the connections, one after the other.
    ///
    /// # Errors
    ///
    /// The first that can't be opened.
    pub fn open(target: &'a Target, echo: &Echo) -> Result<Self, Failure> {
        let here = |connection: usize, what: What| Failure {
            server: target.name.clone(),
            connection,
            offset: 0,
            what,
        };
        let mut load = Self {
            target,
            messages: Messages::new(target.protocol, echo.size),
            depth: echo.depth,
            poll: Poll::new().map_err(|error| here(0, error.into()))?,
            events: Events::with_capacity(1024),
            connections: Vec::with_capacity(echo.connections),
            buffer: vec![0; BUFFER],
            goes_on: false,
            answered: 0,
            progress: Instant::now(),
        };
        for number in 0..echo.connections {
            let connection = load.connect(number);
            let connection = connection.map_err(|what| here(number, what))?;
            load.connections.push(connection);
        }
        Ok(load)
    }

    fn connect(&self, number: usize) -> Result<Connection, What> {
        let number_64 = number as u64;
        let (stream, early) = self.target.open(number_64)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(&mut stream, Token(number), interest)?;
        let batch = self.messages.batch(self.depth);
        let mut connection = Connection {
            stream,
            verifier: Verifier::new(number_64 << CONNECTION),
            written: batch.len(),
            batch,
            aside: Vec::new(),
        };
        let Connection {
            verifier, aside, ..
        } = &mut connection;
        verifier.take(&self.messages, &early, aside)?;
        connection.flush()?;
        Ok(connection)
    }

    /// Sends for so long, waits until everything has been answered, and tells
    /// how many messages were.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong on any connection.
    pub fn run(&mut self, duration: Duration) -> Result<u64, Failure> {
        let before = self.answered;
        self.goes_on = true;
        self.send()?;
        let end = Instant::now() + duration;
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            self.turn(end - now)?;
        }
        self.drain()?;
        Ok(self.answered - before)
    }

    /// Sends once on every connection, waits until everything has been
    /// answered, and tells how many messages were.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn once(&mut self) -> Result<u64, Failure> {
        let before = self.answered;
        self.send()?;
        self.drain()?;
        Ok(self.answered - before)
    }

    /// Closes every connection, and waits for the server's Closes.
    ///
    /// # Errors
    ///
    /// Anything else that comes.
    pub fn close(mut self) -> Result<(), Failure> {
        if self.target.protocol == Protocol::Raw {
            return Ok(());
        }
        for index in 0..self.connections.len() {
            let connection = &mut self.connections[index];
            connection.verifier.closing();
            connection.aside.extend(close_frame());
            let flushed = connection.flush();
            flushed.map_err(|what| self.failure(index, what))?;
        }
        self.progress = Instant::now();
        while let Some(open) = self.first(|it| !it.is_closed()) {
            self.turn(PATIENCE)?;
            self.still_goes_on(open)?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), Failure> {
        self.progress = Instant::now();
        for index in 0..self.connections.len() {
            let connection = &mut self.connections[index];
            let sent = connection.send(&self.messages, self.depth);
            sent.map_err(|what| self.failure(index, what))?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Failure> {
        self.goes_on = false;
        while let Some(late) = self.first(|it| it.awaited() > 0) {
            self.turn(PATIENCE)?;
            self.still_goes_on(late)?;
        }
        Ok(())
    }

    /// Waits for events, so long at most, and does what they ask for.
    fn turn(&mut self, at_most: Duration) -> Result<(), Failure> {
        let at_most = at_most.min(PATIENCE);
        match self.poll.poll(&mut self.events, Some(at_most)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(self.failure(0, error.into()));
            }
            _ => {}
        }
        let mut failed = None;
        let mut answered = 0;
        for event in &self.events {
            let Token(index) = event.token();
            let ready = Ready {
                reading: event.is_readable() || event.is_error(),
                ended: event.is_read_closed(),
            };
            let done = self.connections[index].turn(
                &self.messages,
                &mut self.buffer,
                self.goes_on.then_some(self.depth),
                ready,
            );
            match done {
                Ok(done) => answered += done as u64,
                Err(what) => {
                    failed = Some((index, what));
                    break;
                }
            }
        }
        if let Some((index, what)) = failed {
            return Err(self.failure(index, what));
        }
        if answered > 0 {
            self.answered += answered;
            self.progress = Instant::now();
        } else if self.goes_on
            && let Some(late) = self.first(|it| it.awaited() > 0)
        {
            self.still_goes_on(late)?;
        }
        Ok(())
    }

    fn still_goes_on(&self, waiting: usize) -> Result<(), Failure> {
        match self.progress.elapsed() < PATIENCE {
            true => Ok(()),
            false => Err(self.failure(waiting, What::Silent)),
        }
    }

    fn first(&self, is: impl Fn(&Verifier) -> bool) -> Option<usize> {
        let mut connections = self.connections.iter();
        connections.position(|connection| is(&connection.verifier))
    }

    fn failure(&self, index: usize, what: What) -> Failure {
        let connection = self.connections.get(index);
        Failure {
            server: self.target.name.clone(),
            connection: index,
            offset: connection.map_or(0, |it| it.verifier.offset()),
            what,
        }
    }
}

impl Connection {
    /// Does what an event asks for, and tells how many answers came.
    fn turn(
        &mut self,
        messages: &Messages,
        buffer: &mut [u8],
        depth: Option<usize>,
        ready: Ready,
    ) -> Result<usize, What> {
        self.flush()?;
        let mut answered = 0;
        if !ready.reading {
            return Ok(answered);
        }
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) if self.verifier.is_closed() => break,
                Ok(0) => return Err(What::Ended),
                Ok(count) => count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => break,
                    ErrorKind::Interrupted => continue,
                    _ if self.verifier.is_closed() => break,
                    _ => return Err(What::Io(error)),
                },
            };
            let part = &buffer[..count];
            answered += self
                .verifier
                .take(messages, part, &mut self.aside)?;
            match depth {
                Some(depth) if self.verifier.awaited() == 0 => {
                    self.send(messages, depth)?;
                }
                _ => self.flush()?,
            }
            // A read that is not full has taken all there was.
            if count < buffer.len() && !ready.ended {
                break;
            }
        }
        Ok(answered)
    }

    /// Sends the next messages; all before them have been answered.
    fn send(&mut self, messages: &Messages, depth: usize) -> Result<(), What> {
        messages.number(&mut self.batch, self.verifier.number());
        self.verifier.sent(depth);
        self.written = 0;
        self.flush()
    }

    /// Writes as much as the system takes.
    fn flush(&mut self) -> Result<(), What> {
        while self.written < self.batch.len() {
            match write(&mut self.stream, &self.batch[self.written..])? {
                Some(count) => self.written += count,
                None => return Ok(()),
            }
        }
        while !self.aside.is_empty() {
            match write(&mut self.stream, &self.aside)? {
                Some(count) => drop(self.aside.drain(..count)),
                None => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Writes some; `None` if the system takes nothing now.
fn write(stream: &mut TcpStream, octets: &[u8]) -> Result<Option<usize>, What> {
    loop {
        match stream.write(octets) {
            Ok(0) => return Err(What::Ended),
            Ok(count) => return Ok(Some(count)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(None),
                ErrorKind::Interrupted => {}
                _ => return Err(What::Io(error)),
            },
        }
    }
}
