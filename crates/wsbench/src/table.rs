//! Results for people: tables of text.

use std::fmt::Write as _;

use crate::comparison::{Change, Comparison, Count, What};
use crate::latency::KEPT_UP;
use crate::report::{Latency, LatencyServer, Measured, Measurement, Memory};
use crate::servers::FLOOR;
use crate::stats::{Interval, LEAST, median};

/// The quantiles that a person is shown.
const SHOWN: [(f64, &str); 5] = [
    (0.5, "p50 µs"),
    (0.9, "p90 µs"),
    (0.99, "p99 µs"),
    (0.999, "p99.9 µs"),
    (1.0, "max µs"),
];

/// The table of a workload.
#[must_use]
pub fn measurement(measurement: &Measurement) -> String {
    let servers = &measurement.servers;
    let what = match measurement.workload.as_str() {
        "handshakes" => "handshake",
        _ => "message",
    };
    // It takes long to count them, so most runs don't.
    let has_instructions = servers.iter().any(|it| it.instructions.is_some());
    let mut text = format!("{}\n", measurement.workload);
    let mut heads = vec![
        "server".to_owned(),
        "CPU / floor [95 %]".to_owned(),
        format!("CPU µs/{what}"),
        "switches".to_owned(),
        "system calls".to_owned(),
    ];
    if has_instructions {
        heads.push("instructions".to_owned());
    }
    heads.push(format!("{what}s/s"));
    heads.extend(["server busy", "generator busy", ""].map(str::to_owned));
    let mut rows = vec![heads];
    rows.extend(servers.iter().map(|it| {
        let mut row = vec![
            it.name.clone(),
            it.ratio.map_or_else(missing, interval),
            number(it.cpu_ns.map(|it| it / 1000.0), 2),
            number(it.switches, 3),
            number(it.system_calls, 2),
        ];
        if has_instructions {
            row.push(number(it.instructions, 0));
        }
        row.extend([
            number(it.per_second, 0),
            percent(it.server_busy),
            percent(it.generator_busy),
            note(measurement, it),
        ]);
        row
    }));
    text += &table(&rows);
    text += &match measurement.noise {
        Some(noise) => format!(
            "  noise: the floor against itself {}; {what}s per second are an \
             illustration\n",
            interval(noise)
        ),
        None => "  noise: not known\n".to_owned(),
    };
    let others = servers.iter().filter(|it| it.name != FLOOR);
    let ratios: Vec<_> = others.filter_map(|it| it.ratio).collect();
    if !ratios.is_empty() && ratios.iter().all(|it| it.ends().is_none()) {
        _ = writeln!(
            text,
            "  no interval: there are fewer than {LEAST} blocks"
        );
    }
    if measurement.has_waiting_floor() {
        text += "  the floor waited for the generator: ratios are lower \
                 bounds\n";
    }
    let own: Vec<f64> = servers
        .iter()
        .filter_map(|it| it.generator_ns)
        .collect();
    if let Some(own) = median(&own) {
        let own = own / 1000.0;
        _ = writeln!(
            text,
            "  generator: {own:.2} µs of its own processor time per {what}"
        );
    }
    text
}

/// The table of memory per connection.
#[must_use]
pub fn memory(memory: &Memory) -> String {
    let mut rows = vec![vec![
        "server".to_owned(),
        "KiB per connection".to_owned(),
        String::new(),
    ]];
    rows.extend(memory.servers.iter().map(|it| {
        let kib = it.octets_per_connection.map(|it| it / 1024.0);
        let failed = it.failed.as_ref().map(|_| "failed".to_owned());
        vec![it.name.clone(), number(kib, 2), failed.unwrap_or_default()]
    }));
    let what = match memory.workload.strip_prefix("kept-") {
        Some(size) => format!(
            "what stays resident of one message of {size} on each of {} \
             connections, over idle ones",
            memory.connections
        ),
        None => format!(
            "resident memory of {} connections, after one message each",
            memory.connections
        ),
    };
    format!("{}: {what}\n{}", memory.workload, table(&rows))
}

/// The table of latencies at a rate.
#[must_use]
pub fn latency(latency: &Latency) -> String {
    let mut heads = vec!["server".to_owned()];
    heads.extend(SHOWN.map(|(_, head)| head.to_owned()));
    let others = ["sent late, p99 µs", "answers/s", ""];
    heads.extend(others.map(str::to_owned));
    let mut rows = vec![heads];
    rows.extend(latency.servers.iter().map(|server| {
        let mut row = vec![server.name.clone()];
        row.extend(SHOWN.map(|(quantile, _)| {
            let quantile = server.told(quantile);
            quantile.map_or_else(missing, |it| range(it.ends()))
        }));
        let late = server.generator_late_ns;
        row.push(number(late.map(|it| it as f64 / 1000.0), 0));
        row.push(number(server.achieved, 0));
        row.push(why_not_told(server, latency.offered));
        row
    }));
    format!(
        "{}: from when a message was due to the end of its answer\n{}  \
         of two numbers it would have been the first at least and the second \
         at most, had\n  the generator been on time; latency depends on the \
         machine: an illustration\n",
        latency.workload,
        table(&rows)
    )
}

