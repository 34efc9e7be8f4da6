//! Convolutions and pooling: every window over the input is an entry of the output.

use super::Dim;
use super::call::Call;
use super::symbols::Symbols;
use crate::proto::Node;

/// A convolution: the second input is its weight.
pub(super) fn convolution(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    convolve(call, 1, symbols)
}

/// A convolution whose inputs have scales and zero points.
pub(super) fn quantised_convolution(
    call: &Call<'_>,
    symbols: &mut Symbols<'_>,
) -> Option<Vec<Dim>> {
    convolve(call, 3, symbols)
}

fn convolve(call: &Call<'_>, weight: usize, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let weight = call.dims(weight)?;
    let input = call.dims(0).filter(|dims| dims.len() == weight.len());
    let [channels, _, kernel @ ..] = weight else { return None };
    let Some([batch, _, spatial @ ..]) = input else {
        let batch = symbols.fresh()?;
        return Some(join(batch, *channels, symbols.several(kernel.len())?));
    };
    let windows = Windows::of(call.node, kernel);
    Some(join(*batch, *channels, windows.extents(spatial, symbols)?))
}

/// The transpose of a convolution.
pub(super) fn transposed(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let weight = call.dims(1)?;
    let [_, channels, kernel @ ..] = weight else { return None };
    let groups = usize::try_from(call.int("group", 1)).ok()?;
    let channels = symbols.multiply(&[*channels, Dim::Known(groups)])?;
    let input = call.dims(0).filter(|dims| dims.len() == weight.len());
    let Some([batch, _, spatial @ ..]) = input else {
        let batch = symbols.fresh()?;
        return Some(join(batch, channels, symbols.several(kernel.len())?));
    };
    let windows = Windows::of(call.node, kernel);
    let extents = match (call.node.ints("output_shape"), windows) {
        (Some(given), _) if given.len() == spatial.len() => {
            given.iter().map(|extent| usize::try_from(*extent).ok().map(Dim::Known)).collect()
        }
        (None, Some(windows)) => windows.transposed(call.node, spatial, symbols),
        _ => None,
    };
    let extents = extents.or_else(|| symbols.several(spatial.len()))?;
    Some(join(*batch, channels, extents))
}

/// The maximum or the mean of every window. The maximum can also say where it was.
pub(super) fn pool(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let [batch, channels, spatial @ ..] = call.dims(0)? else { return None };
    let kernel: Option<Vec<Dim>> = call.node.ints("kernel_shape").and_then(|kernel| {
        kernel.iter().map(|extent| usize::try_from(*extent).ok().map(Dim::Known)).collect()
    });
    let windows = Windows::of(call.node, &kernel.unwrap_or_default());
    Some(join(*batch, *channels, windows.extents(spatial, symbols)?))
}

/// The maximum or the mean of every channel.
pub(super) fn global_pool(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let [batch, channels, spatial @ ..] = call.dims(0)? else { return None };
    Some(join(*batch, *channels, vec![Dim::Known(1); spatial.len()]))
}

/// Parts of an image, pooled to one size.
pub(super) fn regions(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let [_, channels, _, _] = call.dims(0)? else { return None };
    let regions = call.dims(1).and_then(|dims| dims.first().copied());
    let regions = regions.map_or_else(|| symbols.fresh(), Some)?;
    let side = |name| usize::try_from(call.int(name, 1)).ok().map(Dim::Known);
    let sides = match call.node.ints("pooled_shape") {
        Some([height, width]) => {
            [*height, *width].map(|side| usize::try_from(side).ok().map(Dim::Known))
        }
        _ => [side("output_height"), side("output_width")],
    };
    Some(vec![regions, *channels, sides[0]?, sides[1]?])
}

fn join(batch: Dim, channels: Dim, mut spatial: Vec<Dim>) -> Vec<Dim> {
    spatial.splice(0..0, [batch, channels]);
    spatial
}

/// How the input is padded.
#[derive(Clone, Copy, PartialEq)]
enum Padding {
    /// By numbers.
    Explicit,
    /// So that the output has as many entries as the input, or a stride less.
    Same,
}

