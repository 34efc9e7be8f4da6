//! Merges the clipped neurons of a group into the kept ones.
//!
//! If the activation of a clipped neuron `c` is about `s` times that of a kept neuron `k`, then whatever reads both
//! receives about the same without `c`, when `s` times the weights that leave `c` are added to those that leave `k`.
//! For each `c`, `k` is the kept neuron whose activations are the most similar to those of `c` (by their cosine) on
//! training images, and `s` is the least-squares factor `⟨h_c, h_k⟩ / ⟨h_k, h_k⟩`.
//!
//! # References
//! Kim, Kim, Choi, Kang, *Neuron merging: compensating for pruned neurons* (`NeurIPS` 2020). There, similarity and factor
//! come from the weights that enter the neurons, which needs `ReLU` and a rule for each normalisation; from activations,
//! they are the same for every network.

use burn::tensor::{Tensor, TensorData};
use rayclip_model::{Group, Population};

use crate::criteria::GroupWeights;
use crate::data::Calibration;
use crate::device::read;
use crate::error::TrainerError;

/// Adds the weights that leave the clipped neurons of a group to those that leave the kept ones, `kept[replica]`. The
/// networks keep their widths: cut the group afterwards.
///
/// # Errors
/// The images cannot be read, or the device fails.
pub(crate) fn merge(
    network: Population,
    group: &Group,
    kept: &[Vec<usize>],
    calibration: &Calibration<'_>,
) -> Result<Population, TrainerError> {
    let m = group.width;
    let products = calibration.mean(|batch| {
        let readings = GroupWeights::readings(group, &network, batch.images).into_iter();
        let products = readings.map(|h| h.clone().swap_dims(1, 2).matmul(h));
        let none = || Tensor::zeros([kept.len(), m, m], &network.device());
        products.reduce(|a, b| a + b).unwrap_or_else(none)
    })?;
    let products = read(products, "merging neurons")?;
    let of_replica = |(products, kept): (&[f64], &Vec<usize>)| mixing(products, m, kept);
    let mixing: Vec<f32> = products.chunks(m * m).zip(kept).flat_map(of_replica).collect();
    let mixing = TensorData::new(mixing, [kept.len(), m, m]);
    let mixing = Tensor::<3>::from_data(mixing, &network.device());
    let merged = network.parameters().clone().map(|name, weight| {
        let ties = group.uses.iter().filter(|tie| tie.parameter == name);
        ties.flat_map(|tie| tie.span.starts()).fold(weight, |weight, start| {
            let [replicas, _, columns] = weight.dims();
            let rows = mixing.clone().matmul(weight.clone().narrow(1, start, m));
            weight.slice_assign([0..replicas, start..start + m, 0..columns], rows)
        })
    });
    Ok(network.with_parameters(merged))
}

/// Returns how the new rows of the weights that leave the neurons are made of the old ones, `[m, m]`, from the products
/// of the activations, `[m, m]`.
fn mixing(products: &[f64], m: usize, kept: &[usize]) -> Vec<f32> {
    let mut mixing = vec![0.0; m * m];
    for neuron in 0..m {
        mixing[neuron * m + neuron] = 1.0;
    }
    let product = |a: usize, b: usize| products[a * m + b];
    for clipped in (0..m).filter(|neuron| kept.binary_search(neuron).is_err()) {
        // A kept neuron that never fires is like no other.
        let firing = kept.iter().filter(|&&k| product(k, k) > 0.0);
        let cosine = |k: usize| product(clipped, k) / product(k, k).sqrt();
        let best = firing.max_by(|&&a, &&b| cosine(a).total_cmp(&cosine(b)));
        if let Some(&best) = best {
            mixing[best * m + clipped] = (product(clipped, best) / product(best, best)) as f32;
        }
    }
    mixing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clipped_neuron_goes_to_the_most_similar_kept_one() {
        // Activations on three images: h_0 = (1, 0, 2), h_1 = (0, 3, 0), h_2 = (2, 1, 4), h_3 = 0.
        let h = [[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [2.0, 1.0, 4.0], [0.0; 3]];
        let dot = |a: usize, b: usize| (0..3).map(|i| h[a][i] * h[b][i]).sum::<f64>();
        let products: Vec<f64> = (0..16).map(|at| dot(at / 4, at % 4)).collect();
        let mixing = mixing(&products, 4, &[0, 1, 3]);
        // Neuron 2 is 10/5 of neuron 0, the least-squares factor.
        assert_eq!(mixing[..4], [1.0, 0.0, 2.0, 0.0]);
        assert_eq!(mixing[4..8], [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(super::mixing(&[0.0; 4], 2, &[0])[1], 0.0);
    }
}
