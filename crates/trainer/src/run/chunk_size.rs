//! The number of replicas that train at the same time: as many as fit into memory, and on a CPU no more than train
//! fast.

use burn::tensor::Device;
use rayclip_model::{Graph, Shape};

use crate::device::{is_host, largest_buffer};
use crate::error::TrainerError;

/// Bytes that a chunk may take on a GPU. No graphics API reports the free memory.
const GPU_BYTES: usize = 4 << 30;

/// Replicas that train at the same time on a CPU. With more, weights and moments no longer fit into its caches. Of
/// 1, 2, 3, 6 and 12 at widths from 15 to 512, six take the least time per replica (`flex`, two cores).
const HOST_REPLICAS: usize = 6;

/// The number of replicas in a chunk, and why it is not larger.
#[derive(Debug)]
pub(crate) struct ChunkSize {
    pub(crate) replicas: usize,
    pub(crate) reason: String,
}

/// What the memory of a training depends on besides the networks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Training {
    pub(crate) batch_size: usize,
    /// Whether every network has a copy of the original network, from which it learns.
    pub(crate) learns_from_original: bool,
    /// Copies of each network that train together.
    pub(crate) copies: usize,
}

/// Returns the largest chunk for networks of a graph. A size that the user `asked` for is reduced only to what the
/// device can bind.
///
/// # Errors
/// One replica does not fit the device or the machine.
pub(crate) fn chunk_size(
    graph: &Graph,
    Training { batch_size, learns_from_original, copies }: Training,
    device: &Device,
    asked: Option<usize>,
) -> Result<ChunkSize, TrainerError> {
    let mebibytes = |bytes: usize| bytes.div_ceil(1 << 20);
    let teacher = if learns_from_original { teacher_bytes(graph, batch_size) } else { 0 };
    let one = replica_bytes(graph, batch_size).saturating_mul(copies).saturating_add(teacher);
    let keys = match copies {
        1 => "network.hidden or training.batch_size",
        _ => "training.soup, network.hidden or training.batch_size",
    };
    let free = free_bytes();
    if is_host(device) && one > free {
        return Err(TrainerError::TooLarge {
            what: "training one network",
            bytes: one,
            whose: "the free memory is",
            limit: free,
            key: keys,
        });
    }
    let wanted = if let Some(replicas) = asked {
        ChunkSize { replicas, reason: "as requested".into() }
    } else {
        let (budget, of_what) = if is_host(device) {
            (free / 2, "half of the free memory")
        } else {
            (GPU_BYTES, "the limit on a GPU without --at-once")
        };
        let reason = format!(
            "a replica takes about {} MiB of {} MiB, {of_what}",
            mebibytes(one),
            mebibytes(budget)
        );
        let most = (HOST_REPLICAS / copies).max(1);
        if is_host(device) && budget / one > most {
            let reason = "larger chunks are slower on a CPU".into();
            ChunkSize { replicas: most, reason }
        } else {
            ChunkSize { replicas: budget / one, reason }
        }
    };
    let tensor = largest_tensor_bytes(graph, batch_size).saturating_mul(copies);
    let bound = largest_buffer(device).map_or(usize::MAX, |bytes| bytes / tensor);
    if bound == 0 {
        return Err(TrainerError::TooLarge {
            what: "the largest tensor of a network or a batch",
            bytes: tensor,
            whose: "the device can bind at most",
            limit: largest_buffer(device).unwrap_or(usize::MAX),
            key: keys,
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

/// Returns the bytes for training one replica: its parameters with gradients, moments and the copies during an
/// update, and the values of a batch in the forward and backward pass.
fn replica_bytes(graph: &Graph, batch_size: usize) -> usize {
    let of = |count: usize, factor: usize| count.saturating_mul(factor);
    let values = values(graph).map(|size| of(size, 2)).fold(0, usize::saturating_add);
    // The loss computes three more values of the size of the scores.
    let a_row = values.saturating_add(of(graph.outputs(), 6));
    let numbers = of(graph.parameters(), 6).saturating_add(of(a_row, batch_size));
    of(numbers, size_of::<f32>())
}

/// Returns the bytes of the original network of one replica: its parameters, and the values of a batch in the forward
/// pass.
fn teacher_bytes(graph: &Graph, batch_size: usize) -> usize {
    let values = values(graph).fold(0, usize::saturating_add);
    let numbers = graph.parameters().saturating_add(values.saturating_mul(batch_size));
    numbers.saturating_mul(size_of::<f32>())
}

/// Returns the bytes of the largest tensor, per replica.
fn largest_tensor_bytes(graph: &Graph, batch_size: usize) -> usize {
    let parameters =
        graph.extents().into_iter().map(|(_, [rows, columns])| rows.saturating_mul(columns));
    let values = values(graph).map(|size| size.saturating_mul(batch_size));
    let numbers = parameters.chain(values).max().unwrap_or(1);
    numbers.saturating_mul(size_of::<f32>())
}

/// Returns the number of entries of the input and of every node's value, for one image.
fn values(graph: &Graph) -> impl Iterator<Item = usize> {
    let shapes = std::iter::once(graph.input).chain(graph.shapes());
    shapes.map(Shape::numbers)
}

pub(crate) fn free_bytes() -> usize {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    // A container may have less free memory than the machine. The page cache counts as free.
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
        let device = Device::flex();
        let size = |inputs: usize, hidden: usize, batch_size: usize, asked| {
            let graph = Graph::perceptron(inputs, &[hidden], 10, false);
            let training = Training { batch_size, learns_from_original: false, copies: 1 };
            chunk_size(&graph, training, &device, asked)
        };
        let message = size(1 << 20, 1 << 20, 512, None).unwrap_err().to_string();
        assert!(message.contains("network.hidden") && message.contains("free"), "{message}");
        assert!(size(usize::MAX / 2, 1 << 20, usize::MAX, None).is_err());
        assert_eq!(size(1 << 14, 1 << 15, 512, Some(7)).unwrap().replicas, 7);
        assert_eq!(size(8, 8, 8, None).unwrap().replicas, HOST_REPLICAS);
    }

    #[test]
    fn a_batch_is_counted_forwards_and_back() {
        // 2 · 3 inputs, 4 · 5 hidden, 8 · 2 outputs, four images; 3 · 5 + 5 · 2 parameters.
        let graph = Graph::perceptron(3, &[5], 2, false);
        assert_eq!(replica_bytes(&graph, 4), 4 * (6 * 25 + 4 * (6 + 20 + 16)));
        assert_eq!(largest_tensor_bytes(&graph, 4), 4 * 20);
    }
}
