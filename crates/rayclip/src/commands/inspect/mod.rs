//! `rayclip inspect`: prints a network, its groups and its size.

mod dot;
mod onnx;

use std::path::Path;

use anyhow::ensure;
use rayclip_data::{LoadOptions, Source};
use rayclip_model::{Graph, Group, Shape, Tie};
use rayclip_run_folder::presets::{self, Layers};
use serde_json::json;

use super::folders::check_data;
use super::network_file;
use crate::args::{ImageShape, InspectArgs};
use crate::{output, tables};

/// The columns of the nodes, and those that are left out first if they do not fit.
const NODES: [&str; 6] = ["node", "operation", "inputs", "result", "parameters", "MACs"];
const LESS: [usize; 2] = [2, 5];

/// The columns of the groups.
const GROUPS: [&str; 5] = ["group", "channels", "made by", "cut with them", "read by"];

/// Prints a network.
pub(crate) fn inspect(args: &InspectArgs) -> anyhow::Result<()> {
    let path = Path::new(&args.network);
    if has_ending(path, &["onnx"]) {
        let model = onnx::read(path, &args.bind.iter().cloned().collect())?;
        ensure!(!args.dot, "--dot: an ONNX file is not drawn; Netron draws it");
        if args.json {
            output::result(&model.json().to_string());
        } else {
            model.print();
        }
        return Ok(());
    }
    let graph = graph(args)?;
    graph.validate(1)?;
    match (args.dot, args.json) {
        (true, _) => output::result(&dot::drawing(&graph)),
        (_, true) => output::result(&as_json(&graph).to_string()),
        _ => print(&graph),
    }
    Ok(())
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let found = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    found.is_some_and(|found| endings.contains(&found.as_str()))
}

/// Returns the network with the name, or from the file, of the arguments.
fn graph(args: &InspectArgs) -> anyhow::Result<Graph> {
    let path = Path::new(&args.network);
    if path.is_dir() || has_ending(path, &["safetensors", "pt", "pth", "bin", "bpk"]) {
        return Ok(network_file::load(path, &args.which)?.graph);
    }
    let (input, classes) = reads(args)?;
    let mut network = presets::resolve(&Layers::default())?.network;
    network.name.clone_from(&args.network);
    network.hidden.clone_from(&args.hidden);
    Ok(rayclip_trainer::named(&network, input, classes)?)
}

/// Returns the shape of the images and the number of classes, from the arguments or from data.
fn reads(args: &InspectArgs) -> anyhow::Result<(Shape, usize)> {
    let Some(name) = &args.data else {
        let usual = ImageShape { height: 32, width: 32, channels: 3 };
        let ImageShape { height, width, channels } = args.which.of_file.input.unwrap_or(usual);
        return Ok((Shape { height, width, channels }, args.classes));
    };
    check_data(name)?;
    let options = LoadOptions {
        label_column: args.label_column.clone(),
        memory: 0,
        ..LoadOptions::default()
    };
    let dataset = Source::from_name(name).load(&options, &|_, _| ())?;
    Ok((rayclip_trainer::input_shape(&dataset), dataset.classes))
}

fn print(graph: &Graph) {
    let mut nodes = tables::table(&NODES);
    for (node, size) in graph.nodes.iter().zip(graph.node_sizes()) {
        let inputs: Vec<&str> = node.inputs.iter().map(|value| graph.name_of(*value)).collect();
        nodes.add_row([
            node.name.clone(),
            node.op.to_string(),
            inputs.join(", "),
            size.shape.to_string(),
            size.parameters.to_string(),
            size.macs.map_or("too many".to_owned(), |macs| macs.to_string()),
        ]);
    }
    tables::print(nodes, &LESS, &NODES);
    let mut groups = tables::table(&GROUPS);
    for group in graph.groups() {
        let fixed = group.fixed.as_ref();
        let channels = match fixed {
            None => group.width.to_string(),
            Some(reason) => format!("{}, fixed: {reason}", group.width),
        };
        let names = |ties: &[Tie]| parameters(ties).join("\n");
        groups.add_row([
            group.name.clone(),
            channels,
            names(&group.makes),
            names(&group.follows),
            names(&group.uses),
        ]);
    }
    tables::print(groups, &[3], &GROUPS);
    let macs = graph.macs().map_or("too many".to_owned(), |macs| macs.all.to_string());
    let free = graph.free_groups();
    let channels: usize = free.iter().map(|group| group.width).sum();
    output::result(&format!(
        "{} → {}; {} parameters, {macs} multiply-accumulates per image; {} groups with {channels} \
         channels can be clipped",
        graph.input,
        graph.output_shape(),
        graph.parameters(),
        free.len(),
    ));
}

/// Returns the names of the parameters, each once.
fn parameters(ties: &[Tie]) -> Vec<&str> {
    let mut names: Vec<&str> = ties.iter().map(|tie| tie.parameter.as_str()).collect();
    names.dedup();
    names
}

fn as_json(graph: &Graph) -> serde_json::Value {
    let shape = |shape: Shape| [shape.height, shape.width, shape.channels];
    let sizes = graph.nodes.iter().zip(graph.node_sizes());
    let nodes = sizes.map(|(node, size)| {
        json!({
            "name": node.name,
            "shape": shape(size.shape),
            "parameters": size.parameters,
            "macs": size.macs,
        })
    });
    let group = |group: &Group| {
        json!({
            "name": group.name,
            "channels": group.width,
            "fixed": group.fixed.as_ref().map(ToString::to_string),
            "makes": parameters(&group.makes),
            "follows": parameters(&group.follows),
            "uses": parameters(&group.uses),
        })
    };
    json!({
        "graph": graph,
        "nodes": nodes.collect::<Vec<_>>(),
        "groups": graph.groups().iter().map(group).collect::<Vec<_>>(),
        "parameters": graph.parameters(),
        "macs": graph.macs().map(|macs| macs.all),
    })
}
