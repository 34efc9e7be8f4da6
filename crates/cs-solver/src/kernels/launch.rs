//! Launches the kernels on tensors, if the shapes suit them.

use std::ops::Range;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::{Device, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, cubecl};
use cubecl::prelude::{CubeCount, CubeDim};

use super::HalpernConstants;
use super::fista::fista_kernel;
use super::halpern::halpern_kernel;
use super::steps::UNITS;

/// Some drivers abort a kernel after this many trips of its loops, nested ones counted together.
const TRIPS_AT_MOST: usize = 60_000;
/// If an iteration of the batch has at least this many multiplications, matrix products are faster than one workgroup
/// per column, because a launch costs less than the iteration.
const PRODUCTS_FROM: usize = 70_000_000;

// Extents and iterations of a launch are 32-bit. A batch that suits a kernel has fewer multiplications.
const _: () = assert!(PRODUCTS_FROM <= u32::MAX as usize);
const _: () = assert!(TRIPS_AT_MOST <= u32::MAX as usize);

/// The shape for which a kernel is compiled and launched. No extent exceeds `PRODUCTS_FROM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    n: usize,
    m: usize,
    /// The number of columns of all groups.
    columns: usize,
    /// The number of vectors of length m in workgroup memory.
    vectors: usize,
}

impl Shape {
    /// Returns the shape, if `device` can run kernels and they suit it.
    pub(crate) fn suiting(
        device: &Device,
        [groups, width, n, m]: [usize; 4],
        vectors: usize,
    ) -> Option<Self> {
        let DispatchDevice::Cube(device) = device.as_dispatch() else { return None };
        let client = device.client();
        let hardware = &client.properties().hardware;
        let shape = Self { n, m, columns: groups * width, vectors };
        let products = n.saturating_mul(m).saturating_mul(shape.columns);
        let fits = products < PRODUCTS_FROM
            && shape.workgroup_bytes() <= hardware.max_shared_memory_size
            && UNITS <= hardware.max_units_per_cube as usize
            && shape.columns <= hardware.max_cube_count.0 as usize
            && shape.trips() <= TRIPS_AT_MOST;
        fits.then_some(shape)
    }

    /// Returns the extents rounded up, so that one compiled kernel serves many shapes.
    fn at_most(self) -> (usize, usize) {
        (self.n.next_power_of_two(), self.m.next_power_of_two())
    }

    fn workgroup_bytes(self) -> usize {
        let (rows, coefficients) = self.at_most();
        (self.vectors * coefficients + rows + rows.max(UNITS) + 16) * size_of::<f32>()
    }

    /// Returns an upper bound of the loop trips of one iteration.
    fn trips(self) -> usize {
        let shares = (UNITS / self.n).max(1);
        let rows = (self.n * shares).div_ceil(UNITS) * (self.m.div_ceil(shares) + 1);
        let columns = self.m.div_ceil(UNITS) * (self.n + 3);
        rows + columns + self.n.div_ceil(UNITS) * (shares + 2) + 40
    }

    /// Returns the number of iterations of the next launch, given those that are left.
    pub(crate) fn iterations(self, left: usize) -> usize {
        left.min(TRIPS_AT_MOST / self.trips()).max(1)
    }
}

/// The kernels as operations of a backend.
#[backend_extension(Cube, Fusion)]
pub(crate) trait BlockOps: Backend {
    /// See [`fista_kernel`].
    #[fusion(dtype = state, shape = state)]
    fn fista_block(
        a: FloatTensor<Self>,
        a_transposed: FloatTensor<Self>,
        y: FloatTensor<Self>,
        parameters: FloatTensor<Self>,
        state: FloatTensor<Self>,
        iterations: u32,
    ) -> FloatTensor<Self>;

    /// See [`halpern_kernel`].
    #[fusion(dtype = state, shape = state)]
    fn halpern_block(
        a: FloatTensor<Self>,
        a_transposed: FloatTensor<Self>,
        measured: FloatTensor<Self>,
        parameters: FloatTensor<Self>,
        state: FloatTensor<Self>,
        constants: HalpernConstants,
        iterations: Range<u32>,
    ) -> FloatTensor<Self>;
}

