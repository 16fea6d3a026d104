//! What an operator can set, with the defaults.

use std::ffi::OsStr;
use std::num::NonZeroU32;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::{BoolishValueParser, TypedValueParser};
use clap::error::ErrorKind::ValueValidation;
use clap::{Arg, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::access::{AllowList, BadToken, Credential};

/// A WebSocket echo at /ws for those who know the token. SIGTERM ends it
/// gracefully.
#[derive(Clone, Debug, Parser)]
#[command(version, max_term_width = 80, args_override_self = true)]
pub struct Settings {
    /// The address to listen at; port 0 picks one
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    #[arg(value_name = "ADDRESS")]
    pub listen: String,

    /// The bearer token that clients must know; in the environment it is seen
    /// by fewer than on a command line
    #[arg(long, env = "TOKEN", hide_env_values = true)]
    #[arg(value_parser = Secret)]
    pub token: Credential,

    /// An origin whose pages may connect; can be repeated [default: that of
    /// the server's own page]
    #[arg(long, env = "ALLOW_ORIGIN", value_delimiter = ',')]
    #[arg(value_name = "ORIGIN", value_parser = AllowList::parse)]
    pub allow_origin: Vec<String>,

    /// What to do without Origin: clients that are no browsers have none
    #[arg(long, env = "ABSENT_ORIGIN", value_enum)]
    #[arg(value_name = "POLICY", default_value = "allow")]
    pub absent_origin: AbsentOrigin,

    /// The client is whom X-Forwarded-For names last, not the peer
    #[arg(long, env = "BEHIND_PROXY", value_parser = BoolishValueParser::new())]
    pub behind_proxy: bool,

    /// Opening handshakes per address and minute
    #[arg(long, env = "MAX_HANDSHAKES", default_value = "120")]
    #[arg(value_name = "COUNT")]
    pub max_handshakes: NonZeroU32,

    /// Open WebSocket connections at a time
    #[arg(long, env = "MAX_CONNECTIONS", default_value = "10000")]
    #[arg(value_name = "COUNT", value_parser = connections)]
    pub max_connections: usize,

    /// How long a client may take for a request's head
    #[arg(long, env = "HANDSHAKE_DEADLINE", default_value = "10s")]
    #[arg(value_name = "TIME", value_parser = deadline)]
    pub handshake_deadline: Duration,

    /// The largest head of a request, at least 8 KiB. Not in actix, which has a
    /// constant
    #[arg(long, env = "MAX_HEAD", default_value = "16 KiB")]
    #[arg(value_name = "SIZE", value_parser = head)]
    pub max_head: usize,

    /// The largest message; over it the connection is closed with 1009
    #[arg(long, env = "MAX_MESSAGE", default_value = "64 KiB")]
    #[arg(value_name = "SIZE", value_parser = size)]
    pub max_message: usize,

    /// The largest frame; over it the connection is closed with 1009
    /// [default: as --max-message]
    #[arg(long, env = "MAX_FRAME")]
    #[arg(value_name = "SIZE", value_parser = size)]
    pub max_frame: Option<usize>,

    /// What the WebSocket library reads at a time; a connection that was only
    /// ever idle keeps that much memory. Not in actix, which has a constant
    #[arg(long, env = "READ_BUFFER", default_value = "2 KiB")]
    #[arg(value_name = "SIZE", value_parser = buffer)]
    pub read_buffer: usize,

    /// How often to send a Ping; who misses two Pongs, or takes three intervals
    /// for one frame, is closed with 1008
    #[arg(long, env = "PING_INTERVAL", default_value = "20s")]
    #[arg(value_name = "TIME", value_parser = deadline)]
    pub ping_interval: Duration,

    /// How long no message may come; then the connection is closed with 1001
    #[arg(long, env = "IDLE_DEADLINE", default_value = "10m")]
    #[arg(value_name = "TIME", value_parser = span)]
    pub idle_deadline: Duration,

    /// How old a connection may become; then it is closed with 1008
    #[arg(long, env = "MAX_AGE", default_value = "1day")]
    #[arg(value_name = "TIME", value_parser = span)]
    pub max_age: Duration,

    /// How long a peer may not read what it is sent; then it is dropped
    #[arg(long, env = "SEND_DEADLINE", default_value = "10s")]
    #[arg(value_name = "TIME", value_parser = deadline)]
    pub send_deadline: Duration,

    /// How long to wait for the answer to a Close
    #[arg(long, env = "CLOSE_DEADLINE", default_value = "5s")]
    #[arg(value_name = "TIME", value_parser = deadline)]
    pub close_deadline: Duration,

    /// How long after SIGTERM to wait for open connections
    #[arg(long, env = "SHUTDOWN_DEADLINE", default_value = "10s")]
    #[arg(value_name = "TIME", value_parser = deadline)]
    pub shutdown_deadline: Duration,

    /// The least important kind of line in the log
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    #[arg(value_name = "LEVEL")]
    pub log_level: tracing::Level,
}

/// What to do with a request that has no Origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AbsentOrigin {
    /// It may connect: a browser would have sent one.
    Allow,
    /// It may not.
    Refuse,
}

