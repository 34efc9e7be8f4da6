//! Values that are tensors of the file: initializers, and nodes that hold a tensor.

use super::{Dim, Floats, Integer, Integers, Value};
use crate::limits::MOST_DIMENSIONS;
use crate::proto::{Node, SparseTensor, Tensor};
use crate::shapes::scopes::MOST_INTEGERS;
use crate::tensor::ElementType;

/// Returns what is known of a tensor.
pub(super) fn tensor(tensor: &Tensor) -> Value {
    let dims = extents(&tensor.dims);
    let element = Some(tensor.element_type());
    let value = Value { dims, element, ..Value::default() };
    if value.entries().is_none_or(|entries| entries > MOST_INTEGERS) {
        return value;
    }
    let floats = if element == Some(ElementType::FLOAT) { tensor.floats().ok() } else { None };
    Value {
        integers: integers_of(tensor).map(of_integers),
        floats: floats.map(|floats| of_floats(&floats)),
        ..value
    }
}

/// Returns the integers of a tensor; `None` if its elements are others.
pub(super) fn integers_of(tensor: &Tensor) -> Option<Vec<i64>> {
    const BOOL: i32 = 9;
    if tensor.element_type() == ElementType(BOOL) {
        return Some(tensor.payload().ok()?.iter().map(|byte| i64::from(*byte != 0)).collect());
    }
    tensor.integers().ok()
}

/// Returns what is known of a tensor that is mostly zero.
pub(super) fn sparse(sparse: &SparseTensor) -> Value {
    let element = sparse.values.as_ref().map(Tensor::element_type);
    Value { dims: extents(&sparse.dims), element, ..Value::default() }
}

/// Returns what is known of the output of a Constant.
pub(super) fn node(node: &Node) -> Value {
    const STRING: ElementType = ElementType(8);
    let list = |count: usize| Some(vec![Dim::Known(count)]);
    if let Some(held) = node.tensor("value") {
        tensor(held)
    } else if let Some(value) = node.int("value_int") {
        let integers = Some(of_integers(vec![value]));
        Value { dims: Some(vec![]), integers, element: Some(ElementType::INT64), floats: None }
    } else if let Some(values) = node.ints("value_ints") {
        let kept = (values.len() <= MOST_INTEGERS).then(|| of_integers(values.to_vec()));
        let element = Some(ElementType::INT64);
        Value { dims: list(values.len()), integers: kept, element, floats: None }
    } else if let Some(value) = node.float("value_float") {
        let (floats, element) = (Some(of_floats(&[value])), Some(ElementType::FLOAT));
        Value { dims: Some(vec![]), floats, element, integers: None }
    } else if let Some(values) = node.floats("value_floats") {
        let kept = (values.len() <= MOST_INTEGERS).then(|| of_floats(values));
        let element = Some(ElementType::FLOAT);
        Value { dims: list(values.len()), floats: kept, element, integers: None }
    } else if let Some(held) = node.attribute("sparse_value").and_then(|a| a.sparse_tensor.as_ref())
    {
        sparse(held)
    } else if node.string("value_string").is_some() {
        Value { dims: Some(vec![]), element: Some(STRING), ..Value::default() }
    } else if let Some(texts) = node.attribute("value_strings") {
        Value { dims: list(texts.strings.len()), element: Some(STRING), ..Value::default() }
    } else {
        Value::default()
    }
}

fn of_integers(values: Vec<i64>) -> Integers {
    Integers { values: values.into_iter().map(Integer::Value).collect(), is_constant: true }
}

fn of_floats(values: &[f32]) -> Floats {
    Floats { values: values.iter().copied().map(Some).collect(), is_constant: true }
}

fn extents(dims: &[i64]) -> Option<Vec<Dim>> {
    if dims.len() > MOST_DIMENSIONS {
        return None;
    }
    dims.iter().map(|extent| usize::try_from(*extent).ok().map(Dim::Known)).collect()
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::{Case, case};

    fn constant() -> Case {
        case("Constant")
    }

    #[test]
    fn a_node_holds_a_tensor() {
        let list = constant().tensor("value", &[4, 5]);
        assert_eq!((list.shape(), list.integers_out()), ("2".into(), "4 5".into()));
        assert!(list.is_constant());
    }

    #[test]
    fn a_node_holds_a_number_or_a_list() {
        let number = constant().int("value_int", 4);
        assert_eq!((number.shape(), number.integers_out()), (String::new(), "4".into()));
        let list = constant().ints("value_ints", &[4, 5]);
        assert_eq!((list.shape(), list.integers_out()), ("2".into(), "4 5".into()));
        assert_eq!(constant().float_list("value_floats", &[0.5; 3]).shape(), "3");
        assert_eq!(constant().string("value_string", "a").shape(), "");
        assert_eq!(constant().shape(), "unknown");
    }

    #[test]
    fn long_lists_are_not_followed() {
        let list = constant().ints("value_ints", &[1; 1025]);
        assert_eq!((list.shape(), list.integers_out()), ("1025".into(), "unknown".into()));
    }
}
