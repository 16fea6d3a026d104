//! The server of a run: started once for all cases that only need its wire,
//! and once more for each case that measures it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::endpoint::Url;
use crate::target::{END, Ended, Running, TargetError};

/// How to start a server, as often as one likes.
///
/// It is told by the environment variable `LISTEN` to take a port of the
/// system's choice, and says in a line where that is; or it always listens at
/// the same address, which `LISTEN` has as well.
#[derive(Clone, Debug)]
pub struct Launcher {
    words: Vec<String>,
    /// For messages; a user wrote this, and not `sh -c`.
    shown: Vec<String>,
    folder: PathBuf,
    at: Option<Url>,
}

impl Launcher {
    /// Starts a program with arguments.
    #[must_use]
    pub fn new(words: &[String]) -> Self {
        Self {
            words: words.to_vec(),
            shown: words.to_vec(),
            folder: PathBuf::new(),
            at: None,
        }
    }

    /// Starts a command of the shell.
    #[must_use]
    pub fn shell(command: &str) -> Self {
        let shell = match cfg!(windows) {
            true => ["cmd", "/C", command],
            false => ["sh", "-c", command],
        };
        Self {
            shown: vec![command.to_owned()],
            ..Self::new(&shell.map(str::to_owned))
        }
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn in_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            ..self
        }
    }

    /// The same with more arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[String]) -> Self {
        self.words.extend_from_slice(arguments);
        self.shown.extend_from_slice(arguments);
        self
    }

    /// The same, run by another program, which these words start.
    #[must_use]
    pub fn under(mut self, program: &[String]) -> Self {
        self.words.splice(0..0, program.iter().cloned());
        self.shown.splice(0..0, program.iter().cloned());
        self
    }

    /// It listens at this address, if there is one, and does not say so.
    #[must_use]
    pub fn at(self, url: Option<Url>) -> Self {
        Self { at: url, ..self }
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// A server that can't be started, or ends, or is not ready in time.
    pub fn start(&self) -> Result<Running, TargetError> {
        let mut command = command(&self.words, &self.folder);
        match &self.at {
            Some(url) => {
                command.env("LISTEN", url.listen());
                Running::start_at(&mut command, &self.shown, url)
            }
            None => {
                command.env("LISTEN", "127.0.0.1:0");
                Running::start(&mut command, &self.shown)
            }
        }
    }
}

/// A command of these words, in this folder, that reads nothing.
pub(crate) fn command(words: &[String], folder: &Path) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command.args(words).stdin(Stdio::null());
    if !folder.as_os_str().is_empty() {
        command.current_dir(folder);
    }
    command
}

