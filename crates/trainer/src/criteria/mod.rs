//! What neurons are ranked by. One criterion a file, behind one trait.

mod activation;
mod data_lasso;
mod dtc;
mod l1;
mod l2;
mod magnitude;
mod random;
mod taylor;

use burn::tensor::Tensor;
use cs_solver::{Algorithm, Solution, Status};

use crate::calibration::Calibration;
use crate::device::read;
use crate::method::Method;
use crate::rays::Rays;
use crate::replica::Replica;
use crate::{RunConfig, TrainerError};

/// The weights around one hidden layer, on the device.
pub(crate) struct LayerWeights {
    /// Number of the hidden layer, from the input on.
    pub(crate) layer: usize,
    /// Weights that feed it, `[replica, p, m]`.
    pub(crate) incoming: Tensor<3>,
    /// Weights that leave it, `[replica, m, q]`.
    pub(crate) outgoing: Tensor<3>,
}

/// What a criterion may use besides the weights.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a RunConfig,
    /// The replicas that the weights are of.
    pub(crate) replicas: &'a [Replica],
    pub(crate) cycle: usize,
    /// Their networks and training images, for criteria that look at activations.
    pub(crate) calibration: &'a Calibration<'a>,
}

/// How a reconstruction went.
#[derive(Debug, Clone)]
pub(crate) struct SolveInfo {
    pub(crate) algorithm: &'static str,
    /// Most iterations of any of the replica's columns.
    pub(crate) iterations: usize,
    /// Of the one that is worst off.
    pub(crate) status: Status,
    /// Floating-point operations of all columns, as the algorithm counts its own: products,
    /// factorisations, the polish and the certificates.
    pub(crate) flops: f64,
    /// What was measured and reconstructed, where that is a layer's weight sums.
    pub(crate) rays: Option<Rays>,
}

impl SolveInfo {
    /// How some columns of a batch went.
    pub(crate) fn of(algorithm: Algorithm, columns: &[Solution]) -> Self {
        Self {
            algorithm: algorithm.name(),
            iterations: columns.iter().map(Solution::iterations).max().unwrap_or(0),
            status: columns.iter().map(Solution::status).max().unwrap_or(Status::Converged),
            flops: columns.iter().map(Solution::flops).sum(),
            rays: None,
        }
    }

    /// This solve and an earlier one together.
    pub(crate) fn worse_of(self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        let iterations = self.iterations.max(earlier.iterations);
        let (status, flops) = (self.status.max(earlier.status), self.flops + earlier.flops);
        Self { iterations, status, flops, ..self }
    }
}

/// Scores of layers of one width.
pub(crate) struct Scores {
    /// `[layer][replica][m]`, not negative.
    pub(crate) layers: Vec<Vec<Vec<f64>>>,
    /// `[layer][replica]`, where a solver was used; else empty.
    pub(crate) solves: Vec<Vec<SolveInfo>>,
    /// Seconds of the solver, where one was used.
    pub(crate) solve_seconds: Option<f64>,
}

/// Ranks the neurons of hidden layers.
pub(crate) trait Criterion {
    /// Scores all neurons of `layers`, which have the same width.
    fn score(&self, layers: &[LayerWeights], context: &Context<'_>)
    -> Result<Scores, TrainerError>;
}

/// The criterion of a method; that of `scratch`, which ranks nothing, fails.
pub(crate) fn criterion(method: Method) -> Box<dyn Criterion> {
    match method {
        Method::Dtc(domain, reduction) => Box::new(dtc::Dtc { domain, reduction }),
        Method::Magnitude => Box::new(magnitude::Magnitude),
        Method::L1 => Box::new(l1::L1),
        Method::L2 => Box::new(l2::L2),
        Method::Random => Box::new(random::Random),
        Method::Taylor => Box::new(taylor::Taylor),
        Method::Activation => Box::new(activation::Activation),
        Method::DataLasso => Box::new(data_lasso::DataLasso),
        Method::Scratch => Box::new(Unranked),
    }
}

/// Fresh networks are trained, not clipped.
struct Unranked;

impl Criterion for Unranked {
    fn score(&self, _: &[LayerWeights], _: &Context<'_>) -> Result<Scores, TrainerError> {
        let reason = "scratch trains fresh networks and ranks no neurons".into();
        Err(TrainerError::Value { key: "compression.methods".into(), reason })
    }
}

/// Scores from a tensor `[replica, m]` a layer.
fn scores_of(
    layers: &[LayerWeights],
    score: impl Fn(&LayerWeights) -> Tensor<2>,
) -> Result<Scores, TrainerError> {
    try_scores_of(layers, |layer| Ok(score(layer)))
}

/// As [`scores_of`], where `score` may fail.
fn try_scores_of(
    layers: &[LayerWeights],
    score: impl Fn(&LayerWeights) -> Result<Tensor<2>, TrainerError>,
) -> Result<Scores, TrainerError> {
    let layers = layers
        .iter()
        .map(|layer| {
            let scores = score(layer)?;
            let [_, m] = scores.dims();
            let scores = read(scores, "reading the scores")?;
            Ok(scores.chunks(m).map(<[f64]>::to_vec).collect())
        })
        .collect::<Result<_, TrainerError>>()?;
    Ok(Scores { layers, solves: vec![], solve_seconds: None })
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::tensor::Device;
    use rayclip_data::Split;
    use rayclip_model::{Layer, Mlp};

    use super::*;
    use crate::images::{DeviceImages, PixelScale};
    use crate::presets::{Layers, Setting, resolve};

    fn scores(method: Method, weights: [Tensor<3>; 2], images: (&[u8], &[u8])) -> Vec<f64> {
        try_scores(method, weights, images).unwrap()
    }

    /// Scores of the hidden layer of `[images, 2] → incoming → relu → outgoing`, one replica.
    fn try_scores(
        method: Method,
        [incoming, outgoing]: [Tensor<3>; 2],
        images: (&[u8], &[u8]),
    ) -> Result<Vec<f64>, TrainerError> {
        let settings = ["compression.calibration_batches=1", "training.batch_size=4"];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let device = Device::flex();
        let split = Split { images: images.0.to_vec(), labels: images.1.to_vec() };
        let scale = PixelScale { mean: 0.0, deviation: 1.0 };
        let images = DeviceImages::upload(split, 2, scale, &device);
        let replicas = [Replica { number: 0, place: 0, method, seed: 1 }];
        let layers = [incoming.clone(), outgoing.clone()]
            .map(|weight| Layer { weight: Param::from_tensor(weight), bias: None });
        let network = Mlp { layers: layers.to_vec() };
        let calibration = Calibration::draw(&images, network, &replicas, 0, &config);
        let context =
            Context { config: &config, replicas: &replicas, cycle: 0, calibration: &calibration };
        let layer = LayerWeights { layer: 0, incoming, outgoing };
        Ok(criterion(method).score(&[layer], &context)?.layers.remove(0).remove(0))
    }

    fn weights<const D: usize>(rows: [[[f32; D]; 2]; 1]) -> Tensor<3> {
        Tensor::from_data(rows, &Device::flex())
    }

    fn close(got: &[f64], expected: &[f64]) {
        let near = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near && got.len() == expected.len(), "{got:?} {expected:?}");
    }

