//! Operations with more outputs than one: normalisations and recurrent layers.

use super::Dim;
use super::call::{Call, place};
use super::symbols::Symbols;

/// Batch normalisation: the statistics, if it returns them, have an entry a channel.
pub(super) fn batch(call: &Call<'_>, _: &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>> {
    let channels = call.dims(0).and_then(|dims| dims.get(1)).map(|channels| vec![*channels]);
    let mut outputs = vec![channels; call.outputs()];
    if let Some(first) = outputs.first_mut() {
        *first = call.dims(0).map(<[Dim]>::to_vec);
    }
    outputs
}

/// Layer normalisation: the statistics, if it returns them, have one entry along the axes that it goes over.
pub(super) fn layer(call: &Call<'_>, _: &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>> {
    let dims = call.dims(0).map(<[Dim]>::to_vec);
    let statistics = dims.as_ref().and_then(|dims| {
        let axis = place(call.int("axis", -1), dims.len())?;
        let over = dims.iter().enumerate();
        Some(over.map(|(at, dim)| if at < axis { *dim } else { Dim::Known(1) }).collect())
    });
    let all = [dims, statistics.clone(), statistics];
    all.into_iter().take(call.outputs()).collect()
}

/// Layer normalisation of a sum: the sum is the last output.
pub(super) fn layer_of_sum(call: &Call<'_>, _: &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>> {
    let dims = call.dims(0).map(<[Dim]>::to_vec);
    let all = [dims.clone(), None, None, dims];
    all.into_iter().take(call.outputs()).collect()
}

/// Quantises with a scale that it computes and returns.
pub(super) fn quantise(call: &Call<'_>, _: &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>> {
    let all = [call.dims(0).map(<[Dim]>::to_vec), Some(Vec::new()), Some(Vec::new())];
    all.into_iter().take(call.outputs()).collect()
}

/// Recurrent layers: the states of all steps, of the last, and the last cells of an LSTM.
pub(super) fn recurrent(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>> {
    let (all, last) = states(call, symbols).unzip();
    [all, last.clone(), last].into_iter().take(call.outputs()).collect()
}

/// Returns the extents of the states of all steps, and of the last.
fn states(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<(Vec<Dim>, Vec<Dim>)> {
    let batch_is_first = call.int("layout", 0) == 1;
    let (steps, batch) = match (call.dims(0), batch_is_first) {
        (Some([steps, batch, _]), false) | (Some([batch, steps, _]), true) => (*steps, *batch),
        _ => (symbols.fresh()?, symbols.fresh()?),
    };
    let is_both = call.node.string("direction") == Some("bidirectional");
    let directions = Dim::Known(if is_both { 2 } else { 1 });
    let width = match (call.node.int("hidden_size"), call.dims(2)) {
        (Some(width), _) => Dim::Known(usize::try_from(width).ok()?),
        (None, Some([_, _, width])) if call.node.has_standard_op() => *width,
        _ => symbols.fresh()?,
    };
    Some(if batch_is_first {
        (vec![batch, steps, directions, width], vec![batch, directions, width])
    } else {
        (vec![steps, directions, batch, width], vec![directions, batch, width])
    })
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn only_the_first_output_of_a_batch_normalisation_is_an_image() {
        let case = case("BatchNormalization").input("N 8 H W").input("8").input("8");
        assert_eq!(case.outputs(3).shapes(), ["N 8 H W", "8", "8"]);
    }

    #[test]
    fn a_layer_normalisation_returns_statistics() {
        let layer = || case("LayerNormalization").input("N T 8").input("8").outputs(3);
        assert_eq!(layer().shapes(), ["N T 8", "N T 1", "N T 1"]);
        assert_eq!(layer().int("axis", 1).shapes(), ["N T 8", "N 1 1", "N 1 1"]);
        let sum = case("SkipLayerNormalization").domain("com.microsoft").input("N T 8");
        assert_eq!(sum.input("N T 8").outputs(4).shapes()[3], "N T 8");
    }

    #[test]
    fn a_scale_that_is_computed_is_one_number() {
        let case = case("DynamicQuantizeLinear").input("N 8").outputs(3);
        assert_eq!(case.shapes(), ["N 8", "", ""]);
    }

    #[test]
    fn recurrent_layers_return_all_states_and_the_last() {
        let layer = |op: &str| case(op).input("T N 12").input("1 64 12").input("1 64 16");
        assert_eq!(layer("LSTM").outputs(3).shapes(), ["T 1 N 16", "1 N 16", "1 N 16"]);
        let both = layer("GRU").string("direction", "bidirectional").int("hidden_size", 7);
        assert_eq!(both.outputs(2).shapes(), ["T 2 N 7", "2 N 7"]);
        let first = case("RNN").input("N T 12").int("hidden_size", 7).int("layout", 1);
        assert_eq!(first.outputs(2).shapes(), ["N T 1 7", "N 1 7"]);
    }
}
