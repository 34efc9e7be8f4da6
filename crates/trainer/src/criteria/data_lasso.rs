//! `data-lasso`: the neurons that together reproduce what the next layer receives.
//!
//! With the activations `h` of a group and its outgoing weights `W`, neuron `j` contributes
//! `A_j = h_j W[j, :]` to the next layer, over all images and outputs. A LASSO weighs the contributions:
//!
//! ```text
//! min_β ‖Σ_j β_j A_j − Σ_j A_j‖² + λ‖β‖₁
//! ```
//!
//! and λ falls until as many neurons have weight as a clip keeps. Of A only the Gram matrix
//! `G = (hᵀh) ∘ (W Wᵀ)` is needed, which the device computes; any square root of G is a LASSO of `m` rows
//! with the same solution.
//!
//! # References
//! He, Zhang, Sun, *Channel pruning for accelerating very deep neural networks* (ICCV 2017), equation 2.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::Tensor;
use cs_solver::{Lambda, Matrix, Operator, Problem, Solutions, SolverError};
use faer::{Mat, Side};
use rayclip_model::Value;
use rayclip_run_folder::config::SolverConfig;

use super::{Context, Criterion, Fed, GroupScores, GroupWeights, Scores, SolveInfo, solve};
use crate::device::read;
use crate::error::TrainerError;

/// The factor by which `λ/λ_max` falls in each step, and the maximum number of steps.
const STEP: f64 = 0.6;
const STEPS: i32 = 30;

/// Added to the diagonal of G, as a fraction of its mean: neurons that never fire leave it singular.
const RIDGE: f64 = 1e-6;

/// `|β_j| √G_jj`: the norm of the weighted contribution.
pub(super) struct DataLasso;

impl Criterion for DataLasso {
    fn score(
        &self,
        groups: &[GroupWeights],
        context: &Context<'_>,
    ) -> Result<Scores, TrainerError> {
        let grams = groups.iter().map(|weights| gram(weights, context));
        let grams = Tensor::cat(grams.collect::<Result<_, _>>()?, 0);
        let ([_, _, m], device) = (grams.dims(), grams.device());
        let grams = read(grams, "reading the Gram matrices")?;
        let roots = grams.chunks(m * m).map(|gram| Root::of(gram, m));
        let roots = roots.collect::<Result<Vec<Root>, _>>()?;
        let y: Vec<f64> = roots.iter().flat_map(|root| root.y.iter().copied()).collect();
        let operators = roots.iter().map(|root| Ok(Arc::new(root.matrix()?) as Arc<dyn Operator>));
        let operators = operators.collect::<Result<_, TrainerError>>()?;
        let problem = Problem::grouped(operators, &y, Lambda::Ratio(STEP))?.on(&device);
        // Groups of one width may keep different numbers; a longer path has the shorter ones.
        let count = groups.iter().map(|weights| context.kept[weights.index]).max().unwrap_or(m);
        let Selection { columns, seconds } = select(&problem, count, &context.config.solver)?;
        let scores = columns.into_iter().zip(&roots).map(|((x, solve), root)| {
            let values = x.iter().zip(&root.norms).map(|(x, norm)| x.abs() * norm).collect();
            GroupScores { values, solve: Some(solve), rays: None }
        });
        let scores: Vec<GroupScores> = scores.collect();
        let a_group = context.replicas.len();
        let groups = scores.chunks(a_group).map(<[_]>::to_vec).collect();
        Ok(Scores { groups, solve_seconds: Some(seconds) })
    }
}

/// Returns the Gram matrix of what every neuron contributes to the outputs of its readers, `[replica, m, m]`.
///
/// A reader multiplies rows h by a weight W. A row of W belongs to one neuron, or, of a convolution or of flattened
/// positions, several do. So `(hᵀh) ∘ (W Wᵀ)` has a block for every pair of these rows, and the blocks are added.
///
/// # Errors
/// The images cannot be read.
fn gram(weights: &GroupWeights, context: &Context<'_>) -> Result<Tensor<3>, TrainerError> {
    let Fed { network, calibration, .. } = context.fed()?;
    let group = &weights.group;
    let readings = group.readings.iter();
    let users =
        readings.flat_map(|reading| reading.users.iter().map(|user| (*user, reading.value)));
    // A reader that reads the neurons twice has all its rows in one Gram matrix.
    let users: BTreeMap<usize, Value> = users.collect();
    let of_user = |(user, value): (usize, Value)| {
        let rows = calibration.mean(|batch| {
            let value = network.values(batch.images, &[value]).swap_remove(0);
            let rows = network.graph().rows_read(user, value);
            rows.clone().swap_dims(1, 2).matmul(rows)
        })?;
        let name = network.graph().weight_of(user);
        let Some(weight) = network.parameters().get(&name).cloned() else { return Ok(None) };
        let products = rows * weight.clone().matmul(weight.swap_dims(1, 2));
        let ties = group.uses.iter().filter(|tie| tie.parameter == name);
        let starts: Vec<usize> = ties.flat_map(|tie| tie.span.starts()).collect();
        let pairs = starts.iter().flat_map(|a| starts.iter().map(move |b| (*a, *b)));
        let block = |(a, b)| products.clone().narrow(1, a, group.width).narrow(2, b, group.width);
        Ok(pairs.map(block).reduce(|a, b| a + b))
    };
    let parts = users.into_iter().map(of_user).collect::<Result<Vec<_>, TrainerError>>()?;
    // Neurons that nothing reads contribute nothing.
    Ok(parts.into_iter().flatten().reduce(|a, b| a + b).unwrap_or_else(|| {
        let replicas = network.replicas();
        Tensor::zeros([replicas, group.width, group.width], &network.device())
    }))
}

