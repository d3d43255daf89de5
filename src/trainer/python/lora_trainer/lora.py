"""Put LoRA on the seven projections of every layer, and name its tensors as llama.cpp does."""

import math
from collections.abc import Iterator

import mlx.core as mx
import mlx.nn as nn

from .gguf_base import PROJECTIONS
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


def tensors(model: nn.Module) -> dict[str, mx.array]:
    """llama.cpp's layout: `.lora_a` is (rank, in), `.lora_b` is (out, rank)."""
    named = {}
    for name, parent, leaf in _slots(model):
        layer = getattr(parent, leaf)
        named[f"{name}.weight.lora_a"] = layer.lora_a.T
        named[f"{name}.weight.lora_b"] = layer.lora_b.T
    return named


def load_tensors(model: nn.Module, named: dict[str, mx.array]) -> None:
    """The inverse of `tensors`. Raises KeyError if a projection has no tensor."""
    for name, parent, leaf in _slots(model):
        layer = getattr(parent, leaf)
        layer.lora_a = named[f"{name}.weight.lora_a"].T
        layer.lora_b = named[f"{name}.weight.lora_b"].T
    mx.eval(model.trainable_parameters())


def _slots(model: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    for index, layer in enumerate(model.layers):
        for ours, theirs in PROJECTIONS.items():
            part, leaf = ours.split(".")
            yield f"blk.{index}.{theirs}", getattr(layer, part), leaf
