"""The learning rate over a run."""

import math

from .job import TrainJob


def rate_at(step: int, steps_total: int, job: TrainJob) -> float:
    """Linear warm-up, then half a cosine; `step` counts from 0."""
    warmup = round(steps_total * job.warmup_ratio)
    if step < warmup:
        return job.learning_rate * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps_total - warmup)
    low = job.learning_rate_end_ratio
    return job.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done)))
