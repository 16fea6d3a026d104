//! The register of open connections: how many there may be, and how they hear
//! that the server is about to end.
//!
//! An upgraded connection is no longer a request: a framework's graceful
//! shutdown does not know it, or waits for it without a word. So the place that
//! every connection holds tells it, and the register waits until all are given
//! back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Span;

use crate::{Refusal, Settings};

/// All connections of a server. Clones are the same register.
#[derive(Clone, Debug)]
pub struct Register {
    settings: Arc<Settings>,
    places: Arc<Semaphore>,
    open: TaskTracker,
    leaving: CancellationToken,
}

/// A connection's place. To drop it is to give it back.
#[derive(Debug)]
pub struct Place {
    settings: Arc<Settings>,
    span: Span,
    leaving: CancellationToken,
    _permit: OwnedSemaphorePermit,
    _open: TaskTrackerToken,
}

impl Register {
    /// An empty register with as many places as the settings say.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(settings.max_connections)),
            settings,
            open: TaskTracker::new(),
            leaving: CancellationToken::new(),
        }
    }

    /// Takes a place, which is to be held until the connection has ended.
    ///
    /// # Errors
    ///
    /// [`Refusal::Full`] and [`Refusal::Leaving`].
    pub fn enter(&self) -> Result<Place, Refusal> {
        let open = self.open.token();
        if self.leaving.is_cancelled() {
            return Err(Refusal::Leaving);
        }
        let places = Arc::clone(&self.places);
        let permit = places.try_acquire_owned();
        Ok(Place {
            _permit: permit.map_err(|_| Refusal::Full)?,
            _open: open,
            leaving: self.leaving.clone(),
            settings: Arc::clone(&self.settings),
            span: Span::current(),
        })
    }

    /// Takes no more connections, and tells the open ones.
    pub fn leave(&self) {
        self.leaving.cancel();
        self.open.close();
    }

    /// Waits until somebody calls [`leave`](Self::leave).
    pub fn leaving(&self) -> impl Future<Output = ()> + Send + use<> {
        self.leaving.clone().cancelled_owned()
    }

    /// Waits until all places are given back, or the settings' deadline for
    /// that has passed. Says whether they were.
    pub async fn is_left(&self) -> bool {
        let deadline = self.settings.shutdown_deadline;
        let left = tokio::time::timeout(deadline, self.open.wait()).await;
        if left.is_err() {
            let count = self.open.len();
            tracing::warn!(
                "{count} connections were still open after {deadline:?}"
            );
        }
        left.is_ok()
    }

    /// Calls [`leave`](Self::leave) on SIGTERM or Ctrl-C, and ends the process
    /// on the second: whoever asks twice does not want to wait. It also ends
    /// it where the shutdown takes longer than its deadline allows, whoever
    /// is waited for.
    ///
    /// From the call on no signal is lost, be the future polled or not.
    pub fn leave_on_signal(self) -> impl Future<Output = ()> + Send + use<> {
        let mut signals = Signals::new();
        async move {
            signals.next().await;
            tracing::info!("shutting down");
            self.leave();
            let deadline = self.settings.shutdown_deadline + GRACE;
            let again = tokio::time::timeout(deadline, signals.next()).await;
            if again.is_ok() {
                tracing::warn!("asked twice: ending at once");
            }
            std::process::exit(1);
        }
    }
}

/// How much longer than its deadline a shutdown takes that waits for something
/// else than the connections.
const GRACE: Duration = Duration::from_secs(1);

impl Place {
    /// The settings of the server.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The span of the request that it was taken in. The task of the connection
    /// is not the request's; and to enter a span whenever the task wakes would
    /// cost every message, for a log line at the end.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Waits until the server is about to end.
    pub(crate) fn leaving(&self) -> WaitForCancellationFutureOwned {
        self.leaving.clone().cancelled_owned()
    }
}

/// SIGTERM and Ctrl-C.
#[cfg(unix)]
struct Signals([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
        Self(kinds.map(|kind| {
            let failed = |error| {
                tracing::error!("a signal ends the process at once: {error}");
            };
            signal(kind).map_err(failed).ok()
        }))
    }

    async fn next(&mut self) {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => _ = signal.recv().await,
                None => std::future::pending().await,
            }
        }
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            () = one(terminate) => {}
            () = one(interrupt) => {}
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(arguments: &[&str]) -> Register {
        Register::new(Arc::new(Settings::of(arguments)))
    }

    #[test]
    fn there_are_only_so_many_places() {
        let register = register(&["--max-connections", "2"]);
        let first = register.enter().expect("a place");
        let _second = register.enter().expect("a place");
        assert_eq!(register.enter().err(), Some(Refusal::Full));
        drop(first);
        assert!(register.enter().is_ok());
    }

    #[tokio::test]
    async fn whoever_is_there_hears_of_the_end_and_is_waited_for() {
        let register = register(&[]);
        let place = register.enter().expect("a place");
        let connection = tokio::spawn(async move { place.leaving().await });
        register.leave();
        assert_eq!(register.enter().err(), Some(Refusal::Leaving));
        assert!(register.is_left().await);
        connection.await.expect("it ends");
        register.leaving().await;
    }

    #[tokio::test]
    async fn whoever_does_not_go_is_not_waited_for_without_end() {
        let register = register(&["--shutdown-deadline", "10ms"]);
        let _place = register.enter().expect("a place");
        register.leave();
        assert!(!register.is_left().await);
    }
}
