"""Computes a network file of rayclip in PyTorch, from its graph, and compares the predictions.

Usage: python graph_in_pytorch.py NETWORK PREDICTIONS IMAGES
IMAGES is an IDX file with images of three or four extents. An image is clear if its two largest logits differ by more
than 1e-4 of the largest logit of all images. Prints the fraction of the images that are clear, and the fraction of the
clear images on which the predictions agree.
"""

import json
import struct
import sys

import torch
from graph_network import Network
from safetensors import safe_open
from safetensors.torch import load_file

network, predictions, images = sys.argv[1:]
with safe_open(network, "pt") as file:
    meta = file.metadata()
module = Network(json.loads(meta["graph"]))
module.load_state_dict(load_file(network), strict=True)
with open(images, "rb") as file:
    data = file.read()
extents = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
pixels = torch.frombuffer(bytearray(data[4 + 4 * data[3] :]), dtype=torch.uint8).reshape(extents)
if pixels.dim() == 3:
    pixels = pixels.unsqueeze(3)
x = (pixels.float() / 255 - float(meta["mean"])) / float(meta["deviation"])
with torch.no_grad():
    logits = module(x.permute(0, 3, 1, 2))
first, second = logits.topk(2).values.unbind(1)
clear = first - second > 1e-4 * logits.abs().max()
agree = logits.argmax(1) == load_file(predictions)["after_training"].long()
print(clear.float().mean().item(), agree[clear].float().mean().item())
