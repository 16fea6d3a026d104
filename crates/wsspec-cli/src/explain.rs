//! `wsspec list` and `wsspec explain`: what there is, without a server.

use std::fmt::Write as _;

use wsspec::explain::explanation;
use wsspec::{Case, Selection};

use crate::arguments::{Explain, Select};
use crate::{Exit, print, selected};

/// One line a case: level, id, Autobahn's id.
pub(crate) fn list(select: &Select) -> Exit {
    let mut text = String::new();
    for case in selected(&select.selection()) {
        let carries = case
            .autobahn
            .map(|id| format!("  (Autobahn {id})"))
            .unwrap_or_default();
        _ = writeln!(text, "{:8}  {}{carries}", case.level, case.id);
    }
    print(text.as_bytes(), Exit::AsExpected)
}

pub(crate) fn explain(arguments: &Explain) -> Exit {
    let selection = Selection {
        cases: arguments.cases.clone(),
        ..Selection::default()
    };
    let explained: Vec<_> = selected(&selection)
        .iter()
        .map(|case| explained(case))
        .collect();
    print(explained.join("\n").as_bytes(), Exit::AsExpected)
}

fn explained(case: &Case) -> String {
    let bold = anstyle::Style::new().bold();
    let mut text = format!("{bold}{}{bold:#}  {}\n", case.id, case.level);
    _ = writeln!(text, "{}", case.rule());
    let clauses = case.clauses().map(|clause| {
        let (id, level) = (clause.id, clause.level);
        format!("{id}  {level}: {}\n{}", clause.rule, clause.url())
    });
    section(&mut text, "rules", clauses);
    section(&mut text, "Autobahn", case.autobahn.map(str::to_owned));
    if let Some(explanation) = explanation(case.id) {
        let owned = |lines: &[&str]| -> Vec<String> {
            lines
                .iter()
                .map(|line| (*line).to_owned())
                .collect()
        };
        section(
            &mut text,
            "what it sends (>), and what a server that keeps the rule answers",
            owned(&explanation.conversation),
        );
        section(&mut text, "what it accepts", owned(&explanation.accepts));
        section(&mut text, "bugs that it finds", owned(&explanation.bugs));
    }
    section(&mut text, "seen in", case.seen.map(str::to_owned));
    text
}

fn section(
    text: &mut String,
    heading: &str,
    items: impl IntoIterator<Item = String>,
) {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return;
    }
    _ = writeln!(text, "\n  {heading}");
    for line in items.flat_map(|item| {
        let lines = item.split('\n').map(str::to_owned);
        lines.collect::<Vec<_>>()
    }) {
        _ = writeln!(text, "    {line}");
    }
}
