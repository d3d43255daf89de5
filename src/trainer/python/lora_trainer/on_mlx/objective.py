"""What one optimiser step minimises: the loss of liked answers, and the drift from the base on replayed rows."""

from collections.abc import Callable, Sequence

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten

from ..job import TrainJob
from ..rows import Batch, Row, collate
from ..score import LearnedLoss, token_shares
from . import lora
from .load_base import hidden_to_logits
from .score import target_hidden, target_logits, target_losses


class Objective:
    """Keeps what the untouched base said of each replayed row."""

    def __init__(self, model: nn.Module, job: TrainJob):
        self._model = model
        self._job = job
        self._replay_hidden: dict[Row, mx.array] = {}

    def gradients(
        self, batches: Sequence[list[Row]], step: int, before_batch: Callable[[], None]
    ) -> tuple[float | None, dict[str, mx.array], int]:
        """The step's gradient, summed over its batches as if they were one; the mean loss over the target tokens of
        learned rows, None if all were replayed; and the tokens read. `before_batch` may raise to stop."""
        collated = [collate(rows) for rows in batches]
        shares = [token_shares(batch, self._job.loss_by) for batch in collated]
        whole = sum(float(share.sum()) for share in shares)
        learned, total, tokens = LearnedLoss(), {}, 0
        for batch_rows, batch, share in zip(batches, collated, shares, strict=True):
            before_batch()
            losses, gradients = self._gradients_of(batch_rows, batch, share / whole, step)
            named = dict(tree_flatten(gradients))
            total = {name: total[name] + array for name, array in named.items()} if total else named
            mx.eval(losses, total)
            learned.add(batch, np.array(losses), share)
            tokens += batch.tokens
        return learned.mean, total, tokens

    def _gradients_of(
        self, batch_rows: list[Row], batch: Batch, share: np.ndarray, step: int
    ) -> tuple[mx.array, dict]:
        """Losses (N,) against the labels, and the gradient of what is minimised."""
        held = np.flatnonzero(batch.replays[batch.owners]) if self._job.replay_by == "distribution" else np.array([])
        part = mx.array(share)
        if len(held) == 0:

            def objective(model: nn.Module) -> tuple[mx.array, mx.array]:
                losses = target_losses(model, batch)
                return (losses * part).sum(), losses

        else:
            where = mx.array(held)
            wanted = mx.softmax(self._replay_logits(batch_rows), axis=-1)  # (M, vocabulary)
            answers = np.ones(len(share), dtype=np.float32)
            answers[held] = 0
            answer_part, held_part = part * mx.array(answers), part[where]

            def objective(model: nn.Module) -> tuple[mx.array, mx.array]:
                logits = target_logits(model, batch).astype(mx.float32)
                losses = nn.losses.cross_entropy(logits, mx.array(batch.labels))
                drift = -(wanted * nn.log_softmax(logits[where], axis=-1)).sum(axis=-1)
                return (losses * answer_part).sum() + (drift * held_part).sum(), losses

        self._model.train()
        # Dropout follows from the step, so that a resumed run draws the same.
        mx.random.seed(self._job.seed * 1_000_003 + step)
        (_, losses), gradients = nn.value_and_grad(self._model, objective)(self._model)
        return losses, gradients

    def _replay_logits(self, rows: list[Row]) -> mx.array:
        """(M, vocabulary) of the untouched base at the targets of the replayed rows, in their order.

        The last hidden states are kept, 85 times smaller than logits. Each row is computed alone, so that a resumed run
        finds the same bits whatever its first batch is.
        """
        kept = []
        for row in rows:
            if not row.is_replay:
                continue
            if row not in self._replay_hidden:
                self._model.eval()
                lora.set_scale(self._model, 0.0)
                self._replay_hidden[row] = target_hidden(self._model, collate([row]))
                mx.eval(self._replay_hidden[row])
                lora.set_scale(self._model, self._job.alpha / self._job.rank)
            kept.append(self._replay_hidden[row])
        return hidden_to_logits(self._model, mx.concatenate(kept)).astype(mx.float32)
