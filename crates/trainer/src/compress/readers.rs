//! The layers that read the groups which a clip made narrower.

use burn::tensor::Tensor;
use rayclip_model::{Group, Population, Value, select};

use crate::error::TrainerError;

/// A group that a clip made narrower, and the channels that every replica kept, `[replica][channel]`.
pub(crate) struct Clipped {
    pub(crate) group: Group,
    pub(crate) kept: Vec<Vec<usize>>,
}

/// A layer and the value that it reads.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    pub(super) reads: Value,
    /// The index of the layer's node.
    pub(super) node: usize,
}

/// Names of the parameters of a layer.
pub(super) struct Parameters {
    pub(super) weight: String,
    /// `None` if the layer has no bias.
    pub(super) bias: Option<String>,
}

/// Changes the networks for each layer that reads the last of the groups, one layer after the other.
///
/// # Errors
/// The error of the first change that fails.
pub(super) fn for_each_reader(
    network: Population,
    clipped: &[Clipped],
    change: impl Fn(Population, Reader) -> Result<Population, TrainerError>,
) -> Result<Population, TrainerError> {
    let readings = clipped.last().into_iter().flat_map(|clipped| &clipped.group.readings);
    let mut readers = readings.flat_map(|reading| {
        reading.users.iter().map(|node| Reader { reads: reading.value, node: *node })
    });
    readers.try_fold(network, change)
}

impl Reader {
    /// Returns the names of its parameters.
    pub(super) fn parameters(&self, network: &Population) -> Parameters {
        let name = &network.graph().nodes[self.node].name;
        let bias = format!("{name}.bias");
        let bias = network.parameters().get(&bias).is_some().then_some(bias);
        Parameters { weight: format!("{name}.weight"), bias }
    }

    /// Returns its output before the clip, without the channels that are gone since then.
    pub(super) fn output_before(
        &self,
        before: &Population,
        images: Tensor<3>,
        clipped: &[Clipped],
    ) -> Tensor<3> {
        let [mut output] = values(before, images, [Value::Node(self.node)]);
        let Parameters { weight, .. } = self.parameters(before);
        // The layer may make channels of a group that is narrower too, such as that of a residual sum.
        for Clipped { group, kept } in clipped {
            if group.makes.iter().any(|tie| tie.parameter == weight) {
                output = select(&output, 2, kept);
            }
        }
        output
    }
}

/// Computes some values of the networks for a batch of images.
#[expect(clippy::expect_used, reason = "one tensor per requested value")]
pub(super) fn values<const N: usize>(
    network: &Population,
    images: Tensor<3>,
    wanted: [Value; N],
) -> [Tensor<3>; N] {
    network.values(images, &wanted).try_into().expect("one tensor per requested value")
}
