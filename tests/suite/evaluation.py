"""Computes from a network's file what `rayclip eval` and `rayclip predict` say about images, with PyTorch in float64
and NumPy, and prints it as JSON.

Usage: python evaluation.py NETWORK IMAGES LABELS
IMAGES and LABELS are IDX files; or IMAGES is a CSV file, and LABELS the name of its column with the labels.
"""

import csv
import json
import statistics
import struct
import sys

import numpy as np
import torch
from graph_network import Network
from safetensors import safe_open


def idx(path):
    with open(path, "rb") as file:
        data = file.read()
    extents = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(extents)


def table(path, column, names):
    """Returns the rows of a CSV file as float32, and their classes."""
    with open(path) as file:
        rows = list(csv.DictReader(file))
    labels = [names.index(row.pop(column)) for row in rows]
    return np.array([[float(value) for value in row.values()] for row in rows], np.float32), np.array(labels)


def logits(meta, tensors, values):
    """Returns the logits of images `[image, height, width(, channel)]` or rows."""
    mean, deviation = (np.array(json.loads(meta[key])) for key in ("mean", "deviation"))
    values = values / 255 if meta["normalisation"].startswith("(pixel / 255") else values.astype(np.float64)
    x = torch.tensor((values - mean) / deviation)
    tensors = {name: tensor.double() for name, tensor in tensors.items()}
    with torch.no_grad():
        if "layers.0.weight" not in tensors:
            module = Network(json.loads(meta["graph"]))
            module.load_state_dict(tensors, strict=True)
            x = x.unsqueeze(3) if x.dim() == 3 else x
            return module.double()(x.permute(0, 3, 1, 2)).numpy()
        x = x.flatten(1)
        for layer in range(sum(name.endswith("weight") for name in tensors)):
            weight, bias = (tensors.get(f"layers.{layer}.{part}") for part in ("weight", "bias"))
            x = torch.nn.functional.linear(x.relu() if layer else x, weight, bias)
        return x.numpy()


def proportion(count, images):
    z = statistics.NormalDist().inv_cdf(0.975)
    value, square = count / images, z * z / images
    half = (value * (1 - value) * square + square * square / 4) ** 0.5 / (1 + square)
    centre = (value + square / 2) / (1 + square)
    return {"count": count, "value": value, "low": max(centre - half, 0), "high": min(centre + half, 1)}


def ratio(part, whole):
    return part / whole if whole else None


def evaluation(scores, labels, names):
    images, classes = scores.shape
    # Of equal scores, the smaller class comes first.
    order = np.argsort(-scores, axis=1, kind="stable")
    predicted, k = order[:, 0], min(5, classes)
    log_softmax = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    confidence = np.exp(log_softmax).max(1)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (labels, predicted), 1)
    rows = []
    for number, name in enumerate(names):
        true, found, both = confusion[number].sum(), confusion[:, number].sum(), confusion[number, number]
        rows.append({
            "class": number, "name": name, "images": int(true), "predicted": int(found), "correct": int(both),
            "recall": ratio(both, true), "precision": ratio(both, found), "f1": ratio(2 * both, true + found),
        })
    bins, error = [], 0
    for number in range(15):
        above, up_to = number / 15, (number + 1) / 15
        own = (confidence > above) & (confidence <= up_to)
        mean = lambda of: of[own].mean() if own.any() else None
        bins.append({
            "above": above, "up_to": up_to, "images": int(own.sum()),
            "confidence": mean(confidence), "accuracy": mean(predicted == labels),
        })
        if own.any():
            error += own.mean() * abs(bins[-1]["confidence"] - bins[-1]["accuracy"])
    return {
        "images": images,
        "top_1": proportion(int((predicted == labels).sum()), images),
        "top_k": proportion(int((order[:, :k] == labels[:, None]).any(1).sum()), images),
        "k": k,
        "loss": -log_softmax[np.arange(images), labels].mean(),
        "calibration_error": error,
        "classes": rows,
        "confusion": confusion.tolist(),
        "reliability": bins,
        "probabilities": np.exp(log_softmax).tolist(),
    }


network, images, labels = sys.argv[1:]
with safe_open(network, "pt") as file:
    meta, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}
names = json.loads(meta["classes"])
if images.endswith(".csv"):
    values, labels = table(images, labels, names)
else:
    values, labels = idx(images), idx(labels).astype(int)
print(json.dumps(evaluation(logits(meta, tensors, values), labels, names)))
