//! Reads the state dict of a PyTorch file (`.pt`, `.pth`): an archive, or a sequence of pickles as before version 1.6.
//!
//! The crate `pytorch-reader` forgets the order of a state dict, from which a chain of layers is inferred, and reads
//! what asks for code without a word.

mod archive;
mod calls;
mod pickle;
mod sequence;
mod storage;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use rayclip_data::arrays::MOST_BYTES;
use rayclip_data::plain;

use self::pickle::{Fault, Id, Node, Pickle};
use self::storage::{Storage, TensorRef};
use crate::error::FormatError;
use crate::state_dict::{Entry, StateDict};

/// The most bytes of a pickle; a tensor takes about two hundred.
const MOST_PICKLE: usize = 16 << 20;

/// The most bytes of all tensors, as f32.
const MOST_NUMBERS: u64 = MOST_BYTES / 4;

/// The most numbers of all tensors that have more of them than their storages.
const MOST_REPEATED: usize = 16 << 20;

/// Entries of a checkpoint that have the state dict.
const NESTINGS: [&str; 9] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "ema_state_dict",
];

/// Reads the state dict of an archive.
///
/// # Errors
/// It is no file of PyTorch, is damaged, asks for code, or holds no state dict.
pub(crate) fn read_archive(path: &Path) -> Result<StateDict, FormatError> {
    state_dict(path, archive::read(path))
}

/// Reads the state dict of a sequence of pickles.
///
/// # Errors
/// As [`read_archive`].
pub(crate) fn read_sequence(path: &Path) -> Result<StateDict, FormatError> {
    state_dict(path, sequence::read(path))
}

fn state_dict(path: &Path, read: Result<Found, Fault>) -> Result<StateDict, FormatError> {
    let (entries, notes) = read.map_err(|fault| error(path, fault))?;
    StateDict::new(path, entries, notes)
}

fn error(path: &Path, fault: Fault) -> FormatError {
    let path = path.to_path_buf();
    match fault {
        Fault::Damaged(reason) => FormatError::Format { path, reason },
        Fault::Code(code) => FormatError::Code { path, code },
        Fault::WholeModule(class) => FormatError::WholeModule { path, class },
    }
}

/// The tensors of a file by name, and sentences about how they were found.
type Found = (Vec<Entry>, Vec<String>);

/// Finds the state dict of a pickle, and reads its tensors. `read` returns the bytes of a storage.
fn tensors(
    pickle: &Pickle,
    mut read: impl FnMut(&Storage) -> Result<Vec<u8>, Fault>,
) -> Result<Found, Fault> {
    let (named, notes) = find(pickle)?;
    let (mut left, mut left_repeated) = (MOST_NUMBERS, MOST_REPEATED);
    let mut uses = BTreeMap::new();
    for (name, tensor) in &named {
        if tensor.is_marked {
            return Err(Fault::Damaged(format!(
                "{} is saved as the negative or the conjugate of its numbers; save tensor.resolve_neg() instead",
                plain(name)
            )));
        }
        let numbers = tensor.count();
        left = left.checked_sub(numbers as u64).ok_or_else(|| {
            Fault::Damaged(format!("its tensors have more than {MOST_NUMBERS} numbers"))
        })?;
        if numbers > tensor.storage.length {
            left_repeated = left_repeated.checked_sub(numbers).ok_or_else(|| {
                Fault::Damaged(format!(
                    "{} repeats the numbers of its storage too often; save tensor.clone()",
                    plain(name)
                ))
            })?;
        }
        *uses.entry(tensor.storage.key.clone()).or_insert(0_usize) += 1;
    }
    // Tied tensors share a storage, which is held until the last of them has been read.
    let mut held = BTreeMap::new();
    let mut entries = vec![];
    for (name, tensor) in named {
        let key = &tensor.storage.key;
        let bytes = match held.remove(key) {
            Some(bytes) => bytes,
            None => read(&tensor.storage)?,
        };
        if Ok(bytes.len()) != tensor.storage.bytes() {
            return Err(Fault::Damaged(format!("the storage of {name} has {} bytes", bytes.len())));
        }
        entries.push(Entry {
            name,
            extents: tensor.extents.clone(),
            numbers: tensor.numbers(&bytes),
        });
        if let Some(uses) = uses.get_mut(key) {
            *uses -= 1;
            if *uses > 0 {
                held.insert(key.clone(), bytes);
            }
        }
    }
    Ok((entries, notes))
}

