"""Port: what computes. MLX on Apple and any CPU, torch with PEFT on NVIDIA; neither is imported before it is chosen."""

import importlib.util
import sys
from pathlib import Path
from typing import Protocol

from .blas import Blas
from .errors import TrainerError
from .gguf_base import BaseInfo
from .job import TrainJob
from .model import LoraSettings, Model

BACKENDS = ("auto", "mlx", "torch")
BASE_BITS = ("auto", "4", "16", "32")

_TORCH_PACKAGES = ("torch", "transformers", "peft")
_TORCH_HINT = 'Install it beside the trainer: `pip install "./src/trainer/python[torch]"` (6 GB, docs/nvidia.md)'


class Backend(Protocol):
    def describe(self, info: BaseInfo) -> str:
        """Device and bits of the base. Checkpoints of another are of another run."""

    def open(self, base_gguf: Path, settings: LoraSettings, job: TrainJob | None) -> Model:
        """`job` is None where nothing is to be learned. Raises TrainerError BASE_UNSUPPORTED."""

    def limit_threads(self, threads: int) -> None:
        """0 changes nothing."""

    def require_speed(self, info: BaseInfo) -> None:
        """Raises TrainerError BLAS_MISSING where a large base would take days."""

    def find_speed(self, threads: int) -> Blas:
        """Is matrix multiplication fast, and what must the parent set for that?"""

    def base_bytes(self, info: BaseInfo) -> int: ...

    def memory_available_bytes(self) -> int | None:
        """Where the model will lie. None where the system does not say."""


def choose_backend(name: str, base_bits: str) -> Backend:
    """Raises TrainerError BACKEND_MISSING, and BAD_JOB where the backend cannot hold the base in so many bits.

    "auto" is torch where it finds a CUDA device, else MLX, else torch on the CPU.
    """
    if name == "torch" or (name == "auto" and _prefers_torch()):
        _require(_TORCH_PACKAGES, "torch", _TORCH_HINT)
        from .on_torch.backend import TorchBackend

        return TorchBackend(base_bits)
    _require(("mlx", "mlx_lm"), "mlx", "Run `npm start` again: it installs what requirements.lock names")
    if base_bits not in ("auto", "32"):
        raise TrainerError(
            "BAD_JOB", f"Cannot hold the base in {base_bits} bits: MLX trains on 32 here", "Set trainer.baseBits to auto"
        )
    from .on_mlx.backend import MlxBackend

    return MlxBackend()


def _prefers_torch() -> bool:
    if not all(map(_is_installed, _TORCH_PACKAGES)):
        return False
    if not _is_installed("mlx_lm"):
        return True
    import torch

    return torch.cuda.is_available()


def _require(packages: tuple[str, ...], backend: str, hint: str) -> None:
    missing = [package for package in packages if not _is_installed(package)]
    if missing:
        text = f"Cannot train with {backend}: this Python has no {', '.join(missing)}"
        raise TrainerError("BACKEND_MISSING", text, hint)


def _is_installed(package: str) -> bool:
    return package in sys.modules or importlib.util.find_spec(package) is not None
