"""Computes a network file of rayclip in PyTorch, from its graph, and compares the predictions.

Usage: python graph_in_pytorch.py NETWORK PREDICTIONS IMAGES
IMAGES is an IDX file with images of three or four extents. Prints the widths of the weights, and the fraction of
the images on which the predictions agree.
"""

import json
import struct
import sys

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file

network, predictions, images = sys.argv[1:]
tensors = load_file(network)
with safe_open(network, "pt") as file:
    meta = file.metadata()
graph = json.loads(meta["graph"])


def pair(value):
    return value if isinstance(value, list) else [value, value]


def slid(options):
    top, left, bottom, right = options["padding"]
    return pair(options["kernel"]), pair(options["stride"]), (left, right, top, bottom), pair(options["dilation"])


def apply(name, op, inputs):
    kind, options = (op, {}) if isinstance(op, str) else next(iter(op.items()))
    x = inputs[0]
    weight, bias = tensors.get(f"{name}.weight"), tensors.get(f"{name}.bias")
    if kind == "linear":
        result = F.linear(x.flatten(1), weight, bias)
        return result[:, :, None, None] if x.dim() == 4 else result
    if kind in ("conv2d", "depthwise_conv2d"):
        _, stride, padding, dilation = slid(options)
        groups = x.shape[1] if kind == "depthwise_conv2d" else 1
        return F.conv2d(F.pad(x, padding), weight, bias, stride, 0, dilation, groups)
    if kind == "batch_norm":
        mean, var = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, weight, bias, eps=options["epsilon"])
    if kind == "max_pool":
        kernel, stride, padding, dilation = slid(options)
        return F.max_pool2d(F.pad(x, padding, value=-torch.inf), kernel, stride, 0, dilation)
    if kind == "average_pool":
        kernel, stride, padding, _ = slid(options)
        return F.avg_pool2d(F.pad(x, padding), kernel, stride)
    return {
        "relu": F.relu,
        "relu6": F.relu6,
        "sigmoid": torch.sigmoid,
        "gelu": F.gelu,
        "silu": F.silu,
        "hard_swish": F.hardswish,
        "global_average_pool": lambda x: x.mean((2, 3), keepdim=True),
        "flatten": lambda x: x.flatten(1),
        "add": lambda *all: sum(all),
        "mul": lambda a, b: a * b,
        "concat": lambda *all: torch.cat(all, 1),
        "dropout": lambda x: x,
    }[kind](*inputs)


with open(images, "rb") as file:
    data = file.read()
extents = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
pixels = torch.frombuffer(bytearray(data[4 + 4 * data[3] :]), dtype=torch.uint8).reshape(extents)
if pixels.dim() == 3:
    pixels = pixels.unsqueeze(3)
mean, deviation = (torch.tensor(json.loads(meta[key])) for key in ("mean", "deviation"))
x = (pixels.float() / 255 - mean) / deviation
values = {"input": x.permute(0, 3, 1, 2)}
for node in graph["nodes"]:
    values[node["name"]] = apply(node["name"], node["op"], [values[name] for name in node["inputs"]])
found = values[graph["output"]].flatten(1).argmax(1)
expected = load_file(predictions)["after_training"].long()
print((found == expected).float().mean().item())
