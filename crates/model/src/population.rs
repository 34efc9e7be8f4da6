//! Networks of one graph that train together.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use crate::coupling::Group;
use crate::error::ModelError;
use crate::graph::{Graph, Node, Op};
use crate::init::{he, normal, xavier};
use crate::sizes::{VARIANCE, WEIGHT};
use crate::store::Store;

/// `R` independent networks of one graph.
#[derive(Debug, Clone)]
pub struct Population {
    pub(crate) graph: Arc<Graph>,
    /// All parameters of [`Graph::extents`], in its order, `[replica, rows, columns]`.
    pub(crate) parameters: Store,
    /// State that is not learnt: all of [`Graph::state_extents`], in its order, `[replica, rows, columns]`.
    pub(crate) state: Store,
}

impl Population {
    /// Creates networks with normal weights: Xavier's for fully connected nodes, He's for convolutions. Biases are
    /// zero; a normalisation changes nothing at first. `generator(replica, layer)` is called once for every weight
    /// that is drawn (`layer` counts them) and every replica.
    ///
    /// # Errors
    /// The graph is not valid for so many replicas.
    pub fn init<G: Rng>(
        graph: &Graph,
        replicas: usize,
        device: &Device,
        mut generator: impl FnMut(usize, usize) -> G,
    ) -> Result<Self, ModelError> {
        graph.validate(replicas)?;
        let mut weights = Store::default();
        let mut layer = 0;
        for (name, extents, node) in graph.initialised() {
            let value = match Initial::of(node, &name, extents) {
                Initial::Constant(value) => {
                    Tensor::full([replicas, extents[0], extents[1]], value, device)
                }
                Initial::Normal(variance) => {
                    let draw = |replica| normal(extents, variance, &mut generator(replica, layer));
                    let values: Vec<f32> = (0..replicas).flat_map(draw).collect();
                    layer += 1;
                    let data = TensorData::new(values, [replicas, extents[0], extents[1]]);
                    Tensor::from_data(data, device)
                }
            };
            weights.insert(name, value);
        }
        Self::from_tensors(graph, replicas, |name, _| Ok(weights.of(name)))
    }

    /// Creates networks of a valid graph. `tensor` returns each parameter, and then each matrix of state, for its
    /// name and extents.
    ///
    /// # Errors
    /// The first error of `tensor`.
    pub fn from_tensors<E>(
        graph: &Graph,
        replicas: usize,
        mut tensor: impl FnMut(&str, [usize; 3]) -> Result<Tensor<3>, E>,
    ) -> Result<Self, E> {
        let mut store = |extents: Vec<(String, [usize; 2])>| {
            let all = extents.into_iter().map(|(name, [rows, columns])| {
                let tensor = tensor(&name, [replicas, rows, columns])?;
                Ok((name, tensor))
            });
            all.collect::<Result<Store, E>>()
        };
        let (parameters, state) = (store(graph.extents())?, store(graph.state_extents())?);
        Ok(Self { graph: Arc::new(graph.clone()), parameters, state })
    }

    /// Returns the graph of the networks.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Returns the number of networks.
    pub fn replicas(&self) -> usize {
        self.any().dims()[0]
    }

    /// Returns the device of the parameters.
    pub fn device(&self) -> Device {
        self.any().device()
    }

    #[expect(clippy::expect_used, reason = "Graph::validate refuses a graph without parameters")]
    fn any(&self) -> &Tensor<3> {
        self.parameters.iter().next().expect("a network has a parameter").1
    }

    /// Returns the parameters, in the order of [`Graph::extents`].
    pub fn parameters(&self) -> &Store {
        &self.parameters
    }

    /// Returns the state that is not learnt (running statistics), in the order of [`Graph::state_extents`].
    pub fn state(&self) -> &Store {
        &self.state
    }

    /// Returns the parameters and drops the rest.
    pub fn into_parameters(self) -> Store {
        self.parameters
    }

    /// Returns the same networks with other parameters.
    ///
    /// # Panics
    /// If the names differ from those of the graph, or have another order.
    #[must_use]
    pub fn with_parameters(self, parameters: Store) -> Self {
        let names = self.parameters.iter().map(|(name, _)| name);
        assert!(names.eq(parameters.iter().map(|(name, _)| name)), "the names are the graph's");
        Self { parameters, ..self }
    }

