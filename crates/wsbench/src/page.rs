//! The page of a report: tables in Markdown and plots beside them, for a book
//! to include.
//!
//! It says what was measured and what each number means. What follows from
//! them stands on the page that includes it, and is written by hand.

mod markdown;
mod overview;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use self::markdown::{
    address, escape, grouped, heading, interval, left_table, listed, missing,
    number, octets, percent, reasons, table,
};
use self::overview::overview;
use crate::latency::KEPT_UP;
use crate::plot::{self, THEMES};
use crate::report::{
    Block, Latency, LatencyServer, Measured, Measurement, Memory, Report,
};
use crate::svg::Drawing;
use crate::workload::{Echo, Workload};

/// The parts of answers whose latency is told.
const QUANTILES: [(f64, &str); 5] = [
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
];

/// The knob that is the command of the run.
const COMMAND_LINE: &str = "command line";

/// A file of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Why a page is not written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}", path = path.display())]
pub struct Unwritable {
    /// The folder or file.
    pub path: PathBuf,
    /// What the system says.
    pub error: std::io::Error,
}

/// Makes the page of a report: `NAME.md`, and its plots as
/// `NAME-WORKLOAD-light.svg` and `NAME-WORKLOAD-dark.svg`.
///
/// The same report makes the same files. `folder` is how the page that
/// includes it gets to the plots, as a book resolves their addresses there.
#[must_use]
pub fn files(report: &Report, name: &str, folder: &str) -> Vec<File> {
    let mut page = Page {
        report,
        name: address(name),
        folder,
        text: String::new(),
        plots: Vec::new(),
    };
    page.write();
    let mut files = vec![File {
        name: format!("{}.md", page.name),
        text: page.text,
    }];
    files.append(&mut page.plots);
    files
}

/// Writes the page of the report `name` into a folder, for a page that stands
/// beside the folder.
///
/// # Errors
///
/// A folder that can't be made, or a file in it that can't be written.
pub fn write(
    report: &Report,
    name: &str,
    folder: &Path,
) -> Result<(), Unwritable> {
    let whole = std::fs::create_dir_all(folder)
        .and_then(|()| folder.canonicalize())
        .map_err(|error| Unwritable {
            path: folder.to_owned(),
            error,
        })?;
    let beside = whole.file_name().unwrap_or_default();
    for file in files(report, name, &beside.to_string_lossy()) {
        let path = folder.join(&file.name);
        if let Err(error) = std::fs::write(&path, file.text) {
            return Err(Unwritable { path, error });
        }
    }
    Ok(())
}

struct Page<'a> {
    report: &'a Report,
    name: String,
    folder: &'a str,
    text: String,
    plots: Vec<File>,
}

impl Page<'_> {
    fn write(&mut self) {
        let report = self.report;
        self.text += "<!-- Written by wsbench report, not by hand. -->\n";
        self.text += &overview(report);
        for measurement in &report.measurements {
            self.text += &heading(&measurement.workload);
            self.text += &measurement_means(measurement);
            let drawing = plot::ratios(report, measurement);
            self.plot(&measurement.workload, drawing);
            self.text += &measurement_table(measurement);
        }
        for memory in &report.memory {
            self.text += &heading(&memory.workload);
            self.text += &memory_means(memory);
            let drawing = plot::memory(report, memory);
            self.plot(&memory.workload, drawing);
            self.text += &memory_table(memory);
        }
        for latency in &report.latency {
            self.text += &heading(&latency.workload);
            self.text += &latency_means(latency);
            let drawing = plot::latency(report, latency);
            self.plot(&latency.workload, drawing);
            self.text += &latency_table(latency);
        }
        self.text += &entrants(report);
        self.text += &knobs(report);
    }

    /// Shows the plot of a workload, if there is one, for light pages and for
    /// dark ones; the book's style sheet chooses.
    fn plot(&mut self, workload: &str, drawing: Option<Drawing>) {
        let Some(drawing) = drawing else { return };
        let name = format!("{}-{}", self.name, address(workload));
        let title = escape(drawing.title());
        self.text += "<figure class=\"plot\">\n";
        for theme in &THEMES {
            let file = File {
                name: format!("{name}-{}.svg", theme.name),
                text: drawing.svg(&theme.style()),
            };
            let path = match self.folder {
                "" => file.name.clone(),
                folder => format!("{folder}/{}", file.name),
            };
            _ = writeln!(
                self.text,
                "<img class=\"on-{}\" src=\"{}\" alt=\"{title}\" \
                 loading=\"lazy\">",
                theme.name,
                escape(&path)
            );
            self.plots.push(file);
        }
        self.text += "</figure>\n\n";
    }
}

