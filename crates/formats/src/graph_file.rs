//! Reads a graph from a file of its own (TOML or JSON).

use std::path::Path;

use rayclip_data::{plain, read_whole};
use rayclip_model::Graph;

/// Bytes of a file with a graph; one node has about two hundred.
const MOST_BYTES: u64 = 16 << 20;

/// How the reason begins where an operation is only a name, but has numbers.
const NO_TABLE: &str = "invalid type: unit variant";

/// Reads a graph from a TOML or JSON file. It may not be valid.
///
/// # Errors
/// The reason, as the predicate of a sentence about the file.
pub(crate) fn read(path: &Path) -> Result<Graph, String> {
    let bytes = read_whole(path, MOST_BYTES).map_err(|error| format!("cannot be read: {error}"))?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let graph: Result<Graph, String> = if is_toml {
        toml::from_slice(&bytes).map_err(|error| toml_reason(&bytes, &error))
    } else {
        serde_json::from_slice(&bytes).map_err(|error: serde_json::Error| {
            with_remedy(&error.to_string(), r#""op": {"batch_norm": {}}"#)
        })
    };
    graph.map_err(|reason| format!("is not a graph: {}", plain(&reason)))
}

/// Says what is wrong in a TOML file, and in which line.
fn toml_reason(bytes: &[u8], error: &toml::de::Error) -> String {
    let reason = with_remedy(error.message(), "op = { batch_norm = {} }");
    let before = error.span().and_then(|span| bytes.get(..span.start));
    match before {
        // What concerns the whole file begins with it.
        None | Some([]) => reason,
        Some(before) => {
            let line = before.split(|byte| *byte == b'\n').count();
            format!("line {line}: {reason}")
        }
    }
}

/// Adds what to do about an operation without its numbers.
fn with_remedy(reason: &str, example: &str) -> String {
    if reason.starts_with(NO_TABLE) {
        return format!(
            "{reason}; an operation with numbers has a table of them, such as {example}"
        );
    }
    reason.to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn refused(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        read(&path).unwrap_err()
    }

    #[test]
    fn an_operation_without_its_table_is_refused_with_its_line_and_a_remedy() {
        let toml = r#"input = { channels = 4 }

[[nodes]]
name = "fc"
op = { linear = { outputs = 3 } }

[[nodes]]
name = "norm"
op = "batch_norm"
"#;
        let message = refused("g.toml", toml);
        assert!(message.starts_with("is not a graph: line 9: "), "{message}");
        assert!(message.ends_with("such as op = { batch_norm = {} }"), "{message}");
        let json = r#"{"input": {"channels": 4}, "nodes": [{"name": "n", "op": "batch_norm"}]}"#;
        let message = refused("g.json", json);
        assert!(message.ends_with(r#"such as "op": {"batch_norm": {}}"#), "{message}");
    }
}
