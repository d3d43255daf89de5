"""What a model thinks of given answers. Only target tokens are counted: mlx-lm's own loss counts a pad token too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from .gguf_base import hidden_to_logits
from .rows import Batch, Row, batches_by_length, collate


@dataclass(frozen=True)
class Score:
    """`loss` is the mean negative log-probability of a target token, `agreement` the share that are the argmax."""

    id: str
    tokens: int
    loss: float
    agreement: float


def target_hidden(model: nn.Module, batch: Batch) -> mx.array:
    """(N, width), the last hidden state that predicts each target token."""
    hidden = model.model(mx.array(batch.inputs))  # (B, T, width)
    return hidden.reshape(-1, hidden.shape[-1])[mx.array(batch.positions)]


def target_logits(model: nn.Module, batch: Batch) -> mx.array:
    """(N, vocabulary)."""
    return hidden_to_logits(model, target_hidden(model, batch))


def target_losses(model: nn.Module, batch: Batch) -> mx.array:
    """(N,) negative log-probabilities."""
    logits = target_logits(model, batch).astype(mx.float32)
    return nn.losses.cross_entropy(logits, mx.array(batch.labels))


def score_rows(
    model: nn.Module, rows: Sequence[Row], batch_examples: int, before_batch: Callable[[], None]
) -> dict[str, Score]:
    """By row id. `before_batch` may raise to stop."""
    scores = {}
    model.eval()
    for batch_rows in batches_by_length(rows, batch_examples):
        before_batch()
        batch = collate(batch_rows)
        logits = target_logits(model, batch).astype(mx.float32)
        labels = mx.array(batch.labels)
        losses, hits = nn.losses.cross_entropy(logits, labels), mx.argmax(logits, axis=-1) == labels
        mx.eval(losses, hits)
        losses, hits = np.array(losses, dtype=np.float64), np.array(hits)
        for index, row in enumerate(batch_rows):
            mine = batch.owners == index
            scores[row.id] = Score(row.id, int(mine.sum()), float(losses[mine].mean()), float(hits[mine].mean()))
    return scores


def mean_loss(scores: dict[str, Score], rows: Sequence[Row]) -> float:
    """Per token, rows counted by their weight: the figure that training lowers."""
    pairs = [(scores[row.id], row.weight) for row in rows]
    total = sum(weight * score.tokens for score, weight in pairs)
    return sum(weight * score.tokens * score.loss for score, weight in pairs) / total
