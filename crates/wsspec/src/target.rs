//! `server.toml`: how to build and start a server, and what it declares.
//!
//! The only place that starts a server and ends it. A server is told where to
//! listen by the environment variable `LISTEN`, and says that it is ready by a
//! line with its `ws://` or `wss://` address on its standard output.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize};

use crate::endpoint::{Declared, Endpoint, Url};
use crate::host::{self, Host, Launcher};
use crate::known::{KnownViolation, OneOrMany, matches};
use crate::programs::{Built, Workspace};
use crate::stream::Over;
use crate::tls::{Tls, Trust};

/// How long a server may take from its start to its ready line.
pub const READY: Duration = Duration::from_secs(20);

/// How long a server may take to end after SIGTERM, before SIGKILL.
pub const END: Duration = Duration::from_secs(5);

/// How long to wait between two tries to connect to a server that starts.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// How much of what a server prints is kept to show it.
const KEPT_LINES: usize = 20;

/// A `server.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Server {
    /// The label in every table.
    pub name: String,
    /// The language that it is written in.
    #[serde(default)]
    pub language: String,
    /// The libraries that it stands on, with versions, outermost first.
    #[serde(default)]
    pub stack: String,
    /// The ways to run it.
    pub variant: BTreeMap<String, Variant>,
    /// What it is known to break.
    #[serde(default)]
    pub known_violation: Vec<KnownViolation>,
    /// The folder of the file; commands run in it.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// One way to run a server, and what it declares.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Variant {
    /// A binary or an example of a cargo package.
    pub cargo: Option<CargoTarget>,
    /// The command that builds it, if it needs one.
    pub build: Option<Vec<String>>,
    /// The command that starts it.
    pub run: Option<Vec<String>>,
    /// What stands behind the command that starts it.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Where it listens, if it does not say so itself; with neither `cargo`
    /// nor `run` somebody else has started it.
    #[serde(default, deserialize_with = "url")]
    pub url: Option<Url>,
    /// What the machine must have.
    pub needs: Option<Needs>,
    /// The largest message that it echoes.
    pub max_message: Option<Size>,
    /// The largest frame that it takes, if that is less.
    pub max_frame: Option<Size>,
    /// How many connections it serves at a time.
    pub max_connections: Option<usize>,
    /// What every right opening handshake for it says.
    #[serde(default)]
    pub handshake: Handshake,
    /// How long a client may take for its opening handshake.
    pub handshake_deadline: Option<Span>,
    /// How often it pings; who does not answer three of them is dropped.
    pub ping_interval: Option<Span>,
    /// How long after its own Close it waits for the client's.
    pub close_deadline: Option<Span>,
    /// How long after SIGTERM its process ends.
    pub shutdown_deadline: Option<Span>,
    /// How many opening handshakes it answers in a row, before it refuses.
    pub max_handshakes: Option<usize>,
    /// How long no message may come before it closes the connection.
    pub idle_deadline: Option<Span>,
    /// How old a connection may become before it closes it.
    pub max_age: Option<Span>,
    /// How long a client may not read before it drops it.
    pub send_deadline: Option<Span>,
    /// Whether it carries a WebSocket over HTTP/2 as well (RFC 8441).
    #[serde(default)]
    pub http2: bool,
    /// How a WebSocket is opened when this variant is judged.
    #[serde(default)]
    pub over: Over,
    /// Whom to trust where its address begins with `wss`.
    #[serde(default)]
    pub tls: TrustTable,
    /// More processes of the same server, with other limits, each for the
    /// cases that need them.
    #[serde(default)]
    pub instance: BTreeMap<String, Self>,
    /// Of an instance: the ids of its cases, with `*` for any part.
    #[serde(default)]
    pub cases: OneOrMany,
}

/// What a right opening handshake says, beyond what it always does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Handshake {
    /// The origin that is allowed.
    pub origin: Option<String>,
    /// The bearer token that is asked for.
    pub bearer: Option<String>,
    /// A subprotocol that is spoken; it is offered where a case is about that.
    pub subprotocol: Option<String>,
    /// What stands before the token where it comes as a subprotocol, which a
    /// browser's script can send.
    pub bearer_subprotocol: Option<String>,
}

/// Whom to trust; paths are relative to the folder of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrustTable {
    /// A file of certificates in PEM that are trusted.
    pub ca: Option<PathBuf>,
    /// The name that the certificate is for, if it is not the address's host.
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    #[serde(default)]
    pub insecure: bool,
}

