//! Reads which neurons were kept, from `kept/cycle_NN.json`.

use std::collections::BTreeMap;
use std::path::Path;

use rayclip_data::read_whole;
use serde::Deserialize;

use super::version_0_1::groups_of_layers;
use crate::config::Method;
use crate::rows::KeptRow;
use crate::{limits, paths};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cycle: usize,
    replicas: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    replica: usize,
    method: Method,
    seed: u64,
    groups: Option<BTreeMap<String, Vec<usize>>>,
    /// Version 0.1 has layers instead of groups.
    layers: Option<Vec<Vec<usize>>>,
}

/// Reads the kept neurons of all replicas after a clip.
///
/// # Errors
/// The file cannot be read, or is not what a run writes for this clip.
pub fn kept(folder: &Path, cycle: usize) -> Result<Vec<KeptRow>, String> {
    let bytes = read_whole(&folder.join(paths::kept(cycle)), limits::KEPT_BYTES)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let file: File = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if file.cycle != cycle {
        return Err(format!("it is for cycle {}", file.cycle));
    }
    file.replicas.into_iter().map(kept_row).collect()
}

fn kept_row(row: Row) -> Result<KeptRow, String> {
    let Row { replica, method, seed, groups, layers } = row;
    let groups = groups.or_else(|| layers.map(groups_of_layers));
    let groups = groups.ok_or_else(|| format!("replica {replica} has no groups"))?;
    let mut neurons = groups.values().flatten();
    if groups.len() > limits::GROUPS || neurons.any(|neuron| *neuron >= limits::WIDTH) {
        return Err(format!("replica {replica} keeps neurons that no network has"));
    }
    Ok(KeptRow { replica, method, seed, groups })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::RunFolder;

    #[test]
    fn what_was_written_is_read_in_both_versions() {
        let parent = tempfile::tempdir().unwrap();
        let row = KeptRow {
            replica: 1,
            method: Method::L1,
            seed: u64::MAX,
            groups: [("layer_0".to_owned(), vec![0, 5]), ("layer_1".to_owned(), vec![])].into(),
        };
        RunFolder::from(parent.path()).write_kept(4, &[&row]).unwrap();
        assert_eq!(kept(parent.path(), 4), Ok(vec![row.clone()]));
        let replace = |rows: &str| {
            let text = format!(r#"{{"cycle":4,"replicas":[{rows}]}}"#);
            std::fs::write(parent.path().join(paths::kept(4)), text).unwrap();
            kept(parent.path(), 4)
        };
        let of = r#""replica":1,"method":"l1","seed":18446744073709551615"#;
        assert_eq!(replace(&format!(r#"{{{of},"layers":[[0,5],[]]}}"#)), Ok(vec![row]));
        assert!(replace(&format!("{{{of}}}")).unwrap_err().contains("no groups"));
        let absurd = format!(r#"{{{of},"groups":{{"a":[1048576]}}}}"#);
        assert!(replace(&absurd).unwrap_err().contains("no network has"));
        assert!(kept(parent.path(), 5).unwrap_err().contains("cannot be read"));
    }
}
