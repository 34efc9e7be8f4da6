use super::*;
use crate::graph::{Activation, Slide, Value};

const LINEAR: Op = Op::Linear { outputs: 4, bias: true };
const RELU: Op = Op::Activation(Activation::Relu);

/// A node that reads some values.
pub(crate) fn node(name: &str, op: Op, inputs: &[Value]) -> Node {
    Node { name: name.to_owned(), op, inputs: inputs.to_vec() }
}

/// Returns the reason to refuse `[3 positions, 2 channels] → nodes`; the output is the last node.
fn refusal(nodes: Vec<Node>) -> String {
    let output = Value::Node(nodes.len().saturating_sub(1));
    let graph = Graph { input: Shape { height: 1, width: 3, channels: 2 }, nodes, output };
    graph.validate(1).unwrap_err().to_string()
}

#[test]
fn names_the_extent_that_is_zero() {
    let message = |graph: &Graph, replicas| graph.validate(replicas).unwrap_err().to_string();
    let hidden = message(&Graph::perceptron(4, &[8, 0], 2, true), 1);
    assert!(hidden.contains("channels of layer_1 is 0"), "{hidden}");
    let graph = Graph::perceptron(4, &[8], 2, true);
    assert!(message(&graph, 0).contains("replicas is 0"));
    assert!(message(&Graph::perceptron(0, &[8], 2, true), 1).contains("images is 0"));
    assert!(message(&Graph::perceptron(4, &[8], 0, true), 1).contains("layer_1 is 0"));
    let nowhere = Graph { input: Shape { height: 0, width: 1, channels: 4 }, ..graph };
    assert!(message(&nowhere, 1).contains("positions of the images is 0"));
}

#[test]
fn refuses_what_no_memory_holds() {
    let huge = i32::MAX as usize;
    let message = |hidden: &[usize], replicas| {
        let graph = Graph::perceptron(4, hidden, 2, true);
        graph.validate(replicas).unwrap_err().to_string()
    };
    let wide = message(&[8, huge + 1], 1);
    assert!(wide.contains("2147483648 channels of layer_1"), "{wide}");
    assert!(message(&[huge, huge], 1).contains("1 × 46116860"));
    assert!(message(&[1 << 28, 1 << 28], 9).contains("9 × 720575"));
    let uncountable = message(&[usize::MAX; 2], 1);
    assert!(uncountable.contains("channels of layer_0"), "{uncountable}");
    let flat = Graph {
        input: Shape { height: 1 << 16, width: 1 << 14, channels: 4 },
        nodes: vec![
            node("flat", Op::Flatten, &[Value::Input]),
            node("a", LINEAR, &[Value::Node(0)]),
        ],
        output: Value::Node(1),
    };
    let message = flat.validate(1).unwrap_err().to_string();
    assert!(message.contains("4294967296 numbers of the images"), "{message}");
}

#[test]
fn refuses_names_that_are_not_plain_or_not_its_own() {
    let named = |names: [&str; 2]| {
        refusal(vec![
            node(names[0], LINEAR, &[Value::Input]),
            node(names[1], LINEAR, &[Value::Node(0)]),
        ])
    };
    assert!(named(["a", "a"]).contains("node a has the name of another"));
    assert!(named(["a", "input"]).contains("reserved for the images"));
    for name in ["", "a\u{1b}[2J", "a\nb", &"a".repeat(401)] {
        let message = named(["a", name]);
        assert!(message.contains("name of node 1") && message.len() < 100, "{message}");
    }
}

#[test]
fn refuses_nodes_that_read_what_they_cannot() {
    let linear = |inputs: &[Value]| refusal(vec![node("a", LINEAR, inputs)]);
    assert!(linear(&[]).contains("node a reads 0 values; expected one"));
    assert!(linear(&[Value::Input; 2]).contains("reads 2 values; expected one"));
    for later in [Value::Node(0), Value::Node(7), Value::Node(usize::MAX)] {
        let message = linear(&[later]);
        assert!(message.contains("which does not come before it"), "{message}");
    }
    for op in [Op::Add, Op::Concat] {
        let alone = refusal(vec![node("both", op, &[Value::Input])]);
        assert!(alone.contains("node both reads 1 values; expected two or more"), "{alone}");
    }
}

