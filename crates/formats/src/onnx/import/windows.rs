//! Windows that slide over positions.

use rayclip_model::{Op, Slide};
use rayclip_onnx::proto::Node;

use super::plan::{Action, Planner};

/// Returns how a window slides, from the attributes of a node.
///
/// # Errors
/// It cannot slide like that here, or the extents of its input are not known.
pub(super) fn slide(
    planner: &Planner<'_>,
    node: &Node,
    kernel: [usize; 2],
) -> Result<Slide, String> {
    let two = |name: &str| match node.ints(name) {
        None => Ok([1, 1]),
        Some([height, width]) => match (usize::try_from(*height), usize::try_from(*width)) {
            (Ok(height), Ok(width)) if height > 0 && width > 0 => Ok([height, width]),
            _ => Err(format!("its {name} are {height} and {width}")),
        },
        Some(others) => Err(format!("its {name} are {others:?}; expected height and width")),
    };
    let (stride, dilation) = (two("strides")?, two("dilations")?);
    let positions = positions(planner, node)?;
    let padding = match node.string("auto_pad").unwrap_or("NOTSET") {
        "NOTSET" | "" => match node.ints("pads") {
            None => [0; 4],
            Some([top, left, bottom, right]) => {
                let side =
                    |side: &i64| usize::try_from(*side).map_err(|_| format!("a padding of {side}"));
                [side(top)?, side(left)?, side(bottom)?, side(right)?]
            }
            Some(others) => return Err(format!("its pads are {others:?}; expected four")),
        },
        "VALID" => [0; 4],
        same => {
            let axis = |axis: usize| {
                let places = positions[axis].div_ceil(stride[axis]);
                let reach = (places - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1;
                let all = reach.saturating_sub(positions[axis]);
                let (few, many) = (all / 2, all - all / 2);
                if same == "SAME_LOWER" { (many, few) } else { (few, many) }
            };
            let ((top, bottom), (left, right)) = (axis(0), axis(1));
            [top, left, bottom, right]
        }
    };
    let mut slide = Slide { kernel, stride, padding, dilation };
    if node.int("ceil_mode").unwrap_or(0) != 0 {
        reach_the_end(&mut slide, positions);
    }
    Ok(slide)
}

/// Returns the value that a node slides over, and the zeros that a node before it puts around the positions: top, left,
/// bottom, right.
pub(super) fn padded(planner: &Planner<'_>, node: &Node) -> (String, [usize; 4]) {
    let value = node.input(0).unwrap_or_default();
    let pad = planner.constants.maker(value).filter(|maker| maker.op() == "Pad");
    match pad.and_then(|pad| Some((pad.input(0)?, zeros(planner, pad)?))) {
        Some((value, zeros)) => (value.to_owned(), zeros),
        None => (value.to_owned(), [0; 4]),
    }
}

/// Returns the zeros that a Pad puts around positions; `None` if it does something else.
pub(super) fn zeros(planner: &Planner<'_>, pad: &Node) -> Option<[usize; 4]> {
    let value = match pad.input(2) {
        Some(value) => planner.constants.number(value)?,
        None => pad.float("value").map_or(0.0, f64::from),
    };
    let is_plain = pad.string("mode").unwrap_or("constant") == "constant" && pad.input(3).is_none();
    let given = pad.ints("pads").map(<[i64]>::to_vec);
    let sides = given.or_else(|| planner.analysis.constant_integers(pad.input(1)?))?;
    let &[0, 0, top, left, 0, 0, bottom, right] = &sides[..] else { return None };
    let sides = [top, left, bottom, right].map(usize::try_from);
    let [Ok(top), Ok(left), Ok(bottom), Ok(right)] = sides else { return None };
    (is_plain && value == 0.0).then_some([top, left, bottom, right])
}

/// Adds zeros around the positions to the padding of a window.
pub(super) fn with_zeros(slide: Slide, zeros: [usize; 4]) -> Slide {
    let padding = std::array::from_fn(|side| slide.padding[side] + zeros[side]);
    Slide { padding, ..slide }
}

/// Pads a window at the bottom and the right so that its last place, which reaches beyond the image, counts.
fn reach_the_end(slide: &mut Slide, positions: [usize; 2]) {
    let Slide { kernel, stride, padding, dilation } = slide;
    for axis in 0..2 {
        let reach = (kernel[axis] - 1) * dilation[axis] + 1;
        let padded = positions[axis] + padding[axis] + padding[axis + 2];
        let Some(room) = padded.checked_sub(reach) else { continue };
        let mut places = room.div_ceil(stride[axis]) + 1;
        // A place that begins in the padding after the image does not count.
        if (places - 1) * stride[axis] >= positions[axis] + padding[axis] {
            places -= 1;
        }
        let needed = (places - 1) * stride[axis] + reach;
        padding[axis + 2] += needed.saturating_sub(padded);
    }
}

/// Returns height and width of the first input of a node.
fn positions(planner: &Planner<'_>, node: &Node) -> Result<[usize; 2], String> {
    let value = node.input(0).unwrap_or_default();
    match planner.extents(value).as_deref() {
        Some([_, height, width]) => Ok([*height, *width]),
        Some(others) => Err(format!(
            "its input has the extents {others:?}; expected channels, height and width"
        )),
        None => Err("the extents of its input are known only when the network runs".into()),
    }
}

/// Matches a pool.
pub(super) fn pool(planner: &Planner<'_>, node: &Node) -> Result<Action, String> {
    match node.op() {
        "GlobalAveragePool" => return Ok(Action::Mean { is_last: false, keeps: true }),
        "ReduceMean" => return mean(planner, node),
        "GlobalMaxPool" => {
            let kernel = positions(planner, node)?;
            return Ok(Action::Plain(Op::MaxPool(Slide {
                kernel,
                stride: kernel,
                ..Slide::of(1)
            })));
        }
        _ => {}
    }
    let kernel = match node.ints("kernel_shape") {
        Some([height, width]) if *height > 0 && *width > 0 => [*height as usize, *width as usize],
        other => return Err(format!("its kernel is {other:?}; expected height and width")),
    };
    let before = slide(planner, node, kernel)?;
    if node.op() == "MaxPool" {
        let is_far = (0..4).any(|side| 2 * before.padding[side] > kernel[side % 2]);
        if is_far && node.int("ceil_mode").unwrap_or(0) != 0 {
            return Err("with ceil_mode, its last window reaches too far beyond the image".into());
        }
        return Ok(Action::Plain(Op::MaxPool(before)));
    }
    let count_padding = node.int("count_include_pad").unwrap_or(0) != 0;
    if before.dilation != [1, 1] {
        return Err("an average over a dilated window is not computed here".into());
    }
    if count_padding && node.int("ceil_mode").unwrap_or(0) != 0 {
        return Err(
            "an average that counts the padding, up to the end, is not computed here".into()
        );
    }
    let (_, zeros) = padded(planner, node);
    if zeros == [0; 4] {
        return Ok(Action::Plain(Op::AveragePool { slide: before, count_padding }));
    }
    if before.padding != [0; 4] && !count_padding {
        return Err(
            "an average that counts one padding and not the other is not computed here".into()
        );
    }
    let slide = with_zeros(before, zeros);
    Ok(Action::Plain(Op::AveragePool { slide, count_padding: true }))
}

/// Matches a mean over all positions.
fn mean(planner: &Planner<'_>, node: &Node) -> Result<Action, String> {
    let axes = match node.ints("axes") {
        Some(axes) => Some(axes.to_vec()),
        None => node.input(1).and_then(|axes| planner.analysis.constant_integers(axes)),
    };
    let mut axes = axes.ok_or("a mean over all dimensions is not computed here")?;
    for axis in &mut axes {
        *axis = if *axis < 0 { *axis + 4 } else { *axis };
    }
    axes.sort_unstable();
    let rank = planner.analysis.extents(node.input(0).unwrap_or_default()).map_or(0, |e| e.len());
    let keeps = node.int("keepdims").unwrap_or(1) != 0;
    match (rank, &axes[..]) {
        (4, [2, 3]) => Ok(Action::Mean { is_last: false, keeps }),
        (4, [1, 2]) => Ok(Action::Mean { is_last: true, keeps }),
        _ => Err(format!("a mean over the axes {axes:?} is not computed here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_of_a_window_reaches_beyond_the_image() {
        let mut slide = Slide::of(3).stride(2);
        reach_the_end(&mut slide, [6, 7]);
        assert_eq!(slide.padding, [0, 0, 1, 0]);
        // With a padding of one, the third place would begin in the padding.
        let mut slide = Slide::of(2).stride(2).padding(1);
        reach_the_end(&mut slide, [3, 2]);
        assert_eq!(slide.padding, [1, 1, 1, 1]);
    }
}
