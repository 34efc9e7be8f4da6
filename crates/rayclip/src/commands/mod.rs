//! The commands, one file each.

pub(crate) mod bench;
mod cells;
pub(crate) mod clip;
pub(crate) mod compare;
pub(crate) mod compress;
mod configure;
pub(crate) mod devices;
pub(crate) mod eval;
pub(crate) mod export;
mod folders;
pub(crate) mod inspect;
mod network_file;
pub(crate) mod pick;
pub(crate) mod predict;
mod reads;
pub(crate) mod report;
pub(crate) mod reproduce;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod solve;
pub(crate) mod sweep;
mod train;
mod tune;
pub(crate) mod verify_resume;
pub(crate) mod watch;
