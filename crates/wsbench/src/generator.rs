//! The load of a closed loop: each connection sends its next messages when all
//! before them have been answered.

use std::time::{Duration, Instant};

use crate::connections::{Connection, Connections, nothing};
use crate::frames::Messages;
use crate::opening::{Failure, Target};
use crate::workload::Echo;

/// Open connections to one server.
#[derive(Debug)]
pub struct Load<'a> {
    connections: Connections<'a>,
    depth: usize,
}

impl<'a> Load<'a> {
    /// Opens the connections, one after the other.
    ///
    /// # Errors
    ///
    /// The first that can't be opened.
    pub fn open(target: &'a Target, echo: &Echo) -> Result<Self, Failure> {
        let Echo {
            size,
            depth,
            connections,
        } = *echo;
        Ok(Self {
            connections: Connections::open(target, size, connections)?,
            depth,
        })
    }

    /// Opens so many connections more.
    ///
    /// # Errors
    ///
    /// The first that can't be opened.
    pub fn grow(&mut self, more: usize) -> Result<(), Failure> {
        self.connections.grow(more)
    }

    /// Sends for so long, waits until everything has been answered, and tells
    /// how many messages were.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong on any connection.
    pub fn run(&mut self, duration: Duration) -> Result<u64, Failure> {
        let begun = Instant::now();
        self.connections.begin(begun);
        self.connections.send(self.depth)?;
        let depth = self.depth;
        let mut again = |_: usize,
                         connection: &mut Connection,
                         messages: &Messages,
                         _: usize| {
            if connection.verifier.awaited() == 0 {
                connection.send(messages, depth);
            }
        };
        let mut answered = 0;
        loop {
            let elapsed = self.connections.now().duration_since(begun);
            let Some(left) = duration.checked_sub(elapsed) else {
                break;
            };
            if left.is_zero() {
                break;
            }
            answered += self.connections.turn(left, &mut again)?;
        }
        Ok(answered + self.connections.drain(&mut nothing)?)
    }

    /// Sends once on every connection, waits until everything has been
    /// answered, and tells how many messages were.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn once(&mut self) -> Result<u64, Failure> {
        self.connections.begin(Instant::now());
        self.connections.send(self.depth)?;
        self.connections.drain(&mut nothing)
    }

    /// Sends one message of another size on every connection, each when the
    /// one before has been answered, and tells how many messages were. What is
    /// sent later has that size.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn one_by_one(&mut self, size: usize) -> Result<u64, Failure> {
        let mut answered = 0;
        self.connections.resize(size);
        for index in 0..self.connections.count() {
            self.connections.begin(Instant::now());
            self.connections.add(index)?;
            answered += self.connections.drain(&mut nothing)?;
            self.connections.forget();
        }
        Ok(answered)
    }

    /// Closes every connection, and waits for the server's Closes.
    ///
    /// # Errors
    ///
    /// Anything else that comes.
    pub fn close(self) -> Result<(), Failure> {
        self.connections.close()
    }
}
