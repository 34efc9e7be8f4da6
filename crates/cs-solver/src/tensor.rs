//! Steps that both iterations use, on batches `[group, column, length]`.

use burn::tensor::Tensor;

/// Returns `v · factor` for every vector of a batch.
///
/// # Shapes
/// `v`: `[group, column, k]`, `factor`: `[group, k, l]`, result: `[group, column, l]`.
pub(crate) fn row_product(v: Tensor<3>, factor: Tensor<3>) -> Tensor<3> {
    v.matmul(factor)
}

/// Returns `sign(v) · max(|v| − threshold, 0)`.
pub(crate) fn soft_threshold(v: Tensor<3>, threshold: Tensor<3>) -> Tensor<3> {
    (v.clone().abs() - threshold).clamp_min(0.0) * v.sign()
}

/// Returns `Σ a b` of every vector, `[group, column, 1]`.
pub(crate) fn sum_of_products(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    (a * b).sum_dim(2)
}

/// Returns the largest absolute value of every vector, `[group, column, 1]`.
pub(crate) fn max_abs(v: Tensor<3>) -> Tensor<3> {
    v.abs().max_dim(2)
}

/// Returns the relative gap, `[group, column, 1]`, and the factor that makes a dual point q the best feasible one.
///
/// `largest` is `‖Aᵀq‖∞`, `product` is `qᵀy` and `square` is `‖q‖²`, as in
/// [`certify`](crate::certificate::certify).
pub(crate) fn relative_gap(
    primal: &Tensor<3>,
    lambda: &Tensor<3>,
    largest: &Tensor<3>,
    product: Tensor<3>,
    square: Tensor<3>,
) -> (Tensor<3>, Tensor<3>) {
    let tiny = f32::MIN_POSITIVE;
    let bound = lambda.clone() / largest.clone().clamp_min(tiny);
    let best = product.clone().mul_scalar(2.0) / square.clone().clamp_min(tiny);
    let scale = best.min_pair(bound).clamp_min(0.0);
    let dual = scale.clone() * product - scale.clone().square() * square.mul_scalar(0.25);
    let gap = (primal.clone() - dual) / primal.clone().clamp_min(tiny);
    (gap, scale)
}
