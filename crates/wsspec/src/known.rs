//! Known violations: what a server is known to break, and why.
//!
//! A case with an entry still runs. If its rule holds after all, the entry is
//! stale and the run fails: an exclusion that nobody removes is how a suite
//! rots.

use glob::Pattern;
use serde::Deserialize;

use crate::case::Case;
use crate::runner::Judged;
use crate::verdict::Outcome;

/// One `[[known-violation]]` of a `server.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KnownViolation {
    /// The variants that it holds for; all of them if there is none.
    #[serde(default)]
    pub variant: OneOrMany,
    /// The ids of the cases, with `*` for any part.
    pub case: OneOrMany,
    /// The cause, in a sentence for a reader who knows neither us nor them.
    pub why: String,
    /// Threads that exist and say so.
    #[serde(default)]
    pub upstream: OneOrMany,
    /// Why the case comes out now so, now so; then it neither fails the run
    /// nor goes stale.
    pub intermittent: Option<String>,
}

/// A text or a list of texts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// Nothing was given.
    #[default]
    Nothing,
    /// One text.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The texts.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::Nothing => &[],
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }

    /// Whether one of them, with `*` for any part, fits this id.
    #[must_use]
    pub fn names(&self, id: &str) -> bool {
        let mut patterns = self.as_slice().iter();
        patterns.any(|pattern| matches(pattern, id))
    }
}

impl KnownViolation {
    /// Whether it holds for this variant.
    #[must_use]
    pub fn is_for(&self, variant: &str) -> bool {
        let variants = self.variant.as_slice();
        variants.is_empty() || variants.iter().any(|it| it == variant)
    }

    /// Whether it names this case.
    #[must_use]
    pub fn names(&self, case: &Case) -> bool {
        self.case.names(case.id)
    }

    /// The patterns that name none of the cases.
    pub fn naming_nothing<'a>(
        &'a self,
        cases: &'a [&'static Case],
    ) -> impl Iterator<Item = &'a str> {
        self.case
            .as_slice()
            .iter()
            .filter(|pattern| {
                !cases.iter().any(|case| matches(pattern, case.id))
            })
            .map(String::as_str)
    }
}

/// What is wrong with known violations themselves.
#[must_use]
pub fn problems(known: &[&KnownViolation]) -> String {
    let all: Vec<_> = crate::cases::all().collect();
    let mut problems = String::new();
    for entry in known {
        for pattern in entry.naming_nothing(&all) {
            problems += &format!(
                "a known violation names {pattern:?}, and there is no such \
                 case\n"
            );
        }
    }
    problems
}

/// Whether an id fits a pattern with `*`.
#[must_use]
pub fn matches(pattern: &str, id: &str) -> bool {
    // Nearly all patterns are an id, or the beginning of some; and a run asks
    // a million times.
    match pattern.find(['*', '?', '[']) {
        None => pattern == id,
        Some(at) if at + 1 == pattern.len() && pattern.ends_with('*') => id
            .as_bytes()
            .starts_with(&pattern.as_bytes()[..at]),
        Some(_) => Pattern::new(pattern).is_ok_and(|it| it.matches(id)),
    }
}

/// Marks what is known, and what is stale.
pub fn apply(judged: &mut [Judged], known: &[&KnownViolation]) {
    for judged in judged {
        let entry = known
            .iter()
            .find(|entry| entry.names(judged.case));
        let Some(entry) = entry else { continue };
        let note = match judged.outcome {
            // What can't be judged, time after time, can be known as well.
            Outcome::Fail | Outcome::NonStrict | Outcome::Blocked => {
                judged.outcome = Outcome::Known;
                entry.why.clone()
            }
            Outcome::Pass if entry.intermittent.is_some() => {
                judged.outcome = Outcome::Known;
                entry.why.clone()
            }
            Outcome::Pass => {
                judged.outcome = Outcome::Stale;
                format!(
                    "the rule holds; remove the known violation, or the case \
                     from it: {}",
                    entry.why
                )
            }
            _ => continue,
        };
        judged.note = Some(note);
        judged.upstream = entry.upstream.as_slice().to_vec();
    }
}
