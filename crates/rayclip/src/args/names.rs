//! Arguments that are one of several names.

use std::ffi::OsStr;
use std::sync::LazyLock;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};
use rayclip_formats::Format;
use rayclip_run_folder::{Method, nearest, presets};

/// The parser of an argument that must be one of several names. Shells complete the names. The error for any
/// other value lists them all and suggests the most similar one.
#[derive(Clone, Copy)]
pub(crate) struct OneOf(fn() -> Vec<&'static str>);

/// The methods.
pub(crate) const METHODS: OneOf = OneOf(|| {
    static NAMES: LazyLock<Vec<String>> =
        LazyLock::new(|| Method::all().map(|method| method.to_string()).collect());
    NAMES.iter().map(String::as_str).collect()
});

/// The presets.
pub(crate) const PRESETS: OneOf = OneOf(|| presets::names().collect());

/// The formats of networks.
pub(crate) const FORMATS: OneOf = OneOf(|| Format::ALL.map(Format::name).to_vec());

/// The backends.
pub(crate) const DEVICES: OneOf = OneOf(|| vec!["auto", "wgpu", "ndarray", "flex", "cuda"]);

/// What happens to Adam's moments at a clip.
pub(crate) const MOMENTS: OneOf = OneOf(|| vec!["carry", "reset"]);

/// The rankings.
pub(crate) const RANKINGS: OneOf = OneOf(|| vec!["group", "global"]);

/// What is done to networks after a clip.
pub(crate) const REPAIRS: OneOf = OneOf(|| vec!["merge", "compensate", "rescale"]);

/// What `scratch` may spend.
pub(crate) const BUDGETS: OneOf = OneOf(|| vec!["batches", "operations", "parent"]);

/// What happens when a replica diverges.
pub(crate) const ON_DIVERGENCE: OneOf = OneOf(|| vec!["freeze", "stop"]);

/// The algorithms of the solver.
pub(crate) const ALGORITHMS: OneOf =
    OneOf(|| vec!["auto", "homotopy", "descent", "ssnal", "halpern", "fista"]);

impl TypedValueParser for OneOf {
    type Value = String;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        let text = value.to_string_lossy();
        let names = (self.0)();
        if names.contains(&text.trim()) {
            return Ok(text.trim().to_owned());
        }
        let mut error = Error::new(ErrorKind::InvalidValue).with_cmd(cmd);
        let flag = arg.map_or("...".to_owned(), ToString::to_string);
        error.insert(ContextKind::InvalidArg, ContextValue::String(flag));
        error.insert(ContextKind::InvalidValue, ContextValue::String(text.to_string()));
        if let Some(meant) = nearest(&text, names.iter().copied()) {
            error.insert(ContextKind::SuggestedValue, ContextValue::String(meant.to_owned()));
        }
        error.insert(
            ContextKind::ValidValue,
            ContextValue::Strings(names.into_iter().map(str::to_owned).collect()),
        );
        Err(error)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::values::device;

    #[test]
    fn every_name_is_one() {
        for name in (DEVICES.0)() {
            assert!(device(name).is_ok(), "{name}");
        }
        assert_eq!((ALGORITHMS.0)().len(), cs_solver::Algorithm::ALL.len());
        for name in (ALGORITHMS.0)() {
            assert!(name.parse::<cs_solver::Algorithm>().is_ok(), "{name}");
        }
        for name in (MOMENTS.0)() {
            let setting = presets::Setting::parse(&format!("training.moments={name}")).unwrap();
            let layers = presets::Layers { settings: vec![setting], ..Default::default() };
            assert!(presets::resolve(&layers).is_ok(), "{name}");
        }
    }
}
