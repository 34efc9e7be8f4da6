//! Groups of small models.

use super::Reason;
use crate::built::{Built, free};

fn group(name: &str, width: usize, ties: &[&str]) -> (String, usize, Vec<String>) {
    (name.to_owned(), width, ties.iter().map(|tie| (*tie).to_owned()).collect())
}

/// Returns why the group of a name is fixed.
fn reason(built: &Built, name: &str) -> Option<Reason> {
    let analysis = built.analysis();
    analysis.groups().iter().find(|group| group.name == name).unwrap().fixed.clone()
}

/// `x → a → relu → b`, with weights `[outputs, inputs]`.
fn two_layers() -> Built {
    Built::new("N 4")
        .tensor("a.weight", &[6, 4])
        .tensor("a.bias", &[6])
        .tensor("b.weight", &[3, 6])
        .node("h = Gemm x a.weight a.bias")
        .int("transB", 1)
        .node("r = Relu h")
        .node("y = Gemm r b.weight")
        .int("transB", 1)
        .output("y")
}

#[test]
fn a_hidden_layer_is_a_group() {
    let built = two_layers();
    let found = free(&built.analysis());
    assert_eq!(found, [group("a", 6, &["a.weight.0", "a.bias.0", "b.weight.1"])]);
    assert_eq!(reason(&built, "b"), Some(Reason::Output));
    let mut small = built.clipped(&[("a", &[1, 4])]);
    assert_eq!(small.values("a.weight").0, [2, 4]);
    assert_eq!(small.values("a.bias").1, [2.0, 5.0]);
    assert_eq!(small.values("b.weight"), (vec![3, 2], vec![2., 5., 8., 11., 14., 17.]));
}

#[test]
fn layers_that_are_added_are_one_group_with_everything_that_follows() {
    let built = Built::new("N 3 8 8")
        .tensor("stem.weight", &[8, 3, 3, 3])
        .tensor("norm", &[8])
        .tensor("own.weight", &[8, 1, 3, 3])
        .tensor("more.weight", &[8, 8, 1, 1])
        .tensor("fc.weight", &[10, 8])
        .node("s = Conv x stem.weight")
        .ints("pads", &[1, 1, 1, 1])
        .node("n = BatchNormalization s norm norm norm norm")
        .node("d = Conv n own.weight")
        .ints("pads", &[1, 1, 1, 1])
        .int("group", 8)
        .node("m = Conv d more.weight")
        .node("a = Add n m")
        .node("g = GlobalAveragePool a")
        .node("f = Flatten g")
        .node("y = Gemm f fc.weight")
        .int("transB", 1)
        .output("y");
    let ties = [
        "stem.weight.0",
        "norm.0",
        "own.weight.0",
        "more.weight.0",
        "more.weight.1",
        "fc.weight.1",
    ];
    assert_eq!(free(&built.analysis()), [group("stem", 8, &ties)]);
    let mut small = built.clipped(&[("stem", &[0, 5])]);
    let graph = small.graph().clone();
    assert_eq!(graph.node[2].int("group"), Some(2));
    assert_eq!(small.values("more.weight"), (vec![2, 2, 1, 1], vec![1., 6., 41., 46.]));
    assert_eq!(small.extents("a"), [None, Some(2), Some(8), Some(8)]);
}

#[test]
fn a_flattened_channel_is_a_block_of_inputs() {
    let built = Built::new("N 1 4 4")
        .tensor("conv.weight", &[3, 1, 3, 3])
        .tensor("fc.weight", &[5, 12])
        .integers("shape", &[-1, 12])
        .node("c = Conv x conv.weight")
        .node("f = Reshape c shape")
        .node("y = Gemm f fc.weight")
        .int("transB", 1)
        .output("y");
    let mut small = built.clipped(&[("conv", &[0, 2])]);
    let row = |first: i64| [0, 1, 2, 3, 8, 9, 10, 11].map(|at| (first + at) as f32);
    let (dims, values) = small.values("fc.weight");
    assert_eq!(dims, [5, 8]);
    assert_eq!(values[..16], [row(1), row(13)].concat());
    // The shape names the channels, so it is written anew, and the old one is gone.
    let graph = small.graph().clone();
    assert!(graph.initializer.iter().all(|tensor| tensor.name() != "shape"));
    assert_eq!(small.extents("f"), [None, Some(8)]);
}

