//! Markdown: tables, lists, numbers, and text that stays text.

use std::fmt::Write as _;

use crate::stats::Interval;

pub(super) fn heading(text: &str) -> String {
    format!("\n## {}\n\n", escape(text))
}

/// A table of cells that are Markdown: the first column to the left, the
/// others, which are numbers, to the right.
pub(super) fn table(heads: &[&str], rows: Vec<Vec<String>>) -> String {
    let right = heads.len().saturating_sub(1);
    aligned(heads, &format!("---|{}", "--:|".repeat(right)), &rows)
}

/// The same, with all columns to the left.
pub(super) fn left_table(heads: &[&str], rows: Vec<Vec<String>>) -> String {
    aligned(heads, &"---|".repeat(heads.len()), &rows)
}

fn aligned(heads: &[&str], rule: &str, rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|{rule}\n", heads.join(" | "));
    for row in rows {
        _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// A list of names with reasons, and what it is about; nothing of none.
pub(super) fn reasons<'a>(
    about: &str,
    reasons: impl Iterator<Item = (&'a str, String)>,
) -> String {
    let mut text = String::new();
    for (name, why) in reasons {
        if text.is_empty() {
            text = format!("\n{about}\n\n");
        }
        _ = writeln!(text, "- {}: {}", escape(name), escape(&why));
    }
    text
}

/// Words with commas between them; `None` of none.
pub(super) fn listed(words: impl Iterator<Item = String>) -> Option<String> {
    let words: Vec<_> = words.collect();
    (!words.is_empty()).then(|| words.join(", "))
}

pub(super) fn interval(interval: Interval) -> String {
    let median = interval.median;
    match interval.ends() {
        Some((low, high)) => format!("{median:.2} [{low:.2}, {high:.2}]"),
        None => format!("{median:.2}"),
    }
}

pub(super) fn percent(part: Option<f64>) -> String {
    part.map_or_else(missing, |part| format!("{:.0} %", part * 100.0))
}

pub(super) fn number(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(missing, |number| format!("{number:.digits$}"))
}

pub(super) fn missing() -> String {
    "–".to_owned()
}

/// A whole number with commas: 235,000.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        let is_first = text.is_empty() || text == "-";
        if left.is_multiple_of(3) && !is_first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of octets, in the unit that a workload has it in.
pub(super) fn octets(size: usize) -> String {
    match size {
        size if size.is_multiple_of(1 << 20) => format!("{} MiB", size >> 20),
        size if size.is_multiple_of(1 << 10) => format!("{} KiB", size >> 10),
        size => format!("{size} B"),
    }
}

/// Text that is only text, in Markdown, in HTML and between its quotes, and to
/// a book that looks for includes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '|' | '{' | '}' | '[' | ']' | '*' | '`'
            | '~' | '\\' => {
                _ = write!(escaped, "&#{};", u32::from(character));
            }
            it if it.is_control() => escaped.push(' '),
            it => escaped.push(it),
        }
    }
    escaped
}

/// A part of the name of a file that needs no escape in an address.
pub(super) fn address(text: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || it == '-';
    let characters = text.chars();
    characters
        .map(|it| if plain(it) { it } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_commas() {
        let cases = [
            (0.0, "0"),
            (999.4, "999"),
            (1000.0, "1,000"),
            (234_567.0, "234,567"),
            (1_234_567.0, "1,234,567"),
            (-100.0, "-100"),
            (-1000.0, "-1,000"),
        ];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn text_stays_text() {
        let text = escape("a|b <i>\n{{#include x}} [l](u) *b*");
        assert!(!text.contains(['|', '<', '\n', '{', '[', '*']), "{text}");
        assert_eq!(escape("net/http · 1.5 (x)"), "net/http · 1.5 (x)");
    }

    #[test]
    fn an_address_stays_in_its_folder() {
        assert_eq!(address("16B-d1-c64"), "16B-d1-c64");
        assert_eq!(address("../a b?.md"), "---a-b--md");
    }
}
