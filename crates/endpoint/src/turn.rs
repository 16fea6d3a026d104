//! What happens next on an open connection, with everything that a framework
//! no longer sees to: Pings, deadlines, the end of the server, and a peer that
//! does not read.

use std::time::Instant;

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::time::{sleep_until, timeout};

use crate::{Cause, Due, Place, Session};

/// What happens next.
#[derive(Debug)]
pub enum Turn<T> {
    /// Something has come, or the stream has ended.
    Received(Option<T>),
    /// A Ping is due.
    Ping,
    /// The connection is to end.
    End(Cause),
}

impl Session {
    /// Waits for what happens next. What was fed to the socket is sent first,
    /// unless more has come that can be answered in the same write; a peer that
    /// does not read that is not read from, and after the settings' deadline
    /// for it the connection ends.
    ///
    /// # Cancel safety
    ///
    /// As that of the socket's `next`.
    pub async fn turn<S, T, E, M>(
        &mut self,
        socket: &mut S,
        place: &Place,
    ) -> Turn<T>
    where
        S: Stream<Item = T> + Sink<M, Error = E> + Unpin,
    {
        if self.has_unsent() {
            if self.has_room()
                && let Some(received) = socket.next().now_or_never()
            {
                return Turn::Received(received);
            }
            let deadline = place.settings().send_deadline;
            match timeout(deadline, socket.flush()).await {
                Ok(Ok(())) => self.sent(),
                Ok(Err(_)) => return Turn::End(Cause::Lost),
                Err(_) => return Turn::End(Cause::Stalled),
            }
        }
        loop {
            tokio::select! {
                biased;
                () = place.leaving() => return Turn::End(Cause::Leaving),
                () = sleep_until(self.next().into()) => {
                    match self.due(Instant::now()) {
                        Some(Due::Ping) => return Turn::Ping,
                        Some(Due::End(cause)) => return Turn::End(cause),
                        None => {}
                    }
                }
                received = socket.next() => return Turn::Received(received),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use super::*;
    use crate::{Register, Settings};

    /// A socket that has received this, and counts how often it is flushed.
    #[derive(Default)]
    struct Socket {
        received: VecDeque<&'static str>,
        flushes: usize,
        is_not_read: bool,
    }

    impl Stream for Socket {
        type Item = &'static str;

        fn poll_next(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<&'static str>> {
            match self.received.pop_front() {
                Some(message) => Poll::Ready(Some(message)),
                None => Poll::Pending,
            }
        }
    }

    impl Sink<&'static str> for Socket {
        type Error = Infallible;

        fn poll_ready(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(
            self: Pin<&mut Self>,
            _: &'static str,
        ) -> Result<(), Infallible> {
            Ok(())
        }

        fn poll_flush(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Result<(), Infallible>> {
            self.flushes += 1;
            match self.is_not_read {
                true => Poll::Pending,
                false => Poll::Ready(Ok(())),
            }
        }

        fn poll_close(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
    }

    fn open(arguments: &[&str]) -> (Register, Place, Session) {
        let settings = Arc::new(Settings::of(arguments));
        let session = Session::new(&settings, Instant::now());
        let register = Register::new(settings);
        let place = register.enter().expect("a place");
        (register, place, session)
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_come_is_answered_in_one_write() {
        let (register, place, mut session) = open(&[]);
        let mut socket = Socket {
            received: ["one", "two", "three"].into(),
            ..Socket::default()
        };
        for _ in 0..3 {
            let turn = session.turn(&mut socket, &place).await;
            assert!(matches!(turn, Turn::Received(Some(_))));
            session.message(5, Instant::now());
        }
        assert_eq!(socket.flushes, 0);
        register.leave();
        let turn = session.turn(&mut socket, &place).await;
        assert!(matches!(turn, Turn::End(Cause::Leaving)));
        assert_eq!(socket.flushes, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_sent_in_parts() {
        let (_register, place, mut session) = open(&[]);
        let mut socket = Socket {
            received: std::iter::repeat_n("flood", 3000).collect(),
            ..Socket::default()
        };
        for _ in 0..3000 {
            let turn = session.turn(&mut socket, &place).await;
            assert!(matches!(turn, Turn::Received(Some(_))));
            session.message(5, Instant::now());
        }
        assert_eq!(socket.flushes, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_neither_read_from_nor_waited_for() {
        let (_register, place, mut session) = open(&[]);
        let mut socket = Socket {
            is_not_read: true,
            ..Socket::default()
        };
        session.message(5, Instant::now());
        let turn = session.turn(&mut socket, &place).await;
        assert!(matches!(turn, Turn::End(Cause::Stalled)));
    }
}
