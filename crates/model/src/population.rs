//! Networks of one graph that train together.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use crate::coupling::Group;
use crate::error::ModelError;
use crate::graph::Graph;
use crate::init::xavier_normal;
use crate::store::Store;

/// `R` independent networks of one graph.
#[derive(Debug, Clone)]
pub struct Population {
    pub(crate) graph: Arc<Graph>,
    /// All parameters of [`Graph::extents`], in its order, `[replica, rows, columns]`.
    pub(crate) parameters: Store,
    /// State that is not learnt, such as running counts. No operation has any yet.
    state: Store,
}

impl Population {
    /// Creates networks with Xavier-normal weights and zero biases. `generator(replica, layer)` is called once for
    /// every fully connected node (`layer` counts them) and every replica.
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
        let mut parameters = Store::default();
        for (layer, linear) in graph.linears().iter().enumerate() {
            let (inputs, outputs) = (linear.input.channels, linear.outputs);
            let draw = |replica| xavier_normal(inputs, outputs, &mut generator(replica, layer));
            let values: Vec<f32> = (0..replicas).flat_map(draw).collect();
            let values = TensorData::new(values, [replicas, inputs, outputs]);
            parameters.insert(linear.node.weight(), Tensor::from_data(values, device));
            if linear.bias {
                let bias = Tensor::zeros([replicas, 1, outputs], device);
                parameters.insert(linear.node.bias(), bias);
            }
        }
        Ok(Self { graph: Arc::new(graph.clone()), parameters, state: Store::default() })
    }

    /// Creates networks of a valid graph. `tensor` returns each parameter, for its name and extents.
    ///
    /// # Errors
    /// The first error of `tensor`.
    pub fn from_tensors<E>(
        graph: &Graph,
        replicas: usize,
        mut tensor: impl FnMut(&str, [usize; 3]) -> Result<Tensor<3>, E>,
    ) -> Result<Self, E> {
        let parameters = graph.extents().into_iter().map(|(name, [rows, columns])| {
            let tensor = tensor(&name, [replicas, rows, columns])?;
            Ok((name, tensor))
        });
        let parameters = parameters.collect::<Result<_, E>>()?;
        Ok(Self { graph: Arc::new(graph.clone()), parameters, state: Store::default() })
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

    /// Returns the state that is not learnt; no operation has any yet.
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

    /// Returns, for every replica, whether all its parameters are finite.
    ///
    /// # Errors
    /// The device fails.
    pub fn finite(&self) -> Result<Vec<bool>, ModelError> {
        let parameters = self.parameters.iter().map(|(_, parameter)| parameter.clone());
        let sums = parameters.map(|parameter| parameter.abs().sum_dim(2).sum_dim(1));
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

#[cfg(test)]
pub(crate) mod tests;
