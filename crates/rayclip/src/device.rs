//! Chooses the adapter or backend of a run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, anyhow, bail};
use burn::tensor::wgpu::wgpu::{
    self, AdapterInfo, Backends, DeviceType, Instance, InstanceDescriptor, Limits,
};
use burn::tensor::{Device, DeviceKind, Tensor};
use rayclip_run_folder::config::DeviceChoice;

use crate::output;

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

/// An adapter, as the graphics driver reports it.
pub(crate) struct Adapter {
    pub(crate) info: AdapterInfo,
    pub(crate) limits: Limits,
}

/// Returns the kind of an adapter.
pub(crate) fn kind(info: &AdapterInfo) -> &'static str {
    match info.device_type {
        DeviceType::DiscreteGpu => "discrete GPU",
        DeviceType::IntegratedGpu => "integrated GPU",
        DeviceType::VirtualGpu => "virtual GPU",
        DeviceType::Cpu => "software",
        DeviceType::Other => "other",
    }
}

fn describe(info: &AdapterInfo) -> String {
    let AdapterInfo { name, driver, driver_info, backend, .. } = info;
    format!("{name} ({}, {backend:?}, {driver} {driver_info})", kind(info))
}

/// Returns all adapters, best first: discrete, integrated, virtual, other, software.
pub(crate) fn adapters() -> Vec<Adapter> {
    // A broken driver may even panic. Then there is no adapter.
    let found = quietly(|| {
        let backends = Backends::PRIMARY | Backends::GL;
        let instance = Instance::new(InstanceDescriptor {
            backends,
            ..InstanceDescriptor::new_without_display_handle()
        });
        pollster::block_on(instance.enumerate_adapters(backends))
            .iter()
            .map(|adapter: &wgpu::Adapter| Adapter {
                info: adapter.get_info(),
                limits: adapter.limits(),
            })
            .collect::<Vec<_>>()
    });
    let mut adapters = found.unwrap_or_default();
    adapters.sort_by_key(|adapter| match adapter.info.device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    });
    adapters
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

/// Returns the first real GPU that works, or the reason why there is none.
fn first_gpu() -> Result<Chosen, String> {
    let adapters = adapters();
    let gpus = adapters.iter().filter(|adapter| {
        let kind = adapter.info.device_type;
        matches!(kind, DeviceType::DiscreteGpu | DeviceType::IntegratedGpu)
    });
    let mut reasons = Vec::new();
    for gpu in gpus {
        match bring_up(gpu) {
            Ok((device, name)) => {
                return Ok(Chosen { device, name, reason: "the first GPU".into() });
            }
            Err(error) => reasons.push(format!("{} does not work: {error:#}", describe(&gpu.info))),
        }
    }
    Err(match (reasons.is_empty(), adapters.first()) {
        (false, _) => reasons.join("; "),
        (true, Some(software)) => format!("there is no GPU, only {}", describe(&software.info)),
        (true, None) => "there is no GPU adapter".into(),
    })
}

fn wgpu_by_name() -> anyhow::Result<Chosen> {
    let adapters = adapters();
    let Some(adapter) = adapters.first() else {
        bail!(
            "no adapter for --device wgpu: install a Vulkan driver (on Debian without a GPU, the \
             software driver mesa-vulkan-drivers), or use --device flex"
        );
    };
    let (device, name) = bring_up(adapter)
        .with_context(|| format!("--device wgpu: {} does not work", describe(&adapter.info)))?;
    let reason = match adapter.info.device_type {
        DeviceType::Cpu => "as requested; a software adapter: correct, but slow",
        _ => "as requested",
    };
    Ok(Chosen { device, name, reason: reason.into() })
}

#[cfg(feature = "cuda")]
fn cuda() -> anyhow::Result<Chosen> {
    let device = Device::cuda(0);
    check(&device).context("--device cuda does not work")?;
    Ok(Chosen { device, name: "cuda 0".into(), reason: "as requested".into() })
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> anyhow::Result<Chosen> {
    bail!(
        "--device cuda: this rayclip was built without CUDA; build it with `--features cuda`, or use \
         --device wgpu, which runs on the same cards"
    )
}

/// Initializes the first adapter of the same kind and multiplies two small matrices on it. Returns the device
/// and the name of the adapter that was really used.
fn bring_up(adapter: &Adapter) -> anyhow::Result<(Device, String)> {
    let kind = match adapter.info.device_type {
        DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu(0),
        DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu(0),
        DeviceType::VirtualGpu => DeviceKind::VirtualGpu(0),
        DeviceType::Other => DeviceKind::DefaultDevice,
        DeviceType::Cpu => DeviceKind::Cpu,
    };
    let options = Device::wgpu_options().device_kind(kind);
    let (device, setup) = quietly(|| options.init_with_setup())??;
    check(&device)?;
    Ok((device, format!("wgpu on {}", describe(&setup.adapter.get_info()))))
}

fn check(device: &Device) -> anyhow::Result<()> {
    let values: Vec<f32> = quietly(|| {
        let ones = Tensor::<2>::ones([8, 8], device);
        ones.clone().matmul(ones).try_into_vec_as::<f32>()
    })?
    .map_err(|error| anyhow!("{error}"))?;
    if values != [8.0; 64] {
        bail!("it computes wrong products");
    }
    Ok(())
}

/// Runs `action`. A panic in it becomes an error and prints nothing.
fn quietly<T>(action: impl FnOnce() -> T) -> anyhow::Result<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let outcome = catch_unwind(AssertUnwindSafe(action));
    std::panic::set_hook(hook);
    outcome.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        anyhow!("the driver panicked: {}", text.unwrap_or("no reason given"))
    })
}
