use super::*;
use crate::graph::{Activation, Node, Shape, Slide};
use crate::properties::{assert_cuts_are_silenced, drawn};
use crate::validate::tests::node;

const RELU: Op = Op::Activation(Activation::Relu);

fn linear(outputs: usize) -> Op {
    Op::Linear { outputs, bias: true }
}

/// Returns the graph `[positions, channels] → nodes`; its output is the last node.
fn graph([positions, channels]: [usize; 2], nodes: Vec<Node>) -> Graph {
    let output = Value::Node(nodes.len() - 1);
    let input = Shape { height: 1, width: positions, channels };
    let graph = Graph { input, nodes, output };
    graph.validate(2).unwrap();
    graph
}

fn tie(parameter: &str, axis: Axis, span: Span) -> Tie {
    Tie { parameter: parameter.to_owned(), axis, span }
}

/// Returns the ties of biases, or of the weights that make channels.
fn columns(names: &[&str], width: usize) -> Vec<Tie> {
    names.iter().map(|name| tie(name, Axis::Columns, Span::once(0, width))).collect()
}

fn fixed(graph: &Graph) -> Vec<(String, Reason)> {
    let groups = graph.groups().into_iter();
    groups.filter_map(|group| Some((group.name, group.fixed?))).collect()
}

/// Returns the free groups of a graph, after checking that every cut equals the silenced network.
fn checked(graph: &Graph) -> Vec<Group> {
    let groups = graph.free_groups();
    assert_cuts_are_silenced(drawn(graph, 2, 7), 11).unwrap();
    groups
}

#[test]
fn a_hidden_layer_of_a_perceptron_is_a_group() {
    let graph = Graph::perceptron(6, &[9, 5], 3, true);
    let groups = checked(&graph);
    let expected = |layer: usize, width: usize| {
        let name = format!("layer_{layer}");
        let weight = format!("{name}.weight");
        let (value, span) = (Value::Node(2 * layer + 1), Span::once(0, width));
        Group {
            width,
            fixed: None,
            makes: columns(&[&weight], width),
            follows: columns(&[&format!("{name}.bias")], width),
            uses: vec![tie(&format!("layer_{}.weight", layer + 1), Axis::Rows, span)],
            readings: vec![Reading { value, span, users: vec![2 * layer + 2] }],
            name,
        }
    };
    assert_eq!(groups, [expected(0, 9), expected(1, 5)]);
    let ends = [("input".to_owned(), Reason::Input), ("layer_2".to_owned(), Reason::Output)];
    assert_eq!(fixed(&graph), ends);
    assert_eq!(graph.groups()[0].uses, [tie("layer_0.weight", Axis::Rows, Span::once(0, 6))]);

    assert_eq!(graph.widths(), [9, 5]);
    assert_eq!(graph.with_widths(&[4, 2]), Graph::perceptron(6, &[4, 2], 3, true));
    assert!(Graph::perceptron(6, &[5], 3, false).free_groups()[0].follows.is_empty());
}

#[test]
#[should_panic(expected = "one width for every group")]
fn a_width_too_many_is_noticed() {
    let _ = Graph::perceptron(6, &[9], 3, true).with_widths(&[4, 2]);
}

#[test]
fn layers_that_are_added_up_are_one_group() {
    let graph = graph(
        [1, 6],
        vec![
            node("stem", linear(5), &[Value::Input]),
            node("relu", RELU, &[Value::Node(0)]),
            node("inner", linear(4), &[Value::Node(1)]),
            node("relu_inner", RELU, &[Value::Node(2)]),
            node("outer", linear(5), &[Value::Node(3)]),
            node("sum", Op::Add, &[Value::Node(1), Value::Node(4)]),
            node("head", linear(3), &[Value::Node(5)]),
        ],
    );
    let groups = checked(&graph);
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["stem", "inner"]);
    assert_eq!(groups[0].makes, columns(&["stem.weight", "outer.weight"], 5));
    assert_eq!(groups[0].follows, columns(&["stem.bias", "outer.bias"], 5));
    let span = Span::once(0, 5);
    let rows = |name| tie(name, Axis::Rows, span);
    assert_eq!(groups[0].uses, [rows("inner.weight"), rows("head.weight")]);
    let reading = |value, user| Reading { value: Value::Node(value), span, users: vec![user] };
    assert_eq!(groups[0].readings, [reading(1, 2), reading(5, 6)]);
    assert_eq!(graph.with_widths(&[2, 3]).widths(), [2, 3]);
}

