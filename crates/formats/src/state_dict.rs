//! Tensors by name, as PyTorch saves them: a state dict, without a graph.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use rayclip_data::{arrays, plain};
use safetensors::Dtype;

use crate::error::FormatError;

/// Prefixes that wrappers of PyTorch add to all names: of parallel and of compiled modules.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// The state of a batch normalisation that nothing computes with.
const COUNTER: &str = "num_batches_tracked";

/// The tensors of a file, in its order.
#[derive(Debug)]
pub(crate) struct StateDict {
    pub(crate) path: PathBuf,
    pub(crate) entries: Vec<Entry>,
    /// What was inferred, as sentences.
    pub(crate) notes: Vec<String>,
}

/// A tensor of a file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) extents: Vec<usize>,
    pub(crate) numbers: Numbers,
}

/// The numbers of a tensor.
#[derive(Debug)]
pub(crate) enum Numbers {
    Floats(Vec<f32>),
    /// Elements of a type that no parameter has.
    Other(String),
}

/// The type of elements that are floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float {
    F64,
    F32,
    F16,
    Bf16,
}

impl Float {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Returns the elements of little-endian bytes as f32.
    pub(crate) fn read(self, bytes: &[u8]) -> Vec<f32> {
        let two = || bytes.as_chunks::<2>().0.iter().copied();
        match self {
            Self::F64 => {
                let words = bytes.as_chunks::<8>().0.iter();
                words.map(|word| f64::from_le_bytes(*word) as f32).collect()
            }
            Self::F32 => {
                bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
            }
            Self::F16 => two().map(|word| f16::from_le_bytes(word).to_f32()).collect(),
            Self::Bf16 => two().map(|word| bf16::from_le_bytes(word).to_f32()).collect(),
        }
    }
}

impl StateDict {
    /// Makes a state dict of the tensors of a file. The counters of batch normalisations are removed.
    ///
    /// # Errors
    /// There is no tensor of floats, or a name is none that a node can have.
    pub(crate) fn new(
        path: &Path,
        mut entries: Vec<Entry>,
        notes: Vec<String>,
    ) -> Result<Self, FormatError> {
        entries.retain(|entry| entry.name.rsplit('.').next() != Some(COUNTER));
        if !entries.iter().any(|entry| matches!(entry.numbers, Numbers::Floats(_))) {
            return Err(FormatError::format(path, "it has no weights"));
        }
        if let Some(wrong) = entries.iter().find(|entry| plain(&entry.name) != entry.name) {
            let reason =
                format!("the name {} of a tensor is not a line of plain text", plain(&wrong.name));
            return Err(FormatError::format(path, reason));
        }
        Ok(Self { path: path.into(), entries, notes })
    }

    /// Reads the tensors of a safetensors file, in the natural order of their names: the file has no order.
    ///
    /// # Errors
    /// It is no safetensors file, or has no weights.
    pub(crate) fn of_safetensors(path: &Path, bytes: &[u8]) -> Result<Self, FormatError> {
        let file = arrays::tensors(bytes).map_err(|reason| FormatError::format(path, reason))?;
        let entry = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            let numbers = match float(view.dtype()) {
                Some(float) => Numbers::Floats(float.read(view.data())),
                None => Numbers::Other(format!("{:?}", view.dtype())),
            };
            Entry { name, extents: view.shape().to_vec(), numbers }
        };
        let mut entries: Vec<Entry> = file.tensors().into_iter().map(entry).collect();
        entries.sort_by_cached_key(|entry| natural(&entry.name));
        Self::new(path, entries, vec![])
    }

    /// Removes the prefixes that wrappers add to all names, until one is `meant`.
    pub(crate) fn strip_wrappers(&mut self, meant: impl Fn(&str) -> bool) {
        let has = |entries: &[Entry], prefix: &str| {
            entries.iter().all(|entry| entry.name.starts_with(prefix))
        };
        while let Some(prefix) = WRAPPERS.into_iter().find(|prefix| has(&self.entries, prefix))
            && !meant(prefix)
        {
            strip(&mut self.entries, prefix.len());
            self.notes.push(format!(
                "the prefix `{prefix}` of all names is that of a wrapper; it is left out"
            ));
        }
    }

    /// Removes the first part of all names, if it is the same. Returns it.
    pub(crate) fn strip_common_part(&mut self) -> Option<String> {
        let (first, _) = self.entries.first()?.name.split_once('.')?;
        let prefix = format!("{first}.");
        // A name consists of the name of a node and that of its parameter.
        let has =
            |entry: &Entry| entry.name.strip_prefix(&prefix).is_some_and(|rest| rest.contains('.'));
        if !self.entries.iter().all(has) {
            return None;
        }
        strip(&mut self.entries, prefix.len());
        Some(prefix)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }
}

