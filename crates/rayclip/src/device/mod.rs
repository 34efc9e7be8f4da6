//! Chooses the adapter or backend of a run.

#[cfg_attr(not(feature = "gpu"), path = "no_gpu.rs")]
mod gpu;

use anyhow::bail;
use burn::tensor::Device;
use rayclip_run_folder::config::DeviceChoice;

use crate::output;
pub(crate) use gpu::adapters;
#[cfg(feature = "cuda")]
use gpu::cuda;
use gpu::{first_gpu, wgpu_by_name};

/// A device that is ready to use.
pub(crate) struct Chosen {
    pub(crate) device: Device,
    /// Backend and adapter, for the record.
    pub(crate) name: String,
    /// Why it was chosen.
    pub(crate) reason: String,
}

impl Chosen {
    /// Whether this is a CPU backend.
    pub(crate) fn is_host(&self) -> bool {
        ["flex", "ndarray"].contains(&self.name.as_str())
    }

    /// Returns the choice that gives this device again, even if the machine has other devices then.
    pub(crate) fn resolved(&self, choice: DeviceChoice) -> DeviceChoice {
        match (choice, self.name.as_str()) {
            (DeviceChoice::Auto, "flex") => DeviceChoice::Flex,
            (DeviceChoice::Auto, "ndarray") => DeviceChoice::Ndarray,
            (DeviceChoice::Auto, _) => DeviceChoice::Wgpu,
            (choice, _) => choice,
        }
    }
}

/// A graphics adapter, as its driver reports it.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) api: String,
    pub(crate) driver: String,
    pub(crate) driver_info: String,
    pub(crate) buffer_bytes: u64,
    pub(crate) binding_bytes: u64,
    pub(crate) workgroup_bytes: u32,
}

/// Initializes the requested device.
///
/// # Errors
/// A GPU was requested by name and there is none, or it does not work.
pub(crate) fn choose(choice: DeviceChoice) -> anyhow::Result<Chosen> {
    let on_request = |device: Device, name: &str| Chosen {
        device,
        name: name.to_owned(),
        reason: "as requested".into(),
    };
    match choice {
        DeviceChoice::Ndarray => Ok(on_request(ndarray(), "ndarray")),
        DeviceChoice::Flex => Ok(on_request(Device::flex(), "flex")),
        DeviceChoice::Cuda => cuda(),
        DeviceChoice::Wgpu => wgpu_by_name(),
        DeviceChoice::Auto => Ok(first_gpu().unwrap_or_else(|why| Chosen {
            device: ndarray(),
            name: "ndarray".into(),
            reason: format!("{why}; --device flex is a faster CPU backend"),
        })),
    }
}

/// Prints a message if kernels are chosen by timing, because two processes may then choose different kernels.
///
/// # Errors
/// Kernels are chosen by timing, and the run must be deterministic.
pub(crate) fn check_autotune(chosen: &Chosen, deterministic: bool) -> anyhow::Result<()> {
    if !cfg!(feature = "autotune") || chosen.is_host() {
        return Ok(());
    }
    let reason = "this rayclip was built with autotune: it chooses kernels by timing, and the next process may choose \
                  different ones";
    if deterministic {
        bail!("--deterministic: {reason}; build it without autotune, or use --device flex");
    }
    output::note(reason);
    Ok(())
}

/// As [`choose`], but `auto` takes the faster CPU backend if there is no GPU. For the solver, and for runs with
/// many replicas.
///
/// # Errors
/// As [`choose`].
pub(crate) fn choose_fast(choice: DeviceChoice) -> anyhow::Result<Chosen> {
    if choice != DeviceChoice::Auto {
        return choose(choice);
    }
    Ok(first_gpu().unwrap_or_else(|why| Chosen {
        device: Device::flex(),
        name: "flex".into(),
        reason: format!("{why}; it is the faster CPU backend"),
    }))
}

#[expect(
    deprecated,
    reason = "Burn 0.23 drops the backend; until then it is the one to fall back to"
)]
fn ndarray() -> Device {
    Device::ndarray()
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> anyhow::Result<Chosen> {
    bail!(
        "--device cuda: this rayclip was built without CUDA; build it with `--features cuda`, or use \
         --device wgpu, which runs on the same cards"
    )
}