/// Nanoseconds as microseconds, or from which to which.
fn range((least, most): (u64, u64)) -> String {
    let micros = |it: u64| number(Some(it as f64 / 1000.0), 0);
    match least == most {
        true => micros(least),
        false => format!("{}–{}", micros(least), micros(most)),
    }
}

/// Why latencies of a server are not told, if some are not.
fn why_not_told(server: &LatencyServer, offered: f64) -> String {
    if server.failed.is_some() {
        return "failed".to_owned();
    }
    if server.is_valid {
        return String::new();
    }
    let is_late = server.keeps_up()
        || server.kept_up.is_none()
            && server
                .achieved
                .is_some_and(|it| it >= KEPT_UP * offered);
    if !is_late {
        return format!("invalid: {offered:.0} a second were due");
    }
    match server.disturbed {
        Some(part) => format!(
            "the generator was late for {:.1} % of the messages",
            part * 100.0
        ),
        None => format!(
            "invalid: 1 of 100 messages was sent {} µs late or later",
            number(
                server
                    .generator_late_ns
                    .map(|it| it as f64 / 1000.0),
                0
            )
        ),
    }
}

/// What two reports measured differently; such a part of a count may be more.
#[must_use]
pub fn comparison(comparison: &Comparison, tolerance: f64) -> String {
    let heads = ["", "before", "after", "after / before", ""];
    let head = |what: &str| {
        let mut head = heads.map(str::to_owned).to_vec();
        what.clone_into(&mut head[0]);
        head
    };
    let mut rows = vec![head("CPU / floor")];
    rows.extend(comparison.ratios.iter().map(|it| {
        let verdict = match it.before.overlaps(&it.after) {
            None => "no interval, no verdict",
            Some(true) => "the intervals overlap",
            Some(false) if it.change() < 1.0 => "cheaper",
            Some(false) => "dearer",
        };
        vec![
            format!("{} {}", it.workload, it.server),
            interval(it.before),
            interval(it.after),
            number(Some(it.change()), 2),
            verdict.to_owned(),
        ]
    }));
    let mut text = String::new();
    if rows.len() > 1 {
        text += &table(&rows);
    }
    let kinds = [
        What::SystemCalls,
        What::Instructions,
        What::Switches,
        What::Memory,
    ];
    for what in kinds {
        let counts = comparison.counts.iter();
        let counts = counts.filter(|it| it.what == what);
        let mut rows = vec![head(&what.to_string())];
        rows.extend(counts.map(|it| {
            let times = it.after.map(|after| after / it.before);
            vec![
                format!("{} {}", it.workload, it.server),
                amount(what, Some(it.before)),
                amount(what, it.after),
                number(times.filter(|it| it.is_finite()), 2),
                verdict(it.change(tolerance)).to_owned(),
            ]
        }));
        if rows.len() > 1 {
            text += &table(&rows);
        }
    }
    for line in &comparison.unmatched {
        _ = writeln!(text, "  {line}");
    }
    text
}

/// A count in two reports, on one line.
#[must_use]
pub fn count(count: &Count, tolerance: f64) -> String {
    let Count {
        what,
        workload,
        server,
        ..
    } = count;
    let before = amount(*what, Some(count.before));
    match (count.change(tolerance), count.after) {
        (Change::Failed, _) => {
            format!("{workload} {server}: {before} {what} before, then failed")
        }
        (_, after) => {
            let after = amount(*what, after);
            format!("{workload} {server}: {after} {what}, {before} before")
        }
    }
}

fn verdict(change: Change) -> &'static str {
    match change {
        Change::Same => "",
        Change::Less => "less",
        Change::More => "more",
        Change::Failed => "failed",
    }
}

/// A count as a person reads it.
fn amount(what: What, count: Option<f64>) -> String {
    match what {
        What::SystemCalls => number(count, 2),
        What::Instructions => number(count, 0),
        What::Switches => number(count, 3),
        What::Memory => number(count.map(|it| it / 1024.0), 2),
    }
}

fn note(measurement: &Measurement, measured: &Measured) -> String {
    let (bound, turns) = (measured.generator_bound, measured.blocks.len());
    match (&measured.failed, bound) {
        (Some(_), _) => "failed".to_owned(),
        (None, _) if measurement.has_waited(measured) => "waited".to_owned(),
        (None, 0) => String::new(),
        (None, _) => format!("generator-bound in {bound} of {turns} turns"),
    }
}

