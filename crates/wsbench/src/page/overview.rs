//! The first table: what each framework costs, and why, in one look.

use super::echo;
use super::markdown::{escape, grouped, heading, missing, number, table};
use crate::plot::Group;
use crate::report::{Measured, Measurement, Memory, Report};
use crate::servers::FLOOR_ON_TOKIO;

/// What each framework costs, by default and tuned, in one look.
pub(super) fn overview(report: &Report) -> String {
    let (one, sixteen) = (small(report, 1), small(report, 16));
    let idle = report
        .memory
        .iter()
        .find(|it| it.workload.starts_with("idle"));
    let mut text = heading("In one look");
    text += "Default is the listing, with what its framework does by \
             itself; tuned is the production variant. The first number is \
             the server's CPU time per message of 16 B over that of a raw TCP \
             echo beside it, with 1 or 16 messages in flight on each \
             connection (d1, d16). The number in parentheses is the count that \
             explains it: instructions in user space per message at d1, system \
             calls per message at d16. Memory is resident KiB per idle \
             connection.\n\n";
    let heads = [
        "server",
        "d1 default",
        "d1 tuned",
        "d16 default",
        "d16 tuned",
        "KiB default",
        "KiB tuned",
    ];
    let rows = families(report).into_iter().map(|it| {
        let Family { default, tuned, .. } = it;
        let instructions =
            |label| cost(one, label, |it| Some(grouped(it.instructions?)));
        let calls = |label| {
            cost(sixteen, label, |it| {
                Some(format!("{:.2}", it.system_calls?))
            })
        };
        let name = match it.language {
            "Rust" => escape(it.name),
            other => format!("{} ({})", escape(it.name), escape(other)),
        };
        vec![
            name,
            instructions(default),
            instructions(tuned),
            calls(default),
            calls(tuned),
            kib(idle, default),
            kib(idle, tuned),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    // What nobody has is no column.
    let is_there = |column: &usize| {
        *column == 0 || rows.iter().any(|row| row[*column] != missing())
    };
    let columns: Vec<usize> = (0..heads.len()).filter(is_there).collect();
    let heads: Vec<&str> = columns.iter().map(|it| heads[*it]).collect();
    let rows = rows.iter().map(|row| {
        let cells = columns.iter().map(|it| row[*it].clone());
        cells.collect()
    });
    text + &table(&heads, rows.collect()) + "\n"
}

/// The workload of messages of 16 B at a depth, with 64 connections if that
/// was measured.
fn small(report: &Report, depth: usize) -> Option<&Measurement> {
    let fitting = |connections: Option<usize>| {
        let mut all = report.measurements.iter();
        all.find(|it| {
            echo(&it.workload).is_some_and(|it| {
                (it.size, it.depth) == (16, depth)
                    && connections.is_none_or(|own| own == it.connections)
            })
        })
    };
    fitting(Some(64)).or_else(|| fitting(None))
}

/// The variants of one server.
struct Family<'a> {
    name: &'a str,
    language: &'a str,
    default: Option<&'a str>,
    tuned: Option<&'a str>,
    group: Group,
}

/// The frameworks, then the originals in Go, then others, then the floor on
/// tokio; the cheapest default first.
fn families(report: &Report) -> Vec<Family<'_>> {
    let mut families: Vec<Family> = Vec::new();
    let measured = report.servers.iter();
    for entrant in measured.filter(|it| it.not_measured.is_none()) {
        let label = entrant.name.as_str();
        // What is neither default nor tuned stands by itself.
        let (name, variant) = match label.rsplit_once('/') {
            Some((name, variant @ ("echo" | "production"))) => (name, variant),
            _ => (label, ""),
        };
        let language = entrant.language.as_str();
        let same = families
            .iter()
            .position(|it| (it.name, it.language) == (name, language));
        let index = same.unwrap_or(families.len());
        if same.is_none() {
            families.push(Family {
                name,
                language,
                default: None,
                tuned: None,
                group: Group::of(report, label),
            });
        }
        let family = &mut families[index];
        match variant {
            "production" => family.tuned = Some(label),
            "echo" => family.default = Some(label),
            _ => family.default = family.default.or(Some(label)),
        }
    }
    let has_floor = report.measurements.iter().any(|it| {
        let mut servers = it.servers.iter();
        servers.any(|it| it.name == FLOOR_ON_TOKIO)
    });
    if has_floor {
        families.push(Family {
            name: FLOOR_ON_TOKIO,
            language: "Rust",
            default: Some(FLOOR_ON_TOKIO),
            tuned: None,
            group: Group::Floor,
        });
    }
    let one = small(report, 1);
    let ratio = |label: Option<&str>| {
        let ratio = measured_of(one, label).and_then(|it| it.ratio);
        ratio.map_or(f64::INFINITY, |it| it.median)
    };
    let rank = |it: &Family| match it.group {
        // Whichever of the two has come first.
        Group::Tuned => Group::Default,
        group => group,
    };
    families.sort_by(|a, b| {
        rank(a)
            .cmp(&rank(b))
            .then_with(|| ratio(a.default).total_cmp(&ratio(b.default)))
            .then_with(|| ratio(a.tuned).total_cmp(&ratio(b.tuned)))
            .then_with(|| a.name.cmp(b.name))
    });
    families
}

fn measured_of<'a>(
    measurement: Option<&'a Measurement>,
    label: Option<&str>,
) -> Option<&'a Measured> {
    let mut servers = measurement?.servers.iter();
    servers.find(|it| Some(it.name.as_str()) == label)
}

/// A ratio, and in parentheses the count that explains it.
fn cost(
    measurement: Option<&Measurement>,
    label: Option<&str>,
    count: impl Fn(&Measured) -> Option<String>,
) -> String {
    let measured = measured_of(measurement, label);
    match measured.map(|it| (it.ratio, count(it))) {
        Some((Some(ratio), Some(count))) => {
            format!("{:.2} ({count})", ratio.median)
        }
        Some((Some(ratio), None)) => format!("{:.2}", ratio.median),
        _ => missing(),
    }
}

fn kib(memory: Option<&Memory>, label: Option<&str>) -> String {
    let mut servers = memory.iter().flat_map(|it| &it.servers);
    let server = servers.find(|it| Some(it.name.as_str()) == label);
    let octets = server.and_then(|it| it.octets_per_connection);
    number(octets.map(|it| it / 1024.0), 1)
}
