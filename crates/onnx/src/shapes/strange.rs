//! Graphs that nobody should write, and damaged files: nothing may panic.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::Shapes;
use super::testing::info;
use super::tests::{branch, infer};
use crate::proto::{Attribute, Graph, Model, Node, Tensor};
use crate::read::decode;

const OPERATIONS: [&str; 71] = [
    "Add",
    "ArgMax",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Compress",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "Det",
    "Div",
    "Dropout",
    "Einsum",
    "Expand",
    "Flatten",
    "Floor",
    "GRU",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gemm",
    "GlobalMaxPool",
    "GridSample",
    "Identity",
    "If",
    "LSTM",
    "LayerNormalization",
    "LpPool",
    "MatMul",
    "Max",
    "MaxPool",
    "MaxRoiPool",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Multinomial",
    "Neg",
    "NonZero",
    "OneHot",
    "Pad",
    "QLinearConv",
    "QLinearMatMul",
    "RNN",
    "RandomNormal",
    "Range",
    "ReduceMax",
    "ReduceProd",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Resize",
    "RoiAlign",
    "Shape",
    "Size",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Sub",
    "Sum",
    "Tile",
    "TopK",
    "Transpose",
    "Unique",
    "Unsqueeze",
    "Upsample",
    "Where",
];

const ATTRIBUTES: [&str; 36] = [
    "allowzero",
    "auto_pad",
    "axes",
    "axis",
    "batch_dims",
    "blocksize",
    "ceil_mode",
    "dilations",
    "direction",
    "else_branch",
    "end",
    "ends",
    "equation",
    "group",
    "hidden_size",
    "k",
    "keepdims",
    "kernel_shape",
    "layout",
    "noop_with_empty_axes",
    "num_outputs",
    "output_height",
    "output_padding",
    "output_shape",
    "pads",
    "perm",
    "pooled_shape",
    "scales",
    "shape",
    "split",
    "start",
    "starts",
    "strides",
    "then_branch",
    "to",
    "value",
];

/// Integers that are small, or as large as they can be.
fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![6 => -4..9_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => any::<i64>()]
}

fn tensor() -> impl Strategy<Value = Tensor> {
    let list = vec(integer(), 0..6);
    let shaped = (vec(0..4_i64, 0..3), any::<bool>());
    (list, shaped).prop_map(|(values, (dims, is_list))| {
        let dims = if is_list { vec![values.len() as i64] } else { dims };
        let count = dims.iter().product::<i64>() as usize;
        let values: Vec<i64> = values.into_iter().chain([7; 9]).take(count).collect();
        Tensor::of_integers("", dims, &values)
    })
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let name = prop::sample::select(ATTRIBUTES.as_slice());
    let text = prop::sample::select(vec!["SAME_UPPER", "ij,jk->ik", "...i->i...", "bidirectional"]);
    let numbers = (integer(), vec(integer(), 0..5), vec(any::<f32>(), 0..4));
    (name, numbers, text, tensor()).prop_map(|(name, (i, ints, floats), text, t)| Attribute {
        name: Some(name.into()),
        i: Some(i),
        ints,
        floats,
        s: Some(Bytes::from(text)),
        t: Some(t),
        g: name.ends_with("branch").then(|| branch("Squeeze")),
        ..Attribute::default()
    })
}

/// A graph of operations that read what is there, with attributes that fit or do not.
fn graph() -> impl Strategy<Value = Graph> {
    let extent = prop_oneof![4 => (0..9_i64).prop_map(|n| n.to_string()), 1 => Just("N".to_owned()),
        1 => Just("?".to_owned()), 1 => Just(i64::MAX.to_string())];
    let inputs = vec(prop::option::of(vec(extent, 0..5)), 4);
    let operation = (
        prop::sample::select(OPERATIONS.as_slice()),
        vec(0..30_usize, 0..5),
        vec(attribute(), 0..5),
    );
    (inputs, vec(tensor(), 6), vec(operation, 1..16)).prop_map(|(inputs, tensors, operations)| {
        let inputs = inputs.into_iter().enumerate();
        let input = inputs.map(|(number, dims)| {
            info(&format!("v{number}"), dims.map(|dims| dims.join(" ")).as_deref())
        });
        let tensors = tensors.into_iter().enumerate();
        let named = |(number, tensor)| Tensor { name: Some(format!("v{}", number + 4)), ..tensor };
        let operations = operations.into_iter().enumerate();
        let made = |(number, (op, reads, attribute)): (usize, (&str, Vec<usize>, _))| Node {
            op_type: Some(op.to_owned()),
            input: reads.iter().map(|read| format!("v{}", read % (10 + number))).collect(),
            output: vec![format!("v{}", number + 10), format!("more{number}")],
            attribute,
            ..Node::default()
        };
        Graph {
            input: input.collect(),
            initializer: tensors.map(named).collect(),
            node: operations.map(made).collect(),
            ..Graph::default()
        }
    })
}

proptest! {
    #[test]
    fn no_graph_is_too_strange(graph in graph()) {
        infer(graph);
    }

    #[test]
    fn no_damage_is_too_strange(
        graph in graph(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = Model { graph: Some(graph), ..Model::default() }.encode_to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(model) = decode(bytes) {
            Shapes::infer(&model, &BTreeMap::new());
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(model) = decode(bytes) {
            Shapes::infer(&model, &BTreeMap::new());
        }
    }
}
