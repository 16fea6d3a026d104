//! Results as text: for a terminal, and for a table that is checked in.
//!
//! What is meant for a terminal carries ANSI styles; whoever prints it where
//! none are wanted strips them.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::PoisonError;

use anstyle::{AnsiColor, Style};

use crate::clauses::clause;
use crate::results::CaseResult;
use crate::runner::Judged;
use crate::verdict::{Level, Outcome};

/// A trace of more lines is shortened in the middle.
const MOST_LINES: usize = 24;

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => AnsiColor::Green.on_default(),
        Outcome::Fail | Outcome::Stale | Outcome::Broken => {
            AnsiColor::Red.on_default().bold()
        }
        Outcome::NonStrict | Outcome::Blocked => {
            AnsiColor::Yellow.on_default().bold()
        }
        Outcome::Known => AnsiColor::Yellow.on_default(),
        Outcome::Info | Outcome::Unsupported => AnsiColor::Cyan.on_default(),
    }
}

/// Everything that a stranger needs to know of a case that does not pass: the
/// rule and its clauses, what was expected, what came, and the trace.
#[derive(Debug)]
pub struct Explained<'a>(pub &'a Judged);

/// The same from results that have been written down.
#[derive(Debug)]
pub struct ExplainedResult<'a>(pub &'a CaseResult);

/// The same without the trace.
#[derive(Debug)]
pub struct WithoutTrace(CaseResult);

/// The same of results that have been written down.
#[derive(Debug)]
pub struct Short<'a>(pub &'a CaseResult);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        explain(self.0, f)
    }
}

impl Explained<'_> {
    /// The same without the trace.
    #[must_use]
    pub fn without_trace(&self) -> WithoutTrace {
        WithoutTrace(CaseResult::of(self.0))
    }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ExplainedResult(&CaseResult::of(self.0)).fmt(f)
    }
}

impl fmt::Display for WithoutTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        explain(&self.0, f)
    }
}

impl fmt::Display for ExplainedResult<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        explain(self.0, f)?;
        let mut heading = "trace";
        for line in &self.0.trace {
            writeln!(f, "  {heading:9} {line}")?;
            heading = "";
        }
        Ok(())
    }
}

fn explain(case: &CaseResult, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let outcome = case.outcome;
    let paint = style(outcome);
    writeln!(f, "{paint}{outcome}{paint:#} {}", case.id)?;
    writeln!(f, "  rule      {}", case.rule)?;
    for clause in case.clauses.iter().filter_map(|id| clause(id)) {
        let (section, level) = (clause.section(), clause.level);
        writeln!(f, "            {level}, {section}: {}", clause.rule)?;
    }
    if let Some(expected) = &case.expected {
        writeln!(f, "  expected  {expected}")?;
    }
    if let Some(got) = &case.got {
        let heading = match outcome {
            Outcome::Info => "observed",
            Outcome::Unsupported | Outcome::Blocked => "because",
            _ => "got",
        };
        writeln!(f, "  {heading:9} {got}")?;
    }
    if let Some(note) = &case.note {
        writeln!(f, "  note      {note}")?;
    }
    Ok(())
}

/// The trace of the connection that a case is about, shortened in the middle.
pub(crate) fn trace(judged: &Judged) -> Vec<String> {
    let heads = judged.case.is_about_handshake();
    let mut traces = judged.records.iter().filter_map(|record| {
        let record = record
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (!record.is_aside()).then(|| record.trace(heads))
    });
    // A case about the handshake first makes sure that a right one succeeds;
    // the last connection is the one that it is about.
    let mut lines = match heads {
        true => traces.next_back().unwrap_or_default(),
        false => traces.flatten().collect(),
    };
    // One line is not shortened by another.
    if lines.len() > MOST_LINES + 1 {
        let cut = lines.len() - MOST_LINES;
        let middle = MOST_LINES / 2;
        lines.splice(middle..middle + cut, [format!("… {cut} lines …")]);
    }
    lines
}

/// How many cases of each level came out how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<(Level, Outcome), usize>);

impl Counts {
    /// Counts results.
    #[must_use]
    pub fn of(results: impl IntoIterator<Item = (Level, Outcome)>) -> Self {
        let mut counts = BTreeMap::new();
        for key in results {
            *counts.entry(key).or_default() += 1;
        }
        Self(counts)
    }

