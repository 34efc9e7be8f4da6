"""Computes ResNet-20 and MobileNet-V2 as modules that are written by hand, with the widths of a file, and compares
the logits with those of rayclip.

Usage: python known_networks.py resnet20|mobilenet-v2 LOGITS NETWORK...
LOGITS is a JSON file with `shape` (height, width, channels), `images`, and `logits` for every network. Prints for every
network the largest difference of a logit, divided by the largest logit.
"""

import json
import sys

import torch
from safetensors.torch import load_file
from torch import nn


def conv_norm(tensors, conv, norm, stride=1):
    """Returns a convolution and its normalisation. If every weight has one input, it is depthwise."""
    outputs, inputs, kernel, _ = tensors[f"{conv}.weight"].shape
    groups = outputs if inputs == 1 else 1
    made = nn.Conv2d(inputs * groups, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return made, nn.BatchNorm2d(len(tensors[f"{norm}.weight"]))


def linear(tensors, name):
    outputs, inputs = tensors[f"{name}.weight"].shape
    return nn.Linear(inputs, outputs)


class BasicBlock(nn.Module):
    def __init__(self, tensors, name, stride):
        super().__init__()
        self.conv1, self.bn1 = conv_norm(tensors, f"{name}.conv1", f"{name}.bn1", stride)
        self.conv2, self.bn2 = conv_norm(tensors, f"{name}.conv2", f"{name}.bn2")
        self.downsample = nn.Identity()
        if stride > 1:
            self.downsample = nn.Sequential(*conv_norm(tensors, f"{name}.downsample.0", f"{name}.downsample.1", stride))

    def forward(self, x):
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


class ResNet20(nn.Module):
    def __init__(self, tensors):
        super().__init__()
        self.conv1, self.bn1 = conv_norm(tensors, "conv1", "bn1")
        for stage in (1, 2, 3):
            strides = [1 if stage == 1 else 2, 1, 1]
            blocks = [BasicBlock(tensors, f"layer{stage}.{block}", stride) for block, stride in enumerate(strides)]
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.fc = linear(tensors, "fc")

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


class InvertedResidual(nn.Module):
    def __init__(self, tensors, name, stride, is_residual, expands):
        super().__init__()
        name = f"{name}.conv"
        own, project, norm = ("1", "2", "3") if expands else ("0", "1", "2")
        activated = lambda name, stride: nn.Sequential(*conv_norm(tensors, f"{name}.0", f"{name}.1", stride), nn.ReLU6())
        parts = [activated(f"{name}.0", 1)] if expands else []
        parts += [activated(f"{name}.{own}", stride), *conv_norm(tensors, f"{name}.{project}", f"{name}.{norm}")]
        self.conv, self.is_residual = nn.Sequential(*parts), is_residual

    def forward(self, x):
        return x + self.conv(x) if self.is_residual else self.conv(x)


class MobileNetV2(nn.Module):
    # Whether the first block of a stage expands; its stride, and the number of blocks.
    STAGES = [(False, 1, 1), (True, 1, 2), (True, 2, 3), (True, 2, 4), (True, 1, 3), (True, 2, 3), (True, 1, 1)]

    def __init__(self, tensors):
        super().__init__()
        features = [nn.Sequential(*conv_norm(tensors, "features.0.0", "features.0.1"), nn.ReLU6())]
        for expands, stride, blocks in self.STAGES:
            for block in range(blocks):
                name, own = f"features.{len(features)}", stride if block == 0 else 1
                features.append(InvertedResidual(tensors, name, own, block > 0, expands))
        last = f"features.{len(features)}"
        features.append(nn.Sequential(*conv_norm(tensors, f"{last}.0", f"{last}.1"), nn.ReLU6()))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), linear(tensors, "classifier.1"))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


known, logits, *networks = sys.argv[1:]
with open(logits) as file:
    recorded = json.load(file)
images = torch.tensor(recorded["images"]).reshape(-1, *recorded["shape"]).permute(0, 3, 1, 2)
for network, expected in zip(networks, recorded["logits"], strict=True):
    tensors = load_file(network)
    module = {"resnet20": ResNet20, "mobilenet-v2": MobileNetV2}[known](tensors).eval()
    module.load_state_dict(tensors, strict=True)
    with torch.no_grad():
        found = module(images)
    expected = torch.tensor(expected).reshape(found.shape)
    print(((found - expected).abs().max() / expected.abs().max()).item())
