//! Whole graphs: what the file says, and branches.

use std::collections::BTreeMap;

use super::testing::{case, info};
use super::{Dim, Shapes};
use crate::proto::{Attribute, Graph, Model, Node, Tensor, TensorType, TypeValue};

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> Node {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Node {
        op_type: Some(op.into()),
        input: names(inputs),
        output: names(outputs),
        ..Node::default()
    }
}

pub(super) fn infer(graph: Graph) -> Shapes {
    Shapes::infer(&Model { graph: Some(graph), ..Model::default() }, &BTreeMap::new())
}

#[test]
fn an_extent_with_a_name_can_have_a_number() {
    let model = case("Reshape").input("batch 3 8").integers(&[-1, 4]).model();
    let bound = BTreeMap::from([("batch".to_owned(), 5)]);
    assert_eq!(Shapes::infer(&model, &bound).text("y0"), "30 4");
    assert_eq!(Shapes::infer(&model, &BTreeMap::new()).text("y0"), "? 4");
}

#[test]
fn names_that_say_nothing_are_different_extents() {
    let shapes = infer(Graph {
        input: vec![info("a", Some("N ? None")), info("b", Some("N ? None"))],
        ..Graph::default()
    });
    let (a, b) = (shapes.of("a").unwrap(), shapes.of("b").unwrap());
    assert_eq!(a[0], b[0]);
    assert!(a[1] != b[1] && a[2] != b[2] && a[1] != a[2]);
    assert_eq!(shapes.text("a"), "N ? ?");
    assert_eq!(
        infer(Graph { input: vec![info("a", Some("-1"))], ..Graph::default() }).text("a"),
        "?"
    );
}

#[test]
fn the_file_says_what_no_rule_knows() {
    let unknown = case("Mystery").domain("elsewhere").input("N 3");
    assert_eq!(unknown.shape(), "unknown");
    assert_eq!(unknown.declares("y0", "N 7").shape(), "N 7");
}

#[test]
fn a_rule_knows_better_than_the_file_but_not_than_its_numbers() {
    let symbol = case("Reshape").input("N 3").input("2");
    assert_eq!(symbol.clone().declares("y0", "6 ?").shape(), "6 ?");
    assert_eq!(symbol.declares("y0", "6 half").shape(), "6 half");
    assert_eq!(case("Relu").input("N 3").declares("y0", "5 4").shape(), "5 3");
    assert_eq!(case("Relu").input("N 3").declares("y0", "5 4 2").shape(), "N 3");
    assert_eq!(case("Relu").input("N 3").declares("y0", "M 3").shape(), "N 3");
}

#[test]
fn an_initializer_that_is_also_an_input_is_a_constant() {
    let graph = Graph {
        input: vec![info("x", Some("N 6")), info("to", Some("K"))],
        initializer: vec![Tensor::of_integers("to", vec![3], &[0, 2, -1])],
        node: vec![node("Reshape", &["x", "to"], &["y"])],
        ..Graph::default()
    };
    assert_eq!(infer(graph).text("y"), "N 2 3");
}

#[test]
fn constants_are_read_through_identities() {
    let graph = Graph {
        input: vec![info("x", Some("N 6"))],
        initializer: vec![Tensor::of_integers("to", vec![3], &[0, 2, -1])],
        node: vec![node("Identity", &["to"], &["same"]), node("Reshape", &["x", "same"], &["y"])],
        ..Graph::default()
    };
    let shapes = infer(graph);
    assert_eq!(shapes.text("y"), "N 2 3");
    assert!(shapes.integers("same").unwrap().is_constant);
}

#[test]
fn two_ways_to_the_same_extents_have_the_same_symbols() {
    let window = |input: &str, output: &str| {
        let strides =
            Attribute { name: Some("strides".into()), ints: vec![2], ..Attribute::default() };
        Node { attribute: vec![strides], ..node("Conv", &[input, "w"], &[output]) }
    };
    let graph = Graph {
        input: vec![info("x", Some("N 4 L")), info("w", Some("4 4 3"))],
        node: vec![window("x", "a"), window("x", "b"), node("Add", &["a", "b"], &["y"])],
        ..Graph::default()
    };
    let shapes = infer(graph);
    assert_eq!(shapes.of("a"), shapes.of("y"));
    assert!(matches!(shapes.of("a").unwrap()[2], Dim::Symbol(_)));
}

fn branches(yes: Graph, no: Graph, condition: &str) -> Shapes {
    let branch = |name: &str, graph| Attribute {
        name: Some(name.into()),
        g: Some(graph),
        ..Attribute::default()
    };
    let attribute = vec![branch("then_branch", yes), branch("else_branch", no)];
    infer(Graph {
        input: vec![info("x", Some("N 1 3")), info("unknown", Some(""))],
        initializer: vec![
            Tensor::of_integers("yes", vec![], &[1]),
            Tensor::of_integers("no", vec![], &[0]),
        ],
        node: vec![Node { attribute, ..node("If", &[condition], &["y"]) }],
        ..Graph::default()
    })
}

/// A branch with one operation on the value outside.
pub(super) fn branch(op: &str) -> Graph {
    let axes = Attribute { name: Some("axes".into()), ints: vec![1], ..Attribute::default() };
    Graph {
        node: vec![Node { attribute: vec![axes], ..node(op, &["x"], &["inner"]) }],
        output: vec![info("inner", None)],
        ..Graph::default()
    }
}

#[test]
fn what_both_branches_agree_in_is_known() {
    assert_eq!(branches(branch("Relu"), branch("Abs"), "unknown").text("y"), "N 1 3");
    let mean = branches(branch("Relu"), branch("ReduceMean"), "unknown");
    assert_eq!(mean.text("y"), "N 1 3");
    let sum = branches(branch("Transpose"), branch("Relu"), "unknown");
    assert_eq!(sum.text("y"), "? 1 ?");
    assert_eq!(branches(branch("Squeeze"), branch("Relu"), "unknown").text("y"), "unknown");
    assert_eq!(branches(branch("Squeeze"), branch("Relu"), "yes").text("y"), "N 3");
    assert_eq!(branches(branch("Squeeze"), branch("Relu"), "no").text("y"), "N 1 3");
    assert!(sum.of("inner").is_none());
}

#[test]
fn sequences_have_no_extents() {
    let mut sequence = info("x", None);
    sequence.r#type.as_mut().unwrap().value = Some(TypeValue::Sequence(Box::default()));
    let mut sparse = info("z", Some("3"));
    sparse.r#type.as_mut().unwrap().value = Some(TypeValue::SparseTensor(TensorType::default()));
    let input = vec![sequence, sparse];
    let graph = Graph { input, node: vec![node("Relu", &["x"], &["y"])], ..Graph::default() };
    assert_eq!(infer(graph).text("y"), "unknown");
}

#[test]
fn graphs_beyond_a_limit_are_unknown_from_there_on() {
    // Every node makes 1024 numbers, of 16 bytes each.
    let wide = vec![1; 1024];
    let nodes = 10_000;
    let names: Vec<String> = (0..=nodes).map(|number| format!("v{number}")).collect();
    let add = |number: usize| node("Add", &[&names[number], "v0"], &[&names[number + 1]]);
    let shapes = infer(Graph {
        initializer: vec![Tensor::of_integers("v0", vec![1024], &wide)],
        node: (0..nodes).map(add).collect(),
        ..Graph::default()
    });
    assert!(shapes.integers("v1000").is_some());
    assert!(shapes.of("v9999").is_none());
}