impl Variant {
    /// Whether it is reached by HTTP/1.1, without TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.over == Over::Http1 && self.tls == TrustTable::default()
    }

    /// What the variant declares.
    #[must_use]
    pub fn declared(&self) -> Declared {
        Declared {
            max_message: self.max_message.map(|size| size.0),
            max_frame: self.max_frame.map(|size| size.0),
            max_connections: self.max_connections,
            origin: self.handshake.origin.clone(),
            bearer: self.handshake.bearer.clone(),
            subprotocol: self.handshake.subprotocol.clone(),
            handshake_deadline: self.handshake_deadline.map(|it| it.0),
            ping_interval: self.ping_interval.map(|it| it.0),
            close_deadline: self.close_deadline.map(|it| it.0),
            shutdown_deadline: self.shutdown_deadline.map(|it| it.0),
            bearer_subprotocol: self.handshake.bearer_subprotocol.clone(),
            max_handshakes: self.max_handshakes,
            idle_deadline: self.idle_deadline.map(|it| it.0),
            max_age: self.max_age.map(|it| it.0),
            send_deadline: self.send_deadline.map(|it| it.0),
        }
    }

    /// Why this can't be an instance of a variant.
    fn is_no_instance(&self) -> Option<&'static str> {
        let how_to_start = self.cargo.is_some()
            || self.build.is_some()
            || self.run.is_some()
            || self.url.is_some()
            || self.needs.is_some()
            || !self.is_plain();
        if how_to_start {
            return Some(
                "is started as its variant is; it can only add arguments",
            );
        }
        if !self.instance.is_empty() {
            return Some("has no instances of its own");
        }
        if self.cases.as_slice().is_empty() {
            return Some("needs cases: those that it is there for");
        }
        None
    }
}

/// A binary or an example of a cargo package.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize,
)]
#[serde(deny_unknown_fields)]
pub struct CargoTarget {
    /// The package's name.
    pub package: String,
    /// The example's name; without it the package's binary is meant.
    pub example: Option<String>,
}

impl fmt::Display for CargoTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.example.as_ref().unwrap_or(&self.package))
    }
}

/// Something that is not there on every machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// A command that succeeds where it is there.
    pub check: Vec<String>,
    /// What to do where it isn't, for a person.
    pub install: String,
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse()
        .map(Some)
        .map_err(serde::de::Error::custom)
}

/// A number of octets, written such as `64 MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "{text:?} is not a size; examples are \"64 MiB\" and \"512 B\""
            )
        };
        let (number, unit) = text.trim().split_once(' ').ok_or_else(error)?;
        let number: u64 = number.parse().map_err(|_| error())?;
        let factor = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(error()),
        };
        number
            .checked_mul(factor)
            .map(Self)
            .ok_or_else(error)
    }
}

/// A time span, written such as `5 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "{text:?} is not a time span of up to an hour; examples are \
                 \"5 s\" and \"500 ms\""
            )
        };
        let (number, unit) = text.trim().split_once(' ').ok_or_else(error)?;
        let number: u32 = number.parse().map_err(|_| error())?;
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "min" => Duration::from_secs(60),
            _ => return Err(error()),
        };
        let span = unit.checked_mul(number).ok_or_else(error)?;
        match span <= Duration::from_secs(3600) && !span.is_zero() {
            true => Ok(Self(span)),
            false => Err(error()),
        }
    }
}

/// Why a server can't be judged.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The file can't be read.
    #[error("{path}: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is no `server.toml`.
    #[error("{path}: {error}", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: String,
    },
    /// Nobody can be trusted.
    #[error(transparent)]
    Trust(#[from] crate::tls::BadTrust),
    /// Something is not there that the server needs.
    #[error("{check} does not succeed; {install}")]
    Missing {
        /// The command that tried.
        check: String,
        /// What to do.
        install: String,
    },
    /// A command can't be started.
    #[error("can't start {command}: {error}")]
    Command {
        /// The command.
        command: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Somebody else is where the server should be.
    #[error(
        "somebody accepts connections at {url} already; end that server, or \
         judge it by its address"
    )]
    Taken {
        /// The address.
        url: String,
    },
    /// The build failed.
    #[error("{command} failed")]
    Build {
        /// The command; what it printed has been seen already.
        command: String,
    },
    /// Cargo can't say what there is to build.
    #[error("cargo: {0}")]
    Programs(String),
    /// The server did not become ready.
    #[error("{command} {how}{output}")]
    NotReady {
        /// The command.
        command: String,
        /// How it did not.
        how: NotReady,
        /// The last that it printed.
        output: Output,
    },
}

