//! The command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use wsspec::runner::{JOBS, PATIENCE};
use wsspec::target::Size;
use wsspec::{Declared, Endpoint, Level, Over, Selection, Tls, Trust, Url};

/// Judges a WebSocket echo by RFC 6455, in seconds.
///
/// The endpoint at URL has to echo: text as text, binary as binary.
///
/// Many cases are what an attacker would send. Their volume is bounded: a case
/// sends 64 MiB at most and has 200 connections open at most. All together send
/// about 200 MiB; where `wsspec run` measures the server, twice that.
#[derive(Parser)]
#[command(
    name = "wsspec",
    version = env!("WSSPEC_VERSION"),
    after_help = EXIT_CODES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) judge: Judge,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start servers, judge them, and end them with all that they started
    Run(Box<Run>),
    /// Show the cases that there are
    List(Select),
    /// Say what a case sends, what it accepts, its rule, and what it finds
    Explain(Explain),
    /// Run one case alone and show everything that went over the wire
    Replay(Replay),
    /// Print a server.toml to start from, with comments
    Init,
    /// Write down what servers are known to break
    #[command(subcommand)]
    Baseline(Baseline),
    /// Show what two runs have found differently
    Diff(Diff),
    /// Print the completions for a shell
    ///
    /// For bash: wsspec completions bash >
    /// ~/.local/share/bash-completion/completions/wsspec
    Completions(Completions),
    /// Print the manual page, in roff
    ///
    /// `wsspec man | man -l -` shows it.
    Man(Man),
}

#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Args)]
pub(crate) struct Man {
    /// The command to print the page of, such as run or baseline update;
    /// without it the page of wsspec itself
    #[arg(value_name = "COMMAND")]
    pub(crate) commands: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum Baseline {
    /// Judge the servers of a server.toml and bring its known violations up to
    /// date
    ///
    /// What fails gets an entry with an empty why, for you to fill in; what
    /// holds again loses its entry. Everything else in the file stays as it
    /// is.
    Update(Update),
}

#[derive(Args)]
pub(crate) struct Update {
    /// The server.toml
    pub(crate) file: PathBuf,

    /// Only this variant of the server
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Vec<String>,

    #[command(flatten)]
    pub(crate) select: Select,

    /// Take in what a run with --strict fails for, too
    #[arg(long)]
    pub(crate) strict: bool,

    /// Judge servers that are neither on this machine nor in a private network
    #[arg(long)]
    pub(crate) allow_public: bool,

    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Args)]
pub(crate) struct Diff {
    /// The earlier results, as --format json writes them
    pub(crate) before: PathBuf,

    /// The later results
    pub(crate) after: PathBuf,

    /// Fail for a rule that is no MUST, too
    #[arg(long)]
    pub(crate) strict: bool,

    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Judge {
    /// The address of the endpoint, such as ws://127.0.0.1:8080/ws, or wss://
    /// where it has TLS
    #[arg(required = true)]
    url: Option<Url>,

    #[command(flatten)]
    pub(crate) declare: Declare,

    #[command(flatten)]
    pub(crate) options: Options,
}

/// What to run and how, and what to make of it.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) select: Select,

    /// How many cases run at a time; with --format autobahn 16 if not given,
    /// as its timers run while other cases are served
    #[arg(long, value_name = "N", value_parser = at_least_one,
          help = format!("How many cases run at a time [default: {JOBS}]"))]
    pub(crate) jobs: Option<usize>,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// Run everything so many times, and tell what is not the same each time
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = at_least_one)]
    pub(crate) repeat: usize,

    /// Fail for a rule that is no MUST, too
    #[arg(long)]
    pub(crate) strict: bool,

    /// Show every case, and each that fails in full; without it each cause of
    /// failures is shown once, with one example
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// Send compressed messages in Autobahn's numbers, a thousand of each kind
    /// and size; 10 GB each way
    #[arg(long)]
    pub(crate) full_volume: bool,

    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// The name of the server in Autobahn's form; by default what its Server
    /// field says
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,

    /// Write to this file, not to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Write a report, too: FILE ends in .html (a page that needs nothing
    /// else), .json, .xml (JUnit) or .md (for the summary of a CI run)
    #[arg(long, value_name = "FILE", value_parser = report)]
    pub(crate) report: Vec<PathBuf>,

    /// Judge a server that is neither on this machine nor in a private
    /// network: it has to be yours, as many cases are attacks
    #[arg(long)]
    pub(crate) allow_public: bool,
}

/// What a `server.toml` would declare.
#[derive(Args)]
pub(crate) struct Declare {
    /// The origin that the server allows, for every opening handshake
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,

    /// The bearer token that the server asks for, for every opening handshake
    #[arg(long, value_name = "TOKEN")]
    bearer: Option<String>,

    /// The largest message that the server takes, such as "1 MiB"
    #[arg(long, value_name = "SIZE")]
    max_message: Option<Size>,

    /// Open each WebSocket over HTTP/2 (RFC 8441): without TLS with prior
    /// knowledge, with TLS by ALPN
    #[arg(long)]
    http2: bool,

    /// Trust the certificates of this file, in PEM, for a wss:// address
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Ask for a certificate of this name (SNI), if it is not the host of the
    /// address
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,

    /// Trust any certificate
    #[arg(long)]
    insecure: bool,
}

impl Declare {
    /// What the server declares by the mouth of its user.
    fn declared(&self) -> Declared {
        Declared {
            origin: self.origin.clone(),
            bearer: self.bearer.clone(),
            max_message: self.max_message.map(|size| size.0),
            ..Declared::default()
        }
    }

