//! Parses the command line, and improves the messages of clap.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Error, Parser};
use rayclip_run_folder::{nearest, presets};

use super::Cli;

/// Parses the arguments of the process.
///
/// # Errors
/// They are wrong, or they ask for help or for the version. The error has the text to print.
pub(crate) fn try_parse() -> Result<Cli, Error> {
    try_parse_from(&std::env::args_os().collect::<Vec<OsString>>())
}

fn try_parse_from(words: &[OsString]) -> Result<Cli, Error> {
    Cli::try_parse_from(words).map_err(|error| match error.kind() {
        ErrorKind::UnknownArgument => with_right_tip(error, command_of(words)),
        _ => error,
    })
}

/// Returns the command that the words name.
fn command_of(words: &[OsString]) -> Command {
    let mut command = Cli::command();
    command.build();
    for word in words.iter().skip(1) {
        let Some(sub) = command.find_subcommand(word) else { break };
        command = sub.clone();
    }
    command
}

/// Replaces the tip of clap, which finds `--preset` similar to `--epochs`. The new tip is the key of the
/// configuration with that name, otherwise a similar flag.
fn with_right_tip(mut error: Error, mut command: Command) -> Error {
    let Some(ContextValue::String(unknown)) = error.remove(ContextKind::InvalidArg) else {
        return error;
    };
    let usage = command.render_usage();
    let asked = unknown.trim_start_matches('-');
    let flags: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    error.remove(ContextKind::SuggestedArg);
    // The usage of clap shows the flag of its own tip.
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    let of_key = if flags.contains(&"set") { key_tip(asked) } else { None };
    if let Some(tip) = of_key {
        let tip = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tip);
    } else if let Some(flag) = nearest(asked, flags) {
        let flag = ContextValue::String(format!("--{flag}"));
        error.insert(ContextKind::SuggestedArg, flag);
    }
    error.insert(ContextKind::InvalidArg, ContextValue::String(unknown));
    error
}

/// Says how to set a key of the configuration that has no flag of its own.
fn key_tip(asked: &str) -> Option<String> {
    if matches!(asked, "epochs" | "epoch" | "steps" | "iterations") {
        let tip = "the length of training is the number of batches between two clips: use \
                   '--set training.batches_per_cycle=COUNT'";
        return Some(tip.into());
    }
    let name = match asked {
        "lr" => "learning_rate".to_owned(),
        _ => asked.replace('-', "_"),
    };
    let keys = presets::keys().ok()?;
    let key = keys.into_iter().find(|key| key.rsplit('.').next() == Some(&name) || *key == name)?;
    Some(format!("it is a key of the configuration: use '--set {key}=VALUE'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> String {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        try_parse_from(&words).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_unknown_flag_gets_the_right_tip_or_none() {
        let epochs = message("rayclip run --epochs 3");
        assert!(epochs.contains("training.batches_per_cycle"), "{epochs}");
        assert!(epochs.contains("Usage: rayclip run [OPTIONS]"), "{epochs}");
        assert!(!epochs.contains("--preset") && !epochs.contains("--replicas"), "{epochs}");
        let rate = message("rayclip run --learning-rate 3");
        assert!(rate.contains("--set training.learning_rate=VALUE"), "{rate}");
        let near = message("rayclip compare --method dtc");
        assert!(near.contains("'--methods'"), "{near}");
        let none = message("rayclip run --frobnicate");
        assert!(none.contains("'--frobnicate'") && !none.contains("tip"), "{none}");
        let solver = message("rayclip bench solver --epochs 3");
        assert!(!solver.contains("tip"), "{solver}");
    }

    #[test]
    fn a_wrong_value_is_answered_with_the_flag_what_is_allowed_and_the_nearest() {
        let cases: [(&str, &[&str]); 14] = [
            ("run --device gpu", &["--device", "auto, wgpu, ndarray, flex, cuda", "'wgpu'"]),
            ("solve p --lambda 1 --device gpu", &["--device", "flex, cuda", "'wgpu'"]),
            ("run --method dct", &["--method", "magnitude", "data-lasso", "'dtc'"]),
            ("compare --methods dtc,magntude", &["--methods", "scratch", "'magnitude'"]),
            ("run --preset papper", &["--preset", "corrected, paper, supplement", "'paper'"]),
            ("run --moments rest", &["--moments", "carry, reset", "'reset'"]),
            ("solve p --lambda 1 --algorithm fist", &["--algorithm", "homotopy", "'fista'"]),
            ("run --hidden 64x32", &["--hidden", "commas", "64,32"]),
            ("run --hidden many", &["--hidden", "512,256"]),
            ("run --seed -1", &["--seed", "9223372036854775807", "nearest is 0"]),
            ("compare --seeds 0-5", &["--seeds", "0..5", "0..=5"]),
            ("compare --seeds -1", &["--seeds", "0..20"]),
            ("run --replicas -2", &["--replicas", "at least 1"]),
            ("run --validation 10%", &["--validation", "below 1", "0.1"]),
        ];
        for (line, parts) in cases {
            let message = message(&format!("rayclip {line}"));
            for part in parts {
                assert!(message.contains(part), "{line}: no {part} in {message}");
            }
        }
    }
}
