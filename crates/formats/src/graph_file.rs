//! Reads a graph from a file of its own (TOML or JSON).

use std::path::Path;

use rayclip_data::{plain, read_whole};
use rayclip_model::Graph;

/// Bytes of a file with a graph; one node has about two hundred.
const MOST_BYTES: u64 = 16 << 20;

/// Reads a graph from a TOML or JSON file. It may not be valid.
///
/// # Errors
/// The reason, as the predicate of a sentence about the file.
pub(crate) fn read(path: &Path) -> Result<Graph, String> {
    let bytes = read_whole(path, MOST_BYTES).map_err(|error| format!("cannot be read: {error}"))?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let graph: Result<Graph, String> = if is_toml {
        toml::from_slice(&bytes).map_err(|error: toml::de::Error| error.message().to_owned())
    } else {
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    };
    graph.map_err(|reason| format!("is not a graph: {}", plain(&reason)))
}
