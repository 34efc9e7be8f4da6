//! Functions of every number: one node of the file, or several.

use rayclip_model::Activation;
use rayclip_onnx::proto::Node;

use super::plan::Planner;

/// The largest relative difference of a constant from the one that a function needs: files have float32.
const PRECISION: f64 = 1e-5;

/// Matches a node that is a function.
///
/// # Errors
/// Its settings are others than those of the function here.
pub(super) fn single(planner: &Planner<'_>, node: &Node) -> Result<Option<Activation>, String> {
    let setting = |name: &str, default: f32| f64::from(node.float(name).unwrap_or(default));
    Ok(Some(match node.op() {
        "Relu" => Activation::Relu,
        "Sigmoid" => Activation::Sigmoid,
        "Tanh" => Activation::Tanh,
        "HardSwish" => Activation::HardSwish,
        "LeakyRelu" => Activation::LeakyRelu { slope: setting("alpha", 0.01) },
        "HardSigmoid" => {
            let (slope, offset) = (setting("alpha", 0.2), setting("beta", 0.5));
            if !(is_near(slope, 1.0 / 6.0) && is_near(offset, 0.5)) {
                return Err(format!("a hard sigmoid of slope {slope} is not computed here"));
            }
            Activation::HardSigmoid
        }
        "Gelu" => match node.string("approximate").unwrap_or("none") {
            "none" => Activation::Gelu,
            other => {
                return Err(format!("a GELU with the approximation {other} is not computed here"));
            }
        },
        "Swish" if is_near(setting("alpha", 1.0), 1.0) => Activation::Silu,
        "Clip" => match bounds(planner, node)? {
            (Some(0.0), None) => Activation::Relu,
            (Some(0.0), Some(6.0)) => Activation::Relu6,
            (least, most) => {
                let text = |bound: Option<f64>| bound.map_or("none".to_owned(), |b| b.to_string());
                let (least, most) = (text(least), text(most));
                return Err(format!("bounds from {least} to {most} are not computed here"));
            }
        },
        _ => return Ok(None),
    }))
}

/// Returns the bounds of a Clip: attributes until opset 10, inputs after it.
///
/// # Errors
/// A bound is known only when the network runs.
fn bounds(planner: &Planner<'_>, node: &Node) -> Result<(Option<f64>, Option<f64>), String> {
    let bound = |input: usize, attribute: &str| {
        let by_attribute = node.float(attribute).map(f64::from);
        let found = match (by_attribute, node.input(input)) {
            (Some(bound), _) => Some(bound),
            (None, Some(value)) => {
                let number = planner.constants.number(value);
                Some(number.ok_or_else(|| format!("its bound {value} is computed by nodes"))?)
            }
            (None, None) => None,
        };
        Ok::<_, String>(found.filter(|bound| bound.abs() < f64::from(f32::MAX)))
    };
    Ok((bound(1, "min")?, bound(2, "max")?))
}

/// A product of values and a number, from nodes that multiply or divide.
struct Factors {
    number: f64,
    values: Vec<String>,
}

/// Matches functions that are written as products of several nodes. Returns the function and the value that it is
/// applied to.
pub(super) fn composed(planner: &Planner<'_>, node: &Node) -> Option<(Activation, String)> {
    if !matches!(node.op(), "Mul" | "Div") {
        return None;
    }
    let factors = factors(planner, node, 4)?;
    let function = |value: &str, other: &str| {
        let (sigmoid, hard, distribution) = (
            argument(planner, other, "Sigmoid"),
            clipped(planner, other),
            distribution(planner, other),
        );
        if sigmoid.as_deref() == Some(value) && is_near(factors.number, 1.0) {
            return Some(Activation::Silu);
        }
        if hard_sigmoid(planner, other).as_deref() == Some(value) && is_near(factors.number, 1.0) {
            return Some(Activation::HardSwish);
        }
        if hard.as_deref() == Some(value) && is_near(factors.number, 1.0 / 6.0) {
            return Some(Activation::HardSwish);
        }
        (distribution.as_deref() == Some(value) && is_near(factors.number, 0.5))
            .then_some(Activation::Gelu)
    };
    match &factors.values[..] {
        [one, other] => {
            let forward = function(one, other).map(|function| (function, one.clone()));
            forward.or_else(|| function(other, one).map(|function| (function, other.clone())))
        }
        [one] if is_near(factors.number, 1.0 / 6.0) => {
            clipped(planner, one).map(|value| (Activation::HardSigmoid, value))
        }
        _ => None,
    }
}

