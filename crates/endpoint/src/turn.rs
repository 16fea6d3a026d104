//! What happens next on an open connection, with everything that a framework
//! no longer sees to: Pings, deadlines, the end of the server, and a peer that
//! does not read.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

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
    /// It can be dropped and called again.
    pub async fn turn<S, T, E, M>(
        &mut self,
        socket: &mut S,
        place: &Place,
    ) -> Turn<T>
    where
        S: Stream<Item = T> + Sink<M, Error = E> + Unpin,
    {
        poll_fn(|context| self.poll_turn(context, socket, place)).await
    }

    fn poll_turn<S, T, E, M>(
        &mut self,
        context: &mut Context<'_>,
        socket: &mut S,
        place: &Place,
    ) -> Poll<Turn<T>>
    where
        S: Stream<Item = T> + Sink<M, Error = E> + Unpin,
    {
        // One look for more decides both, what is sent now and what is waited
        // for: each look costs a library that clears its buffer before.
        let mut has_looked = false;
        if self.has_unsent() {
            if self.has_room() && !self.waits(place).is_sending() {
                if let Poll::Ready(received) = socket.poll_next_unpin(context) {
                    return Poll::Ready(Turn::Received(received));
                }
                has_looked = true;
            }
            match socket.poll_flush_unpin(context) {
                Poll::Ready(Ok(())) => self.sent(),
                Poll::Ready(Err(_)) => {
                    return Poll::Ready(Turn::End(Cause::Lost));
                }
                Poll::Pending => {
                    let by = self.waits(place).send_by(place);
                    ready!(self.waits(place).poll_until(by, context));
                    return Poll::Ready(Turn::End(Cause::Stalled));
                }
            }
            self.waits(place).send_by = None;
        }
        match self.poll_due(context, place) {
            Poll::Ready(Due::Ping) => Poll::Ready(Turn::Ping),
            Poll::Ready(Due::End(cause)) => Poll::Ready(Turn::End(cause)),
            Poll::Pending if has_looked => Poll::Pending,
            Poll::Pending => socket
                .poll_next_unpin(context)
                .map(Turn::Received),
        }
    }

    /// Waits until something is due, be it the end of the server: for a library
    /// whose socket is not one for [`turn`](Self::turn).
    ///
    /// # Cancel safety
    ///
    /// It can be dropped and called again.
    pub async fn until_due(&mut self, place: &Place) -> Due {
        poll_fn(|context| self.poll_due(context, place)).await
    }

    fn poll_due(
        &mut self,
        context: &mut Context<'_>,
        place: &Place,
    ) -> Poll<Due> {
        let leaving = self.waits(place).leaving.as_mut();
        if leaving.poll(context).is_ready() {
            return Poll::Ready(Due::End(Cause::Leaving));
        }
        loop {
            let by = self.next().into();
            ready!(self.waits(place).poll_until(by, context));
            if let Some(due) = self.due(Instant::now().into_std()) {
                return Poll::Ready(due);
            }
        }
    }

    fn waits(&mut self, place: &Place) -> &mut Waits {
        self.waits
            .get_or_insert_with(|| Waits::new(place))
    }
}

/// What a connection waits for beside its socket, over all its turns: a timer
/// and a place among those who are told that the server ends are dearer to set
/// up than a message is to echo.
#[derive(Debug)]
pub(crate) struct Waits {
    timer: Pin<Box<Sleep>>,
    leaving: Pin<Box<WaitForCancellationFutureOwned>>,
    /// When what is being sent is to be sent.
    send_by: Option<Instant>,
}

impl Waits {
    fn new(place: &Place) -> Self {
        Self {
            timer: Box::pin(sleep_until(Instant::now())),
            leaving: Box::pin(place.leaving()),
            send_by: None,
        }
    }

    fn is_sending(&self) -> bool {
        self.send_by.is_some()
    }

    fn send_by(&mut self, place: &Place) -> Instant {
        let deadline = place.settings().send_deadline;
        *self
            .send_by
            .get_or_insert_with(|| Instant::now() + deadline)
    }

    /// Waits until then. Where that has moved away, the timer is not: it is
    /// set again when it has run out.
    fn poll_until(
        &mut self,
        by: Instant,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        if by < self.timer.deadline() {
            self.timer.as_mut().reset(by);
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            if self.timer.deadline() >= by {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(by);
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

    use futures_util::FutureExt;

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
        let session = Session::new(&settings, Instant::now().into_std());
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
            session.message(5, Instant::now().into_std());
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
            session.message(5, Instant::now().into_std());
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
        session.message(5, Instant::now().into_std());
        let begun = Instant::now();
        let turn = session.turn(&mut socket, &place).now_or_never();
        assert!(turn.is_none(), "it is being sent");
        socket.received.push_back("more");
        let turn = session.turn(&mut socket, &place).await;
        assert!(matches!(turn, Turn::End(Cause::Stalled)));
        assert_eq!(socket.received, ["more"]);
        let deadline = place.settings().send_deadline;
        assert_eq!(begun.elapsed().as_secs(), deadline.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_away_is_waited_for() {
        let arguments = ["--idle-deadline=10s", "--ping-interval=1h"];
        let (_register, place, mut session) = open(&arguments);
        let mut socket = Socket::default();
        let begun = Instant::now();
        // The timer is set for the first deadline, and runs out in between.
        let first = session.turn(&mut socket, &place).now_or_never();
        assert!(first.is_none(), "nothing has happened");
        tokio::time::advance(std::time::Duration::from_secs(9)).await;
        session.message(5, Instant::now().into_std());
        let turn = session.turn(&mut socket, &place).await;
        assert!(matches!(turn, Turn::End(Cause::Idle)));
        assert_eq!(begun.elapsed().as_secs(), 19);
    }
}
