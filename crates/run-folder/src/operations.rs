//! Counts floating-point operations: those of the matrix products of a network.

/// Returns the floating-point operations to train on an image. A multiply-accumulate takes two operations in each
/// of three products: the forward product, the gradient of the weights, and the gradient of the input. Products
/// that read the images need no gradient of their input.
///
/// `macs` are the multiply-accumulates to classify an image. `first` are those of the products that read the
/// images.
pub fn training_flops(macs: usize, first: usize) -> f64 {
    // `first` is at most `macs`, and u128 holds six times a u64.
    (6 * macs as u128 - 2 * first as u128) as f64
}

/// Returns the floating-point operations to classify an image. `macs` are its multiply-accumulates.
pub fn forward_flops(macs: usize) -> f64 {
    (2 * macs as u128) as f64
}

/// Returns the bytes of `parameters` parameters, as f32; `None` if there are too many to count.
pub fn bytes(parameters: usize) -> Option<usize> {
    parameters.checked_mul(size_of::<f32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_the_products() {
        // 10 → 100 → 2, then 10 → 7 → 3 → 2.
        assert_eq!(training_flops(1000 + 200, 1000), f64::from(4 * 1000 + 6 * 200));
        assert_eq!(training_flops(70 + 21 + 6, 70), f64::from(4 * 70 + 6 * 21 + 6 * 6));
        assert_eq!(forward_flops(1000 + 200), 2400.0);
        // 1 and 2 outputs, 2⁶³ − 1 inputs.
        let inputs = usize::MAX / 2;
        assert_eq!(training_flops(inputs + 2, inputs), 2_f64.powi(65));
    }
}
