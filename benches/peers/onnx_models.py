"""Writes the ONNX files of BENCHMARKS.md with PyTorch: big.onnx (102 MB) and r20.onnx (ResNet-20 for CIFAR-10), with drawn
weights, and lenet.onnx, a LeNet-5 that is trained on MNIST for six epochs.

Usage: python onnx_models.py FOLDER MNIST_FOLDER (needs numpy, torch, onnx; the folder has the IDX files, perhaps gzipped)
"""

import gzip
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

EPOCHS, BATCH = 6, 128

folder, mnist = map(Path, sys.argv[1:])


def write(network, name, shape):
    options = {"opset_version": 17, "input_names": ["x"], "dynamic_axes": {"x": {0: "images"}}}
    if "dynamo" in torch.onnx.export.__code__.co_varnames:
        options["dynamo"] = False
    torch.onnx.export(network.eval(), torch.randn(1, *shape), str(folder / name), **options)


def layer(inputs, outputs, stride=1):
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.one, self.two = layer(inputs, outputs, stride), layer(outputs, outputs)
        is_same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if is_same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.two(F.relu(self.one(x))) + self.shortcut(x))


def resnet20():
    widths = [16] * 4 + [32] * 3 + [64] * 3
    pairs = zip(widths, widths[1:])
    blocks = [Block(inputs, outputs, 1 if inputs == outputs else 2) for inputs, outputs in pairs]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(layer(3, 16), nn.ReLU(), *blocks, *head)


def big():
    pairs = [(3, 64), (64, 128), None, (128, 256), (256, 256), None, (256, 512), (512, 512), None]
    layers = [part for pair in pairs for part in ([nn.MaxPool2d(2)] if pair is None else [layer(*pair), nn.ReLU()])]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512 * 16, 2560), nn.ReLU(), nn.Linear(2560, 10))


def idx(name):
    path = mnist / name
    data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    extents = [int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(data[3])]
    return torch.tensor(np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(extents))


def images(split):
    return idx(f"{split}-images-idx3-ubyte").float().div(255).sub(0.1307).div(0.3081)[:, None]


def lenet():
    convs = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    network = nn.Sequential(*convs, nn.Flatten(), *head)
    x, labels = images("train"), idx("train-labels-idx1-ubyte").long()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    steps = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=EPOCHS * steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for step in range(steps):
            batch = order[step * BATCH : (step + 1) * BATCH]
            optimizer.zero_grad()
            F.cross_entropy(network(x[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    return network


torch.manual_seed(0)
write(big(), "big.onnx", (3, 32, 32))
write(resnet20(), "r20.onnx", (3, 32, 32))
network = lenet()
write(network, "lenet.onnx", (1, 28, 28))
with torch.no_grad():
    is_right = network(images("t10k")).argmax(1) == idx("t10k-labels-idx1-ubyte")
print(f"lenet.onnx: test accuracy {is_right.float().mean():.4f}")
