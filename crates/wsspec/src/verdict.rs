//! What a case finds, and what a run makes of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a case says of the server: nothing but that its rule holds, or a
/// [`Finding`].
pub type Verdict = Result<(), Finding>;

/// Why a case does not simply hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The rule is broken.
    Violation {
        /// What the rule asks for.
        expected: String,
        /// What came instead.
        got: String,
    },
    /// The rule leaves it open, and this is what the server does.
    Observed(String),
    /// The server has not what the case needs.
    Unsupported(String),
    /// The case could not begin; the cause is another case's matter.
    Blocked(String),
}

impl Finding {
    /// A broken rule, with what was expected and what came.
    pub fn violation(
        expected: impl fmt::Display,
        got: impl fmt::Display,
    ) -> Self {
        Self::Violation {
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }

    /// What was found, without what was expected.
    #[must_use]
    pub fn got(&self) -> String {
        let (Self::Violation { got: text, .. }
        | Self::Observed(text)
        | Self::Unsupported(text)
        | Self::Blocked(text)) = self;
        text.clone()
    }
}

/// How strongly the tested rule binds.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// An RFC's MUST.
    Must,
    /// An RFC's SHOULD, or a rule that is only implied.
    Should,
    /// The RFC leaves the choice; the case reports it.
    May,
    /// Advice on security without an RFC's MUST behind it.
    Guidance,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Guidance => "GUIDANCE",
        })
    }
}

/// The one word for a case at the end of a run.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The rule holds.
    Pass,
    /// A SHOULD, or advice, is not kept.
    NonStrict,
    /// A MUST is broken.
    Fail,
    /// What the server does where the RFC leaves it open.
    Info,
    /// Not negotiated, or not declared.
    Unsupported,
    /// The case could not begin.
    Blocked,
    /// Broken, as a known violation says.
    Known,
    /// Holds, although a known violation says that it does not.
    Stale,
    /// The suite itself failed: a defect of ours, not of the server.
    Broken,
}

impl Outcome {
    /// The outcome of a case of this level.
    #[must_use]
    pub fn of(level: Level, verdict: &Verdict) -> Self {
        match verdict {
            Ok(()) => Self::Pass,
            Err(Finding::Observed(_)) => Self::Info,
            Err(Finding::Unsupported(_)) => Self::Unsupported,
            Err(Finding::Blocked(_)) => Self::Blocked,
            Err(Finding::Violation { .. }) => match level {
                Level::Must => Self::Fail,
                _ => Self::NonStrict,
            },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::NonStrict => "non-strict",
            Self::Fail => "fail",
            Self::Info => "info",
            Self::Unsupported => "unsupported",
            Self::Blocked => "blocked",
            Self::Known => "known",
            Self::Stale => "stale",
            Self::Broken => "broken",
        })
    }
}
