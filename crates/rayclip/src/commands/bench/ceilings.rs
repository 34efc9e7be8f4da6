//! What a machine can do at best: the rate of a large product, the bandwidth of its memory, the latency of a kernel.

use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use burn::tensor::{Device, Tensor};
use cs_solver::{Matrix, Operator};
use rayclip_report::Ceilings;
use rayclip_trainer::among_workers;

/// The extent of the square matrices whose product is timed.
const SQUARE: usize = 1024;
/// Numbers of the tensor that is added to: 64 MiB, more than caches hold.
const NUMBERS: usize = 1 << 24;
/// No more repetitions of an operation after this time.
const ENOUGH: Duration = Duration::from_millis(300);

/// Measures a device, where a run computes: on a CPU, among the threads that compute products.
///
/// # Errors
/// The device fails, or computes wrong products.
pub(super) fn measure(device: &Device) -> anyhow::Result<Ceilings> {
    among_workers(device, || {
        let operations = 2.0 * (SQUARE * SQUARE * SQUARE) as f64;
        Ok(Ceilings {
            product_f32: operations / product(device)?,
            host_product_f64: operations / host_product()?,
            bandwidth: 2.0 * size_of::<f32>() as f64 * NUMBERS as f64 / addition(device)?,
            latency: one_number(device)?,
        })
    })
}

fn product(device: &Device) -> anyhow::Result<f64> {
    let a = Tensor::<2>::ones([SQUARE, SQUARE], device);
    fastest(|| {
        // Reading the sum waits for the product.
        let sum = a.clone().matmul(a.clone()).sum().try_into_vec_as::<f32>();
        let sum = sum.map_err(|error| anyhow!("multiplying matrices: {error}"))?;
        let right = (SQUARE * SQUARE * SQUARE) as f32;
        ensure!(sum == [right], "the device computes wrong products: {sum:?} is not {right}");
        Ok(())
    })
}

fn host_product() -> anyhow::Result<f64> {
    let entries: Vec<f64> = (0..SQUARE * SQUARE).map(|i| (i % 97) as f64 / 97.0).collect();
    let a = Matrix::from_rows(SQUARE, SQUARE, entries.clone())?;
    let mut product = vec![0.0; SQUARE * SQUARE];
    fastest(|| {
        a.apply_transposed(&entries, &mut product);
        Ok(())
    })
}

fn addition(device: &Device) -> anyhow::Result<f64> {
    let numbers = Tensor::<1>::ones([NUMBERS], device);
    fastest(|| {
        let _sum = numbers.clone() + 1.0;
        device.sync().map_err(|error| anyhow!("waiting for the device: {error}"))
    })
}

fn one_number(device: &Device) -> anyhow::Result<f64> {
    let one = Tensor::<1>::ones([1], device);
    fastest(|| {
        let read = (one.clone() + 1.0).try_into_vec_as::<f32>();
        read.map(drop).map_err(|error| anyhow!("adding numbers: {error}"))
    })
}

/// Returns the least time of several repetitions, after one that may compile kernels.
fn fastest(mut action: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    action()?;
    let (began, mut best) = (Instant::now(), f64::INFINITY);
    while best.is_infinite() || began.elapsed() < ENOUGH {
        let start = Instant::now();
        action()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}
