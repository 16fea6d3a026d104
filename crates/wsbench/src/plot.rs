//! The plots of a report: bars of ratios and of memory, curves of latency.

mod scale;
mod theme;

pub(crate) use self::theme::{Group, THEMES};

use self::scale::{Scale, number};
use crate::report::{Latency, LatencyServer, Measurement, Memory, Report};
use crate::servers::FLOOR;
use crate::svg::{Drawing, Place, WIDTH, width};

/// How high the row of a bar is.
const ROW: f64 = 22.0;

/// How far below each other names of curves are at least.
const NAME: f64 = 16.0;

/// How high a plot of curves is at least.
const CURVES: f64 = 240.0;

/// Where a plot begins, below its title and what its colours mean.
const TOP: f64 = 54.0;

/// How long a name is at most; a bar's title has all of it.
const LONGEST_NAME: usize = 24;

/// An axis that is not logarithmic shows small values up to here.
const MOST_LINEAR: f64 = 20.0;

/// Bars of what servers took over the floor, the cheapest first; `None` where
/// there is nothing to compare.
pub(crate) fn ratios(
    report: &Report,
    measurement: &Measurement,
) -> Option<Drawing> {
    let servers = measurement.servers.iter();
    // The floor is the line.
    let servers = servers.filter(|it| it.name != FLOOR);
    let mut bars: Vec<Bar> = servers
        .filter_map(|it| {
            let ratio = it.ratio?;
            Some(Bar {
                name: &it.name,
                group: Group::of(report, &it.name),
                value: ratio.median,
                range: ratio.ends(),
                text: format!("{:.2}", ratio.median),
            })
        })
        .collect();
    sort(&mut bars);
    let ends = bars.iter().map(Bar::ends);
    let least = ends
        .clone()
        .fold(1.0, |least, it| it.0.min(least));
    let most = ends.fold(1.0, |most, it| it.1.max(most));
    let values = || bars.iter().map(|it| it.value);
    let is_wide = values().fold(1.0, f64::max)
        > MOST_LINEAR * values().fold(1.0, f64::min);
    let (scale, axis) = match is_wide {
        true => (Scale::logarithmic(least, most), "× the floor, logarithmic"),
        false => (Scale::linear(most), "× the floor"),
    };
    let workload = &measurement.workload;
    let title = match workload.as_str() {
        "handshakes" => "CPU time per handshake over the floor".to_owned(),
        _ => format!("CPU time per message over the floor, {workload}"),
    };
    draw_bars(&title, axis, &scale, Some(1.0), &bars)
}

/// Bars of resident memory per connection, the smallest first.
pub(crate) fn memory(report: &Report, memory: &Memory) -> Option<Drawing> {
    let servers = memory.servers.iter();
    let mut bars: Vec<Bar> = servers
        .filter_map(|it| {
            let kib = it.octets_per_connection? / 1024.0;
            let measured = it.measured.iter().map(|it| it / 1024.0);
            Some(Bar {
                name: &it.name,
                group: Group::of(report, &it.name),
                value: kib,
                range: Some((
                    measured.clone().fold(kib, f64::min),
                    measured.fold(kib, f64::max),
                )),
                text: format!("{kib:.1}"),
            })
        })
        .collect();
    sort(&mut bars);
    let ends = bars.iter().map(Bar::ends);
    let scale = Scale::linear(ends.fold(0.0, |most, it| it.1.max(most)));
    let title = format!("Resident memory per connection, {}", memory.workload);
    draw_bars(&title, "KiB per connection", &scale, None, &bars)
}

/// Curves of what part of the answers took how long, of servers whose times
/// mean something.
pub(crate) fn latency(report: &Report, latency: &Latency) -> Option<Drawing> {
    let servers = latency.servers.iter();
    let mut curves: Vec<Curve> = servers
        .filter_map(|it| Curve::of(report, it))
        .collect();
    curves.sort_by_key(|it| (it.group, it.name));
    let points = curves.iter().flat_map(|it| &it.points);
    let least = points.clone().map(|it| it.1).reduce(f64::min)?;
    let most = points.clone().map(|it| it.1).reduce(f64::max)?;
    let last = points.map(|it| it.0).fold(1.0, f64::max);
    let scale = Scale::logarithmic(least, most);
    let workload = latency.workload.as_str();
    let what = workload
        .strip_prefix("latency-")
        .unwrap_or(workload);
    let title = format!("Latency, {what}");
    Some(draw_curves(&title, &scale, last, &curves))
}

