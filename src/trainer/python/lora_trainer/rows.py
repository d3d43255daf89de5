"""Rows that arrive tokenised, how they are cut to the context, and the order in which they are learned."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import TrainerError
from .job import TrainJob

# Rows of alike length share a batch, chosen within this many batches, so that little is padding and order stays random.
_BUCKET_BATCHES = 8
# Fewer say nothing about general answers; more take longer than they tell.
_GUARD_ROWS_MIN, _GUARD_ROWS_MAX = 4, 24


@dataclass(frozen=True)
class Row:
    """Only `target` is trained on or scored; it ends with the end-of-turn token. A replayed row is the base's own."""

    id: str
    prompt: tuple[int, ...]
    target: tuple[int, ...]
    weight: float
    is_replay: bool = False

    @property
    def tokens(self) -> int:
        return len(self.prompt) + len(self.target)


@dataclass(frozen=True)
class Batch:
    """Right padded: under a causal mask no scored position sees the padding."""

    inputs: np.ndarray  # (B, T) int32
    positions: np.ndarray  # (N,) into the flattened (B * T), where each target token is predicted
    labels: np.ndarray  # (N,) the token to predict there
    owners: np.ndarray  # (N,) which row of the batch it belongs to
    weights: np.ndarray  # (B,)
    replays: np.ndarray  # (B,) bool
    tokens: int  # without padding


