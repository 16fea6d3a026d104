//! Many connections to one server on one thread, and every octet that comes
//! back is verified: what every load stands on.
//!
//! They use one buffer for all reads, frames that are encoded beforehand and
//! one write for all messages that a connection may send.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::frames::{Messages, Protocol, Verifier};
use crate::opening::{Failure, Target, What, close_frame};

/// How much is read at once.
const BUFFER: usize = 256 << 10;

/// The number of a connection stands above this bit in the numbers of its
/// messages: an answer to somebody else is noticed.
const CONNECTION: u32 = 40;

/// After so many connections that are opened the others have their turn: their
/// server may want its Pings answered.
const OPENED_AT_ONCE: usize = 256;

/// Open connections to one server.
#[derive(Debug)]
pub(crate) struct Connections<'a> {
    target: &'a Target,
    messages: Messages,
    poll: Poll,
    events: Events,
    all: Vec<Connection>,
    buffer: Vec<u8>,
    /// The time when the last turn began; a clock that is read less costs
    /// less.
    now: Instant,
    /// When something last came that was awaited.
    progress: Instant,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// What is awaited.
    pub(crate) verifier: Verifier,
    /// The frames that are sent.
    batch: Vec<u8>,
    /// How much of them has been written.
    written: usize,
    /// What is written behind them: Pongs, and the Close.
    aside: Vec<u8>,
    /// Whether a frame of those has been written in part.
    is_within_aside: bool,
}

/// What an event told.
#[derive(Clone, Copy, Default)]
struct Ready {
    reading: bool,
    /// The other side has ended its direction: read until that comes.
    ended: bool,
}

/// What is done when answers have come: nothing.
pub(crate) fn nothing(_: usize, _: &mut Connection, _: &Messages, _: usize) {}

impl<'a> Connections<'a> {
    /// Opens so many, one after the other, for messages of a size.
    ///
    /// # Errors
    ///
    /// The first that can't be opened.
    pub(crate) fn open(
        target: &'a Target,
        size: usize,
        count: usize,
    ) -> Result<Self, Failure> {
        let failure = |error: std::io::Error| Failure {
            server: target.name.clone(),
            connection: 0,
            offset: 0,
            what: error.into(),
        };
        let now = Instant::now();
        let mut connections = Self {
            target,
            messages: Messages::new(target.protocol, size),
            poll: Poll::new().map_err(failure)?,
            events: Events::with_capacity(1024),
            all: Vec::with_capacity(count),
            buffer: vec![0; BUFFER],
            now,
            progress: now,
        };
        connections.grow(count)?;
        Ok(connections)
    }

