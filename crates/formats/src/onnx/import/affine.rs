//! What a file does with the pixels before the first layer: `pixel · scale + shift`, per channel.

use super::plan::{Action, Planner, Step, is_to_floats};
use rayclip_onnx::proto::Node;

/// `pixel · scale + shift`: one number for all channels, or one per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// The factors.
    pub scale: Vec<f64>,
    /// The terms.
    pub shift: Vec<f64>,
}

impl Affine {
    /// Changes nothing.
    pub(super) fn identity() -> Self {
        Self { scale: vec![1.0], shift: vec![0.0] }
    }

    /// Returns the mean and the deviation that do the same, `(pixel − mean) / deviation`; `None` if there are none.
    pub fn statistics(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let deviation: Vec<f64> = self.scale.iter().map(|scale| 1.0 / scale).collect();
        let mean = self.shift.iter().zip(&self.scale).map(|(shift, scale)| -shift / scale);
        let mean: Vec<f64> = mean.collect();
        let is_possible = self.shift.len() == self.scale.len()
            && deviation.iter().all(|number| number.is_finite() && *number > 0.0)
            && mean.iter().all(|number| number.is_finite());
        is_possible.then_some((mean, deviation))
    }

    /// Returns this, and then `other`; `None` if both have numbers per channel, but not equally many.
    pub(super) fn then(&self, other: &Self) -> Option<Self> {
        let channels = [&self.scale, &self.shift, &other.scale, &other.shift];
        let channels = channels.iter().map(|numbers| numbers.len()).max()?;
        let wide = |numbers: &[f64]| match numbers {
            [number] => Some(vec![*number; channels]),
            numbers => (numbers.len() == channels).then(|| numbers.to_vec()),
        };
        let ([a, b], [c, d]) =
            ([wide(&self.scale)?, wide(&self.shift)?], [wide(&other.scale)?, wide(&other.shift)?]);
        let scale = a.iter().zip(&c).map(|(a, c)| a * c).collect();
        let shift = b.iter().zip(&c).zip(&d).map(|((b, c), d)| b * c + d).collect();
        Some(Self { scale, shift })
    }
}

/// Matches an operation on the pixels with constants: before any weight, it is preprocessing.
pub(super) fn of_pixels(planner: &Planner<'_>, number: usize, node: &Node) -> Option<Step> {
    let pixels = |value: &str| planner.is_pixels(value);
    let (first, second) = (node.input(0)?, node.input(1));
    let numbers = |value: &str| {
        let constant = planner.constants.floats(value).ok()?;
        Some(constant.values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>())
    };
    let (data, constant, is_swapped) = match second {
        Some(second) if pixels(first) => (first, Some(second), false),
        Some(second) if pixels(second) => (second, Some(first), true),
        None if pixels(first) && node.op() == "Cast" && is_to_floats(node) => (first, None, false),
        _ => return None,
    };
    let affine = match (node.op(), constant.map(numbers)) {
        ("Cast", None) => Affine::identity(),
        ("Mul", Some(Some(scale))) => Affine { scale, shift: vec![0.0] },
        ("Add", Some(Some(shift))) => Affine { scale: vec![1.0], shift },
        ("Div", Some(Some(divisor))) if !is_swapped => {
            Affine { scale: divisor.iter().map(|value| 1.0 / value).collect(), shift: vec![0.0] }
        }
        ("Sub", Some(Some(mean))) if !is_swapped => {
            Affine { scale: vec![1.0], shift: mean.iter().map(|value| -value).collect() }
        }
        _ => return None,
    };
    let extents = constant.and_then(|constant| {
        planner.analysis.extents(constant)?.iter().copied().collect::<Option<Vec<usize>>>()
    });
    let action = Action::Preprocess(affine, extents.unwrap_or_default());
    Some(Step { node: number, action, inputs: vec![data.to_owned()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_follows_another() {
        let to_one = Affine { scale: vec![0.5], shift: vec![0.0] };
        let centred = Affine { scale: vec![1.0], shift: vec![-1.0, -2.0] };
        let both = to_one.then(&centred).unwrap();
        assert_eq!(both, Affine { scale: vec![0.5, 0.5], shift: vec![-1.0, -2.0] });
        let three = Affine { scale: vec![1.0; 3], shift: vec![0.0] };
        assert_eq!(both.then(&three), None);
    }
}
