//! LOWESS: locally weighted straight lines, made robust against outliers.
//!
//! Equals `statsmodels.nonparametric.lowess(y, x, frac, it)` with `delta = 0`, which the paper used
//! to smooth its accuracies (`frac = 0.3`, three passes, over the sparsity).
//!
//! # References
//! Cleveland, *Robust locally weighted regression and smoothing scatterplots* (Journal of the
//! American Statistical Association 74, 1979).

/// Smooths `y` over ascending `x`.
///
/// `fraction` of the points (one at least, all at most) take part in each line; `passes` times the residuals' bisquare weights
/// are applied.
///
/// # Panics
/// If `x` and `y` differ in length, or `x` is not ascending.
pub fn lowess(x: &[f64], y: &[f64], fraction: f64, passes: usize) -> Vec<f64> {
    assert_eq!(x.len(), y.len(), "one y for every x");
    assert!(x.is_sorted(), "x must be ascending");
    let neighbours = ((fraction * x.len() as f64 + 1e-10) as usize).clamp(1, x.len().max(1));
    let mut robustness = vec![1.0; x.len()];
    let mut fitted = vec![];
    for _ in 0..=passes {
        fitted = fit(x, y, neighbours, &robustness);
        let residuals: Vec<f64> = y.iter().zip(&fitted).map(|(y, f)| (y - f).abs()).collect();
        robustness = bisquare(&residuals);
    }
    fitted
}

/// One weighted straight line a point.
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

/// The value at `at` of the weighted straight line; none where fewer than two points have weight.
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

/// Weights against outliers: zero beyond six times the median residual.
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
    fn a_straight_line_stays_one() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| 2.0 * x - 3.0).collect();
        for (got, expected) in lowess(&x, &y, 0.3, 3).iter().zip(&y) {
            assert!((got - expected).abs() < 1e-9);
        }
    }
}
