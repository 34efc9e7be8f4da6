//! Resize and Upsample: more or fewer entries along axes.

use super::call::{Call, place};
use super::symbols::Symbols;
use super::{Dim, Integer};

/// What the output has along the axes.
enum Sizes<'a> {
    /// As many entries.
    Entries(&'a [Integer]),
    /// So many times the entries of the input.
    Scales(&'a [Option<f32>]),
    Unknown,
}

/// Resize: the extents or the scales are an input.
pub(super) fn resize(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let integers = |input: usize| call.integers(input).map(|list| list.values.as_slice());
    let integers = |input: usize| integers(input).filter(|list| !list.is_empty());
    let floats = |input: usize| call.floats(input).filter(|list| !list.is_empty());
    // In opset 10, the scales are the second input.
    let sizes = match (call.inputs() == 2, integers(3), floats(2)) {
        (true, ..) => floats(1).map_or(Sizes::Unknown, Sizes::Scales),
        (false, Some(sizes), _) => Sizes::Entries(sizes),
        (false, None, Some(scales)) if !call.has(3) => Sizes::Scales(scales),
        _ => Sizes::Unknown,
    };
    let mode = call.node.string("coordinate_transformation_mode");
    let policy = call.node.string("keep_aspect_ratio_policy").unwrap_or("stretch");
    let sizes = match sizes {
        // A part of the input is resized.
        Sizes::Scales(_) if mode == Some("tf_crop_and_resize") => Sizes::Unknown,
        // The axes that fit better decide.
        Sizes::Entries(_) if policy != "stretch" => Sizes::Unknown,
        sizes => sizes,
    };
    resized(call, &sizes, symbols)
}

/// Upsample: the scales are an attribute or an input.
pub(super) fn upsample(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let given: Option<Vec<Option<f32>>> =
        call.node.floats("scales").map(|scales| scales.iter().copied().map(Some).collect());
    let scales = given.as_deref().or_else(|| call.floats(1));
    resized(call, &scales.map_or(Sizes::Unknown, Sizes::Scales), symbols)
}

fn resized(call: &Call<'_>, sizes: &Sizes<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.to_vec();
    let rank = dims.len();
    let axes = match call.node.ints("axes") {
        Some(axes) => axes.to_vec(),
        None => (0..i64::try_from(rank).ok()?).collect(),
    };
    let count = match sizes {
        Sizes::Entries(sizes) => sizes.len(),
        Sizes::Scales(scales) => scales.len(),
        Sizes::Unknown => axes.len(),
    };
    if count != axes.len() {
        return symbols.several(rank);
    }
    for (index, axis) in axes.iter().enumerate() {
        let dim = dims.get_mut(place(*axis, rank)?)?;
        *dim = match sizes {
            Sizes::Entries(sizes) => match sizes[index] {
                Integer::Value(value) => Dim::Known(usize::try_from(value).ok()?),
                Integer::Extent(symbol) => Dim::Symbol(symbol),
                Integer::Unknown => symbols.fresh()?,
            },
            Sizes::Scales(scales) => match scales[index] {
                Some(scale) => scaled(*dim, scale, symbols)?,
                None => symbols.fresh()?,
            },
            Sizes::Unknown => symbols.fresh()?,
        };
    }
    Some(dims)
}

/// Multiplies an extent, in the precision of the scale, as onnxruntime does.
fn scaled(dim: Dim, scale: f32, symbols: &mut Symbols<'_>) -> Option<Dim> {
    let is_whole = scale >= 1.0 && scale.fract() == 0.0 && scale < 65536.0;
    match dim {
        dim if is_whole => symbols.multiply(&[dim, Dim::Known(scale as usize)]),
        Dim::Known(extent) => {
            let extent = (extent as f32 * scale).floor();
            (0.0..i32::MAX as f32).contains(&extent).then_some(Dim::Known(extent as usize))
        }
        Dim::Symbol(symbol) => {
            symbols.computed("scaled", vec![i64::from(symbol), i64::from(scale.to_bits())])
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn scales_multiply_the_extents() {
        let resize =
            |dims: &str, scales: &[f32]| case("Resize").input(dims).missing().floats(scales);
        assert_eq!(resize("N 3 7 8", &[1.0, 1.0, 2.0, 1.5]).shape(), "N 3 14 12");
        assert_eq!(resize("N 3 7 H", &[1.0, 1.0, 0.5, 0.5]).shape(), "N 3 3 ?");
        assert_eq!(resize("N 3 7 8", &[2.0, 2.0]).ints("axes", &[2, -1]).shape(), "N 3 14 16");
        assert_eq!(resize("N 3 7 8", &[2.0, 2.0]).shape(), "? ? ? ?");
        assert_eq!(resize("1", &[f32::NAN]).shape(), "unknown");
        let crop = resize("1 8", &[1.0, 2.0]);
        let crop = crop.string("coordinate_transformation_mode", "tf_crop_and_resize");
        assert_eq!(crop.shape(), "? ?");
    }

    #[test]
    fn older_operations_have_their_scales_elsewhere() {
        let scales = [1.0, 1.0, 2.0, 2.0];
        assert_eq!(case("Resize").input("N 3 7 8").floats(&scales).shape(), "N 3 14 16");
        assert_eq!(case("Upsample").input("N 3 7 8").floats(&scales).shape(), "N 3 14 16");
        let upsample = case("Upsample").input("N 3 7 8").float_list("scales", &scales);
        assert_eq!(upsample.shape(), "N 3 14 16");
    }

    #[test]
    fn sizes_are_the_extents() {
        let resize = |dims: &str| case("Resize").input(dims).missing();
        assert_eq!(resize("N 3 7 8").missing().integers(&[1, 3, 9, 9]).shape(), "1 3 9 9");
        assert_eq!(resize("N 3 7 8").floats(&[]).numbers("N 3 H W").shape(), "N 3 H W");
        let kept = resize("N 3 7 8").missing().integers(&[9, 9]).ints("axes", &[2, 3]);
        let kept = kept.string("keep_aspect_ratio_policy", "not_larger");
        assert_eq!(kept.shape(), "N 3 ? ?");
        assert_eq!(resize("N 3 7 8").missing().unknown().shape(), "? ? ? ?");
    }
}
