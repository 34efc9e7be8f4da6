//! What a clip did, for people and for programs.

use rayclip_trainer::{Clipped, ModelSize};
use serde_json::{Value, json};

use crate::args::ClipArgs;
use crate::{output, tables};

const GROUPS: [&str; 4] = ["group", "before", "after", "fixed because"];

/// Prints the groups, the size before and after, and where the network is.
pub(super) fn print(args: &ClipArgs, clipped: &Clipped, bytes: [Option<u64>; 2]) {
    let mut groups = tables::table(&GROUPS);
    for group in &clipped.groups {
        let fixed = group.fixed.as_deref().map(output::text);
        groups.add_row([
            output::text(&group.name),
            group.width.to_string(),
            group.kept.len().to_string(),
            fixed.unwrap_or_default(),
        ]);
    }
    tables::print(groups, &[3], &GROUPS);
    let heads = ["", "before", "after", "part"];
    let mut sizes = tables::table(&heads);
    let mut row = |name: &str, before: Option<u64>, after: Option<u64>| {
        let text =
            |value: Option<u64>| value.map_or("unknown".to_owned(), |value| value.to_string());
        let part =
            before.zip(after).map(|(before, after)| format!("{:.3}", after as f64 / before as f64));
        sizes.add_row([name.to_owned(), text(before), text(after), part.unwrap_or_default()]);
    };
    let (before, after) = (clipped.before, clipped.after);
    let macs = |size: ModelSize| size.macs.map(|macs| macs as u64);
    row("parameters", Some(before.parameters as u64), Some(after.parameters as u64));
    row("multiply-accumulates", macs(before), macs(after));
    row("bytes of the file", bytes[0], bytes[1]);
    tables::print(sizes, &[], &heads);
    output::result(&format!("written to {}", output::path(&args.out)));
}

/// Returns what was done as JSON.
pub(super) fn json(args: &ClipArgs, clipped: &Clipped, bytes: [Option<u64>; 2]) -> Value {
    let groups = clipped.groups.iter().map(|group| {
        json!({
            "name": group.name,
            "before": group.width,
            "after": group.kept.len(),
            "fixed": group.fixed,
        })
    });
    let size = |size: ModelSize, bytes: Option<u64>| json!({ "parameters": size.parameters, "macs": size.macs, "bytes": bytes });
    json!({
        "file": output::path(&args.out),
        "channels": output::path(&super::map_file(&args.out)),
        "groups": groups.collect::<Vec<_>>(),
        "before": size(clipped.before, bytes[0]),
        "after": size(clipped.after, bytes[1]),
    })
}