impl Settings {
    /// What the command line and the environment say. Ends the process with a
    /// line about what is wrong, and exit code 2, where they say nonsense.
    #[must_use]
    pub fn from_command_line() -> Self {
        let mut command = Self::command();
        let matches = command.get_matches_mut();
        let settings = Self::from_arg_matches(&matches);
        let settings = settings.unwrap_or_else(|error| error.exit());
        if let Err(error) = settings.consistent() {
            command.error(ValueValidation, error).exit()
        }
        settings
    }

    /// The origins that may connect.
    #[must_use]
    pub fn allow_list(&self) -> AllowList {
        AllowList::new(&self.allow_origin, self.absent_origin)
    }

    /// The largest frame, in octets.
    #[must_use]
    pub fn max_frame(&self) -> usize {
        self.max_frame.unwrap_or(self.max_message)
    }

    /// What no single value shows.
    fn consistent(&self) -> Result<(), &'static str> {
        if self.max_frame() > self.max_message {
            return Err("--max-frame is larger than --max-message");
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn of(arguments: &[&str]) -> Self {
        let token = ["test", "--token", "correct-horse-battery"];
        let arguments = token.iter().chain(arguments);
        Self::try_parse_from(arguments).expect("settings")
    }
}

/// Reads the token. Of itself clap shows a value that it refuses, and this one
/// nobody may see.
#[derive(Clone)]
struct Secret;

impl TypedValueParser for Secret {
    type Value = Credential;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Credential, clap::Error> {
        let token = value.to_str().ok_or(BadToken);
        token.and_then(str::parse).map_err(|error| {
            let text = format!("invalid value for --token: {error}");
            command.clone().error(ValueValidation, text)
        })
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text);
    let span = span.map_err(|error| {
        format!("{error}; examples are 20s, 500ms and \"1h 30m\"")
    })?;
    // A time that is added to now must not go over the end of all times.
    let year = Duration::from_secs(366 * 24 * 3600);
    match !span.is_zero() && span <= year {
        true => Ok(span),
        false => Err("more than nothing and at most a year".to_owned()),
    }
}

/// A time for which somebody waits: the kernel counts no month.
fn deadline(text: &str) -> Result<Duration, String> {
    match span(text)? {
        span if span <= Duration::from_secs(24 * 3600) => Ok(span),
        _ => Err("at most a day".to_owned()),
    }
}

fn size(text: &str) -> Result<usize, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|error| format!("{error}; an example is \"64 KiB\""))?;
    let most = 1 << 30;
    match usize::try_from(size.as_u64()) {
        Ok(size) if (1..=most).contains(&size) => Ok(size),
        _ => Err("at least 1 octet and at most 1 GiB".to_owned()),
    }
}

fn head(text: &str) -> Result<usize, String> {
    let size = size(text)?;
    // hyper does not work with less.
    match (8 << 10..=1 << 20).contains(&size) {
        true => Ok(size),
        false => Err("at least 8 KiB and at most 1 MiB".to_owned()),
    }
}

fn buffer(text: &str) -> Result<usize, String> {
    let size = size(text)?;
    match (512..=1 << 20).contains(&size) {
        true => Ok(size),
        false => Err("at least 512 B and at most 1 MiB".to_owned()),
    }
}

fn connections(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "not a number")?;
    // More a semaphore can't count, and a process can't have open.
    match (1..=1 << 24).contains(&count) {
        true => Ok(count),
        false => Err("at least 1 and at most 16777216".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let arguments = ["test"].iter().chain(arguments);
        let settings = Settings::try_parse_from(arguments);
        settings.expect_err("an error").to_string()
    }

    #[test]
    fn a_bad_value_is_refused_with_what_to_do() {
        let token = ["--token", "correct-horse-battery"];
        for (arguments, hint) in [
            (["--max-message", "lots"], "64 KiB"),
            (["--max-message", "0"], "at least 1"),
            (["--max-message", "2 GiB"], "at most 1 GiB"),
            (["--ping-interval", "20"], "20s"),
            (["--ping-interval", "0s"], "more than nothing"),
            (["--max-age", "1000y"], "at most a year"),
            (["--send-deadline", "30days"], "at most a day"),
            (["--max-connections", "0"], "at least 1"),
            (["--max-handshakes", "0"], "zero"),
            (["--max-head", "4 KiB"], "at least 8 KiB"),
            (["--allow-origin", "*"], "https://app.example"),
            (["--absent-origin", "maybe"], "allow, refuse"),
        ] {
            let text = refused(&[&token[..], &arguments].concat());
            assert!(text.contains(hint), "{arguments:?}: {text}");
        }
        assert!(refused(&["--token", "short"]).contains("16 to 256"));
        assert!(refused(&[]).contains("--token"));
        let settings = Settings::of(&["--max-message", "4 KiB"]);
        assert_eq!(settings.max_frame(), 4096);
        let settings = Settings::of(&["--max-frame", "65 KiB"]);
        assert!(settings.consistent().is_err());
    }

    #[test]
    fn a_bad_token_is_not_repeated() {
        let text = refused(&["--token", "secret!secret!secret"]);
        assert!(!text.contains("secret!"), "{text}");
    }

    #[test]
    fn several_origins_can_stand_in_one_variable() {
        let list = ["--allow-origin", "https://a.example,https://b.example"];
        assert_eq!(Settings::of(&list).allow_origin.len(), 2);
    }
}
