//! Networks with a name, recognised by the names of all their tensors. Their widths may be any.

use std::collections::BTreeSet;

use rayclip_model::{Graph, KnownNetwork, Op, Shape};

use crate::state_dict::StateDict;

/// Returns the known network that has the names of a state dict, with its widths.
pub(super) fn known(state: &mut StateDict, input: Option<Shape>) -> Option<Graph> {
    let names: BTreeSet<&str> = state.names().collect();
    let first = state.entries.iter().find(|entry| entry.extents.len() == 4)?;
    let channels = first.extents[1];
    // The last of the usual sizes of small images is assumed only if the first does not fit.
    let usual = if channels == 1 { [28, 32] } else { [32, 28] };
    let usual = usual.map(|extent| Shape { height: extent, width: extent, channels });
    let inputs = input.map_or(usual.to_vec(), |input| vec![input]);
    let all = inputs.iter().flat_map(|input| KnownNetwork::ALL.map(|known| (known, *input)));
    let (known, graph) = all.into_iter().find_map(|(known, input)| {
        let mut graph = known.graph(input, 2);
        // Only the extents of a valid graph are known to fit into memory.
        graph.validate(1).ok()?;
        let own = graph.exported_extents();
        let has_names =
            names.len() == own.len() && own.iter().all(|(name, _)| names.contains(name.as_str()));
        (has_names && take_widths(&mut graph, state)).then_some((known, graph))
    })?;
    let size = format!("{} × {}", graph.input.height, graph.input.width);
    let assumed = match input {
        None => format!("; images of {size} are an assumption: say otherwise with --input"),
        Some(_) => String::new(),
    };
    state.notes.push(format!("the names and shapes of the tensors are those of {known}{assumed}"));
    Some(graph)
}

/// Takes the number of outputs of every node from its weight. Returns whether all tensors then have the extents of
/// the graph.
fn take_widths(graph: &mut Graph, state: &StateDict) -> bool {
    let extents = |name: &str| {
        state.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.extents)
    };
    for node in &mut graph.nodes {
        let found = extents(&node.parameter("weight")).and_then(|extents| extents.first());
        if let (Op::Linear { outputs, .. } | Op::Conv2d { outputs, .. }, Some(found)) =
            (&mut node.op, found)
        {
            *outputs = *found;
        }
    }
    graph.validate(1).is_ok()
        && graph.exported_extents().iter().all(|(name, expected)| extents(name) == Some(expected))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::state_dict::tests::entry;

    fn state(graph: &Graph) -> StateDict {
        let entries = graph.exported_extents();
        let entries = entries.iter().map(|(name, extents)| entry(name, extents)).collect();
        StateDict::new(Path::new("w.pt"), entries, vec![]).unwrap()
    }

    #[test]
    fn a_network_with_a_name_is_recognised_whatever_its_widths() {
        let colour = Shape { height: 32, width: 32, channels: 3 };
        let grey = Shape { height: 28, width: 28, channels: 1 };
        for known_network in KnownNetwork::ALL {
            for input in [colour, grey] {
                let graph = known_network.graph(input, 7);
                let widths: Vec<usize> =
                    graph.widths().iter().map(|width| width.div_ceil(3)).collect();
                let graph = graph.with_widths(&widths);
                let mut state = state(&graph);
                assert_eq!(known(&mut state, None), Some(graph.clone()), "{known_network}");
                assert!(state.notes[0].contains(known_network.name()), "{:?}", state.notes);
                assert!(state.notes[0].contains("--input"), "{:?}", state.notes);
                assert_eq!(known(&mut state, Some(input)), Some(graph));
                assert!(!state.notes[1].contains("--input"));
            }
        }
    }

    #[test]
    fn one_tensor_more_or_another_extent_is_another_network() {
        let input = Shape { height: 28, width: 28, channels: 1 };
        let graph = KnownNetwork::Lenet5.graph(input, 10);
        let mut more = state(&graph);
        more.entries.push(entry("fc4.weight", &[3, 10]));
        assert_eq!(known(&mut more, None), None);
        let mut kernel = state(&graph);
        kernel.entries[0].extents = vec![6, 1, 3, 3];
        assert_eq!(known(&mut kernel, None), None);
        let other = Shape { height: 64, ..input };
        assert_eq!(known(&mut state(&graph), Some(other)), None);
    }

    #[test]
    fn extents_that_no_tensor_has_are_those_of_no_network() {
        let graph = KnownNetwork::Lenet5.graph(Shape { height: 28, width: 28, channels: 1 }, 10);
        for channels in [0, 1 << 31, 1 << 62, usize::MAX] {
            let mut wrong = state(&graph);
            wrong.entries[0].extents[1] = channels;
            assert_eq!(known(&mut wrong, None), None, "{channels}");
        }
    }
}
