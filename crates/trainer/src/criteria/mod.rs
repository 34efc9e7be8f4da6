//! What neurons are ranked by. One criterion a file, behind one trait.

mod dtc;
mod l2;
mod magnitude;
mod random;

use burn::tensor::Tensor;
use cs_solver::Status;

use crate::config::Method;
use crate::device::read;
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
    /// Seeds of the replicas.
    pub(crate) seeds: &'a [u64],
    pub(crate) cycle: usize,
}

/// How a reconstruction went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SolveInfo {
    pub(crate) algorithm: &'static str,
    /// Most iterations of any column.
    pub(crate) iterations: usize,
    /// Of the column that is worst off.
    pub(crate) status: Status,
}

/// Scores of layers of one width.
pub(crate) struct Scores {
    /// `[layer][replica][m]`, not negative.
    pub(crate) layers: Vec<Vec<Vec<f64>>>,
    /// Where a solver was used.
    pub(crate) solve: Option<SolveInfo>,
}

/// Ranks the neurons of hidden layers.
pub(crate) trait Criterion {
    /// Scores all neurons of `layers`, which have the same width.
    fn score(&self, layers: &[LayerWeights], context: &Context<'_>)
    -> Result<Scores, TrainerError>;
}

/// The criterion of a method.
pub(crate) fn criterion(method: Method) -> &'static dyn Criterion {
    match method {
        Method::Dtc => &dtc::Dtc,
        Method::Magnitude => &magnitude::Magnitude,
        Method::L2 => &l2::L2,
        Method::Random => &random::Random,
    }
}

/// Scores from a tensor `[replica, m]` a layer.
fn scores_of(
    layers: &[LayerWeights],
    score: impl Fn(&LayerWeights) -> Tensor<2>,
) -> Result<Scores, TrainerError> {
    let layers = layers
        .iter()
        .map(|layer| {
            let scores = score(layer);
            let [_, m] = scores.dims();
            let scores = read(scores, "reading the scores")?;
            Ok(scores.chunks(m).map(<[f64]>::to_vec).collect())
        })
        .collect::<Result<_, TrainerError>>()?;
    Ok(Scores { layers, solve: None })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::presets::{Layers, resolve};

    #[test]
    fn scores_follow_their_formulas() {
        let device = Device::flex();
        let layer = LayerWeights {
            layer: 0,
            incoming: Tensor::from_data([[[3.0, 1.0], [-4.0, 1.0]]], &device),
            outgoing: Tensor::from_data([[[1.0, 0.0, 1.0], [-2.0, -1.0, -2.0]]], &device),
        };
        let config = resolve(&Layers::default()).unwrap();
        let context = Context { config: &config, seeds: &[1], cycle: 0 };
        let of = |method| criterion(method).score(std::slice::from_ref(&layer), &context).unwrap();
        assert_eq!(of(Method::Magnitude).layers[0][0], [1.0, 3.0]);
        let l2 = &of(Method::L2).layers[0][0];
        assert!((l2[0] - 5.0 * 2_f64.sqrt()).abs() < 1e-5, "{l2:?}");
        assert!((l2[1] - 2_f64.sqrt() * 3.0).abs() < 1e-5, "{l2:?}");
        let random = &of(Method::Random).layers[0][0];
        assert!(random[0] != random[1]);
        assert_eq!(&of(Method::Random).layers[0][0], random);
    }
}
