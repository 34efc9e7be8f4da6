//! Finds where the correlations of the columns next meet their bounds. This is the largest loop of a path.

#![expect(clippy::inline_always, reason = "only inlined code is compiled for the vector unit")]

use crate::vector::vectorised;

/// Columns that are processed together.
const LANES: usize = 8;

/// Returns the τ at which a correlation meets its bound `sign · (bound + τ slope)`; −∞ if it never does as τ falls. The
/// correlation changes by `rate` as τ grows by one.
///
/// A column that depends on the active ones moves with its bound. Its approach is only rounding, less than `least`.
#[inline(always)]
pub(super) fn meeting(
    correlation: f64,
    rate: f64,
    slope: f64,
    bound: f64,
    tau: f64,
    sign: f64,
    least: f64,
) -> f64 {
    let approach = slope - sign * rate;
    let at = (sign * (correlation - tau * rate) - bound) / approach;
    if approach > least { at } else { f64::NEG_INFINITY }
}

/// All columns, `[m]` each.
pub(super) struct Columns<'a> {
    pub(super) correlations: &'a [f64],
    pub(super) rates: &'a [f64],
    pub(super) slopes: &'a [f64],
    /// Infinite for a column that may not enter.
    pub(super) bounds: &'a [f64],
    /// An approach must be larger than this.
    pub(super) least: f64,
}

impl Columns<'_> {
    /// Returns the column that meets a bound at the largest τ, and that τ; the first one if there are several.
    pub(super) fn first_meeting(&self, tau: f64) -> Option<(usize, f64)> {
        vectorised(
            #[inline(always)]
            || self.scan(tau),
        )
    }

    #[inline(always)]
    fn scan(&self, tau: f64) -> Option<(usize, f64)> {
        let (correlations, correlations_rest) = self.correlations.as_chunks::<LANES>();
        let (rates, rates_rest) = self.rates.as_chunks::<LANES>();
        let (slopes, slopes_rest) = self.slopes.as_chunks::<LANES>();
        let (bounds, bounds_rest) = self.bounds.as_chunks::<LANES>();
        let mut best = (0, f64::NEG_INFINITY);
        let chunks = correlations.iter().zip(rates).zip(slopes).zip(bounds);
        for (chunk, (((correlations, rates), slopes), bounds)) in chunks.enumerate() {
            let mut at = [0.0; LANES];
            for lane in 0..LANES {
                let (correlation, rate) = (correlations[lane], rates[lane]);
                let (slope, bound) = (slopes[lane], bounds[lane]);
                at[lane] = larger(
                    meeting(correlation, rate, slope, bound, tau, 1.0, self.least),
                    meeting(correlation, rate, slope, bound, tau, -1.0, self.least),
                );
            }
            let largest = at.iter().fold(f64::NEG_INFINITY, |max, at| larger(*at, max));
            if largest > best.1 {
                let lane = at.iter().position(|at| *at == largest).unwrap_or(0);
                best = (chunk * LANES + lane, largest);
            }
        }
        let rest = correlations_rest.iter().zip(rates_rest).zip(slopes_rest).zip(bounds_rest);
        for (lane, (((correlation, rate), slope), bound)) in rest.enumerate() {
            for sign in [1.0, -1.0] {
                let at = meeting(*correlation, *rate, *slope, *bound, tau, sign, self.least);
                if at > best.1 {
                    best = (correlations.len() * LANES + lane, at);
                }
            }
        }
        (best.1 > f64::NEG_INFINITY).then_some(best)
    }
}

/// Returns the larger of two numbers. It is one instruction, because it does not handle NaN.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_meet_is_found_wherever_it_is() {
        for count in [1, 7, 8, 9, 31, 64] {
            let (rates, slopes, bounds) = (vec![0.0; count], vec![1.0; count], vec![0.5; count]);
            for (index, sign) in (0..count).flat_map(|index| [(index, 1.0), (index, -1.0)]) {
                let mut correlations = vec![0.1; count];
                correlations[index] = sign * 2.0;
                let columns = Columns {
                    correlations: &correlations,
                    rates: &rates,
                    slopes: &slopes,
                    bounds: &bounds,
                    least: 0.0,
                };
                assert_eq!(columns.first_meeting(3.0), Some((index, 1.5)), "{count}");
            }
        }
    }

    #[test]
    fn barred_columns_and_those_that_move_away_never_meet() {
        let columns = Columns {
            correlations: &[2.0, 0.0],
            rates: &[0.0, 0.0],
            slopes: &[1.0, -1.0],
            bounds: &[f64::INFINITY, 0.5],
            least: 0.0,
        };
        assert_eq!(columns.first_meeting(3.0), None);
    }
}
