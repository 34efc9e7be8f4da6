//! Fits a state dict to a graph: every tensor of the graph is there, and there is no other one.

use std::collections::BTreeMap;

use rayclip_model::{Exported, Graph, HostTensor};
use rayclip_run_folder::nearest;

use crate::error::FormatError;
use crate::state_dict::{Entry, Numbers, StateDict};

/// What to do about weights that are integers.
const QUANTISED: &str =
    ": quantised weights cannot be used; save the network before it is quantised";

/// Returns the tensors of a valid graph, whose nodes have the names of the tensors. The notes of the state dict stay
/// in it.
///
/// # Errors
/// A tensor is missing, has other extents, elements that are no floats or numbers that are not finite; or the graph
/// has no use for it.
pub(crate) fn fit(graph: &Graph, state: &mut StateDict) -> Result<Exported, FormatError> {
    let expected = graph.exported_extents();
    align(&expected, state);
    let path = state.path.clone();
    let mut found: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in std::mem::take(&mut state.entries) {
        if let Some(twice) = found.insert(entry.name.clone(), entry) {
            return Err(FormatError::format(&path, format!("{} is there twice", twice.name)));
        }
    }
    let known: BTreeMap<&str, &[usize]> =
        expected.iter().map(|(name, extents)| (name.as_str(), extents.as_slice())).collect();
    let mut tensors = vec![];
    for (name, extents) in &expected {
        let Some(entry) = found.remove(name) else {
            let spare = found.values().filter(|entry| !known.contains_key(entry.name.as_str()));
            let remedy = remedy(name, extents, &spare.collect::<Vec<_>>());
            let (tensor, expected) = (name.clone(), extents.clone());
            return Err(FormatError::Missing { path, tensor, expected, remedy });
        };
        tensors.push((name.clone(), tensor(entry, extents, &path)?));
    }
    let unused = |entry: &&Entry| matches!(entry.numbers, Numbers::Floats(_));
    let mut left = found.values().filter(unused);
    if let Some(entry) = left.next() {
        let (tensor, found, more) = (entry.name.clone(), entry.extents.clone(), left.count());
        return Err(FormatError::Unused { path, tensor, found, more });
    }
    for Entry { name, numbers, .. } in found.values() {
        if let Numbers::Other(kind) = numbers {
            state.notes.push(format!("the tensor {name} ({kind}) is not used"));
        }
    }
    Ok(tensors.into_iter().collect())
}

/// Removes what all names of the state dict begin with: the prefixes of wrappers, unless the graph has them too; and a
/// part, if it then has the names of the graph.
fn align(expected: &[(String, Vec<usize>)], state: &mut StateDict) {
    state.strip_wrappers(|prefix| expected.iter().all(|(name, _)| name.starts_with(prefix)));
    let fits = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<&str> = names.collect();
        expected.iter().all(|(name, _)| names.contains(&name.as_str()))
    };
    let common = state.entries.first().and_then(|entry| entry.name.split_once('.'));
    let Some(prefix) = common.map(|(first, _)| format!("{first}.")) else { return };
    let stripped = |name| str::strip_prefix(name, prefix.as_str()).unwrap_or(name);
    if !fits(&mut state.names())
        && fits(&mut state.names().map(stripped))
        && let Some(prefix) = state.strip_common_part()
    {
        state.notes.push(format!("all names begin with `{prefix}`; the graph has none of it"));
    }
}

/// Checks the tensors of a graph that were not fitted to it.
///
/// # Errors
/// One is missing, has other extents, or has a number that is not finite.
pub(crate) fn check(
    graph: &Graph,
    tensors: &Exported,
    path: &std::path::Path,
) -> Result<(), FormatError> {
    for (name, expected) in graph.exported_extents() {
        let path = path.to_path_buf();
        let Some(HostTensor { extents, values }) = tensors.get(&name) else {
            let (tensor, remedy) = (name, String::new());
            return Err(FormatError::Missing { path, tensor, expected, remedy });
        };
        if *extents != expected {
            let (tensor, found) = (name, extents.clone());
            return Err(FormatError::Extents { path, tensor, expected, found });
        }
        let mut wrong = values.iter().filter(|value| !value.is_finite());
        if let Some(&found) = wrong.next() {
            let (tensor, count, of) = (name, 1 + wrong.count(), values.len());
            return Err(FormatError::NotFinite { path, tensor, found, count, of });
        }
    }
    Ok(())
}

/// Checks a tensor.
fn tensor(
    entry: Entry,
    expected: &[usize],
    path: &std::path::Path,
) -> Result<HostTensor, FormatError> {
    let Entry { name: tensor, extents, numbers } = entry;
    let path = path.to_path_buf();
    let values = match numbers {
        Numbers::Floats(values) => values,
        Numbers::Other(found) => {
            let remedy = if is_quantised(&found) { QUANTISED } else { "" };
            return Err(FormatError::Elements { path, tensor, found, remedy });
        }
    };
    if extents != expected {
        let (expected, found) = (expected.to_vec(), extents);
        return Err(FormatError::Extents { path, tensor, expected, found });
    }
    let mut wrong = values.iter().filter(|value| !value.is_finite());
    match wrong.next() {
        None => Ok(HostTensor { extents, values }),
        Some(&found) => {
            let (count, of) = (1 + wrong.count(), values.len());
            Err(FormatError::NotFinite { path, tensor, found, count, of })
        }
    }
}

/// Returns whether elements are of a type that weights are quantised to, as PyTorch or safetensors name it.
fn is_quantised(elements: &str) -> bool {
    ["int8", "uint8", "qint8", "quint8", "qint32", "quint4x2", "quint2x4", "I8", "U8"]
        .contains(&elements)
        || elements.starts_with("F8_")
}

