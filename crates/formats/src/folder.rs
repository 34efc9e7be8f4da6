//! Reads a network from a folder: of a run, finished or not, or of an exported network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use burn::tensor::Device;
use rayclip_data::{Manifest, arrays, read_whole};
use rayclip_model::{Description, Exported};
use rayclip_run_folder::{Outcome, ReplicaSummary, Summary, limits, paths, read};

use crate::choice::{Candidate, Choice};
use crate::error::FormatError;
use crate::images::ImageDescription;
use crate::load::{LoadOptions, safetensors};
use crate::loaded::{Kind, Loaded, Source};
use crate::{burn_file, network_file};

/// The weights in the folder of an exported network.
pub(crate) const WEIGHTS: &str = "weights.safetensors";

/// The most bytes of a description.
const MOST_DESCRIPTION_BYTES: u64 = 1 << 20;

/// The key of the accuracy that tells which network of a replica its summary is about.
const ACCURACY: &str = "accuracy_test";

/// The key of the clip that led to a network.
const CLIP: &str = "cycle";

/// Reads the network of a folder. Of a run, it is the last one of the chosen replica.
///
/// # Errors
/// It is no folder of a run or of an exported network, a file is damaged, or several networks are meant.
pub(crate) fn load(folder: &Path, options: &LoadOptions) -> Result<Loaded, FormatError> {
    if !folder.join(paths::SUMMARY).is_file() {
        let [weights, of_burn] = [WEIGHTS, burn_file::WEIGHTS].map(|name| folder.join(name));
        if weights.is_file() {
            return safetensors(&weights, options);
        }
        if of_burn.is_file() {
            return burn_file::load(&of_burn);
        }
        let reason =
            "it is neither the folder of a run nor that of an exported network; name a file in it";
        return Err(FormatError::format(folder, reason));
    }
    let summary = summary(folder)?;
    let candidates: Vec<Candidate> = summary.replicas.iter().map(candidate).collect();
    let replica = &summary.replicas[options.choice.of(&candidates, folder)?];
    match last_file(folder, replica, options)? {
        Some(loaded) => Ok(loaded),
        None => of_networks(folder, replica),
    }
}

fn summary(folder: &Path) -> Result<Summary, FormatError> {
    let path = folder.join(paths::SUMMARY);
    let bytes = read_whole(&path, limits::SUMMARY_BYTES)
        .map_err(|error| FormatError::io("read", &path, error))?;
    read::summary(&bytes).map_err(|reason| FormatError::format(&path, reason))
}

fn candidate(replica: &ReplicaSummary) -> Candidate {
    let ReplicaSummary { replica: number, method, seed, .. } = replica;
    Candidate { number: *number, method: method.clone(), seed: *seed }
}

/// Reads the last network that was kept of a replica; `None` if none was kept in a file of its own.
fn last_file(
    folder: &Path,
    replica: &ReplicaSummary,
    options: &LoadOptions,
) -> Result<Option<Loaded>, FormatError> {
    let manifest = Manifest::read(folder)
        .map_err(|error| FormatError::io("read", &folder.join(paths::MANIFEST), error))?;
    let mut first = None;
    for name in files_of(folder, replica) {
        let path = folder.join(&name);
        let bytes = read_whole(&path, arrays::MOST_BYTES)
            .map_err(|error| FormatError::io("read", &path, error))?;
        if manifest.as_ref().is_some_and(|manifest| !manifest.agrees(&name, &bytes)) {
            let reason =
                "its SHA-256 is not that of the manifest of the run; restore it from a copy";
            return Err(FormatError::format(&path, reason));
        }
        let Some(metadata) = network_file::metadata_of(&path, &bytes)? else {
            return Err(FormatError::format(&path, "it is no network of a run"));
        };
        if has_held(&metadata, replica) {
            return network_file::of(&path, &bytes, metadata, options).map(Some);
        }
        // The last network of a stopped replica is one that was clipped too far, unless it is the only one.
        first = first.or(Some((path, bytes, metadata)));
    }
    first
        .map(|(path, bytes, metadata)| network_file::of(&path, &bytes, metadata, options))
        .transpose()
}

/// Returns whether a file has a network from before the accuracy of its replica fell.
fn has_held(metadata: &BTreeMap<String, String>, replica: &ReplicaSummary) -> bool {
    if replica.outcome != Outcome::Stopped {
        return true;
    }
    if let Some(stopped_at) = replica.stopped_at {
        // The network before the first clip has no number.
        let clip = metadata.get(CLIP).and_then(|text| text.parse::<usize>().ok());
        return clip.is_none_or(|clip| clip < stopped_at);
    }
    // Early versions recorded the accuracy of the network alone.
    let found = metadata.get(ACCURACY).and_then(|text| text.parse::<f64>().ok());
    // Numbers from JSON may differ in the last digit.
    found.zip(replica.accuracy_after).is_some_and(|(a, b)| (a - b).abs() < 1e-12)
}

