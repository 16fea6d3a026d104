//! A stream that is not torn down while the peer still sends.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep, timeout};

use crate::Settings;
use crate::ahead::Ahead;

/// So much is read of a peer that goes on: about what two kernels keep of one
/// connection.
const MOST: usize = 4 << 20;

/// A stream that, when it is dropped, sends its end, and is closed only when
/// the peer's has come.
///
/// Whoever closes TCP with octets unread sends RST, and that may destroy what
/// the peer has not read yet: the Close with its 1009, which is due exactly
/// when a message is too big to be read. A WebSocket library does not read
/// behind a violation, and most frameworks do not give the stream back; so it
/// is wrapped before the framework gets it. It takes 4 MiB more at most, and
/// only until the deadline for that.
///
/// A peer that takes nothing of what is written, for longer than it may, is
/// given up, be it before the switch or behind it: a framework waits without
/// end for whoever asks and does not read.
#[derive(Debug)]
pub struct Transport<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    stream: Option<T>,
    ahead: Ahead,
    linger: Duration,
    write: Duration,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether the peer's end has come, or does not matter.
    is_over: bool,
}

const THERE: &str = "it is there until the drop";

/// So much longer than a session the stream waits, which does not know why.
const LONGER: Duration = Duration::from_secs(1);

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport<T> {
    /// Wraps a stream, with the settings' deadlines.
    #[must_use]
    pub fn new(stream: T, settings: &Settings) -> Self {
        Self {
            stream: Some(stream),
            ahead: Ahead::default(),
            linger: settings.close_deadline,
            write: settings.send_deadline + LONGER,
            stalled: None,
            is_over: false,
        }
    }

    fn stream(&mut self) -> Pin<&mut T> {
        let stream = self.stream.as_mut();
        Pin::new(stream.expect(THERE))
    }

    /// What came of writing, or that nothing did for too long.
    fn timed<R>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let write = self.write;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(write)));
        ready!(stalled.as_mut().poll(context));
        self.is_over = true;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for Transport<T> {
    fn drop(&mut self) {
        let (Some(stream), false) = (self.stream.take(), self.is_over) else {
            return;
        };
        // A runtime that ends has no time for it.
        if let Ok(runtime) = Handle::try_current() {
            let deadline = self.linger;
            runtime.spawn(async move {
                _ = timeout(deadline, read_to_the_end(stream)).await;
            });
        }
    }
}

async fn read_to_the_end(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let mut left = MOST;
    loop {
        let count = stream.read(&mut rest).await?;
        left = left.saturating_sub(count);
        if count == 0 || left == 0 {
            return Ok(());
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncRead
    for Transport<T>
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.remaining();
        let Self { stream, ahead, .. } = &mut *self;
        let stream = Pin::new(stream.as_mut().expect(THERE));
        let read = ready!(ahead.poll_read(stream, context, buffer));
        let nothing = before > 0 && buffer.remaining() == before;
        self.is_over |= read.is_err() || nothing;
        Poll::Ready(read)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncWrite
    for Transport<T>
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write(context, octets);
        self.timed(context, written)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let flushed = self.stream().poll_flush(context);
        self.timed(context, flushed)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write_vectored(context, slices);
        self.timed(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    fn settings() -> Settings {
        Settings::of(&["--close-deadline=5s", "--send-deadline=9s"])
    }

    #[tokio::test]
    async fn what_comes_behind_the_drop_is_read() {
        let (ours, mut theirs) = duplex(64);
        let mut transport = Transport::new(ours, &settings());
        transport
            .write_all(b"goodbye")
            .await
            .expect("room");
        drop(transport);
        // Sixteen times what fits: all of it is taken.
        theirs
            .write_all(&[0; 1024])
            .await
            .expect("somebody who reads");
        theirs.shutdown().await.expect("an end");
        let mut said = Vec::new();
        theirs
            .read_to_end(&mut said)
            .await
            .expect("an end");
        assert_eq!(said, b"goodbye");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_without_end() {
        let (ours, mut theirs) = duplex(64);
        drop(Transport::new(ours, &settings()));
        // The end of our writing, and behind the deadline that of our reading.
        let mut said = Vec::new();
        theirs
            .read_to_end(&mut said)
            .await
            .expect("an end");
        tokio::time::advance(Duration::from_secs(6)).await;
        tokio::task::yield_now().await;
        let written = theirs.write_all(&[0; 1024]).await;
        assert!(written.is_err(), "nobody reads");
    }

    #[tokio::test]
    async fn a_flood_is_not_read_to_its_end() {
        let (ours, mut theirs) = duplex(64 << 10);
        drop(Transport::new(ours, &settings()));
        let mut taken = 0;
        while theirs.write_all(&[0; 4096]).await.is_ok() {
            taken += 4096;
        }
        assert!((MOST..2 * MOST).contains(&taken), "{taken}");
    }

    #[tokio::test]
    async fn behind_the_peers_end_there_is_nothing_to_wait_for() {
        let (ours, mut theirs) = duplex(64);
        let mut transport = Transport::new(ours, &settings());
        theirs.shutdown().await.expect("an end");
        let count = transport.read(&mut [0; 8]).await;
        assert_eq!(count.expect("an end"), 0);
        assert!(transport.is_over);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (ours, theirs) = duplex(64);
        let mut transport = Transport::new(ours, &settings());
        let begun = tokio::time::Instant::now();
        let written = transport.write_all(&[0; 1024]).await;
        let kind = written.expect_err("nobody reads").kind();
        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        drop(theirs);
    }
}