    /// Lets an endpoint be reached as the user says; ends the process with 2
    /// for a certificate that is none.
    pub(crate) fn apply(&self, endpoint: &mut Endpoint) {
        endpoint.declared = self.declared();
        if self.http2 {
            endpoint.over = Over::Http2;
        }
        let trust = Trust {
            ca: self.ca.clone(),
            server_name: self.server_name.clone(),
            insecure: self.insecure,
        };
        if trust != Trust::default() {
            let tls = Tls::new(&trust);
            let tls = tls.unwrap_or_else(|bad| usage(&bad.to_string()));
            endpoint.tls = Some(Arc::new(tls));
        }
    }
}

impl Judge {
    /// The address; without a command clap demands it.
    pub(crate) fn url(&self) -> &Url {
        let url = self.url.as_ref();
        url.unwrap_or_else(|| usage("a URL or a command is needed"))
    }
}

/// What to start. A server is told by the environment variable LISTEN where to
/// listen, with port 0, and is ready when it prints a line with its ws:// or
/// wss:// address; or it listens where --url says.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct Run {
    /// A server.toml: how to build and start a server, what it declares, what
    /// it is known to break
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) config: Vec<PathBuf>,

    /// Only this variant of the server.toml
    #[arg(long, value_name = "NAME", conflicts_with = "exec")]
    pub(crate) variant: Vec<String>,

    /// A command that starts a server, for the shell
    #[arg(long, value_name = "COMMAND", group = "what")]
    pub(crate) exec: Option<String>,

    /// Where the server of --exec listens, if it does not say so itself
    #[arg(long, value_name = "URL", requires = "exec")]
    pub(crate) url: Option<Url>,

    #[command(flatten)]
    pub(crate) declare: Declare,

    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// The id of the case; * stands for any part
    #[arg(required = true, value_name = "ID")]
    pub(crate) cases: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Replay {
    /// The address of the endpoint, such as ws://127.0.0.1:8080/ws, or wss://
    /// where it has TLS
    pub(crate) url: Url,

    /// The id of the case
    #[arg(value_name = "ID")]
    pub(crate) case: String,

    /// Show the octets, too
    #[arg(long)]
    pub(crate) hex: bool,

    /// Send it to a server that is neither on this machine nor in a private
    /// network
    #[arg(long)]
    pub(crate) allow_public: bool,

    #[command(flatten)]
    pub(crate) declare: Declare,

    #[command(flatten)]
    pub(crate) patience: Patience,
}

/// Which cases. Values of one option widen the choice, different options narrow
/// it.
#[derive(Args)]
pub(crate) struct Select {
    /// Cases with this id; * stands for any part
    #[arg(long = "case", value_name = "ID")]
    cases: Vec<String>,

    /// Cases that test this rule, such as 6455-5.5.2-01; * stands for any part
    #[arg(long = "clause", value_name = "ID")]
    clauses: Vec<String>,

    /// Cases whose rule binds like this
    #[arg(
        long = "level",
        value_enum,
        value_name = "LEVEL",
        ignore_case = true
    )]
    levels: Vec<LevelArgument>,

    /// Cases that carry this one of Autobahn|Testsuite, such as 2.10; * stands
    /// for any part
    #[arg(long, value_name = "ID")]
    autobahn: Vec<String>,

    /// Leave out the cases with this id; * stands for any part
    #[arg(long, value_name = "ID")]
    exclude: Vec<String>,
}

impl Select {
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            cases: self.cases.clone(),
            clauses: self.clauses.clone(),
            levels: self
                .levels
                .iter()
                .map(|level| level.level())
                .collect(),
            autobahn: self.autobahn.clone(),
            exclude: self.exclude.clone(),
        }
    }
}

#[derive(Args)]
pub(crate) struct Patience {
    /// How long the server may keep silent before that counts, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds,
          default_value_t = PATIENCE.as_secs_f64())]
    timeout: f64,
}

impl Patience {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }
}

/// The forms in which results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    Text,
    /// For programs; its schema is part of wsspec's repository.
    Json,
    /// For CI servers.
    Junit,
    /// For the summary of a CI run.
    Markdown,
    /// For a person: a page that needs nothing else.
    Html,
    /// Autobahn|Testsuite's index.json: the cases that it has, too, with its
    /// timers and its words.
    Autobahn,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelArgument {
    /// An RFC's MUST.
    Must,
    /// An RFC's SHOULD, or an implied rule.
    Should,
    /// What the RFC leaves open.
    May,
    /// Advice on security.
    Guidance,
}

impl LevelArgument {
    fn level(self) -> Level {
        match self {
            Self::Must => Level::Must,
            Self::Should => Level::Should,
            Self::May => Level::May,
            Self::Guidance => Level::Guidance,
        }
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  every MUST holds (with --strict: every SHOULD and all guidance, too)
  1  a rule is broken, a known violation holds again, or a case could not run
  2  the command line is wrong
  3  there is no WebSocket endpoint at URL, or the server did not start
  4  wsspec itself failed";

/// Ends the process with 2 and what is wrong.
pub(crate) fn usage(problem: &str) -> ! {
    let kind = clap::error::ErrorKind::InvalidValue;
    Arguments::command().error(kind, problem).exit()
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number from 1 up is needed".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn report(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err("there is no such folder".to_owned());
    }
    match path.extension().and_then(|it| it.to_str()) {
        Some("html" | "json" | "xml" | "md") => Ok(path),
        _ => Err("it has to end in .html, .json, .xml or .md".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.01 to 3600 is needed".to_owned()),
    }
}