    /// How many came out like this, over all levels.
    #[must_use]
    pub fn total(&self, outcome: Outcome) -> usize {
        let all = self.0.iter();
        all.filter(|((_, it), _)| *it == outcome)
            .map(|(_, count)| count)
            .sum()
    }
}

/// One line a level.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = BTreeMap::<Level, String>::new();
        for ((level, outcome), count) in &self.0 {
            let line = lines.entry(*level).or_default();
            let paint = style(*outcome);
            let _infallible =
                write!(line, "  {count:4} {paint}{outcome}{paint:#}");
        }
        for (level, line) in lines {
            writeln!(f, "  {level:9}{line}")?;
        }
        Ok(())
    }
}

/// Whether an outcome is one that a run should fail for.
///
/// `strict` adds the rules that are no MUST.
#[must_use]
pub fn is_violation(outcome: Outcome, strict: bool) -> bool {
    match outcome {
        Outcome::Fail | Outcome::Stale | Outcome::Blocked => true,
        Outcome::NonStrict => strict,
        _ => false,
    }
}

/// Whether a run should not end well for it: a violation, or our own fault.
#[must_use]
pub fn fails(outcome: Outcome, strict: bool) -> bool {
    outcome == Outcome::Broken || is_violation(outcome, strict)
}

/// Results of one server under its name, for a table of several.
pub type Column<'a> = (&'a str, &'a [Judged]);

