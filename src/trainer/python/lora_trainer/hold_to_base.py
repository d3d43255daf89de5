"""Weaken a trained adapter until general answers are about as likely as before.

Moving the weights back towards the base keeps most of what was learned and undoes most of the harm, because harm grows
with the square of the distance (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). For LoRA the way back is
one number: alpha. The harm is measured on replay rows that were kept out of training.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .job import TrainJob
from .model import Model
from .rows import Row
from .score import mean_loss

# Below this, facts are lost faster than harm is undone: token F1 was 0.7 (docs/training-log.md).
_STRENGTHS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)


@dataclass(frozen=True)
class Held:
    """`loss` is that of general answers at `strength`, `loss_base` the base's own."""

    strength: float
    loss_base: float
    loss: float


def hold_to_base(
    model: Model, guard: Sequence[Row], job: TrainJob, before_batch: Callable[[], None]
) -> Held | None:
    """Leaves the model at the strength found: the highest within the limit, else the lowest. None without guard rows."""
    if not guard:
        return None

    def loss_at(strength: float) -> float:
        model.set_strength(strength)
        return mean_loss(model.score(guard, 2 * job.batch_examples, before_batch), guard)

    loss_base = loss_at(0.0)
    for strength in _STRENGTHS:
        loss = loss_at(strength)
        if loss <= loss_base * (1 + job.general_worse_max):
            break
    return Held(strength, loss_base, loss)
