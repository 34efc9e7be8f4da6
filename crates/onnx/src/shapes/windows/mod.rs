//! Convolutions and pooling: every window over the input is an entry of the output.

use super::Dim;
use super::call::Call;
use super::symbols::Symbols;
use window::Windows;

mod window;

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
    Some(join(*batch, *channels, extents(call, kernel, spatial, symbols)?))
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
    let kernel = kernel.unwrap_or_default();
    Some(join(*batch, *channels, extents(call, &kernel, spatial, symbols)?))
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

/// Returns the spatial extents of the output; new symbols if the attributes contradict each other.
fn extents(
    call: &Call<'_>,
    kernel: &[Dim],
    spatial: &[Dim],
    symbols: &mut Symbols<'_>,
) -> Option<Vec<Dim>> {
    match Windows::of(call.node, kernel) {
        Some(windows) => windows.extents(spatial, symbols),
        None => symbols.several(spatial.len()),
    }
}

fn join(batch: Dim, channels: Dim, mut spatial: Vec<Dim>) -> Vec<Dim> {
    spatial.splice(0..0, [batch, channels]);
    spatial
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
