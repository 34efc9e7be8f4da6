//! Which rule says the extents of the outputs of which operation.

use super::call::Call;
use super::symbols::Symbols;
use super::{
    Dim, broadcast, einsum, generators, joins, layout, normalisations, parts, products, reductions,
    resize, slices, windows,
};
use crate::proto::Node;

/// A rule for the first output, for the first two, which have the same extents, or for all.
enum Rule {
    One(fn(&Call<'_>, &mut Symbols<'_>) -> Option<Vec<Dim>>),
    Two(fn(&Call<'_>, &mut Symbols<'_>) -> Option<Vec<Dim>>),
    All(fn(&Call<'_>, &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>>),
}

use Rule::{All, One, Two};

/// The operations whose output has the extents of their first input.
const KEEP_EXTENTS: &str = "\
    Abs Acos Acosh Asin Asinh Atan Atanh Bernoulli BitwiseNot Cast CastLike Ceil Celu Clip Cos Cosh CumSum \
    DequantizeLinear Elu Erf Exp EyeLike Floor Gelu GroupNormalization HardSigmoid HardSwish Hardmax Identity \
    InstanceNormalization IsInf IsNaN LRN LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish \
    Neg Not PRelu QuantizeLinear RMSNormalization RandomNormalLike RandomUniformLike Reciprocal Relu \
    ReverseSequence RotaryEmbedding Round Scatter ScatterElements ScatterND Selu Shrink Sigmoid Sign \
    SimplifiedLayerNormalization Sin Sinh Softmax Softplus Softsign Sqrt Swish Tan Tanh TensorScatter \
    ThresholdedRelu Trilu";

/// Returns the extents of the outputs of a node, as far as they are known.
pub(super) fn shapes(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Vec<Option<Vec<Dim>>> {
    match rule(call.node) {
        Some(One(rule)) => vec![rule(call, symbols)],
        Some(Two(rule)) => vec![rule(call, symbols); call.outputs().min(2)],
        Some(All(rule)) => rule(call, symbols),
        None => Vec::new(),
    }
}

/// Returns whether there is a rule for the operation of a node.
pub(super) fn has_rule(node: &Node) -> bool {
    rule(node).is_some()
}

fn rule(node: &Node) -> Option<Rule> {
    let op = node.op();
    if node.has_standard_op() {
        element_by_element(op).or_else(|| computation(op)).or_else(|| movement(op))
    } else if node.domain() == "com.microsoft" {
        of_onnxruntime(op)
    } else {
        None
    }
}

fn element_by_element(op: &str) -> Option<Rule> {
    Some(match op {
        "Add" | "And" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "Div"
        | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Max" | "Mean"
        | "Min" | "Mod" | "Mul" | "Or" | "Pow" | "Sub" | "Sum" | "Where" | "Xor" => {
            One(broadcast::all)
        }
        "Dropout" => Two(broadcast::same),
        "BatchNormalization" => All(normalisations::batch),
        "LayerNormalization" => All(normalisations::layer),
        "DynamicQuantizeLinear" => All(normalisations::quantise),
        op if KEEP_EXTENTS.split_whitespace().any(|kept| kept == op) => One(broadcast::same),
        _ => return None,
    })
}

fn computation(op: &str) -> Option<Rule> {
    Some(match op {
        "Conv" | "ConvInteger" | "DeformConv" => One(windows::convolution),
        "QLinearConv" => One(windows::quantised_convolution),
        "ConvTranspose" => One(windows::transposed),
        "AveragePool" | "LpPool" | "MaxPool" => Two(windows::pool),
        "GlobalAveragePool" | "GlobalLpPool" | "GlobalMaxPool" => One(windows::global_pool),
        "MaxRoiPool" | "RoiAlign" => One(windows::regions),
        "MatMul" | "MatMulInteger" => One(products::matrices),
        "QLinearMatMul" => One(products::quantised),
        "Gemm" => One(products::affine),
        "Det" => One(products::determinant),
        "Attention" => One(products::attention),
        "Einsum" => One(einsum::einsum),
        "GRU" | "LSTM" | "RNN" => All(normalisations::recurrent),
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax"
        | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" => {
            One(reductions::reduce)
        }
        "ArgMax" | "ArgMin" => One(reductions::place_of_extreme),
        _ => return None,
    })
}

fn movement(op: &str) -> Option<Rule> {
    Some(match op {
        "Reshape" => One(layout::reshape),
        "Flatten" => One(layout::flatten),
        "Squeeze" => One(layout::squeeze),
        "Unsqueeze" => One(layout::unsqueeze),
        "Transpose" => One(layout::transpose),
        "DepthToSpace" | "SpaceToDepth" => One(layout::blocks),
        "Concat" => One(joins::concat),
        "Split" => All(joins::split),
        "Tile" => One(joins::tile),
        "Pad" => One(joins::pad),
        "Expand" => One(broadcast::expand),
        "Slice" => One(slices::slice),
        "Gather" => One(parts::gather),
        "GatherElements" => One(parts::gather_elements),
        "GatherND" => One(parts::gather_many),
        "TopK" => Two(parts::top),
        "OneHot" => One(parts::one_hot),
        "NonZero" => One(parts::non_zero),
        "Compress" | "Unique" => All(parts::some),
        "NonMaxSuppression" => One(parts::kept_boxes),
        "GridSample" => One(parts::sampled),
        "Resize" => One(resize::resize),
        "Upsample" => One(resize::upsample),
        "Shape" => One(generators::shape),
        "Size" => One(generators::size),
        "ConstantOfShape" => One(generators::filled),
        "Range" => One(generators::range),
        "RandomNormal" | "RandomUniform" => One(generators::random),
        "Multinomial" => One(generators::samples),
        _ => return None,
    })
}

/// The operations that onnxruntime adds.
fn of_onnxruntime(op: &str) -> Option<Rule> {
    Some(match op {
        "BiasAdd" | "BiasGelu" | "BiasSoftmax" | "DequantizeLinear" | "FastGelu" | "Gelu"
        | "GroupNorm" | "QLinearLeakyRelu" | "QLinearSigmoid" | "QLinearSoftmax"
        | "QuantizeLinear" | "QuickGelu" | "RotaryEmbedding" => One(broadcast::same),
        "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" => {
            All(normalisations::layer_of_sum)
        }
        "DynamicQuantizeLSTM" => All(normalisations::recurrent),
        "FusedConv" => One(windows::convolution),
        "FusedGemm" => One(products::affine),
        "FusedMatMul" => One(products::fused),
        "MatMulNBits" => One(products::packed),
        "QLinearAdd" | "QLinearMul" => One(broadcast::quantised),
        _ => return None,
    })
}
