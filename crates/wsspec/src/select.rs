//! Which cases to run: by id, rule, level or Autobahn's id.

use crate::case::Case;
use crate::known::matches;
use crate::verdict::Level;

/// What a case has to be. Of one kind, any will do; of different kinds, each
/// has to fit. An empty list asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids of cases; `*` stands for any part.
    pub cases: Vec<String>,
    /// Ids of the rules that it tests; `*` stands for any part.
    pub clauses: Vec<String>,
    /// How strongly its rule binds.
    pub levels: Vec<Level>,
    /// Ids of Autobahn|Testsuite's cases; `*` stands for any part.
    pub autobahn: Vec<String>,
    /// Ids of cases to leave out, whatever else they are; `*` stands for any
    /// part.
    pub exclude: Vec<String>,
}

/// Something that is asked for and is nowhere.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchCase {
    /// No case has such an id.
    #[error("no case has an id like {0:?}; `wsspec list` shows all")]
    Id(String),
    /// No case tests such a rule.
    #[error(
        "no case tests a rule like {0:?}; an example is \"6455-5.5.2-01\", \
         and \"6455-5.5*\" stands for several"
    )]
    Clause(String),
    /// No case carries such a case of Autobahn's.
    #[error("no case carries Autobahn's {0:?}; an example is \"2.10\"")]
    Autobahn(String),
    /// Each part fits some case, and no case fits all.
    #[error("no case is all of what is asked for")]
    Together,
}

impl Selection {
    /// The cases that fit, in the order of all.
    ///
    /// # Errors
    ///
    /// A part that fits no case, or parts that fit none together.
    pub fn cases(&self) -> Result<Vec<&'static Case>, NoSuchCase> {
        for id in self.cases.iter().chain(&self.exclude) {
            if !any(|case| matches(id, case.id)) {
                return Err(NoSuchCase::Id(id.clone()));
            }
        }
        for clause in &self.clauses {
            if !any(|case| tests(case, clause)) {
                return Err(NoSuchCase::Clause(clause.clone()));
            }
        }
        for id in &self.autobahn {
            if !any(|case| carries(case, id)) {
                return Err(NoSuchCase::Autobahn(id.clone()));
            }
        }
        let fitting: Vec<_> = crate::cases::all()
            .filter(|case| self.fits(case))
            .collect();
        match fitting.is_empty() {
            true => Err(NoSuchCase::Together),
            false => Ok(fitting),
        }
    }

    fn fits(&self, case: &Case) -> bool {
        fn one<T>(wanted: &[T], fits: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(fits)
        }
        one(&self.cases, |id| matches(id, case.id))
            && one(&self.clauses, |clause| tests(case, clause))
            && one(&self.levels, |level| *level == case.level)
            && one(&self.autobahn, |id| carries(case, id))
            && !self.exclude.iter().any(|id| matches(id, case.id))
    }
}

fn any(fits: impl Fn(&Case) -> bool) -> bool {
    crate::cases::all().any(fits)
}

fn tests(case: &Case, clause: &str) -> bool {
    case.clauses.iter().any(|id| matches(clause, id))
}

fn carries(case: &Case, id: &str) -> bool {
    case.autobahn.is_some_and(|own| matches(id, own))
}

/// Ids as few patterns that name exactly them: if all cases of a family are
/// there, `family/*` stands for them. Each comes with how many it names.
///
/// A family has at least this number of parts before its `*`; with 3 it is one
/// rule.
#[must_use]
pub fn folded(ids: &[&str], parts: usize) -> Vec<(String, usize)> {
    let others = crate::cases::all().map(|case| case.id);
    let others: Vec<_> = others.filter(|id| !ids.contains(id)).collect();
    folded_without(ids, &others, parts)
}

/// The same, with patterns that name none of the other ids, whatever else they
/// name.
#[must_use]
pub fn folded_without(
    ids: &[&str],
    others: &[&str],
    parts: usize,
) -> Vec<(String, usize)> {
    let mut patterns: Vec<(String, usize)> = Vec::new();
    for id in ids {
        let is_of = |(pattern, _): &(String, usize)| {
            let family = pattern.strip_suffix('*');
            family.is_some_and(|family| id.starts_with(family))
        };
        if patterns.iter().any(is_of) {
            continue;
        }
        let ends = id.match_indices('/').map(|(at, _)| at + 1);
        let whole = ends
            .skip(parts.saturating_sub(1))
            .find_map(|end| {
                let family = &id[..end];
                let is_of = |id: &&&str| id.starts_with(family);
                let is_whole = !others.iter().any(|id| is_of(&id));
                let count = ids.iter().filter(is_of).count();
                (is_whole && count > 1).then(|| (format!("{family}*"), count))
            });
        patterns.push(whole.unwrap_or_else(|| ((*id).to_owned(), 1)));
    }
    patterns
}
