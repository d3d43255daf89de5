"""Hidden states, logits and losses at the target tokens. mlx-lm's own loss counts a pad token too."""

from collections.abc import Callable, Sequence

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from ..rows import Batch, Row, batches_by_length, collate
from ..score import Score, scores_of
from .load_base import hidden_to_logits


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
    scores: dict[str, Score] = {}
    model.eval()
    for batch_rows in batches_by_length(rows, batch_examples):
        before_batch()
        batch = collate(batch_rows)
        logits = target_logits(model, batch).astype(mx.float32)
        labels = mx.array(batch.labels)
        losses, hits = nn.losses.cross_entropy(logits, labels), mx.argmax(logits, axis=-1) == labels
        mx.eval(losses, hits)
        scores |= scores_of(batch_rows, batch, np.array(losses), np.array(hits))
    return scores
