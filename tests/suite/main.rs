//! End-to-end tests of rayclip: the command line as a user has it, and golden data.

mod bad_input;
mod devices;
mod end_to_end;
mod golden_rays;
mod golden_supplement;
mod support;
