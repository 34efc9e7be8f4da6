//! The original numbers of the channels that a clip keeps.

use rayclip_data::plain;
use rayclip_onnx::proto::{Entry, Model};
use serde_json::{Map, Value, json};

use super::{Clipped, ClippedGroup, OneShot, Role};

/// The format of the map.
const FORMAT: &str = "rayclip-channels-1";

/// The key of the map in the metadata of a file.
pub const CHANNELS_KEY: &str = "rayclip.channels";

/// Returns the map of a clip: for every group, the numbers that its channels have in the original network, and the
/// tensors that have the channels. `before` is the map in the metadata of the network; if it was clipped before, the
/// numbers are those before the first clip. `file` is the name of the file of the network.
pub fn channel_map(
    clipped: &Clipped,
    how: &OneShot,
    file: Option<&str>,
    before: Option<&str>,
) -> Value {
    let before: Option<Value> = before.and_then(|map| serde_json::from_str(map).ok());
    let before = before.filter(|map| map["format"] == FORMAT);
    let groups: Map<String, Value> = clipped
        .groups
        .iter()
        .filter(|group| group.fixed.is_none())
        .map(|group| (group.name.clone(), of_group(group, before.as_ref())))
        .collect();
    json!({
        "format": FORMAT,
        "file": file.map(plain),
        "method": how.method.to_string(),
        "seed": how.seed,
        "groups": groups,
    })
}

fn of_group(group: &ClippedGroup, before: Option<&Value>) -> Value {
    let earlier = before.and_then(|map| map["groups"].get(&group.name));
    let original = |channel: usize| {
        earlier.map_or_else(|| json!(channel), |earlier| earlier["kept"][channel].clone())
    };
    let kept: Vec<Value> = group.kept.iter().map(|channel| original(*channel)).collect();
    let channels =
        earlier.map_or_else(|| json!(group.width), |earlier| earlier["channels"].clone());
    let tensors = group.tensors.iter().map(|tensor| {
        json!({
            "tensor": tensor.name,
            "axis": tensor.axis,
            "role": match tensor.role {
                Role::Makes => "makes",
                Role::Follows => "follows",
                Role::Uses => "uses",
            },
            "offset": tensor.offset,
            "block": tensor.block,
            "repeat": tensor.repeat,
            "stride": tensor.stride,
        })
    });
    json!({ "channels": channels, "kept": kept, "tensors": tensors.collect::<Vec<_>>() })
}

/// Returns the map in the metadata of a model.
pub(super) fn remembered(model: &Model) -> Option<&str> {
    let entry =
        model.metadata_props.iter().find(|entry| entry.key.as_deref() == Some(CHANNELS_KEY))?;
    entry.value.as_deref()
}

/// Writes the map into the metadata of a model, so that a later clip knows the original numbers.
pub(super) fn remember(model: &mut Model, map: &Value) {
    let value = Some(map.to_string());
    match model.metadata_props.iter_mut().find(|entry| entry.key.as_deref() == Some(CHANNELS_KEY)) {
        Some(entry) => entry.value = value,
        None => model.metadata_props.push(Entry { key: Some(CHANNELS_KEY.into()), value }),
    }
}
