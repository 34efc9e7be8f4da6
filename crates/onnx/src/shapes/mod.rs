//! The extents of all values of a graph, without running it.
//!
//! What is known only when the model runs is a symbol. What no rule knows stays unknown: nothing here is an error,
//! because most of a file can be used without the rest.

use std::collections::{BTreeMap, HashMap};

use crate::proto::Model;
use crate::tensor::ElementType;

mod broadcast;
mod call;
mod constants;
mod einsum;
mod elements;
mod generators;
mod joins;
mod layout;
mod normalisations;
mod numbers;
mod parts;
mod products;
mod reductions;
mod resize;
mod rules;
mod scopes;
mod slices;
#[cfg(test)]
mod strange;
mod symbols;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod walk;
mod windows;

/// An extent of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub(crate) enum Dim {
    /// A number.
    Known(usize),
    /// Unknown when the file is read. Equal symbols are equal extents.
    Symbol(u32),
}

/// An integer that is known when the file is read, or equals an extent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Integer {
    /// A number.
    Value(i64),
    /// The extent with this symbol.
    Extent(u32),
    /// Anything.
    Unknown,
}

/// A small tensor of integers: a number, or a list of numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Integers {
    /// Its numbers.
    pub(crate) values: Vec<Integer>,
    /// Whether only tensors of the file make it, and no extent of another value does.
    pub(crate) is_constant: bool,
}

impl Integers {
    /// Returns its numbers; `None` if one is not known.
    pub(crate) fn whole(&self) -> Option<Vec<i64>> {
        let number = |value: &Integer| match value {
            Integer::Value(value) => Some(*value),
            _ => None,
        };
        self.values.iter().map(number).collect()
    }
}

/// A small tensor of 32-bit floats, of which some are known.
#[derive(Clone, Debug)]
struct Floats {
    values: Vec<Option<f32>>,
    is_constant: bool,
}

impl From<Dim> for Integer {
    fn from(dim: Dim) -> Self {
        match dim {
            Dim::Known(extent) => i64::try_from(extent).map_or(Self::Unknown, Self::Value),
            Dim::Symbol(symbol) => Self::Extent(symbol),
        }
    }
}

/// What is known of a value.
#[derive(Clone, Default, Debug)]
struct Value {
    dims: Option<Vec<Dim>>,
    /// The numbers of a small tensor, with any number of axes.
    integers: Option<Integers>,
    floats: Option<Floats>,
    element: Option<ElementType>,
}

impl Value {
    /// Returns its integers, if it has at most one axis.
    fn list(&self) -> Option<&Integers> {
        let rank = self.dims.as_ref()?.len();
        self.integers.as_ref().filter(|_| rank <= 1)
    }

    /// Returns the number of its entries, if it is known.
    fn entries(&self) -> Option<usize> {
        let extents = self.dims.as_ref()?.iter().map(|dim| match dim {
            Dim::Known(extent) => Some(*extent),
            Dim::Symbol(_) => None,
        });
        extents.into_iter().try_fold(1_usize, |all, extent| all.checked_mul(extent?))
    }
}

/// The extents of the values of a graph.
#[derive(Debug)]
pub(crate) struct Shapes {
    values: HashMap<String, Value>,
    names: HashMap<u32, String>,
}

impl Shapes {
    /// Infers the extents of all values. The extents that are named in `bound` have that number.
    pub(crate) fn infer(model: &Model, bound: &BTreeMap<String, usize>) -> Self {
        let (values, names) = walk::model(model, bound);
        Self { values, names }
    }

    /// Returns the extents of a value; `None` if not even their number is known.
    pub(crate) fn of(&self, value: &str) -> Option<&[Dim]> {
        self.values.get(value)?.dims.as_deref()
    }

    /// Returns the numbers of a small tensor of integers, with at most one axis.
    pub(crate) fn integers(&self, value: &str) -> Option<&Integers> {
        self.values.get(value)?.list()
    }

    /// Returns the type of the elements of a value.
    #[cfg(test)]
    pub(crate) fn element(&self, value: &str) -> Option<ElementType> {
        self.values.get(value)?.element
    }

    /// Returns the name that the file gives to a symbol.
    pub(crate) fn symbol_name(&self, symbol: u32) -> Option<&str> {
        self.names.get(&symbol).map(String::as_str)
    }
}