/// How a server did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It ended.
    #[error("ended ({0}) before it was ready")]
    Ended(ExitStatus),
    /// It runs and does not say where it listens.
    #[error(
        "printed no line with its ws:// or wss:// address within {READY:?}; if it does \
         not say where it listens, say it with --url, or url in a server.toml"
    )]
    TooLate,
    /// It runs and will say nothing any more.
    #[error("closed its output before it was ready")]
    Mute,
    /// It runs and nobody accepts connections where it should be.
    #[error("did not accept connections at {0} within {READY:?}")]
    Deaf(String),
}

/// How a server ended that nobody had asked to.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The last that it printed.
    pub output: Output,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, output } = self;
        write!(f, "the server ended by itself ({status}){output}")
    }
}

/// What a server printed: its first lines and its last.
///
/// The first lines often hold the cause, such as a panic's message, and the
/// last ones the end of a long backtrace.
#[derive(Clone, Debug, Default)]
pub struct Output(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    first: Vec<String>,
    left_out: usize,
    last: VecDeque<String>,
}

impl Output {
    /// The lines, oldest first. A line says how many are left out, if any are.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Lines {
            first,
            left_out,
            last,
        } = &*self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let gap = (*left_out > 0).then(|| format!("… {left_out} lines …"));
        first
            .iter()
            .cloned()
            .chain(gap)
            .chain(last.iter().cloned())
            .collect()
    }

    fn push(&self, line: &str) {
        let mut lines = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let line = line.to_owned();
        if lines.first.len() < KEPT_LINES {
            lines.first.push(line);
            return;
        }
        if lines.last.len() == KEPT_LINES {
            lines.last.pop_front();
            lines.left_out += 1;
        }
        lines.last.push_back(line);
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        if lines.is_empty() {
            return f.write_str("; it printed nothing");
        }
        f.write_str("; it printed:")?;
        lines
            .iter()
            .try_for_each(|line| write!(f, "\n    {line}"))
    }
}

