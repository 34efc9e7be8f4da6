"""Checks the installed package `rayclip`. Run by python.rs, with the Python of a fresh environment.

Arguments: the root of the repository.
"""

import copy
import dataclasses
import doctest
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import rayclip
from rayclip import clip, lasso

ROOT = Path(sys.argv[1])


def problem(n=40, m=120, columns=5, seed=0):
    """A Gaussian A, and Y of sparse signals with noise."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, m)) / np.sqrt(n)
    X = rng.standard_normal((m, columns)) * (rng.random((m, columns)) < 0.05)
    return A, A @ X + 0.01 * rng.standard_normal((n, columns))


def objective(A, y, lam, x):
    return np.sum((A @ x - y) ** 2) + lam * np.sum(np.abs(x))


def check(A, Y, lam, solution, gap):
    """Checks x, the dual point and the certificates of every column by their definitions."""
    for column in range(Y.shape[1]):
        y, x, nu = Y[:, column], solution.x[:, column], solution.dual[:, column]
        primal = objective(A, y, lam, x)
        dual = nu @ y - nu @ nu / 4
        assert np.max(np.abs(A.T @ nu)) <= lam * (1 + 1e-9)
        assert (primal - dual) / primal <= gap, (primal - dual) / primal
        assert np.isclose(primal, solution.primal_objective[column], rtol=1e-12)
        assert np.isclose(dual, solution.dual_objective[column], rtol=1e-12)
        slopes = 2 * A.T @ (y - A @ x)
        support = x != 0
        violation = max(
            np.max(np.abs(slopes[support] - lam * np.sign(x[support])), initial=0),
            np.max(np.abs(slopes[~support]) - lam, initial=0),
        )
        assert np.isclose(violation / lam, solution.kkt_violation[column], atol=1e-9)
    assert np.allclose(solution.gap, solution.primal_objective - solution.dual_objective)
    assert solution.converged and np.all(solution.status == "converged")


def raises(kind, message, action, *arguments, **named):
    try:
        action(*arguments, **named)
    except kind as error:
        assert message in str(error), f"{error!s} does not say {message!r}"
    else:
        raise AssertionError(f"no {kind.__name__}: {message}")


def test_every_algorithm_is_certified_by_the_definitions():
    A, Y = problem()
    best = lasso(A, Y, 0.05, tolerance=1e-11)
    assert best.algorithm == "homotopy"
    check(A, Y, 0.05, best, 1e-10)
    for algorithm in ["homotopy", "descent", "ssnal", "halpern", "fista"]:
        for tolerance in [1e-3, 1e-6]:
            solution = lasso(A, Y, 0.05, algorithm=algorithm, tolerance=tolerance)
            assert solution.algorithm == algorithm
            check(A, Y, 0.05, solution, tolerance)
    try:
        from scipy.optimize import minimize
    except ImportError:
        return
    # x = p − q with p, q ≥ 0 is smooth.
    y, m = Y[:, 0], A.shape[1]
    found = minimize(
        lambda z: objective(A, y, 0, z[:m] - z[m:]) + 0.05 * z.sum(),
        np.zeros(2 * m),
        jac=lambda z: np.concatenate([s := 2 * A.T @ (A @ (z[:m] - z[m:]) - y), -s]) + 0.05,
        bounds=[(0, None)] * (2 * m),
        method="L-BFGS-B",
        options={"maxiter": 20000, "ftol": 1e-14, "gtol": 1e-10},
    )
    assert np.isclose(found.fun, best.primal_objective[0], rtol=1e-6)


def test_shapes_follow_those_of_y():
    A, Y = problem()
    n, m = A.shape
    one = lasso(A, Y[:, 0], 0.05)
    assert one.x.shape == (m,) and one.dual.shape == (n,) and one.relative_gap.shape == ()
    assert one.status == "converged" and one.iterations > 0 and f"{one.relative_gap:.1e}"
    several = lasso(A, Y, 0.05)
    assert several.x.shape == (m, 5) and several.dual.shape == Y.shape
    for field in ["lam", "relative_gap", "rounding", "kkt_violation", "iterations", "flops", "polished", "status"]:
        assert getattr(several, field).shape == (5,), field
    assert np.array_equal(several.x[:, 0], one.x) and np.all(several.lam == 0.05)
    B, Z = problem(seed=1)
    groups = lasso(np.stack([A, B]), np.stack([Y, Z]), 0.05)
    assert groups.x.shape == (2, m, 5) and groups.dual.shape == (2, n, 5) and groups.status.shape == (2, 5)
    assert np.allclose(groups.x[0], several.x) and np.allclose(groups.x[1], lasso(B, Z, 0.05).x)
    empty = lasso(A, Y[:, :0], 0.05)
    assert empty.x.shape == (m, 0) and empty.converged and "0 of 0" in repr(empty)
    ratio = lasso(A, Y, 0.1, relative=True)
    assert np.allclose(ratio.lam, 0.2 * np.max(np.abs(A.T @ Y), axis=0))
    zero = lasso(A, Y, 1.0, relative=True)
    assert not zero.x.any() and np.all(zero.iterations == 0)


def test_a_solution_is_a_value():
    A, Y = problem()
    solution = lasso(A, Y, 0.05)
    assert "x of shape (120, 5), homotopy, 5 of 5 converged" in repr(solution), repr(solution)
    for other in [pickle.loads(pickle.dumps(solution)), copy.deepcopy(solution)]:
        assert np.array_equal(other.x, solution.x) and other.algorithm == solution.algorithm
    raises(dataclasses.FrozenInstanceError, "", setattr, solution, "x", 0)
    solution.x[0] = 1  # the array itself belongs to the caller


def test_any_layout_and_real_dtype_gives_the_same():
    A, Y = problem()
    expected = lasso(A, Y, 0.05, tolerance=1e-11).x
    read_only = A.copy()
    read_only.setflags(write=False)
    wide, big = np.zeros((80, 240)), np.zeros((2, 40, 120))
    wide[::2, ::-2], big[1] = A, A
    raw = np.zeros(A.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(np.float64).reshape(A.shape)
    unaligned[:] = A
    for layout in [np.asfortranarray(A), read_only, wide[::2, ::-2], A[::-1][::-1], big[1], unaligned, A.astype(">f8")]:
        for right in [Y, np.asfortranarray(Y), np.repeat(Y, 2, axis=1)[:, ::2], Y.astype(">f8")]:
            assert np.allclose(lasso(layout, right, 0.05, tolerance=1e-11).x, expected, atol=1e-9)
    stacked = np.stack([A, A])
    for layout in [stacked, np.asfortranarray(stacked), stacked.transpose(0, 2, 1).copy().transpose(0, 2, 1)]:
        found = lasso(layout, np.stack([Y, Y]), 0.05, tolerance=1e-11).x
        assert np.allclose(found, expected, atol=1e-9)
    single = A.astype(np.float32)
    exact = lasso(single.astype(np.float64), Y.astype(np.float32).astype(np.float64), 0.05).x
    for layout in [single, np.asfortranarray(single), single.repeat(2, axis=0)[::2]]:
        found = lasso(layout, Y.astype(np.float32), 0.05).x
        assert found.dtype == np.float64 and np.allclose(found, exact, atol=1e-9)
    whole = np.round(8 * A).astype(np.int64)
    assert np.allclose(lasso(whole, Y, 0.05).x, lasso(whole.astype(float), Y, 0.05).x)
    assert np.allclose(lasso(A.tolist(), Y.tolist(), 0.05, tolerance=1e-11).x, expected, atol=1e-9)
    assert np.array_equal(read_only, A)


def test_large_arrays_are_read_where_they_are():
    def peak():
        [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    def grown(A, Y):
        # The peak of getrusage may be that of the process that started this one.
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        assert lasso(A, Y, 2.0, relative=True).converged
        return peak() - before

    if not Path("/proc/self/clear_refs").exists():
        return

    # With one column: the products of several pack parts of A.
    A = np.random.default_rng(0).standard_normal((2000, 10_000))
    for layout in [A, A.reshape(10_000, 2000).T, A.reshape(2, 1000, 10_000)]:
        more = grown(layout, layout[..., :1] if layout.ndim == 3 else layout[:, 0])
        assert more < A.nbytes / 16, f"{more} more bytes for {A.nbytes} of {layout.strides}"
    more = grown(A[:, ::2], A[:, 0])
    assert more > A.nbytes / 8, f"this one must be copied: {more}"
    solution = lasso(A[:100, :200], A[:100, :2], 0.9, relative=True)
    for array in [solution.x, solution.dual]:
        assert array.flags.aligned and array.flags.writeable and array.T.flags.c_contiguous
        assert array.__array_interface__["data"][0] != 0


def test_wrong_input_is_named():
    A, Y = problem()

    def refused(kind, message, *arguments, **named):
        raises(kind, message, lasso, *arguments, **named)

    refused(ValueError, "A has shape (3,); expected (n, m) or (groups, n, m)", [1.0, 2, 3], Y, 1)
    refused(ValueError, "Y has shape (39, 5); for A of shape (40, 120), expected (40,) or (40, columns)", A, Y[1:], 1)
    refused(ValueError, "Y has shape (39,)", A, Y[1:, 0], 1)
    refused(ValueError, "for A of shape (1, 40, 120), expected (1, 40, columns)", A[None], Y, 1)
    refused(ValueError, "Y has shape ()", A, 1.0, 1)
    refused(ValueError, "rows of the matrix: expected at least 1, got 0", A[:0], Y[:0], 1)
    refused(ValueError, "expected (n, m)", A[:, :, None, None], Y, 1)
    for value in [np.nan, np.inf]:
        for order in "CF":
            bad = A.copy(order)
            bad[3, 7] = value
            refused(ValueError, "A[3, 7] is ", bad, Y, 1)
            refused(ValueError, "A[1, 3, 7] is ", np.stack([A, bad]), np.stack([Y, Y]), 1)
            wrong = Y.copy(order)
            wrong[5, 2] = value
            refused(ValueError, "Y[5, 2] is ", A, wrong, 1)
            refused(ValueError, "Y[1, 5, 2] is ", np.stack([A, A]), np.stack([Y, wrong]), 1)
            refused(ValueError, "Y[5] is ", A, wrong[:, 2], 1)
    for lam in [0, -1, np.nan, np.inf]:
        refused(ValueError, "lambda must be positive and finite", A, Y, lam)
    refused(TypeError, "", A, Y, "one")
    refused(TypeError, "", A, Y, [1.0, 2.0])
    refused(ValueError, "tolerance 1e-20 cannot be reached", A, Y, 1, tolerance=1e-20)
    refused(ValueError, "there is no algorithm lars; there are auto, homotopy", A, Y, 1, algorithm="lars")
    refused(ValueError, "most iterations: expected at least 1, got 0", A, Y, 1, max_iterations=0)
    refused(ValueError, "most iterations: expected at least 1, got -3", A, Y, 1, max_iterations=-3)
    refused(ValueError, 'there is no device "tpu"; there are "cpu" and "gpu"', A, Y, 1, device="tpu")
    refused(TypeError, "A has dtype complex128; expected real numbers", A + 1j, Y, 1)
    refused(TypeError, "Y has dtype object", A, np.array([None] * 40), 1)
    refused(TypeError, "A has dtype <U1", [["a"]], [1.0], 1)
    refused(ValueError, "solve fewer columns", A, np.broadcast_to(Y[:, :1], (40, 10**10)), 1)
    refused(MemoryError, "", np.broadcast_to(1.0, (10**8, 10**8)), np.broadcast_to(1.0, 10**8), 1)
    hopeless = lasso(A, Y, 1e-4, algorithm="fista", max_iterations=1, polish=False)
    assert not hopeless.converged and hopeless.status[0] == "max-iterations" and hopeless.iterations[0] == 1


def test_other_threads_run_and_solve_too():
    A, Y = problem(256, 512, 40)
    alone, results, counted = lasso(A, Y, 1e-3), [], [0]
    running = threading.Event()
    running.set()

    def count():
        while running.is_set():
            counted[0] += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    before = counted[0]
    lasso(A, Y, 1e-3)
    during = counted[0] - before
    running.clear()
    counter.join()
    assert during > 10, f"the other thread ran {during} times"
    solvers = [threading.Thread(target=lambda: results.append(lasso(A, Y, 1e-3))) for _ in range(3)]
    for solver in solvers:
        solver.start()
    for solver in solvers:
        solver.join()
    assert len(results) == 3 and all(np.array_equal(result.x, alone.x) for result in results)


def _solved(seed):
    A, Y = problem(200, 600, 20, seed)
    every = [lasso(A, Y, 0.01, algorithm=name).x for name in ["homotopy", "descent", "ssnal"]]
    return np.stack(every)


def test_forked_processes_have_threads_of_their_own():
    if "fork" not in multiprocessing.get_all_start_methods():
        return
    expected = [_solved(seed) for seed in range(3)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map_async(_solved, range(3)).get(timeout=120)
    assert all(np.array_equal(a, b) for a, b in zip(expected, found))


def test_ctrl_c_ends_a_long_solve():
    A, Y = problem(2500, 5000, 4)
    for algorithm in ["homotopy", "ssnal"]:
        began = time.monotonic()
        timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        # Alone, it takes a minute.
        raises(KeyboardInterrupt, "", lasso, A, Y, 1e-5, relative=True, algorithm=algorithm, tolerance=1e-10)
        elapsed = time.monotonic() - began
        assert elapsed < 15, f"{algorithm}: {elapsed} s"
    assert lasso(*problem(), 0.1).converged


class Proto:
    """What `clip` needs of `onnx.ModelProto`."""

    def __init__(self, bytes):
        self.bytes = bytes

    def SerializeToString(self):
        return self.bytes

    @classmethod
    def FromString(cls, bytes):
        return cls(bytes)


def network(folder):
    """Writes the weights of a perceptron and makes an ONNX file of them, with the command. Returns its path."""
    rng = np.random.default_rng(0)
    extents = {"0.weight": (16, 9), "0.bias": (16,), "2.weight": (12, 16), "2.bias": (12,), "4.weight": (3, 12)}
    header, data = {}, b""
    for name, extent in (extents | {"4.bias": (3,)}).items():
        values = rng.standard_normal(extent).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": extent, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    head = json.dumps(header).encode()
    (folder / "net.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + data)
    command(folder, "export", "net.safetensors", "--to", "onnx", "--out", "net.onnx")
    return folder / "net.onnx"


def command(folder, *arguments):
    program = Path(sys.executable).parent / "rayclip"
    subprocess.run([program, *arguments], cwd=folder, capture_output=True, check=True)


def test_a_clip_is_that_of_the_command():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        path = network(folder)
        command(folder, "clip", "net.onnx", "--keep", "0.5", "--out", "half.onnx")
        half = clip(path, keep=0.5)
        assert half.model == (folder / "half.onnx").read_bytes()
        assert half.channels == json.loads((folder / "half.onnx.channels.json").read_text())
        assert [group.after for group in half.groups if group.fixed is None] == [8, 6]
        assert half.parameters == (16 * 10 + 12 * 17 + 3 * 13, 8 * 10 + 6 * 9 + 3 * 7), half
        assert half.macs == (16 * 9 + 12 * 16 + 3 * 12, 8 * 9 + 6 * 8 + 3 * 6), half
        fixed = [group for group in half.groups if group.fixed is not None]
        assert fixed and all(group.kept == list(range(group.before)) for group in fixed)
        half.save(folder / "saved.onnx")
        assert (folder / "saved.onnx").read_bytes() == half.model
        # A model in memory does not change, and a model comes back.
        whole = path.read_bytes()
        of_proto = clip(Proto(whole), keep=0.5)
        assert isinstance(of_proto.model, Proto)
        assert clip(whole, keep=0.5).model == of_proto.model.bytes
        first = half.groups[0].name
        only = clip(whole, target_parameters=0.8, groups=first, method="dtc", seed=3, round_to=2)
        assert [group.after % 2 for group in only.groups if group.name == first] == [0]
        assert only.parameters[1] <= 0.8 * only.parameters[0]
        for arguments, message in [
            ({}, "exactly one of keep, target_macs and target_parameters"),
            ({"keep": 0.5, "target_macs": 0.5}, "exactly one of"),
            ({"keep": 1.5}, "keep: expected a part above 0 and below 1, found 1.5"),
            ({"keep": 0.5, "method": "taylor"}, "needs images"),
            ({"keep": 0.5, "method": "best"}, "best"),
            ({"keep": 0.5, "groups": "none*"}, "none* fits no group"),
            ({"target_macs": 1e-6}, "target_macs"),
            ({"target_macs": 0.0}, "above 0 and below 1"),
            ({"keep": 0.5, "seed": -1}, "seed"),
            ({"keep": 0.5, "bind": {"batch": 0}}, "batch is 0"),
        ]:
            raises(ValueError, message, clip, whole, **arguments)
        raises(ValueError, "", clip, whole[:100], keep=0.5)
        raises(TypeError, "onnx.ModelProto", clip, 7, keep=0.5)
        raises(FileNotFoundError, "gone.onnx", clip, folder / "gone.onnx", keep=0.5)


def test_the_command_and_the_module_are_the_same_version():
    folder = Path(sys.executable).parent
    for command in [[folder / "rayclip"], [sys.executable, "-m", "rayclip"]]:
        ended = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert ended.stdout == f"rayclip {rayclip.__version__}\n", ended
        refused = subprocess.run([*command, "solve", "none.npy"], capture_output=True, check=False)
        assert refused.returncode == 2, refused
    program = (folder / "rayclip").read_bytes()
    assert not program.startswith(b"#!"), "the command is a script"


def test_the_defaults_are_those_of_the_command():
    command = [Path(sys.executable).parent / "rayclip", "solve", "--help"]
    help = " ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    for flag, default in [("--max-iterations", "20000"), ("--tolerance", "0.0001"), ("--algorithm", "auto")]:
        assert f"[default: {default}]" in help.split(flag + " ")[1].split(" --")[0], flag
        assert float(default) == lasso.__kwdefaults__[flag[2:].replace("-", "_")] if default != "auto" else True


def test_the_examples_are_true():
    for module in [rayclip, rayclip._lasso]:
        assert doctest.testmod(module).failed == 0 and doctest.testmod(module).attempted > 0
    guide = doctest.testfile(str(ROOT / "docs" / "guide.md"), module_relative=False)
    assert guide.failed == 0 and guide.attempted > 0
    assert (Path(rayclip.__file__).parent / "py.typed").exists()


if __name__ == "__main__":
    chosen = sys.argv[2:]
    for name, test in list(globals().items()):
        if name.startswith("test_") and (not chosen or name in chosen):
            began = time.monotonic()
            test()
            print(f"{name}: {time.monotonic() - began:.1f} s")