fn interval(interval: Interval) -> String {
    let median = interval.median;
    match interval.ends() {
        Some((low, high)) => format!("{median:.2} [{low:.2}, {high:.2}]"),
        None => format!("{median:.2}"),
    }
}

fn percent(part: Option<f64>) -> String {
    part.map_or_else(missing, |part| format!("{:.0} %", part * 100.0))
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
    use crate::report::Quantile;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["server", "µs", ""], ["a", "1.25", "failed"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "  server    µs\n  a       1.25  failed\n");
    }

    #[test]
    fn latencies_that_say_nothing_are_not_shown() {
        let quantile =
            |quantile, nanoseconds, ends: Option<(u64, u64)>| Quantile {
                quantile,
                nanoseconds,
                least_ns: ends.map(|it| it.0),
                most_ns: ends.map(|it| it.1),
            };
        let older = |name: &str, achieved, is_valid| LatencyServer {
            name: name.to_owned(),
            achieved: Some(achieved),
            is_valid,
            kept_up: None,
            generator_late_ns: Some(400_000),
            disturbed: None,
            messages: 100,
            quantiles: vec![quantile(0.5, 77_000, None)],
            failed: None,
        };
        let newer = |name: &str, kept_up| LatencyServer {
            kept_up: Some(kept_up),
            disturbed: Some(0.021),
            quantiles: vec![
                quantile(0.5, 77_000, Some((76_000, 78_000))),
                quantile(0.9, 88_000, Some((44_000, 99_000))),
                quantile(0.99, 66_000, None),
            ],
            ..older(name, 100.0, false)
        };
        let servers = vec![
            older("right", 100.0, true),
            older("slow", 50.0, false),
            older("late", 100.0, false),
            newer("tail", true),
            newer("behind", false),
        ];
        let text = latency(&Latency {
            workload: "latency-16B-c1-r100".to_owned(),
            offered: 100.0,
            servers,
        });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].contains(" 77 "), "{text}");
        assert!(lines[2].ends_with("  400        100"), "{text}");
        let slow = "invalid: 100 a second were due";
        assert!(lines[3].ends_with(slow), "{text}");
        assert!(lines[4].contains("sent 400 µs late"), "{text}");
        assert!(lines[5].contains(" 77   44–99       –  "), "{text}");
        let late = "the generator was late for 2.1 % of the messages";
        assert!(lines[5].ends_with(late), "{text}");
        assert!(lines[6].ends_with(slow), "{text}");
        assert_eq!(text.matches("77").count(), 2, "{text}");
    }

    fn measured(name: &str) -> Measured {
        Measured {
            generator_ns: Some(8200.0),
            ..Measured::nothing(name)
        }
    }

    fn text(servers: Vec<Measured>) -> String {
        measurement(&Measurement {
            workload: "16B-d1-c64".to_owned(),
            noise: None,
            servers,
        })
    }

    #[test]
    fn instructions_have_a_column_where_they_were_counted() {
        let server = |instructions| Measured {
            instructions,
            ..measured("a")
        };
        let text = |instructions| text(vec![server(instructions)]);
        assert!(!text(None).contains("instructions"));
        assert!(text(Some(1043.4)).contains("  1043  "));
        assert!(text(None).contains("generator: 8.20 µs"));
    }

    #[test]
    fn who_was_at_work_is_shown() {
        let server = |name: &str, server_busy, generator_bound| Measured {
            server_busy: Some(server_busy),
            generator_busy: Some(0.97),
            generator_bound,
            ..measured(name)
        };
        let text = text(vec![
            server(FLOOR, 0.751, 1),
            server("slow", 0.98, 0),
            server("nagle", 0.021, 0),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].contains("  75 %"), "{text}");
        assert!(lines[2].ends_with("97 %  generator-bound in 1 of 0 turns"));
        assert!(lines[3].ends_with("97 %"), "{text}");
        assert!(lines[4].ends_with("97 %  waited"), "{text}");
        assert!(text.contains("ratios are lower bounds\n"), "{text}");
    }

    #[test]
    fn a_ratio_of_few_blocks_has_no_interval() {
        let server = |ratio| Measured {
            ratio: Some(ratio),
            ..measured("a")
        };
        let few = text(vec![server(Interval::alone(1.5))]);
        assert!(few.contains("  1.50  "), "{few}");
        assert!(few.contains("fewer than 6 blocks"), "{few}");
        let many = text(vec![server(Interval {
            median: 1.5,
            low: Some(1.25),
            high: Some(2.0),
        })]);
        assert!(many.contains("1.50 [1.25, 2.00]"), "{many}");
        assert!(!many.contains("fewer than"), "{many}");
    }

    #[test]
    fn what_is_missing_is_no_number() {
        assert_eq!(number(None, 2), "–");
        assert_eq!(number(Some(1.256), 2), "1.26");
    }
}
