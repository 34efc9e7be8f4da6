//! Layers with weights, and operations on several values.

use rayclip_model::Op;
use rayclip_onnx::proto::Node;

use super::constants::Constant;
use super::plan::{Action, Planner, Step};
use super::windows;

/// Matches a convolution.
pub(super) fn conv(planner: &Planner<'_>, node: &Node) -> Result<Action, String> {
    let weight = planner.constants.floats(node.input(1).ok_or("it has no weight")?)?;
    let [outputs, inputs, height, width] = weight.extents[..] else {
        return Err(format!(
            "a convolution with a weight {:?} is not computed here",
            weight.extents
        ));
    };
    let groups = usize::try_from(node.int("group").unwrap_or(1)).unwrap_or(0);
    let is_depthwise = groups > 1 && inputs == 1 && outputs == groups;
    if groups != 1 && !is_depthwise {
        return Err(format!(
            "a convolution of {groups} groups with {inputs} inputs each is not computed here"
        ));
    }
    let bias = node.input(2).map(|bias| planner.constants.floats(bias)).transpose()?;
    let (_, zeros) = windows::padded(planner, node);
    let slide = windows::with_zeros(windows::slide(planner, node, [height, width])?, zeros);
    Ok(Action::Conv { weight, bias, slide, is_depthwise })
}

/// Matches `α A B + β C` with a weight B.
pub(super) fn gemm(planner: &Planner<'_>, node: &Node) -> Result<Action, String> {
    if node.int("transA").unwrap_or(0) != 0 {
        return Err("a transposed input is not computed here".into());
    }
    let weight = planner.constants.floats(node.input(1).ok_or("it has no weight")?)?;
    let is_transposed = node.int("transB").unwrap_or(0) != 0;
    let weight =
        scaled(rows_are_outputs(weight, is_transposed)?, node.float("alpha").unwrap_or(1.0));
    let outputs = weight.extents[0];
    let bias = node.input(2).map(|value| bias(planner, value, outputs, 0)).transpose()?;
    let bias = bias.map(|bias| scaled(bias, node.float("beta").unwrap_or(1.0)));
    Ok(Action::Linear { bias, weight })
}

/// Matches `A B` with a weight B. A bias that is added later is a step of its own, which is merged.
pub(super) fn mat_mul(planner: &Planner<'_>, node: &Node) -> Result<Action, String> {
    let weight = planner.constants.floats(node.input(1).ok_or("it has no weight")?)?;
    let value = node.input(0).unwrap_or_default();
    match planner.extents(value) {
        Some(extents) if extents.len() == 1 => {}
        _ => return Err("a product at several positions is not computed here".into()),
    }
    Ok(Action::Linear { weight: rows_are_outputs(weight, false)?, bias: None })
}

/// Returns a weight as `[outputs, inputs]`.
fn rows_are_outputs(weight: Constant, is_already: bool) -> Result<Constant, String> {
    let [rows, columns] = weight.extents[..] else {
        return Err(format!("a weight {:?} is not a matrix", weight.extents));
    };
    if weight.values.is_empty() {
        return Err(format!("its weight {} has no numbers", weight.name));
    }
    if is_already {
        return Ok(weight);
    }
    let column = |column: usize| weight.values.iter().skip(column).step_by(columns).copied();
    let values = (0..columns).flat_map(column).collect();
    Ok(Constant { extents: vec![columns, rows], values, name: weight.name })
}

fn scaled(mut constant: Constant, factor: f32) -> Constant {
    if factor != 1.0 {
        constant.values.iter_mut().for_each(|value| *value *= factor);
    }
    constant
}

/// Returns a constant that is added to the channels of a result with so many positional dimensions.
///
/// # Errors
/// It is no constant, or is not added along the channels.
fn bias(
    planner: &Planner<'_>,
    value: &str,
    channels: usize,
    positions: usize,
) -> Result<Constant, String> {
    let bias = planner.constants.floats(value)?;
    let extents = planner.analysis.extents(value);
    let extents = extents.as_deref().unwrap_or_default().iter().copied();
    let extents: Option<Vec<usize>> = extents.collect();
    let mut extents = extents.unwrap_or_default().into_iter().rev();
    let is_wide = |extent: &usize| *extent != 1;
    let after = extents.by_ref().take(positions).any(|extent| is_wide(&extent));
    let own = extents.next();
    if after || own != Some(channels) || extents.any(|extent| is_wide(&extent)) {
        return Err(format!("{} is not added along {channels} channels", bias.name));
    }
    Ok(Constant { extents: vec![channels], ..bias })
}

