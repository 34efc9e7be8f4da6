//! The normalisation of images inside an ONNX graph: its first nodes, `(pixel / 255 − mean) / deviation`.

use rayclip_data::{PerChannel, ValueType};
use rayclip_onnx::ElementType;
use rayclip_onnx::proto::{Model, TypeValue, ValueInfo};

use super::builder::{Builder, int, value_info};
use crate::images::ImageDescription;

/// The key of metadata that says that the normalisation is in the graph.
pub(super) const INSIDE: &str = "preprocessing_inside";

/// What the names of its nodes begin with.
const PREFIX: &str = "preprocessing/";

/// The type of bytes.
const BYTES: i32 = 2;

/// Adds an input of pixels and their normalisation. Returns the input, and the name of the normalised images. Images
/// with these extents have channels first; a vector has the numbers of an image row by row, pixel by pixel.
pub(super) fn put_in(
    builder: &mut Builder,
    images: &ImageDescription,
    extents: &[usize],
) -> (ValueInfo, String) {
    let part = |name: &str| format!("{PREFIX}{name}");
    let (element, doc) = match images.values {
        ValueType::Bytes => (BYTES, "images with pixels from 0 to 255"),
        ValueType::Floats => (ElementType::FLOAT.0, "values that are not normalised"),
    };
    let pixels = builder.name("pixels");
    let mut value = pixels.clone();
    if images.values.is_bytes() {
        let cast = vec![int("to", ElementType::FLOAT.0 as usize)];
        value = builder.node(&part("cast"), "Cast", &[&value], cast);
        let most = builder.number(&part("255"), 255.0);
        value = builder.node(&part("fraction"), "Div", &[&value, &most], vec![]);
    }
    let mut numbers = |name: &str, numbers: &PerChannel| {
        let (dims, values) = broadcast(numbers.numbers(), extents);
        builder.tensor(&part(name), dims, &values)
    };
    let (mean, deviation) =
        (numbers("mean", &images.mean), numbers("deviation", &images.deviation));
    value = builder.node(&part("centred"), "Sub", &[&value, &mean], vec![]);
    value = builder.node(&part("normalised"), "Div", &[&value, &deviation], vec![]);
    (value_info(&pixels, element, extents, doc), value)
}

/// Returns the extents and the values of a tensor with a number for all channels, or one for each.
fn broadcast(numbers: &[f64], extents: &[usize]) -> (Vec<i64>, Vec<f32>) {
    let values = numbers.iter().map(|number| *number as f32);
    match (numbers, extents) {
        ([_], _) => (vec![], values.collect()),
        (_, [channels]) => {
            // The channels of an image alternate in a vector.
            let values: Vec<f32> = values.cycle().take(*channels).collect();
            (vec![1, *channels as i64], values)
        }
        _ => (vec![1, numbers.len() as i64, 1, 1], values.collect()),
    }
}

/// Takes the normalisation out of a model, so that it reads normalised images. Returns whether there was one.
pub(super) fn take_out(model: &mut Model) -> bool {
    let is_inside = |entry: &rayclip_onnx::proto::Entry| entry.key.as_deref() == Some(INSIDE);
    if !model.metadata_props.iter().any(is_inside) {
        return false;
    }
    let Some(graph) = &mut model.graph else { return false };
    let is_own = |name: Option<&str>| name.is_some_and(|name| name.starts_with(PREFIX));
    let last = graph.node.iter().rev().find(|node| is_own(node.name.as_deref()));
    let Some(result) = last.and_then(|node| node.output.first()).cloned() else { return false };
    graph.node.retain(|node| !is_own(node.name.as_deref()));
    graph.initializer.retain(|tensor| !is_own(tensor.name.as_deref()));
    if let [input] = &mut graph.input[..] {
        input.name = Some(result);
        let value = input.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        if let Some(TypeValue::Tensor(tensor)) = value {
            tensor.elem_type = Some(ElementType::FLOAT.0);
        }
    }
    model.metadata_props.retain(|entry| !is_inside(entry));
    true
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rayclip_model::{Activation, Exported, Graph, HostTensor, Op, Shape, Slide};
    use rayclip_onnx::proto::Attribute;

    use super::*;
    use crate::loaded::{Kind, Loaded, Source};
    use crate::onnx::{OnnxOptions, export};

    fn loaded(values: ValueType) -> Loaded {
        let mut graph = Graph::new(Shape { height: 2, width: 2, channels: 3 });
        graph.append("conv", Op::Conv2d { outputs: 2, slide: Slide::of(2), bias: true });
        graph.append("relu", Op::Activation(Activation::Relu));
        let tensor = |(name, extents): (String, Vec<usize>)| {
            let values = vec![0.5; extents.iter().product()];
            (name, HostTensor { extents, values })
        };
        let tensors: Exported = graph.exported_extents().into_iter().map(tensor).collect();
        let images = ImageDescription {
            shape: vec![2, 2, 3],
            class_names: vec![],
            mean: vec![0.1, 0.2, 0.3].into(),
            deviation: 0.5.into(),
            values,
        };
        let source = Source { path: "n".into(), kind: Kind::Network };
        let (images, about, notes) = (Some(images), BTreeMap::new(), vec![]);
        Loaded { graph, tensors, images, about, notes, source }
    }

    fn model(loaded: &Loaded, with_preprocessing: bool) -> Model {
        export(loaded, OnnxOptions { with_preprocessing }).unwrap()
    }

    #[test]
    fn what_is_put_in_is_taken_out() {
        for (values, operations, element) in [
            (ValueType::Bytes, &["Cast", "Div", "Sub", "Div"][..], BYTES),
            (ValueType::Floats, &["Sub", "Div"], ElementType::FLOAT.0),
        ] {
            let loaded = loaded(values);
            let (plain, mut model) = (model(&loaded, false), model(&loaded, true));
            let graph = model.graph.as_ref().unwrap();
            let kinds: Vec<&str> =
                graph.node.iter().map(|node| node.op_type.as_deref().unwrap()).collect();
            assert_eq!(kinds[..operations.len()], *operations);
            let Some(TypeValue::Tensor(input)) = &graph.input[0].r#type.as_ref().unwrap().value
            else {
                panic!("{:?}", graph.input)
            };
            assert_eq!(input.elem_type, Some(element));
            assert_eq!(graph.input[0].name.as_deref(), Some("pixels"));
            let mean =
                graph.initializer.iter().find(|t| t.name.as_deref() == Some("preprocessing/mean"));
            assert_eq!(mean.unwrap().dims, [1, 3, 1, 1]);

            assert!(take_out(&mut model));
            let (graph, plain) = (model.graph.unwrap(), plain.graph.unwrap());
            assert_eq!(graph.initializer, plain.initializer);
            let attributes = |graph: &rayclip_onnx::proto::Graph| -> Vec<Vec<Attribute>> {
                graph.node.iter().map(|node| node.attribute.clone()).collect()
            };
            assert_eq!(attributes(&graph), attributes(&plain));
            assert_eq!(graph.node[0].input[0], graph.input[0].name.clone().unwrap());
        }
        assert!(!take_out(&mut model(&loaded(ValueType::Bytes), false)));
    }

    #[test]
    fn a_normalisation_that_is_not_known_is_not_put_in() {
        let unknown = Loaded { images: None, ..loaded(ValueType::Bytes) };
        let refused = export(&unknown, OnnxOptions { with_preprocessing: true }).unwrap_err();
        assert!(
            refused.to_string().contains("does not say how images are normalised"),
            "{refused}"
        );
    }
}
