//! Products and sums that an equation describes, such as `bchw,bdhw->bcd`.

use std::collections::BTreeMap;

use super::Dim;
use super::broadcast::{both, equal};
use super::call::Call;
use super::symbols::Symbols;

/// The longest equation that is read.
const LONGEST: usize = 1024;

/// An input or the output of an equation: letters, and where three points stand for all other axes.
struct Term {
    letters: Vec<char>,
    points: Option<usize>,
}

impl Term {
    fn of(text: &str) -> Option<Self> {
        let (ahead, rest) = match text.split_once("...") {
            Some((ahead, rest)) => (ahead, Some(rest)),
            None => (text, None),
        };
        let letters: Vec<char> = ahead.chars().chain(rest.unwrap_or_default().chars()).collect();
        let points = rest.map(|_| ahead.chars().count());
        letters.iter().all(char::is_ascii_alphabetic).then_some(Self { letters, points })
    }

    /// Returns the axes of the three points of a value, and the others.
    fn split<'d>(&self, dims: &'d [Dim]) -> Option<(&'d [Dim], Vec<Dim>)> {
        let more = dims.len().checked_sub(self.letters.len())?;
        let points = self.points.unwrap_or_default();
        if self.points.is_none() && more > 0 {
            return None;
        }
        let (between, rest) = dims[points..].split_at(more);
        Some((between, [&dims[..points], rest].concat()))
    }
}

/// An equation and its inputs.
pub(super) fn einsum(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let equation = call.node.string("equation").filter(|text| text.len() <= LONGEST)?;
    let equation: String = equation.split_ascii_whitespace().collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (equation.as_str(), None),
    };
    let terms: Vec<Term> = inputs.split(',').map(Term::of).collect::<Option<_>>()?;
    let mut extents: BTreeMap<char, Dim> = BTreeMap::new();
    let mut between = Some(Vec::new());
    for (input, term) in terms.iter().enumerate() {
        let Some(dims) = call.dims(input) else {
            between = between.filter(|_| term.points.is_none());
            continue;
        };
        let (points, dims) = term.split(dims)?;
        between = between.and_then(|between| both(&between, points, symbols));
        for (letter, dim) in term.letters.iter().zip(dims) {
            let known = extents.get(letter).copied();
            extents.insert(*letter, one_of(known, dim)?);
        }
    }
    let output = output.map_or_else(|| Some(implicit(&terms)), Term::of)?;
    let mut dims = Vec::new();
    for (place, letter) in output.letters.iter().enumerate() {
        if output.points == Some(place) {
            dims.extend(between.clone()?);
        }
        dims.push(extents.get(letter).copied().or_else(|| symbols.fresh())?);
    }
    if output.points == Some(output.letters.len()) {
        dims.extend(between?);
    }
    Some(dims)
}

/// Returns the extent of a letter. Axes of one entry are repeated.
fn one_of(known: Option<Dim>, dim: Dim) -> Option<Dim> {
    match known {
        None | Some(Dim::Known(1)) => Some(dim),
        Some(known) if dim == Dim::Known(1) => Some(known),
        Some(known) => equal([known, dim]),
    }
}

/// Returns the output of an equation without one: the three points, and the letters that are there once, sorted.
fn implicit(terms: &[Term]) -> Term {
    let mut counts = BTreeMap::new();
    for letter in terms.iter().flat_map(|term| &term.letters) {
        *counts.entry(*letter).or_insert(0) += 1;
    }
    let letters = counts.into_iter().filter(|(_, count)| *count == 1).map(|(letter, _)| letter);
    let has_points = terms.iter().any(|term| term.points.is_some());
    Term { letters: letters.collect(), points: has_points.then_some(0) }
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    fn einsum(equation: &str, inputs: &[&str]) -> String {
        let case = case("Einsum").string("equation", equation);
        inputs.iter().fold(case, |case, input| case.input(input)).shape()
    }

    #[test]
    fn letters_say_the_extents() {
        assert_eq!(einsum("bchw,bdhw->bcd", &["N 3 4 5", "N 6 4 5"]), "N 3 6");
        assert_eq!(einsum(" ij , jk -> ki ", &["N 3", "3 M"]), "M N");
        assert_eq!(einsum("ii->i", &["4 4"]), "4");
        assert_eq!(einsum("ij->", &["4 N"]), "");
        assert_eq!(einsum("bij,bjk->bik", &["N 3 4", "8 4 5"]), "8 3 5");
    }

    #[test]
    fn without_an_output_letters_that_are_there_once_remain() {
        assert_eq!(einsum("zb,ba", &["N 3", "3 M"]), "M N");
        assert_eq!(einsum("...ij,...jk", &["N 2 3", "1 3 5"]), "N 2 5");
    }

    #[test]
    fn points_stand_for_the_other_axes() {
        assert_eq!(einsum("...ij,jk->...ik", &["N 7 2 3", "3 5"]), "N 7 2 5");
        assert_eq!(einsum("i...->...i", &["4 N 7"]), "N 7 4");
        assert_eq!(einsum("i...->i", &["4 N 7"]), "4");
    }

    #[test]
    fn wrong_equations_are_not_read() {
        assert_eq!(einsum("ij->j", &["4"]), "unknown");
        assert_eq!(einsum("i->j", &["4"]), "?");
        assert_eq!(einsum("i$->i", &["4 4"]), "unknown");
        assert_eq!(einsum(&"i".repeat(2000), &["4"]), "unknown");
        assert_eq!(
            case("Einsum").string("equation", "ij,jk->ik").input("2 3").unknown().shape(),
            "2 ?"
        );
    }
}
