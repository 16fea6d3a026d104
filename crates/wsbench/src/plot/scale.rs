//! Axes: where a value is on them, and which round values they show.

use std::iter::successors;

/// Where values are on an axis.
pub(crate) struct Scale {
    pub(crate) low: f64,
    high: f64,
    pub(crate) is_logarithmic: bool,
    /// Round values on it.
    pub(crate) ticks: Vec<f64>,
}

impl Scale {
    /// From 0 to a round value that is no less than `most`.
    pub(crate) fn linear(most: f64) -> Self {
        // Of what is less than 1, an axis shows that it is.
        let most = bounded(most).max(1.0);
        let step = round_up(most / 5.0);
        let high = (most / step - 1e-9).ceil() * step;
        let ticks = successors(Some(0.0_f64), |it| Some(it + step));
        Self {
            low: 0.0,
            high,
            is_logarithmic: false,
            ticks: ticks
                .take_while(|it| *it < high + step / 2.0)
                .collect(),
        }
    }

    /// Between round values around the two.
    pub(crate) fn logarithmic(least: f64, most: f64) -> Self {
        let low = round_down(bounded(least));
        let high = round_up(bounded(most)).max(low * 10.0);
        let within = |it: &f64| *it < high * 1.01;
        let all = successors(Some(low), |it| Some(round_up(it * 1.5)));
        let mut ticks: Vec<f64> = all.take_while(within).collect();
        if ticks.len() > 7 {
            ticks.retain(|it| is_power_of_ten(*it));
        }
        let every = ticks.len().div_ceil(7).max(1);
        Self {
            low,
            high,
            is_logarithmic: true,
            ticks: ticks.into_iter().step_by(every).collect(),
        }
    }

    /// Which part of the axis is before a value, from 0 to 1.
    pub(crate) fn part(&self, value: f64) -> f64 {
        let Self { low, high, .. } = *self;
        let value = value.clamp(low, high);
        match self.is_logarithmic {
            true => (value / low).ln() / (high / low).ln(),
            false => (value - low) / (high - low),
        }
    }
}

/// A round number as one writes it.
pub(crate) fn number(number: f64) -> String {
    let text = format!("{number:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

/// A value that an axis can end at: a report may have been written by hand.
fn bounded(value: f64) -> f64 {
    value.clamp(1e-3, 1e12)
}

/// The least of 1, 2 and 5 times a power of ten that is no less.
fn round_up(value: f64) -> f64 {
    let mut round = round_values(value).into_iter();
    let found = round.find(|it| *it > value * 0.9999);
    found.unwrap_or(value)
}

/// The largest of them that is no more.
fn round_down(value: f64) -> f64 {
    let mut round = round_values(value).into_iter().rev();
    let found = round.find(|it| *it < value * 1.0001);
    found.unwrap_or(value)
}

fn round_values(value: f64) -> [f64; 4] {
    let decade = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|it| it * decade)
}

fn is_power_of_ten(value: f64) -> bool {
    let exponent = value.log10();
    (exponent - exponent.round()).abs() < 1e-3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_round_values() {
        let ticks = |scale: Scale| {
            let ticks = scale.ticks.iter().map(|it| number(*it));
            ticks.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ticks(Scale::linear(2.4)), "0 0.5 1 1.5 2 2.5");
        assert_eq!(ticks(Scale::linear(134.0)), "0 50 100 150");
        assert_eq!(ticks(Scale::linear(0.0)), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(ticks(Scale::logarithmic(0.98, 15.3)), "0.5 1 2 5 10 20");
        assert_eq!(
            ticks(Scale::logarithmic(41.0, 9e4)),
            "100 1000 10000 100000"
        );
        assert_eq!(ticks(Scale::logarithmic(3.0, 3.0)), "2 5 10 20");
    }

    #[test]
    fn a_value_is_on_the_axis_whatever_it_is() {
        let part = |scale: &Scale, value| {
            let part = scale.part(value);
            assert!((0.0..=1.0).contains(&part), "{value}: {part}");
            part
        };
        for scale in [
            Scale::linear(3.0),
            Scale::linear(1e300),
            Scale::logarithmic(0.0, 0.0),
            Scale::logarithmic(1.0, 100.0),
        ] {
            for value in [-1.0, 0.0, 1e-300, 2.0, 1e300] {
                part(&scale, value);
            }
        }
        let middle = part(&Scale::logarithmic(1.0, 100.0), 10.0);
        assert!((middle - 0.5).abs() < 1e-9);
    }
}
