"""Would this job run here, in what memory and time? Reports; refuses nothing itself but a job or rows it cannot read."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .backend import Backend
from .blas import Blas, needs_fast_blas
from .errors import TrainerError
from .gguf_base import BaseInfo, read_info
from .job import TrainJob
from .protocol import Events
from .rows import Plan, Row, check_vocabulary, collate, fit, read_rows, split_guard

# Measured with SmolLM2-135M: a training step reaches this share of the plain matrix product's speed.
_EFFICIENCY = 0.6
# Interpreter, libraries and the mapped GGUF's working set.
_PROCESS_BYTES = 300 * 2**20
_FLOAT_BYTES = 4


def preflight(job: TrainJob, backend: Backend, events: Events) -> None:
    """Emits `preflighted`. Raises TrainerError BAD_JOB or BAD_ROWS."""
    problems: list[dict[str, str]] = []
    blas = backend.find_speed(job.threads)
    info, plan, rows = _read(job, problems)
    disk = _disk(job, info)
    if disk["freeBytes"] < disk["neededBytes"]:
        _add(problems, "DISK_FULL", _lack("disk space", disk["neededBytes"], disk["freeBytes"]), "Free disk space")
    memory = _memory(job, backend, info, plan)
    if "neededBytes" in memory and "availableBytes" in memory and memory["neededBytes"] > memory["availableBytes"]:
        text = _lack("memory", memory["neededBytes"], memory["availableBytes"])
        _add(problems, "OUT_OF_MEMORY", text, "Lower batchExamples or contextTokens, or close other programs")
    slow_matters = info is not None and needs_fast_blas(info.parameters) and not job.slow_blas_allowed
    if slow_matters and not blas.fast:
        text = f"matrix products run at {blas.gflops:.1f} GFLOP/s; an optimised library reaches ten times that"
        _add(problems, "BLAS_MISSING", text, "Install libopenblas0-pthread (Debian) or mkl (PyPI) and try again")
    events.emit(
        "preflighted",
        ready=not problems,
        problems=problems,
        blas=asdict(blas),
        disk=disk,
        memory=memory,
        base=info and _base(info),
        backend=info and backend.describe(info),
        rows=rows,
        stepsTotal=plan and plan.steps_total,
        minutesEstimated=_minutes(job, info, plan, blas) if info and plan else None,
    )


def _read(job: TrainJob, problems: list) -> tuple[BaseInfo | None, Plan | None, dict[str, Any] | None]:
    info = None
    try:
        info = read_info(job.base_gguf)
    except TrainerError as error:
        _add(problems, error.code, error.message, error.hint)
    sets = {"train": job.train_rows, "valid": job.valid_rows, "replay": job.replay_rows}
    counts: dict[str, Any] = {}
    kept: dict[str, list[Row]] = {}
    for name, path in sets.items():
        rows = [] if path is None else read_rows(path)
        if path is not None and info is not None:
            check_vocabulary(rows, info.vocabulary, path)
        kept[name], cut, dropped = fit(rows, job.context_tokens)
        counts[name] = {
            "rows": len(rows),
            "cut": cut,
            "dropped": dropped,
            "tokensMax": max((row.tokens for row in rows), default=0),
        }
    if not kept["train"]:
        text = f"no row of {len(read_rows(job.train_rows))} fits in {job.context_tokens} tokens"
        _add(problems, "BAD_ROWS", text, "Raise contextTokens or collect shorter answers")
        return info, None, counts
    return info, Plan(kept["train"], split_guard(kept["replay"], job)[0], job), counts


def _disk(job: TrainJob, info: BaseInfo | None) -> dict[str, int]:
    """Two checkpoints and one half written, each with weights, two moments and the best so far; and the adapter."""
    adapter = 0 if info is None else _lora_parameters(info, job.rank) * _FLOAT_BYTES
    folder = job.directory if job.directory.is_dir() else _existing(job.directory)
    return {"freeBytes": shutil.disk_usage(folder).free, "neededBytes": (3 * 4 + 2) * adapter + 2**20}


def _memory(job: TrainJob, backend: Backend, info: BaseInfo | None, plan: Plan | None) -> dict[str, int]:
    """Without the keys that cannot be known."""
    available = backend.memory_available_bytes()
    known = {} if available is None else {"availableBytes": available}
    if info is None or plan is None:
        return known
    batches = [collate(rows) for steps in plan.steps_of_pass(0) for rows in steps]
    widest = max(batches, key=lambda batch: batch.inputs.size)
    most = max(len(batch.labels) for batch in batches)
    # What the backward pass keeps of a token: per layer about 14 vectors of the model's width and 6 of the wider one,
    # the attention scores, and the logits with their gradient. Fitted to measured peaks (docs/training-log.md).
    per_token = info.layers * (14 * info.width + 6 * info.feed_forward + 2 * info.heads * widest.inputs.shape[1])
    floats = widest.inputs.size * per_token + most * info.vocabulary * 4
    trained = _lora_parameters(info, job.rank) * 8  # weights, gradient, its sum, two moments, old copies
    needed = _PROCESS_BYTES + backend.base_bytes(info) + _FLOAT_BYTES * (floats + trained)
    return {"neededBytes": needed, **known}


def _minutes(job: TrainJob, info: BaseInfo, plan: Plan, blas: Blas) -> float:
    """Forward and the backward pass to the activations: two products each with the weights, three with LoRA's."""
    head = info.vocabulary * info.width
    blocks = info.parameters - head * (1 if info.tied else 2)
    batches = [collate(rows) for steps in plan.steps_of_pass(0) for rows in steps]
    padded = sum(batch.inputs.size for batch in batches)
    targets = sum(len(batch.labels) for batch in batches)
    operations = padded * (4 * blocks + 6 * _lora_parameters(info, job.rank)) + targets * 4 * head
    seconds = plan.passes * operations / (max(blas.gflops, 0.1) * 1e9 * _EFFICIENCY)
    return seconds / 60


def _lora_parameters(info: BaseInfo, rank: int) -> int:
    attention, kv = info.heads * info.head_width, info.kv_heads * info.head_width
    ends = 2 * (info.width + attention) + 2 * (info.width + kv) + 3 * (info.width + info.feed_forward)
    return info.layers * rank * ends


def _base(info: BaseInfo) -> dict[str, Any]:
    return {
        "architecture": info.architecture,
        "parameters": info.parameters,
        "layers": info.layers,
        "vocabulary": info.vocabulary,
        "contextTokens": info.context_tokens,
    }


def _existing(path: Path) -> Path:
    return next(parent for parent in path.resolve().parents if parent.is_dir())


def _lack(what: str, needed: int, found: int) -> str:
    return f"{what} is short: {needed // 2**20} MiB needed, {found // 2**20} MiB found"


def _add(problems: list[dict[str, str]], code: str, message: str, hint: str) -> None:
    problems.append({"code": code, "message": message, "hint": hint})
