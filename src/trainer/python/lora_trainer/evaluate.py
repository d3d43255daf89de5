"""Judge the shipped adapter file against its base, row by row. Statistics and the grade are the parent's work."""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from .adapter_file import bad_adapter, read_adapter, sync_and_rename
from .backend import Backend
from .cancel import Cancel
from .gguf_base import read_info
from .job import EvaluateJob
from .model import LoraSettings, Model
from .protocol import Events
from .resources import memory_peak_bytes
from .rows import Row, check_vocabulary, fit, read_id, read_objects, read_rows, read_tokens
from .score import Score, mean_loss


def evaluate(job: EvaluateJob, backend: Backend, events: Events, cancel: Cancel) -> None:
    """Emits `evaluated`. Raises TrainerError."""
    started = time.monotonic()
    backend.limit_threads(job.threads)
    judge = Judge(job, backend, events, cancel)
    sets, rows = [], []
    for entry in job.sets:
        summary, scored = judge.score_set(entry.name, entry.rows)
        sets.append(summary)
        rows += scored
    pairs = None if job.pairs is None else judge.score_pairs(job.pairs)
    parity = None if job.parity is None else judge.score_parity(job.parity)
    path = job.directory / "evaluation.json"
    digest = _write(path, {"runId": job.run_id, "rows": rows, "pairs": pairs or [], "parity": parity or []})
    events.emit(
        "evaluated",
        figuresPath=str(path),
        sha256=digest,
        sets=sets,
        pairs=pairs and _pairs_summary(pairs),
        parity=parity and {"rows": len(parity), "agreement": _mean([row["agreement"] for row in parity])},
        seconds=time.monotonic() - started,
        memoryPeakBytes=memory_peak_bytes(),
    )


class Judge:
    """One copy of the weights; the adapter is switched on and off by its strength."""

    def __init__(self, job: EvaluateJob, backend: Backend, events: Events, cancel: Cancel):
        self._job = job
        self._events = events
        self._cancel = cancel
        self._model = _load(job, backend)

    def score_set(self, name: str, path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        rows = self._fit(read_rows(path), path)
        base, adapter = self._score(rows, 0.0), self._score(rows, 1.0)
        summary: dict[str, Any] = {"name": name, "rows": len(rows), "tokens": sum(len(row.target) for row in rows)}
        summary["lossBase"] = mean_loss(base, rows) if rows else None
        summary["lossAdapter"] = mean_loss(adapter, rows) if rows else None
        return summary, [
            {
                "set": name,
                "id": row.id,
                "tokens": len(row.target),
                "lossBase": base[row.id].loss,
                "lossAdapter": adapter[row.id].loss,
            }
            for row in rows
        ]

    def score_pairs(self, path: Path) -> list[dict[str, Any]]:
        """Mean log-probability of a token of the liked and of the disliked answer to the same prompt."""
        sides: dict[str, list[Row]] = {"liked": [], "disliked": []}
        seen: set[str] = set()
        for number, raw in read_objects(path, ("id", "prompt", "liked", "disliked")):
            identity = read_id(raw["id"], path, number, seen)
            prompt = read_tokens(raw["prompt"], path, number, "prompt")
            for side, rows in sides.items():
                rows.append(Row(identity, prompt, read_tokens(raw[side], path, number, side), 1.0))
        # A pair of which one side does not fit is no pair.
        fitting = [{row.id: row for row in self._fit(rows, path)} for rows in sides.values()]
        kept = [row.id for row in sides["liked"] if all(row.id in found for found in fitting)]
        figures: dict[str, dict[str, Any]] = {identity: {"id": identity} for identity in kept}
        for side, found in zip(sides, fitting, strict=True):
            rows = [found[identity] for identity in kept]
            for arm, strength in (("Base", 0.0), ("Adapter", 1.0)):
                for identity, score in self._score(rows, strength).items():
                    figures[identity][f"{side}{arm}"] = -score.loss
        return list(figures.values())

    def score_parity(self, path: Path) -> list[dict[str, Any]]:
        """Feeds the engine's own greedy tokens and counts how often this model would have chosen the same."""
        rows, seen = [], set()
        for number, raw in read_objects(path, ("id", "prompt", "generated")):
            prompt = read_tokens(raw["prompt"], path, number, "prompt")
            generated = read_tokens(raw["generated"], path, number, "generated")
            rows.append(Row(read_id(raw["id"], path, number, seen), prompt, generated, 1.0))
        rows = self._fit(rows, path)
        scores = self._score(rows, 1.0)
        return [
            {"id": row.id, "tokens": scores[row.id].tokens, "agreement": scores[row.id].agreement} for row in rows
        ]

    def _score(self, rows: list[Row], strength: float) -> dict[str, Score]:
        self._model.set_strength(strength)
        return self._model.score(rows, self._job.batch_examples, self._cancel.raise_if_requested)

    def _fit(self, rows: list[Row], path: Path) -> list[Row]:
        check_vocabulary(rows, self._model.info.vocabulary, path)
        fitting, _, dropped = fit(rows, self._job.context_tokens)
        if dropped > 0:
            text = f'{dropped} rows of "{path.name}" were left out: they have {self._job.context_tokens} tokens or more'
            self._events.emit("warning", code="ROWS_DROPPED", message=text)
        return fitting


def _load(job: EvaluateJob, backend: Backend) -> Model:
    meta, tensors = read_adapter(job.adapter)
    first = next((array for name, array in tensors.items() if name.endswith(".lora_a")), None)
    if first is None:
        raise bad_adapter(job.adapter, "it holds no LoRA tensor")
    info = read_info(job.base_gguf)
    if meta.architecture != info.architecture:
        raise bad_adapter(job.adapter, f'it is for "{meta.architecture}", the base is "{info.architecture}"')
    model = backend.open(job.base_gguf, LoraSettings(first.shape[0], meta.alpha, dropout=0.0, seed=0), None)
    wanted = {name: array.shape for name, array in model.tensors().items()}
    found = {name: array.shape for name, array in tensors.items()}
    if wanted != found:
        odd = sorted(set(wanted.items()) ^ set(found.items()))[0]
        raise bad_adapter(job.adapter, f'tensor "{odd[0]}" of shape {odd[1]} is missing or does not fit the base')
    model.load_tensors(tensors)
    return model


def _pairs_summary(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "rows": len(pairs),
        "rankedBase": _mean([float(pair["likedBase"] > pair["dislikedBase"]) for pair in pairs]),
        "rankedAdapter": _mean([float(pair["likedAdapter"] > pair["dislikedAdapter"]) for pair in pairs]),
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _write(path: Path, figures: dict[str, Any]) -> str:
    partial = path.with_name(path.name + ".partial")
    content = json.dumps(figures, allow_nan=False).encode()
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    sync_and_rename(partial, path)
    return hashlib.sha256(content).hexdigest()
