//! The command line of rayclip, built for the tests of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    rayclip::main()
}