#[test]
fn layers_side_by_side_keep_their_places() {
    let graph = graph(
        [1, 6],
        vec![
            node("a", linear(4), &[Value::Input]),
            node("b", linear(3), &[Value::Input]),
            node("both", Op::Concat, &[Value::Node(0), Value::Node(1)]),
            node("relu", RELU, &[Value::Node(2)]),
            node("one", linear(2), &[Value::Node(3)]),
            node("other", linear(2), &[Value::Node(3)]),
            node("sum", Op::Add, &[Value::Node(4), Value::Node(5)]),
        ],
    );
    let groups = checked(&graph);
    for (group, (name, span)) in
        groups.iter().zip([("a", Span::once(0, 4)), ("b", Span::once(4, 3))])
    {
        assert_eq!((group.name.as_str(), group.fixed.is_none()), (name, true));
        let rows = |name| tie(name, Axis::Rows, span);
        assert_eq!(group.uses, [rows("one.weight"), rows("other.weight")]);
        assert_eq!(group.readings, [Reading { value: Value::Node(3), span, users: vec![4, 5] }]);
    }
    assert_eq!(groups.len(), 2);
    // The output is the sum of two layers.
    assert_eq!(graph.groups().len(), 4);
    assert_eq!(fixed(&graph)[1], ("one".to_owned(), Reason::Output));
}

#[test]
fn flattened_channels_are_used_once_a_position() {
    let graph = graph(
        [3, 2],
        vec![
            node("a", linear(4), &[Value::Input]),
            node("b", linear(2), &[Value::Input]),
            node("both", Op::Concat, &[Value::Node(0), Value::Node(1)]),
            node("flat", Op::Flatten, &[Value::Node(2)]),
            node("alone", Op::Flatten, &[Value::Node(0)]),
            node("again", Op::Flatten, &[Value::Node(4)]),
            node("all", Op::Concat, &[Value::Node(3), Value::Node(5)]),
            node("head", linear(3), &[Value::Node(6)]),
        ],
    );
    let groups = checked(&graph);
    let span = |offset, stride| Span { offset, stride, repeat: 3 };
    let rows = |span| tie("head.weight", Axis::Rows, span);
    assert_eq!(groups[0].uses, [rows(span(0, 6)), rows(span(18, 4))]);
    assert_eq!(groups[1].uses, [rows(span(4, 6))]);
}

#[test]
fn channels_that_do_not_line_up_are_fixed() {
    let graph = graph(
        [1, 6],
        vec![
            node("same_a", linear(2), &[Value::Input]),
            node("same_b", linear(2), &[Value::Input]),
            node("a", linear(3), &[Value::Input]),
            node("b", linear(1), &[Value::Input]),
            node("c", linear(4), &[Value::Input]),
            node("left", Op::Concat, &[Value::Node(0), Value::Node(2), Value::Node(3)]),
            node("right", Op::Concat, &[Value::Node(1), Value::Node(4)]),
            node("sum", Op::Add, &[Value::Node(5), Value::Node(6)]),
            node("head", linear(3), &[Value::Node(7)]),
        ],
    );
    let groups = checked(&graph);
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].makes, columns(&["same_a.weight", "same_b.weight"], 2));
    let misaligned = |name: &str| (name.to_owned(), Reason::Misaligned { node: "sum".into() });
    assert_eq!(fixed(&graph)[1..4], [misaligned("a"), misaligned("b"), misaligned("c")]);
}

#[test]
fn channels_of_a_position_do_not_line_up_with_those_of_a_vector() {
    let graph = graph(
        [3, 2],
        vec![
            node("a", linear(4), &[Value::Input]),
            node("flat", Op::Flatten, &[Value::Node(0)]),
            node("images", Op::Flatten, &[Value::Input]),
            node("b", linear(12), &[Value::Node(2)]),
            node("sum", Op::Add, &[Value::Node(1), Value::Node(3)]),
            node("head", linear(3), &[Value::Node(4)]),
        ],
    );
    assert!(checked(&graph).is_empty());
    let reasons: Vec<Reason> = fixed(&graph).into_iter().map(|(_, reason)| reason).collect();
    let misaligned = Reason::Misaligned { node: "sum".into() };
    assert_eq!(reasons, [Reason::Input, misaligned.clone(), misaligned, Reason::Output]);
}

