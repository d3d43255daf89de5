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

# Reference BLAS reaches 1 to 3 on one core, an optimised library 30 and more.
FAST_GFLOPS = 8.0
_SECONDS = 0.1
# Below this a slow library costs seconds, above it hours.
_SMALL_BASE_PARAMETERS = 20_000_000
_WIDTH = 512

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
        gflops = _measure_in_child(environment)
        if gflops is None:
            continue
        tried.append(Blas(gflops >= FAST_GFLOPS, gflops, library, environment))
        if tried[-1].fast:
            return tried[-1]
    return max(tried, key=lambda blas: blas.gflops, default=Blas(False, 0.0, None, {}))


def measure_gflops() -> float:
    """A product of two (512, 512) matrices, repeated for 0.1 s in this very process."""
    import mlx.core as mx

    a = mx.random.uniform(shape=(_WIDTH, _WIDTH))
    mx.eval(a @ a)
    started, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - started < _SECONDS:
        mx.eval(a @ a)
        count += 1
    return 2 * _WIDTH**3 * count / (time.perf_counter() - started) / 1e9


def needs_fast_blas(parameters: int) -> bool:
    return parameters > _SMALL_BASE_PARAMETERS


def limit_threads(threads: int) -> None:
    """0 changes nothing. A preloaded library has read its environment before this program began."""
    if threads == 0:
        return
    loaded = ctypes.CDLL(None)
    for name in ("openblas_set_num_threads", "MKL_Set_Num_Threads"):
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


def _measure_in_child(environment: dict[str, str]) -> float | None:
    """None if the library keeps the program from running."""
    clean = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from lora_trainer.blas import measure_gflops; print(measure_gflops())"],
            env={**clean, **environment, "PYTHONPATH": str(Path(__file__).parent.parent)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return float(json.loads(done.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


