//! No kernels: this build has no backend for a GPU. A batch has no shape for a kernel, so none is launched.

use burn::tensor::{Device, Tensor};

use super::HalpernConstants;

/// There is no shape that suits a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {}

impl Shape {
    pub(crate) fn suiting(_: &Device, _: [usize; 4], _: usize) -> Option<Self> {
        None
    }

    pub(crate) fn iterations(self, _: usize) -> usize {
        match self {}
    }
}

pub(crate) fn fista_block([.., state]: [Tensor<3>; 5], _: usize) -> Tensor<3> {
    state
}

pub(crate) fn halpern_block(
    [.., state]: [Tensor<3>; 5],
    _: HalpernConstants,
    _: usize,
    _: usize,
) -> Tensor<3> {
    state
}