    /// Opens so many more.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Failure> {
        for opened in 1..=more {
            let index = self.all.len();
            let connection = self.connect(index);
            let connection =
                connection.map_err(|what| self.failure(index, what))?;
            self.all.push(connection);
            if opened.is_multiple_of(OPENED_AT_ONCE) {
                self.turn(Duration::ZERO, &mut nothing)?;
            }
        }
        Ok(())
    }

    fn connect(&self, index: usize) -> Result<Connection, What> {
        let number = index as u64;
        let (stream, early) = self.target.open(number)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry()
            .register(&mut stream, Token(index), interest)?;
        let mut connection = Connection {
            stream,
            verifier: Verifier::new(number << CONNECTION),
            batch: Vec::new(),
            written: 0,
            aside: Vec::new(),
            is_within_aside: false,
        };
        let Connection {
            verifier, aside, ..
        } = &mut connection;
        verifier.take(&self.messages, &early, aside)?;
        connection.flush()?;
        Ok(connection)
    }

    /// Where somebody else's events can be registered, with a token that is no
    /// connection's number.
    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// The time when the last turn began, or what [`begin`](Self::begin) was
    /// told.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// The number of the next message of each; nothing is in flight.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let all = self.all.iter();
        all.map(|it| it.verifier.number()).collect()
    }

    /// Something begins now: what nobody has waited for is not late.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.now = now;
        self.progress = now;
    }

    /// Sends so many messages on each; nothing is in flight.
    ///
    /// # Errors
    ///
    /// A connection that takes nothing any more.
    pub(crate) fn send(&mut self, depth: usize) -> Result<(), Failure> {
        for index in 0..self.all.len() {
            let connection = &mut self.all[index];
            connection.send(&self.messages, depth);
            let flushed = connection.flush();
            flushed.map_err(|what| self.failure(index, what))?;
        }
        Ok(())
    }

    /// Sends one more message on one of them, and tells how many are in flight
    /// on it.
    ///
    /// # Errors
    ///
    /// A connection that takes nothing any more.
    pub(crate) fn add(&mut self, index: usize) -> Result<usize, Failure> {
        let connection = &mut self.all[index];
        connection.add(&self.messages);
        match connection.flush() {
            Ok(()) => Ok(connection.verifier.awaited()),
            Err(what) => Err(self.failure(index, what)),
        }
    }

    /// What is sent from now on has another size; nothing is in flight.
    pub(crate) fn resize(&mut self, size: usize) {
        self.messages = Messages::new(self.target.protocol, size);
        self.forget();
    }

    /// Frees what has been sent; nothing is in flight.
    pub(crate) fn forget(&mut self) {
        for connection in &mut self.all {
            connection.batch = Vec::new();
            connection.written = 0;
        }
    }

    /// Waits for events, so long at most, does what they ask for, and tells
    /// how many answers came. Whose answers came is told to `then`, with how
    /// many.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong on any connection.
    pub(crate) fn turn(
        &mut self,
        at_most: Duration,
        then: &mut impl FnMut(usize, &mut Connection, &Messages, usize),
    ) -> Result<u64, Failure> {
        let at_most = at_most.min(self.target.patience);
        match self.poll.poll(&mut self.events, Some(at_most)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(self.failure(0, error.into()));
            }
            _ => {}
        }
        self.now = Instant::now();
        let mut failed = None;
        let mut answered = 0;
        let mut closed = false;
        let messages = &self.messages;
        for event in &self.events {
            let Token(index) = event.token();
            // Somebody else's is there to wake us up.
            let Some(connection) = self.all.get_mut(index) else {
                continue;
            };
            let ready = Ready {
                reading: event.is_readable() || event.is_error(),
                ended: event.is_read_closed(),
            };
            let was_closed = connection.verifier.is_closed();
            let done = connection.turn(
                messages,
                &mut self.buffer,
                ready,
                &mut |connection: &mut Connection, count: usize| {
                    then(index, connection, messages, count);
                },
            );
            closed |= connection.verifier.is_closed() != was_closed;
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
        if answered > 0 || closed {
            self.progress = self.now;
        } else if self.now.duration_since(self.progress) >= self.target.patience
        {
            let mut all = self.all.iter();
            let late = all.position(|it| it.verifier.is_waiting());
            if let Some(late) = late {
                return Err(self.failure(late, What::Silent));
            }
        }
        Ok(answered)
    }

    /// Waits until nothing is missing, and tells how many answers came.
    /// Nothing more may be sent meanwhile.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub(crate) fn drain(
        &mut self,
        then: &mut impl FnMut(usize, &mut Connection, &Messages, usize),
    ) -> Result<u64, Failure> {
        let mut answered = 0;
        let mut index = 0;
        while let Some(connection) = self.all.get(index) {
            match connection.verifier.is_waiting() {
                true => answered += self.turn(self.target.patience, then)?,
                // Whoever has everything stays so.
                false => index += 1,
            }
        }
        Ok(answered)
    }

    /// Closes every connection, and waits for the server's Closes.
    ///
    /// # Errors
    ///
    /// Anything else that comes.
    pub(crate) fn close(mut self) -> Result<(), Failure> {
        if self.target.protocol == Protocol::Raw {
            return Ok(());
        }
        for index in 0..self.all.len() {
            let connection = &mut self.all[index];
            connection.verifier.closing();
            connection.aside.extend(close_frame());
            let flushed = connection.flush();
            flushed.map_err(|what| self.failure(index, what))?;
        }
        self.begin(Instant::now());
        self.drain(&mut nothing).map(|_| ())
    }

    /// What went wrong on one of them.
    pub(crate) fn failure(&self, index: usize, what: What) -> Failure {
        let connection = self.all.get(index);
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
        ready: Ready,
        then: &mut impl FnMut(&mut Self, usize),
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
            let complete =
                self.verifier
                    .take(messages, part, &mut self.aside)?;
            if complete > 0 {
                answered += complete;
                then(self, complete);
            }
            self.flush()?;
            // A read that is not full has taken all there was.
            if count < buffer.len() && !ready.ended {
                break;
            }
        }
        Ok(answered)
    }

    /// Makes the next messages ready; all before them have been answered.
    pub(crate) fn send(&mut self, messages: &Messages, depth: usize) {
        if self.batch.is_empty() {
            self.batch = messages.batch(depth);
        }
        messages.number(&mut self.batch, self.verifier.number());
        self.verifier.sent(depth);
        self.written = 0;
    }

    /// Makes one message more ready, behind those that are in flight.
    fn add(&mut self, messages: &Messages) {
        if self.written == self.batch.len() {
            self.batch.clear();
            self.written = 0;
        }
        let begins = self.batch.len();
        messages.append(&mut self.batch);
        let number = self.verifier.number() + self.verifier.awaited() as u64;
        messages.number(&mut self.batch[begins..], number);
        self.verifier.sent(1);
    }

    /// Writes as much as the system takes.
    fn flush(&mut self) -> Result<(), What> {
        // A frame that has begun ends before the next one begins.
        if self.is_within_aside && !self.flush_aside()? {
            return Ok(());
        }
        while self.written < self.batch.len() {
            match write(&mut self.stream, &self.batch[self.written..])? {
                Some(count) => self.written += count,
                None => return Ok(()),
            }
        }
        self.flush_aside().map(|_| ())
    }

    /// Tells whether nothing of it is left.
    fn flush_aside(&mut self) -> Result<bool, What> {
        while !self.aside.is_empty() {
            match write(&mut self.stream, &self.aside)? {
                Some(count) => drop(self.aside.drain(..count)),
                None => return Ok(false),
            }
            self.is_within_aside = !self.aside.is_empty();
        }
        Ok(true)
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
