"""A network of rayclip as a PyTorch module, built from its graph. Its parameters have the names of rayclip's files."""

import torch
import torch.nn.functional as F
from torch import nn


class Conv2d(nn.Conv2d):
    """A convolution whose padding has its own extent on every side."""

    def __init__(self, inputs, outputs, groups, options):
        self.sides, window = slide(options)
        super().__init__(inputs, outputs, groups=groups, bias=options["bias"], **window)

    def forward(self, x):
        return super().forward(F.pad(x, self.sides))


class MaxPool2d(nn.MaxPool2d):
    def __init__(self, options):
        self.sides, window = slide(options)
        super().__init__(**window)

    def forward(self, x):
        return super().forward(F.pad(x, self.sides, value=-torch.inf))


class Linear(nn.Linear):
    """A fully connected layer that also reads images with one position."""

    def forward(self, x):
        result = super().forward(x.flatten(1))
        return result[:, :, None, None] if x.dim() == 4 else result


class Sum(nn.Module):
    def forward(self, *values):
        return sum(values)


class Product(nn.Module):
    def forward(self, one, other):
        return one * other


class Concatenation(nn.Module):
    def forward(self, *values):
        return torch.cat(values, 1)


PLAIN = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "global_average_pool": lambda: nn.AdaptiveAvgPool2d(1),
    "flatten": nn.Flatten,
    "add": Sum,
    "mul": Product,
    "concat": Concatenation,
    "dropout": nn.Identity,
}


def slide(options):
    """Returns the padding as `F.pad` takes it, and the window as PyTorch's modules take it."""
    top, left, bottom, right = options["padding"]
    names = {"kernel": "kernel_size", "stride": "stride", "dilation": "dilation"}
    return (left, right, top, bottom), {name: options[key] for key, name in names.items()}


def module(op, inputs):
    """Returns the module of an operation that reads `inputs` channels."""
    kind, options = (op, {}) if isinstance(op, str) else next(iter(op.items()))
    if kind == "linear":
        return Linear(inputs, options["outputs"], options["bias"])
    if kind == "conv2d":
        return Conv2d(inputs, options["outputs"], 1, options)
    if kind == "depthwise_conv2d":
        return Conv2d(inputs, inputs, inputs, options)
    if kind == "batch_norm":
        return nn.BatchNorm2d(inputs, options["epsilon"], options["momentum"])
    if kind == "max_pool":
        return MaxPool2d(options)
    return PLAIN[kind]()


class Network(nn.Module):
    """A graph, as `rayclip inspect NETWORK --json` prints it and as the metadata of a network's file have it."""

    def __init__(self, graph):
        super().__init__()
        self.graph, shape = graph, graph["input"]
        self.example = torch.zeros(2, shape["channels"], shape["height"], shape["width"])
        values = {"input": self.example}
        for node in graph["nodes"]:
            inputs = [values[name] for name in node["inputs"]]
            made = module(node["op"], inputs[0].shape[1]).eval()
            self.place(node["name"], made)
            with torch.no_grad():
                values[node["name"]] = made(*inputs)
        self.eval()

    def place(self, name, made):
        """Adds a module under a name with dots, as PyTorch's networks have it."""
        *folders, last = name.split(".")
        parent = self
        for folder in folders:
            if not hasattr(parent, folder):
                parent.add_module(folder, nn.Module())
            parent = getattr(parent, folder)
        parent.add_module(last, made)

    def forward(self, x):
        values = {"input": x}
        for node in self.graph["nodes"]:
            inputs = [values[name] for name in node["inputs"]]
            values[node["name"]] = self.get_submodule(node["name"])(*inputs)
        return values[self.graph["output"]].flatten(1)
