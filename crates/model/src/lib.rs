//! Replicated multilayer perceptrons on Burn, and their surgery.
//!
//! Every tensor of a network carries a leading replica axis: `R` independent networks of one shape
//! train at once as one batched product. One network is the case `R = 1`; there is no other path.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use rayclip_model::{Mlp, MlpShape};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let shape = MlpShape { replicas: 2, inputs: 4, hidden: vec![8], outputs: 3, bias: false };
//! let device = Device::flex();
//! let network = Mlp::init(&shape, &device, |replica, layer| {
//!     let mut rng = ChaCha8Rng::seed_from_u64(replica as u64);
//!     rng.set_stream(layer as u64);
//!     rng
//! })?;
//! let logits = network.forward(Tensor::ones([2, 5, 4], &device)); // [replica, image, class]
//! assert_eq!(logits.dims(), [2, 5, 3]);
//! # Ok::<(), rayclip_model::ModelError>(())
//! ```

mod disk;
mod error;
mod export;
mod init;
mod mlp;
mod named;
mod shape;
mod surgery;

pub use disk::{Description, load, save};
pub use error::ModelError;
pub use export::Exported;
pub use mlp::{Layer, Mlp};
pub use shape::MlpShape;
pub use surgery::{select, select_replicas};