/// The windows over an input, along every spatial axis.
struct Windows {
    axes: Vec<Window>,
    padding: Padding,
    rounds_up: bool,
}

struct Window {
    /// The entries from the first to the last that a window reads; `None` if the kernel is not known.
    span: Option<i64>,
    stride: i64,
    before: i64,
    after: i64,
}

impl Windows {
    /// Reads the attributes; `None` if they contradict each other.
    fn of(node: &Node, kernel: &[Dim]) -> Option<Self> {
        let axes = kernel.len();
        let strides = list(node, "strides", axes, 1)?;
        let dilations = list(node, "dilations", axes, 1)?;
        let (padding, pads) = match node.string("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" | "" => (Padding::Explicit, list(node, "pads", 2 * axes, 0)?),
            "VALID" => (Padding::Explicit, vec![0; 2 * axes]),
            "SAME_UPPER" | "SAME_LOWER" => (Padding::Same, vec![0; 2 * axes]),
            _ => return None,
        };
        let window = |axis: usize| {
            let span = match kernel[axis] {
                Dim::Known(0) | Dim::Symbol(_) => None,
                Dim::Known(kernel) => {
                    let steps = i64::try_from(kernel - 1).ok();
                    steps.and_then(|steps| steps.checked_mul(dilations[axis])?.checked_add(1))
                }
            };
            let (before, after) = (pads[axis], pads[axes + axis]);
            (strides[axis] > 0 && dilations[axis] > 0).then_some(Window {
                span,
                stride: strides[axis],
                before,
                after,
            })
        };
        let axes = (0..axes).map(window).collect::<Option<Vec<Window>>>()?;
        Some(Self { axes, padding, rounds_up: node.int("ceil_mode") == Some(1) })
    }

    /// Returns the extents of the output of the transpose.
    fn transposed(
        &self,
        node: &Node,
        spatial: &[Dim],
        symbols: &mut Symbols<'_>,
    ) -> Option<Vec<Dim>> {
        let more = list(node, "output_padding", spatial.len(), 0)?;
        let extent = |((window, dim), more): ((&Window, &Dim), &i64)| {
            let stride = Dim::Known(usize::try_from(window.stride).ok()?);
            if self.padding == Padding::Same {
                return symbols.multiply(&[*dim, stride]);
            }
            // The last window begins at `stride · (extent − 1)`.
            let rest = window.span?.checked_add(*more)?.checked_sub(window.stride)?;
            let rest = rest.checked_sub(window.before)?.checked_sub(window.after)?;
            let begins = symbols.multiply(&[*dim, stride])?;
            moved(begins, rest, symbols)
        };
        self.axes.iter().zip(spatial).zip(&more).map(extent).collect()
    }
}

/// Returns an extent that is larger by a number, which can be negative.
pub(super) fn moved(dim: Dim, by: i64, symbols: &mut Symbols<'_>) -> Option<Dim> {
    match (dim, usize::try_from(by)) {
        (dim, Ok(by)) => symbols.sum(&[dim, Dim::Known(by)]),
        (Dim::Known(dim), Err(_)) => {
            dim.checked_sub(usize::try_from(by.unsigned_abs()).ok()?).map(Dim::Known)
        }
        (Dim::Symbol(symbol), Err(_)) => symbols.computed("moved", vec![i64::from(symbol), by]),
    }
}

