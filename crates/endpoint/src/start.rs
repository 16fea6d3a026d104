//! What comes before the first request: the log, with one span for a request
//! that lives until its connection ends, and the limit of descriptors.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Span;
use tracing::field::Empty;

use crate::Settings;

/// Writes the log to standard error, from the settings' level on, and raises
/// the limit of open descriptors as far as the machine allows: a shell's usual
/// 1,024 are fewer than the connections that are promised.
pub fn start(settings: &Settings) {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_max_level(settings.log_level)
        .with_target(false)
        // It would tell standard error that standard error is gone, and that
        // ends the process.
        .log_internal_errors(false)
        .init();
    #[cfg(unix)]
    raise_the_limit_of_descriptors(settings.max_connections);
}

#[cfg(unix)]
fn raise_the_limit_of_descriptors(connections: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    /// For whatever is no connection, or none yet.
    const OTHERS: u64 = 100;
    let mut limit = getrlimit(Resource::Nofile);
    let needed = connections as u64 + OTHERS;
    let Some(now) = limit.current.filter(|now| *now < needed) else {
        return;
    };
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit).is_ok();
    let now = if raised { limit.maximum } else { Some(now) };
    if let Some(now) = now.filter(|now| *now < needed) {
        tracing::warn!(
            "{now} descriptors may be open, too few for {connections} \
             connections: raise that (ulimit -n, LimitNOFILE), or lower \
             --max-connections"
        );
    }
}

/// The span of a request from this peer. What is not known yet is recorded
/// later: the client that a proxy names, the status, and behind a switch the
/// messages, their octets, and the close code. Nothing that a client sends is
/// in it, so no secret is. It goes along with a line of any level.
#[must_use]
pub fn span(peer: impl Display) -> Span {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let id = REQUESTS.fetch_add(1, Ordering::Relaxed);
    tracing::error_span!(
        "request",
        id,
        %peer,
        client = Empty,
        status = Empty,
        messages = Empty,
        octets = Empty,
        close = Empty,
    )
}