struct Bar<'a> {
    name: &'a str,
    group: Group,
    value: f64,
    /// How far the value can be trusted.
    range: Option<(f64, f64)>,
    /// What stands at its end.
    text: String,
}

impl Bar<'_> {
    /// The least and the most of it that is drawn.
    fn ends(&self) -> (f64, f64) {
        self.range.unwrap_or((self.value, self.value))
    }
}

fn sort(bars: &mut [Bar]) {
    bars.sort_by(|a, b| {
        let by_value = a.value.total_cmp(&b.value);
        by_value.then_with(|| a.name.cmp(b.name))
    });
}

/// Draws bars below each other. They begin at `line`, where that is on a
/// logarithmic axis, which has no 0 to begin at.
fn draw_bars(
    title: &str,
    axis: &str,
    scale: &Scale,
    line: Option<f64>,
    bars: &[Bar],
) -> Option<Drawing> {
    if bars.is_empty() {
        return None;
    }
    let names = bars.iter().map(|it| width(&cut(it.name)));
    let left = names.fold(0.0, f64::max) + 8.0;
    let right = WIDTH - 52.0;
    let x = |value| left + scale.part(value) * (right - left);
    let bottom = TOP + bars.len() as f64 * ROW;
    let mut drawing = Drawing::new(title, bottom + 40.0);
    draw_head(&mut drawing, title, bars.iter().map(|it| it.group));
    for &tick in &scale.ticks {
        drawing.line("grid", (x(tick), TOP), (x(tick), bottom));
        drawing.text("middle", (x(tick), bottom + 16.0), &number(tick));
    }
    let middle = f64::midpoint(left, right);
    drawing.text("middle", (middle, bottom + 34.0), axis);
    let base = match (scale.is_logarithmic, line) {
        (true, Some(line)) => line,
        _ => scale.low,
    };
    for (row, bar) in bars.iter().enumerate() {
        let y = TOP + (row as f64 + 0.5) * ROW;
        let Bar { name, text, .. } = bar;
        let (low, high) = bar.ends();
        let whole = format!("{name}: {text}");
        let corners = ((x(base), y - 7.0), (x(bar.value), y + 7.0));
        drawing.bar(bar.group.class(), corners.0, corners.1, &whole);
        if bar.range.is_some() {
            drawing.line("range", (x(low), y), (x(high), y));
            for end in [low, high] {
                drawing.line("range", (x(end), y - 3.0), (x(end), y + 3.0));
            }
        }
        drawing.text("end", (left - 6.0, y + 4.5), &cut(name));
        let end = x(high).max(x(base)) + 5.0;
        drawing.text("value", (end, y + 4.5), text);
    }
    if let Some(line) = line {
        drawing.line("one", (x(line), TOP - 4.0), (x(line), bottom + 4.0));
    }
    Some(drawing)
}

struct Curve<'a> {
    name: &'a str,
    group: Group,
    /// How many nines, and microseconds.
    points: Vec<Place>,
}

impl<'a> Curve<'a> {
    fn of(report: &Report, server: &'a LatencyServer) -> Option<Self> {
        // The slowest of all has no place on the axis, and little meaning.
        let shown = server
            .quantiles
            .iter()
            .filter(|it| (0.5..1.0).contains(&it.quantile))
            .filter(|it| server.told(it.quantile).is_some());
        let points: Vec<Place> = shown
            .map(|it| (nines(it.quantile), it.nanoseconds as f64 / 1000.0))
            .collect();
        (!points.is_empty()).then(|| Self {
            name: &server.name,
            group: Group::of(report, &server.name),
            points,
        })
    }
}

