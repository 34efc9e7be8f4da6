//! The types of the elements of outputs.

use super::call::Call;
use super::rules;
use crate::tensor::ElementType;

const UINT8: ElementType = ElementType(2);
const INT32: ElementType = ElementType(6);
const BOOL: ElementType = ElementType(9);

/// Returns the type of the elements of an output; `None` if it is not known.
pub(super) fn of(call: &Call<'_>, output: usize) -> Option<ElementType> {
    if !rules::has_rule(call.node) {
        return None;
    }
    let attribute = |name: &str| {
        let number = i32::try_from(call.node.int(name)?).ok()?;
        (number > 0).then_some(ElementType(number))
    };
    match (call.node.op(), output) {
        ("Cast", _) => attribute("to"),
        ("RandomNormal" | "RandomUniform", _) => attribute("dtype").or(Some(ElementType::FLOAT)),
        ("EyeLike" | "RandomNormalLike" | "RandomUniformLike" | "Bernoulli", _) => {
            attribute("dtype").or(call.element(0))
        }
        ("Multinomial", _) => attribute("dtype").or(Some(INT32)),
        ("ConstantOfShape", _) => {
            let value = call.node.tensor("value").map(crate::proto::Tensor::element_type);
            value.or(Some(ElementType::FLOAT))
        }
        ("Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" | "NonMaxSuppression", _)
        | ("MaxPool" | "TopK" | "Unique", 1..) => Some(ElementType::INT64),
        (op, 0) if is_question(op) => Some(BOOL),
        ("Where" | "CastLike" | "DequantizeLinear", _) => call.element(1),
        ("OneHot", _) => call.element(2),
        ("ConvInteger" | "MatMulInteger", _) => Some(INT32),
        ("QLinearConv" | "QLinearMatMul" | "QLinearAdd" | "QLinearMul", _) => call.element(7),
        ("QuantizeLinear", _) => call.element(2).or(attribute("output_dtype")).or(Some(UINT8)),
        ("DynamicQuantizeLinear", 0 | 2) => Some(UINT8),
        ("DynamicQuantizeLinear", _) => Some(ElementType::FLOAT),
        // In older sets of operations, the mask of a dropout has the type of the input.
        ("Dropout", 1)
        | ("BatchNormalization" | "LayerNormalization" | "SkipLayerNormalization", 1..) => None,
        _ => call.element(0),
    }
}

/// Returns whether an operation answers with yes or no.
fn is_question(op: &str) -> bool {
    let compares = ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"].contains(&op);
    compares || ["And", "Or", "Xor", "Not", "IsNaN", "IsInf"].contains(&op)
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;
    use crate::tensor::ElementType;

    #[test]
    fn most_operations_keep_the_type() {
        assert_eq!(case("Relu").input("N 3").element(), Some(ElementType::FLOAT));
        assert_eq!(case("Gather").integers(&[2]).input("3").element(), Some(ElementType::INT64));
        assert_eq!(case("Relu").domain("elsewhere").input("N 3").element(), None);
    }

    #[test]
    fn some_operations_have_a_type_of_their_own() {
        assert_eq!(case("Cast").input("3").int("to", 10).element(), Some(ElementType(10)));
        assert_eq!(case("Shape").input("3").element(), Some(ElementType::INT64));
        assert_eq!(case("Equal").input("3").input("3").element(), Some(ElementType(9)));
        assert_eq!(case("ConstantOfShape").integers(&[2]).element(), Some(ElementType::FLOAT));
        assert_eq!(case("QuantizeLinear").input("3").input("").element(), Some(ElementType(2)));
    }
}
