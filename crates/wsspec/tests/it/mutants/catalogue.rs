//! Which mutant fails which cases, as `catalogue.txt` lists them.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use wsspec::case::Case;
use wsspec::known::matches;
use wsspec::select::folded_without;
use wsspec_reference::Defect;

const TEXT: &str = include_str!("catalogue.txt");

const AUTOBAHN: &str = "(carries a case of Autobahn's)";

type List = Vec<&'static str>;

/// Each mutant with the patterns of the cases that it fails, in the order of
/// the file.
pub(super) static MUTANTS: LazyLock<Vec<(Defect, List)>> =
    LazyLock::new(|| {
        let blocks = blocks().filter(|(head, _)| !is_group(head));
        let mutants = blocks.map(|(head, listed)| {
            let mut all = Defect::ALL.iter();
            let defect = all.find(|it| format!("{it:?}") == head);
            let defect = defect
                .unwrap_or_else(|| panic!("catalogue.txt: no defect {head}"));
            (*defect, listed)
        });
        mutants.collect()
    });

/// What the words in parentheses stand for.
static GROUPS: LazyLock<BTreeMap<&'static str, List>> = LazyLock::new(|| {
    blocks()
        .filter(|(head, _)| is_group(head))
        .collect()
});

fn is_group(head: &str) -> bool {
    head.starts_with('(')
}

/// The heads of the file, each with the patterns under it.
fn blocks() -> impl Iterator<Item = (&'static str, List)> {
    let mut blocks: Vec<(&str, List)> = Vec::new();
    for line in TEXT.lines() {
        let words = line.trim();
        if words.is_empty() || words.starts_with('#') {
            continue;
        }
        match (line.starts_with(' '), blocks.last_mut()) {
            (true, Some((_, listed))) => listed.push(words),
            _ => blocks.push((words, List::new())),
        }
    }
    blocks.into_iter()
}

/// The last pattern that matches decides; `!` takes away.
pub(super) fn is_listed(patterns: &[&str], case: &Case) -> bool {
    patterns.iter().fold(false, |listed, pattern| {
        match pattern.strip_prefix('!') {
            Some(pattern) => listed && !names(pattern, case),
            None => listed || names(pattern, case),
        }
    })
}

/// Whether a pattern is one for the id, or stands for every case of a kind.
pub(super) fn names(pattern: &str, case: &Case) -> bool {
    match (pattern, GROUPS.get(pattern)) {
        (AUTOBAHN, _) => case.autobahn.is_some(),
        (_, Some(group)) => is_listed(group, case),
        (pattern, None) => matches(pattern, case.id),
    }
}

/// The patterns of groups and mutants that name no case, each with its head.
pub(super) fn names_nothing()
-> impl Iterator<Item = (&'static str, &'static str)> {
    let listed = blocks().flat_map(|(head, listed)| {
        listed.into_iter().map(move |it| (head, it))
    });
    listed.filter(|(_, pattern)| {
        let pattern = pattern.trim_start_matches('!');
        !wsspec::cases::all().any(|case| names(pattern, case))
    })
}

/// The cases that a mutant fails and those that it passes.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) fails: Vec<&'static Case>,
    pub(super) passes: Vec<&'static Case>,
}

/// Writes the file anew for these mutants.
pub(super) fn write(found: &BTreeMap<Defect, Found>) {
    let found: BTreeMap<_, _> = found
        .iter()
        .map(|(defect, found)| (format!("{defect:?}"), found))
        .collect();
    let mut text = String::new();
    let mut lines = TEXT.lines().peekable();
    while let Some(line) = lines.next() {
        text += &format!("{line}\n");
        let Some(found) = found.get(line) else {
            continue;
        };
        let mut listed = List::new();
        while let Some(line) = lines.next_if(|it| it.starts_with(' ')) {
            listed.push(line.trim());
        }
        for pattern in anew(&listed, found) {
            text += &format!("    {pattern}\n");
        }
    }
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/mutants/catalogue.txt"
    );
    fs::write(path, text).expect("catalogue.txt is written");
}

/// A list for what was found, with as much as is right of the one that was
/// there.
fn anew(listed: &[&str], found: &Found) -> Vec<String> {
    let count = |pattern: &str, cases: &[&'static Case]| {
        let named = cases.iter().filter(|case| names(pattern, case));
        named.count()
    };
    let mut patterns: Vec<String> = listed
        .iter()
        .filter(|pattern| match pattern.strip_prefix('!') {
            Some(pattern) => {
                count(pattern, &found.fails) == 0
                    && count(pattern, &found.passes) > 0
            }
            None => {
                pattern.starts_with('#')
                    || count(pattern, &found.fails)
                        > count(pattern, &found.passes)
            }
        })
        .map(|pattern| (*pattern).to_owned())
        .collect();
    let is_listed = |patterns: &[String], case: &Case| {
        let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
        is_listed(&patterns, case)
    };
    let (fails, passes) = (&found.fails, &found.passes);
    let missing: Vec<_> = fails
        .iter()
        .filter(|case| !is_listed(&patterns, case))
        .copied()
        .collect();
    patterns.extend(folded(&missing, passes));
    let wrong: Vec<_> = passes
        .iter()
        .filter(|case| is_listed(&patterns, case))
        .copied()
        .collect();
    let taken_away = folded(&wrong, fails);
    patterns.extend(taken_away.map(|it| format!("!{it}")));
    patterns
}

/// Patterns that name all of the first cases and none of the second.
fn folded(
    cases: &[&'static Case],
    others: &[&'static Case],
) -> impl Iterator<Item = String> {
    let ids = |cases: &[&'static Case]| -> Vec<_> {
        cases.iter().map(|case| case.id).collect()
    };
    let patterns = folded_without(&ids(cases), &ids(others), 2);
    patterns.into_iter().map(|(pattern, _)| pattern)
}
