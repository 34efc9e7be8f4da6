"""Computes the operations of the model crate with PyTorch, for the test `golden.rs`.

Writes `operations.safetensors`: for every case its input, parameters, state, the gradient of its result, and then
what PyTorch computes: the result, the gradients, the new state. The graph of a case is in the metadata, in the form
of the model crate's files. All tensors have the layout of the model crate: `[replica, image · position, channel]`,
and matrices `[replica, rows, columns]`.

Usage: python operations.py (needs torch and safetensors)
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

REPLICAS, IMAGES, HEIGHT, WIDTH, CHANNELS = 2, 2, 5, 4, 3
torch.manual_seed(0)
tensors, graphs = {}, {}


def draw(*extents):
    """Draws numbers with few digits. None is 0, where the gradient of some functions is a matter of taste."""
    return ((torch.randn(extents) * 64).floor() + 0.5) / 64


def image(x):
    """[image · position, channel] → [image, channel, height, width]."""
    return x.reshape(IMAGES, HEIGHT, WIDTH, -1).permute(0, 3, 1, 2)


def rows(y):
    """[image, channel, ...] → [image · position, channel]."""
    return y.flatten(2).transpose(1, 2).flatten(0, 1) if y.dim() > 2 else y


def case(name, op, function, parameters=(), state=(), channels=CHANNELS, more=None):
    """Computes one case. `function` gets the images, the parameters and the state of one replica."""
    x = draw(REPLICAS, IMAGES * HEIGHT * WIDTH, channels)
    values = {"input": x} | {key: draw(REPLICAS, *extents) for key, extents in parameters}
    states = {key: draw(REPLICAS, *extents).abs() + 0.5 for key, extents in state}
    results, gradients, news = [], {key: [] for key in values}, {key: [] for key in states}
    upstream = None
    for replica in range(REPLICAS):
        leaves = {key: value[replica].clone().requires_grad_() for key, value in values.items()}
        own = {key: value[replica].clone() for key, value in states.items()}
        given = {key: value for key, value in leaves.items() if key != "input"}
        result = rows(function(image(leaves["input"]), **given, **own))
        if upstream is None:
            upstream = draw(REPLICAS, *result.shape)
        (result * upstream[replica]).sum().backward()
        results.append(result.detach())
        for key, leaf in leaves.items():
            gradients[key].append(leaf.grad)
        for key, value in own.items():
            news[key].append(value)
    for key, value in (values | states | {"upstream": upstream}).items():
        tensors[f"{name}.{key}"] = value
    tensors[f"{name}.result"] = torch.stack(results)
    for key, value in gradients.items():
        tensors[f"{name}.gradient.{key}"] = torch.stack(value)
    for key, value in news.items():
        tensors[f"{name}.new.{key}"] = torch.stack(value)
    shape = {"height": HEIGHT, "width": WIDTH, "channels": channels}
    nodes = [{"name": "op", "op": op, "inputs": ["input"]}]
    graphs[name] = json.dumps({"input": shape, "nodes": more or nodes})


def kernel(weight, height, width):
    """[tap · input, output] → [output, input, height, width]."""
    return weight.reshape(height, width, -1, weight.shape[-1]).permute(3, 2, 0, 1)


def conv(kernel_size, outputs=4, bias=True, **options):
    height, width = kernel_size
    top, left, bottom, right = options.get("padding", [0, 0, 0, 0])

    def function(x, weight, bias=None):
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(
            x,
            kernel(weight, height, width),
            None if bias is None else bias[0],
            stride=options.get("stride", 1),
            dilation=options.get("dilation", 1),
        )

    parameters = [("weight", (height * width * CHANNELS, outputs))]
    parameters += [("bias", (1, outputs))] if bias else []
    op = {"conv2d": {"outputs": outputs, "kernel": kernel_size, "bias": bias, **options}}
    return op, function, parameters


case("conv", *conv([3, 3], padding=[1, 1, 1, 1]))
case("conv_strided", *conv([3, 2], stride=[2, 1], padding=[1, 0, 2, 1], bias=False))
case("conv_dilated", *conv([2, 2], dilation=[2, 3]))
case("conv_pointwise", *conv([1, 1]))
case("conv_one", *conv([1, 1], stride=[2, 2]))


def depthwise(x, weight, bias):
    return F.conv2d(x, weight.T.reshape(-1, 1, 3, 2), bias[0], stride=(2, 1), padding=1, groups=CHANNELS)


case(
    "depthwise",
    {"depthwise_conv2d": {"kernel": [3, 2], "stride": [2, 1], "padding": 1}},
    depthwise,
    [("weight", (6, CHANNELS)), ("bias", (1, CHANNELS))],
)


def linear(x, weight, bias):
    return (x.permute(0, 2, 3, 1) @ weight + bias).permute(0, 3, 1, 2)


case("linear", {"linear": {"outputs": 2}}, linear, [("weight", (CHANNELS, 2)), ("bias", (1, 2))])


def batch_norm(x, weight, bias, running_mean, running_var):
    return F.batch_norm(
        x, running_mean[0], running_var[0], weight[0], bias[0], training=True, momentum=0.3, eps=1e-3
    )


NORM = [("weight", (1, CHANNELS)), ("bias", (1, CHANNELS))]
STATE = [("running_mean", (1, CHANNELS)), ("running_var", (1, CHANNELS))]
case("batch_norm", {"batch_norm": {"epsilon": 1e-3, "momentum": 0.3}}, batch_norm, NORM, STATE)


def layer_norm(x, weight, bias):
    normalised = F.layer_norm(x.permute(0, 2, 3, 1), [CHANNELS], weight[0], bias[0], eps=1e-3)
    return normalised.permute(0, 3, 1, 2)


case("layer_norm", {"layer_norm": {"epsilon": 1e-3}}, layer_norm, NORM)

for name, op, function in [
    ("relu", "relu", F.relu),
    ("relu6", "relu6", lambda x: F.relu6(x)),
    ("leaky_relu", {"leaky_relu": {"slope": 0.2}}, lambda x: F.leaky_relu(x, 0.2)),
    ("gelu", "gelu", F.gelu),
    ("silu", "silu", F.silu),
    ("sigmoid", "sigmoid", torch.sigmoid),
    ("hard_swish", "hard_swish", F.hardswish),
    ("global", "global_average_pool", lambda x: x.mean((2, 3), keepdim=True)),
    ("flatten", "flatten", lambda x: x.permute(0, 2, 3, 1).flatten(1)),
]:
    case(name, op, function)

case(
    "max_pool",
    {"max_pool": {"kernel": [3, 2], "stride": [2, 2], "padding": [1, 1]}},
    lambda x: F.max_pool2d(x, (3, 2), 2, padding=1),
)
for counted in [True, False]:
    case(
        f"average_pool_{counted}".lower(),
        {"average_pool": {"kernel": 3, "stride": 2, "padding": 1, "count_padding": counted}},
        lambda x, counted=counted: F.avg_pool2d(x, 3, 2, 1, count_include_pad=counted),
    )

case(
    "gate",
    None,
    lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)) + x,
    more=[
        {"name": "mean", "op": "global_average_pool", "inputs": ["input"]},
        {"name": "gate", "op": "sigmoid", "inputs": ["mean"]},
        {"name": "mul", "op": "mul", "inputs": ["gate", "input"]},
        {"name": "add", "op": "add", "inputs": ["mul", "input"]},
    ],
)
case(
    "concat",
    None,
    lambda x: torch.cat([x, torch.relu(x), x], 1),
    more=[
        {"name": "relu", "op": "relu", "inputs": ["input"]},
        {"name": "all", "op": "concat", "inputs": ["input", "relu", "input"]},
    ],
)
case("conv_dilated_padded", *conv([2, 3], dilation=[3, 2], padding=[2, 1, 1, 2], stride=[1, 2]))
case("hard_sigmoid", "hard_sigmoid", F.hardsigmoid)
case("tanh", "tanh", torch.tanh)

tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
save_file(tensors, Path(__file__).with_suffix(".safetensors"), graphs)
