"""Put LoRA on the seven projections of every layer, and name its tensors as llama.cpp does."""

from collections.abc import Iterator, Mapping

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from ..gguf_base import PROJECTIONS
from ..layout import from_mlx, to_mlx
from .mlx_lm_models import import_mlx_lm


def attach(model: nn.Module, rank: int, alpha: float, dropout: float, seed: int) -> None:
    """A starts uniform, B starts at zero, so an untrained adapter changes nothing."""
    lora = import_mlx_lm("tuner.lora")
    mx.random.seed(seed)
    for _, parent, leaf in _slots(model):
        wrapped = lora.LoRALinear.from_base(getattr(parent, leaf), r=rank, scale=alpha / rank, dropout=dropout)
        wrapped.linear.freeze()
        setattr(parent, leaf, wrapped)
    mx.eval(model.trainable_parameters())


def set_scale(model: nn.Module, scale: float) -> None:
    """0 switches the adapter off, so that base and adapter are judged on one copy of the weights."""
    for _, parent, leaf in _slots(model):
        getattr(parent, leaf).scale = scale


def tensors(model: nn.Module) -> dict[str, np.ndarray]:
    """llama.cpp's layout, a copy."""
    named: dict[str, np.ndarray] = {}
    for name, parent, leaf in _slots(model):
        layer = getattr(parent, leaf)
        named |= from_mlx(name, np.array(layer.lora_a), np.array(layer.lora_b))
    return named


def load_tensors(model: nn.Module, named: Mapping[str, np.ndarray]) -> None:
    """The inverse of `tensors`. Raises KeyError if a projection has no tensor."""
    for name, parent, leaf in _slots(model):
        layer = getattr(parent, leaf)
        layer.lora_a, layer.lora_b = (mx.array(np.ascontiguousarray(part)) for part in to_mlx(name, named))
    mx.eval(model.trainable_parameters())


def _slots(model: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    for index, layer in enumerate(model.layers):
        for ours, theirs in PROJECTIONS.items():
            part, leaf = ours.split(".")
            yield f"blk.{index}.{theirs}", getattr(layer, part), leaf
