//! Operations on every number alone, and on numbers at the same place of several values.

use super::super::trace::Trace;
use super::super::{Along, Reason, Role};
use super::fix_all;
use crate::proto::Node;
use crate::shapes::Dim;

/// Returns whether an operation maps every number of its first input. Other inputs are numbers, such as bounds.
pub(super) fn is_unary(op: &str) -> bool {
    matches!(
        op,
        "Abs"
            | "Acos"
            | "Acosh"
            | "Asin"
            | "Asinh"
            | "Atan"
            | "Atanh"
            | "BitwiseNot"
            | "Ceil"
            | "Celu"
            | "Clip"
            | "Cos"
            | "Cosh"
            | "Elu"
            | "Erf"
            | "Exp"
            | "Floor"
            | "Gelu"
            | "HardSigmoid"
            | "HardSwish"
            | "IsInf"
            | "IsNaN"
            | "LeakyRelu"
            | "Log"
            | "Mish"
            | "Neg"
            | "Not"
            | "Reciprocal"
            | "Relu"
            | "Round"
            | "Selu"
            | "Shrink"
            | "Sigmoid"
            | "Sign"
            | "Sin"
            | "Sinh"
            | "Softplus"
            | "Softsign"
            | "Sqrt"
            | "Swish"
            | "Tan"
            | "Tanh"
            | "ThresholdedRelu"
    )
}

/// Returns whether an operation combines the numbers at the same place of its inputs. Extents of 1 are repeated.
pub(super) fn is_broadcast(op: &str) -> bool {
    matches!(
        op,
        "Add"
            | "And"
            | "BitwiseAnd"
            | "BitwiseOr"
            | "BitwiseXor"
            | "Div"
            | "Equal"
            | "Greater"
            | "GreaterOrEqual"
            | "Less"
            | "LessOrEqual"
            | "Max"
            | "Mean"
            | "Min"
            | "Mod"
            | "Mul"
            | "Or"
            | "PRelu"
            | "Pow"
            | "Sub"
            | "Sum"
            | "Where"
            | "Xor"
    )
}

/// The channels of all inputs that line up from the right are the same.
pub(super) fn broadcast(trace: &mut Trace<'_>, node: &Node) {
    let inputs: Vec<&String> = node.input.iter().filter(|input| !input.is_empty()).collect();
    let ranks: Option<Vec<usize>> = inputs.iter().map(|input| trace.rank(input)).collect();
    let Some(ranks) = ranks else {
        let reason = Reason::Extent { node: trace.node_name() };
        return fix_all(trace, node, &reason);
    };
    let rank = ranks.iter().copied().max().unwrap_or_default();
    let mut along = Vec::with_capacity(rank);
    for dimension in 0..rank {
        // Of each input, the dimension at the same distance from the last one.
        let at: Vec<(&String, usize)> = inputs
            .iter()
            .zip(&ranks)
            .filter_map(|(input, own)| Some((*input, dimension.checked_sub(rank - own)?)))
            .filter(|(input, own)| trace.extent(input, *own) != Some(Dim::Known(1)))
            .collect();
        along.push(combined(trace, &at));
    }
    trace.set_output(node, along);
}

/// Combines what lies along dimensions of some values. Values that nodes compute say what lies there, and tensors of
/// the file follow.
fn combined(trace: &mut Trace<'_>, at: &[(&String, usize)]) -> Along {
    let computed = at.iter().position(|(input, _)| !trace.is_stored(input));
    let Some(first) = computed.or(if at.is_empty() { None } else { Some(0) }) else {
        return Along::Fixed(Reason::NotMade);
    };
    let along = trace.along(at[first].0, at[first].1, Role::Follows);
    for (other, (input, dimension)) in at.iter().enumerate() {
        if other != first {
            trace.bind(input, *dimension, &along, Role::Follows);
        }
    }
    along
}
