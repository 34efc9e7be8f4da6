//! Clips a file: the same nodes and names, with fewer channels.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::Analysis;
use crate::coupling::{Along, Rewrite, name_of};
use crate::names::Names;
use crate::proto::{Attribute, Dim as ProtoDim, Graph, Model, Node, Tensor, TypeValue, ValueInfo};
use crate::shapes::{Dim, Integer};

/// The channels that stay, in ascending order, by the number of the group.
pub type Kept = BTreeMap<usize, Vec<usize>>;

impl Analysis {
    /// Keeps some channels of some groups of the model that was analysed.
    ///
    /// # Errors
    /// A tensor cannot be cut, or a shape cannot be written anew. The reason names it.
    pub fn clip(&self, model: &mut Model, kept: &Kept) -> Result<(), String> {
        let Some(graph) = &mut model.graph else { return Ok(()) };
        let unused = unused(graph);
        self.cut_tensors(graph, kept)?;
        let widths = kept.iter().map(|(group, kept)| (*group, kept.len())).collect();
        self.rewrite(graph, &widths)?;
        let infos = graph.value_info.iter_mut().chain(&mut graph.output).chain(&mut graph.input);
        for info in infos {
            self.update(info, &widths);
        }
        remove_unused(graph, &unused);
        Ok(())
    }

    fn cut_tensors(&self, graph: &mut Graph, kept: &Kept) -> Result<(), String> {
        let constants = graph.node.iter_mut().filter(|node| node.op() == "Constant");
        let constants = constants.filter_map(|node| {
            let name = node.output.first()?.clone();
            let value = node.attribute.iter_mut().find(|attribute| attribute.name() == "value")?;
            Some((name, value.t.as_mut()?))
        });
        let initializers =
            graph.initializer.iter_mut().map(|tensor| (tensor.name().to_owned(), tensor));
        for (name, tensor) in constants.chain(initializers) {
            let Some(stored) = self.tensors.get(&name) else { continue };
            for (dimension, along) in stored.along.iter().enumerate() {
                let Some((along, _)) = along else { continue };
                if let Some(entries) = self.entries(along, kept) {
                    tensor
                        .keep(dimension, &entries)
                        .map_err(|reason| format!("the tensor {name}: {reason}"))?;
                }
            }
        }
        Ok(())
    }

    /// Returns the positions that stay along a dimension; `None` if all do.
    fn entries(&self, along: &Along, kept: &Kept) -> Option<Vec<usize>> {
        let group = |axis: usize| self.axes[axis].1.and_then(|group| kept.get(&group));
        if !along.pieces().iter().any(|piece| group(piece.axis).is_some()) {
            return None;
        }
        let mut entries = Vec::new();
        for piece in along.pieces() {
            let mut add = |channel| {
                entries.extend(
                    piece.span.starts(channel).flat_map(|start| start..start + piece.span.block),
                );
            };
            match group(piece.axis) {
                Some(kept) => kept.iter().copied().for_each(&mut add),
                None => (0..self.axes[piece.axis].0).for_each(&mut add),
            }
        }
        entries.sort_unstable();
        Some(entries)
    }

    /// Writes the constants that name numbers of channels anew.
    fn rewrite(&self, graph: &mut Graph, widths: &BTreeMap<usize, usize>) -> Result<(), String> {
        let mut slices: BTreeMap<usize, Vec<(usize, &Along, &Along)>> = BTreeMap::new();
        let names = &mut Names::of(graph);
        for rewrite in &self.rewrites {
            match rewrite {
                Rewrite::Shape { node, input } => {
                    self.rewrite_shape(graph, names, [*node, *input], widths)?;
                }
                Rewrite::Split { node, parts } => {
                    let extents = parts.iter().map(|part| self.extent(part, widths));
                    let Some(extents) = extents.collect::<Option<Vec<usize>>>() else { continue };
                    set_split(graph, names, *node, &extents);
                }
                Rewrite::Slice { node, entry, before, inside } => {
                    slices.entry(*node).or_default().push((*entry, before, inside));
                }
                Rewrite::Groups { node, channels } => {
                    let Some(channels) = self.extent(channels, widths) else { continue };
                    set_int(&mut graph.node[*node], "group", channels as i64);
                }
            }
        }
        for (node, entries) in slices {
            self.rewrite_slice(graph, names, (node, &entries), widths);
        }
        Ok(())
    }

    fn rewrite_shape(
        &self,
        graph: &mut Graph,
        names: &mut Names,
        [number, input]: [usize; 2],
        widths: &BTreeMap<usize, usize>,
    ) -> Result<(), String> {
        let node = &graph.node[number];
        let output = node.output.first().map_or("", String::as_str);
        let (Some(along), Some(shape)) = (self.values.get(output), self.shapes.of(output)) else {
            return Ok(());
        };
        if along
            .iter()
            .all(|along| self.extent(along, widths) == self.extent(along, &BTreeMap::new()))
        {
            return Ok(());
        }
        let before = node.input.first().and_then(|input| self.shapes.of(input)).unwrap_or_default();
        let written = node.input(input).and_then(|shape| self.shapes.integers(shape));
        let keeps_zero = node.int("allowzero").unwrap_or(0) == 0 && node.op() == "Reshape";
        let mut target = Vec::new();
        for (axis, (along, dim)) in along.iter().zip(shape).enumerate() {
            let same = written.and_then(|written| written.values.get(axis));
            target.push(match (self.extent(along, widths), same, dim) {
                (Some(extent), _, _) => extent as i64,
                (None, Some(Integer::Value(value)), _) if *value > 0 => *value,
                (None, _, Dim::Known(extent)) => *extent as i64,
                (None, _, dim) if keeps_zero && before.get(axis) == Some(dim) => 0,
                (None, _, Dim::Symbol(_)) => -1,
            });
        }
        let name = name_of(node);
        if target.iter().filter(|extent| **extent == -1).count()
            > usize::from(node.op() == "Reshape")
        {
            return Err(format!(
                "node {name}: its shape has several extents that are known only when the model runs; give them \
                 numbers"
            ));
        }
        let constant = names.add_constant(graph, &format!("{name}.shape"), &target);
        graph.node[number].input[input] = constant;
        Ok(())
    }