/// Draws curves, each with its name behind its end.
fn draw_curves(
    title: &str,
    scale: &Scale,
    last: f64,
    curves: &[Curve],
) -> Drawing {
    let height = CURVES.max(curves.len() as f64 * NAME);
    let bottom = TOP + height;
    let ticks = scale.ticks.iter();
    let ticks: Vec<_> = ticks.map(|it| (*it, number(*it))).collect();
    let widest = ticks.iter().map(|it| width(&it.1));
    let left = widest.fold(0.0, f64::max) + 8.0;
    let names = curves.iter().map(|it| width(&cut(it.name)));
    let right = WIDTH - names.fold(0.0, f64::max) - 22.0;
    let first = nines(0.5);
    let x =
        |nines: f64| left + (nines - first) / (last - first) * (right - left);
    let y = |value| bottom - scale.part(value) * height;
    let mut drawing = Drawing::new(title, bottom + 40.0);
    draw_head(&mut drawing, title, curves.iter().map(|it| it.group));
    for (tick, text) in &ticks {
        drawing.line("grid", (left, y(*tick)), (right, y(*tick)));
        drawing.text("end", (left - 6.0, y(*tick) + 4.5), text);
    }
    let percentiles = [
        (0.5, "50"),
        (0.9, "90"),
        (0.99, "99"),
        (0.999, "99.9"),
        (0.9999, "99.99"),
        (0.99999, "99.999"),
    ];
    for (quantile, text) in percentiles {
        let nines = nines(quantile);
        if nines <= last {
            drawing.line("grid", (x(nines), TOP), (x(nines), bottom));
            drawing.text("middle", (x(nines), bottom + 16.0), text);
        }
    }
    let axis = "percent of the answers within so many µs, logarithmic";
    drawing.text("middle", (WIDTH / 2.0, bottom + 34.0), axis);
    let mut ends = Vec::new();
    for (index, curve) in curves.iter().enumerate() {
        let earlier = curves[..index].iter();
        let earlier = earlier.filter(|it| it.group == curve.group);
        let class = curve.group.class();
        let dashes = format!("{class} dashes-{}", earlier.count() % 4);
        let points = curve.points.iter();
        let places: Vec<_> = points.map(|it| (x(it.0), y(it.1))).collect();
        drawing.curve(&dashes, &places, curve.name);
        if let Some(end) = places.last() {
            ends.push((*end, curve));
        }
    }
    ends.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
    let heights: Vec<f64> = ends.iter().map(|it| it.0.1).collect();
    let heights = apart(&heights, TOP + NAME / 2.0, bottom - NAME / 2.0);
    for ((end, curve), height) in ends.into_iter().zip(heights) {
        let class = curve.group.class();
        drawing.line(class, end, (right + 14.0, height));
        let place = (right + 18.0, height + 4.5);
        drawing.text(class, place, &cut(curve.name));
    }
    drawing
}

/// Draws the title, and which colour is whose.
fn draw_head(
    drawing: &mut Drawing,
    title: &str,
    groups: impl Iterator<Item = Group>,
) {
    let groups: Vec<_> = groups.collect();
    drawing.text("title", (0.0, 14.0), title);
    let mut x = 0.0;
    for group in Group::ALL {
        if groups.contains(&group) {
            let corners = ((x + 0.5, 27.0), (x + 11.5, 38.0));
            let (class, label) = (group.class(), group.label());
            drawing.bar(class, corners.0, corners.1, label);
            drawing.text("label", (x + 17.0, 37.0), label);
            x += 17.0 + width(label) + 16.0;
        }
    }
}

/// Rising heights, moved apart so that each name is below the one before, and
/// all are between the two.
fn apart(heights: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut moved = Vec::new();
    let mut least = top;
    for &height in heights {
        let height = height.max(least);
        moved.push(height);
        least = height + NAME;
    }
    let mut most = bottom;
    for height in moved.iter_mut().rev() {
        *height = f64::min(*height, most);
        most = *height - NAME;
    }
    moved
}

/// How many nines a quantile has: 1 for 0.9, 2 for 0.99.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// A name that fits beside a plot.
fn cut(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((index, _)) => format!("{}…", &name[..index]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_cover_each_other() {
        let moved = apart(&[10.0, 11.0, 99.0, 100.0], 8.0, 100.0);
        assert_eq!(moved, [10.0, 26.0, 84.0, 100.0]);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(cut("axum/echo"), "axum/echo");
        let cut = cut(&"µ".repeat(100));
        assert_eq!(cut.chars().count(), LONGEST_NAME + 1);
    }
}