fn strip(entries: &mut [Entry], length: usize) {
    for entry in entries {
        entry.name.drain(..length);
    }
}

fn float(dtype: Dtype) -> Option<Float> {
    match dtype {
        Dtype::F64 => Some(Float::F64),
        Dtype::F32 => Some(Float::F32),
        Dtype::F16 => Some(Float::F16),
        Dtype::BF16 => Some(Float::Bf16),
        _ => None,
    }
}

/// Returns a key that sorts names as people do: `layer2` comes before `layer10`. Weights come before biases, as in
/// PyTorch.
fn natural(name: &str) -> Vec<(u64, String)> {
    let rank = |part: &str| match part {
        "weight" => 1,
        "bias" => 2,
        "running_mean" => 3,
        "running_var" => 4,
        _ => 0,
    };
    let mut key = vec![];
    for part in name.split('.') {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = part[letters.len()..].parse().unwrap_or(0);
        key.push((rank(part), letters.to_owned()));
        key.push((number, String::new()));
    }
    key
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry(name: &str, extents: &[usize]) -> Entry {
        let numbers = Numbers::Floats(vec![0.5; extents.iter().product()]);
        Entry { name: name.to_owned(), extents: extents.to_vec(), numbers }
    }

    fn names(names: &[&str]) -> Result<StateDict, FormatError> {
        let entries = names.iter().map(|name| entry(name, &[1])).collect();
        StateDict::new(Path::new("w.pt"), entries, vec![])
    }

    #[test]
    fn what_wrappers_add_is_left_out_and_said() {
        let all = ["module._orig_mod.a.weight", "module._orig_mod.a.num_batches_tracked"];
        let mut state = names(&all).unwrap();
        state.strip_wrappers(|_| false);
        assert_eq!(state.names().collect::<Vec<_>>(), ["a.weight"]);
        assert_eq!(state.notes.len(), 2);
        let mut other = names(&["module.a.weight", "b.weight"]).unwrap();
        other.strip_wrappers(|_| false);
        assert_eq!(other.names().next(), Some("module.a.weight"));
        let mut meant = names(&["_orig_mod.module.a.weight"]).unwrap();
        meant.strip_wrappers(|prefix| prefix == "module.");
        assert_eq!(meant.names().next(), Some("module.a.weight"));
    }

    #[test]
    fn a_common_part_is_one_before_the_names_of_nodes() {
        let mut state = names(&["net.0.weight", "net.1.weight"]).unwrap();
        assert_eq!(state.strip_common_part().as_deref(), Some("net."));
        assert_eq!(state.names().collect::<Vec<_>>(), ["0.weight", "1.weight"]);
        assert_eq!(state.strip_common_part(), None);
        assert_eq!(names(&["fc.weight", "fc.bias"]).unwrap().strip_common_part(), None);
    }

    #[test]
    fn names_are_sorted_as_people_do() {
        let mut all =
            ["fc10.weight", "fc2.bias", "fc2.weight", "a.2.bias", "a.10.weight", "a.2.weight"];
        all.sort_by_cached_key(|name| natural(name));
        let expected =
            ["a.2.weight", "a.2.bias", "a.10.weight", "fc2.weight", "fc2.bias", "fc10.weight"];
        assert_eq!(all, expected);
    }

    #[test]
    fn floats_of_every_width_are_read() {
        let (double, half) = (1.5_f64.to_le_bytes(), [0x00, 0x3e]);
        assert_eq!(Float::F64.read(&double), [1.5]);
        assert_eq!(Float::F32.read(&1.5_f32.to_le_bytes()), [1.5]);
        assert_eq!(Float::F16.read(&half), [1.5]);
        assert_eq!(Float::Bf16.read(&[0xc0, 0x3f]), [1.5]);
    }

    #[test]
    fn a_file_without_weights_is_refused() {
        let none = names(&[]).unwrap_err().to_string();
        assert!(none.contains("w.pt: it has no weights"), "{none}");
        let forged = names(&["a\u{1b}[2J.weight"]).unwrap_err().to_string();
        assert!(forged.contains("plain text") && !forged.contains('\u{1b}'), "{forged}");
    }
}
