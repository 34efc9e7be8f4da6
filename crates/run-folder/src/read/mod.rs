//! Reads the files of a run within limits. If a file is not what a run writes, the reader gives the reason.
//!
//! Nothing in a folder is trusted. A reader limits the size of a file before it allocates memory for it, limits
//! numbers before anything loops over them, and replaces control characters before text is shown.

mod config;
mod gap;
mod groups;
mod kept;
mod latency;
mod possible;
mod predictions;
mod progress;
mod rays;
mod rows;
mod rungs;
mod summary;
mod timings;
mod verified;
mod version_0_1;
mod whole_rows;

pub use config::{ConfigFile, config};
pub use gap::Gap;
pub use groups::Groups;
pub use kept::kept;
pub use latency::latency;
pub use possible::drop_impossible;
pub use predictions::{labels, predictions};
pub use progress::progress;
pub use rays::{Measured, rays, tensor_vector};
pub use rows::{Cycles, cycles};
pub use rungs::{Rung, described, joined, network_widths, neurons, rungs, shortened};
pub use summary::summary;
pub use timings::timings;
pub use verified::{Verified, stored};
pub use version_0_1::{complete_rows, complete_summary};
pub use whole_rows::{WholeRows, whole_rows};
