//! Medians, and how far they can be trusted.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// How many times a sample is drawn again.
const RESAMPLES: usize = 2000;

/// A median of fewer has no 95 % interval: even from the least to the most of
/// five holds the true one in 15 of 16 samples only.
pub const LEAST: usize = 6;

/// A median with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The median.
    pub median: f64,
    /// The lower end, if the sample is large enough for an interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Interval {
    /// The median of a sample, and the interval that holds the medians of 95
    /// of 100 samples drawn from it; of a small sample the median alone, and
    /// `None` of nothing.
    #[must_use]
    pub fn of(sample: &[f64], random: &mut Rng) -> Option<Self> {
        let median = median(sample)?;
        if sample.len() < LEAST {
            return Some(Self::alone(median));
        }
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .filter_map(|_| {
                let again = sample.iter();
                let again: Vec<f64> = again
                    .map(|_| sample[random.usize(..sample.len())])
                    .collect();
                self::median(&again)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        let last = RESAMPLES - 1;
        Some(Self {
            median,
            low: medians.get(last * 25 / 1000).copied(),
            high: medians.get(last - last * 25 / 1000).copied(),
        })
    }

    /// A number of which no interval is known.
    #[must_use]
    pub fn alone(median: f64) -> Self {
        Self {
            median,
            low: None,
            high: None,
        }
    }

    /// Both ends of the interval, if there is one.
    #[must_use]
    pub fn ends(&self) -> Option<(f64, f64)> {
        Some((self.low?, self.high?))
    }

    /// Whether there is a value in both; `None` where one has no interval.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> Option<bool> {
        let (low, high) = self.ends()?;
        let (other_low, other_high) = other.ends()?;
        Some(low <= other_high && other_low <= high)
    }
}

/// The middle of the values, or of the middle two; `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    match sorted.len() % 2 {
        0 => Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper)),
        _ => Some(upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn the_interval_of_equal_values_is_that_value() {
        let mut random = Rng::with_seed(1);
        assert_eq!(Interval::of(&[], &mut random), None);
        let interval = Interval::of(&[1.5; 7], &mut random);
        let expected = Interval {
            median: 1.5,
            low: Some(1.5),
            high: Some(1.5),
        };
        assert_eq!(interval, Some(expected));
    }

    #[test]
    fn a_small_sample_has_a_median_alone() {
        let mut random = Rng::with_seed(1);
        let sample = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let five = Interval::of(&sample[..5], &mut random);
        assert_eq!(five, Some(Interval::alone(3.0)));
        let six = Interval::of(&sample, &mut random);
        assert!(six.and_then(|it| it.ends()).is_some());
    }

    #[test]
    fn the_interval_is_as_wide_as_theory_says() {
        // The 95 % interval for the median of 101 ordered values lies about
        // ten places to each side of the middle.
        let sample: Vec<f64> = (0..=100).map(f64::from).collect();
        let mut random = Rng::with_seed(2);
        let interval = Interval::of(&sample, &mut random);
        let interval = interval.expect("a sample");
        assert!((interval.median - 50.0).abs() < f64::EPSILON);
        let (low, high) = interval.ends().expect("an interval");
        assert!((37.0..=43.0).contains(&low), "{low}");
        assert!((57.0..=63.0).contains(&high), "{high}");
    }

    #[test]
    fn an_outlier_does_not_move_it() {
        let mut sample = vec![1.0; 14];
        sample.push(100.0);
        let mut random = Rng::with_seed(3);
        let interval = Interval::of(&sample, &mut random);
        let interval = interval.expect("a sample");
        let (low, high) = interval.ends().expect("an interval");
        assert!(high < 1.5 && low > 0.5);
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let sample = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
        let of = |seed| Interval::of(&sample, &mut Rng::with_seed(seed));
        assert_eq!(of(5), of(5));
    }

    #[test]
    fn intervals_overlap_where_a_value_is_in_both() {
        let interval = |low, high| Interval {
            median: low,
            low: Some(low),
            high: Some(high),
        };
        let is_in_both = |a: Interval, b| a.overlaps(&b);
        let later = interval(2.0, 3.0);
        assert_eq!(is_in_both(interval(1.0, 2.0), later), Some(true));
        assert_eq!(is_in_both(interval(1.0, 4.0), later), Some(true));
        assert_eq!(is_in_both(interval(1.0, 1.9), later), Some(false));
        assert_eq!(is_in_both(Interval::alone(2.0), later), None);
    }
}
