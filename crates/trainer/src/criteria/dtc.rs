//! `dtc`: the sum of the two weight rays.

use cs_solver::dct;

use super::{Context, Criterion, LayerWeights, Scores};
use crate::TrainerError;
use crate::config::{Domain, Reduction};
use crate::rays;

/// `|r|` with `r = w_r(prev) + w_r(next)`, or `|Ψ r|` in the neuron domain.
pub(super) struct Dtc {
    /// What is ranked; `None` stands for what the configuration says.
    pub(super) domain: Option<Domain>,
    /// What is measured of a neuron's weights, likewise.
    pub(super) reduction: Option<Reduction>,
}

impl Criterion for Dtc {
    fn score(
        &self,
        layers: &[LayerWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let compression = &context.config.compression;
        let reduction = self.reduction.unwrap_or(compression.reduction);
        let domain = self.domain.unwrap_or(compression.domain);
        let rays = rays::ray_sums(layers, reduction, context)?;
        let mut scores = rays.sums;
        for sum in &mut scores {
            // Paper: entry j of a ray is a coefficient of frequency j, though the supplement takes
            // it for neuron j; Ψ leads back to the neurons.
            if domain == Domain::Neuron {
                let m = sum.len();
                dct::transform_rows(sum, m)?;
            }
            for value in sum {
                *value = value.abs();
            }
        }
        let a_layer = context.replicas.len();
        Ok(Scores {
            layers: scores.chunks(a_layer).map(<[_]>::to_vec).collect(),
            solves: rays.solves.chunks(a_layer).map(<[_]>::to_vec).collect(),
            solve_seconds: Some(rays.solve_seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use rand::RngExt;
    use rayclip_data::Split;
    use rayclip_model::Mlp;

    use super::*;
    use crate::calibration::Calibration;
    use crate::images::{DeviceImages, PixelScale};
    use crate::presets::{Layers, Setting, resolve};
    use crate::streams::{Purpose, stream};

    fn layer(number: usize, replicas: usize, device: &Device) -> LayerWeights {
        let mut rng = stream(number as u64, Purpose::Weights, [0, 0]);
        let mut draw = |extents: [usize; 3]| {
            let values: Vec<f32> =
                (0..extents.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
            Tensor::from_data(TensorData::new(values, extents), device)
        };
        LayerWeights {
            layer: number,
            incoming: draw([replicas, 30, 24]),
            outgoing: draw([replicas, 24, 7]),
        }
    }

    fn scores(settings: &[&str], device: &Device) -> Vec<Vec<Vec<f64>>> {
        let layers = |count| [0, 1].map(|number| layer(number, count, device));
        scored(settings, device, layers).layers
    }

    fn scored(
        settings: &[&str],
        device: &Device,
        layers: impl Fn(usize) -> [LayerWeights; 2],
    ) -> Scores {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let replicas = config.all_replicas();
        let split = Split { images: vec![0], labels: vec![0] };
        let scale = PixelScale { mean: 0.0, deviation: 1.0 };
        let images = DeviceImages::upload(split, 1, scale, device);
        let network = Mlp { layers: vec![] };
        let calibration = Calibration::draw(&images, network, &replicas, 3, &config);
        let context =
            Context { config: &config, replicas: &replicas, cycle: 3, calibration: &calibration };
        let layers = layers(replicas.len());
        Dtc { domain: None, reduction: None }.score(&layers, &context).unwrap()
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
            [0, 1].map(|number| {
                let layer = layer(number, count, &device);
                LayerWeights { outgoing: layer.outgoing.zeros_like(), ..layer }
            })
        };
        let solve = &scored(&[], &device, silent).solves[0][0];
        let rays = solve.rays.as_ref().unwrap();
        assert_eq!((rays.y[0].len(), rays.x[0].len()), (2, 24));
        assert!(rays.y[0].iter().all(|y| *y != 0.0) && rays.y[1].iter().all(|y| *y == 0.0));
        assert!(rays.x[1].iter().all(|x| *x == 0.0));
    }

    #[test]
    fn a_ray_has_no_more_entries_than_measurements() {
        let coefficients = scores(&["compression.domain=coefficient"], &Device::flex());
        // Two measurements of 24 neurons, two rays.
        assert!(coefficients[0][0].iter().filter(|score| **score != 0.0).count() <= 4);
    }
}
