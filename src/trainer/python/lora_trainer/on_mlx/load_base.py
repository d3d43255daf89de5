"""Build mlx-lm's model from the GGUF file.

llama.cpp's "norm" rope over interleaved rows is what mlx calls the `traditional` rotation. Asking mlx for it lets weights
and adapters keep llama.cpp's row order, so nothing is permuted on the way in or out.
"""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from ..gguf_base import BaseInfo, GgufBase
from .mlx_lm_models import import_mlx_lm


class ScaledRope(nn.Module):
    """Rotation with the per-frequency factors that llama.cpp stores as `rope_freqs` (Llama 3.1 and later)."""

    def __init__(self, width: int, base: float, traditional: bool, factors: mx.array):
        super().__init__()
        self._width = width
        self._traditional = traditional
        self._freqs = base ** (mx.arange(0, width, 2, dtype=mx.float32) / width) * factors

    def __call__(self, x: mx.array, offset: int = 0) -> mx.array:
        return mx.fast.rope(
            x, self._width, traditional=self._traditional, base=None, scale=1.0, offset=offset, freqs=self._freqs
        )


def load_base(path: Path) -> tuple[nn.Module, BaseInfo]:
    """The frozen model, weights in memory. Raises TrainerError BASE_UNSUPPORTED as `read_info` does."""
    base = GgufBase(path)
    info = base.info
    model = _empty_model(info, base.has_attention_bias)
    wanted = {name for name, _ in tree_flatten(model.parameters())}
    model.load_weights([(name, mx.array(weight)) for name, weight in base.weights(wanted)], strict=True)
    factors = base.rope_factors
    if factors is not None:
        rope = ScaledRope(info.head_width, info.rope_base, info.architecture == "llama", mx.array(factors))
        for layer in model.layers:
            layer.self_attn.rope = rope
    model.freeze()
    mx.eval(model.parameters())
    return model, info


def hidden_to_logits(model: nn.Module, hidden: mx.array) -> mx.array:
    """(N, width) -> (N, vocabulary). Called on the scored positions only: the head is a fifth of a small model's work."""
    if model.args.tie_word_embeddings:
        return model.model.embed_tokens.as_linear(hidden)
    return model.lm_head(hidden)


def _empty_model(info: BaseInfo, attention_bias: bool) -> nn.Module:
    module = import_mlx_lm(f"models.{info.architecture}")
    settings: dict[str, Any] = {
        "model_type": info.architecture,
        "hidden_size": info.width,
        "num_hidden_layers": info.layers,
        "intermediate_size": info.feed_forward,
        "num_attention_heads": info.heads,
        "num_key_value_heads": info.kv_heads,
        "rms_norm_eps": info.norm_epsilon,
        "vocab_size": info.vocabulary,
        "max_position_embeddings": info.context_tokens,
        "rope_theta": info.rope_base,
        "tie_word_embeddings": info.tied,
        "head_dim": info.head_width,
        "attention_bias": attention_bias,
        "rope_traditional": info.architecture == "llama",
    }
    return module.Model(module.ModelArgs.from_dict(settings))