impl Server {
    /// Reads a `server.toml`.
    ///
    /// # Errors
    ///
    /// A file that can't be read, or says something else than a `server.toml`.
    pub fn load(path: &Path) -> Result<Self, TargetError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            TargetError::Unreadable {
                path: path.to_owned(),
                error,
            }
        })?;
        let mut server =
            Self::parse(&text).map_err(|error| TargetError::Invalid {
                path: path.to_owned(),
                error,
            })?;
        path.parent()
            .unwrap_or(Path::new(""))
            .clone_into(&mut server.folder);
        Ok(server)
    }

    /// Reads the text of a `server.toml`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let server: Self =
            toml::from_str(text).map_err(|error| error.to_string())?;
        for (name, variant) in &server.variant {
            match (&variant.cargo, &variant.run) {
                (Some(_), None) if variant.build.is_none() => {}
                (None, Some(run)) if !run.is_empty() => {}
                (None, None)
                    if variant.url.is_some() && variant.build.is_none() => {}
                _ => {
                    return Err(format!(
                        "variant.{name} needs either cargo, or run (and, \
                         where it has to be built, build), or url alone \
                         where somebody else starts it"
                    ));
                }
            }
        }
        for (name, variant) in &server.variant {
            if !variant.cases.as_slice().is_empty() {
                return Err(format!(
                    "variant.{name} has cases; only an instance has"
                ));
            }
            if variant.url.is_some() && !variant.instance.is_empty() {
                return Err(format!(
                    "variant.{name} has a url, where only one process can \
                     listen; so it has no instances"
                ));
            }
            for (instance, it) in &variant.instance {
                if let Some(why) = it.is_no_instance() {
                    return Err(format!(
                        "variant.{name}.instance.{instance} {why}"
                    ));
                }
                let nothing = it.cases.as_slice().iter().find(|pattern| {
                    !crate::cases::all().any(|case| matches(pattern, case.id))
                });
                if let Some(pattern) = nothing {
                    return Err(format!(
                        "variant.{name}.instance.{instance} is for \
                         {pattern:?}, and there is no such case"
                    ));
                }
            }
        }
        for known in &server.known_violation {
            let variants = known.variant.as_slice();
            let unknown = variants
                .iter()
                .find(|name| !server.variant.contains_key(*name));
            if let Some(unknown) = unknown {
                return Err(format!(
                    "a known violation is for variant {unknown:?}, which \
                     does not exist"
                ));
            }
        }
        Ok(server)
    }

    /// Every variant, with the server and its name.
    pub fn variants(&self) -> impl Iterator<Item = (&Self, &str, &Variant)> {
        let variants = self.variant.iter();
        variants.map(move |(name, variant)| (self, name.as_str(), variant))
    }

    /// The known violations of a variant.
    #[must_use]
    pub fn known(&self, variant: &str) -> Vec<&KnownViolation> {
        let known = self.known_violation.iter();
        known
            .filter(|entry| entry.is_for(variant))
            .collect()
    }

    /// Builds a variant as its user would, and tells how to start it. What
    /// the build prints goes to standard error.
    ///
    /// # Errors
    ///
    /// Something that the machine has not, or a build that fails.
    pub fn build(&self, variant: &Variant) -> Result<Vec<String>, TargetError> {
        self.build_with(variant, &Built::new())
    }

    /// The same where some programs have been built already, many at a time;
    /// see [`programs`](crate::programs).
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with(
        &self,
        variant: &Variant,
        built: &Built,
    ) -> Result<Vec<String>, TargetError> {
        if let Some(Needs { check, install }) = &variant.needs {
            let there = self
                .command(check)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
            if !there {
                return Err(TargetError::Missing {
                    check: check.join(" "),
                    install: install.clone(),
                });
            }
        }
        if let Some(build) = &variant.build {
            let status = self.command(build).status();
            if !status
                .map_err(|error| cannot_start(build, error))?
                .success()
            {
                return Err(TargetError::Build {
                    command: build.join(" "),
                });
            }
        }
        let mut words = match (&variant.cargo, &variant.run) {
            (Some(target), _) => match built.get(target) {
                Some(Some(path)) => vec![path.display().to_string()],
                Some(None) => {
                    return Err(TargetError::Build {
                        command: format!("cargo build of {target}"),
                    });
                }
                None => self.cargo_build(target)?,
            },
            (None, run) => run.clone().unwrap_or_default(),
        };
        words.extend_from_slice(&variant.arguments);
        Ok(words)
    }

    /// `cargo build -p PACKAGE`, alone: the features of other packages would
    /// change what is built.
    fn cargo_build(
        &self,
        target: &CargoTarget,
    ) -> Result<Vec<String>, TargetError> {
        let workspace = Workspace::of(&self.folder)?.without_align();
        let group = vec![target.clone()];
        let built = workspace.build(&group, &group, false)?;
        match built.into_values().next().flatten() {
            Some(path) => Ok(vec![path.display().to_string()]),
            None => Err(TargetError::Build {
                command: format!("cargo build of {target}"),
            }),
        }
    }

    /// Starts a variant with what [`build`](Self::build) told, on a port of
    /// the system's choice, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// A server that can't be started, or ends, or is not ready in time.
    pub fn start(&self, run: &[String]) -> Result<Running, TargetError> {
        self.launcher(run).start()
    }

    /// Builds a variant and starts it, unless somebody else does, and tells
    /// where and how to judge it.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build) and [`start`](Self::start).
    pub fn endpoint(
        &self,
        variant: &Variant,
        patience: Duration,
    ) -> Result<Endpoint, TargetError> {
        self.endpoint_of(variant, &self.build(variant)?, patience)
    }

    /// Starts a variant with what [`build`](Self::build) told, unless somebody
    /// else does, and tells where and how to judge it.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn endpoint_of(
        &self,
        variant: &Variant,
        run: &[String],
        patience: Duration,
    ) -> Result<Endpoint, TargetError> {
        let mut endpoint = match &variant.url {
            Some(url) if run.is_empty() => Endpoint::new(url.clone(), patience),
            url => {
                let launcher = self.launcher(run).at(url.clone());
                Endpoint::of(Host::start(launcher)?, patience)
            }
        };
        endpoint.declared = variant.declared();
        endpoint.over = variant.over;
        endpoint.tls = self.tls(variant)?;
        for instance in variant.instance.values() {
            let launcher = self.launcher(run).with(&instance.arguments);
            let own = Endpoint::of(Host::start(launcher)?, patience);
            let mut own = endpoint.like(own);
            own.declared = instance.declared().or(&endpoint.declared);
            endpoint
                .instances
                .push((instance.cases.clone(), Arc::new(own)));
        }
        Ok(endpoint)
    }

    /// TLS as a variant wants it; nothing if it says nothing of it.
    fn tls(&self, variant: &Variant) -> Result<Option<Arc<Tls>>, TargetError> {
        let TrustTable {
            ca,
            server_name,
            insecure,
        } = variant.tls.clone();
        let trust = Trust {
            ca: ca.map(|path| self.folder.join(path)),
            server_name,
            insecure,
        };
        match trust == Trust::default() {
            true => Ok(None),
            false => Ok(Some(Arc::new(Tls::new(&trust)?))),
        }
    }

    /// How to start a variant with what [`build`](Self::build) told.
    #[must_use]
    pub fn launcher(&self, run: &[String]) -> Launcher {
        Launcher::new(run).in_folder(self.folder.clone())
    }

    fn command(&self, words: &[String]) -> Command {
        host::command(words, &self.folder)
    }
}