/// Returns the factors of a product, at most `depth` nodes deep. Values that others read too are factors themselves.
fn factors(planner: &Planner<'_>, node: &Node, depth: usize) -> Option<Factors> {
    let (one, other) = (node.input(0)?, node.input(1)?);
    if node.op() == "Div" {
        let divisor = planner.constants.number(other)?;
        let mut factors = factor(planner, one, depth);
        factors.number /= divisor;
        return Some(factors);
    }
    let (one, other) = (factor(planner, one, depth), factor(planner, other, depth));
    let values = one.values.into_iter().chain(other.values).collect();
    Some(Factors { number: one.number * other.number, values })
}

fn factor(planner: &Planner<'_>, value: &str, depth: usize) -> Factors {
    if let Some(number) = planner.constants.number(value) {
        return Factors { number, values: vec![] };
    }
    let product = planner.only_maker(value).filter(|node| matches!(node.op(), "Mul" | "Div"));
    let within = product.filter(|_| depth > 0).and_then(|node| factors(planner, node, depth - 1));
    within.unwrap_or_else(|| Factors { number: 1.0, values: vec![value.to_owned()] })
}

/// Returns what an operation of one kind is applied to.
fn argument(planner: &Planner<'_>, value: &str, op: &str) -> Option<String> {
    let node = planner.constants.maker(value).filter(|node| node.op() == op)?;
    node.input(0).map(ToOwned::to_owned)
}

fn hard_sigmoid(planner: &Planner<'_>, value: &str) -> Option<String> {
    let node = planner.constants.maker(value).filter(|node| node.op() == "HardSigmoid")?;
    single(planner, node).ok()??;
    node.input(0).map(ToOwned::to_owned)
}

/// Returns `x` if the value is `min(max(x + 3, 0), 6)`.
fn clipped(planner: &Planner<'_>, value: &str) -> Option<String> {
    let node = planner.constants.maker(value).filter(|node| node.op() == "Clip")?;
    if bounds(planner, node) != Ok((Some(0.0), Some(6.0))) {
        return None;
    }
    plus(planner, node.input(0)?, 3.0)
}

/// Returns `x` if the value is `1 + erf(x / √2)`.
fn distribution(planner: &Planner<'_>, value: &str) -> Option<String> {
    let scaled = argument(planner, &plus(planner, value, 1.0)?, "Erf")?;
    let node = planner.constants.maker(&scaled)?;
    let (one, other) = (node.input(0)?, node.input(1)?);
    let root = std::f64::consts::SQRT_2;
    let number = |value| planner.constants.number(value);
    match node.op() {
        "Div" if is_near(number(other)?, root) => Some(one.to_owned()),
        "Mul" => match (number(one), number(other)) {
            (None, Some(factor)) if is_near(factor, 1.0 / root) => Some(one.to_owned()),
            (Some(factor), None) if is_near(factor, 1.0 / root) => Some(other.to_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns `x` if the value is `x + term`.
fn plus(planner: &Planner<'_>, value: &str, term: f64) -> Option<String> {
    let node = planner.constants.maker(value).filter(|node| node.op() == "Add")?;
    let (one, other) = (node.input(0)?, node.input(1)?);
    let is_term = |value: &str| planner.constants.number(value).is_some_and(|n| is_near(n, term));
    match (is_term(one), is_term(other)) {
        (false, true) => Some(one.to_owned()),
        (true, false) => Some(other.to_owned()),
        _ => None,
    }
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= PRECISION * expected.abs()
}