/// Returns the files with the networks of a replica, the last clip first.
fn files_of(folder: &Path, replica: &ReplicaSummary) -> Vec<String> {
    // A name with a slash would lead out of the folder.
    if replica.method.contains(['/', '\\']) {
        return vec![];
    }
    let own =
        format!("{}/{}", paths::NETWORKS, paths::replica_folder(&replica.method, replica.seed));
    let entries = fs::read_dir(folder.join(&own)).into_iter().flatten().filter_map(Result::ok);
    let clip = |name: String| {
        let clip = name.strip_prefix("cycle_")?.strip_suffix(".safetensors")?.parse().ok()?;
        (paths::rung_file(Some(clip)) == name).then_some(clip)
    };
    let mut clips: Vec<usize> =
        entries.filter_map(|entry| clip(entry.file_name().into_string().ok()?)).collect();
    clips.sort_unstable_by(|a, b| b.cmp(a));
    let start = folder.join(&own).join(paths::rung_file(None)).is_file().then_some(None);
    let rungs = clips.into_iter().map(Some).chain(start);
    rungs.map(|rung| format!("{own}/{}", paths::rung_file(rung))).collect()
}

/// Reads a network from the file with the last ones of all replicas, as early versions wrote only that.
fn of_networks(folder: &Path, replica: &ReplicaSummary) -> Result<Loaded, FormatError> {
    let weights = folder.join(paths::WEIGHTS);
    let (Some(index), true) = (replica.network, weights.is_file()) else {
        let name = paths::replica_folder(&replica.method, replica.seed);
        let reason = format!(
            "it has no network of {name}: the run has not come far enough, or its networks were removed"
        );
        return Err(FormatError::replica(folder, reason));
    };
    let about = [("method", replica.method.clone()), ("seed", replica.seed.to_string())];
    let accuracy = replica.accuracy_after.map(|accuracy| (ACCURACY, format!("{accuracy:?}")));
    let about = about.into_iter().chain(accuracy);
    let about = about.map(|(key, value)| (key.to_owned(), value)).collect();
    described(&weights, &folder.join(paths::DESCRIPTION), Ok(index), about)
}

/// Reads a file with the networks of a run, which has its description beside it; `None` if there is none.
///
/// # Errors
/// The description does not fit, several networks are meant, or the summary of the run cannot be read, which tells
/// them apart.
pub(crate) fn of_description(
    weights: &Path,
    choice: &Choice,
) -> Result<Option<Loaded>, FormatError> {
    let json = weights.with_extension("json");
    if !is_description(&json) {
        return Ok(None);
    }
    let folder = weights.parent().map(Path::to_path_buf).unwrap_or_default();
    let (index, about) = match summary(&folder) {
        Ok(summary) => {
            let kept: Vec<&ReplicaSummary> =
                summary.replicas.iter().filter(|replica| replica.network.is_some()).collect();
            let candidates: Vec<Candidate> =
                kept.iter().map(|replica| candidate(replica)).collect();
            let chosen = kept[choice.of(&candidates, weights)?];
            let about = BTreeMap::from([
                ("method".to_owned(), chosen.method.clone()),
                ("seed".to_owned(), chosen.seed.to_string()),
            ]);
            (Ok(chosen.network.unwrap_or_default()), about)
        }
        Err(error) if choice.is_any() && is_missing(&error) => (Err(error), BTreeMap::new()),
        Err(error) => return Err(error),
    };
    described(weights, &json, index, about).map(Some)
}

/// Returns whether there is no file.
fn is_missing(error: &FormatError) -> bool {
    matches!(error, FormatError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// Returns whether a file describes networks of rayclip. Others put files of their own beside their weights.
fn is_description(json: &Path) -> bool {
    let bytes = read_whole(json, MOST_DESCRIPTION_BYTES).unwrap_or_default();
    let value = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default();
    value.get("image_shape").is_some()
}

/// Reads the network at an index of a file with several. If the index is not known, the file must have only one.
fn described(
    weights: &Path,
    json: &Path,
    index: Result<usize, FormatError>,
    about: BTreeMap<String, String>,
) -> Result<Loaded, FormatError> {
    let (networks, description) = rayclip_model::load(weights, json, &Device::flex())?;
    let Description { graph, replicas, .. } = &description;
    let index = match index {
        Err(_) if *replicas == 1 => 0,
        index => index?,
    };
    if index >= *replicas {
        let reason = format!("it has {replicas} networks, but none with the index {index}");
        return Err(FormatError::replica(weights, reason));
    }
    let tensors = Exported::all(&networks.keep_replicas(&[index]))?.swap_remove(0);
    let images = ImageDescription::from(&description);
    let wrong = |reason| FormatError::format(json, reason);
    images.check(graph).map_err(wrong)?;
    let path: PathBuf = weights.into();
    Ok(Loaded {
        graph: graph.exported(),
        tensors,
        images: Some(images),
        about,
        notes: vec![],
        source: Source { path, kind: Kind::Networks },
    })
}