#[test]
fn values_side_by_side_keep_their_groups() {
    let built = Built::new("N 3 4 4")
        .tensor("a.weight", &[2, 3, 1, 1])
        .tensor("b.weight", &[4, 3, 1, 1])
        .tensor("c.weight", &[1, 6, 1, 1])
        .node("a = Conv x a.weight")
        .node("b = Conv x b.weight")
        .node("ab = Concat a b")
        .int("axis", 1)
        .node("y = Conv ab c.weight")
        .output("y");
    let found = free(&built.analysis());
    assert_eq!(found[0], group("a", 2, &["a.weight.0", "c.weight.1"]));
    assert_eq!(found[1], group("b", 4, &["b.weight.0", "c.weight.1"]));
    let mut small = built.clipped(&[("a", &[1]), ("b", &[0, 3])]);
    assert_eq!(small.values("c.weight").1, [2.0, 3.0, 6.0]);
}

#[test]
fn a_gated_feed_forward_block_is_a_group_also_if_both_halves_are_one_weight() {
    let built = Built::new("N 7 4")
        .tensor("up.weight", &[4, 12])
        .tensor("bias", &[12])
        .tensor("down.weight", &[6, 4])
        .node("u = MatMul x up.weight")
        .node("v = Add u bias")
        .node("value gate = Split v")
        .int("axis", -1)
        .node("s = Sigmoid gate")
        .node("h = Mul value s")
        .node("y = MatMul h down.weight")
        .output("y");
    let found = free(&built.analysis());
    let ties = ["up.weight.1", "up.weight.1", "bias.0", "bias.0", "down.weight.0"];
    assert_eq!(found, [group("up", 6, &ties)]);
    let mut small = built.clipped(&[("up", &[0, 5])]);
    assert_eq!(small.values("bias").1, [1.0, 6.0, 7.0, 12.0]);
    assert_eq!(small.extents("h"), [None, Some(7), Some(2)]);
}

#[test]
fn a_convolution_in_parts_keeps_the_same_places_of_all_parts() {
    let built = Built::new("N 3 4 4")
        .tensor("a.weight", &[6, 3, 1, 1])
        .tensor("b.weight", &[4, 3, 1, 1])
        .tensor("c.weight", &[2, 4, 1, 1])
        .node("a = Conv x a.weight")
        .node("b = Conv a b.weight")
        .int("group", 2)
        .node("y = Conv b c.weight")
        .output("y");
    let found = free(&built.analysis());
    assert_eq!((found[0].1, found[1].1), (3, 2));
    let mut small = built.clipped(&[("a", &[0, 2]), ("b", &[1])]);
    assert_eq!(small.values("b.weight"), (vec![2, 2, 1, 1], vec![4., 6., 10., 12.]));
    assert_eq!(small.values("a.weight").0, [4, 3, 1, 1]);
    assert_eq!(small.extents("b"), [None, Some(2), Some(4), Some(4)]);
}

#[test]
fn a_weight_that_two_nodes_read_ties_their_channels() {
    let built = Built::new("N 5")
        .tensor("w.weight", &[5, 5])
        .tensor("out.weight", &[5, 2])
        .node("a = MatMul x w.weight")
        .node("b = MatMul a w.weight")
        .node("y = MatMul b out.weight")
        .output("y");
    // Its rows read the input, so its columns, which it reads itself, are fixed too.
    assert_eq!(free(&built.analysis()), []);
    let shared = Built::new("N 5")
        .tensor("in.weight", &[5, 6])
        .tensor("w.weight", &[6, 4])
        .tensor("out.weight", &[4, 2])
        .node("a = MatMul x in.weight")
        .node("r = Relu a")
        .node("b = MatMul r w.weight")
        .node("c = MatMul a w.weight")
        .node("d = Mul b c")
        .node("y = MatMul d out.weight")
        .output("y");
    let found = free(&shared.analysis());
    assert_eq!(found[0], group("in", 6, &["in.weight.1", "w.weight.0"]));
    assert_eq!(found[1], group("w", 4, &["w.weight.1", "out.weight.0"]));
}

