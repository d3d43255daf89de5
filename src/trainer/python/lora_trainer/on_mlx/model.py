"""Model (../model.py) on MLX."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from ..job import TrainJob
from ..model import Learned, LoraSettings
from ..rows import Row
from ..score import Score
from . import lora
from .load_base import load_base
from .objective import Objective
from .optimizer import LoraOptimizer, clip
from .score import score_rows


class MlxModel:
    """`job` is None where nothing is to be learned."""

    def __init__(self, base_gguf: Path, settings: LoraSettings, job: TrainJob | None):
        """Raises TrainerError BASE_UNSUPPORTED."""
        self._model, self.info = load_base(base_gguf)
        lora.attach(self._model, settings.rank, settings.alpha, settings.dropout, settings.seed)
        self._scale = settings.alpha / settings.rank
        if job is not None:
            self._norm_max = job.gradient_norm_max
            self._objective = Objective(self._model, job)
            self._optimizer = LoraOptimizer(self._parameters(), job)

    def learn(self, batches: Sequence[list[Row]], step: int, rate: float, before_batch: Callable[[], None]) -> Learned:
        loss, gradients, tokens = self._objective.gradients(batches, step, before_batch)
        gradients, norm = clip(gradients, self._norm_max)
        updated = self._optimizer.apply(gradients, self._parameters(), rate)
        self._model.update(tree_unflatten(list(updated.items())))
        mx.eval(self._model.trainable_parameters(), self._optimizer.arrays(), norm)
        return Learned(loss, norm.item(), tokens)

    def score(self, rows: Sequence[Row], batch_examples: int, before_batch: Callable[[], None]) -> dict[str, Score]:
        return score_rows(self._model, rows, batch_examples, before_batch)

    def set_strength(self, strength: float) -> None:
        lora.set_scale(self._model, self._scale * strength)

    def tensors(self) -> dict[str, np.ndarray]:
        return lora.tensors(self._model)

    def load_tensors(self, named: Mapping[str, np.ndarray]) -> None:
        lora.load_tensors(self._model, named)

    def optimizer_state(self) -> dict[str, np.ndarray]:
        return {name: np.array(array) for name, array in self._optimizer.arrays().items()}

    def load_optimizer(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._optimizer.load({name: mx.array(array) for name, array in arrays.items()})
        mx.eval(self._optimizer.arrays())

    def _parameters(self) -> dict[str, mx.array]:
        return dict(tree_flatten(self._model.trainable_parameters()))
