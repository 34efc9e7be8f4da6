//! Reads the state dict of a PyTorch file (`.pt`, `.pth`): an archive, or a sequence of pickles as before version 1.6.
//!
//! The crate `pytorch-reader` forgets the order of a state dict, from which a chain of layers is inferred, and reads
//! what asks for code without a word.

mod archive;
mod calls;
mod pickle;
mod sequence;
mod storage;

use std::path::Path;

use rayclip_data::arrays::MOST_BYTES;

use self::pickle::{Fault, Id, Node, Pickle};
use self::storage::{Storage, TensorRef};
use crate::error::FormatError;
use crate::state_dict::{Entry, StateDict};

/// The most bytes of a pickle; a tensor takes about two hundred.
const MOST_PICKLE: usize = 16 << 20;

/// The most bytes of all tensors, as f32.
const MOST_NUMBERS: u64 = MOST_BYTES / 4;

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
    let mut left = MOST_NUMBERS;
    let mut uses = std::collections::BTreeMap::new();
    for (_, tensor) in &named {
        let numbers = tensor.extents.iter().product::<usize>() as u64;
        left = left.checked_sub(numbers).ok_or_else(|| {
            Fault::Damaged(format!("its tensors have more than {MOST_NUMBERS} numbers"))
        })?;
        *uses.entry(tensor.storage.key.clone()).or_insert(0_usize) += 1;
    }
    // Tied tensors share a storage, which is held until the last of them has been read.
    let mut held = std::collections::BTreeMap::new();
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
type NamedTensor = (String, TensorRef);

/// Returns the tensors of the state dict: those of the object itself, or of an entry of it.
fn find(pickle: &Pickle) -> Result<(Vec<NamedTensor>, Vec<String>), Fault> {
    let entries = match pickle.node(pickle.root) {
        Node::Dict(entries) => entries,
        Node::Tensor(_) => return Err(pickle::damaged("it holds one tensor without a name")),
        _ => return Err(pickle::damaged("it holds no state dict")),
    };
    let own = tensors_of(pickle, entries);
    if !own.is_empty() {
        return Ok((own, vec![]));
    }
    let nested = |(key, value): &(Id, Id)| match pickle.node(*value) {
        Node::Dict(inner) => {
            let tensors = tensors_of(pickle, inner);
            Some((pickle.text(*key)?, tensors)).filter(|(_, tensors)| !tensors.is_empty())
        }
        _ => None,
    };
    let mut all: Vec<(&str, Vec<NamedTensor>)> = entries.iter().filter_map(nested).collect();
    let usual = NESTINGS.iter().find_map(|name| all.iter().position(|(key, _)| key == name));
    let at = match (usual, all.len()) {
        (Some(at), _) => at,
        (None, 1) => 0,
        (None, 0) => return Err(pickle::damaged("it holds no tensors")),
        (None, _) => {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).take(10).collect();
            return Err(Fault::Damaged(format!(
                "it holds several state dicts ({}); save the one of the network by itself",
                rayclip_data::plain(&names.join(", "))
            )));
        }
    };
    let (key, tensors) = all.swap_remove(at);
    let key = rayclip_data::plain(key);
    Ok((tensors, vec![format!("the state dict is the entry `{key}` of the file")]))
}

/// Returns the tensors among the entries of a dictionary. A name that comes again replaces the one before it.
fn tensors_of(pickle: &Pickle, entries: &[(Id, Id)]) -> Vec<NamedTensor> {
    let mut places = std::collections::BTreeMap::new();
    let mut tensors: Vec<NamedTensor> = vec![];
    for (key, value) in entries {
        if let (Some(name), Node::Tensor(tensor)) = (pickle.text(*key), pickle.node(*value)) {
            let place = *places.entry(name).or_insert(tensors.len());
            let named = (name.to_owned(), tensor.clone());
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