    fn rewrite_slice(
        &self,
        graph: &mut Graph,
        names: &mut Names,
        (number, entries): (usize, &[(usize, &Along, &Along)]),
        widths: &BTreeMap<usize, usize>,
    ) {
        let bounds = |entry: &(usize, &Along, &Along)| {
            let (before, inside) = (self.extent(entry.1, widths)?, self.extent(entry.2, widths)?);
            Some((entry.0, before as i64, (before + inside) as i64))
        };
        let bounds: Vec<(usize, i64, i64)> = entries.iter().filter_map(bounds).collect();
        for (input, attribute, is_start) in [(1, "starts", true), (2, "ends", false)] {
            let node = &graph.node[number];
            let by_attribute = node.ints(attribute).map(<[i64]>::to_vec);
            let found = node.input(input).and_then(|input| self.shapes.integers(input));
            let integers = found.map(|found| {
                let value = |integer: &Integer| match integer {
                    Integer::Value(value) => *value,
                    _ => 0,
                };
                found.values.iter().map(value).collect()
            });
            let Some(mut values): Option<Vec<i64>> = by_attribute.clone().or(integers) else {
                continue;
            };
            for (entry, start, end) in &bounds {
                values[*entry] = if is_start { *start } else { *end };
            }
            if by_attribute.is_some() {
                set_ints(&mut graph.node[number], attribute, &values);
            } else {
                let name = format!("{}.{attribute}", name_of(node));
                graph.node[number].input[input] = names.add_constant(graph, &name, &values);
            }
        }
    }

    /// Updates the extents that the file says a value has.
    fn update(&self, info: &mut ValueInfo, widths: &BTreeMap<usize, usize>) {
        let Some(along) = self.values.get(info.name()) else { return };
        let Some(TypeValue::Tensor(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut())
        else {
            return;
        };
        let Some(shape) = &mut tensor.shape else { return };
        for (dim, along) in shape.dim.iter_mut().zip(along) {
            if let (Some(extent), Some(ProtoDim::Value(value))) =
                (self.extent(along, widths), &mut dim.value)
            {
                *value = extent as i64;
            }
        }
    }
}

/// Sets the extents of the parts of a Split: an attribute until opset 12, an input after it.
fn set_split(graph: &mut Graph, names: &mut Names, number: usize, extents: &[usize]) {
    let extents: Vec<i64> = extents.iter().map(|extent| *extent as i64).collect();
    let node = &mut graph.node[number];
    let is_equal = extents.windows(2).all(|two| two[0] == two[1]);
    if node.attribute("split").is_some() {
        return set_ints(node, "split", &extents);
    }
    if node.input(1).is_none() && is_equal {
        return;
    }
    node.attribute.retain(|attribute| attribute.name() != "num_outputs");
    let name = format!("{}.split", name_of(node));
    let constant = names.add_constant(graph, &name, &extents);
    let node = &mut graph.node[number];
    node.input.resize(2, String::new());
    node.input[1] = constant;
}

fn set_int(node: &mut Node, name: &str, value: i64) {
    if let Some(attribute) = node.attribute.iter_mut().find(|attribute| attribute.name() == name) {
        attribute.i = Some(value);
    }
}

fn set_ints(node: &mut Node, name: &str, values: &[i64]) {
    let mut attributes = node.attribute.iter_mut();
    if let Some(attribute) = attributes.find(|attribute: &&mut Attribute| attribute.name() == name)
    {
        attribute.ints = values.to_vec();
    }
}

/// Returns the names of all values that nothing reads.
fn unused(graph: &Graph) -> BTreeSet<String> {
    let mut read: BTreeSet<&str> = graph.output.iter().map(ValueInfo::name).collect();
    let mut graphs = vec![graph];
    while let Some(graph) = graphs.pop() {
        for node in &graph.node {
            read.extend(node.input.iter().map(String::as_str));
            for attribute in &node.attribute {
                graphs.extend(attribute.g.iter().chain(&attribute.graphs));
            }
        }
        read.extend(graph.output.iter().map(ValueInfo::name));
    }
    let made = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
    let made = made.chain(graph.initializer.iter().map(Tensor::name));
    made.filter(|name| !read.contains(name)).map(ToOwned::to_owned).collect()
}

/// Removes nodes and tensors that nothing reads any more, but not those that nothing read before.
fn remove_unused(graph: &mut Graph, before: &BTreeSet<String>) {
    loop {
        let now = unused(graph);
        let is_removed = |name: &str| now.contains(name) && !before.contains(name);
        let (nodes, tensors) = (graph.node.len(), graph.initializer.len());
        graph.node.retain(|node| {
            node.output.is_empty() || !node.output.iter().all(|name| is_removed(name))
        });
        graph.initializer.retain(|tensor| !is_removed(tensor.name()));
        if (nodes, tensors) == (graph.node.len(), graph.initializer.len()) {
            return;
        }
    }
}
