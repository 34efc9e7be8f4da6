//! The command line of rayclip.
//!
//! Results go to stdout, everything else to stderr. Exit codes:
//!
//! - 0: done.
//! - 1: done, but a tolerance was missed, a replica diverged (or all did), a compared run is not finished, a
//!   report has gaps, a file of a finished run is damaged, no network meets the conditions of `pick`, no smaller
//!   network of `compress` kept the accuracy, or an exported network has other scores than the original.
//! - 2: it could not be done; the message has the chain of causes.
//! - 130: ended by Ctrl-C; the run folder is valid.

mod args;
mod arrays;
mod commands;
mod device;
mod files;
mod interrupt;
mod live;
mod output;
mod pace;
mod panic;
mod progress;
#[cfg(unix)]
mod signals;
mod subscriber;
mod tables;

use std::panic::catch_unwind;
use std::process::ExitCode;

use rayclip_trainer::TrainerError;

use args::Command;
use subscriber::Trace;

/// Training allocates and frees the same large buffers in every step. The system's allocator would return
/// them to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sets a variable that some containers lack. Without it, a graphics library prints an error when adapters are
/// listed, although nothing is wrong.
fn quiet_graphics_libraries() {
    const RUNTIME_FOLDER: &str = "XDG_RUNTIME_DIR";
    if cfg!(target_os = "linux") && std::env::var_os(RUNTIME_FOLDER).is_none() {
        #[expect(unsafe_code, reason = "there is no other way to set a variable of the process")]
        // SAFETY: the process does this first; there is no other thread yet.
        unsafe {
            std::env::set_var(RUNTIME_FOLDER, std::env::temp_dir());
        }
    }
}

/// Parses the arguments of the process and runs the command.
pub fn main() -> ExitCode {
    quiet_graphics_libraries();
    panic::install();
    #[cfg(unix)]
    signals::survive_size_limits();
    let cli = match args::try_parse() {
        Ok(cli) => cli,
        Err(told) => return tell(&told),
    };
    let command = cli.command.unwrap_or_default();
    let trace = match subscriber::install(command.trace()) {
        Ok(trace) => trace,
        Err(refused) => {
            output::error(&refused);
            return output::end(ExitCode::from(2));
        }
    };
    let done = catch_unwind(|| execute(command));
    let traced = trace.map_or(Ok(()), Trace::finish);
    // The panic hook has printed a panic already.
    let done = done.unwrap_or(Ok(ExitCode::from(2)));
    let code = done.and_then(|code| traced.map(|()| code)).unwrap_or_else(|error| {
        output::error(&error);
        exit_code(&error)
    });
    output::end(code)
}

/// Prints the help, the version, or the error of the arguments.
fn tell(told: &clap::Error) -> ExitCode {
    let printed = told.print();
    let code = ExitCode::from(told.exit_code().try_into().unwrap_or(2));
    match printed {
        Err(error) if !told.use_stderr() => output::refused(error),
        _ => {}
    }
    output::end(code)
}

/// Returns 1 if all networks diverged in training, otherwise 2.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref() {
        Some(TrainerError::AllDiverged { .. }) => ExitCode::from(1),
        _ => ExitCode::from(2),
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => commands::run::run(&args),
        Command::Compare(args) => commands::compare::compare(&args),
        Command::Sweep(args) => commands::sweep::sweep(&args),
        Command::Reproduce(args) => commands::reproduce::reproduce(&args),
        Command::Report(args) => commands::report::report(&args),
        Command::Pick(args) => commands::pick::pick(&args),
        Command::Export(args) => commands::export::export(&args),
        Command::Eval(args) => commands::eval::eval(&args).map(|()| ExitCode::SUCCESS),
        Command::Predict(args) => commands::predict::predict(&args).map(|()| ExitCode::SUCCESS),
        Command::Watch(args) => commands::watch::watch(&args),
        Command::Resume(args) => commands::resume::resume(&args),
        Command::VerifyResume(args) => commands::verify_resume::verify_resume(&args),
        Command::Solve(args) => commands::solve::solve(&args),
        Command::Bench(args) => commands::bench::bench(&args).map(|()| ExitCode::SUCCESS),
        Command::Compress(args) => commands::compress::compress(&args),
        Command::Clip(args) => commands::clip::clip(&args).map(|()| ExitCode::SUCCESS),
        Command::Inspect(args) => commands::inspect::inspect(&args).map(|()| ExitCode::SUCCESS),
        Command::Devices(args) => {
            commands::devices::devices(&args);
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions(args) => Ok(commands::shell::completions(&args)),
        Command::Man(args) => commands::shell::man(&args),
    }
}
