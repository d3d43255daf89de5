"""Is matrix multiplication fast here, and if not, which library would make it so?

MLX's Linux wheel links the reference BLAS, 10 to 50 times slower than an optimised one. The dynamic linker can put
another BLAS in its place for one process: LD_PRELOAD, set by whoever starts this program, for this child only.
"""

import ctypes
import json
import os
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path

# Reference BLAS reached 1.1 to 3.5 on this project's machine; OpenBLAS 100 when it was idle, 9 under a load of 11 on two
# cores. So speed decides only where no library is known by its symbols (Accelerate, CUDA, a distribution's own MLX).
_FAST_GFLOPS = 8.0
_KNOWN = ("openblas_set_num_threads", "MKL_Set_Num_Threads")
_SECONDS = 0.1
# Below this a slow library costs seconds, above it hours.
_SMALL_BASE_PARAMETERS = 20_000_000
_WIDTH = 512

_MEASURE = """
import json
from lora_trainer.blas import measure_blas
fast, gflops = measure_blas()
print(json.dumps({"fast": fast, "gflops": gflops}))
"""
_DEBIAN = (
    "/usr/lib/*-linux-gnu/openblas-pthread/libopenblas.so.0",
    "/usr/lib64/libopenblasp.so.0",
    "/usr/lib64/libopenblas.so.0",
    "/usr/lib/libopenblas.so.0",
)


@dataclass(frozen=True)
class Blas:
    """`environment` is what the parent sets for the child. `library` is None where MLX needs no help (macOS)."""

    fast: bool
    gflops: float
    library: str | None
    environment: dict[str, str] = field(default_factory=dict)


def find_blas(threads: int) -> Blas:
    """The first candidate that is fast, measured in a child process each; else the fastest."""
    tried = []
    for library, environment in _candidates(threads):
        measured = _measure_in_child(environment)
        if measured is None:
            continue
        tried.append(Blas(measured["fast"], measured["gflops"], library, environment))
        if tried[-1].fast:
            return tried[-1]
    return max(tried, key=lambda blas: blas.gflops, default=Blas(False, 0.0, None, {}))


def measure_blas() -> tuple[bool, float]:
    """Is the library of this very process fast, and its GFLOP/s."""
    loaded, gflops = ctypes.CDLL(None), _measure_gflops()
    return gflops >= _FAST_GFLOPS or any(hasattr(loaded, name) for name in _KNOWN), gflops


def needs_fast_blas(parameters: int) -> bool:
    return parameters > _SMALL_BASE_PARAMETERS


def limit_threads(threads: int) -> None:
    """0 changes nothing. A preloaded library has read its environment before this program began."""
    if threads == 0:
        return
    loaded = ctypes.CDLL(None)
    for name in _KNOWN:
        if hasattr(loaded, name):
            getattr(loaded, name)(ctypes.c_int(threads))


def _candidates(threads: int) -> list[tuple[str | None, dict[str, str]]]:
    if sys.platform == "darwin":
        return [(None, {})]  # MLX uses Accelerate and Metal there
    count = {"OPENBLAS_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} if threads > 0 else {}
    found: list[tuple[str | None, dict[str, str]]] = []
    for pattern in _DEBIAN:
        for path in sorted(Path("/").glob(pattern.lstrip("/"))):
            found.append((str(path), {**count, "LD_PRELOAD": str(path)}))
    # PyPI's mkl puts its libraries beside the environment's own `lib`.
    for folder in {Path(sys.prefix) / "lib", Path(sysconfig.get_path("data")) / "lib"}:
        for path in sorted(folder.glob("libmkl_rt.so.*")):
            found.append((str(path), {**count, "LD_PRELOAD": str(path), "MKL_INTERFACE_LAYER": "LP64"}))
    return [*found, (None, count)]


def _measure_gflops() -> float:
    """The fastest of the products of two (512, 512) matrices that 0.1 s hold, in this very process.

    The fastest, because the mean on a busy machine tells of the others' work and not of the library.
    """
    import mlx.core as mx

    a = mx.random.uniform(shape=(_WIDTH, _WIDTH))
    mx.eval(a @ a)
    until, best = time.perf_counter() + _SECONDS, float("inf")
    while best == float("inf") or time.perf_counter() < until:
        started = time.perf_counter()
        mx.eval(a @ a)
        best = min(best, time.perf_counter() - started)
    return 2 * _WIDTH**3 / best / 1e9


def _measure_in_child(environment: dict[str, str]) -> dict | None:
    """None if the library keeps the program from running."""
    clean = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE],
            env={**clean, **environment, "PYTHONPATH": str(Path(__file__).parent.parent)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


