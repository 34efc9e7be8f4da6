"""Computes exported networks in PyTorch, onnxruntime and tract, and compares their scores with those of rayclip.

Usage: python scores.py RECORDED NETWORK...
RECORDED is JSON: `shape` [height, width, channels], `pixels` and `images` [image, height, width, channel], which are
the same images before and after their normalisation, and `scores`. A NETWORK is the folder of a PyTorch module, or an
ONNX file. Prints for every network the largest difference divided by the largest score.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file


def first(values, shape):
    """Returns images with their channels first; vectors as they are."""
    height, width, channels = shape
    values = numpy.array(values, numpy.float32).reshape(-1, height, width, channels)
    return values.reshape(len(values), -1) if height * width == 1 else values.transpose(0, 3, 1, 2)


def of_pytorch(folder, recorded):
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    network = model.load()
    own = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    assert own == set(load_file(folder / "weights.safetensors")), "the names are those of the file"
    assert len(str(network)) > 10
    if "pixels" in recorded:
        pixels = torch.tensor(first(recorded["pixels"], recorded["shape"]))
        images = model.normalise(pixels)
    else:
        images = torch.tensor(first(recorded["images"], recorded["shape"]))
    with torch.no_grad():
        scores = network(images).numpy()
        # One image alone has the scores that it has among others.
        alone = network(images[:1]).numpy()
    assert numpy.abs(alone - scores[:1]).max() <= 1e-4 * numpy.abs(scores).max()
    return scores


def of_onnx(path, recorded):
    import onnx
    import onnxruntime

    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["format"] == "rayclip-network-1", about
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [read] = session.get_inputs()
    assert read.shape[0] == "batch" and session.get_outputs()[0].name == "logits", read
    if read.name == "pixels":
        images = first(recorded["pixels"], recorded["shape"])
        images = images.astype(numpy.uint8) if read.type == "tensor(uint8)" else images
    else:
        images = first(recorded["images"], recorded["shape"])
    [scores] = session.run(None, {read.name: images})
    [alone] = session.run(None, {read.name: images[:1]})
    assert numpy.abs(alone - scores[:1]).max() <= 1e-4 * numpy.abs(scores).max()
    if importlib.util.find_spec("tract"):
        difference = numpy.abs(of_tract(path, images) - scores).max()
        assert difference <= 1e-4 * numpy.abs(scores).max(), f"tract: {path}: {difference}"
    return scores


def of_tract(path, images):
    import tract

    model = tract.onnx().load(str(path))
    kind = {"uint8": "u8", "float32": "f32"}[str(images.dtype)]
    model.set_input_fact(0, ",".join(map(str, images.shape)) + "," + kind)
    [scores] = model.into_model().into_runnable().run([images])
    return scores.to_numpy()


recorded = json.loads(Path(sys.argv[1]).read_text())
for path in map(Path, sys.argv[2:]):
    found = (of_pytorch if path.is_dir() else of_onnx)(path, recorded)
    expected = first(recorded["scores"], [1, 1, found.shape[1]])
    print(numpy.abs(found - expected).max() / numpy.abs(expected).max())
