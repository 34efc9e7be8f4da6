//! `rayclip devices`: lists all adapters and the CPU backends.

use serde_json::json;

use crate::args::DevicesArgs;
use crate::{device, output, tables};

/// The CPU backends, which every machine has.
const CPU_BACKENDS: [(&str, &str); 2] =
    [("ndarray", "--device auto without a GPU (`run`)"), ("flex", "the faster CPU backend")];

/// The columns of the table, and those that are left out first if it does not fit.
const HEADS: [&str; 8] =
    ["--device", "name", "kind", "API", "driver", "buffer", "binding", "workgroup"];
const DISPENSABLE: [usize; 6] = [7, 6, 5, 4, 3, 2];

const MEBIBYTE: u64 = 1 << 20;

/// Lists what `--device` can take.
pub(crate) fn devices(args: &DevicesArgs) {
    let adapters = device::adapters();
    if args.json {
        for adapter in &adapters {
            output::result(
                &json!({
                    "device": "wgpu",
                    "name": adapter.name,
                    "kind": adapter.kind,
                    "api": adapter.api,
                    "driver": adapter.driver,
                    "driver_info": adapter.driver_info,
                    "max_buffer_bytes": adapter.buffer_bytes,
                    "max_binding_bytes": adapter.binding_bytes,
                    "workgroup_memory_bytes": adapter.workgroup_bytes,
                })
                .to_string(),
            );
        }
        for (name, note) in CPU_BACKENDS {
            output::result(&json!({ "device": name, "kind": "CPU", "note": note }).to_string());
        }
        return;
    }
    let mut table = tables::table(&HEADS);
    for adapter in &adapters {
        table.add_row([
            "wgpu".to_owned(),
            adapter.name.clone(),
            adapter.kind.to_owned(),
            adapter.api.clone(),
            format!("{} {}", adapter.driver, adapter.driver_info),
            format!("{} MiB", adapter.buffer_bytes / MEBIBYTE),
            format!("{} MiB", adapter.binding_bytes / MEBIBYTE),
            format!("{} KiB", adapter.workgroup_bytes / 1024),
        ]);
    }
    for (name, note) in CPU_BACKENDS {
        table.add_row([name, note, "CPU"]);
    }
    tables::print(table, &DISPENSABLE, &HEADS);
    if adapters.is_empty() {
        output::note(
            "no graphics adapter was found; on Debian without a GPU, the package \
             mesa-vulkan-drivers has a software adapter",
        );
    }
}
