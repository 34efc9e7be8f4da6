//! The original numbers of the channels that a clip keeps.

use rayclip_data::plain;
use rayclip_onnx::Role;
use rayclip_onnx::proto::{Entry, Model};
use rayclip_run_folder::RunConfig;
use rayclip_trainer::{ClippedGroup, ClippedModel};
use serde_json::{Map, Value, json};

use crate::args::ClipArgs;

/// The format of the map.
const FORMAT: &str = "rayclip-channels-1";

/// The key of the map in the metadata of an ONNX file.
const KEY: &str = "rayclip.channels";

/// Returns the map of a clip: for every group, the numbers that its channels have in the original network. If the
/// network was clipped before, these are the numbers before the first clip.
pub(super) fn json(
    args: &ClipArgs,
    config: &RunConfig,
    clipped: &ClippedModel,
    model: &Model,
) -> Value {
    let before = remembered(model);
    let groups: Map<String, Value> = clipped
        .groups
        .iter()
        .filter(|group| group.fixed.is_none())
        .map(|group| (group.name.clone(), of_group(group, before.as_ref())))
        .collect();
    json!({
        "format": FORMAT,
        "file": args.file.file_name().map(|name| plain(&name.to_string_lossy())),
        "method": args.method,
        "seed": config.seed,
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
    let tensors = group.ties.iter().map(|tie| {
        json!({
            "tensor": tie.tensor,
            "axis": tie.dimension,
            "role": match tie.role {
                Role::Makes => "makes",
                Role::Follows => "follows",
                Role::Uses => "uses",
            },
            "offset": tie.span.offset,
            "block": tie.span.block,
            "repeat": tie.span.repeat,
            "stride": tie.span.stride,
        })
    });
    json!({ "channels": channels, "kept": kept, "tensors": tensors.collect::<Vec<_>>() })
}

/// Returns the map in the metadata of a model.
fn remembered(model: &Model) -> Option<Value> {
    let entry = model.metadata_props.iter().find(|entry| entry.key.as_deref() == Some(KEY))?;
    let map: Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
    (map["format"] == FORMAT).then_some(map)
}

/// Writes the map into the metadata of a model, so that a later clip knows the original numbers.
pub(super) fn remember(model: &mut Model, map: &Value) {
    let value = Some(map.to_string());
    match model.metadata_props.iter_mut().find(|entry| entry.key.as_deref() == Some(KEY)) {
        Some(entry) => entry.value = value,
        None => model.metadata_props.push(Entry { key: Some(KEY.into()), value }),
    }
}
