//! Results for people: tables of text.

use std::fmt::Write as _;

use crate::report::{Comparison, Idle, Measured, Measurement};
use crate::stats::Interval;

/// The table of a workload.
#[must_use]
pub fn measurement(measurement: &Measurement) -> String {
    let what = match measurement.workload.as_str() {
        "handshakes" => "handshake",
        _ => "message",
    };
    let mut text = format!("{}\n", measurement.workload);
    let mut rows = vec![vec![
        "server".to_owned(),
        "CPU / floor [95 %]".to_owned(),
        format!("CPU µs/{what}"),
        "switches".to_owned(),
        "system calls".to_owned(),
        format!("{what}s/s"),
        String::new(),
    ]];
    rows.extend(measurement.servers.iter().map(|it| {
        vec![
            it.name.clone(),
            it.ratio.map_or_else(missing, interval),
            number(it.cpu_ns.map(|it| it / 1000.0), 2),
            number(it.switches, 3),
            number(it.system_calls, 2),
            number(it.per_second, 0),
            note(it),
        ]
    }));
    text += &table(&rows);
    text += &match measurement.noise {
        Some(noise) => format!(
            "  noise: the floor against itself {}; messages per second are an \
             illustration\n",
            interval(noise)
        ),
        None => "  noise: not known\n".to_owned(),
    };
    text
}

/// The table of memory per idle connection.
#[must_use]
pub fn idle(idle: &Idle) -> String {
    let mut rows = vec![vec![
        "server".to_owned(),
        "KiB per connection".to_owned(),
        String::new(),
    ]];
    rows.extend(idle.servers.iter().map(|it| {
        let kib = it.octets_per_connection.map(|it| it / 1024.0);
        let failed = it.failed.as_ref().map(|_| "failed".to_owned());
        vec![it.name.clone(), number(kib, 2), failed.unwrap_or_default()]
    }));
    format!(
        "idle-{}: resident memory after one message each\n{}",
        idle.connections,
        table(&rows)
    )
}

/// What two reports measured differently.
#[must_use]
pub fn comparison(comparison: &Comparison) -> String {
    let heads = ["", "before", "after", "after / before", ""];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(comparison.rows.iter().map(|it| {
        let verdict = match it.before.overlaps(&it.after) {
            true => "the intervals overlap",
            false if it.ratio() < 1.0 => "cheaper",
            false => "dearer",
        };
        vec![
            format!("{} {}", it.workload, it.server),
            interval(it.before),
            interval(it.after),
            number(Some(it.ratio()), 2),
            verdict.to_owned(),
        ]
    }));
    let mut text = table(&rows);
    for line in &comparison.unmatched {
        _ = writeln!(text, "  {line}");
    }
    text
}

fn note(measured: &Measured) -> String {
    let (bound, blocks) = (measured.generator_bound, measured.blocks.len());
    match (&measured.failed, bound) {
        (Some(_), _) => "failed".to_owned(),
        (None, 0) => String::new(),
        (None, _) => format!("generator-bound in {bound} of {blocks} blocks"),
    }
}

fn interval(interval: Interval) -> String {
    let Interval { median, low, high } = interval;
    format!("{median:.2} [{low:.2}, {high:.2}]")
}

fn number(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(missing, |number| format!("{number:.digits$}"))
}

fn missing() -> String {
    "–".to_owned()
}

/// Aligns columns: the first to the left, the last as it is, the others to the
/// right.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            _ = match column {
                0 => write!(line, "{cell:<width$}"),
                _ if column + 1 == columns => write!(line, "  {cell}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["server", "µs", ""], ["a", "1.25", "failed"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "  server    µs\n  a       1.25  failed\n");
    }

    #[test]
    fn what_is_missing_is_no_number() {
        assert_eq!(number(None, 2), "–");
        assert_eq!(number(Some(1.256), 2), "1.26");
    }
}