/// What reads the extents of an output: new symbols if the attributes are unknown.
trait Extents {
    fn extents(&self, spatial: &[Dim], symbols: &mut Symbols<'_>) -> Option<Vec<Dim>>;
}

impl Extents for Option<Windows> {
    fn extents(&self, spatial: &[Dim], symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
        let Some(windows) = self.as_ref().filter(|own| own.axes.len() == spatial.len()) else {
            return symbols.several(spatial.len());
        };
        let mut extents = Vec::with_capacity(spatial.len());
        for (window, dim) in windows.axes.iter().zip(spatial) {
            extents.push(window.extent(*dim, windows, symbols)?);
        }
        Some(extents)
    }
}

impl Window {
    /// Returns the number of windows.
    fn extent(&self, dim: Dim, all: &Windows, symbols: &mut Symbols<'_>) -> Option<Dim> {
        let (slack, round_up) = match (all.padding, self.span) {
            (Padding::Same, _) => (0, true),
            (Padding::Explicit, Some(span)) => {
                let pads = self.before.checked_add(self.after)?;
                // One window and what can be stepped over: `(extent + pads − span) / stride + 1`.
                (pads.checked_sub(span)?.checked_add(self.stride)?, all.rounds_up)
            }
            (Padding::Explicit, None) => return symbols.fresh(),
        };
        match dim {
            Dim::Known(extent) => {
                let room = i64::try_from(extent).ok()?.checked_add(slack)?;
                self.count(room, extent, round_up, all.padding)
            }
            _ if self.stride == 1 && slack == 0 => Some(dim),
            Dim::Symbol(symbol) => {
                let rounding = if round_up { self.before } else { -1 };
                symbols.computed("windows", vec![i64::from(symbol), slack, self.stride, rounding])
            }
        }
    }

