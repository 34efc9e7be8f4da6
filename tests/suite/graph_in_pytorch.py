"""Computes network files of a run of rayclip in PyTorch, from their graphs, and compares the predictions.

Usage: python graph_in_pytorch.py RUN IMAGES NETWORK...
RUN is the folder of the run, IMAGES an IDX file with images of three or four extents. An image is clear if its two
largest logits differ by more than 1e-4 of the largest logit of all images. Prints for every network the fraction of the
images that are clear, and the fraction of the clear images on which the predictions agree.
"""

import json
import struct
import sys

import torch
from graph_network import Network
from safetensors import safe_open
from safetensors.torch import load_file



def read(images):
    """Returns the bytes of all images, `[image, height, width, channel]`."""
    with open(images, "rb") as file:
        data = file.read()
    extents = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    pixels = torch.frombuffer(bytearray(data[4 + 4 * data[3] :]), dtype=torch.uint8).reshape(extents)
    return pixels.unsqueeze(3) if pixels.dim() == 3 else pixels


run, images, *networks = sys.argv[1:]
pixels = read(images)
for network in networks:
    path = f"{run}/networks/{network}"
    with safe_open(path, "pt") as file:
        meta = file.metadata()
    module = Network(json.loads(meta["graph"]))
    module.load_state_dict(load_file(path), strict=True)
    mean, deviation = (torch.tensor(json.loads(meta[key])) for key in ("mean", "deviation"))
    x = (pixels.float() / 255 - mean) / deviation
    with torch.no_grad():
        logits = module(x.permute(0, 3, 1, 2))
    first, second = logits.topk(2).values.unbind(1)
    clear = first - second > 1e-4 * logits.abs().max()
    agree = logits.argmax(1) == load_file(f"{run}/predictions/{network}")["after_training"].long()
    print(clear.float().mean().item(), agree[clear].float().mean().item())
