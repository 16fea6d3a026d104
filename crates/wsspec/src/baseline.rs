//! The baseline: brings the known violations of a `server.toml` up to date
//! with what a run has found.
//!
//! What the file says by hand stays: comments, order, `why`, `upstream`.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::cases;
use crate::known::{KnownViolation, matches};
use crate::report::is_violation;
use crate::select::folded;
use crate::target::Server;
use crate::verdict::Outcome;

/// What came out of the cases, by variant and id.
pub type Outcomes = BTreeMap<String, BTreeMap<&'static str, Outcome>>;

/// A file that is brought up to date.
#[derive(Debug, PartialEq, Eq)]
pub struct Updated {
    /// Its text.
    pub text: String,
    /// What has changed in it, a line each.
    pub told: Vec<String>,
}

/// Brings the text of the `server.toml` that `server` was read from up to
/// date. With `strict` what is no MUST is taken in, too.
///
/// What did not run in all variants that an entry is about leaves it alone.
///
/// # Errors
///
/// A text that is no TOML.
pub fn update(
    text: &str,
    server: &Server,
    outcomes: &Outcomes,
    strict: bool,
) -> Result<Updated, toml_edit::TomlError> {
    let all = server
        .variant
        .keys()
        .map(String::as_str)
        .collect();
    let baseline = Baseline {
        known: &server.known_violation,
        all,
        outcomes,
        strict,
    };
    baseline.update(text)
}

/// What is known, and what has come out.
struct Baseline<'a> {
    known: &'a [KnownViolation],
    /// The names of all variants.
    all: BTreeSet<&'a str>,
    outcomes: &'a Outcomes,
    strict: bool,
}

/// The ids of cases with the variants that they are about.
type ByVariants = BTreeMap<BTreeSet<String>, Vec<String>>;

impl Baseline<'_> {
    fn update(&self, text: &str) -> Result<Updated, toml_edit::TomlError> {
        let mut document: DocumentMut = text.parse()?;
        let mut told = Vec::new();
        let mut is_other = false;
        let mut new = Vec::new();
        // Also where they are written inline.
        let entries = document.remove("known-violation");
        let entries = entries.map(Item::into_array_of_tables);
        let mut entries = match entries {
            Some(Ok(entries)) => entries,
            _ => ArrayOfTables::new(),
        };
        let mut gone = Vec::new();
        for (at, known) in self.known.iter().enumerate() {
            let Some(entry) = entries.get_mut(at) else {
                break;
            };
            let kept = self.kept(known, &mut new, &mut told);
            if kept.is_empty() {
                gone.push(at);
            } else if kept != known.case.as_slice() {
                keep_cases(entry, &kept);
            } else {
                continue;
            }
            is_other = true;
        }
        for at in gone.into_iter().rev() {
            remove(&mut entries, at);
        }
        let fails =
            |it| it != Outcome::Blocked && is_violation(it, self.strict);
        for (variants, ids) in self.unknown(fails) {
            for ids in by_rule(&ids) {
                told.push(format!("new    {}", ids.join(", ")));
                let mut entry = Table::new();
                self.fill(&mut entry, &variants, &ids, "");
                new.push(entry);
            }
        }
        // What is blocked is not broken, but it fails a run as well.
        for (variants, ids) in self.unknown(|it| it == Outcome::Blocked) {
            for ids in by_rule(&ids) {
                told.push(format!("new    {} (not judged)", ids.join(", ")));
                let mut entry = Table::new();
                self.fill(&mut entry, &variants, &ids, "");
                entry.decor_mut().set_prefix(NOT_JUDGED);
                new.push(entry);
            }
        }
        if new.is_empty() && !is_other {
            return Ok(Updated {
                text: text.to_owned(),
                told,
            });
        }
        for entry in new {
            entries.push(entry);
        }
        if !entries.is_empty() {
            let item = Item::ArrayOfTables(entries);
            document.insert("known-violation", item);
        }
        Ok(Updated {
            text: document.to_string(),
            told,
        })
    }

    /// The patterns of an entry that still name what is broken. Where a case
    /// holds in one variant and not in another, the other gets an entry of its
    /// own.
    fn kept(
        &self,
        known: &KnownViolation,
        new: &mut Vec<Table>,
        told: &mut Vec<String>,
    ) -> Vec<String> {
        let patterns = known.case.as_slice();
        let ran: Vec<_> = self
            .outcomes
            .keys()
            .filter(|variant| known.is_for(variant))
            .collect();
        let about_all = self
            .all
            .iter()
            .filter(|variant| known.is_for(variant))
            .all(|variant| ran.iter().any(|it| it == variant));
        // What is not known of all of them is left alone.
        if known.intermittent.is_some() || !about_all {
            return patterns.to_vec();
        }
        let mut kept = Vec::new();
        let mut apart = ByVariants::new();
        for pattern in patterns {
            let mut broken = Vec::new();
            let mut all_are = true;
            let ids = cases::all().map(|case| case.id);
            let ids: Vec<_> = ids.filter(|id| matches(pattern, id)).collect();
            if ids.is_empty() {
                told.push(format!("gone   {pattern}: there is no such case"));
                kept.push(pattern.clone());
                continue;
            }
            for id in ids {
                let of = |holds: bool| -> BTreeSet<String> {
                    let variants = ran.iter();
                    variants
                        .filter(|variant| self.holds(variant, id) == holds)
                        .map(|variant| (*variant).clone())
                        .collect()
                };
                let (holds, breaks) = (of(true), of(false));
                if holds.is_empty() {
                    broken.push(id.to_owned());
                    continue;
                }
                all_are = false;
                told.push(format!("holds  {id}"));
                if !breaks.is_empty() {
                    apart
                        .entry(breaks)
                        .or_default()
                        .push(id.to_owned());
                }
            }
            match all_are && !broken.is_empty() {
                true => kept.push(pattern.clone()),
                false => kept.extend(broken),
            }
        }
        let mut seen = BTreeSet::new();
        kept.retain(|pattern| seen.insert(pattern.clone()));
        for (variants, ids) in apart {
            let mut entry = Table::new();
            self.fill(&mut entry, &variants, &ids, &known.why);
            let threads = known.upstream.as_slice();
            if !threads.is_empty() {
                entry["upstream"] = value(list(threads));
            }
            new.push(entry);
        }
        kept
    }

    /// Whether a case passes in a variant: then an entry for it is stale.
    fn holds(&self, variant: &str, id: &str) -> bool {
        let outcomes = self.outcomes.get(variant);
        outcomes.and_then(|it| it.get(id)) == Some(&Outcome::Pass)
    }

    /// What came out like this and no entry names, by the variants in which it
    /// did.
    fn unknown(&self, is_wanted: impl Fn(Outcome) -> bool) -> ByVariants {
        let mut by_id: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (variant, outcomes) in self.outcomes {
            for (id, outcome) in outcomes {
                let is_known = || {
                    self.known.iter().any(|entry| {
                        entry.is_for(variant) && entry.case.names(id)
                    })
                };
                if is_wanted(*outcome) && !is_known() {
                    by_id
                        .entry(id)
                        .or_default()
                        .insert(variant.clone());
                }
            }
        }
        let mut by_variants = ByVariants::new();
        for id in cases::all().map(|case| case.id) {
            if let Some(variants) = by_id.remove(id) {
                by_variants
                    .entry(variants)
                    .or_default()
                    .push(id.to_owned());
            }
        }
        by_variants
    }

    fn fill(
        &self,
        entry: &mut Table,
        variants: &BTreeSet<String>,
        ids: &[String],
        why: &str,
    ) {
        let is_all = self.all.iter().all(|it| variants.contains(*it));
        if !is_all {
            let variants: Vec<_> = variants.iter().cloned().collect();
            entry["variant"] = match &variants[..] {
                [only] => value(only),
                several => value(list(several)),
            };
        }
        set_cases(entry, ids);
        entry["why"] = value(why);
    }
}