/// The chapters as rows and the servers as columns, in Markdown: how many of
/// the chapter's cases hold, of how many that judge.
#[must_use]
pub fn chapters_table(columns: &[Column<'_>]) -> String {
    counts_table(columns, "", chapter, str::to_owned)
}

/// The same with a row for each section.
#[must_use]
pub fn sections_table(columns: &[Column<'_>]) -> String {
    counts_table(columns, "section", section, named)
}

fn counts_table<'a>(
    columns: &[Column<'a>],
    heading: &str,
    row_of: fn(&'a str) -> &'a str,
    name: fn(&str) -> String,
) -> String {
    let judging: Vec<_> = columns
        .iter()
        .map(|(_, judged)| {
            let judged: &'a [Judged] = judged;
            judged.iter().filter(|it| judges(it)).collect()
        })
        .collect::<Vec<Vec<&'a Judged>>>();
    let all_rows = unique(columns, |judged| row_of(judged.case.id));
    let rows = all_rows.into_iter().filter_map(|row| {
        let cells: Vec<_> = judging
            .iter()
            .map(|column| {
                let in_row = |it: &&Judged| row_of(it.case.id) == row;
                held(column.iter().copied().filter(in_row))
            })
            .collect();
        let is_judged = cells.iter().any(|cell| cell != "–");
        is_judged.then(|| (name(row), cells))
    });
    table(columns, heading, rows)
}

/// How many of these cases hold, of how many that judge, for a table in
/// Markdown: bold where not all do, a dash where none judges.
#[must_use]
pub fn held<'a>(judged: impl Iterator<Item = &'a Judged>) -> String {
    let (mut all, mut broken) = (0, 0);
    for judged in judged.filter(|it| judges(it)) {
        all += 1;
        broken += usize::from(is_broken(judged));
    }
    match (all, broken) {
        (0, _) => "–".to_owned(),
        (_, 0) => format!("{all}"),
        _ => format!("**{}**/{all}", all - broken),
    }
}

/// The rules that at least one server breaks as rows and the servers as
/// columns, in Markdown.
#[must_use]
pub fn broken_table(columns: &[Column<'_>]) -> String {
    let rules: Vec<_> = unique(columns, |judged| rule(judged.case.id))
        .into_iter()
        .filter(|row| {
            let mut all = columns.iter().flat_map(|(_, judged)| *judged);
            all.any(|it| rule(it.case.id) == *row && is_broken(it))
        })
        .collect();
    table(
        columns,
        "rule",
        rules.into_iter().map(|row| {
            let mut level = Level::Guidance;
            let cells = columns.iter().map(|(_, judged)| {
                let of_row: Vec<_> = judged
                    .iter()
                    .filter(|it| rule(it.case.id) == row && judges(it))
                    .collect();
                level = of_row
                    .iter()
                    .fold(level, |it, of| it.min(of.case.level));
                let broken = of_row.iter().filter(|it| is_broken(it)).count();
                match (broken, of_row.len()) {
                    (_, 0) => "–".to_owned(),
                    (0, _) => "✓".to_owned(),
                    (1, 1) => "✗".to_owned(),
                    // A no-break space: the cells are narrow.
                    (broken, all) => format!("✗\u{a0}{broken}/{all}"),
                }
            });
            let cells: Vec<_> = cells.collect();
            (format!("{level} {}", named(row)), cells)
        }),
    )
}

/// What one server breaks and why, as a list in Markdown; empty if nothing.
#[must_use]
pub fn broken_list(judged: &[Judged]) -> String {
    let mut list = String::new();
    let mut last = None;
    for judged in judged.iter().filter(|judged| is_broken(judged)) {
        let this = (rule(judged.case.id), judged.note.as_deref());
        if last == Some(this) {
            continue;
        }
        last = Some(this);
        let (level, why) = (judged.case.level, this.1.unwrap_or("not known"));
        let rule = named(this.0);
        let _infallible = write!(list, "- {level} {rule}: {why}");
        for link in &judged.upstream {
            let thread = link.trim_start_matches("https://github.com/");
            let _infallible = write!(list, " ([{thread}]({link}))");
        }
        list += ".\n";
    }
    list
}

/// Whether the case says that its rule holds or that it does not.
fn judges(judged: &Judged) -> bool {
    !matches!(judged.outcome, Outcome::Info | Outcome::Unsupported)
}

fn is_broken(judged: &Judged) -> bool {
    !matches!(
        judged.outcome,
        Outcome::Pass | Outcome::Info | Outcome::Unsupported | Outcome::Stale
    )
}

/// What a section is about, in a few words.
fn chapter(id: &str) -> &str {
    let (rfc, rest) = id.split_once('/').unwrap_or((id, ""));
    let first = rest.split(['.', '/']).next().unwrap_or_default();
    match (rfc, first) {
        ("6455", "4") => "opening handshake (RFC 6455 §4)",
        ("6455", "5") => "framing (§5)",
        ("6455", "7") => "closing (§7)",
        ("6455", "8") => "text (§8)",
        ("6455", _) => "extensions, limits, TLS (§9, §10)",
        ("7692", _) => "permessage-deflate (RFC 7692)",
        ("8441" | "9220", _) => "WebSocket over HTTP/2 (RFC 8441)",
        ("hostile", _) => "hostile clients (advice)",
        _ => "HTTP around the upgrade (RFC 9110, 9112)",
    }
}

/// `6455/5.5.2` of `6455/5.5.2/ping-is-answered/empty`.
fn section(id: &str) -> &str {
    up_to_part(id, 2)
}

/// `6455/5.5.2/ping-is-answered` of `6455/5.5.2/ping-is-answered/empty`.
fn rule(id: &str) -> &str {
    up_to_part(id, 3)
}

/// `§5.5.2 ping-is-answered` of `6455/5.5.2/ping-is-answered`; the words can
/// break at their hyphens.
fn named(id: &str) -> String {
    let mut parts = id.splitn(3, '/');
    let rfc = parts.next().unwrap_or_default();
    let section = parts.next().unwrap_or_default();
    match parts.next() {
        None if rfc == "hostile" => format!("hostile: {section}"),
        Some(rule) if rfc == "hostile" => format!("{section} {rule}"),
        None => format!("RFC {rfc} §{section}"),
        Some(rule) if rfc == "6455" => format!("§{section} {rule}"),
        Some(rule) => format!("RFC {rfc} §{section} {rule}"),
    }
}

fn up_to_part(id: &str, parts: usize) -> &str {
    let end = id.match_indices('/').nth(parts - 1);
    end.map_or(id, |(end, _)| &id[..end])
}

/// What the cases have in common, once each, in the order of the cases.
fn unique<'a>(
    columns: &[Column<'a>],
    of: impl Fn(&'a Judged) -> &'a str,
) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for judged in columns.iter().flat_map(|(_, judged)| *judged) {
        let it = of(judged);
        if !seen.contains(&it) {
            seen.push(it);
        }
    }
    seen
}

fn table(
    columns: &[Column<'_>],
    heading: &str,
    rows: impl Iterator<Item = (String, Vec<String>)>,
) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("| {heading} | {} |\n", names.join(" | "));
    text += &format!("|---|{}\n", "--:|".repeat(names.len()));
    for (row, cells) in rows {
        let _infallible = writeln!(text, "| {row} | {} |", cells.join(" | "));
    }
    text
}
