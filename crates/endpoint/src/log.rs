//! One span for a request, which lives until its connection ends.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Span;
use tracing::field::Empty;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::Settings;

/// Writes the log to standard error, from the settings' level on.
pub fn log(settings: &Settings) {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_max_level(settings.log_level)
        .with_target(false)
        .with_span_events(FmtSpan::CLOSE)
        .init();
}

/// The span of a request from this peer. What is not known yet is recorded
/// later: the status, and behind a switch the messages, their octets, and the
/// close code. Nothing that a client sends is in it, so no secret is.
#[must_use]
pub fn span(peer: impl Display) -> Span {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let id = REQUESTS.fetch_add(1, Ordering::Relaxed);
    tracing::info_span!(
        "request",
        id,
        %peer,
        status = Empty,
        messages = Empty,
        octets = Empty,
        close = Empty,
    )
}
