//! Methods and their names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Domain, Measured, Reduction};
use crate::nearest::nearest;

/// The name of [`Method::Scratch`].
pub const METHOD_SCRATCH: &str = "scratch";

/// The name of [`Method::ScratchDistilled`].
pub const METHOD_SCRATCH_DISTILLED: &str = "scratch-distilled";

/// Returns whether the method with a name trains fresh networks and ranks no neurons.
pub fn is_from_scratch(name: &str) -> bool {
    [METHOD_SCRATCH, METHOD_SCRATCH_DISTILLED].contains(&name)
}

/// A criterion that ranks neurons, or `scratch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Method {
    /// The sum of the two weight rays; if `None`, the configuration decides.
    Dtc(Option<Domain>, Option<Reduction>, Option<Measured>),
    /// The sum of all weights of a neuron.
    Magnitude,
    /// The sum of the absolute weights of a neuron.
    L1,
    /// The norm of the incoming weights times the norm of the outgoing weights.
    L2,
    /// A seeded draw.
    Random,
    /// The first-order change of the loss without the neuron.
    Taylor,
    /// The mean activation.
    Activation,
    /// A LASSO that selects neurons which together reproduce the next layer's input.
    DataLasso,
    /// One neuron of each cluster of neurons with similar incoming weights.
    Folding,
    /// No ranking: a fresh network of the same widths, trained with the budget spent so far.
    Scratch,
    /// The same, but it learns from the outputs of the network before the first clip.
    ScratchDistilled,
}

impl Method {
    /// All methods, without variants.
    const PLAIN: [Self; 11] = [
        Self::Dtc(None, None, None),
        Self::Magnitude,
        Self::L1,
        Self::L2,
        Self::Random,
        Self::Taylor,
        Self::Activation,
        Self::DataLasso,
        Self::Folding,
        Self::Scratch,
        Self::ScratchDistilled,
    ];

    /// Returns whether it ranks neurons by their weights alone, without images.
    pub fn ranks_by_weights(self) -> bool {
        match self {
            Self::Dtc(_, _, measured) => matches!(measured, None | Some(Measured::Weights)),
            Self::Magnitude | Self::L1 | Self::L2 | Self::Random => true,
            Self::Taylor
            | Self::Activation
            | Self::DataLasso
            | Self::Folding
            | Self::Scratch
            | Self::ScratchDistilled => false,
        }
    }

    /// Returns whether it trains fresh networks and ranks no neurons.
    pub fn is_from_scratch(self) -> bool {
        matches!(self, Self::Scratch | Self::ScratchDistilled)
    }

    /// Returns all methods, including the variants of `dtc`.
    pub fn all() -> impl Iterator<Item = Self> {
        let domains = [None, Some(Domain::Neuron), Some(Domain::Coefficient)];
        let reductions = [None, Some(Reduction::Signed), Some(Reduction::L1), Some(Reduction::L2)];
        let measured =
            [None, Some(Measured::Weights), Some(Measured::Changes), Some(Measured::Activations)];
        let pairs = domains.into_iter().flat_map(move |domain| {
            reductions.into_iter().map(move |reduction| (domain, reduction))
        });
        let variants = pairs.flat_map(move |(domain, reduction)| {
            measured.into_iter().map(move |measured| Self::Dtc(domain, reduction, measured))
        });
        Self::PLAIN.into_iter().chain(variants.skip(1))
    }

    /// Returns whether it measures and reconstructs weights.
    pub fn is_dtc(self) -> bool {
        matches!(self, Self::Dtc(..))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Dtc(domain, reduction, measured) => {
                let domain = match domain {
                    None => "",
                    Some(Domain::Neuron) => "-neuron",
                    Some(Domain::Coefficient) => "-coefficient",
                };
                let reduction = match reduction {
                    None => "",
                    Some(Reduction::Signed) => "-signed",
                    Some(Reduction::L1) => "-l1",
                    Some(Reduction::L2) => "-l2",
                };
                let measured = match measured {
                    None => "",
                    Some(Measured::Weights) => "-weights",
                    Some(Measured::Changes) => "-changes",
                    Some(Measured::Activations) => "-activations",
                };
                return formatter.pad(&format!("dtc{domain}{reduction}{measured}"));
            }
            Self::Magnitude => "magnitude",
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Random => "random",
            Self::Taylor => "taylor",
            Self::Activation => "activation",
            Self::DataLasso => "data-lasso",
            Self::Folding => "folding",
            Self::Scratch => METHOD_SCRATCH,
            Self::ScratchDistilled => METHOD_SCRATCH_DISTILLED,
        };
        formatter.pad(name)
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().find(|method| method.to_string() == name).ok_or_else(|| {
            let names = Self::PLAIN.map(|method| method.to_string()).join(", ");
            let all: Vec<String> = Self::all().map(|method| method.to_string()).collect();
            let meant = nearest(name, all.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            format!(
                "unknown method `{name}`; the methods are {names}, and variants of dtc such as \
                 dtc-coefficient, dtc-l1 or dtc-neuron-l2-changes{meant}"
            )
        })
    }
}

impl TryFrom<String> for Method {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_method_has_a_name_of_its_own_that_leads_back_to_it() {
        let names: BTreeSet<String> = Method::all().map(|method| method.to_string()).collect();
        assert_eq!(names.len(), 11 + 3 * 4 * 4 - 1);
        for method in Method::all() {
            assert_eq!(method.to_string().parse(), Ok(method));
        }
        assert_eq!(
            "dtc-coefficient-l2".parse::<Method>().unwrap().to_string(),
            "dtc-coefficient-l2"
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let message = "dtcc".parse::<Method>().unwrap_err();
        assert!(message.contains("dtcc") && message.contains("data-lasso"), "{message}");
        assert!(message.ends_with("did you mean `dtc`?"), "{message}");
    }
}
