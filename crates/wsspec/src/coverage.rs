//! What is tested: each rule with its cases or the reason why it has none, and
//! each case of Autobahn|Testsuite with the one that carries it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::case::Case;
use crate::clauses::{self, Clause};
use crate::known::matches;

/// What tests a rule.
#[derive(Debug)]
pub enum Coverage {
    /// These cases.
    Cases(Vec<&'static Case>),
    /// Nothing, for this reason.
    Nothing(&'static str),
    /// Nothing, and nobody says why: a gap in `data/not-tested.tsv`.
    Unexplained,
}

/// Every rule with what tests it.
pub fn rules() -> impl Iterator<Item = (&'static Clause, Coverage)> {
    let mut by_clause: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in crate::cases::all() {
        for id in case.clauses {
            by_clause.entry(id).or_default().push(case);
        }
    }
    clauses::all().map(move |clause| {
        let coverage = match by_clause.remove(clause.id) {
            Some(cases) => Coverage::Cases(cases),
            None => reason(clause.id)
                .map_or(Coverage::Unexplained, Coverage::Nothing),
        };
        (clause, coverage)
    })
}

/// The lines of `data/not-tested.tsv`: which rules, and why.
pub fn not_tested() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../data/not-tested.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
}

fn reason(id: &str) -> Option<&'static str> {
    not_tested()
        .find(|(pattern, _)| matches(pattern, id))
        .map(|(_, reason)| reason)
}

/// Every id of Autobahn|Testsuite 25.10.1 in its order, with the case that
/// carries it.
#[must_use]
pub fn autobahn() -> Vec<(&'static str, &'static Case)> {
    let mut all: Vec<_> = crate::cases::all()
        .filter_map(|case| Some((case.autobahn?, case)))
        .collect();
    all.sort_by_cached_key(|(id, _)| {
        let parts = id
            .split('.')
            .map(|part| part.parse().unwrap_or(0));
        parts.collect::<Vec<u16>>()
    });
    all
}

/// All of it as a page of Markdown.
#[must_use]
pub fn page() -> String {
    let rules: Vec<_> = rules().collect();
    let tested = rules
        .iter()
        .filter(|(_, coverage)| matches!(coverage, Coverage::Cases(_)));
    let autobahn = autobahn();
    let mut page = format!(
        "{} cases test {} of the {} rules, and carry all {} cases of \
         Autobahn|Testsuite.\n\n## Rules\n\n\
         `/*` stands for all cases whose ids begin so; *implied* is a rule \
         that the RFC states without capitals.\n",
        crate::cases::all().count(),
        tested.count(),
        rules.len(),
        autobahn.len(),
    );
    let mut section = String::new();
    for (clause, coverage) in &rules {
        if clause.section() != section {
            section = clause.section();
            _ = write!(
                page,
                "\n### [{section}]({})\n\n| rule | | tested by |\n|---|---|---|\n",
                clause.url()
            );
        }
        let by = match coverage {
            Coverage::Cases(cases) => families(cases).join("<br>"),
            Coverage::Nothing(reason) => format!("– {reason}"),
            Coverage::Unexplained => "– no reason given".to_owned(),
        };
        _ = writeln!(
            page,
            "| `{}` {} | {} | {by} |",
            clause.id,
            clause.rule.replace('|', "\\|"),
            clause.level
        );
    }
    page += "\n## Autobahn|Testsuite\n\n| its case | carried by |\n|---|---|\n";
    for (id, case) in autobahn {
        _ = writeln!(page, "| {id} | `{}` |", case.id);
    }
    page
}

/// Ids of cases, with one line for those that differ only in the last part.
fn families(cases: &[&Case]) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for case in cases {
        let family = match case.id.split('/').count() {
            4.. => case
                .id
                .rsplit_once('/')
                .map_or(case.id, |(it, _)| it),
            _ => case.id,
        };
        match lines.iter_mut().find(|(line, _)| line == family) {
            Some((_, count)) => *count += 1,
            None => lines.push((family.to_owned(), 1)),
        }
    }
    let whole = |family: &str| {
        let begins = |case: &&Case| {
            case.id
                .strip_prefix(family)
                .is_some_and(|it| it.starts_with('/'))
        };
        crate::cases::all().filter(begins).count()
    };
    lines
        .into_iter()
        .flat_map(|(family, count)| match whole(&family) {
            0 => vec![format!("`{family}`")],
            all if all == count => vec![format!("`{family}/*`")],
            _ => cases
                .iter()
                .filter(|case| {
                    case.id
                        .rsplit_once('/')
                        .is_some_and(|it| it.0 == family)
                })
                .map(|case| format!("`{}`", case.id))
                .collect(),
        })
        .collect()
}
