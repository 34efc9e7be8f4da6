//! Nodes that give the same numbers other extents.

use rayclip_model::Op;
use rayclip_onnx::proto::Node;

use super::plan::{Action, Planner};

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// One row of numbers.
    Flat,
    /// The same, perhaps with positions of one.
    Same,
    /// An image of one channel, from the row of its pixels.
    Image { height: usize, width: usize },
    /// Channels last, which were second.
    ChannelsLast,
    /// Channels second, which were last.
    ChannelsSecond,
}

/// Matches a node that reshapes or transposes.
pub(super) fn change(planner: &Planner<'_>, node: &Node) -> Result<Action, String> {
    if node.op() == "Transpose" {
        return match node.ints("perm") {
            Some([0, 2, 3, 1]) => Ok(Action::Reshape(Change::ChannelsLast)),
            Some([0, 3, 1, 2]) => Ok(Action::Reshape(Change::ChannelsSecond)),
            order => Err(format!("dimensions in the order {order:?} are not computed here")),
        };
    }
    let output = node.output.first().map_or("", String::as_str);
    let (before, after) =
        (planner.extents(node.input(0).unwrap_or_default()), planner.extents(output));
    let (Some(before), Some(after)) = (before, after) else {
        return Err("its extents are known only when the network runs".into());
    };
    // A row of numbers, or an image of one position with its channels second.
    let numbers = |extents: &[usize]| match extents {
        [first, rest @ ..] if rest.iter().all(|extent| *extent == 1) => Some(*first),
        _ => None,
    };
    let change = match (&before[..], &after[..]) {
        (before, after) if before == after => Change::Same,
        (before, [_]) if before.len() > 1 => Change::Flat,
        (before, after) if numbers(before).is_some() && numbers(before) == numbers(after) => {
            Change::Same
        }
        ([numbers], [1, height, width]) if *numbers == height * width => {
            Change::Image { height: *height, width: *width }
        }
        (before, after) => {
            return Err(format!(
                "a change of the extents {before:?} to {after:?} is not computed here"
            ));
        }
    };
    Ok(Action::Reshape(change))
}

/// Matches a dropout, which does nothing in a file for inference.
pub(super) fn dropout(planner: &Planner<'_>, node: &Node) -> Action {
    let by_attribute = node.float("ratio").map(f64::from);
    let by_input = || planner.constants.number(node.input(1)?);
    let probability = by_attribute.or_else(by_input).unwrap_or(0.5);
    if probability > 0.0 && probability < 1.0 {
        Action::Plain(Op::Dropout { probability })
    } else {
        Action::Alias
    }
}
