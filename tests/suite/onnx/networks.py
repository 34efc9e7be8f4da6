"""Builds networks of many kinds in PyTorch and exports them to ONNX, as its users do.

All weights and statistics are drawn, so that no two tensors are equal. Prints the names of the networks, one a line;
each is in FOLDER/NAME.onnx, and what PyTorch computes is in FOLDER/NAME.npz (x, y).

Usage: python networks.py FOLDER [NAME...] (needs torch, onnx)
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def perceptron():
    layers = [nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 10)]
    return nn.Sequential(*layers), (1, 8, 8)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    ), (1, 28, 28)  # fmt: skip


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def resnet():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.MaxPool2d(3, 2, 1), Block(8, 8, 1), Block(8, 16, 2), Block(16, 16, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    ), (3, 16, 16)  # fmt: skip


class Inverted(nn.Module):
    """A block of MobileNet-V3: expansion, depthwise convolution, gate, projection."""

    def __init__(self, channels, hidden, act, gate):
        super().__init__()
        self.up = nn.Sequential(nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), act())
        own = nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden, bias=False)
        self.own = nn.Sequential(own, nn.BatchNorm2d(hidden), act())
        self.gate = gate and nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(hidden, 4, 1), nn.ReLU(), nn.Conv2d(4, hidden, 1), gate()
        )
        self.down = nn.Sequential(nn.Conv2d(hidden, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = self.own(self.up(x))
        if self.gate:
            y = y * self.gate(y)
        return x + self.down(y)


def mobile(act, gate):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), act(),
        Inverted(8, 24, act, gate), Inverted(8, 16, act, gate),
        nn.Conv2d(8, 20, 1), act(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(20, 10),
    ), (3, 16, 16)  # fmt: skip


class Dense(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, growth, 3, padding=1)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


def densenet():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), Dense(8, 4), Dense(12, 4), Dense(16, 4),
        nn.Conv2d(20, 12, 1), nn.AvgPool2d(2), Dense(12, 4),
        nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(16 * 4, 10),
    ), (3, 16, 16)  # fmt: skip


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
        self.middle = nn.Conv2d(12, 16, 3, padding=1)
        self.up2, self.up1 = nn.ConvTranspose2d(16, 12, 2, 2), nn.Conv2d(12, 8, 3, padding=1)
        self.join2, self.join1 = nn.Conv2d(24, 12, 3, padding=1), nn.Conv2d(16, 8, 3, padding=1)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        one = F.relu(self.down1(x))
        two = F.relu(self.down2(F.max_pool2d(one, 2)))
        y = F.relu(self.middle(F.max_pool2d(two, 2)))
        y = F.relu(self.join2(torch.cat([self.up2(y), two], 1)))
        y = self.up1(F.interpolate(y, scale_factor=2.0, mode="nearest"))
        return self.out(F.relu(self.join1(torch.cat([y, one], 1))))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(-2, -1) * (width // self.heads) ** -0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, width))


class Gated(nn.Module):
    """A gated feed-forward block: both halves are one weight."""

    def __init__(self, width, hidden):
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x):
        value, gate = self.up(x).chunk(2, -1)
        return self.down(value * F.silu(gate))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.position = nn.Parameter(torch.randn(1, 16, 16))
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(5))
        self.attention = nn.ModuleList(Attention(16, 4) for _ in range(2))
        plain = nn.Sequential(nn.Linear(16, 48), nn.GELU(), nn.Linear(48, 16))
        self.forwards = nn.ModuleList([plain, Gated(16, 40)])
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position
        for index in range(2):
            x = x + self.attention[index](self.norms[2 * index](x))
            x = x + self.forwards[index](self.norms[2 * index + 1](x))
        return self.head(self.norms[4](x).mean(1))


def grouped():
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(),
        nn.Conv2d(12, 16, 3, padding=1, groups=4), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 8, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
    ), (3, 8, 8)  # fmt: skip


class Tied(nn.Module):
    """Two layers have one weight."""

    def __init__(self):
        super().__init__()
        self.inner, self.shared, self.out = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x):
        y = F.relu(self.inner(x))
        return self.out(F.relu(self.shared(y)) * F.relu(self.shared(F.relu(self.shared(y)))))


NETWORKS = {
    "perceptron": perceptron,
    "lenet": lenet,
    "resnet": resnet,
    "mobile_v2": lambda: mobile(nn.ReLU6, None),
    "mobile_v3": lambda: mobile(nn.Hardswish, nn.Hardsigmoid),
    "efficient": lambda: mobile(nn.SiLU, nn.Sigmoid),
    "densenet": densenet,
    "unet": lambda: (UNet(), (3, 16, 16)),
    "transformer": lambda: (Transformer(), (3, 16, 16)),
    "grouped": grouped,
    "tied": lambda: (Tied(), (16,)),
}


def drawn(module):
    """Draws statistics and normalisations, which a fresh network has all equal."""
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.2)
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, 0, 0.2)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return module.eval()


def main(folder, *names):
    folder = Path(folder)
    for number, name in enumerate(names or NETWORKS):
        torch.manual_seed(number)
        module, shape = NETWORKS[name]()
        module, x = drawn(module), torch.randn(3, *shape)
        options = {"opset_version": 17, "input_names": ["x"], "dynamic_axes": {"x": {0: "images"}}}
        if "dynamo" in torch.onnx.export.__code__.co_varnames:
            options["dynamo"] = False
        # Without folding, normalisations stay nodes of their own.
        training = torch.onnx.TrainingMode.PRESERVE if number % 2 else torch.onnx.TrainingMode.EVAL
        torch.onnx.export(module, x, str(folder / f"{name}.onnx"), training=training, **options)
        with torch.no_grad():
            np.savez(folder / f"{name}.npz", x=x.numpy(), y=module(x).numpy())
        print(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
