//! A chain of fully connected layers, with normalisations between them.

use rayclip_model::{Activation, Graph, Op, Shape};

use crate::state_dict::{Entry, StateDict};

/// The most layers whose names a note lists.
const SHOWN: usize = 4;

/// A module of PyTorch: the tensors with its name.
struct Module<'a> {
    name: &'a str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear { inputs: usize, outputs: usize, bias: bool },
    BatchNorm(usize),
    LayerNorm(usize),
}

/// Returns the chain of a state dict, and a sentence that says what is an assumption. Layers are rectified, except for
/// the last one.
///
/// # Errors
/// Why it is not a chain, to follow "and".
pub(crate) fn chain(state: &StateDict) -> Result<(Graph, String), String> {
    let modules = modules(&state.entries)?;
    let first = modules.iter().find_map(|module| match module.kind {
        Kind::Linear { inputs, .. } => Some(inputs),
        _ => None,
    });
    let inputs = first.ok_or("it has no fully connected layer")?;
    let (modules, by_shape) = match broken(&modules, inputs) {
        None => (modules, false),
        Some(reason) => (by_shape(modules).ok_or(reason)?, true),
    };
    let graph = graph(&modules, inputs);
    graph.validate(1).map_err(|error| format!("{error}"))?;
    let is_linear = |module: &&Module<'_>| matches!(module.kind, Kind::Linear { .. });
    let names: Vec<&str> = modules.iter().filter(is_linear).map(|module| module.name).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let shown = names[..names.len().min(SHOWN)].join(", ");
    let layers = if names.len() == 1 { "linear layer" } else { "linear layers" };
    let order = if by_shape { "; their order is that in which their shapes fit" } else { "" };
    let between = match names.len() {
        1 => String::new(),
        _ => "; relu between them is an assumption: say otherwise with --graph".into(),
    };
    Ok((graph, format!("a chain of {} {layers} ({shown}{more}){order}{between}", names.len())))
}

/// Groups the tensors by module.
fn modules(entries: &[Entry]) -> Result<Vec<Module<'_>>, String> {
    let mut grouped: Vec<(&str, Vec<(&str, &Entry)>)> = vec![];
    for entry in entries {
        let Some((module, parameter)) = entry.name.rsplit_once('.') else {
            return Err(format!("the tensor {} has no module in its name", entry.name));
        };
        match grouped.iter_mut().find(|(name, _)| *name == module) {
            Some((_, tensors)) => tensors.push((parameter, entry)),
            None => grouped.push((module, vec![(parameter, entry)])),
        }
    }
    let mut all = vec![];
    for (name, mut tensors) in grouped {
        tensors.sort_by_key(|(parameter, _)| *parameter);
        let parts: Vec<(&str, &[usize])> =
            tensors.iter().map(|(parameter, entry)| (*parameter, &entry.extents[..])).collect();
        let Some(kind) = kind(&parts) else {
            let weight = parts.iter().find(|(parameter, _)| *parameter == "weight");
            let (parameter, extents) = weight.unwrap_or(&parts[0]);
            return Err(match extents {
                [_, _, _, _] => {
                    format!("{name} is a convolution, whose stride and padding no tensor tells")
                }
                _ => format!(
                    "{name}, with {parameter} {extents:?}, is neither a fully connected layer nor a normalisation of one"
                ),
            });
        };
        all.push(Module { name, kind });
    }
    Ok(all)
}

/// Returns the kind of a module with some tensors, in the order of their names.
fn kind(parts: &[(&str, &[usize])]) -> Option<Kind> {
    match *parts {
        [("weight", &[outputs, inputs])] => Some(Kind::Linear { inputs, outputs, bias: false }),
        [("bias", &[bias]), ("weight", &[outputs, inputs])] if bias == outputs => {
            Some(Kind::Linear { inputs, outputs, bias: true })
        }
        [("bias", &[bias]), ("weight", &[weight])] if bias == weight => {
            Some(Kind::LayerNorm(weight))
        }
        [
            ("bias", &[bias]),
            ("running_mean", &[mean]),
            ("running_var", &[variance]),
            ("weight", &[weight]),
        ] if [bias, mean, variance] == [weight; 3] => Some(Kind::BatchNorm(weight)),
        _ => None,
    }
}