def read_rows(path: Path) -> list[Row]:
    """Raises TrainerError BAD_ROWS with the line number. An id may appear once."""
    rows, seen = [], set()
    for number, raw in _lines(path):
        known = {"id", "prompt", "target", "weight"}
        if not isinstance(raw, dict) or set(raw) - known or known - {"weight"} - set(raw):
            raise bad_rows(path, number, 'it needs exactly "id", "prompt", "target" and perhaps "weight"')
        weight = raw.get("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight <= 1000:
            raise bad_rows(path, number, f'"weight" is {weight}, not a number above 0 and up to 1000')
        target = read_tokens(raw["target"], path, number, "target")
        prompt = read_tokens(raw["prompt"], path, number, "prompt")
        rows.append(Row(read_id(raw["id"], path, number, seen), prompt, target, float(weight)))
    return rows


def read_objects(path: Path, keys: Sequence[str]) -> list[tuple[int, dict[str, Any]]]:
    """Line number and object of each line, which holds exactly `keys`. Raises TrainerError BAD_ROWS."""
    objects = []
    for number, raw in _lines(path):
        if not isinstance(raw, dict) or set(raw) != set(keys):
            raise bad_rows(path, number, f"it needs exactly the keys {', '.join(keys)}")
        objects.append((number, raw))
    return objects


def read_id(raw: Any, path: Path, number: int, seen: set[str]) -> str:
    """Scores are kept by id, so `seen` must not hold it yet; it does afterwards."""
    if not isinstance(raw, str) or raw == "":
        raise bad_rows(path, number, '"id" is not a text')
    if raw in seen:
        raise bad_rows(path, number, f'id "{raw}" was used before')
    seen.add(raw)
    return raw


def read_tokens(raw: Any, path: Path, number: int, key: str) -> tuple[int, ...]:
    if not isinstance(raw, list) or len(raw) == 0 or any(type(token) is not int or token < 0 for token in raw):
        raise bad_rows(path, number, f'"{key}" is not a list of at least one token id')
    return tuple(raw)


def check_vocabulary(rows: Sequence[Row], vocabulary: int, path: Path) -> None:
    """Raises TrainerError BAD_ROWS: a token outside the table means that rows and base do not belong together."""
    for row in rows:
        highest = max(max(row.prompt), max(row.target))
        if highest >= vocabulary:
            raise TrainerError(
                "BAD_ROWS",
                f'Cannot use row "{row.id}" of "{path.name}": token {highest} is outside the vocabulary of {vocabulary}',
                "Tokenise the rows with the tokenizer of the base model in this job",
            )


def fit(rows: Sequence[Row], context_tokens: int) -> tuple[list[Row], int, int]:
    """Rows that fit, how many lost old prompt tokens, how many were dropped because the target alone does not fit."""
    fitting, cut, dropped = [], 0, 0
    for row in rows:
        room = context_tokens - len(row.target)
        if room < 1:
            dropped += 1
        elif len(row.prompt) > room:
            cut += 1
            fitting.append(replace(row, prompt=row.prompt[-room:]))
        else:
            fitting.append(row)
    return fitting, cut, dropped


def collate(rows: Sequence[Row]) -> Batch:
    """The last target token is predicted but never fed, so T is one less than the longest row."""
    width = max(row.tokens for row in rows) - 1
    inputs = np.zeros((len(rows), width), dtype=np.int32)
    positions, labels, owners = [], [], []
    for index, row in enumerate(rows):
        sequence = row.prompt + row.target
        inputs[index, : len(sequence) - 1] = sequence[:-1]
        first = index * width + len(row.prompt) - 1
        positions.extend(range(first, first + len(row.target)))
        labels.extend(row.target)
        owners.extend([index] * len(row.target))
    return Batch(
        inputs=inputs,
        positions=np.array(positions, dtype=np.int32),
        labels=np.array(labels, dtype=np.int32),
        owners=np.array(owners, dtype=np.int32),
        weights=np.array([row.weight for row in rows], dtype=np.float32),
        replays=np.array([row.is_replay for row in rows], dtype=bool),
        tokens=sum(row.tokens for row in rows),
    )


def batches_by_length(rows: Sequence[Row], size: int) -> list[list[Row]]:
    """For scoring, where order does not matter."""
    ordered = sorted(rows, key=lambda row: row.tokens)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def split_guard(replay: Sequence[Row], job: TrainJob) -> tuple[list[Row], list[Row]]:
    """Replay rows to train with, and those to measure harm on: chosen by the seed, none where replay is too small."""
    count = min(round(len(replay) * job.guard_ratio), _GUARD_ROWS_MAX)
    if count < _GUARD_ROWS_MIN:
        return list(replay), []
    chosen = set(random.Random(f"{job.seed}:guard").sample(range(len(replay)), count))
    return (
        [row for index, row in enumerate(replay) if index not in chosen],
        [row for index, row in enumerate(replay) if index in chosen],
    )


class Plan:
    """Every optimiser step of a run, known beforehand: a resumed run needs only the number of the next step."""

    def __init__(self, train: Sequence[Row], replay: Sequence[Row], job: TrainJob):
        self._train = list(train)
        self._replay = [replace(row, is_replay=True) for row in replay]
        self._job = job
        self._replay_per_pass = round(len(train) * job.replay_ratio) if replay else 0
        batches = -(-(len(train) + self._replay_per_pass) // job.batch_examples)
        self.steps_per_pass = -(-batches // job.accumulation)
        self.passes = max(job.epochs, -(-job.steps_min // self.steps_per_pass))
        self.steps_total = self.steps_per_pass * self.passes

    def steps_of_pass(self, number: int) -> list[list[list[Row]]]:
        """Steps, each a list of batches, each a list of rows. The same for the same seed and pass."""
        job, count = self._job, self._replay_per_pass
        rows = list(self._train)
        if count > 0:
            # Walks through all replay rows before any repeats.
            order = random.Random(f"{job.seed}:replay").sample(range(len(self._replay)), len(self._replay))
            rows += [self._replay[order[(number * count + index) % len(order)]] for index in range(count)]
        chance = random.Random(f"{job.seed}:{number}")
        chance.shuffle(rows)
        bucket = job.batch_examples * _BUCKET_BATCHES
        batches = []
        for start in range(0, len(rows), bucket):
            batches += batches_by_length(rows[start : start + bucket], job.batch_examples)
        chance.shuffle(batches)
        # The first step learns something, so that there is a training loss from the start.
        first = next(index for index, batch in enumerate(batches) if not all(row.is_replay for row in batch))
        batches.insert(0, batches.pop(first))
        return [batches[start : start + job.accumulation] for start in range(0, len(batches), job.accumulation)]


def bad_rows(path: Path, number: int, state: str) -> TrainerError:
    return TrainerError("BAD_ROWS", f'Cannot read line {number} of "{path.name}": {state}', "Build the data set again")


def _lines(path: Path) -> list[tuple[int, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as cause:
        raise TrainerError("BAD_ROWS", f'Cannot read rows "{path}": {cause}', "Build the data set again") from cause
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() == "":
            continue
        try:
            found.append((number, json.loads(line)))
        except ValueError as cause:
            raise bad_rows(path, number, "it is not JSON") from cause
    return found
