//! `rayclip completions` and `rayclip man`.

use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs, ManArgs, Shell};
use crate::output;

/// Prints the completion script for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> ExitCode {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Powershell => clap_complete::Shell::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rayclip", &mut script);
    output::result(String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}

/// The program and version that the pages name.
const SOURCE: &str = concat!("rayclip ", env!("CARGO_PKG_VERSION"));

/// Prints a manual page.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut command = Cli::command();
    command.build();
    for name in &args.command {
        let sub = command.find_subcommand(name).cloned();
        command = sub.with_context(|| {
            let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            format!("man: there is no command {name}; there are {}", known.join(", "))
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).source(SOURCE).render(&mut page).context("writing the page")?;
    output::result(String::from_utf8_lossy(&page).trim_end());
    Ok(ExitCode::SUCCESS)
}
