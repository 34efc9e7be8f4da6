//! The fields of a module of Burn.

use std::collections::BTreeSet;

use rayclip_model::Graph;

/// Keywords of Rust, and names that the source uses.
const RESERVED: [&str; 56] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "input", "device",
    "_", "raw",
];

/// Returns the name of the field of every node: its own name, with underscores for what no field can have.
pub(super) fn fields(graph: &Graph) -> Vec<String> {
    let mut taken: BTreeSet<String> = RESERVED.iter().map(|&word| word.to_owned()).collect();
    let field = |name: &str| {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let mut field: String = name.chars().map(letter).collect();
        if !field.starts_with(|c: char| c.is_ascii_lowercase()) {
            field.insert_str(0, "node_");
        }
        while !taken.insert(field.clone()) {
            field.push('_');
        }
        field
    };
    graph.nodes.iter().map(|node| node.name.as_str()).map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_a_field_of_its_own() {
        let mut graph = Graph::perceptron(2, &[2, 2, 2], 2, true);
        for (node, name) in graph.nodes.iter_mut().zip(["a.b", "a_b", "0", "type", "A-B", "é", "x"])
        {
            name.clone_into(&mut node.name);
        }
        let expected = ["a_b", "a_b_", "node_0", "type_", "a_b__", "node__", "x"];
        assert_eq!(fields(&graph), expected);
    }
}