    /// Returns the same networks with other state.
    ///
    /// # Panics
    /// If the names differ from those of the graph, or have another order.
    #[must_use]
    pub fn with_state(self, state: Store) -> Self {
        let names = self.state.iter().map(|(name, _)| name);
        assert!(names.eq(state.iter().map(|(name, _)| name)), "the names are the graph's");
        Self { state, ..self }
    }

    /// Returns the same networks with every parameter replaced by the result of `step`, in order. A parameter is
    /// moved, so that an optimizer may work in its memory.
    ///
    /// # Errors
    /// The error of the first parameter whose step fails.
    pub fn try_update<E>(
        self,
        step: impl FnMut(&str, Tensor<3>) -> Result<Tensor<3>, E>,
    ) -> Result<Self, E> {
        Ok(Self { parameters: self.parameters.try_map(step)?, ..self })
    }

    /// Returns the same networks with every parameter as a leaf of a new autodiff graph.
    #[must_use]
    pub fn tracked(self) -> Self {
        let parameters = self.parameters.map(|_, value| value.autodiff().require_grad());
        Self { parameters, ..self }
    }

    /// Returns, for every replica, whether all its parameters and its state are finite.
    ///
    /// # Errors
    /// The device fails.
    pub fn finite(&self) -> Result<Vec<bool>, ModelError> {
        let all = self.parameters.iter().chain(self.state.iter());
        let sums = all
            .map(|(_, values)| values.clone())
            .map(|parameter| parameter.abs().sum_dim(2).sum_dim(1));
        let sums: Vec<f32> =
            Tensor::cat(sums.collect(), 2).sum_dim(2).try_into_vec_as().map_err(|error| {
                ModelError::Device { what: "the weights".into(), reason: error.to_string() }
            })?;
        Ok(sums.into_iter().map(f32::is_finite).collect())
    }

    /// Returns smaller networks that keep, in replica `r`, the channels `kept[r]` of a group, at least one.
    /// [`Store::cut`] cuts other stores, such as the moments of an optimizer, in the same way.
    ///
    /// # Panics
    /// If the group is fixed or belongs to another graph, there is no such channel or replica, or replicas keep
    /// different numbers of channels.
    #[must_use]
    pub fn cut(self, group: &Group, kept: &[Vec<usize>]) -> Self {
        assert!(group.fixed.is_none(), "the channels of {} are fixed", group.name);
        let width = kept.first().map_or(group.width, Vec::len);
        let graph = self.graph.resized([(group, width)].into_iter());
        let (parameters, state) = (self.parameters.cut(group, kept), self.state.cut(group, kept));
        Self { graph: Arc::new(graph), parameters, state }
    }

    /// Returns the networks of some replicas.
    ///
    /// # Panics
    /// If there is no such replica.
    #[must_use]
    pub fn keep_replicas(&self, replicas: &[usize]) -> Self {
        Self {
            graph: Arc::clone(&self.graph),
            parameters: self.parameters.keep_replicas(replicas),
            state: self.state.keep_replicas(replicas),
        }
    }

    /// Concatenates the replicas of populations with the same graph; `None` if there is no population.
    ///
    /// # Panics
    /// If the graphs differ.
    pub fn cat(populations: &[Self]) -> Option<Self> {
        let graph = &populations.first()?.graph;
        assert!(populations.iter().all(|other| other.graph == *graph), "all have the same graph");
        let parameters: Vec<&Store> = populations.iter().map(|one| &one.parameters).collect();
        let states: Vec<&Store> = populations.iter().map(|one| &one.state).collect();
        let (parameters, state) = (Store::cat(&parameters), Store::cat(&states));
        Some(Self { graph: Arc::clone(graph), parameters, state })
    }
}

/// How a matrix starts.
enum Initial {
    /// All entries are this number.
    Constant(f32),
    /// Entries are drawn from a normal distribution with this variance.
    Normal(f64),
}

impl Initial {
    fn of(node: &Node, name: &str, [inputs, outputs]: [usize; 2]) -> Self {
        let is_weight = name.ends_with(WEIGHT);
        match node.op {
            Op::Linear { .. } if is_weight => Self::Normal(xavier(inputs, outputs)),
            // The rows of a depthwise weight are the taps: what an output sees.
            Op::Conv2d { .. } | Op::DepthwiseConv2d { .. } if is_weight => Self::Normal(he(inputs)),
            Op::BatchNorm { .. } | Op::LayerNorm { .. } if is_weight => Self::Constant(1.0),
            Op::BatchNorm { .. } if name.ends_with(VARIANCE) => Self::Constant(1.0),
            _ => Self::Constant(0.0),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
