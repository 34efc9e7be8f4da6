//! Replicated networks on Burn: a graph of operations, a store of matrices, and a coupling computed from the graph.
//!
//! - A [`Graph`] says what a network computes. It holds no tensor: it can be printed, compared, saved, and made
//!   narrower. The perceptron is [`Graph::perceptron`].
//! - A [`Store`] holds matrices by name, `[replica, rows, columns]`. Parameters, moments and gradients have the
//!   same names, so one code path cuts them all.
//! - A [`Group`] is a set of channels that must be clipped together, with everything that a clip of them cuts.
//!   [`Graph::groups`] computes the groups.
//!
//! A [`Population`] is a graph with the parameters of `R` independent networks. They train together as one batched
//! product. A single network is the case `R = 1`; there is no other path.
//!
//! # Shapes
//! An activation is `[replica, image, position, channel]`, stored as `[replica, image · position, channel]`: the
//! rows are the positions of the first image, then those of the second. A vector has one position.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use rayclip_model::{Graph, Population};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let graph = Graph::perceptron(4, &[8], 3, false);
//! let device = Device::flex();
//! let network = Population::init(&graph, 2, &device, |replica, layer| {
//!     let mut rng = ChaCha8Rng::seed_from_u64(replica as u64);
//!     rng.set_stream(layer as u64);
//!     rng
//! })?;
//! let logits = network.forward(Tensor::ones([2, 5, 4], &device)); // [replica, image, class]
//! assert_eq!(logits.dims(), [2, 5, 3]);
//!
//! // The second replica keeps other neurons than the first.
//! let hidden = &graph.free_groups()[0];
//! let smaller = network.cut(hidden, &[vec![0, 1, 5], vec![2, 3, 7]]);
//! assert_eq!(smaller.graph(), &Graph::perceptron(4, &[3], 3, false));
//! # Ok::<(), rayclip_model::ModelError>(())
//! ```

mod apply;
mod axes;
mod coupling;
mod description;
mod disk;
mod error;
mod export;
mod forward;
mod graph;
mod init;
mod layout;
mod networks;
mod population;
mod sizes;
mod store;
mod validate;
mod written;

#[cfg(test)]
mod properties;

pub use apply::dropout_factors;
pub use coupling::{Axis, Group, Reading, Reason, Span, Tie};
pub use description::Description;
pub use disk::{load, save};
pub use error::ModelError;
pub use export::{Exported, HostTensor, is_parameter};
pub use graph::{Activation, Graph, Node, Op, Shape, Slide, Value};
pub use networks::KnownNetwork;
pub use population::Population;
pub use sizes::{Macs, NodeSize};
pub use store::{Store, select, select_replicas};