/// Returns the state, `[group, column, 2m + 1]`, after some iterations of FISTA; see [`fista_kernel`] for the shapes.
pub(crate) fn fista_block(
    [a, a_transposed, y, parameters, state]: [Tensor<3>; 5],
    iterations: usize,
) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as BlockOps>::fista_block(
        a.into_dispatch(),
        a_transposed.into_dispatch(),
        y.into_dispatch(),
        parameters.into_dispatch(),
        state.into_dispatch(),
        iterations as u32,
    ))
}

/// Returns the state, `[group, column, 2m + 2]`, after some iterations; see [`halpern_kernel`] for the shapes.
pub(crate) fn halpern_block(
    [a, a_transposed, measured, parameters, state]: [Tensor<3>; 5],
    constants: HalpernConstants,
    done: usize,
    iterations: usize,
) -> Tensor<3> {
    // Beyond the largest number that a kernel can count, more earlier iterations make no difference.
    let done = done.min(u32::MAX as usize - iterations);
    Tensor::from_dispatch(<Dispatch as BlockOps>::halpern_block(
        a.into_dispatch(),
        a_transposed.into_dispatch(),
        measured.into_dispatch(),
        parameters.into_dispatch(),
        state.into_dispatch(),
        constants,
        done as u32..(done + iterations) as u32,
    ))
}

/// Returns the extents of a launch, from its tensors.
struct Launch {
    n: usize,
    m: usize,
    width: usize,
    count: CubeCount,
    units: CubeDim,
}

impl Launch {
    fn of(a: &CubeTensor, state: &CubeTensor) -> Self {
        let (a, state) = (a.meta.shape(), state.meta.shape());
        Self {
            n: a[1],
            m: a[2],
            width: state[1],
            count: CubeCount::Static((state[0] * state[1]) as u32, 1, 1),
            units: CubeDim::new_1d(UNITS as u32),
        }
    }
}

fn empty_like(state: &CubeTensor) -> CubeTensor {
    let shape = state.meta.shape().clone();
    empty_device_contiguous_dtype(state.client.clone(), state.device.clone(), shape, state.dtype)
}

impl BlockOps for CubeBackend {
    fn fista_block(
        a: CubeTensor,
        a_transposed: CubeTensor,
        y: CubeTensor,
        parameters: CubeTensor,
        state: CubeTensor,
        iterations: u32,
    ) -> CubeTensor {
        let [a, a_transposed, y, parameters, state] =
            [a, a_transposed, y, parameters, state].map(into_contiguous);
        let (launch, next) = (Launch::of(&a, &state), empty_like(&state));
        fista_kernel::launch(
            &state.client.clone(),
            launch.count,
            launch.units,
            a.into_tensor_arg(),
            a_transposed.into_tensor_arg(),
            y.into_tensor_arg(),
            parameters.into_tensor_arg(),
            state.into_tensor_arg(),
            next.clone().into_tensor_arg(),
            launch.n as u32,
            launch.m as u32,
            launch.width as u32,
            iterations,
            launch.n.next_power_of_two(),
            launch.m.next_power_of_two(),
        );
        next
    }

    fn halpern_block(
        a: CubeTensor,
        a_transposed: CubeTensor,
        measured: CubeTensor,
        parameters: CubeTensor,
        state: CubeTensor,
        constants: HalpernConstants,
        iterations: Range<u32>,
    ) -> CubeTensor {
        let [a, a_transposed, measured, parameters, state] =
            [a, a_transposed, measured, parameters, state].map(into_contiguous);
        let (launch, next) = (Launch::of(&a, &state), empty_like(&state));
        halpern_kernel::launch(
            &state.client.clone(),
            launch.count,
            launch.units,
            a.into_tensor_arg(),
            a_transposed.into_tensor_arg(),
            measured.into_tensor_arg(),
            parameters.into_tensor_arg(),
            state.into_tensor_arg(),
            next.clone().into_tensor_arg(),
            constants.sufficient_squared,
            constants.necessary_squared,
            constants.long,
            constants.relaxation,
            launch.n as u32,
            launch.m as u32,
            launch.width as u32,
            iterations.start,
            iterations.end - iterations.start,
            launch.n.next_power_of_two(),
            launch.m.next_power_of_two(),
        );
        next
    }
}
