"""Port: a frozen base with LoRA on its seven projections, on some framework. What crosses it is numpy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .gguf_base import BaseInfo
from .rows import Row
from .score import Score


@dataclass(frozen=True)
class LoraSettings:
    rank: int
    alpha: float
    dropout: float
    seed: int


@dataclass(frozen=True)
class Learned:
    """`loss` is the mean over the target tokens of learned rows, None if all rows were replayed; `norm` the gradient's."""

    loss: float | None
    norm: float
    tokens: int


class Model(Protocol):
    info: BaseInfo

    def learn(self, batches: Sequence[list[Row]], step: int, rate: float, before_batch: Callable[[], None]) -> Learned:
        """One optimiser step over all batches as if they were one. Dropout follows from `step`. `before_batch` may raise
        to stop, and the weights then stay as they were."""

    def score(self, rows: Sequence[Row], batch_examples: int, before_batch: Callable[[], None]) -> dict[str, Score]:
        """By row id. `before_batch` may raise to stop."""

    def set_strength(self, strength: float) -> None:
        """0 switches the adapter off, so that base and adapter are judged on one copy of the weights."""

    def tensors(self) -> dict[str, np.ndarray]:
        """The adapter in llama.cpp's layout (layout.py), float32, a copy."""

    def load_tensors(self, named: Mapping[str, np.ndarray]) -> None:
        """The inverse of `tensors`. Raises KeyError if a projection has no tensor."""

    def optimizer_state(self) -> dict[str, np.ndarray]:
        """Everything that `load_optimizer` needs to go on as if nothing had happened."""

    def load_optimizer(self, arrays: Mapping[str, np.ndarray]) -> None: ...