fn cannot_start(words: &[String], error: std::io::Error) -> TargetError {
    TargetError::Command {
        command: words.join(" "),
        error,
    }
}

/// A server that runs. It ends, with all its children, when this is dropped,
/// and also when the process that holds this is killed.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub url: Url,
    /// The id of its process.
    pub pid: u32,
    /// The last that it printed.
    pub output: Output,
    exited: mpsc::Receiver<std::io::Result<ExitStatus>>,
    /// Ends when all that it printed on standard error has been read.
    all_is_read: mpsc::Receiver<()>,
    status: Option<ExitStatus>,
    /// Whether [`end`](Self::end) has been called: once is enough.
    ended: bool,
    watchdog: Option<Child>,
}

/// A process that has been started, and the ends of what it prints.
struct Started {
    running: Running,
    says_where: mpsc::Receiver<Url>,
}

impl Running {
    /// Starts a command and waits until it prints its address.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start(
        command: &mut Command,
        words: &[String],
    ) -> Result<Self, TargetError> {
        let started = Self::spawn(command, words)?;
        match started.says_where.recv_timeout(READY) {
            Ok(url) => started.listening(words, &url),
            Err(RecvTimeoutError::Timeout) => {
                Err(started.not_ready(words, NotReady::TooLate))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(started.not_ready(words, NotReady::Mute))
            }
        }
    }

    /// Starts a command and waits until somebody accepts connections at `url`.
    ///
    /// # Errors
    ///
    /// Somebody who does so already, and as [`Server::start`].
    pub fn start_at(
        command: &mut Command,
        words: &[String],
        url: &Url,
    ) -> Result<Self, TargetError> {
        if url.accepts() {
            return Err(TargetError::Taken {
                url: url.to_string(),
            });
        }
        Self::spawn(command, words)?.listening(words, url)
    }

    fn spawn(
        command: &mut Command,
        words: &[String],
    ) -> Result<Started, TargetError> {
        // A group of its own: its children end with it, and a Ctrl-C in the
        // terminal reaches us first.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| cannot_start(words, error))?;
        let pid = child.id();
        let watchdog = match watchdog(pid) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                _ = child.kill();
                return Err(cannot_start(&["sh".to_owned()], error));
            }
        };
        let output = Output::default();
        let (ready, is_ready) = mpsc::channel();
        let (read, all_is_read) = mpsc::channel::<()>();
        if let Some(stderr) = child.stderr.take() {
            let output = output.clone();
            std::thread::spawn(move || {
                read_lines(stderr, |line| output.push(line));
                drop(read);
            });
        }
        if let Some(stdout) = child.stdout.take() {
            let output = output.clone();
            std::thread::spawn(move || {
                read_lines(stdout, |line| {
                    output.push(line);
                    if let Some(url) = address_in(line) {
                        // Nobody listens after the first.
                        _ = ready.send(url);
                    }
                });
            });
        }
        let (exit, exited) = mpsc::channel();
        std::thread::spawn(move || exit.send(child.wait()));
        let running = Self {
            url: NOWHERE.clone(),
            pid,
            output,
            exited,
            all_is_read,
            status: None,
            ended: false,
            watchdog,
        };
        Ok(Started {
            running,
            says_where: is_ready,
        })
    }

    /// Waits for the server's end; `None` if it still runs.
    pub fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            let exited = self.exited.recv_timeout(at_most).ok();
            self.status = exited.and_then(Result::ok);
            if self.status.is_some() {
                // The last that it printed is still on its way, or somebody
                // whom it has started keeps the other end.
                let moment = Duration::from_secs(1);
                _ = self.all_is_read.recv_timeout(moment);
            }
        }
        self.status
    }

    /// How it has ended by itself, if it has.
    pub fn has_ended(&mut self) -> Option<Ended> {
        let status = self.wait(Duration::ZERO)?;
        let is_ours = self.ended;
        (!is_ours).then(|| Ended {
            status,
            output: self.output.clone(),
        })
    }

    /// Asks the server to end, and after [`END`] no longer asks.
    pub fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        #[cfg(unix)]
        {
            use rustix::process::Signal;
            self.signal(Signal::TERM);
            self.wait(END);
            // Whoever is left of the group: the server, or what it started
            // and left behind.
            self.signal_group(Signal::KILL);
            self.wait(END);
        }
        #[cfg(not(unix))]
        if self.wait(Duration::ZERO).is_none() {
            _ = Command::new("taskkill")
                .args(["/T", "/F", "/PID", &self.pid.to_string()])
                .status();
            self.wait(END);
        }
        if let Some(mut watchdog) = self.watchdog.take() {
            _ = watchdog.kill();
            _ = watchdog.wait();
        }
    }

    /// Sends a signal to the server and its children; to nobody once the
    /// server has ended, since its id may belong to another process by then.
    #[cfg(unix)]
    pub fn signal(&mut self, signal: rustix::process::Signal) {
        if self.wait(Duration::ZERO).is_none() {
            self.signal_group(signal);
        }
    }

    #[cfg(unix)]
    fn signal_group(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid).ok();
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // That nobody is left is as good.
            _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

