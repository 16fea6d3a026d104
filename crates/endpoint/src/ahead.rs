//! Reading ahead: much at once from the socket, however little a library asks
//! for at a time.
//!
//! A WebSocket library has a read buffer for every connection, and tungstenite
//! clears it before every read. A large one costs memory and time, and a small
//! one a system call for every few octets of a large message. So a worker has
//! one large buffer for all its connections, and a library may have a small
//! one: a connection holds what the library has not taken yet, and that is
//! nothing as soon as it waits.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// So much is read at once, and so much at most is held for a connection.
const AT_ONCE: usize = 32 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; AT_ONCE]);
}

/// What has been read of a stream and not been asked for.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    octets: Vec<u8>,
    taken: usize,
}

impl Ahead {
    /// Reads as the stream itself would, with fewer system calls.
    pub(crate) fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.taken < self.octets.len() {
            self.take(buffer);
            return Poll::Ready(Ok(()));
        }
        if buffer.remaining() >= AT_ONCE {
            return stream.poll_read(context, buffer);
        }
        BUFFER.with_borrow_mut(|shared| {
            let mut read = ReadBuf::new(shared);
            ready!(stream.poll_read(context, &mut read))?;
            let octets = read.filled();
            let now = octets.len().min(buffer.remaining());
            buffer.put_slice(&octets[..now]);
            self.octets = octets[now..].to_vec();
            self.taken = 0;
            Poll::Ready(Ok(()))
        })
    }

    fn take(&mut self, buffer: &mut ReadBuf<'_>) {
        let octets = &self.octets[self.taken..];
        let now = octets.len().min(buffer.remaining());
        buffer.put_slice(&octets[..now]);
        self.taken += now;
        if self.taken == self.octets.len() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use proptest::prelude::*;

    use super::*;

    /// What can be read now, at most so much at a time; then nothing yet.
    struct Source {
        octets: Vec<u8>,
        at_a_time: usize,
        reads: usize,
    }

    impl AsyncRead for Source {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.reads += 1;
            if self.octets.is_empty() {
                return Poll::Pending;
            }
            let count = self.at_a_time.min(buffer.remaining());
            let count = count.min(self.octets.len());
            buffer.put_slice(&self.octets[..count]);
            self.octets.drain(..count);
            Poll::Ready(Ok(()))
        }
    }

    /// Reads all there is by so much at a time, and tells how often the source
    /// was asked.
    fn read(
        octets: &[u8],
        at_a_time: usize,
        buffer: usize,
    ) -> (Vec<u8>, usize) {
        let mut source = Source {
            octets: octets.to_vec(),
            at_a_time,
            reads: 0,
        };
        let mut ahead = Ahead::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        let mut space = vec![0; buffer];
        loop {
            let mut part = ReadBuf::new(&mut space);
            let source = Pin::new(&mut source);
            match ahead.poll_read(source, &mut context, &mut part) {
                Poll::Ready(read) => read.expect("no error"),
                Poll::Pending => break,
            }
            taken.extend_from_slice(part.filled());
        }
        assert!(ahead.octets.is_empty(), "whoever waits holds nothing");
        (taken, source.reads)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_comes_twice(
            octets in prop::collection::vec(any::<u8>(), 0..100_000),
            at_a_time in 1..100_000_usize,
            buffer in 1..100_000_usize,
        ) {
            let (taken, _) = read(&octets, at_a_time, buffer);
            prop_assert_eq!(taken, octets);
        }
    }

    #[test]
    fn a_small_buffer_needs_no_more_reads_than_a_large_one() {
        let octets = vec![7; 2 * AT_ONCE];
        let (_, reads) = read(&octets, usize::MAX, 1024);
        // Two that find something, and one that does not.
        assert_eq!(reads, 3);
    }

    #[test]
    fn a_large_buffer_is_read_into_itself() {
        let octets = vec![7; 2 * AT_ONCE];
        let (_, reads) = read(&octets, usize::MAX, 2 * AT_ONCE);
        assert_eq!(reads, 2);
    }
}