/// Matches a batch normalisation.
pub(super) fn batch_norm(planner: &Planner<'_>, node: &Node) -> Result<Action, String> {
    let epsilon = f64::from(node.float("epsilon").unwrap_or(1e-5));
    // ONNX has the part of the statistics that stays.
    let momentum = 1.0 - f64::from(node.float("momentum").unwrap_or(0.9));
    let tensors =
        (1..5).map(|input| planner.constants.floats(node.input(input).unwrap_or_default()));
    let op =
        Op::BatchNorm { epsilon: rounded(epsilon), momentum: rounded(momentum.clamp(0.0, 1.0)) };
    Ok(Action::Norm { op, tensors: tensors.collect::<Result<_, _>>()? })
}

/// Matches a normalisation of the last dimension.
pub(super) fn layer_norm(planner: &Planner<'_>, node: &Node) -> Result<Action, String> {
    let extents = planner.extents(node.input(0).unwrap_or_default());
    let rank = extents.map_or(0, |extents| extents.len() as i64 + 1);
    let axis = node.int("axis").unwrap_or(-1);
    // Of an image with channels last too; `build` checks that they are last.
    if !matches!(rank, 2 | 4) || (axis != -1 && axis != rank - 1) {
        return Err("a layer normalisation of several positions is not computed here".into());
    }
    let epsilon = rounded(f64::from(node.float("epsilon").unwrap_or(1e-5)));
    let weight = planner.constants.floats(node.input(1).unwrap_or_default())?;
    let bias = match node.input(2) {
        Some(bias) => planner.constants.floats(bias)?,
        None => Constant {
            name: String::new(),
            values: vec![0.0; weight.values.len()],
            ..weight.clone()
        },
    };
    Ok(Action::Norm { op: Op::LayerNorm { epsilon }, tensors: vec![weight, bias] })
}

/// Rounds a number that was written as f32: 0.1 is 0.1, not 0.10000000149.
fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

/// Matches operations on several values; with a constant, the bias of the layer before.
pub(super) fn joined(planner: &Planner<'_>, number: usize, node: &Node) -> Result<Step, String> {
    let is_constant = |value: &&String| planner.constants.is_constant(value);
    let (constants, values): (Vec<&String>, Vec<&String>) =
        node.input.iter().partition(is_constant);
    let inputs = values.iter().map(|value| (*value).clone()).collect();
    let action = match (node.op(), constants.len()) {
        ("Concat" | "Add" | "Sum", _) if node.input.len() == 1 => Action::Alias,
        ("Add" | "Sum", 0) => Action::Plain(Op::Add),
        ("Mul", 0) => Action::Plain(Op::Mul),
        ("Concat", 0) => {
            let rank =
                planner.analysis.extents(values[0]).map_or(0, |extents| extents.len() as i64);
            let axis = node.int("axis").unwrap_or(1);
            // Channels are the second dimension, or the last one where they come last; `build` checks which.
            if axis != 1 && axis != -1 && axis != rank - 1 {
                return Err(format!("values side by side along axis {axis} are not computed here"));
            }
            Action::Plain(Op::Concat)
        }
        ("Add", 1) => return biased(planner, number, values[0], constants[0]),
        ("Mul", 1) if planner.constants.number(constants[0]) == Some(1.0) => Action::Alias,
        (op, _) => return Err(format!("the operation {op} with a constant is not computed here")),
    };
    Ok(Step { node: number, action, inputs })
}

/// Merges a constant that is added with the layer before.
fn biased(
    planner: &Planner<'_>,
    number: usize,
    value: &str,
    constant: &str,
) -> Result<Step, String> {
    let added = planner.constants.floats(constant)?;
    if added.values.iter().all(|value| *value == 0.0) {
        return Ok(Step { node: number, action: Action::Alias, inputs: vec![value.to_owned()] });
    }
    let layer =
        planner.only_maker(value).ok_or("a constant is added to a value that others read")?;
    let source = match layer.op() {
        "Conv" => windows::padded(planner, layer).0,
        _ => layer.input(0).unwrap_or_default().to_owned(),
    };
    let inputs = vec![source];
    let action = match layer.op() {
        "MatMul" => match mat_mul(planner, layer)? {
            Action::Linear { weight, .. } => Action::Linear {
                bias: Some(bias(planner, constant, weight.extents[0], 0)?),
                weight,
            },
            other => other,
        },
        "Conv" => match conv(planner, layer)? {
            Action::Conv { weight, bias: None, slide, is_depthwise } => {
                let bias = Some(bias(planner, constant, weight.extents[0], 2)?);
                Action::Conv { weight, bias, slide, is_depthwise }
            }
            _ => return Err("a constant is added to a convolution that has a bias".into()),
        },
        op => return Err(format!("a constant is added to the result of {op}")),
    };
    Ok(Step { node: number, action, inputs })
}