/// A square root of a Gram matrix, as a LASSO.
struct Root {
    /// `Lᵀ` with `L Lᵀ = G`, column after column of L: `[m, m]` by rows.
    rows: Vec<f64>,
    /// The contribution of all neurons together, `Lᵀ 1`.
    y: Vec<f64>,
    /// `√G_jj`; NaN if an entry of G is not finite.
    norms: Vec<f64>,
}

impl Root {
    /// # Errors
    /// The Gram matrix is not positive definite, however large the ridge.
    fn of(gram: &[f64], m: usize) -> Result<Self, SolverError> {
        if gram.iter().any(|entry| !entry.is_finite()) {
            let rows = (0..m * m).map(|at| f64::from(u8::from(at / m == at % m))).collect();
            return Ok(Self { rows, y: vec![1.0; m], norms: vec![f64::NAN; m] });
        }
        let mean = (0..m).map(|j| gram[j * m + j]).sum::<f64>() / m as f64;
        let ridge = if mean > 0.0 { RIDGE * mean } else { 1.0 };
        let entry = |i: usize, j: usize| gram[i * m + j] + if i == j { ridge } else { 0.0 };
        let norms = (0..m).map(|j| entry(j, j).sqrt()).collect();
        // Rounding in f32 may leave G short of positive definite. Then the ridge grows.
        let ridges = (0..).map(|power| 10_f64.powi(power) * ridge).take_while(|r| r.is_finite());
        let mut factors = ridges.filter_map(|more| {
            let extra = more - ridge;
            let shifted = Mat::from_fn(m, m, |i, j| entry(i, j) + if i == j { extra } else { 0.0 });
            shifted.llt(Side::Lower).ok()
        });
        let factor = factors.next().ok_or_else(|| {
            SolverError::Factorisation("no ridge makes the Gram matrix positive definite".into())
        })?;
        let lower = factor.L();
        let rows: Vec<f64> = (0..m * m)
            .map(|at| if at / m <= at % m { lower[(at % m, at / m)] } else { 0.0 })
            .collect();
        let y = rows.chunks(m).map(|row| row.iter().sum()).collect();
        Ok(Self { rows, y, norms })
    }

    fn matrix(&self) -> Result<Matrix, TrainerError> {
        let m = self.y.len();
        Ok(Matrix::from_rows(m, m, self.rows.clone())?)
    }
}

/// The solutions of a path of λ.
struct Selection {
    /// For every column, the weights at the largest λ of the path that gives enough neurons a weight, and how the
    /// solver did on the path up to there.
    columns: Vec<(Vec<f64>, SolveInfo)>,
    /// Seconds spent in the solver.
    seconds: f64,
}

