//! How many replicas train at once: as many as memory takes, and on a CPU as many as are fast.

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use rayclip_model::MlpShape;

use crate::TrainerError;
use crate::device::is_host;

/// Bytes that a chunk may take on a GPU, whose free memory no graphics API tells.
const GPU_BYTES: usize = 4 << 30;

/// Replicas that train at once on a CPU: with more, weights and moments leave its caches. Of 1, 2, 3, 6
/// and 12 at widths from 15 to 512, six take the least time a replica (`flex`, two cores).
const HOST_REPLICAS: usize = 6;

/// Replicas in a chunk, and what keeps it from more.
#[derive(Debug)]
pub(crate) struct ChunkSize {
    pub(crate) replicas: usize,
    pub(crate) reason: String,
}

/// The largest chunk for networks of `shape`; `asked` for by the user, it is only kept within what
/// the device can bind.
///
/// # Errors
/// One replica does not fit the device or the machine.
pub(crate) fn chunk_size(
    shape: &MlpShape,
    batch_size: usize,
    device: &Device,
    asked: Option<usize>,
) -> Result<ChunkSize, TrainerError> {
    let mebibytes = |bytes: usize| bytes.div_ceil(1 << 20);
    let (one, free) = (replica_bytes(shape, batch_size), free_bytes());
    if is_host(device) && one > free {
        return Err(TrainerError::TooLarge {
            what: "training one network",
            bytes: one,
            whose: "this machine has free",
            limit: free,
            key: "network.hidden or training.batch_size",
        });
    }
    let wanted = if let Some(replicas) = asked {
        ChunkSize { replicas, reason: "as asked for".into() }
    } else {
        let (budget, of_what) = if is_host(device) {
            (free / 2, "half of the free memory")
        } else {
            (GPU_BYTES, "taken of a GPU without --at-once")
        };
        let reason = format!(
            "a replica takes about {} MiB, of {} MiB that are {of_what}",
            mebibytes(one),
            mebibytes(budget)
        );
        if is_host(device) && budget / one > HOST_REPLICAS {
            let reason = "more take longer each on a CPU".into();
            ChunkSize { replicas: HOST_REPLICAS, reason }
        } else {
            ChunkSize { replicas: budget / one, reason }
        }
    };
    let tensor = largest_tensor_bytes(shape, batch_size);
    let bound = largest_buffer(device).map_or(usize::MAX, |bytes| bytes / tensor);
    if bound == 0 {
        return Err(TrainerError::TooLarge {
            what: "the largest tensor of a network or a batch",
            bytes: tensor,
            whose: "the device binds, as one tensor, at most",
            limit: largest_buffer(device).unwrap_or(usize::MAX),
            key: "network.hidden or training.batch_size",
        });
    }
    if bound < wanted.replicas {
        let buffer = mebibytes(bound.saturating_mul(tensor));
        let reason = format!("the device cannot bind more than {buffer} MiB as one tensor");
        return Ok(ChunkSize { replicas: bound, reason });
    }
    Ok(ChunkSize { replicas: wanted.replicas.max(1), reason: wanted.reason })
}

/// Splits `replicas` into chunks of nearly the same size, none larger than `size`.
pub(crate) fn split<T>(replicas: &[T], size: usize) -> impl Iterator<Item = &[T]> {
    let chunks = replicas.len().div_ceil(size).max(1);
    replicas.chunks(replicas.len().div_ceil(chunks).max(1))
}

/// Bytes that training takes a replica: its parameters with gradients, moments and the copies that an
/// update makes, and a batch on its way through the layers and back.
fn replica_bytes(shape: &MlpShape, batch_size: usize) -> usize {
    let of = |count: usize, factor: usize| count.saturating_mul(factor);
    let hidden = shape.hidden.iter().fold(0_usize, |sum, width| sum.saturating_add(*width));
    let a_row =
        of(shape.inputs, 2).saturating_add(of(hidden, 4)).saturating_add(of(shape.outputs, 8));
    let numbers = of(shape.parameters(), 6).saturating_add(of(a_row, batch_size));
    of(numbers, size_of::<f32>())
}

/// Bytes of the largest tensor, a replica.
fn largest_tensor_bytes(shape: &MlpShape, batch_size: usize) -> usize {
    let extents = shape.layers().flat_map(|(fan_in, fan_out)| {
        [(fan_in, fan_out), (fan_in, batch_size), (fan_out, batch_size)]
    });
    let numbers = extents.map(|(a, b)| a.saturating_mul(b)).max().unwrap_or(1);
    numbers.saturating_mul(size_of::<f32>())
}

/// Bytes that the device can bind as one buffer; `None` where host memory is the limit.
fn largest_buffer(device: &Device) -> Option<usize> {
    match device.as_dispatch() {
        DispatchDevice::Cube(device) => {
            Some(device.client().properties().memory.max_page_size as usize)
        }
        _ => None,
    }
}

fn free_bytes() -> usize {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    // Within a container less may be free than the machine has. What files are cached in is given back.
    let of_group = system
        .cgroup_limits()
        .map_or(u64::MAX, |limits| limits.total_memory.saturating_sub(limits.rss));
    system.available_memory().min(of_group) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_even_and_none_is_too_large() {
        let sizes = |count: usize, size| {
            let replicas: Vec<usize> = (0..count).collect();
            split(&replicas, size).map(<[usize]>::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(10, 4), [4, 4, 2]);
        assert_eq!(sizes(9, 8), [5, 4]);
        assert_eq!(sizes(3, 100), [3]);
        assert_eq!(sizes(0, 4), [0; 0]);
    }

    #[test]
    fn memory_bounds_a_chunk_unless_the_user_does() {
        let shape = MlpShape {
            replicas: 1,
            inputs: 1 << 14,
            hidden: vec![1 << 15],
            outputs: 10,
            bias: false,
        };
        let device = Device::flex();
        let wide = MlpShape { inputs: 1 << 20, hidden: vec![1 << 20], ..shape.clone() };
        let message = chunk_size(&wide, 512, &device, None).unwrap_err().to_string();
        assert!(message.contains("network.hidden") && message.contains("free"), "{message}");
        let endless = MlpShape { inputs: usize::MAX / 2, ..wide };
        assert!(chunk_size(&endless, usize::MAX, &device, None).is_err());
        assert_eq!(chunk_size(&shape, 512, &device, Some(7)).unwrap().replicas, 7);
        let small = MlpShape { inputs: 8, hidden: vec![8], ..shape };
        assert_eq!(chunk_size(&small, 8, &device, None).unwrap().replicas, HOST_REPLICAS);
    }
}
