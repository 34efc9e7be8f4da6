//! A network in the language of Graphviz.

use std::collections::BTreeMap;
use std::fmt::Write;

use rayclip_model::Graph;

/// Colours of groups (Graphviz's scheme `set312`), one after the other.
const COLOURS: usize = 12;

/// Returns a drawing of a graph. Nodes whose parameters one free group cuts have one colour.
pub(super) fn drawing(graph: &Graph) -> String {
    let colours = colours(graph);
    let mut text = String::from(
        "digraph network {\n  node [shape=box, style=filled, fillcolor=white, colorscheme=set312]\n",
    );
    let quoted = |text: &str| format!("{text:?}");
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing into a string cannot fail.
        let _written = writeln!(text, "  {line}");
    };
    line(format_args!(
        "{} [label={}]",
        quoted("input"),
        quoted(&format!("input\n{}", graph.input))
    ));
    for (node, size) in graph.nodes.iter().zip(graph.node_sizes()) {
        let label = quoted(&format!("{}\n{}\n{}", node.name, node.op, size.shape));
        let colour = colours.get(node.name.as_str());
        let colour = colour.map(|colour| format!(", fillcolor={colour}")).unwrap_or_default();
        line(format_args!("{} [label={label}{colour}]", quoted(&node.name)));
        for value in &node.inputs {
            line(format_args!("{} -> {}", quoted(graph.name_of(*value)), quoted(&node.name)));
        }
    }
    text.push('}');
    text
}

/// Returns the colour of every node that makes or follows the channels of a free group.
fn colours(graph: &Graph) -> BTreeMap<String, usize> {
    let mut colours = BTreeMap::new();
    for (index, group) in graph.free_groups().iter().enumerate() {
        for tie in group.makes.iter().chain(&group.follows) {
            if let Some((node, _)) = tie.parameter.rsplit_once('.') {
                colours.insert(node.to_owned(), 1 + index % COLOURS);
            }
        }
    }
    colours
}
