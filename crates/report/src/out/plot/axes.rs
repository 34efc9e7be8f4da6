//! Axes: the position of values, and the labels.

use std::ops::Range;

use plotters::coord::ranged1d::{BoldPoints, DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

use crate::figures::figure::{Axis, Scale};

/// An axis as it is drawn. Scaled values are the values or their logarithms; they lie evenly on it.
pub(super) struct Ruler<'a> {
    axis: &'a Axis,
    /// Its ends, as scaled values.
    pub(super) range: Range<f64>,
    /// The scaled values that have labels.
    pub(super) ticks: Vec<f64>,
}

impl<'a> Ruler<'a> {
    /// Returns an axis that has room for all `values`, and a fraction `room` more at both ends. It has at most
    /// `labels` labels.
    pub(super) fn of(
        axis: &'a Axis,
        values: impl Iterator<Item = f64>,
        room: f64,
        labels: usize,
    ) -> Self {
        let (least, most) = axis.limits;
        let values = values.filter(|value| value.is_finite());
        let scaled_values = values.map(|value| scaled(axis.scale, value.clamp(least, most)));
        let finite = scaled_values.filter(|at| at.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| {
            (low.min(at), high.max(at))
        });
        let range = if low > high {
            0.0..1.0
        } else if low < high {
            low - room * (high - low)..high + room * (high - low)
        } else {
            let alone = if axis.scale == Scale::Linear { 0.1 * low.abs().max(1.0) } else { 0.1 };
            low - alone..high + alone
        };
        let ticks = ticks(axis, &range, labels);
        Self { axis, range, ticks }
    }

    /// Returns the scaled value.
    pub(super) fn scaled(&self, value: f64) -> f64 {
        let (least, most) = self.axis.limits;
        scaled(self.axis.scale, value.clamp(least, most))
    }

    /// Returns the axis in the form that the drawing library takes.
    pub(super) fn coordinate(&self) -> Coordinate {
        Coordinate { range: RangedCoordf64::from(self.range.clone()), ticks: self.ticks.clone() }
    }

    /// Returns the label of a scaled value.
    pub(super) fn label(&self, at: f64) -> String {
        match self.axis.scale {
            Scale::Linear => short(at, &self.range),
            scale => plain(value(scale, at)),
        }
    }
}

/// Scaled values, some with labels.
pub(super) struct Coordinate {
    range: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Ranged for Coordinate {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, at: &f64, pixels: (i32, i32)) -> i32 {
        self.range.map(at, pixels)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Lines between the labels are not drawn.
        if hint.weight().allow_light_points() { vec![] } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}

fn scaled(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => value.log10(),
        Scale::Descending => -value.log10(),
    }
}

fn value(scale: Scale, at: f64) -> f64 {
    match scale {
        Scale::Linear => at,
        Scale::Log => 10_f64.powf(at),
        Scale::Descending => 10_f64.powf(-at),
    }
}

/// Returns the scaled values that have labels: round values, at most `most`.
fn ticks(axis: &Axis, range: &Range<f64>, most: usize) -> Vec<f64> {
    let (a, b) = (value(axis.scale, range.start), value(axis.scale, range.end));
    let (low, high) = (a.min(b).max(axis.limits.0), a.max(b).min(axis.limits.1));
    let values = if axis.scale == Scale::Linear {
        even(low, high, most)
    } else {
        logarithmic(low, high, most)
    };
    values.into_iter().map(|value| scaled(axis.scale, value)).filter(|p| p.is_finite()).collect()
}

fn even(low: f64, high: f64, most: usize) -> Vec<f64> {
    RangedCoordf64::from(low..high).key_points(BoldPoints(most))
}

/// Returns round values of every power of ten, at most `most`. If there are few, returns evenly spaced values.
fn logarithmic(low: f64, high: f64, most: usize) -> Vec<f64> {
    /// Fewer labels do not show the scale of the axis.
    const FEW: usize = 4;
    if !(low > 0.0 && high.is_finite()) {
        return vec![];
    }
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let of = |mantissas: &[f64]| -> Vec<f64> {
        let all = powers
            .clone()
            .flat_map(|power| mantissas.iter().map(move |mantissa| mantissa * 10_f64.powi(power)));
        all.filter(|value| (low..=high).contains(value)).collect()
    };
    let fine = of(&[1.0, 2.0, 5.0]);
    if fine.len() < FEW {
        return even(low, high, most);
    }
    let coarser = [fine, of(&[1.0, 3.0])].into_iter().find(|values| values.len() <= most);
    coarser.unwrap_or_else(|| {
        let powers = of(&[1.0]);
        let step = powers.len().div_ceil(most.max(1)).max(1);
        powers.into_iter().step_by(step).collect()
    })
}