/// What the numbers of a workload mean.
fn measurement_means(measurement: &Measurement) -> String {
    let servers = measurement.servers.iter();
    let blocks = servers.clone().flat_map(|it| &it.blocks);
    let blocks = blocks.map(|it| it.block + 1).max();
    let blocks = blocks.unwrap_or(0);
    let mut ratios = servers.filter_map(|it| it.ratio);
    let intervals = match ratios.any(|it| it.ends().is_some()) {
        true => "with its 95 % bootstrap interval",
        false => "which are too few for an interval",
    };
    let floor = match measurement.workload.as_str() {
        "handshakes" => "of a bare TCP connection, opened and closed,",
        _ => "of a raw TCP echo",
    };
    let what = unit(measurement);
    let opening = match echo(&measurement.workload) {
        Some(Echo {
            size,
            depth,
            connections,
            ..
        }) => format!(
            "Messages of {}, {depth} in flight on each of {connections} \
             connections. ",
            octets(size)
        ),
        None if what == "handshake" => {
            "Connections are opened and closed, one at a time. ".to_owned()
        }
        None => String::new(),
    };
    format!(
        "{opening}CPU / floor is the server's CPU time per {what} over that \
         {floor} right before and behind: the median of {blocks} blocks, \
         {intervals}. System calls, instructions in user space and context \
         switches are per {what}. How many {what}s there are in a second is \
         an illustration. Busy is which part of the time the server, of the \
         processors that it may use, and the generator had something to do.\
         \n\n"
    )
}

fn measurement_table(measurement: &Measurement) -> String {
    let what = unit(measurement);
    let (cpu, rate) = (format!("CPU µs/{what}"), format!("{what}s/s"));
    let heads = [
        "server",
        "CPU / floor [95 %]",
        cpu.as_str(),
        "system calls",
        "instructions",
        "switches",
        rate.as_str(),
        "server busy",
        "generator busy",
    ];
    let mut servers: Vec<_> = measurement.servers.iter().collect();
    let ratio = |it: &Measured| it.ratio.map_or(f64::INFINITY, |it| it.median);
    servers.sort_by(|a, b| {
        let by_ratio = ratio(a).total_cmp(&ratio(b));
        by_ratio.then_with(|| a.name.cmp(&b.name))
    });
    let rows = servers.iter().map(|it| {
        vec![
            escape(&it.name),
            it.ratio.map_or_else(missing, interval),
            number(it.cpu_ns.map(|it| it / 1000.0), 2),
            number(it.system_calls, 2),
            it.instructions.map_or_else(missing, grouped),
            number(it.switches, 3),
            it.per_second.map_or_else(missing, grouped),
            match measurement.has_waited(it) {
                true => format!("{}, waited", percent(it.server_busy)),
                false => percent(it.server_busy),
            },
            percent(it.generator_busy),
        ]
    });
    let mut text = table(&heads, rows.collect());
    let noise = match measurement.noise {
        Some(noise) => format!(
            "Noise: the floor against itself is {}; what differs by less \
             says nothing.",
            interval(noise)
        ),
        None => "Noise: not known.".to_owned(),
    };
    let bound = servers
        .iter()
        .filter(|it| it.generator_bound > 0)
        .map(|it| {
            let (bound, turns) = (it.generator_bound, it.blocks.len());
            format!("{bound} of {turns} turns of {}", escape(&it.name))
        });
    let bound = match listed(bound) {
        Some(bound) => format!(
            "The generator was the limit in {bound}: there the {what}s per \
             second are its own."
        ),
        None => "The generator was the limit in no turn.".to_owned(),
    };
    _ = write!(text, "\n{noise} {bound}");
    if measurement.has_waiting_floor() {
        text += " The floor waited for the generator: ratios are lower bounds.";
    }
    let waited = servers.iter();
    let waited = waited.filter(|it| measurement.has_waited(it));
    if let Some(waited) = listed(waited.map(|it| escape(&it.name))) {
        _ = write!(
            text,
            " More than half of the time was waited for something else, such \
             as the acknowledgement that Nagle's algorithm wants, by {waited}."
        );
    }
    text += &ended(&servers);
    text += "\n";
    let failed = servers
        .iter()
        .filter_map(|it| Some((it.name.as_str(), it.failed.clone()?)));
    text + &reasons("Failed:", failed)
}

