//! LOWESS: locally weighted straight lines that are robust against outliers.
//!
//! Equals `statsmodels.nonparametric.lowess(y, x, frac, it)` with `delta = 0`. The paper used it to smooth its
//! accuracies (`frac = 0.3`, three passes, over the sparsity).
//!
//! # References
//! Cleveland, *Robust locally weighted regression and smoothing scatterplots* (Journal of the
//! American Statistical Association 74, 1979).

/// Smooths `y` over ascending `x`.
///
/// Each line uses this `fraction` of the points (at least one, at most all). The bisquare weights of the residuals
/// are applied `passes` times.
///
/// # Panics
/// If `x` and `y` differ in length, or `x` is not ascending.
pub fn lowess(x: &[f64], y: &[f64], fraction: f64, passes: usize) -> Vec<f64> {
    assert_eq!(x.len(), y.len(), "one y for every x");
    assert!(x.is_sorted(), "x must be ascending");
    if x.is_empty() {
        return vec![];
    }
    let neighbours = ((fraction * x.len() as f64 + 1e-10) as usize).clamp(1, x.len());
    let mut robustness = vec![1.0; x.len()];
    let mut fitted = vec![];
    for _ in 0..=passes {
        fitted = fit(x, y, neighbours, &robustness);
        let residuals: Vec<f64> = y.iter().zip(&fitted).map(|(y, f)| (y - f).abs()).collect();
        robustness = bisquare(&residuals);
    }
    fitted
}

/// Fits one weighted straight line per point.
fn fit(x: &[f64], y: &[f64], neighbours: usize, robustness: &[f64]) -> Vec<f64> {
    let mut left = 0;
    (0..x.len())
        .map(|i| {
            while left + neighbours < x.len() && x[i] > f64::midpoint(x[left], x[left + neighbours])
            {
                left += 1;
            }
            let near = left..left + neighbours;
            let radius = (x[i] - x[near.start]).max(x[near.end - 1] - x[i]);
            let weights: Vec<f64> = near
                .clone()
                .map(|j| {
                    let distance = if radius > 0.0 { (x[j] - x[i]).abs() / radius } else { 0.0 };
                    tricube(distance) * robustness[j]
                })
                .collect();
            line_at(x[i], &x[near.clone()], &y[near], &weights).unwrap_or(y[i])
        })
        .collect()
}

/// Returns the value of the weighted straight line at `at`; `None` if fewer than two points have weight.
fn line_at(at: f64, x: &[f64], y: &[f64], weights: &[f64]) -> Option<f64> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 || weights.iter().filter(|weight| **weight != 0.0).count() < 2 {
        return None;
    }
    let mean = |of: &[f64]| weights.iter().zip(of).map(|(w, v)| w * v).sum::<f64>() / total;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let moment = |of: &[f64], centre: f64| {
        let terms = weights.iter().zip(x).zip(of);
        terms.map(|((w, x), v)| w * (x - mean_x) * (v - centre)).sum::<f64>()
    };
    let spread = moment(x, mean_x);
    let slope = if spread > 0.0 { moment(y, mean_y) / spread } else { 0.0 };
    Some(mean_y + (at - mean_x) * slope)
}

fn tricube(distance: f64) -> f64 {
    (1.0 - distance.powi(3)).max(0.0).powi(3)
}

/// Returns weights against outliers: zero beyond six times the median residual.
fn bisquare(residuals: &[f64]) -> Vec<f64> {
    let mut sorted = residuals.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    };
    let scaled = |residual: f64| {
        if median == 0.0 { f64::from(u8::from(residual > 0.0)) } else { residual / (6.0 * median) }
    };
    residuals.iter().map(|residual| (1.0 - scaled(*residual).powi(2)).max(0.0).powi(2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_statsmodels() {
        let x = [0.0, 0.4, 0.9, 1.1, 2.0, 2.4, 3.1, 3.5, 4.4, 5.0, 5.2, 6.0];
        let y = [1.0, 1.4, 0.7, 2.2, 2.0, 9.0, 3.4, 3.0, 4.1, 3.9, 5.5, 5.1];
        // statsmodels 0.15.0: lowess(y, x, frac=0.5, it=3, return_sorted=False)
        let expected = [
            1.0160816521069538,
            1.2322209757453708,
            1.511102556315734,
            1.6089357377270141,
            2.2201928059791136,
            2.4853093783654048,
            3.0163663051125704,
            3.3624943572718733,
            3.9856199072579495,
            4.503054915709083,
            4.649075811348914,
            5.232831344506549,
        ];
        for (got, expected) in lowess(&x, &y, 0.5, 3).iter().zip(expected) {
            assert!((got - expected).abs() < 1e-10, "{got} {expected}");
        }
    }

    #[test]
    fn equals_statsmodels_as_the_paper_smooths() {
        let widths = [
            460, 414, 372, 334, 300, 270, 243, 218, 196, 176, 158, 142, 127, 114, 102, 91, 81, 72,
            64, 57,
        ];
        let x = widths.map(|m| 1.0 - f64::from(m) / 512.0);
        let y = [
            0.9904, 0.9443, 0.9736, 0.9629, 0.9625, 0.9629, 0.9422, 0.9568, 0.9468, 0.9847, 0.9494,
            0.9392, 0.9352, 0.9268, 0.9183, 0.9204, 0.9246, 0.9131, 0.921, 0.9056,
        ];
        // statsmodels 0.15.0: lowess(y, x, frac=0.3, it=3, return_sorted=False)
        let expected = [
            0.9905039045250776,
            0.9812338094721925,
            0.9727254692871539,
            0.9663987500771982,
            0.9618969153410243,
            0.9583173402924847,
            0.955064058590567,
            0.9502903987156246,
            0.9502834007957036,
            0.947240537015491,
            0.9471841059078662,
            0.9409042516976857,
            0.9332804492858103,
            0.9271374099545691,
            0.9224672054718039,
            0.9204313824941445,
            0.9198545736844014,
            0.9169409976601335,
            0.9129789592666544,
            0.9094380921375603,
        ];
        for (got, expected) in lowess(&x, &y, 0.3, 3).iter().zip(expected) {
            assert!((got - expected).abs() < 1e-10, "{got} {expected}");
        }
    }

    #[test]
    fn a_straight_line_stays_one() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| 2.0 * x - 3.0).collect();
        for (got, expected) in lowess(&x, &y, 0.3, 3).iter().zip(&y) {
            assert!((got - expected).abs() < 1e-9);
        }
        assert!(lowess(&[], &[], 0.3, 3).is_empty());
    }
}