#[test]
fn refuses_values_that_do_not_fit() {
    let both = |op, inputs: [Value; 2]| {
        refusal(vec![
            node("a", LINEAR, &[Value::Input]),
            node("flat", Op::Flatten, &[Value::Node(0)]),
            node("both", op, &inputs),
        ])
    };
    let added = both(Op::Add, [Value::Node(0), Value::Input]);
    let found = "shapes: a has 4 channels at 1 × 3 positions, input has 2";
    assert!(added.contains(found), "{added}");
    let beside = both(Op::Concat, [Value::Node(0), Value::Node(1)]);
    let found = "positions: a has 4 channels at 1 × 3 positions, flat has 12 channels";
    assert!(beside.ends_with(found), "{beside}");
}

#[test]
fn refuses_nodes_without_a_part_in_the_output() {
    let unread =
        refusal(vec![node("a", LINEAR, &[Value::Input]), node("b", LINEAR, &[Value::Input])]);
    assert!(unread.contains("node a is not used"), "{unread}");
    let fixed = refusal(vec![node("relu", RELU, &[Value::Input])]);
    assert!(fixed.contains("no parameter"), "{fixed}");
    let output = Value::Node(usize::MAX);
    let graph = Graph { output, ..Graph::perceptron(4, &[8], 2, true) };
    let message = graph.validate(1).unwrap_err().to_string();
    assert!(
        message.contains("the output is node 18446744073709551615, but there are only 3"),
        "{message}"
    );
    assert!(refusal(vec![]).contains("the output is node 0, but there are only 0"));
}

#[test]
fn refuses_channels_that_multiply_without_end() {
    let mut nodes = vec![
        node("a", Op::Linear { outputs: 1, bias: false }, &[Value::Input]),
        node("both", Op::Concat, &[Value::Input, Value::Node(0)]),
    ];
    for doubled in 1..28 {
        let twice = [Value::Node(doubled); 2];
        nodes.push(node(&format!("doubled_{doubled}"), Op::Concat, &twice));
    }
    let message = refusal(nodes);
    assert!(message.contains("node doubled_17 concatenates channels too often"), "{message}");
}

#[test]
fn refuses_more_nodes_than_any_network_has() {
    let hidden = vec![1; MOST_NODES / 2];
    let message = Graph::perceptron(1, &hidden, 1, false).validate(1).unwrap_err().to_string();
    assert!(message.contains("65537 nodes"), "{message}");
}

#[test]
fn refuses_windows_that_do_not_fit_and_numbers_that_make_no_sense() {
    let message = |op| refusal(vec![node("a", op, &[Value::Input])]);
    let conv = Op::Conv2d { outputs: 2, slide: Slide::of(5).padding(1), bias: true };
    let found =
        "slides a window of 5 × 5 over 2 channels at 1 × 3 positions, which it does not fit";
    assert!(message(conv).contains(found), "{}", message(conv));
    let still = Slide { stride: [0, 1], ..Slide::of(1) };
    assert!(message(Op::MaxPool(still)).contains("does not fit"));
    let pool = Slide { kernel: [1, 3], padding: [1, 1, 0, 0], ..Slide::of(1) };
    assert!(message(Op::MaxPool(pool)).contains("only padding"), "{}", message(Op::MaxPool(pool)));
    let norm = Op::BatchNorm { epsilon: 0.0, momentum: 0.1 };
    assert!(message(norm).contains("node a needs a positive epsilon"), "{}", message(norm));
    assert!(message(Op::Dropout { probability: 1.0 }).contains("a probability from 0"));
    let gated = refusal(vec![
        node("a", LINEAR, &[Value::Input]),
        node("mean", Op::GlobalAveragePool, &[Value::Input]),
        node("gate", Op::Mul, &[Value::Node(0), Value::Node(1)]),
    ]);
    assert!(
        gated.contains("do not fit: a has 4 channels at 1 × 3 positions, mean has 2"),
        "{gated}"
    );
}
