//! An ONNX model: its nodes, its groups and its size.

use std::collections::BTreeMap;
use std::path::Path;

use rayclip_onnx::proto::{Graph, Node};
use rayclip_onnx::{Analysis, Group, Role, Size, name_of};
use serde_json::{Value, json};

use super::{GROUPS, LESS, NODES};
use crate::{output, tables};

/// A model that was read and analysed.
pub(super) struct Inspected {
    graph: Graph,
    analysis: Analysis,
    /// Why it can only be clipped, and not be run or trained on here; empty if it can.
    obstacles: Vec<String>,
}

/// Reads a model.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(path: &Path, bound: &BTreeMap<String, usize>) -> anyhow::Result<Inspected> {
    let mut model = rayclip_onnx::read(path)?;
    // Equal vectors are stored once, which ties nothing.
    let copies = rayclip_onnx::untie(&mut model);
    let analysis = Analysis::of(&model, bound, &copies);
    let obstacles = rayclip_formats::onnx::import(&model, &analysis).err().unwrap_or_default();
    Ok(Inspected { graph: model.graph.unwrap_or_default(), analysis, obstacles })
}

/// Returns the extents of a value as one line.
fn extents(analysis: &Analysis, value: &str) -> String {
    output::text(&analysis.extents_as_text(value).join(" × "))
}

/// Returns the names of the tensors that have a role, each once.
fn tensors(group: &Group, role: Role) -> Vec<&str> {
    let of_role = group.ties.iter().filter(|tie| tie.role == role);
    let mut names: Vec<&str> = of_role.map(|tie| tie.tensor.as_str()).collect();
    names.dedup();
    names
}

impl Inspected {
    /// Returns the values that a node reads, without tensors of the file.
    fn inputs<'a>(&self, node: &'a Node) -> Vec<&'a str> {
        let inputs = node.input.iter().map(String::as_str);
        inputs.filter(|input| !input.is_empty() && !self.analysis.is_stored(input)).collect()
    }

    pub(super) fn print(&self) {
        let shown = |text: &str| output::text(text);
        let sizes = self.analysis.node_sizes(self.graph.node.len());
        let mut nodes = tables::table(&NODES);
        for (node, size) in self.graph.node.iter().zip(&sizes) {
            let result = node.output.first().map_or("", String::as_str);
            nodes.add_row([
                shown(&name_of(node)),
                shown(node.op()),
                shown(&self.inputs(node).join(", ")),
                extents(&self.analysis, result),
                size.parameters.to_string(),
                macs(size),
            ]);
        }
        tables::print(nodes, &LESS, &NODES);
        let mut groups = tables::table(&GROUPS);
        for group in self.analysis.groups() {
            let channels = match &group.fixed {
                None => group.width.to_string(),
                Some(reason) => format!("{}, fixed: {}", group.width, shown(&reason.to_string())),
            };
            let names = |role| shown_lines(&tensors(group, role));
            groups.add_row([
                shown(&group.name),
                channels,
                names(Role::Makes),
                names(Role::Follows),
                names(Role::Uses),
            ]);
        }
        tables::print(groups, &[3], &GROUPS);
        self.print_size();
    }

    fn print_size(&self) {
        let size = self.analysis.size(&BTreeMap::new());
        let free = self.analysis.free();
        let channels: usize = free.iter().map(|group| self.analysis.groups()[*group].width).sum();
        output::result(&format!(
            "{} parameters, {} multiply-accumulates per image; {} groups with {channels} channels can be clipped",
            size.parameters,
            macs(&size),
            free.len(),
        ));
        match &self.obstacles[..] {
            [] => output::result("it can be run, trained on and clipped here"),
            [first, rest @ ..] => {
                let more = if rest.is_empty() {
                    String::new()
                } else {
                    format!(" (and {} more)", rest.len())
                };
                output::result(&format!(
                    "it can be clipped, but not be run here: {}{more}",
                    output::text(first)
                ));
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let sizes = self.analysis.node_sizes(self.graph.node.len());
        let nodes = self.graph.node.iter().zip(&sizes).map(|(node, size)| {
            json!({
                "name": name_of(node),
                "op": node.op(),
                "inputs": self.inputs(node),
                "shape": node.output.first().and_then(|output| self.analysis.extents(output)),
                "parameters": size.parameters,
                "macs": size.macs,
            })
        });
        let groups = self.analysis.groups().iter().map(|group| {
            json!({
                "name": group.name,
                "channels": group.width,
                "fixed": group.fixed.as_ref().map(ToString::to_string),
                "makes": tensors(group, Role::Makes),
                "follows": tensors(group, Role::Follows),
                "uses": tensors(group, Role::Uses),
            })
        });
        let size = self.analysis.size(&BTreeMap::new());
        json!({
            "nodes": nodes.collect::<Vec<_>>(),
            "groups": groups.collect::<Vec<_>>(),
            "parameters": size.parameters,
            "macs": size.macs,
            "runs_here": self.obstacles.is_empty(),
            "obstacles": self.obstacles,
        })
    }
}

fn macs(size: &Size) -> String {
    size.macs.map_or("unknown".to_owned(), |macs| macs.to_string())
}

fn shown_lines(names: &[&str]) -> String {
    names.iter().map(|name| output::text(name)).collect::<Vec<_>>().join("\n")
}