/// The server of a run.
#[derive(Debug)]
pub struct Host {
    launcher: Launcher,
    /// The one for the cases that only need its wire.
    shared: Mutex<Option<Running>>,
    /// Where that one listens.
    url: Mutex<Url>,
    /// How that one ended by itself before it had to make room.
    ended: Mutex<Option<Ended>>,
    /// Whether only one can run at a time, as all want the same port.
    exclusive: AtomicBool,
    /// Whether anybody has tried to start another one.
    tried: AtomicBool,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A server that runs for one case.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) running: Running,
    turn: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Host {
    /// Starts the server for the cases that only need its wire.
    ///
    /// # Errors
    ///
    /// As [`Launcher::start`].
    pub fn start(launcher: Launcher) -> Result<Self, TargetError> {
        let running = launcher.start()?;
        Ok(Self {
            exclusive: AtomicBool::new(launcher.at.is_some()),
            tried: AtomicBool::new(false),
            url: Mutex::new(running.url.clone()),
            launcher,
            shared: Mutex::new(Some(running)),
            ended: Mutex::default(),
            turn: Arc::default(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> Url {
        locked(&self.url).clone()
    }

    /// Ends the server, with all that it has started.
    pub fn end(&self) {
        drop(self.take_shared());
    }

    /// How the server of most cases has ended by itself, if it has; told once.
    #[must_use]
    pub fn has_ended(&self) -> Option<Ended> {
        let mut shared = locked(&self.shared);
        let now = shared.as_mut().and_then(|running| {
            // Whoever accepts nothing may be just ending.
            let moment = match self.url().accepts() {
                true => Duration::ZERO,
                false => Duration::from_secs(1),
            };
            running.wait(moment);
            running.has_ended()
        });
        let mut before = locked(&self.ended);
        before.take().or(now)
    }

    /// Starts the server again if it had to make room.
    pub(crate) async fn ensure(self: &Arc<Self>) -> Result<(), TargetError> {
        let host = Arc::clone(self);
        blocking(move || {
            let mut shared = locked(&host.shared);
            if shared.is_none() {
                *shared = Some(host.launcher.start()?);
            }
            Ok(())
        })
        .await
    }

    /// Whether the server has ended by itself.
    pub(crate) fn is_gone(&self) -> bool {
        let mut shared = locked(&self.shared);
        let running = shared.as_mut();
        running.is_some_and(|it| it.wait(Duration::ZERO).is_some())
    }

    /// Waits for the server to end on its own, at most this long.
    pub(crate) async fn ends_within(
        self: &Arc<Self>,
        at_most: Duration,
    ) -> Option<Ended> {
        let host = Arc::clone(self);
        blocking(move || {
            let mut shared = locked(&host.shared);
            let running = shared.as_mut()?;
            running.wait(at_most);
            running.has_ended()
        })
        .await
    }

    /// Starts the server again, and tells how it has ended, if by itself.
    pub(crate) async fn restart(
        self: &Arc<Self>,
    ) -> Result<Option<Ended>, TargetError> {
        let host = Arc::clone(self);
        blocking(move || {
            let mut shared = locked(&host.shared);
            let mut ended = None;
            if let Some(mut running) = shared.take() {
                // Whoever accepts nothing may be just ending.
                running.wait(Duration::from_secs(1));
                ended = running.has_ended();
            }
            let running = host.launcher.start()?;
            *locked(&host.url) = running.url.clone();
            *shared = Some(running);
            Ok(ended)
        })
        .await
    }

    /// Keeps how the server ended for whoever asks [`has_ended`](Self::has_ended).
    pub(crate) fn keep_end(&self, ended: Ended) {
        *locked(&self.ended) = Some(ended);
    }

    /// Whether only one server can run at a time; found out by starting a
    /// second one, once.
    pub(crate) async fn is_exclusive(self: &Arc<Self>) -> bool {
        let _first = self.turn.lock().await;
        if !self.tried.load(Ordering::Relaxed)
            && !self.exclusive.load(Ordering::Relaxed)
        {
            let other = self.launch().await.ok();
            // Who says that it listens where the other does is not another
            // one.
            let other = other.filter(|running| running.url != self.url());
            self.exclusive
                .store(other.is_none(), Ordering::Relaxed);
            blocking(move || drop(other)).await;
        }
        self.tried.store(true, Ordering::Relaxed);
        self.exclusive.load(Ordering::Relaxed)
    }

    /// Starts one more server. Where only one can run at a time the shared
    /// one ends, and the cases take turns.
    pub(crate) async fn start_own(
        self: &Arc<Self>,
    ) -> Result<Own, TargetError> {
        if !self.is_exclusive().await {
            return Ok(Own {
                running: self.launch().await?,
                turn: None,
            });
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let host = Arc::clone(self);
        blocking(move || {
            let ended = host.has_ended();
            *locked(&host.ended) = ended;
            drop(host.take_shared());
            // What a shell has started may outlive it by a moment.
            host.url().wait_until_free(END);
        })
        .await;
        let running = self.launch().await?;
        Ok(Own {
            running,
            turn: Some(turn),
        })
    }

    async fn launch(&self) -> Result<Running, TargetError> {
        let launcher = self.launcher.clone();
        blocking(move || launcher.start()).await
    }

    fn take_shared(&self) -> Option<Running> {
        locked(&self.shared).take()
    }
}

impl Own {
    /// Ends the server, with all that it has started.
    pub(crate) async fn end(self) {
        blocking(move || {
            let Self { running, turn } = self;
            let url = running.url.clone();
            drop(running);
            if let Some(turn) = turn {
                url.wait_until_free(END);
                drop(turn);
            }
        })
        .await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Lets something that blocks run where it holds no case up.
async fn blocking<T: Send + 'static>(
    what: impl FnOnce() -> T + Send + 'static,
) -> T {
    match tokio::task::spawn_blocking(what).await {
        Ok(done) => done,
        // It is never cancelled, so it has panicked.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