#[test]
fn all_that_is_added_to_fixed_channels_is_fixed() {
    let graph = graph(
        [1, 6],
        vec![
            node("a", linear(4), &[Value::Input]),
            node("b", linear(4), &[Value::Input]),
            node("c", linear(4), &[Value::Input]),
            node("d", linear(3), &[Value::Input]),
            node("e", linear(1), &[Value::Input]),
            node("both", Op::Concat, &[Value::Node(3), Value::Node(4)]),
            node("crooked", Op::Add, &[Value::Node(2), Value::Node(5)]),
            node("sum", Op::Add, &[Value::Node(0), Value::Node(1), Value::Node(6)]),
            node("head", linear(3), &[Value::Node(7)]),
        ],
    );
    assert!(checked(&graph).is_empty());
    let sum = &graph.groups()[1];
    assert_eq!(sum.makes, columns(&["a.weight", "b.weight", "c.weight"], 4));
    assert_eq!(sum.fixed, Some(Reason::Misaligned { node: "crooked".into() }));
}

#[test]
fn a_group_may_lie_beside_itself() {
    let graph = graph(
        [1, 6],
        vec![
            node("a", linear(4), &[Value::Input]),
            node("twice", Op::Concat, &[Value::Node(0), Value::Node(0)]),
            node("head", linear(3), &[Value::Node(1)]),
        ],
    );
    let groups = checked(&graph);
    let spans = [Span::once(0, 4), Span::once(4, 4)];
    assert_eq!(groups[0].uses, spans.map(|span| tie("head.weight", Axis::Rows, span)));
    let reading = |span| Reading { value: Value::Node(1), span, users: vec![2] };
    assert_eq!(groups[0].readings, spans.map(reading));
}

#[test]
fn a_layer_may_use_the_group_that_it_makes() {
    // A residual connection around one layer: rows and columns of one weight.
    let graph = graph(
        [1, 6],
        vec![
            node("stem", linear(4), &[Value::Input]),
            node("inner", linear(4), &[Value::Node(0)]),
            node("sum", Op::Add, &[Value::Node(0), Value::Node(1)]),
            node("head", linear(3), &[Value::Node(2)]),
        ],
    );
    let groups = checked(&graph);
    assert_eq!(groups[0].makes, columns(&["stem.weight", "inner.weight"], 4));
    assert_eq!(groups[0].uses[0], tie("inner.weight", Axis::Rows, Span::once(0, 4)));
}

#[test]
fn what_is_added_to_the_images_or_to_the_output_is_fixed() {
    let graph = graph(
        [1, 4],
        vec![
            node("a", linear(4), &[Value::Input]),
            node("sum", Op::Add, &[Value::Node(0), Value::Input]),
            node("b", linear(4), &[Value::Node(1)]),
            node("c", linear(4), &[Value::Node(2)]),
            node("logits", Op::Add, &[Value::Node(2), Value::Node(3)]),
        ],
    );
    let expected = [("a".to_owned(), Reason::Input), ("b".to_owned(), Reason::Output)];
    assert_eq!(fixed(&graph), expected);
    assert!(checked(&graph).is_empty());
}

#[test]
fn channels_that_are_flattened_twice_are_fixed() {
    let padded = Slide { padding: [0, 0, 0, 1], ..Slide::of(1) };
    let graph = graph(
        [2, 3],
        vec![
            node("made", linear(4), &[Value::Input]),
            node("once", Op::Flatten, &[Value::Node(0)]),
            node("own", Op::DepthwiseConv2d { slide: padded, bias: false }, &[Value::Node(1)]),
            node("twice", Op::Flatten, &[Value::Node(2)]),
            node("scores", linear(3), &[Value::Node(3)]),
        ],
    );
    assert!(checked(&graph).is_empty());
    let reason = Reason::FlattenedTwice { node: "twice".into() };
    assert!(fixed(&graph).contains(&("made".to_owned(), reason)));
}
