"""What a model thinks of given answers, and how much each token counts. Only target tokens are counted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .rows import Batch, Row


@dataclass(frozen=True)
class Score:
    """`loss` is the mean negative log-probability of a target token, `agreement` the share that are the argmax."""

    id: str
    tokens: int
    loss: float
    agreement: float


def scores_of(batch_rows: Sequence[Row], batch: Batch, losses: np.ndarray, hits: np.ndarray) -> dict[str, Score]:
    """By row id; `losses` and `hits` are (N,), one for each target token of the batch."""
    scores = {}
    for index, row in enumerate(batch_rows):
        mine = batch.owners == index
        loss, agreement = losses[mine].astype(np.float64).mean(), hits[mine].mean()
        scores[row.id] = Score(row.id, int(mine.sum()), float(loss), float(agreement))
    return scores


def mean_loss(scores: dict[str, Score], rows: Sequence[Row]) -> float:
    """Per token, rows counted by their weight: the figure that training lowers."""
    pairs = [(scores[row.id], row.weight) for row in rows]
    total = sum(weight * score.tokens for score, weight in pairs)
    return sum(weight * score.tokens * score.loss for score, weight in pairs) / total


def token_shares(batch: Batch, loss_by: str) -> np.ndarray:
    """(N,) what each target token counts before the step's sum is made 1."""
    weights = batch.weights[batch.owners]
    if loss_by == "example":
        weights = weights / np.bincount(batch.owners)[batch.owners]
    return weights.astype(np.float32)


class LearnedLoss:
    """Adds up a step's loss over its batches, of learned rows only."""

    def __init__(self) -> None:
        self._loss = self._share = 0.0

    def add(self, batch: Batch, losses: np.ndarray, share: np.ndarray) -> None:
        is_learned = ~batch.replays[batch.owners]
        self._loss += float((losses * share)[is_learned].sum())
        self._share += float(share[is_learned].sum())

    @property
    def mean(self) -> float | None:
        """None if every row was replayed."""
        return self._loss / self._share if self._share > 0 else None
