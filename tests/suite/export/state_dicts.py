"""Saves networks with PyTorch in all ways in which people save them, and what they compute.

Usage: python state_dicts.py FOLDER
"""

import argparse
import json
import os
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

folder = Path(sys.argv[1])
torch.manual_seed(5)


def record(name, network, *shape):
    """Writes images and their scores, as `scores.py` reads them."""
    network.eval()
    images = torch.randn(5, *shape)
    with torch.no_grad():
        scores = network(images).flatten(1)
    height, width, channels = (shape[1], shape[2], shape[0]) if len(shape) == 3 else (1, 1, shape[0])
    last = images.permute(0, 2, 3, 1) if len(shape) == 3 else images
    values = {"images": last.flatten().tolist(), "scores": scores.flatten().tolist()}
    text = json.dumps({"shape": [height, width, channels], **values})
    (folder / f"{name}.json").write_text(text)


def drawn(network):
    """Gives the normalisations of a network statistics and parameters."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    return network


class Chain(nn.Module):
    """Its layers are in another order than their names."""

    def __init__(self):
        super().__init__()
        self.reduce = nn.Linear(12, 9)
        self.norm = nn.BatchNorm1d(9)
        self.middle = nn.Linear(9, 9, bias=False)
        self.classify = nn.Linear(9, 4)

    def forward(self, x):
        x = torch.relu(self.norm(self.reduce(x)))
        return self.classify(torch.relu(self.middle(x)))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 5, 5, padding=2)
        self.conv2 = nn.Conv2d(5, 7, 5)
        self.fc1 = nn.Linear(7 * 25, 20)
        self.fc2 = nn.Linear(20, 11)
        self.fc3 = nn.Linear(11, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6))
        self.head = nn.Linear(6 * 9, 4)

    def forward(self, x):
        return self.head(nn.functional.gelu(self.stem(x)).flatten(1))


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


plain = nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4))
state = plain.state_dict()
record("plain", plain, 12)
torch.save(state, folder / "plain.pt")
torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
args = argparse.Namespace(lr=0.1)
torch.save({"epoch": 3, "args": args, "state_dict": state, "best_acc1": torch.tensor(0.5)}, folder / "checkpoint.pt")
torch.save(nn.DataParallel(plain).state_dict(), folder / "parallel.pt")
save_file(state, folder / "plain.safetensors")
# A part of a larger tensor, and a transposed one.
whole = torch.cat([state["0.weight"], state["0.weight"]])
views = OrderedDict(state, **{"0.weight": whole[:9], "2.weight": state["2.weight"].t().contiguous().t()})
torch.save(views, folder / "views.pt")
torch.save({name: tensor.double() for name, tensor in state.items()}, folder / "double.pt")
for kind in (torch.float16, torch.bfloat16):
    name = str(kind).split(".")[1]
    rounded = nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4))
    rounded.load_state_dict({key: tensor.to(kind).float() for key, tensor in state.items()})
    record(name, rounded, 12)
    torch.save({key: tensor.to(kind) for key, tensor in state.items()}, folder / f"{name}.pt")

chain = drawn(Chain())
record("chain", chain, 12)
torch.save(chain.state_dict(), folder / "chain.pt")
lenet = LeNet()
record("lenet", lenet, 1, 28, 28)
torch.save({"model": lenet.state_dict()}, folder / "lenet.pt")
custom = drawn(Custom())
record("custom", custom, 3, 8, 8)
torch.save({"net." + name: tensor for name, tensor in custom.state_dict().items()}, folder / "custom.pt")

torch.save(chain, folder / "whole.pt")
torch.save(chain, folder / "whole-old.pt", _use_new_zipfile_serialization=False)
torch.save({"state_dict": state, "extra": Evil()}, folder / "evil.pt")
torch.save(torch.quantize_per_tensor(state["0.weight"], 0.1, 0, torch.qint8), folder / "tensor.pt")
quantised = OrderedDict(state, **{"2.weight": torch.quantize_per_tensor(state["2.weight"], 0.1, 0, torch.qint8)})
torch.save(quantised, folder / "quantised.pt")
torch.save(OrderedDict(state, **{"0.weight": state["0.weight"].to(torch.int8)}), folder / "int8.pt")
torch.save(OrderedDict(state, **{"2.bias": torch.tensor([0.0, float("nan"), 1.0, 2.0])}), folder / "nan.pt")
torch.save([tensor for tensor in state.values()], folder / "list.pt")
torch.jit.script(plain).save(str(folder / "script.pt"))
torch.save({}, folder / "empty.pt")
