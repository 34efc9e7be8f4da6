//! GPUs: the adapters of wgpu, and CUDA.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, anyhow, bail};
use burn::tensor::wgpu::wgpu::{
    AdapterInfo, Backends, DeviceType, Instance, InstanceDescriptor, Limits,
};
use burn::tensor::{Device, DeviceKind, Tensor};

use super::{Adapter, Chosen};

/// Returns all adapters, best first: discrete, integrated, virtual, other, software.
pub(crate) fn adapters() -> Vec<Adapter> {
    let described = |(info, limits): (AdapterInfo, Limits)| Adapter {
        kind: kind(&info),
        name: info.name,
        api: format!("{:?}", info.backend),
        driver: info.driver,
        driver_info: info.driver_info,
        buffer_bytes: limits.max_buffer_size,
        binding_bytes: limits.max_storage_buffer_binding_size,
        workgroup_bytes: limits.max_compute_workgroup_storage_size,
    };
    found().into_iter().map(described).collect()
}

/// Returns what wgpu says of all adapters, in the order of [`adapters`].
fn found() -> Vec<(AdapterInfo, Limits)> {
    // A broken driver may even panic. Then there is no adapter.
    let found = quietly(|| {
        let backends = Backends::PRIMARY | Backends::GL;
        let instance = Instance::new(InstanceDescriptor {
            backends,
            ..InstanceDescriptor::new_without_display_handle()
        });
        let adapters = pollster::block_on(instance.enumerate_adapters(backends));
        adapters.iter().map(|adapter| (adapter.get_info(), adapter.limits())).collect()
    });
    let mut adapters: Vec<(AdapterInfo, Limits)> = found.unwrap_or_default();
    adapters.sort_by_key(|(info, _)| match info.device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    });
    adapters
}

/// Returns the kind of an adapter.
fn kind(info: &AdapterInfo) -> &'static str {
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

/// Returns the first real GPU that works, or the reason why there is none.
pub(super) fn first_gpu() -> Result<Chosen, String> {
    let adapters: Vec<AdapterInfo> = found().into_iter().map(|(info, _)| info).collect();
    let is_gpu = |adapter: &&AdapterInfo| {
        matches!(adapter.device_type, DeviceType::DiscreteGpu | DeviceType::IntegratedGpu)
    };
    let mut reasons = Vec::new();
    for gpu in adapters.iter().filter(is_gpu) {
        match bring_up(gpu) {
            Ok((device, name)) => {
                return Ok(Chosen { device, name, reason: "the first GPU".into() });
            }
            Err(error) => reasons.push(format!("{} does not work: {error:#}", describe(gpu))),
        }
    }
    Err(match (reasons.is_empty(), adapters.first()) {
        (false, _) => reasons.join("; "),
        (true, Some(software)) => format!("there is no GPU, only {}", describe(software)),
        (true, None) => "there is no GPU adapter".into(),
    })
}

pub(super) fn wgpu_by_name() -> anyhow::Result<Chosen> {
    let Some((adapter, _)) = found().into_iter().next() else {
        bail!(
            "no adapter for --device wgpu: install a Vulkan driver (on Debian without a GPU, the \
             software driver mesa-vulkan-drivers), or use --device flex"
        );
    };
    let (device, name) = bring_up(&adapter)
        .with_context(|| format!("--device wgpu: {} does not work", describe(&adapter)))?;
    let reason = match adapter.device_type {
        DeviceType::Cpu => "as requested; a software adapter: correct, but slow",
        _ => "as requested",
    };
    Ok(Chosen { device, name, reason: reason.into() })
}

#[cfg(feature = "cuda")]
pub(super) fn cuda() -> anyhow::Result<Chosen> {
    let device = Device::cuda(0);
    check(&device).context("--device cuda does not work")?;
    Ok(Chosen { device, name: "cuda 0".into(), reason: "as requested".into() })
}

/// Initializes the first adapter of the same kind and multiplies two small matrices on it. Returns the device
/// and the name of the adapter that was really used.
fn bring_up(adapter: &AdapterInfo) -> anyhow::Result<(Device, String)> {
    let kind = match adapter.device_type {
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
