"""Backend (../backend.py) on MLX. Weights are de-quantised to float32."""

from pathlib import Path

import mlx.core as mx

from ..blas import Blas, find_blas, limit_threads, measure_blas, needs_fast_blas
from ..errors import TrainerError
from ..gguf_base import BaseInfo
from ..job import TrainJob
from ..model import LoraSettings
from ..resources import count_device_memory, memory_available_bytes
from .model import MlxModel


class MlxBackend:
    def __init__(self) -> None:
        # On a CPU, MLX compiles fused kernels with g++ at run time: most machines have none, and where there is one a
        # training step of SmolLM2 took 1.0 s with it and 0.78 s without.
        if mx.default_device().type == mx.DeviceType.cpu:
            mx.disable_compile()
        count_device_memory(peak=mx.get_peak_memory, now=mx.get_active_memory)

    def describe(self, info: BaseInfo) -> str:
        return f"mlx on {mx.default_device().type.name}, base in 32 bits"

    def open(self, base_gguf: Path, settings: LoraSettings, job: TrainJob | None) -> MlxModel:
        return MlxModel(base_gguf, settings, job)

    def limit_threads(self, threads: int) -> None:
        limit_threads(threads)

    def require_speed(self, info: BaseInfo) -> None:
        if not needs_fast_blas(info.parameters):
            return
        fast, gflops = measure_blas()
        if not fast:
            raise TrainerError(
                "BLAS_MISSING",
                f"Cannot train {info.parameters:,} parameters: matrix products run at {gflops:.1f} GFLOP/s",
                "Run preflight for the environment to set; install libopenblas0-pthread (Debian) or mkl (PyPI)",
            )

    def find_speed(self, threads: int) -> Blas:
        return find_blas(threads)

    def base_bytes(self, info: BaseInfo) -> int:
        return 4 * info.parameters

    def memory_available_bytes(self) -> int | None:
        return memory_available_bytes()