/// Lowers λ until `count` neurons of every column have weight.
///
/// # Errors
/// The problem is refused, or the device fails.
fn select(
    problem: &Problem,
    count: usize,
    solver: &SolverConfig,
) -> Result<Selection, TrainerError> {
    let settings = solve::settings(solver);
    let columns = problem.lambdas().len();
    let mut chosen: Vec<Option<Vec<f64>>> = vec![None; columns];
    let mut solves: Vec<Option<SolveInfo>> = vec![None; columns];
    let mut last: Option<Solutions> = None;
    let mut seconds = 0.0;
    for step in 1..=STEPS {
        let problem = problem.with_lambda(Lambda::Ratio(STEP.powi(step)))?;
        let solutions = match &last {
            Some(last) => problem.solve_from(&settings, last)?,
            None => problem.solve(&settings)?,
        };
        seconds += solutions.seconds();
        for (index, column) in solutions.columns().iter().enumerate() {
            if chosen[index].is_some() {
                continue;
            }
            let solve = SolveInfo::of(solutions.algorithm(), std::slice::from_ref(column));
            solves[index] = Some(solve.worse_of(solves[index].take()));
            if column.support_size() >= count || step == STEPS {
                chosen[index] = Some(column.x().to_vec());
            }
        }
        last = Some(solutions);
        if chosen.iter().all(Option::is_some) {
            break;
        }
    }
    let columns = chosen.into_iter().flatten().zip(solves.into_iter().flatten()).collect();
    Ok(Selection { columns, seconds })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rayclip_data::Split;
    use rayclip_model::{Graph, Op, Population, Shape, Slide};
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;
    use crate::data::{Calibration, DeviceImages, PixelScale};
    use crate::streams::{Purpose, stream};

    #[test]
    fn the_gram_matrix_is_that_of_the_contributions_to_every_reader() {
        let settings = ["compression.calibration_batches=1", "training.batch_size=7"];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let device = Device::flex();
        // Three channels, which a convolution with several taps reads, and a layer of all positions.
        let mut graph = Graph::new(Shape { height: 3, width: 2, channels: 1 });
        let slide = Slide::of(2);
        let made = graph.append("made", Op::Conv2d { outputs: 3, slide: Slide::of(1), bias: true });
        let conv = graph.append("conv", Op::Conv2d { outputs: 2, slide, bias: false });
        let flat = graph.append_to("flat", Op::Flatten, &[made]);
        let layer = graph.append_to("layer", Op::Linear { outputs: 4, bias: false }, &[flat]);
        let mean = graph.append_to("mean", Op::GlobalAveragePool, &[conv]);
        graph.append_to("all", Op::Concat, &[mean, layer]);
        let weights = |replica: usize, layer| stream(replica as u64, Purpose::Weights, [layer, 0]);
        let network = Population::init(&graph, 2, &device, weights).unwrap();
        let images: Vec<u8> = (0..42).map(|at| (at * 89 % 251) as u8).collect();
        let split = Split { images: images.into(), labels: vec![0; 7] };
        let scale = &PixelScale::all(0.3, 0.2);
        let images = DeviceImages::upload(split, graph.input, scale, &device);
        let replicas = config.all_replicas();
        let replicas = [replicas[0], replicas[0]];
        let calibration = Calibration::draw(&images, &replicas, 0, &config);
        let context = Context {
            config: &config,
            replicas: &replicas,
            cycle: 0,
            kept: &[2],
            fed: Some(Fed { network: &network, start: None, calibration: &calibration }),
        };
        let group = &GroupWeights::all(&network)[0];
        assert_eq!((group.group.name.as_str(), group.group.uses.len()), ("made", 2));
        let found = gram(group, &context).unwrap().into_data().try_to_vec::<f32>().unwrap();
        // What a channel contributes: the results of both readers with this channel alone.
        let alone = |channel: usize| -> Vec<Vec<f32>> {
            let mut results = vec![];
            // There is one batch, so this mean is the batch itself.
            let batch = calibration.mean(|batch| batch.images).unwrap();
            let masked = network.clone().try_update(|name, parameter| {
                let columns: Vec<f32> = (0..3).map(|c| f32::from(u8::from(c == channel))).collect();
                let mask = Tensor::<1>::from_floats(columns.as_slice(), &device);
                Ok::<_, ()>(if name.starts_with("made") {
                    parameter * mask.reshape([1, 1, 3])
                } else {
                    parameter
                })
            });
            for value in [conv, layer] {
                let values = masked.as_ref().unwrap().values(batch.clone(), &[value]);
                let [_, rows, columns] = values[0].dims();
                let all: Vec<f32> = values[0].clone().into_data().try_to_vec().unwrap();
                results.push((all, rows * columns));
            }
            (0..2)
                .map(|replica| {
                    let of = |(all, size): &(Vec<f32>, usize)| {
                        all[replica * size..(replica + 1) * size].to_vec()
                    };
                    results.iter().flat_map(of).collect()
                })
                .collect()
        };
        let contributions: Vec<Vec<Vec<f32>>> = (0..3).map(alone).collect();
        for replica in 0..2 {
            for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
                let products = contributions[a][replica].iter().zip(&contributions[b][replica]);
                let expected: f32 = products.map(|(a, b)| a * b).sum();
                let found = found[(replica * 3 + a) * 3 + b];
                assert!(
                    (found - expected).abs() < 1e-3 * (1.0 + expected.abs()),
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_ridge_grows_until_the_matrix_is_definite_or_there_is_none() {
        let root = Root::of(&[1.0, 1.5, 1.5, 1.0], 2).unwrap();
        assert!(root.rows.iter().all(|entry| entry.is_finite()));
        // The product of the off-diagonal entries overflows.
        let refused = Root::of(&[1.0, f64::MAX, f64::MAX, 1.0], 2).map(|root| root.rows);
        assert!(matches!(refused, Err(SolverError::Factorisation(_))), "{refused:?}");
    }
}