    #[test]
    fn scores_of_weights_follow_their_formulas() {
        let incoming = weights([[[3.0, 1.0], [-4.0, 1.0]]]);
        let outgoing = weights([[[1.0, 0.0, 1.0], [-2.0, -1.0, -2.0]]]);
        let of =
            |method| scores(method, [incoming.clone(), outgoing.clone()], (&[0, 0, 0, 0], &[0, 1]));
        close(&of(Method::Magnitude), &[1.0, 3.0]);
        close(&of(Method::L1), &[9.0, 7.0]);
        close(&of(Method::L2), &[5.0 * 2_f64.sqrt(), 2_f64.sqrt() * 3.0]);
        let random = of(Method::Random);
        assert!(random[0] != random[1]);
        assert_eq!(of(Method::Random), random);
    }

    #[test]
    fn scratch_ranks_nothing() {
        let layers = [weights([[[1.0, 0.0], [0.0, 1.0]]]), weights([[[2.0], [5.0]]])];
        let refused = try_scores(Method::Scratch, layers, (&[0; 4], &[0, 1])).unwrap_err();
        assert!(refused.to_string().contains("scratch"), "{refused}");
    }

    #[test]
    fn scores_of_activations_follow_their_formulas() {
        // Neuron 0 sees the first pixel, neuron 1 minus the second: it never fires.
        let incoming = weights([[[1.0, 0.0], [0.0, -1.0]]]);
        let outgoing = weights([[[2.0, 0.0], [5.0, 5.0]]]);
        let images: (&[u8], &[u8]) = (&[255, 255, 51, 255, 0, 255, 0, 0], &[0, 1, 0, 1]);
        let of = |method| scores(method, [incoming.clone(), outgoing.clone()], images);
        close(&of(Method::Activation), &[(1.0 + 0.2) / 4.0, 0.0]);
        // a ∂L/∂a of an image with logits (2a, 0): 2a (p₀ − t₀) / 4.
        let p = |a: f64| 1.0 / (1.0 + (-2.0 * a).exp());
        let taylor = (2.0 * (1.0 - p(1.0)) + 0.4 * p(0.2)) / 4.0;
        close(&of(Method::Taylor), &[taylor, 0.0]);
        let lasso = of(Method::DataLasso);
        assert!(lasso[0] > 0.0 && lasso[1].abs() < 1e-9, "{lasso:?}");
    }

    #[test]
    fn data_lasso_takes_the_neuron_that_contributes_most() {
        // Neurons that never fire together and leave for different outputs: G = diag(2 · 2², 2 · 5²),
        // β_j = max(0, 1 − λ / 2G_jj), and one of the two is kept: λ = 0.6 λ_max = 0.6 · 100.
        let incoming = weights([[[1.0, 0.0], [0.0, 1.0]]]);
        let outgoing = weights([[[2.0, 0.0], [0.0, 5.0]]]);
        let images: (&[u8], &[u8]) = (&[255, 0, 0, 255, 255, 0, 0, 255], &[0, 1, 0, 1]);
        let lasso = scores(Method::DataLasso, [incoming, outgoing], images);
        assert!(
            lasso[0].abs() < 1e-9 && (lasso[1] - 0.4 * 50_f64.sqrt()).abs() < 1e-2,
            "{lasso:?}"
        );
    }
}