/// Whose threads or processes ended, and what is not known for that.
fn ended(servers: &[&Measured]) -> String {
    let with = |has: fn(&Block) -> bool| {
        let servers = servers.iter();
        let servers = servers.filter(|it| it.blocks.iter().any(has));
        listed(servers.map(|it| escape(&it.name)))
    };
    let mut text = String::new();
    if let Some(names) =
        with(|it| it.ended_threads > 0 && it.reaped_ns.is_none())
    {
        _ = write!(
            text,
            " Threads ended meanwhile, and what they took is not counted, in \
             {names}."
        );
    }
    if let Some(names) =
        with(|it| it.ended_threads > 0 && it.reaped_ns.is_some())
    {
        _ = write!(
            text,
            " Threads ended meanwhile, and their switches are not counted, in \
             {names}."
        );
    }
    if let Some(names) = with(|it| it.reaped_ns.is_some_and(|it| it > 0)) {
        _ = write!(
            text,
            " Processes ended meanwhile, whose time is known in ticks of 10 \
             ms, in {names}."
        );
    }
    text
}

fn echo(workload: &str) -> Option<Echo> {
    match workload.parse::<Workload>() {
        Ok(Workload::Echo(echo)) => Some(echo),
        _ => None,
    }
}

/// What a workload counts.
fn unit(measurement: &Measurement) -> &'static str {
    match measurement.workload.as_str() {
        "handshakes" => "handshake",
        _ => "message",
    }
}

fn memory_means(memory: &Memory) -> String {
    let count = memory.connections;
    let how = "The median of fresh processes; the line across a bar goes from \
               the least to the most.";
    match memory.workload.strip_prefix("kept-") {
        Some(size) => format!(
            "By how much resident memory grows per connection, over what it \
             was idle, when each of {count} in turn has had one message of {} \
             echoed and the server is idle again. {how}\n\n",
            escape(size)
        ),
        None => format!(
            "Resident memory per connection, of {count} that are open and \
             have had one message of 16 B echoed. {how}\n\n"
        ),
    }
}

fn memory_table(memory: &Memory) -> String {
    let mut servers: Vec<_> = memory.servers.iter().collect();
    servers.sort_by(|a, b| {
        let octets = |it: Option<f64>| it.unwrap_or(f64::INFINITY);
        octets(a.octets_per_connection)
            .total_cmp(&octets(b.octets_per_connection))
            .then_with(|| a.name.cmp(&b.name))
    });
    let rows = servers.iter().map(|it| {
        let each = it.measured.iter();
        let each = each.map(|it| format!("{:.2}", it / 1024.0));
        vec![
            escape(&it.name),
            number(it.octets_per_connection.map(|it| it / 1024.0), 2),
            each.collect::<Vec<_>>().join(", "),
        ]
    });
    let heads = ["server", "KiB per connection", "process by process"];
    let failed = servers
        .iter()
        .filter_map(|it| Some((it.name.as_str(), it.failed.clone()?)));
    table(&heads, rows.collect()) + &reasons("Failed:", failed)
}

fn latency_means(latency: &Latency) -> String {
    let mut text = format!(
        "{} messages a second, each at a time that was fixed beforehand, \
         whatever came back until then. Latency is from that time to the end \
         of the answer, in µs, and so many percent of the answers took no \
         longer; of what is told, ten answers or more took longer. So many \
         µs after its time at most were 99 % of the messages sent. An \
         illustration: it is this machine's, with its other work.",
        grouped(latency.offered)
    );
    if has_ranges(latency) {
        text += " Of two numbers the first is what it was at least and the \
                 second what it was at most, had the generator been on time; \
                 what that leaves open by more than a factor of four is not \
                 told. Disturbed are the answers that a late generator has \
                 changed, nobody knows by how much.";
    }
    text + "\n\n"
}

/// Whether it is known how much of each quantile is the generator's.
fn has_ranges(latency: &Latency) -> bool {
    let mut servers = latency.servers.iter();
    servers.any(|it| it.disturbed.is_some())
}

