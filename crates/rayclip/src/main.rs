//! The command line of rayclip.

use std::process::ExitCode;

fn main() -> ExitCode {
    rayclip::main()
}
