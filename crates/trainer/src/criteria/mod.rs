//! The criteria that rank neurons. Each has its own file, and all implement one trait.

mod activation;
mod data_lasso;
mod dtc;
mod folding;
mod group;
mod l1;
mod l2;
mod magnitude;
mod random;
mod solve;
mod taylor;

use burn::tensor::Tensor;
use rayclip_model::Population;
use rayclip_run_folder::config::Method;
use rayclip_run_folder::{Replica, RunConfig};

pub(crate) use dtc::Rays;
pub(crate) use group::GroupWeights;
pub(crate) use solve::SolveInfo;

use crate::data::Calibration;
use crate::device::read;
use crate::error::TrainerError;

/// The input of a criterion besides the weights.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a RunConfig,
    /// The replicas that the weights belong to.
    pub(crate) replicas: &'a [Replica],
    pub(crate) cycle: usize,
    /// Channels that the clip keeps of every group.
    pub(crate) kept: &'a [usize],
    /// For criteria that need activations; `None` if the networks are clipped by their weights alone.
    pub(crate) fed: Option<Fed<'a>>,
}

/// The networks of the replicas, and the images for criteria that need activations.
#[derive(Clone, Copy)]
pub(crate) struct Fed<'a> {
    pub(crate) network: &'a Population,
    /// The same neurons with their weights at the start of the run, for criteria that need them.
    pub(crate) start: Option<&'a Population>,
    pub(crate) calibration: &'a Calibration<'a>,
}

impl<'a> Context<'a> {
    /// Returns the networks and the images.
    ///
    /// # Errors
    /// There are none.
    pub(crate) fn fed(&self) -> Result<Fed<'a>, TrainerError> {
        self.fed.ok_or_else(|| TrainerError::fault("the criterion needs images"))
    }
}

/// The scores of one group of one replica, with the data that they come from.
#[derive(Debug, Clone)]
pub(crate) struct GroupScores {
    /// One score per neuron, not negative.
    pub(crate) values: Vec<f64>,
    /// How the reconstruction went, if a solver was used.
    pub(crate) solve: Option<SolveInfo>,
    /// The measurements and the rays, if the criterion reconstructs the group's weight sums.
    pub(crate) rays: Option<Rays>,
}

impl From<Vec<f64>> for GroupScores {
    fn from(values: Vec<f64>) -> Self {
        Self { values, solve: None, rays: None }
    }
}

/// Scores of groups of the same width.
pub(crate) struct Scores {
    /// `[group][replica]`
    pub(crate) groups: Vec<Vec<GroupScores>>,
    /// Seconds spent in the solver, if one was used.
    pub(crate) solve_seconds: Option<f64>,
}

/// Ranks the neurons of groups.
pub(crate) trait Criterion {
    /// Scores all neurons of `groups`, which have the same width.
    ///
    /// # Errors
    /// The solver refuses a problem, or the device fails.
    fn score(&self, groups: &[GroupWeights], context: &Context<'_>)
    -> Result<Scores, TrainerError>;
}

/// Returns the criterion of a method. `scratch` has none: it trains fresh networks and ranks no neurons.
pub(crate) fn criterion(method: Method) -> Option<Box<dyn Criterion>> {
    Some(match method {
        Method::Dtc(domain, reduction, of) => Box::new(dtc::Dtc { domain, reduction, of }),
        Method::Magnitude => Box::new(magnitude::Magnitude),
        Method::L1 => Box::new(l1::L1),
        Method::L2 => Box::new(l2::L2),
        Method::Random => Box::new(random::Random),
        Method::Taylor => Box::new(taylor::Taylor),
        Method::Activation => Box::new(activation::Activation),
        Method::DataLasso => Box::new(data_lasso::DataLasso),
        Method::Folding => Box::new(folding::Folding),
        Method::Scratch | Method::ScratchDistilled => return None,
    })
}

/// Computes scores with a function that returns a tensor `[replica, m]` for each group.
fn scores_of(
    groups: &[GroupWeights],
    score: impl Fn(&GroupWeights) -> Tensor<2>,
) -> Result<Scores, TrainerError> {
    try_scores_of(groups, |group| Ok(score(group)))
}

/// Like [`scores_of`], for a `score` that can fail.
fn try_scores_of(
    groups: &[GroupWeights],
    score: impl Fn(&GroupWeights) -> Result<Tensor<2>, TrainerError>,
) -> Result<Scores, TrainerError> {
    let of_group = |group: &GroupWeights| {
        let scores = score(group)?;
        let [_, m] = scores.dims();
        let scores = read(scores, "reading the scores")?;
        Ok(scores.chunks(m).map(|of_replica| of_replica.to_vec().into()).collect())
    };
    let groups = groups.iter().map(of_group).collect::<Result<_, TrainerError>>()?;
    Ok(Scores { groups, solve_seconds: None })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rayclip_data::Split;
    use rayclip_model::{Graph, Shape};
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;
    use crate::data::{DeviceImages, PixelScale};

    /// Returns the scores of the hidden layer of `[images, 2] → incoming → relu → outgoing`, one replica.
    fn scores(method: Method, [incoming, outgoing]: [Tensor<3>; 2], images: &Split) -> Vec<f64> {
        let settings = ["compression.calibration_batches=1", "training.batch_size=4"];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let scale = &PixelScale::all(0.0, 1.0);
        let images = DeviceImages::upload(images.clone(), Shape::vector(2), scale, &Device::flex());
        let replicas = [Replica { number: 0, seed_index: 0, method, seed: 1 }];
        let [_, _, outputs] = outgoing.dims();
        let graph = Graph::perceptron(2, &[2], outputs, false);
        let tensor = |name: &str, _| {
            let tensor = if name == "layer_0.weight" { &incoming } else { &outgoing };
            Ok::<_, TrainerError>(tensor.clone())
        };
        let network = Population::from_tensors(&graph, 1, tensor).unwrap();
        let calibration = Calibration::draw(&images, &replicas, 0, &config);
        let context = Context {
            config: &config,
            replicas: &replicas,
            cycle: 0,
            kept: &[1],
            fed: Some(Fed { network: &network, start: None, calibration: &calibration }),
        };
        let groups = GroupWeights::all(&network);
        let scores = criterion(method).unwrap().score(&groups, &context).unwrap();
        scores.groups[0][0].values.clone()
    }

    fn weights<const D: usize>(rows: [[[f32; D]; 2]; 1]) -> Tensor<3> {
        Tensor::from_data(rows, &Device::flex())
    }

    fn split(images: &[u8], labels: &[u8]) -> Split {
        Split { images: images.to_vec().into(), labels: labels.to_vec() }
    }

    fn close(got: &[f64], expected: &[f64]) {
        let near = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near && got.len() == expected.len(), "{got:?} {expected:?}");
    }

