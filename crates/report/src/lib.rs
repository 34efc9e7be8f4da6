//! What a run showed, read from its folder; no device is needed.

mod error;
mod lowess;
mod run;
mod table;

pub use error::ReportError;
pub use lowess::lowess;
pub use run::{Clip, Run};
pub use table::closing_table;