impl Started {
    /// Waits until somebody accepts connections there.
    fn listening(
        mut self,
        words: &[String],
        url: &Url,
    ) -> Result<Running, TargetError> {
        let deadline = Instant::now() + READY;
        while !url.accepts() {
            if self.running.wait(BETWEEN_TRIES).is_some()
                || Instant::now() > deadline
            {
                let how = NotReady::Deaf(url.to_string());
                return Err(self.not_ready(words, how));
            }
        }
        self.running.url = url.clone();
        Ok(self.running)
    }

    /// Why it is not ready, with the last that it said: that is what its user
    /// has to see.
    fn not_ready(mut self, words: &[String], how: NotReady) -> TargetError {
        let ended = self.running.wait(Duration::from_secs(1));
        TargetError::NotReady {
            command: words.join(" "),
            how: ended.map_or(how, NotReady::Ended),
            output: self.running.output.clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Stands until the server has said where it is.
static NOWHERE: std::sync::LazyLock<Url> =
    std::sync::LazyLock::new(Url::nowhere);

/// A shell that outlives us by a moment: its input ends when we do, however
/// we do, and then it ends the server.
#[cfg(unix)]
fn watchdog(pid: u32) -> std::io::Result<Option<Child>> {
    let mut command = Command::new("sh");
    command
        .args(["-c", "read -r _; kill -s KILL -- \"-$1\"", "watchdog"])
        .arg(pid.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map(Some)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn watchdog(_pid: u32) -> std::io::Result<Option<Child>> {
    Ok(None)
}

fn read_lines(from: impl Read, mut each: impl FnMut(&str)) {
    /// A line is cut here: what a server prints must not fill our memory.
    const MOST_OF_LINE: u64 = 4096;
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut from)
            .take(MOST_OF_LINE)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => each(String::from_utf8_lossy(&line).trim_end()),
        }
    }
}

/// The first `ws://` or `wss://` address in a line.
fn address_in(line: &str) -> Option<Url> {
    let start = line
        .find("ws://")
        .or_else(|| line.find("wss://"))?;
    let address = line[start..].split_whitespace().next()?;
    address
        .trim_end_matches(['.', ',', ';', ')', '"', '\''])
        .parse()
        .ok()
}
