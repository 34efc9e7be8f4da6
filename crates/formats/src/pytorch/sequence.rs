//! The sequence of pickles that PyTorch wrote before version 1.6: a magic number, a version, what the machine is, the
//! object, the names of the storages; then the storages.

use std::collections::BTreeMap;
use std::path::Path;

use rayclip_data::arrays::MOST_BYTES;
use rayclip_data::read_whole;

use super::pickle::{Fault, Node, Pickle, damaged};
use super::storage::Storage;
use super::{Found, MOST_PICKLE, tensors};

/// The magic number, in the first bytes of a file.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Reads the tensors of a sequence.
pub(super) fn read(path: &Path) -> Result<Found, Fault> {
    let bytes = read_whole(path, MOST_BYTES).map_err(|error| Fault::Damaged(error.to_string()))?;
    let is_pytorch = bytes.windows(MAGIC.len()).take(64).any(|window| window == MAGIC);
    let mut rest = &bytes[..];
    if !is_pytorch {
        // A plain pickle may still ask for something, and then this is the reason.
        next(&mut rest)?;
        return Err(damaged("a pickle, but none of PyTorch: use torch.save"));
    }
    next(&mut rest)?;
    next(&mut rest)?;
    check_machine(&next(&mut rest)?)?;
    let object = next(&mut rest)?;
    let keys = keys(&next(&mut rest)?)?;
    let mut storages = storages(&object, &keys, rest)?;
    tensors(&object, |storage| {
        let found = storages.remove(&storage.key);
        found.map(<[u8]>::to_vec).ok_or_else(|| damaged("a storage is missing"))
    })
}

/// Reads the next pickle.
fn next(rest: &mut &[u8]) -> Result<Pickle, Fault> {
    let mut limited = &rest[..rest.len().min(MOST_PICKLE)];
    let before = limited.len();
    let pickle = Pickle::read(&mut limited)?;
    *rest = &rest[before - limited.len()..];
    Ok(pickle)
}

/// Refuses a file of a machine with the other order of bytes.
fn check_machine(machine: &Pickle) -> Result<(), Fault> {
    let Node::Dict(entries) = machine.node(machine.root) else {
        return Err(damaged("it does not say from what machine it is"));
    };
    let is_little = entries.iter().any(|(key, value)| {
        machine.text(*key) == Some("little_endian") && matches!(machine.node(*value), Node::True)
    });
    if is_little {
        return Ok(());
    }
    Err(damaged("its numbers are big-endian; save it again on another machine"))
}

fn keys(pickle: &Pickle) -> Result<Vec<String>, Fault> {
    let wrong = || damaged("it has no list of its storages");
    let Node::List(keys) = pickle.node(pickle.root) else { return Err(wrong()) };
    keys.iter().map(|key| pickle.text(*key).map(str::to_owned).ok_or_else(wrong)).collect()
}

/// Splits the bytes after the pickles into storages. Each begins with the number of its elements.
fn storages<'a>(
    object: &Pickle,
    keys: &[String],
    mut rest: &'a [u8],
) -> Result<BTreeMap<String, &'a [u8]>, Fault> {
    let known = object.nodes.iter().filter_map(|node| match node {
        Node::Storage(storage) => Some((storage.key.as_str(), storage)),
        _ => None,
    });
    let known: BTreeMap<&str, &Storage> = known.collect();
    let mut storages = BTreeMap::new();
    for key in keys {
        let wrong =
            || Fault::Damaged(format!("the storage {} is truncated", rayclip_data::plain(key)));
        let storage = known.get(key.as_str()).ok_or_else(wrong)?;
        let (length, after) = rest.split_first_chunk().ok_or_else(wrong)?;
        let bytes = storage.bytes().map_err(Fault::Damaged)?;
        if u64::from_le_bytes(*length) != storage.length as u64 {
            return Err(wrong());
        }
        let (own, after) = after.split_at_checked(bytes).ok_or_else(wrong)?;
        storages.insert(key.clone(), own);
        rest = after;
    }
    Ok(storages)
}
