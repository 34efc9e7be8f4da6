//! The gradients of the operations, for Burn's automatic differentiation.
//!
//! The input is kept, not its patches: they have as many times its numbers as the window has taps, and are gathered
//! again.

use burn::backend::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use crate::anywhere::row;
use crate::backend::NetworkOps;
use crate::window::Window;

impl<B: NetworkOps, C: CheckpointStrategy> NetworkOps for Autodiff<B, C> {
    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        match Conv.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), prep.checkpoint(&weight), window);
                prep.finish(state, B::conv(x.into_primitive(), weight.into_primitive(), window))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::conv(x.into_primitive(), weight.into_primitive(), window))
            }
        }
    }

    fn depthwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        match Depthwise.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), prep.checkpoint(&weight), window);
                prep.finish(
                    state,
                    B::depthwise(x.into_primitive(), weight.into_primitive(), window),
                )
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::depthwise(x.into_primitive(), weight.into_primitive(), window))
            }
        }
    }

    fn max_pool(x: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        match MaxPool.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), window);
                prep.finish(state, B::max_pool(x.into_primitive(), window))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::max_pool(x.into_primitive(), window)),
        }
    }

    fn normalise(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), scale.node(), shift.node()];
        let moments = moments.into_primitive();
        let normalise =
            |x, moments, scale| B::normalise(x, moments, scale, shift.into_primitive(), epsilon);
        match BatchNorm.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = NormState {
                    x: prep.checkpoint(&x),
                    scale: prep.checkpoint(&scale),
                    moments: moments.clone(),
                    epsilon,
                };
                prep.finish(state, normalise(x.into_primitive(), moments, scale.into_primitive()))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(normalise(x.into_primitive(), moments, scale.into_primitive()))
            }
        }
    }
}

/// Registers the gradients of an input and of a weight, if they are wanted.
macro_rules! input_and_weight {
    ($operation:ident, $input_gradient:ident, $weight_gradient:ident) => {
        #[derive(Debug)]
        struct $operation;

        impl<B: NetworkOps> Backward<B, 2> for $operation {
            type State = (NodeId, NodeId, Window);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [x_node, weight_node] = ops.parents;
                let gradient = grads.consume::<B>(&ops.node);
                let (x, weight, window) = ops.state;
                let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
                let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(weight);
                if let Some(node) = x_node {
                    let of_input = B::$input_gradient(gradient.clone(), weight, window);
                    grads.register::<B>(node.id, of_input);
                }
                if let Some(node) = weight_node {
                    grads.register::<B>(node.id, B::$weight_gradient(x, gradient, window));
                }
            }
        }
    };
}

input_and_weight!(Conv, conv_input_gradient, conv_weight_gradient);
input_and_weight!(Depthwise, depthwise_input_gradient, depthwise_weight_gradient);

#[derive(Debug)]
struct MaxPool;

impl<B: NetworkOps> Backward<B, 1> for MaxPool {
    type State = (NodeId, Window);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x_node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (x, window) = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        if let Some(node) = x_node {
            grads.register::<B>(node.id, B::max_pool_gradient(x, gradient, window));
        }
    }
}

#[derive(Debug)]
struct BatchNorm;

#[derive(Debug, Clone)]
struct NormState<T> {
    x: NodeId,
    scale: NodeId,
    moments: T,
    epsilon: f32,
}

impl<B: NetworkOps> Backward<B, 3> for BatchNorm {
    type State = NormState<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x_node, scale_node, shift_node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let NormState { x, scale, moments, epsilon } = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        let scale = checkpointer.retrieve_node_output::<FloatTensor<B>>(scale);
        let sums = B::batch_norm_sums(x.clone(), moments.clone(), gradient.clone(), epsilon);
        if let Some(node) = shift_node {
            grads.register::<B>(node.id, row::<B>(sums.clone(), 0));
        }
        if let Some(node) = scale_node {
            grads.register::<B>(node.id, row::<B>(sums.clone(), 1));
        }
        if let Some(node) = x_node {
            let of_input = B::batch_norm_input_gradient(x, moments, scale, gradient, sums, epsilon);
            grads.register::<B>(node.id, of_input);
        }
    }
}
