//! What two runs have found differently: better, worse, new, gone.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::report::fails;
use crate::results::{CaseResult, Results, Target};
use crate::verdict::Outcome;

/// What differs between two results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Servers that only the later results have.
    pub new_targets: Vec<String>,
    /// Servers that only the earlier results have.
    pub gone_targets: Vec<String>,
    /// What differs of a server's cases.
    pub changes: Vec<Change>,
}

/// A case that came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The server.
    pub target: String,
    /// The case.
    pub id: String,
    /// Whether that is good.
    pub kind: Kind,
    /// What came out earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Outcome>,
    /// What came out later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Outcome>,
}

/// What a difference means.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It failed the run, or was known, and no longer is; or less so.
    Better,
    /// It fails the run, or is known, and was not; or more so.
    Worse,
    /// It is neither better nor worse, but another word.
    Other,
    /// The case was not there before.
    New,
    /// The case is no longer there.
    Gone,
}

impl Diff {
    /// What differs from `before` to `after`. Servers are the same if their
    /// names are; one server on each side is always the same.
    #[must_use]
    pub fn of(before: &Results, after: &Results) -> Self {
        let mut diff = Self::default();
        if let ([one], [other]) = (&before.targets[..], &after.targets[..]) {
            diff.compare(one, other);
            return diff;
        }
        let find = |results: &Results, name: &str| {
            let targets = results.targets.iter();
            targets.clone().position(|it| it.name == name)
        };
        for target in &before.targets {
            match find(after, &target.name) {
                Some(at) => diff.compare(target, &after.targets[at]),
                None => diff.gone_targets.push(target.name.clone()),
            }
        }
        for target in &after.targets {
            if find(before, &target.name).is_none() {
                diff.new_targets.push(target.name.clone());
            }
        }
        diff
    }

    fn compare(&mut self, before: &Target, after: &Target) {
        let of = |target: &Target| -> BTreeMap<String, Outcome> {
            let cases = target.cases.iter();
            cases
                .map(|it: &CaseResult| (it.id.clone(), it.outcome))
                .collect()
        };
        let (old, new) = (of(before), of(after));
        // In the order of the RFC, as the later results have it.
        let gone = before.cases.iter();
        let gone = gone.filter(|case| !new.contains_key(&case.id));
        for case in after.cases.iter().chain(gone) {
            let pair = (old.get(&case.id), new.get(&case.id));
            let kind = match pair {
                (Some(before), Some(after)) if before == after => continue,
                (Some(before), Some(after)) => {
                    match badness(*before).cmp(&badness(*after)) {
                        std::cmp::Ordering::Less => Kind::Worse,
                        std::cmp::Ordering::Equal => Kind::Other,
                        std::cmp::Ordering::Greater => Kind::Better,
                    }
                }
                (None, _) => Kind::New,
                (_, None) => Kind::Gone,
            };
            self.changes.push(Change {
                target: after.name.clone(),
                id: case.id.clone(),
                kind,
                before: pair.0.copied(),
                after: pair.1.copied(),
            });
        }
    }

    /// Whether anything got worse: a case did, a new one fails the run, or a
    /// server is no longer there.
    #[must_use]
    pub fn is_worse(&self, strict: bool) -> bool {
        if !self.gone_targets.is_empty() {
            return true;
        }
        self.changes
            .iter()
            .any(|change| match change.kind {
                // What only a strict run fails for is told, and no more.
                Kind::Worse => {
                    strict || change.after != Some(Outcome::NonStrict)
                }
                Kind::New => change.after.is_some_and(|it| fails(it, strict)),
                _ => false,
            })
    }
}

/// How much an outcome says against the server.
fn badness(outcome: Outcome) -> u8 {
    match outcome {
        // What a server declares is no virtue and no fault.
        Outcome::Pass | Outcome::Info | Outcome::Unsupported => 0,
        Outcome::Known => 1,
        Outcome::NonStrict => 2,
        Outcome::Stale | Outcome::Blocked | Outcome::Broken => 3,
        Outcome::Fail => 4,
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Other => "other",
            Self::New => "new",
            Self::Gone => "gone",
        })
    }
}

/// One line a difference, what got worse first, and the sum.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.gone_targets {
            writeln!(f, "gone    {name}: the later results do not have it")?;
        }
        for name in &self.new_targets {
            writeln!(f, "new     {name}: the earlier results do not have it")?;
        }
        let kinds = [
            Kind::Worse,
            Kind::Better,
            Kind::Other,
            Kind::New,
            Kind::Gone,
        ];
        let mut sums = Vec::new();
        for kind in kinds {
            let all = self.changes.iter();
            let of_kind: Vec<_> = all.filter(|it| it.kind == kind).collect();
            for change in &of_kind {
                let word = |outcome: Option<Outcome>| {
                    outcome.map_or("–".to_owned(), |it| it.to_string())
                };
                writeln!(
                    f,
                    "{kind:7} {} {}: {} → {}",
                    change.target,
                    change.id,
                    word(change.before),
                    word(change.after)
                )?;
            }
            if !of_kind.is_empty() {
                sums.push(format!("{} {kind}", of_kind.len()));
            }
        }
        match sums.is_empty() {
            true => writeln!(f, "every case came out the same"),
            false => writeln!(f, "{}", sums.join(", ")),
        }
    }
}
