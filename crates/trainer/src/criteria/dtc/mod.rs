//! `dtc`: the sum of the two weight rays.

mod measurement;
mod rays;

use burn::tensor::Tensor;
use cs_solver::{SolverError, dct};
use rayclip_run_folder::config::{Domain, Measured, Reduction};
use tracing::info_span;

pub(crate) use rays::{Rays, total_weights};

use super::{Context, Criterion, Fed, GroupScores, GroupWeights, Scores};
use crate::error::TrainerError;

/// `|r|` with `r = w_r(prev) + w_r(next)`, or `|Ψ r|` in the neuron domain.
pub(super) struct Dtc {
    /// What is ranked; if `None`, the configuration decides.
    pub(super) domain: Option<Domain>,
    /// What is measured of a neuron's weights; if `None`, the configuration decides.
    pub(super) reduction: Option<Reduction>,
    /// What is measured; if `None`, the configuration decides.
    pub(super) of: Option<Measured>,
}

impl Criterion for Dtc {
    fn score(
        &self,
        groups: &[GroupWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let compression = &context.config.compression;
        let reduction = self.reduction.unwrap_or(compression.reduction);
        let domain = self.domain.unwrap_or(compression.domain);
        let of = self.of.unwrap_or(context.config.measurement.of);
        let totals = totals(groups, of, reduction, context)?;
        let rays = info_span!("rays").in_scope(|| rays::reconstruct(groups, totals, context))?;
        let solve_seconds = Some(rays.seconds());
        let mut all = rays.into_sums().map(|(sum, solve, rays)| {
            let values = score(sum, domain)?;
            Ok(GroupScores { values, solve: Some(solve), rays: Some(rays) })
        });
        let of_group = |_: &GroupWeights| {
            all.by_ref().take(context.replicas.len()).collect::<Result<_, SolverError>>()
        };
        let groups = groups.iter().map(of_group).collect::<Result<_, _>>()?;
        Ok(Scores { groups, solve_seconds })
    }
}

/// Computes the two numbers of every neuron that are measured, `[replica, 2, m]` for each group.
///
/// # Errors
/// The networks at the start or the images are missing, or the images cannot be read.
fn totals(
    groups: &[GroupWeights],
    of: Measured,
    reduction: Reduction,
    context: &Context<'_>,
) -> Result<Vec<Tensor<3>>, TrainerError> {
    match of {
        Measured::Weights => Ok(groups.iter().map(|g| total_weights(g, reduction)).collect()),
        Measured::Changes => {
            let start = context.fed()?.start;
            let start =
                start.ok_or_else(|| TrainerError::fault("the first weights are missing"))?;
            let start = GroupWeights::all(start);
            let change = |now: &GroupWeights| {
                let GroupWeights { incoming, outgoing, .. } = start[now.index].clone();
                let incoming = now.incoming.clone() - incoming;
                let outgoing = now.outgoing.clone() - outgoing;
                total_weights(&GroupWeights { incoming, outgoing, ..now.clone() }, reduction)
            };
            Ok(groups.iter().map(change).collect())
        }
        Measured::Activations => {
            let Fed { network, calibration, .. } = context.fed()?;
            let of_group = |group: &GroupWeights| {
                let mean = calibration.mean(|batch| {
                    let activations = group.activations(network, batch.images).into_iter();
                    group.sum(activations.map(|of_reading| of_reading.mean_dim(1)))
                })?;
                let outgoing = total_weights(group, reduction).narrow(1, 1, 1) * mean.clone();
                Ok(Tensor::cat(vec![mean, outgoing], 1))
            };
            groups.iter().map(of_group).collect()
        }
    }
}

/// Computes the scores from a ray sum.
fn score(mut sum: Vec<f64>, domain: Domain) -> Result<Vec<f64>, SolverError> {
    // Paper: entry j of a ray is the coefficient of frequency j, but the supplement ranks neuron j by it. Ψ maps
    // the coefficients back to neurons.
    if domain == Domain::Neuron {
        let m = sum.len();
        dct::transform_rows(&mut sum, m)?;
    }
    Ok(sum.into_iter().map(f64::abs).collect())
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use rand::RngExt;
    use rayclip_data::Split;
    use rayclip_model::{Graph, Population, Shape};
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;
    use crate::criteria::Fed;
    use crate::data::{Calibration, DeviceImages, PixelScale};
    use crate::streams::{Purpose, stream};

    /// Two groups of 24 neurons, with weights as in 30 → 24 → 24 → 7.
    fn groups(replicas: usize, device: &Device) -> [GroupWeights; 2] {
        let graph = Graph::perceptron(30, &[24, 24], 7, false);
        let of = graph.free_groups();
        [0, 1].map(|index| {
            let mut rng = stream(index as u64, Purpose::Weights, [0, 0]);
            let mut draw = |extents: [usize; 3]| {
                let values: Vec<f32> =
                    (0..extents.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
                Tensor::from_data(TensorData::new(values, extents), device)
            };
            let (incoming, outgoing) = (draw([replicas, 30, 24]), draw([replicas, 24, 7]));
            GroupWeights { index, group: of[index].clone(), incoming, outgoing }
        })
    }

    /// `[group][replica][neuron]`
    fn scores(settings: &[&str], device: &Device) -> Vec<Vec<Vec<f64>>> {
        let scores = scored(settings, device, |replicas| groups(replicas, device));
        let values = |of_group: Vec<GroupScores>| of_group.into_iter().map(|s| s.values).collect();
        scores.groups.into_iter().map(values).collect()
    }

    fn scored(
        settings: &[&str],
        device: &Device,
        groups: impl Fn(usize) -> [GroupWeights; 2],
    ) -> Scores {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let replicas = config.all_replicas();
        let split = Split { images: vec![0].into(), labels: vec![0] };
        let scale = &PixelScale::all(0.0, 1.0);
        let images = DeviceImages::upload(split, Shape::vector(1), scale, device);
        let calibration = Calibration::draw(&images, &replicas, 3, &config);
        let weights = |_, layer| stream(0, Purpose::Weights, [layer, 0]);
        let network = Population::init(&Graph::perceptron(1, &[], 1, false), 1, device, weights);
        let context = Context {
            kept: &[],
            config: &config,
            replicas: &replicas,
            cycle: 3,
            fed: Some(Fed { network: &network.unwrap(), start: None, calibration: &calibration }),
        };
        let groups = groups(replicas.len());
        Dtc { domain: None, reduction: None, of: None }.score(&groups, &context).unwrap()
    }

    #[expect(deprecated, reason = "Burn 0.23 drops the backend; until then it is one of ours")]
    #[test]
    fn the_device_ranks_like_the_exact_solution() {
        for device in [Device::flex(), Device::ndarray()] {
            let common = ["replicas=2", "measurement.ratio=0.5"];
            let exact = scores(&common, &device);
            let iterative = scores(&[&common[..], &["solver.algorithm=fista"]].concat(), &device);
            assert_eq!((exact.len(), exact[0].len(), exact[0][0].len()), (2, 2, 24));
            let flat = |scores: &[Vec<Vec<f64>>]| scores.concat().concat();
            for (a, b) in flat(&exact).iter().zip(flat(&iterative)) {
                assert!((a - b).abs() < 0.02, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_first_measurements_are_of_the_incoming_weights() {
        let device = Device::flex();
        let silent = |count| {
            groups(count, &device).map(|group| {
                let outgoing = group.outgoing.zeros_like();
                GroupWeights { outgoing, ..group }
            })
        };
        let scores = scored(&[], &device, silent);
        let rays = scores.groups[0][0].rays.as_ref().unwrap();
        assert_eq!((rays.y[0].len(), rays.x[0].len()), (2, 24));
        assert!(rays.y[0].iter().all(|y| *y != 0.0) && rays.y[1].iter().all(|y| *y == 0.0));
        assert!(rays.x[1].iter().all(|x| *x == 0.0));
    }

    #[test]
    fn changes_and_activations_are_measured_in_the_place_of_weights() {
        let device = Device::flex();
        let graph = Graph::perceptron(3, &[5], 2, false);
        let weights = |replica, layer| stream(replica as u64, Purpose::Weights, [layer, 0]);
        let network = Population::init(&graph, 1, &device, weights).unwrap();
        let start =
            network.clone().with_parameters(network.parameters().clone().map(|_, w| w * 0.25));
        let config = resolve(&Layers::default()).unwrap();
        let replicas = config.all_replicas();
        let split = Split { images: (0..60).collect::<Vec<u8>>().into(), labels: vec![0; 20] };
        let scale = &PixelScale::all(0.0, 1.0);
        let images = DeviceImages::upload(split, Shape::vector(3), scale, &device);
        let calibration = &Calibration::draw(&images, &replicas, 0, &config);
        let fed = Some(Fed { network: &network, start: Some(&start), calibration });
        let context = Context { config: &config, replicas: &replicas, cycle: 0, kept: &[2], fed };
        let groups = GroupWeights::all(&network);
        let numbers = |of| -> Vec<f32> {
            let totals = totals(&groups, of, Reduction::Signed, &context).unwrap().remove(0);
            totals.into_data().try_to_vec().unwrap()
        };
        let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
        let (weights, changes) = (numbers(Measured::Weights), numbers(Measured::Changes));
        assert!(weights.iter().zip(&changes).all(|(w, c)| near(0.75 * w, *c)), "{changes:?}");
        let activations = numbers(Measured::Activations);
        let means = crate::criteria::activation::Activation.score(&groups, &context).unwrap();
        for (neuron, mean) in means.groups[0][0].values.iter().map(|mean| *mean as f32).enumerate()
        {
            assert!(near(activations[neuron], mean));
            assert!(near(activations[5 + neuron], mean * weights[5 + neuron]));
        }
    }

    #[test]
    fn a_ray_has_no_more_entries_than_measurements() {
        let coefficients = scores(&["compression.domain=coefficient"], &Device::flex());
        // Two measurements of 24 neurons, two rays.
        assert!(coefficients[0][0].iter().filter(|score| **score != 0.0).count() <= 4);
    }
}
