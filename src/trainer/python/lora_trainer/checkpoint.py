"""A run on disk: adapter, optimizer, best adapter so far and figures, in one file that names its own hash.

A file appears by rename after fsync, so a kill leaves the last one whole; a torn or foreign file fails its hash or its
fingerprint and is passed over. The order of rows and dropout follow from seed and step, so no random state is kept.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from .adapter_file import describe_file, sync_and_rename
from .job import TrainJob
from .rows import Row

_NAME = re.compile(r"checkpoint-(\d{8})-([0-9a-f]{16})\.npz")
_KEPT = 2

# What may change between two starts of one run without changing what it computes.
_FREE_SETTINGS = {"threads", "checkpoint_every_steps", "memory_max_bytes", "slow_blas_allowed", "directory", "base_gguf"}
_PATHS_OF_ROWS = {"train_rows", "valid_rows", "replay_rows"}


@dataclass
class Progress:
    """Figures that outlive a restart. `step` optimiser steps are done."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    loss_train_first: float = 0.0
    loss_train_recent: list[float] = field(default_factory=list)
    loss_valid_first: float | None = None
    loss_valid_best: float | None = None
    loss_valid_last: float | None = None
    step_best: int = 0
    step_validated: int = -1


@dataclass(frozen=True)
class Checkpoint:
    progress: Progress
    lora: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray]
    best: dict[str, np.ndarray]


def fingerprint(job: TrainJob, sets: Sequence[Sequence[Row]], backend: str) -> str:
    """Equal for two starts that would compute the same. `backend` is what computes, and in how many bits."""
    settings = {
        key: str(value) for key, value in asdict(job).items() if key not in _FREE_SETTINGS and key not in _PATHS_OF_ROWS
    }
    rows = [[(row.id, row.prompt, row.target, row.weight) for row in rows] for rows in sets]
    return hashlib.sha256(json.dumps([settings, rows, backend], sort_keys=True).encode()).hexdigest()


def save_checkpoint(folder: Path, checkpoint: Checkpoint, mark: str) -> Path:
    """Keeps the newest two. `mark` is the fingerprint."""
    arrays = {f"lora/{name}": array for name, array in checkpoint.lora.items()}
    arrays |= {f"optimizer/{name}": array for name, array in checkpoint.optimizer.items()}
    arrays |= {f"best/{name}": array for name, array in checkpoint.best.items()}
    partial = folder / "checkpoint-partial.npz"
    # Through Python's own file, because a full disk is then an OSError with its number.
    with partial.open("wb") as stream:
        np.savez(stream, **arrays, progress=np.array(json.dumps(asdict(checkpoint.progress))), mark=np.array(mark))
    digest = describe_file(partial).sha256[:16]
    path = folder / f"checkpoint-{checkpoint.progress.step:08d}-{digest}.npz"
    sync_and_rename(partial, path)
    for old in _newest_first(folder)[_KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load_newest(folder: Path, mark: str) -> tuple[Checkpoint | None, list[Path]]:
    """The newest that is whole and this run's, and those that were passed over."""
    passed = []
    for path in _newest_first(folder):
        checkpoint = _load(path, mark)
        if checkpoint is not None:
            return checkpoint, passed
        passed.append(path)
    return None, passed


def _load(path: Path, mark: str) -> Checkpoint | None:
    matched = _NAME.fullmatch(path.name)
    if matched is None or describe_file(path).sha256[:16] != matched[2]:
        return None
    with np.load(path, allow_pickle=False) as stored:
        if str(stored["mark"]) != mark:
            return None
        arrays = dict(stored)
    return Checkpoint(
        progress=Progress(**json.loads(str(arrays["progress"]))),
        lora=_under(arrays, "lora/"),
        optimizer=_under(arrays, "optimizer/"),
        best=_under(arrays, "best/"),
    )


def _newest_first(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("checkpoint-*.npz") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.name[:19], path.stat().st_mtime_ns), reverse=True)


def _under(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
