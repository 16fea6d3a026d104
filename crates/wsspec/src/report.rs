//! Results as text: for a terminal, and for a table that is checked in.
//!
//! What is meant for a terminal carries ANSI styles; whoever prints it where
//! none are wanted strips them.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::PoisonError;

use anstyle::{AnsiColor, Style};

use crate::runner::Judged;
use crate::verdict::{Finding, Level, Outcome};

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

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judged {
            case,
            outcome,
            finding,
            note,
            ..
        } = self.0;
        let paint = style(*outcome);
        writeln!(f, "{paint}{outcome}{paint:#} {}", case.id)?;
        writeln!(f, "  rule      {}", case.rule())?;
        for clause in case.clauses() {
            let (section, level) = (clause.section(), clause.level);
            writeln!(f, "            {level}, {section}: {}", clause.rule)?;
        }
        match finding {
            Some(Finding::Violation { expected, got }) => {
                writeln!(f, "  expected  {expected}")?;
                writeln!(f, "  got       {got}")?;
            }
            Some(Finding::Observed(what)) => writeln!(f, "  observed  {what}")?,
            Some(Finding::Unsupported(why) | Finding::Blocked(why)) => {
                writeln!(f, "  because   {why}")?;
            }
            None => {}
        }
        if let Some(note) = note {
            writeln!(f, "  note      {note}")?;
        }
        let mut heading = "trace";
        for line in trace(self.0) {
            writeln!(f, "  {heading:9} {line}")?;
            heading = "";
        }
        Ok(())
    }
}

fn trace(judged: &Judged) -> Vec<String> {
    let mut lines = Vec::new();
    let heads = judged.case.is_about_handshake();
    // A case about the handshake first makes sure that a right one succeeds;
    // the last connection is the one that it is about.
    let skipped = if heads {
        judged.records.len().saturating_sub(1)
    } else {
        0
    };
    for record in judged.records.iter().skip(skipped) {
        let record = record
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        lines.extend(record.trace(heads));
    }
    if lines.len() > MOST_LINES {
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
    pub fn of<'a>(judged: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut counts = BTreeMap::new();
        for judged in judged {
            let key = (judged.case.level, judged.outcome);
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
