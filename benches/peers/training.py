"""Times a training step of LeNet-5 and ResNet-20, rayclip on flex beside PyTorch, in turn.

A step of rayclip is the difference of two runs with other numbers of batches, so that loading, testing and writing
do not count. PyTorch trains with tensors in memory. Both use two threads.

Usage: python training.py RAYCLIP MNIST_FOLDER CIFAR_FOLDER (needs torch)
"""

import csv
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAIRS = 3
CASES = [
    # network, folder of the images (index of the argument), batch size, batches of the two runs, least width
    ("lenet5", 1, 256, (20, 120), 119),
    ("resnet20", 2, 128, (4, 24), 63),
]


def step_of_rayclip(network, data, batch_size, counts, least):
    """Returns milliseconds of a step, and the peak memory in MiB."""
    seconds, peak = [], 0
    for batches in counts:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            flags = f"run --method l2 --network {network} --device flex --keep 0.3 --min-width {least} --quiet"
            settings = [f"training.batch_size={batch_size}", f"training.batches_per_cycle={batches}"]
            command = [sys.argv[1], *flags.split(), "--data", data, "--out", run]
            for setting in settings:
                command += ["--set", setting]
            measured = subprocess.run(
                ["/usr/bin/time", "-f", "%M", *command], check=True, capture_output=True, text=True
            )
            peak = int(measured.stderr.split()[-1]) / 1024
            with open(run / "timings.csv") as file:
                seconds.append(float(next(csv.DictReader(file))["train_seconds"]))
    return (seconds[1] - seconds[0]) / (counts[1] - counts[0]) * 1e3, peak


def step_of_pytorch(network, batch_size):
    """Returns milliseconds of a step, and the peak memory in MiB, of a process of its own."""
    command = [sys.executable, __file__, "--pytorch", network, str(batch_size)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(number) for number in output.split()]


def time_pytorch(network, batch_size):
    import torch
    import torch.nn.functional as F
    from torch import nn

    def conv_norm(inputs, outputs, kernel, stride=1):
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.inner = nn.Sequential(
                conv_norm(inputs, outputs, 3, stride), nn.ReLU(), conv_norm(outputs, outputs, 3)
            )
            self.beside = conv_norm(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

        def forward(self, x):
            return F.relu(self.inner(x) + self.beside(x))

    def lenet5():
        convolutions = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
        convolutions += [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        layers = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
        return nn.Sequential(*convolutions, *layers), (1, 28, 28)

    def resnet20():
        widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        blocks = [
            Block(inputs, outputs, 1 if inputs == outputs else 2)
            for inputs, outputs in zip(widths, widths[1:])
        ]
        ends = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
        return nn.Sequential(conv_norm(3, 16, 3), nn.ReLU(), *blocks, *ends), (3, 32, 32)

    torch.set_num_threads(2)
    model, shape = {"lenet5": lenet5, "resnet20": resnet20}[network]()
    images, labels = torch.randn(batch_size, *shape), torch.randint(0, 10, (batch_size,))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        times.append((time.perf_counter() - start) * 1e3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # The first steps choose their kernels.
    print(statistics.median(times[3:]), peak)


if sys.argv[1] == "--pytorch":
    time_pytorch(sys.argv[2], int(sys.argv[3]))
    sys.exit()
for network, folder, batch_size, counts, least in CASES:
    ratios = []
    for _ in range(PAIRS):
        own, own_peak = step_of_rayclip(network, sys.argv[folder + 1], batch_size, counts, least)
        other, other_peak = step_of_pytorch(network, batch_size)
        ratios.append(own / other)
        print(
            f"{network}, batch {batch_size}: rayclip {own:.1f} ms, {own_peak:.0f} MiB; "
            f"PyTorch {other:.1f} ms, {other_peak:.0f} MiB",
            flush=True,
        )
    print(f"{network}: median ratio {statistics.median(ratios):.2f}", flush=True)
