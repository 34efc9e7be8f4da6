//! Chooses one network of several.

use std::path::Path;

use crate::error::FormatError;

/// Which network of a run is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Its method.
    pub method: Option<String>,
    /// Its seed.
    pub seed: Option<u64>,
    /// Its number in the run.
    pub replica: Option<usize>,
}

/// A network of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its number in the run.
    pub(crate) number: usize,
    pub(crate) method: String,
    pub(crate) seed: u64,
}

impl Choice {
    /// Returns whether any network will do.
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the index of the only network that is meant.
    ///
    /// # Errors
    /// There is none, or there are several; the message says which there are.
    pub(crate) fn of(&self, all: &[Candidate], path: &Path) -> Result<usize, FormatError> {
        let Self { method, seed, replica } = self;
        let is_meant = |candidate: &Candidate| {
            method.as_ref().is_none_or(|method| *method == candidate.method)
                && seed.is_none_or(|seed| seed == candidate.seed)
                && replica.is_none_or(|replica| replica == candidate.number)
        };
        let meant: Vec<usize> = (0..all.len()).filter(|index| is_meant(&all[*index])).collect();
        match meant[..] {
            [one] => Ok(one),
            [] => {
                let asked = self.text();
                Err(FormatError::replica(
                    path,
                    format!("it has no network with {asked}; it has {}", there_are(all)),
                ))
            }
            _ => {
                let how = "choose one with --method and --seed, or with --replica";
                Err(FormatError::replica(
                    path,
                    format!("it has {} networks: {}; {how}", meant.len(), there_are(all)),
                ))
            }
        }
    }

    fn text(&self) -> String {
        let parts = [
            self.method.as_ref().map(|method| format!("the method {method}")),
            self.seed.map(|seed| format!("the seed {seed}")),
            self.replica.map(|replica| format!("the number {replica}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

/// Lists networks by method.
fn there_are(all: &[Candidate]) -> String {
    const SHOWN: usize = 12;
    let mut methods: Vec<(&str, Vec<u64>)> = vec![];
    for candidate in all {
        match methods.iter_mut().find(|(method, _)| *method == candidate.method) {
            Some((_, seeds)) => seeds.push(candidate.seed),
            None => methods.push((&candidate.method, vec![candidate.seed])),
        }
    }
    let of_method = |(method, seeds): &(&str, Vec<u64>)| match seeds[..] {
        [seed] => format!("{method} (seed {seed})"),
        [first, .., last] if last.checked_sub(first) == Some(seeds.len() as u64 - 1) => {
            format!("{method} (seeds {first} to {last})")
        }
        _ => {
            let shown: Vec<String> = seeds.iter().take(SHOWN).map(u64::to_string).collect();
            let more = if seeds.len() > SHOWN { ", …" } else { "" };
            format!("{method} (seeds {}{more})", shown.join(", "))
        }
    };
    let more = if methods.len() > SHOWN { ", …" } else { "" };
    methods.iter().take(SHOWN).map(of_method).collect::<Vec<_>>().join(", ") + more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Candidate> {
        let all = [("dtc", 3), ("dtc", 4), ("dtc", 5), ("scratch", 3), ("l2", 1), ("l2", 7)];
        let candidate = |(number, (method, seed)): (usize, (&str, u64))| Candidate {
            number,
            method: method.to_owned(),
            seed,
        };
        all.into_iter().enumerate().map(candidate).collect()
    }

    #[test]
    fn the_only_network_that_is_meant_is_chosen() {
        let chosen = |method: Option<&str>, seed, replica| {
            let choice = Choice { method: method.map(str::to_owned), seed, replica };
            choice.of(&all(), Path::new("run")).map_err(|error| error.to_string())
        };
        assert_eq!(chosen(Some("dtc"), Some(4), None), Ok(1));
        assert_eq!(chosen(Some("scratch"), None, None), Ok(3));
        assert_eq!(chosen(None, None, Some(5)), Ok(5));
        assert_eq!(chosen(None, Some(7), None), Ok(5));
        let several = chosen(None, None, None).unwrap_err();
        let there_are = "dtc (seeds 3 to 5), scratch (seed 3), l2 (seeds 1, 7)";
        assert_eq!(
            several,
            format!(
                "run: it has 6 networks: {there_are}; choose one with --method and --seed, or with --replica"
            )
        );
        let none = chosen(Some("dtc"), Some(9), None).unwrap_err();
        let expected = "run: it has no network with the method dtc and the seed 9; it has";
        assert_eq!(none, format!("{expected} {there_are}"));
        assert_eq!(Choice::default().of(&all()[..1], Path::new("run")).ok(), Some(0));
    }
}
