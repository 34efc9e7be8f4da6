//! End-to-end tests of rayclip: the command line as a user has it, and golden data.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not there")]
#![expect(clippy::print_stdout, reason = "the golden figures are printed for whoever asks")]
#![expect(clippy::explicit_write, reason = "the harness captures eprintln, and skips must be seen")]

mod bad_input;
mod bench;
mod browser;
mod compare;
mod compress;
mod convolutional;
mod devices;
mod docs;
mod end_to_end;
mod eval;
mod eval_input;
mod export;
mod faults;
mod finished;
mod golden_entropy;
mod golden_rays;
mod golden_supplement;
mod hostile;
mod image_folders;
mod known_networks;
mod learning;
mod links;
mod networks;
mod onnx;
mod pick;
mod plain_network;
mod python;
mod reliability;
mod report;
mod report_gaps;
mod resume;
mod solve;
mod solver;
mod support;
mod sweep;
mod tabular;
mod terminal;
mod torch_pruning;
mod trace;
mod watch;
