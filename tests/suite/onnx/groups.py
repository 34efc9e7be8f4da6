"""Compares the groups of channels in ONNX files with those of Torch-Pruning in the PyTorch networks behind them.

`export` writes FOLDER/NAME.onnx with the names that PyTorch has. `compare` reads FOLDER/NAME.json, the output of
`rayclip inspect FOLDER/NAME.onnx --json`, and prints the number of groups that can be clipped, one network a line.

Usage: python groups.py export|compare FOLDER NAME... (needs torch, torch_pruning, onnx)
"""

import json
import sys
from pathlib import Path

import torch
import torch_pruning
from networks import NETWORKS, drawn

sys.path.append(str(Path(__file__).parents[1]))

from torch_pruning_layers import ours, widths

action, folder, *names = sys.argv[1:]
folder = Path(folder)


def network(name):
    torch.manual_seed(0)
    module, shape = NETWORKS[name]()
    return drawn(module), torch.randn(1, *shape)


def export(name):
    module, x = network(name)
    options = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    if "dynamo" in torch.onnx.export.__code__.co_varnames:
        options["dynamo"] = False
    torch.onnx.export(module, x, str(folder / f"{name}.onnx"), opset_version=17, **options)


def compare(name):
    module, x = network(name)
    coupling = torch_pruning.DependencyGraph().build_dependency(module, x)
    layers = {layer: of_layer for of_layer, layer in module.named_modules()}
    inspected = json.loads((folder / f"{name}.json").read_text())

    free = [group for group in inspected["groups"] if group["fixed"] is None]
    expected = {ours(group): group["channels"] for group in free}
    fixed = [
        name
        for group in inspected["groups"]
        if group["fixed"] is not None
        for name, side in ours(group)
        if side == "out"
    ]
    ignored = [module.get_submodule(name) for name in fixed]
    found = widths(coupling, layers, ignored)
    if found != expected:
        sys.exit(f"{name}: only ours: {expected.keys() - found.keys()}; only theirs: {found.keys() - expected.keys()}")
    return len(free)


for name in names:
    if action == "export":
        export(name)
    else:
        print(compare(name))
