//! The conformance suite for WebSocket servers.
//!
//! A [`Case`] tests one rule over a raw connection; a [`Runner`] runs many of
//! them at a time over one [`Endpoint`] and gives each an [`Outcome`]. What
//! the server is known to break stands in its `server.toml`, see [`target`].
//!
//! The book has a page about it: `docs/src/test-your-server.md`.
//!
//! | module | holds |
//! |---|---|
//! | [`cases`] | the cases, one module a section of the RFC |
//! | [`case`], [`clauses`], [`verdict`] | what a case is, what it tests, what it finds |
//! | [`coverage`], [`explain`] | what is tested, rule by rule and case by case |
//! | [`dialer`], [`opener`], [`peer`] | the raw connection before and after the 101 |
//! | [`corpus`] | what compressed messages say |
//! | [`http2_peer`] | a raw connection of HTTP/2 |
//! | [`record`] | the evidence: everything that went over a connection |
//! | [`endpoint`], [`select`], [`runner`] | where to run, what, and the run |
//! | [`target`], [`known`] | `server.toml`: build a server, know its faults |
//! | [`programs`] | many programs built in few calls of cargo |
//! | [`baseline`] | its known violations, brought up to date |
//! | `harness` | the suite as tests of one's own, with the feature of that name |
//! | [`tls`] | whom to trust where there is TLS |
//! | [`host`], [`measured`] | the server's process: start it, measure it |
//! | [`report`], [`page`] | results for people: text, tables, a page |
//! | [`cause`] | what many failing cases have in common |
//! | [`results`], [`diff`] | results for programs, and what two runs differ in |
//! | [`autobahn`] | Autobahn's words for the same records |

pub mod autobahn;
pub mod baseline;
pub mod case;
pub mod cases;
pub mod cause;
pub mod clauses;
mod content;
pub mod corpus;
pub mod coverage;
pub mod dialer;
pub mod diff;
pub mod endpoint;
pub mod explain;
#[cfg(feature = "harness")]
pub mod harness;
pub mod host;
mod http2;
pub mod http2_peer;
pub mod known;
pub mod measured;
pub mod opener;
pub mod page;
pub mod peer;
pub mod programs;
pub mod record;
pub mod report;
pub mod results;
pub mod runner;
pub mod select;
mod stream;
pub mod target;
pub mod tls;
pub mod verdict;
mod wire;

pub use case::Case;
pub use endpoint::{Declared, Endpoint, Url};
pub use host::{Host, Launcher};
pub use known::KnownViolation;
pub use runner::{Judged, Runner};
pub use select::Selection;
pub use stream::Over;
pub use tls::{Tls, Trust};
pub use verdict::{Finding, Level, Outcome, Verdict};