/// A tensor of a state dict, by its name.
type NamedTensor = (String, Rc<TensorRef>);

/// Returns the tensors of the state dict: those of a usual entry of the object, of the object itself, or of another
/// entry. Beside its state dict, a checkpoint may have tensors such as an accuracy.
fn find(pickle: &Pickle) -> Result<(Vec<NamedTensor>, Vec<String>), Fault> {
    let entries = match pickle.node(pickle.root) {
        Node::Dict(entries) => entries,
        Node::Tensor(_) => return Err(pickle::damaged("it holds one tensor without a name")),
        _ => return Err(pickle::damaged("it holds no state dict")),
    };
    let nested = |name: &str, inner: &[(Id, Id)]| {
        let note = format!("the state dict is the entry `{}` of the file", plain(name));
        Ok((tensors_of(pickle, inner), vec![note]))
    };
    if let Some((name, inner)) = NESTINGS.iter().find_map(|name| usual(pickle, entries, name)) {
        return nested(name, inner);
    }
    let own = tensors_of(pickle, entries);
    if !own.is_empty() {
        return Ok((own, vec![]));
    }
    match others(pickle, entries)[..] {
        [] => Err(pickle::damaged("it holds no tensors")),
        [(name, inner)] => nested(name, inner),
        ref several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).take(10).collect();
            Err(Fault::Damaged(format!(
                "it holds several state dicts ({}); save the one of the network by itself",
                plain(&names.join(", "))
            )))
        }
    }
}

/// A dictionary in a dictionary, by its name.
type Nested<'a> = (&'a str, &'a [(Id, Id)]);

/// Returns the entry with a name, if it is a dictionary of tensors.
fn usual<'a>(pickle: &'a Pickle, entries: &[(Id, Id)], name: &'a str) -> Option<Nested<'a>> {
    let (_, value) = entries.iter().rev().find(|(key, _)| pickle.text(*key) == Some(name))?;
    match pickle.node(*value) {
        Node::Dict(inner) if has_tensors(pickle, inner) => Some((name, inner.as_slice())),
        _ => None,
    }
}

/// Returns all entries that are dictionaries of tensors; one that is there twice comes once.
fn others<'a>(pickle: &'a Pickle, entries: &[(Id, Id)]) -> Vec<Nested<'a>> {
    let mut names: BTreeMap<Id, &str> = BTreeMap::new();
    for (key, value) in entries {
        if let Some(name) = pickle.text(*key) {
            names.entry(*value).or_insert(name);
        }
    }
    let nested = names.into_iter().filter_map(|(id, name)| match pickle.node(id) {
        Node::Dict(inner) if has_tensors(pickle, inner) => Some((name, inner.as_slice())),
        _ => None,
    });
    nested.collect()
}

fn has_tensors(pickle: &Pickle, entries: &[(Id, Id)]) -> bool {
    let is_tensor = |value: Id| matches!(pickle.node(value), Node::Tensor(_));
    entries.iter().any(|(key, value)| pickle.text(*key).is_some() && is_tensor(*value))
}

/// Returns the tensors among the entries of a dictionary. A name that comes again replaces the one before it.
fn tensors_of(pickle: &Pickle, entries: &[(Id, Id)]) -> Vec<NamedTensor> {
    let mut places = BTreeMap::new();
    let mut tensors: Vec<NamedTensor> = vec![];
    for (key, value) in entries {
        if let (Some(name), Node::Tensor(tensor)) = (pickle.text(*key), pickle.node(*value)) {
            let place = *places.entry(name).or_insert(tensors.len());
            let named = (name.to_owned(), Rc::clone(tensor));
            match tensors.get_mut(place) {
                Some(before) => *before = named,
                None => tensors.push(named),
            }
        }
    }
    tensors
}

#[cfg(test)]
mod tests;