/// Goes before an entry for a case that could not be judged.
const NOT_JUDGED: &str = "
# It could not be judged: the server refused what the case begins with, or did
# not answer in time. If that changes from run to run, say why in intermittent.
";

/// Ids of one rule belong together; a whole family of cases is one pattern.
fn by_rule(ids: &[String]) -> Vec<Vec<String>> {
    let rule = |id: &String| -> String {
        id.split('/')
            .take(3)
            .collect::<Vec<_>>()
            .join("/")
    };
    let mut rules: Vec<(String, Vec<&str>)> = Vec::new();
    for id in ids {
        let rule = rule(id);
        match rules.iter_mut().find(|(it, _)| *it == rule) {
            Some((_, ids)) => ids.push(id),
            None => rules.push((rule, vec![id])),
        }
    }
    rules
        .into_iter()
        .map(|(_, ids)| {
            let patterns = folded(&ids, 3).into_iter();
            patterns.map(|(pattern, _)| pattern).collect()
        })
        .collect()
}

/// Takes away the patterns that are not kept; those that are stay as they are
/// written, with their comments.
fn keep_cases(entry: &mut Table, kept: &[String]) {
    let Some(list) = entry.get_mut("case").and_then(Item::as_array_mut) else {
        return set_cases(entry, kept);
    };
    let is_there = |wanted: &String| {
        let mut texts = list.iter().filter_map(|it| it.as_str());
        texts.any(|text| text == wanted)
    };
    if !kept.iter().all(is_there) {
        return set_cases(entry, kept);
    }
    list.retain(|it| {
        it.as_str()
            .is_some_and(|text| kept.iter().any(|it| it == text))
    });
}

/// Removes an entry; the comment before it may be about more, and stays.
fn remove(entries: &mut ArrayOfTables, at: usize) {
    let prefix = entries
        .get(at)
        .and_then(|entry| entry.decor().prefix()?.as_str())
        .filter(|prefix| prefix.contains('#'))
        .map(str::to_owned);
    entries.remove(at);
    if let (Some(prefix), Some(next)) = (prefix, entries.get_mut(at)) {
        let own = next.decor().prefix().and_then(|it| it.as_str());
        let own = own.unwrap_or_default().to_owned();
        next.decor_mut().set_prefix(prefix + &own);
    }
}

fn set_cases(entry: &mut Table, ids: &[String]) {
    entry["case"] = match ids {
        [only] => value(only),
        several => value(list(several)),
    };
}

/// One a line, if there is more than one.
fn list(texts: &[String]) -> Array {
    let mut list: Array = texts.iter().collect();
    if texts.len() > 1 {
        for item in list.iter_mut() {
            item.decor_mut().set_prefix("\n    ");
        }
        list.set_trailing("\n");
        list.set_trailing_comma(true);
    }
    list
}
