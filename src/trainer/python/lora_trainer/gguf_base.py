"""Build mlx-lm's model from the very GGUF file that is served.

Every quantisation is de-quantised by the gguf package. llama.cpp stores q and k of `llama` models with each head's rows
interleaved (its "norm" rope); mlx calls the same rotation `traditional`. Asking mlx for that rotation lets weights and
adapters keep llama.cpp's row order, so nothing is permuted on the way in or out. Qwen models are stored unpermuted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import mlx.core as mx
import mlx.nn as nn

from .errors import TrainerError
from .mlx_lm_models import import_mlx_lm

SUPPORTED = ("llama", "qwen2", "qwen3")

# mlx-lm's name within a layer -> llama.cpp's name within a block. LoRA sits on these seven.
PROJECTIONS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NORMS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
}
_WHOLE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}


@dataclass(frozen=True)
class BaseInfo:
    """What the header of a base GGUF says."""

    path: Path
    architecture: str
    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    context_tokens: int
    rope_base: float
    norm_epsilon: float
    tied: bool
    parameters: int


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


def read_info(path: Path) -> BaseInfo:
    """Raises TrainerError BASE_UNSUPPORTED if the file is not a GGUF of a known architecture."""
    return _info(path, _open(path))


def load_base(path: Path, dtype: mx.Dtype = mx.float32) -> tuple[nn.Module, BaseInfo]:
    """The frozen model, weights in memory. Raises TrainerError BASE_UNSUPPORTED as `read_info` does."""
    reader = _open(path)
    info = _info(path, reader)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    model = _empty_model(info, attention_bias="blk.0.attn_q.bias" in tensors)
    wanted = {name for name, _ in _flat_parameters(model)}

    loaded = []
    for name, stored in _names(info).items():
        if name not in wanted:
            continue
        tensor = tensors.pop(stored, None)
        if tensor is None:
            raise _unsupported(path, f'tensor "{stored}" is missing')
        loaded.append((name, mx.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type)).astype(dtype)))
    factors = tensors.pop("rope_freqs.weight", None)
    for stored in ("output.weight", "rope_freqs.weight"):
        tensors.pop(stored, None)
    if tensors:
        raise _unsupported(path, f'tensor "{sorted(tensors)[0]}" has no place in the model')

    model.load_weights(loaded, strict=True)
    if factors is not None:
        rope = ScaledRope(info.head_width, info.rope_base, info.architecture == "llama", mx.array(factors.data))
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


def _open(path: Path) -> gguf.GGUFReader:
    try:
        return gguf.GGUFReader(path)
    except (OSError, ValueError, IndexError, KeyError) as cause:
        raise TrainerError(
            "BASE_UNSUPPORTED",
            f'Cannot read base model "{path}": {type(cause).__name__}: {cause}',
            "Check that the file exists and is a complete GGUF file, then run set-up again",
        ) from cause


def _info(path: Path, reader: gguf.GGUFReader) -> BaseInfo:
    def value(key: str, default: Any = None) -> Any:
        field = reader.fields.get(key)
        return default if field is None else field.contents()

    architecture = value("general.architecture", "")
    if architecture not in SUPPORTED:
        raise _unsupported(path, f'architecture is "{architecture}"')
    if value(f"{architecture}.expert_count", 0):
        raise _unsupported(path, "it is a mixture of experts")
    scaling = value(f"{architecture}.rope.scaling.type", "none")
    if scaling != "none":
        raise _unsupported(path, f'rope scaling is "{scaling}"')
    try:
        heads = int(value(f"{architecture}.attention.head_count"))
        width = int(value(f"{architecture}.embedding_length"))
        shapes = {tensor.name: tensor.shape for tensor in reader.tensors}
        return BaseInfo(
            path=path,
            architecture=architecture,
            layers=int(value(f"{architecture}.block_count")),
            width=width,
            feed_forward=int(value(f"{architecture}.feed_forward_length")),
            heads=heads,
            kv_heads=int(value(f"{architecture}.attention.head_count_kv", heads)),
            head_width=int(value(f"{architecture}.attention.key_length", width // heads)),
            vocabulary=int(shapes["token_embd.weight"][1]),
            context_tokens=int(value(f"{architecture}.context_length", 512)),
            rope_base=float(value(f"{architecture}.rope.freq_base", 10000.0)),
            norm_epsilon=float(value(f"{architecture}.attention.layer_norm_rms_epsilon")),
            tied="output.weight" not in shapes,
            parameters=sum(int(tensor.n_elements) for tensor in reader.tensors),
        )
    except (TypeError, KeyError) as cause:
        raise _unsupported(path, f"its header lacks a value ({cause})") from cause


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


def _names(info: BaseInfo) -> dict[str, str]:
    """mlx-lm's parameter name -> llama.cpp's tensor name, for every parameter that any supported model has."""
    names = dict(_WHOLE)
    if not info.tied:
        names["lm_head.weight"] = "output.weight"
    for index in range(info.layers):
        for ours, theirs in {**PROJECTIONS, **_NORMS}.items():
            for part in ("weight", "bias"):
                names[f"model.layers.{index}.{ours}.{part}"] = f"blk.{index}.{theirs}.{part}"
    return names


def _flat_parameters(model: nn.Module) -> list[tuple[str, mx.array]]:
    from mlx.utils import tree_flatten

    return tree_flatten(model.parameters())


def _unsupported(path: Path, state: str) -> TrainerError:
    return TrainerError(
        "BASE_UNSUPPORTED",
        f'Cannot train on base model "{path}": {state}',
        f"Choose a dense GGUF model of architecture {', '.join(SUPPORTED)}; the model still answers without training",
    )