/// Returns a value with few digits.
fn plain(value: f64) -> String {
    if !(1e-3..1e5).contains(&value) {
        return format!("{value:.0e}");
    }
    // Three digits remove the rounding error of the logarithm.
    format!("{value:.2e}").parse::<f64>().map_or_else(|_| String::new(), |round| round.to_string())
}

/// Returns a label with the digits that the range needs.
fn short(value: f64, range: &Range<f64>) -> String {
    let size = range.start.abs().max(range.end.abs());
    if !(1e-3..1e5).contains(&size) {
        return format!("{value:.1e}");
    }
    let step = (range.end - range.start) / 10.0;
    let digits = (-step.log10()).ceil().clamp(0.0, 6.0) as usize;
    let text = format!("{value:.digits$}");
    if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, values: &[f64], most: usize) -> Vec<String> {
        let drawn = Ruler::of(axis, values.iter().copied(), 0.02, most);
        drawn.ticks.iter().map(|tick| drawn.label(*tick)).collect()
    }

    #[test]
    fn sizes_go_down_from_the_left_and_the_small_ones_have_room() {
        let axis = Axis::size("neurons");
        let drawn = Ruler::of(&axis, [9.0, 60.0, 512.0].into_iter(), 0.0, 8);
        let share = |neurons: f64| {
            (drawn.scaled(neurons) - drawn.range.start) / (drawn.range.end - drawn.range.start)
        };
        assert!(share(512.0).abs() < 1e-9 && (share(9.0) - 1.0).abs() < 1e-9);
        assert!(share(51.2) < 0.6, "a tenth of the neurons has but {} of the axis", share(51.2));
        assert_eq!(labels(&axis, &[9.0, 512.0], 8), ["10", "20", "50", "100", "200", "500"]);
        assert_eq!(labels(&axis, &[9.0, 512.0], 4), ["10", "30", "100", "300"]);
        assert_eq!(labels(&axis, &[1.0, 1e9], 4).len(), 4);
        assert_eq!(labels(&axis, &[9.0, 24.0], 8).first().map(String::as_str), Some("10"));
        assert!(labels(&axis, &[9.0, 24.0], 8).len() >= 4);
        assert_eq!(labels(&Axis::size(""), &[0.0, -1.0, f64::NAN], 8).len(), 4);
    }

    #[test]
    fn what_reaches_a_limit_has_room_but_no_label_beyond_it() {
        let axis = Axis::fraction("accuracy");
        let drawn = Ruler::of(&axis, [0.2, 1.0, 1.4].into_iter(), 0.05, 8);
        assert!(drawn.range.end > 1.0 && drawn.range.end < 1.1, "{:?}", drawn.range);
        assert!(drawn.ticks.iter().all(|tick| *tick <= 1.0) && drawn.ticks.contains(&1.0));
        assert_eq!(drawn.scaled(1.4), 1.0);
        assert_eq!(Ruler::of(&axis, std::iter::empty(), 0.1, 8).range, 0.0..1.0);
        let one = Ruler::of(&axis, std::iter::once(0.5), 0.1, 8).range;
        assert!(one.start < 0.5 && one.end > 0.5);
    }

    #[test]
    fn labels_have_the_digits_that_the_range_needs() {
        assert_eq!(short(0.5, &(0.0..1.0)), "0.5");
        assert_eq!(short(0.965, &(0.96..0.97)), "0.965");
        assert_eq!(short(-1e-17, &(-1.0..1.0)), "0");
        assert_eq!(short(2.5e9, &(0.0..5e9)), "2.5e9");
        let round = [20.000_000_000_000_004, 0.003, 512.0, 1e6, 1e-6].map(plain);
        assert_eq!(round, ["20", "0.003", "512", "1e6", "1e-6"]);
    }
}
