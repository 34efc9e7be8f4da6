"""Compares the groups of rayclip with those of Torch-Pruning, and what a clip cuts from them.

Usage: python torch_pruning_groups.py INSPECTED WHOLE CUT
INSPECTED is the output of `rayclip inspect NETWORK --json`. WHOLE is a file of this network; CUT is the same network
without the first and the middle channel of every group that can be clipped. Prints the number of these groups.
"""

import json
import sys

import torch
import torch_pruning
from graph_network import Network
from safetensors.torch import load_file
from torch_pruning_layers import ours, widths

inspected, whole, cut = sys.argv[1:]
with open(inspected) as file:
    inspected = json.load(file)
network = Network(inspected["graph"])
network.load_state_dict(load_file(whole), strict=True)
coupling = torch_pruning.DependencyGraph().build_dependency(network, network.example)
layers = {module: name for name, module in network.named_modules()}


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(str(part) for part in message))


free = [group for group in inspected["groups"] if group["fixed"] is None]
expected = {ours(group): group["channels"] for group in free}
output = [group for group in inspected["groups"] if group["fixed"] is not None and group["makes"]]
input = [group for group in inspected["groups"] if not group["makes"]]
ignored = [network.get_submodule(name) for group in output for name, side in ours(group) if side == "out"]
found = widths(coupling, layers, ignored)
check(found == expected, "only ours:", expected.keys() - found.keys(), "only theirs:", found.keys() - expected.keys())
# Torch-Pruning clips the output too, unless its layer is ignored. It never clips what reads the images.
everything = widths(coupling, layers, [])
check(everything == expected | {ours(group): group["channels"] for group in output}, "output:", everything.keys())
check(not any(ours(group) & members for group in input for members in everything), "the input is clipped")

for group in free:
    root = network.get_submodule(group["makes"][0].rpartition(".")[0])
    prune = coupling.get_pruner_of_module(root).prune_out_channels
    coupling.get_pruning_group(root, prune, [0, group["channels"] // 2]).prune()
pruned, expected = network.state_dict(), load_file(cut)
for name, values in pruned.items():
    check(name.endswith("num_batches_tracked") or torch.equal(values, expected.pop(name)), name, "is cut otherwise")
check(not expected, "only in the file:", expected.keys())
print(len(free))
