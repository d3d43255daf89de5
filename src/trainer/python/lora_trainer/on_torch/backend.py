"""Backend (../backend.py) on torch: the first CUDA device, else the CPU."""

import importlib.util
import os
import time
from pathlib import Path

# Read when the libraries load. Without the first a resumed run would not draw the same bits on CUDA; the second keeps
# transformers, PEFT and bitsandbytes from asking a model hub: everything they need is in the GGUF file.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from ..blas import Blas
from ..errors import TrainerError
from ..gguf_base import BaseInfo
from ..job import TrainJob
from ..model import LoraSettings
from ..resources import count_device_memory, memory_available_bytes
from .model import TorchModel

# The rest is for activations, gradients and whoever else uses the device.
_BASE_MAX_RATIO = 0.4
_WIDTHS = {"cuda": 4096, "cpu": 512}
_SECONDS = 0.1


class TorchBackend:
    def __init__(self, base_bits: str):
        """Raises TrainerError BACKEND_MISSING when 4 bits are wanted and bitsandbytes is not there."""
        self._has_cuda = torch.cuda.is_available()
        self._device = torch.device("cuda" if self._has_cuda else "cpu")
        self._base_bits = base_bits
        if base_bits == "4" and not _has_bitsandbytes():
            raise TrainerError(
                "BACKEND_MISSING",
                "Cannot hold the base in 4 bits: this Python has no bitsandbytes",
                "Install it into the trainer's Python: `pip install bitsandbytes`; or set trainer.baseBits to auto",
            )
        torch.use_deterministic_algorithms(True, warn_only=True)
        if self._has_cuda:
            count_device_memory(peak=torch.cuda.max_memory_allocated, now=torch.cuda.memory_allocated)

    def describe(self, info: BaseInfo) -> str:
        return f"torch on {self._device.type}, base in {self._bits(info)} bits"

    def open(self, base_gguf: Path, settings: LoraSettings, job: TrainJob | None) -> TorchModel:
        return TorchModel(base_gguf, self._device, self._bits, settings, job)

    def limit_threads(self, threads: int) -> None:
        if threads > 0:
            torch.set_num_threads(threads)

    def require_speed(self, info: BaseInfo) -> None:
        """Torch brings its own matrix library, or runs on a device that is one."""

    def find_speed(self, threads: int) -> Blas:
        self.limit_threads(threads)
        return Blas(True, self._measure_gflops(), self._device.type, {})

    def base_bytes(self, info: BaseInfo) -> int:
        return info.parameters * self._bits(info) // 8

    def memory_available_bytes(self) -> int | None:
        return torch.cuda.mem_get_info()[0] if self._has_cuda else memory_available_bytes()

    def _bits(self, info: BaseInfo) -> int:
        """As wide as the device holds well; of its whole memory, so that a resumed run finds the same."""
        if self._base_bits != "auto":
            return int(self._base_bits)
        if not self._has_cuda:
            return 32
        room = torch.cuda.get_device_properties(0).total_memory * _BASE_MAX_RATIO * 8
        narrower = [16, 4] if _has_bitsandbytes() else [16]
        return next((bits for bits in (32, *narrower) if info.parameters * bits <= room), narrower[-1])

    def _measure_gflops(self) -> float:
        width = _WIDTHS[self._device.type]
        a = torch.rand(width, width, device=self._device)
        until, best = time.perf_counter() + _SECONDS, float("inf")
        while best == float("inf") or time.perf_counter() < until:
            started = time.perf_counter()
            (a @ a).sum().item()  # waits for the device
            best = min(best, time.perf_counter() - started)
        return 2 * width**3 / best / 1e9


def _has_bitsandbytes() -> bool:
    return importlib.util.find_spec("bitsandbytes") is not None
