"""The two job files. Defaults of the settings an operator does not name were measured: docs/training-log.md."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import TrainerError
from .schema import camel, parse, setting

PROTOCOL = 1
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    protocol: int = setting("version of job and events", choices=(PROTOCOL,))
    run_id: str = setting("id of the run", pattern=_NAME)
    base_gguf: Path = setting("GGUF file of the served base model")
    directory: Path = setting("existing folder for checkpoints and the adapter; this run's alone")
    train_rows: Path = setting("JSONL rows to learn from")
    valid_rows: Path | None = setting("JSONL rows to choose the best pass by; null keeps the last", None)
    replay_rows: Path | None = setting("JSONL rows of the base's own answers to general prompts", None)
    domain: str = setting("domain the adapter is for", pattern=_NAME)
    base_digest: str = setting("content hash of the base model")
    dataset_hash: str = setting("content hash of the data set")
    adapter_name: str = setting("file name of the adapter, without .gguf", pattern=_NAME)
    rank: int = setting("LoRA rank", 16, minimum=1, maximum=256)
    alpha: float = setting("LoRA alpha; the update is scaled by alpha / rank", 32.0, minimum=0.001, maximum=4096)
    epochs: int = setting("passes over the rows; more when stepsMin asks for them", 3, minimum=1, maximum=1000)
    learning_rate: float = setting("peak learning rate of the A matrices", 1e-4, minimum=1e-8, maximum=1.0)
    learning_rate_ratio_b: float = setting(
        "learning rate of B over A (LoRA+, Hayou et al. 2024)", 16.0, minimum=1.0, maximum=64.0
    )
    batch_examples: int = setting("rows per forward pass", 2, minimum=1, maximum=64)
    accumulation: int = setting("forward passes per optimiser step", 1, minimum=1, maximum=64)
    context_tokens: int = setting("longest row; older prompt tokens are dropped", 512, minimum=8, maximum=131072)
    steps_min: int = setting("small sets are repeated until this many optimiser steps", 150, minimum=1, maximum=100000)
    warmup_ratio: float = setting("share of the steps with a rising learning rate", 0.1, minimum=0.0, maximum=0.9)
    learning_rate_end_ratio: float = setting("end of the cosine over its peak", 0.1, minimum=0.0, maximum=1.0)
    replay_ratio: float = setting("replay rows per trained row in each pass", 0.5, minimum=0.0, maximum=4.0)
    replay_by: str = setting(
        "what replay holds on to: the base's answer or its whole distribution",
        "answer",
        choices=("answer", "distribution"),
    )
    guard_ratio: float = setting(
        "share of the replay rows kept out of training, to measure harm on", 0.2, minimum=0.0, maximum=0.9
    )
    general_worse_max: float = setting(
        "the adapter is weakened until general answers lose at most this share", 0.04, minimum=0.0, maximum=100.0
    )
    gradient_norm_max: float = setting("gradients are clipped to this global norm", 1.0, minimum=1e-6, maximum=1e6)
    weight_decay: float = setting("AdamW decay of the LoRA matrices", 0.01, minimum=0.0, maximum=1.0)
    dropout: float = setting("dropout before A", 0.0, minimum=0.0, maximum=0.9)
    loss_by: str = setting("what counts equally in the loss", "token", choices=("token", "example"))
    seed: int = setting("seed of the weights and of the order", 0, minimum=0, maximum=2**31 - 1)
    threads: int = setting("threads of the matrix library; 0 leaves its own choice", 0, minimum=0, maximum=1024)
    checkpoint_every_steps: int = setting("optimiser steps between checkpoints", 20, minimum=1, maximum=100000)
    memory_max_bytes: int | None = setting("refuse to allocate more than this", None, minimum=2**26, maximum=2**50)
    slow_blas_allowed: bool = setting("train a large base although the matrix library is slow", False)

    @property
    def rows_per_step(self) -> int:
        return self.batch_examples * self.accumulation


@dataclass(frozen=True, kw_only=True)
class RowSet:
    name: str = setting("name of the set in the result", pattern=_NAME)
    rows: Path = setting("JSONL rows")


@dataclass(frozen=True, kw_only=True)
class EvaluateJob:
    protocol: int = setting("version of job and events", choices=(PROTOCOL,))
    run_id: str = setting("id of the run", pattern=_NAME)
    base_gguf: Path = setting("GGUF file of the served base model")
    adapter: Path = setting("GGUF file of the adapter, read back as it ships")
    directory: Path = setting("existing folder for the file of figures")
    sets: list[RowSet] = setting("sets to score under base and adapter")
    pairs: Path | None = setting("JSONL of liked and disliked answers to one prompt", None)
    parity: Path | None = setting("JSONL of the engine's own greedy tokens with this adapter", None)
    batch_examples: int = setting("rows per forward pass", 4, minimum=1, maximum=64)
    context_tokens: int = setting("longest row; older prompt tokens are dropped", 512, minimum=8, maximum=131072)
    threads: int = setting("threads of the matrix library; 0 leaves its own choice", 0, minimum=0, maximum=1024)
    memory_max_bytes: int | None = setting("refuse to allocate more than this", None, minimum=2**26, maximum=2**50)


def read_train_job(path: Path) -> TrainJob:
    """Raises TrainerError BAD_JOB."""
    return parse(TrainJob, _read(path), f'job "{path.name}"')


def read_evaluate_job(path: Path) -> EvaluateJob:
    """Raises TrainerError BAD_JOB."""
    return parse(EvaluateJob, _read(path), f'job "{path.name}"')


def settings_of(job: TrainJob) -> dict[str, Any]:
    """What the run was told, without its paths; keys as in the job file."""
    values = asdict(job).items()
    return {camel(key): value for key, value in values if value is not None and not isinstance(value, Path)}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise TrainerError(
            "BAD_JOB", f'Cannot read job "{path}": {cause}', "Write the job as UTF-8 JSON and pass its path with --job"
        ) from cause