#[test]
fn what_is_not_known_is_fixed_with_its_reason() {
    let built = Built::new("N 4")
        .tensor("a.weight", &[4, 6])
        .tensor("b.weight", &[6, 3])
        .tensor("scale", &[6])
        .node("h = MatMul x a.weight")
        .node("u = Mystery h")
        .node("v = Mul h scale")
        .node("y = MatMul v b.weight")
        .output("y")
        .output("u");
    let Some(Reason::Unknown { node, op }) = reason(&built, "a") else { panic!("not fixed") };
    assert_eq!((node.as_str(), op.as_str()), ("u", "Mystery"));
    let mixed = Built::new("N 4")
        .tensor("a.weight", &[4, 6])
        .tensor("b.weight", &[6, 3])
        .node("h = MatMul x a.weight")
        .node("u = Softmax h")
        .node("y = MatMul u b.weight")
        .output("y");
    assert!(matches!(reason(&mixed, "a"), Some(Reason::Mixed { .. })));
    let quantised = Built::new("N 4").tensor("b.weight", &[6, 3]);
    let mut quantised =
        quantised.node("h = MatMul x a.weight").node("y = MatMul h b.weight").output("y");
    let mut bytes = crate::proto::Tensor::of_integers("a.weight", vec![4, 6], &[1; 24]);
    bytes.data_type = Some(7);
    quantised.graph().initializer.push(bytes);
    let Some(Reason::NotFloat { tensor, element }) = reason(&quantised, "a") else {
        panic!("free")
    };
    assert_eq!((tensor.as_str(), element.as_str()), ("a.weight", "int64"));
}

#[test]
fn a_shape_that_names_channels_of_a_stored_vector_is_written_anew() {
    // As Paddle writes a bias: a vector that is reshaped and added.
    let built = Built::new("N 3 4 4")
        .tensor("a.weight", &[6, 3, 1, 1])
        .tensor("bias", &[6])
        .tensor("b.weight", &[2, 6, 1, 1])
        .integers("shape", &[1, 6, 1, 1])
        .node("a = Conv x a.weight")
        .node("r = Reshape bias shape")
        .node("s = Add a r")
        .node("y = Conv s b.weight")
        .output("y");
    let small = built.clipped(&[("a", &[0, 1])]);
    assert_eq!(small.extents("r"), [Some(1), Some(2), Some(1), Some(1)]);
    assert_eq!(small.extents("s")[1], Some(2));
}

#[test]
fn macs_and_parameters_follow_the_widths() {
    let analysis = two_layers().analysis();
    let size = |widths: &[(usize, usize)]| analysis.size(&widths.iter().copied().collect());
    assert_eq!((size(&[]).parameters, size(&[]).macs), (24 + 6 + 18, Some(24 + 18)));
    assert_eq!((size(&[(0, 2)]).parameters, size(&[(0, 2)]).macs), (8 + 2 + 6, Some(8 + 6)));
    let nodes = analysis.node_sizes(3);
    assert_eq!(nodes[0].parameters, 30);
    assert_eq!((nodes[1].macs, nodes[2].macs), (Some(0), Some(18)));
}

#[test]
fn channels_that_a_model_counts_are_fixed_unless_the_count_is_written_anew() {
    let counted = |last: &str| {
        Built::new("N 5 4")
            .tensor("a.weight", &[4, 6])
            .tensor("b.weight", &[3, 2])
            .integers("two", &[2])
            .integers("half", &[2])
            .integers("zero", &[0])
            .integers("axis", &[2])
            .node("h = MatMul x a.weight")
            .node("s = Shape h")
            .node("c = Gather s two")
            .node("m = Div c half")
            .node("left = Slice h zero m axis")
            .node("right = Slice h m c axis")
            .node("g = Mul left right")
            .node(last)
            .node("y = MatMul g b.weight")
            .output("y")
    };
    // The bounds of a slice are written anew, whatever they are computed from.
    let found = free(&counted("r = Relu g").analysis());
    assert_eq!((found[0].0.as_str(), found[0].1), ("a", 3));
    let mut small = counted("r = Relu g").clipped(&[("a", &[0, 2])]);
    assert_eq!(small.extents("g"), [None, Some(5), Some(2)]);
    assert_eq!(small.values("a.weight").1[..4], [1.0, 3.0, 4.0, 6.0]);
    let scaled = counted("root = Sqrt c");
    assert!(matches!(reason(&scaled, "a"), Some(Reason::Counted { .. })));
}
