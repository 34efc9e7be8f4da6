//! The JSON lines of a run, one object per event (`docs/json-lines.schema.json`).

use std::path::Path;

use rayclip_run_folder::Summary;
use rayclip_trainer::Event;
use serde_json::{Value, json};

/// Returns the lines of an event. Events that only move a bar have none.
pub(super) fn lines(event: &Event<'_>) -> Vec<Value> {
    match event {
        Event::Started { clips, batches, widths, chunks } => vec![json!({
            "event": "started", "clips": clips, "batches": batches, "widths": widths,
            "chunks": chunks.clipped.len(), "scratch_chunks": chunks.scratch.len(),
        })],
        Event::Chunk { number, rung, replicas } => {
            let methods: Vec<String> = replicas.iter().map(|r| r.method.to_string()).collect();
            let seeds: Vec<u64> = replicas.iter().map(|r| r.seed).collect();
            vec![json!({
                "event": "chunk", "number": number, "scratch": rung.is_some(),
                "methods": methods, "seeds": seeds,
            })]
        }
        Event::Resumed { batches_done, was } => {
            vec![json!({ "event": "resumed", "batches_done": batches_done, "was": was })]
        }
        Event::Diverged { divergence, .. } => {
            vec![merged(json!({ "event": "diverged" }), json!(divergence))]
        }
        Event::Stopped { method, seed, cycle, validation } => vec![json!({
            "event": "stopped", "method": method, "seed": seed, "cycle": cycle,
            "validation_after_training": validation,
        })],
        Event::Cycle { rows, timings, .. } => {
            let line = |row: &rayclip_run_folder::CycleRow| {
                let timing = timings.iter().find(|timing| timing.replica == row.replica);
                merged(merged(json!({ "event": "cycle" }), json!(timing)), json!(row))
            };
            rows.iter().map(line).collect()
        }
        _ => vec![],
    }
}

/// Returns the last line of a run.
pub(super) fn finished(summary: &Summary, folder: &Path) -> Value {
    let line = merged(json!({ "event": "finished", "folder": folder }), json!(summary));
    merged(line, json!({ "progress": summary.progress }))
}

/// Returns an object with the fields of both; on the same key, the second one counts.
pub(crate) fn merged(mut into: Value, from: Value) -> Value {
    if let (Some(fields), Value::Object(from)) = (into.as_object_mut(), from) {
        fields.extend(from);
    }
    into
}