fn latency_table(latency: &Latency) -> String {
    let mut valid: Vec<_> = latency
        .servers
        .iter()
        .filter(|it| invalid(latency, it).is_none())
        .collect();
    valid.sort_by(|a, b| {
        let at = |it: &LatencyServer, quantile: f64| {
            let told = it.told(quantile);
            told.map_or(u64::MAX, |it| it.nanoseconds)
        };
        let slow = |it: &LatencyServer| (at(it, 0.99), at(it, 0.5));
        let by_latency = slow(a).cmp(&slow(b));
        by_latency.then_with(|| a.name.cmp(&b.name))
    });
    // The rare slow ones need many answers.
    let mut shown = QUANTILES.to_vec();
    shown.retain(|(quantile, _)| {
        valid
            .iter()
            .any(|it| it.told(*quantile).is_some())
    });
    let has_ranges = has_ranges(latency);
    let rows = valid.iter().map(|it| {
        let mut row = vec![escape(&it.name)];
        let quantiles = shown.iter();
        row.extend(quantiles.map(|(quantile, _)| {
            it.told(*quantile)
                .map_or_else(missing, |it| range(it.ends()))
        }));
        let late = it.generator_late_ns.map(|it| it as f64 / 1000.0);
        row.push(late.map_or_else(missing, grouped));
        if has_ranges {
            let disturbed = it.disturbed.map(|it| it * 100.0);
            row.push(disturbed.map_or_else(missing, |it| format!("{it:.1} %")));
        }
        row.push(it.achieved.map_or_else(missing, grouped));
        row.push(grouped(it.messages as f64));
        row
    });
    let mut heads = vec!["server"];
    heads.extend(shown.iter().map(|(_, head)| *head));
    heads.push("sent late, 99 %");
    if has_ranges {
        heads.push("disturbed");
    }
    heads.extend(["answers/s", "answers"]);
    let mut text = match valid.is_empty() {
        true => String::new(),
        false => table(&heads, rows.collect()),
    };
    let others = latency
        .servers
        .iter()
        .filter_map(|it| Some((it.name.as_str(), invalid(latency, it)?)));
    text += &reasons("Not valid, and not shown:", others);
    text
}

/// Nanoseconds as microseconds, or from which to which.
fn range((least, most): (u64, u64)) -> String {
    let micros = |it: u64| grouped(it as f64 / 1000.0);
    match least == most {
        true => micros(least),
        false => format!("{}–{}", micros(least), micros(most)),
    }
}

/// Why a server's latencies say nothing at all.
fn invalid(latency: &Latency, server: &LatencyServer) -> Option<String> {
    let offered = latency.offered;
    if let Some(why) = &server.failed {
        return Some(why.clone());
    }
    let mut shown = QUANTILES.iter();
    if shown.any(|(quantile, _)| server.told(*quantile).is_some()) {
        return None;
    }
    let behind = server.kept_up == Some(false)
        || server
            .achieved
            .is_some_and(|it| it < offered * KEPT_UP);
    if behind {
        let achieved = server.achieved.map_or_else(missing, grouped);
        let offered = grouped(offered);
        return Some(format!(
            "{achieved} of {offered} answers came in a second"
        ));
    }
    let late = server
        .generator_late_ns
        .map(|it| it as f64 / 1000.0);
    Some(match (server.disturbed, late) {
        (Some(part), _) if !server.quantiles.is_empty() => format!(
            "the generator was late for {:.1} % of the messages, which leaves \
             no quantile",
            part * 100.0
        ),
        (None, Some(late)) => format!(
            "the generator was late: by more than {} µs for 1 of 100 messages",
            grouped(late)
        ),
        _ => "there are too few answers".to_owned(),
    })
}

/// Who took part, who did not and why, and what was left out.
fn entrants(report: &Report) -> String {
    let (out, in_it): (Vec<_>, Vec<_>) = report
        .servers
        .iter()
        .partition(|it| it.not_measured.is_some());
    let has_nodelay = in_it.iter().any(|it| it.tcp_nodelay.is_some());
    let mut heads = vec!["server", "language", "stack"];
    if has_nodelay {
        heads.push("TCP_NODELAY");
    }
    let rows = in_it.iter().map(|it| {
        let mut row =
            vec![escape(&it.name), escape(&it.language), escape(&it.stack)];
        if has_nodelay {
            let nodelay = it.tcp_nodelay.map(|it| it.to_string());
            row.push(nodelay.unwrap_or_else(missing));
        }
        row
    });
    let mut text = heading("Who took part");
    text += "Each was built as for use and judged by wsspec before: who \
             breaks a MUST of framing that is not known is not measured.\n\n";
    text += &left_table(&heads, rows.collect());
    let out = out
        .iter()
        .filter_map(|it| Some((it.name.as_str(), it.not_measured.clone()?)));
    text += &reasons("Not measured:", out);
    if !report.skipped.is_empty() {
        text += "\nLeft out:\n\n";
    }
    for skipped in &report.skipped {
        _ = writeln!(text, "- {}", escape(skipped));
    }
    text
}

/// What decides the numbers, and how to have them again.
fn knobs(report: &Report) -> String {
    let others = report
        .knobs
        .iter()
        .filter(|it| it.0 != COMMAND_LINE);
    let rows = others.map(|(name, value)| vec![escape(name), escape(value)]);
    let mut text = heading("How it was measured");
    text += &left_table(&["what", "value"], rows.collect());
    let mut all = report.knobs.iter();
    if let Some((_, command)) = all.find(|it| it.0 == COMMAND_LINE) {
        let command = escape(command);
        text += "\nThe same again, in the same order:\n\n";
        text += &format!("<pre><code>{command}</code></pre>\n");
    }
    text
}