    fn count(&self, room: i64, extent: usize, round_up: bool, padding: Padding) -> Option<Dim> {
        if !round_up {
            return usize::try_from(room).ok().map(|room| Dim::Known(room / self.stride as usize));
        }
        let mut count = room.checked_add(self.stride - 1)?.div_euclid(self.stride);
        // The last window begins in the input or in the padding before it.
        let input = i64::try_from(extent).ok()?.checked_add(self.before)?;
        if padding == Padding::Explicit && (count - 1).checked_mul(self.stride)? >= input {
            count -= 1;
        }
        usize::try_from(count).ok().map(Dim::Known)
    }
}

/// Returns a list with a number for every axis; `None` if it has another length.
fn list(node: &Node, name: &str, length: usize, default: i64) -> Option<Vec<i64>> {
    match node.ints(name) {
        None | Some([]) => Some(vec![default; length]),
        Some(list) => (list.len() == length).then(|| list.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::{Case, case};

    fn convolution(input: &str, weight: &str) -> Case {
        case("Conv").input(input).input(weight)
    }

    #[test]
    fn windows_are_counted() {
        assert_eq!(convolution("N 3 32 32", "16 3 3 3").shape(), "N 16 30 30");
        let padded = convolution("N 3 32 31", "16 3 3 5").ints("pads", &[1, 0, 1, 3]);
        assert_eq!(padded.shape(), "N 16 32 30");
        // (32 + 2 − (2 · 2 + 1)) / 2 + 1 = 15.5
        let case = convolution("N 3 32", "16 3 3").ints("dilations", &[2]).ints("pads", &[1, 1]);
        assert_eq!(case.ints("strides", &[2]).shape(), "N 16 15");
        assert_eq!(convolution("N 3 2 4", "16 3 3 3").shape(), "N 16 0 2");
        assert_eq!(convolution("N 3 1 4", "16 3 3 3").shape(), "unknown");
    }

    #[test]
    fn a_symbol_stays_where_windows_do_not_change_it() {
        let same = convolution("N 3 H W", "16 3 3 1").ints("pads", &[1, 0, 1, 0]);
        assert_eq!(same.shape(), "N 16 H W");
        let halved = convolution("N 3 H H", "16 3 2 2").ints("strides", &[2, 2]).raw_shape();
        let halved = halved.unwrap();
        assert_eq!(halved[2], halved[3]);
        assert_eq!(convolution("N 3 H H", "16 3 2 2").ints("strides", &[2, 2]).shape(), "N 16 ? ?");
    }

    #[test]
    fn padding_can_be_automatic() {
        for same in ["SAME_UPPER", "SAME_LOWER"] {
            let case = convolution("N 3 7 H", "16 3 3 3").string("auto_pad", same);
            assert_eq!(case.shape(), "N 16 7 H");
            let case = convolution("N 3 7 8", "16 3 3 3").string("auto_pad", same);
            assert_eq!(case.ints("strides", &[2, 2]).shape(), "N 16 4 4");
        }
        let valid = convolution("N 3 7 8", "16 3 3 3").string("auto_pad", "VALID");
        assert_eq!(valid.ints("strides", &[2, 2]).shape(), "N 16 3 3");
    }

    #[test]
    fn the_weight_says_the_rank_of_an_unknown_input() {
        assert_eq!(case("Conv").unknown().input("16 3 3 3").shape(), "? 16 ? ?");
        assert_eq!(case("ConvTranspose").unknown().input("3 8 2").shape(), "? 8 ?");
    }

    #[test]
    fn quantised_convolutions_have_their_weight_elsewhere() {
        assert_eq!(case("ConvInteger").input("N 3 8 8").input("4 3 3 3").shape(), "N 4 6 6");
        let case = case("QLinearConv").input("N 3 8 8").input("").input("").input("4 3 1 1");
        assert_eq!(case.shape(), "N 4 8 8");
    }

    #[test]
    fn pooling_keeps_the_channels() {
        let pool = |extents: &str| case("MaxPool").input(extents).ints("kernel_shape", &[3, 3]);
        assert_eq!(pool("N 8 32 H").ints("pads", &[1, 1, 1, 1]).shape(), "N 8 32 H");
        assert_eq!(pool("N 8 9 10").ints("strides", &[2, 2]).shape(), "N 8 4 4");
        assert_eq!(pool("N 8 9 10").outputs(2).shapes(), ["N 8 7 8", "N 8 7 8"]);
        let up = |extents| pool(extents).ints("strides", &[2, 2]).int("ceil_mode", 1);
        assert_eq!(up("N 8 9 10").shape(), "N 8 4 5");
        // The third window of the second axis would begin in the padding behind the input.
        let behind = case("AveragePool").input("N 8 6 4").ints("kernel_shape", &[2, 1]);
        let behind = behind.ints("strides", &[3, 3]).ints("pads", &[0, 0, 1, 3]);
        assert_eq!(behind.int("ceil_mode", 1).shape(), "N 8 2 2");
    }

    #[test]
    fn global_pooling_leaves_one_entry() {
        assert_eq!(case("GlobalAveragePool").input("N 8 7 H").shape(), "N 8 1 1");
        let regions = case("RoiAlign").input("1 8 7 H").input("R 4").input("R");
        assert_eq!(regions.int("output_height", 3).shape(), "R 8 3 1");
        let regions = case("MaxRoiPool").input("1 8 7 H").input("R 5");
        assert_eq!(regions.ints("pooled_shape", &[3, 2]).shape(), "R 8 3 2");
    }

    #[test]
    fn transposed_convolutions_make_the_input_larger() {
        let case = |extents: &str| case("ConvTranspose").input(extents).input("8 4 3 2");
        // 2 · (7 − 1) + 3 and 2 · (8 − 1) + 2
        assert_eq!(case("N 8 7 8").ints("strides", &[2, 2]).shape(), "N 4 15 16");
        let padded = case("N 8 7 8").ints("strides", &[2, 2]).ints("pads", &[1, 0, 1, 1]);
        assert_eq!(padded.ints("output_padding", &[1, 0]).shape(), "N 4 14 15");
        let same = case("N 8 7 8").ints("strides", &[2, 3]).string("auto_pad", "SAME_UPPER");
        assert_eq!(same.int("group", 2).shape(), "N 8 14 24");
        assert_eq!(case("N 8 7 8").ints("output_shape", &[10, 9]).shape(), "N 4 10 9");
        assert_eq!(case("N 8 H 8").ints("dilations", &[2, 1]).shape(), "N 4 ? 9");
    }

    #[test]
    fn wrong_attributes_leave_extents_unknown() {
        let case = || convolution("N 3 32 32", "16 3 3 3");
        assert_eq!(case().ints("strides", &[2]).shape(), "N 16 ? ?");
        assert_eq!(case().ints("strides", &[0, -1]).shape(), "N 16 ? ?");
        assert_eq!(case().ints("pads", &[i64::MAX; 4]).shape(), "unknown");
        assert_eq!(case().ints("dilations", &[i64::MAX; 2]).shape(), "N 16 ? ?");
    }
}
