//! Reads the file of a network, and checks it against the rows of the run.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use rayclip_formats::is_known;
use rayclip_model::is_parameter;
use rayclip_trainer::export_final;
use safetensors::SafeTensors;

use super::candidates::{Candidate, Pool, Weights};

/// The most bytes of the header of a network's file. With sixty layers, it has ten thousand.
const MOST_HEADER_BYTES: u64 = 1 << 20;

/// Reads the file of a network of the run in `folder`.
///
/// # Errors
/// It cannot be read, or does not match the rows of the run.
pub(super) fn read(folder: &Path, candidate: &Candidate, pool: &Pool) -> anyhow::Result<Vec<u8>> {
    let path = match &candidate.weights {
        Weights::File(path) => path,
        Weights::Final(place) => {
            return Ok(export_final(folder, *place, &candidate.network, &pool.config)?);
        }
        Weights::Gone => bail!("the weights of this network were not kept"),
    };
    let most = 4 * candidate.parameters as u64 + MOST_HEADER_BYTES;
    let bytes = rayclip_data::read_whole(path, most)
        .with_context(|| format!("cannot read {}", path.display()))?;
    check(&bytes, candidate).map_err(|reason| {
        anyhow::anyhow!("{} is damaged, or from another run: {reason}", path.display())
    })?;
    let name = path.strip_prefix(folder)?.to_string_lossy().replace('\\', "/");
    ensure!(
        pool.manifest.as_ref().is_none_or(|manifest| manifest.agrees(&name, &bytes)),
        "{} is damaged: its SHA-256 is not that of the manifest; restore it from a copy",
        path.display()
    );
    Ok(bytes)
}

/// Compares the header with the rows of the run.
fn check(bytes: &[u8], candidate: &Candidate) -> Result<(), String> {
    let tensors = rayclip_data::arrays::tensors(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let found = header.metadata().clone().unwrap_or_default();
    let network = &candidate.network;
    let expected = [
        ("method", network.method.to_string()),
        ("seed", network.seed.to_string()),
        ("cycle", network.clip.map_or("start".to_owned(), |clip| clip.to_string())),
        ("widths", format!("{:?}", network.widths)),
    ];
    if !found.get("format").is_some_and(|format| is_known(format)) {
        return Err("its format is unknown".into());
    }
    let wrong = expected.iter().find(|(key, value)| found.get(*key) != Some(value));
    if let Some((key, value)) = wrong {
        return Err(format!("its {key} is not {value}"));
    }
    // Numbers from JSON may differ in the last digit.
    let test = found.get("accuracy_test").and_then(|text| text.parse::<f64>().ok());
    if test.is_none_or(|test| (test - network.test).abs() > 1e-12) {
        return Err(format!("its accuracy_test is not {:?}", network.test));
    }
    let parameters = tensors.iter().filter(|(name, _)| is_parameter(name));
    let parameters: usize =
        parameters.map(|(_, view)| view.shape().iter().product::<usize>()).sum();
    if parameters != candidate.parameters {
        return Err(format!("it has {parameters} parameters, not {}", candidate.parameters));
    }
    Ok(())
}