/// Says where a chain of modules breaks.
fn broken(modules: &[Module<'_>], inputs: usize) -> Option<String> {
    let (mut width, mut before) = (inputs, "the input");
    for module in modules {
        let (reads, gives) = match module.kind {
            Kind::Linear { inputs, outputs, .. } => (inputs, outputs),
            Kind::BatchNorm(width) | Kind::LayerNorm(width) => (width, width),
        };
        if reads != width {
            let name = module.name;
            return Some(format!(
                "{name} reads {reads} numbers, but {before} before it gives {width}"
            ));
        }
        (width, before) = (gives, module.name);
    }
    None
}

/// Orders fully connected layers so that each reads what the one before it gives, if there is only one way.
fn by_shape(modules: Vec<Module<'_>>) -> Option<Vec<Module<'_>>> {
    let ends = |module: &Module<'_>| match module.kind {
        Kind::Linear { inputs, outputs, .. } => Some((inputs, outputs)),
        _ => None,
    };
    let all: Vec<(usize, usize)> = modules.iter().map(ends).collect::<Option<_>>()?;
    let follows = |from: usize| -> Vec<usize> {
        (0..all.len()).filter(|to| *to != from && all[*to].0 == all[from].1).collect()
    };
    let is_first = |at: &usize| !(0..all.len()).any(|from| follows(from).contains(at));
    let firsts: Vec<usize> = (0..all.len()).filter(is_first).collect();
    let &[first] = firsts.as_slice() else { return None };
    let mut order = vec![first];
    while order.len() < all.len() {
        match follows(*order.last()?)[..] {
            [next] if !order.contains(&next) => order.push(next),
            _ => return None,
        }
    }
    let mut modules: Vec<Option<Module<'_>>> = modules.into_iter().map(Some).collect();
    order.into_iter().map(|at| modules[at].take()).collect()
}

/// Returns the graph of the modules, with a rectification before every fully connected layer but the first.
fn graph(modules: &[Module<'_>], inputs: usize) -> Graph {
    let mut graph = Graph::new(Shape::vector(inputs));
    let mut layers = 0;
    let mut before = "";
    for module in modules {
        let op = match module.kind {
            Kind::Linear { outputs, bias, .. } => {
                if layers > 0 {
                    let name = between(before, module.name)
                        .unwrap_or_else(|| free_name(modules, layers - 1));
                    graph.append(name, Op::Activation(Activation::Relu));
                }
                layers += 1;
                Op::Linear { outputs, bias }
            }
            Kind::BatchNorm(_) => Op::BatchNorm { epsilon: 1e-5, momentum: 0.1 },
            Kind::LayerNorm(_) => Op::LayerNorm { epsilon: 1e-5 },
        };
        graph.append(module.name, op);
        before = module.name;
    }
    graph
}

/// Returns the name of a module between two of a sequence, such as `net.1` between `net.0` and `net.2`, if a number is
/// free.
fn between(before: &str, after: &str) -> Option<String> {
    let split = |name: &'_ str| -> Option<(String, usize)> {
        let (parent, number) = name.rsplit_once('.').unwrap_or(("", name));
        let parent = if parent.is_empty() { String::new() } else { format!("{parent}.") };
        Some((parent, number.parse().ok()?))
    };
    let ((parent, first), (other, last)) = (split(before)?, split(after)?);
    (parent == other && last.checked_sub(first)? > 1).then(|| format!("{parent}{}", first + 1))
}

/// Returns a name for an activation that no module has.
fn free_name(modules: &[Module<'_>], layer: usize) -> String {
    let mut name = format!("relu_{layer}");
    while modules.iter().any(|module| module.name == name) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::state_dict::tests::entry;

    fn inferred(tensors: &[(&str, &[usize])]) -> Result<(Graph, String), String> {
        let entries = tensors.iter().map(|(name, extents)| entry(name, extents)).collect();
        chain(&StateDict::new(Path::new("w.pt"), entries, vec![]).unwrap())
    }

    #[test]
    fn a_chain_is_rectified_and_normalised_between_its_layers() {
        let norm = ["weight", "bias", "running_mean", "running_var"].map(|p| format!("norm.{p}"));
        let mut tensors: Vec<(&str, &[usize])> =
            vec![("in.weight", &[8, 4]), ("in.bias", &[8]), ("relu_0.weight", &[6, 8])];
        tensors.splice(2..2, norm.iter().map(|name| (name.as_str(), &[8][..])));
        tensors.extend([("ln.weight", &[6][..]), ("ln.bias", &[6]), ("out.weight", &[3, 6])]);
        let (graph, note) = inferred(&tensors).unwrap();
        let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["in", "norm", "relu_0_", "relu_0", "ln", "relu_1", "out"]);
        assert_eq!((graph.input, graph.outputs()), (Shape::vector(4), 3));
        assert_eq!(graph.nodes[0].op, Op::Linear { outputs: 8, bias: true });
        assert_eq!(graph.nodes[6].op, Op::Linear { outputs: 3, bias: false });
        let expected = "a chain of 3 linear layers (in, relu_0, out); relu between them is an assumption: say \
                        otherwise with --graph";
        assert_eq!(note, expected);
        let (single, note) = inferred(&[("fc.weight", &[3, 4])]).unwrap();
        assert_eq!((single.nodes.len(), note.as_str()), (1, "a chain of 1 linear layer (fc)"));
    }

    #[test]
    fn a_sequence_has_its_activations_at_the_numbers_that_are_left_out() {
        let tensors = [
            ("net.0.weight", &[8, 4][..]),
            ("net.2.weight", &[6, 8]),
            ("net.5.weight", &[6, 6]),
            ("net.6.weight", &[2, 6]),
        ];
        let (graph, _) = inferred(&tensors).unwrap();
        let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["net.0", "net.1", "net.2", "net.3", "net.5", "relu_2", "net.6"]);
    }

    #[test]
    fn layers_whose_names_say_no_order_are_ordered_by_their_shapes() {
        let (graph, note) =
            inferred(&[("a.weight", &[2, 5]), ("b.weight", &[7, 4]), ("c.weight", &[5, 7])])
                .unwrap();
        let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["b", "relu_0", "c", "relu_1", "a"]);
        assert!(note.contains("their order is that in which their shapes fit"), "{note}");
        // Two orders fit.
        let two = [("a.weight", &[4, 4][..]), ("b.weight", &[4, 4]), ("c.weight", &[4, 9])];
        let reason = inferred(&two).unwrap_err();
        assert_eq!(reason, "c reads 9 numbers, but b before it gives 4");
    }

    #[test]
    fn what_is_no_chain_is_named() {
        for (tensors, expected) in [
            (&[("conv.weight", &[8, 3, 3, 3][..])][..], "conv is a convolution, whose stride"),
            (&[("a.weight", &[8, 3, 3])], "a, with weight [8, 3, 3], is neither"),
            (&[("ln.weight", &[3]), ("ln.bias", &[3])], "it has no fully connected layer"),
            (&[("weight", &[3, 4])], "the tensor weight has no module"),
            (&[("a.weight", &[3, 4]), ("b.weight", &[3, 4])], "b reads 4 numbers, but a before it"),
            (&[("a.weight", &[0, 4])], "0"),
        ] {
            let reason = inferred(tensors).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
