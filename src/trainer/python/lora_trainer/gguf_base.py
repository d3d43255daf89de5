"""Read the very GGUF file that is served: the one reader of base weights, whatever trains on them.

Every quantisation is de-quantised by the gguf package. llama.cpp stores q and k of `llama` models with each head's rows
interleaved (its "norm" rope); those of Qwen models it stores as they are. See layout.py.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from .errors import TrainerError

SUPPORTED = ("llama", "qwen2", "qwen3")

# mlx-lm's and transformers' name within a layer -> llama.cpp's name within a block. LoRA sits on these seven.
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


def read_info(path: Path) -> BaseInfo:
    """Raises TrainerError BASE_UNSUPPORTED if the file is not a GGUF of a known architecture."""
    return _info(path, _open(path))


class GgufBase:
    """An open base: its header, and its weights by the names that mlx-lm and transformers share."""

    def __init__(self, path: Path):
        """Raises TrainerError BASE_UNSUPPORTED as `read_info` does."""
        self._path = path
        reader = _open(path)
        self.info = _info(path, reader)
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.has_attention_bias = "blk.0.attn_q.bias" in self._tensors

    def weights(self, wanted: Collection[str]) -> Iterator[tuple[str, np.ndarray]]:
        """(name, float32) one at a time, in llama.cpp's row order. Raises TrainerError BASE_UNSUPPORTED if a wanted
        tensor is missing, or the file holds one that nobody wants."""
        unread = dict(self._tensors)
        for name, stored in _names(self.info).items():
            if name not in wanted:
                continue
            tensor = unread.pop(stored, None)
            if tensor is None:
                raise _unsupported(self._path, f'tensor "{stored}" is missing')
            yield name, np.asarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        for stored in ("output.weight", "rope_freqs.weight"):
            unread.pop(stored, None)
        if unread:
            raise _unsupported(self._path, f'tensor "{sorted(unread)[0]}" has no place in the model')

    @property
    def rope_factors(self) -> np.ndarray | None:
        """(head width / 2,) by which each frequency is divided (Llama 3.1 and later). None where the file has none."""
        stored = self._tensors.get("rope_freqs.weight")
        return None if stored is None else np.array(stored.data, dtype=np.float32)


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


def _names(info: BaseInfo) -> dict[str, str]:
    """mlx-lm's and transformers' parameter name -> llama.cpp's tensor name, for every parameter that any supported model has."""
    names = dict(_WHOLE)
    if not info.tied:
        names["lm_head.weight"] = "output.weight"
    for index in range(info.layers):
        for ours, theirs in {**PROJECTIONS, **_NORMS}.items():
            for part in ("weight", "bias"):
                names[f"model.layers.{index}.{ours}.{part}"] = f"blk.{index}.{theirs}.{part}"
    return names


def _unsupported(path: Path, state: str) -> TrainerError:
    return TrainerError(
        "BASE_UNSUPPORTED",
        f'Cannot train on base model "{path}": {state}',
        f"Choose a dense GGUF model of architecture {', '.join(SUPPORTED)}; the model still answers without training",
    )