    #[test]
    fn scores_of_weights_follow_their_formulas() {
        let incoming = weights([[[3.0, 1.0], [-4.0, 1.0]]]);
        let outgoing = weights([[[1.0, 0.0, 1.0], [-2.0, -1.0, -2.0]]]);
        let images = split(&[0, 0, 0, 0], &[0, 1]);
        let of = |method| scores(method, [incoming.clone(), outgoing.clone()], &images);
        close(&of(Method::Magnitude), &[1.0, 3.0]);
        close(&of(Method::L1), &[9.0, 7.0]);
        close(&of(Method::L2), &[5.0 * 2_f64.sqrt(), 2_f64.sqrt() * 3.0]);
        let random = of(Method::Random);
        assert!(random[0] != random[1]);
        assert_eq!(of(Method::Random), random);
    }

    #[test]
    fn scratch_ranks_nothing() {
        assert!(criterion(Method::Scratch).is_none());
        assert!(Method::all().all(|m| criterion(m).is_some() != m.is_from_scratch()));
    }

    #[test]
    fn scores_of_activations_follow_their_formulas() {
        // Neuron 0 sees the first pixel. Neuron 1 sees minus the second: it never fires.
        let incoming = weights([[[1.0, 0.0], [0.0, -1.0]]]);
        let outgoing = weights([[[2.0, 0.0], [5.0, 5.0]]]);
        let images = split(&[255, 255, 51, 255, 0, 255, 0, 0], &[0, 1, 0, 1]);
        let of = |method| scores(method, [incoming.clone(), outgoing.clone()], &images);
        close(&of(Method::Activation), &[(1.0 + 0.2) / 4.0, 0.0]);
        // a ∂L/∂a of an image with logits (2a, 0) is 2a (p₀ − t₀) / 4.
        let p = |a: f64| 1.0 / (1.0 + (-2.0 * a).exp());
        let taylor = (2.0 * (1.0 - p(1.0)) + 0.4 * p(0.2)) / 4.0;
        close(&of(Method::Taylor), &[taylor, 0.0]);
        let lasso = of(Method::DataLasso);
        assert!(lasso[0] > 0.0 && lasso[1].abs() < 1e-9, "{lasso:?}");
    }

    #[test]
    fn data_lasso_takes_the_neuron_that_contributes_most() {
        // The neurons never fire together and have different outputs: G = diag(2 · 2², 2 · 5²), β_j = max(0, 1 − λ
        // / 2G_jj). One of the two is kept: λ = 0.6 λ_max = 0.6 · 100.
        let incoming = weights([[[1.0, 0.0], [0.0, 1.0]]]);
        let outgoing = weights([[[2.0, 0.0], [0.0, 5.0]]]);
        let images = split(&[255, 0, 0, 255, 255, 0, 0, 255], &[0, 1, 0, 1]);
        let lasso = scores(Method::DataLasso, [incoming, outgoing], &images);
        assert!(
            lasso[0].abs() < 1e-9 && (lasso[1] - 0.4 * 50_f64.sqrt()).abs() < 1e-2,
            "{lasso:?}"
        );
    }
}