/// Says which tensor without a use may be the one that is missing.
fn remedy(name: &str, extents: &[usize], spare: &[&Entry]) -> String {
    let alike = || spare.iter().filter(|entry| entry.extents == extents);
    let by_name = |entries: Vec<&str>| nearest(name, entries).map(str::to_owned);
    let of_extents: Vec<&str> = alike().map(|entry| entry.name.as_str()).collect();
    let all = || spare.iter().map(|entry| entry.name.as_str()).collect();
    let meant = by_name(of_extents.clone()).or_else(|| by_name(all()));
    match (meant, of_extents.as_slice()) {
        (Some(meant), _) => format!("; is it {meant}?"),
        (None, [only]) => format!("; {only} has these extents"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::state_dict::tests::entry;

    /// The tensors of a perceptron, 4 → 3 → 2.
    fn state(change: impl FnOnce(&mut Vec<Entry>)) -> StateDict {
        let all =
            [("a.weight", &[3, 4][..]), ("a.bias", &[3]), ("b.weight", &[2, 3]), ("b.bias", &[2])];
        let mut entries = all.map(|(name, extents)| entry(name, extents)).into();
        change(&mut entries);
        StateDict::new(Path::new("w.pt"), entries, vec![]).unwrap()
    }

    fn graph() -> Graph {
        let mut graph = Graph::perceptron(4, &[3], 2, true);
        for (node, name) in graph.nodes.iter_mut().zip(["a", "relu", "b"]) {
            name.clone_into(&mut node.name);
        }
        graph
    }

    fn refused(change: impl FnOnce(&mut Vec<Entry>)) -> String {
        fit(&graph(), &mut state(change)).unwrap_err().to_string()
    }

    #[test]
    fn a_state_dict_that_fits_is_taken_whatever_all_its_names_begin_with() {
        let mut plain = state(|_| ());
        let tensors = fit(&graph(), &mut plain).unwrap();
        assert_eq!(tensors.iter().count(), 4);
        assert!(plain.notes.is_empty());
        let mut nested = state(|entries| {
            for entry in entries {
                entry.name.insert_str(0, "net.");
            }
        });
        assert_eq!(fit(&graph(), &mut nested).unwrap(), tensors);
        assert_eq!(nested.notes.len(), 1);
        let mut counted = state(|entries| {
            let numbers = Numbers::Other("int64".into());
            entries.push(Entry { name: "a.ids".into(), extents: vec![4], numbers });
        });
        assert_eq!(fit(&graph(), &mut counted).unwrap(), tensors);
        assert!(counted.notes[0].contains("a.ids (int64) is not used"), "{:?}", counted.notes);
    }

    #[test]
    fn the_prefix_of_a_wrapper_is_left_out_unless_the_graph_has_it() {
        let wrapped = |prefix: &str| {
            state(|entries| {
                for entry in entries {
                    entry.name.insert_str(0, prefix);
                }
            })
        };
        let mut parallel = wrapped("module._orig_mod.");
        fit(&graph(), &mut parallel).unwrap();
        assert_eq!(parallel.notes.len(), 2);
        let mut named = graph();
        for node in &mut named.nodes {
            node.name.insert_str(0, "module.");
        }
        let mut own = wrapped("module.");
        let tensors = fit(&named, &mut own).unwrap();
        assert!(own.notes.is_empty(), "{:?}", own.notes);
        let mut twice = wrapped("module.module.");
        assert_eq!(fit(&named, &mut twice).unwrap(), tensors);
        assert_eq!(twice.notes.len(), 1);
    }

    #[test]
    fn a_tensor_that_is_missing_or_renamed_is_named_with_its_likeness() {
        let missing = refused(|entries| drop(entries.remove(3)));
        assert_eq!(missing, "w.pt: the tensor b.bias [2] is missing");
        let renamed = refused(|entries| "b.wieght".clone_into(&mut entries[2].name));
        assert_eq!(renamed, "w.pt: the tensor b.weight [2, 3] is missing; is it b.wieght?");
        let other = refused(|entries| "classifier.out".clone_into(&mut entries[2].name));
        assert!(other.ends_with("is missing; classifier.out has these extents"), "{other}");
    }

    #[test]
    fn wrong_extents_elements_and_numbers_are_named() {
        let wide = refused(|entries| entries[0] = entry("a.weight", &[3, 5]));
        assert_eq!(wide, "w.pt: the tensor a.weight is [3, 5], expected [3, 4]");
        let int8 = refused(|entries| entries[2].numbers = Numbers::Other("int8".into()));
        assert!(int8.contains("the elements of b.weight are int8") && int8.contains("quantised"));
        let complex = refused(|entries| entries[2].numbers = Numbers::Other("complex128".into()));
        assert!(complex.contains("are complex128") && !complex.contains("quantised"), "{complex}");
        let spoiled = refused(|entries| {
            let mut values = vec![0.5; 12];
            (values[3], values[7]) = (f32::NAN, f32::INFINITY);
            entries[0].numbers = Numbers::Floats(values);
        });
        assert!(
            spoiled.contains("a.weight has numbers that are not finite, 2 of 12, the first is NaN")
        );
        let more = refused(|entries| entries.push(entry("c.weight", &[7])));
        assert!(more.contains("the graph has no tensor c.weight [7]: it is not"), "{more}");
        let twice = refused(|entries| entries.push(entry("a.bias", &[3])));
        assert!(twice.contains("a.bias is there twice"), "{twice}");
    }
}
