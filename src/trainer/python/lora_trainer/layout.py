"""The one converter between what a backend trains and llama.cpp's LoRA tensors, for both ways.

llama.cpp wants `.lora_a` (rank, in) and `.lora_b` (out, rank). MLX holds both transposed, in llama.cpp's row order. PEFT
holds them so, but its q and k have each head's rows in halves where a `llama` file has them interleaved: the rows of the
base are put in halves on the way in, those of B interleaved on the way out. A wrong order leaves held-out accuracy almost
unchanged; only a token-by-token comparison with the engine finds it.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from .gguf_base import PROJECTIONS, BaseInfo

_PEFT_PARTS = {"lora_A": "lora_a", "lora_B": "lora_b"}
_PEFT_PREFIX = "base_model.model."


def to_halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows (heads * width, ...) of llama.cpp's order into the order of Hugging Face."""
    return rows.reshape(heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def to_interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """The inverse of `to_halves`."""
    return rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def heads_interleaved(info: BaseInfo, name: str) -> int | None:
    """How many heads the rows of this weight hold, where the file interleaves them; else None. Any naming will do."""
    if info.architecture != "llama":
        return None
    if "self_attn.q_proj" in name or "attn_q." in name:
        return info.heads
    return info.kv_heads if "self_attn.k_proj" in name or "attn_k." in name else None


def from_mlx(name: str, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """`a` (in, rank) and `b` (rank, out) of the projection that llama.cpp calls `name`."""
    return {f"{name}.weight.lora_a": a.T, f"{name}.weight.lora_b": b.T}


def to_mlx(name: str, named: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `from_mlx`. Raises KeyError if the projection has no tensor."""
    return named[f"{name}.weight.lora_a"].T, named[f"{name}.weight.lora_b"].T


def from_peft(state: Mapping[str, np.ndarray], info: BaseInfo) -> dict[str, np.ndarray]:
    """PEFT's state, as `adapter_model.safetensors` holds it, by llama.cpp's names. Raises KeyError if a tensor is missing."""
    return {
        stored: to_interleaved(state[name], heads) if heads is not None else state[name]
        for name, stored, heads in _peft_names(info)
    }


def to_peft(named: Mapping[str, np.ndarray], info: BaseInfo) -> dict[str, np.ndarray]:
    """The inverse of `from_peft`."""
    return {
        name: to_halves(named[stored], heads) if heads is not None else named[stored]
        for name, stored, heads in _peft_names(info)
    }


def _peft_names(info: BaseInfo) -> Iterator[tuple[str, str, int | None]]:
    """PEFT's name, llama.cpp's name, and the heads where rows change their order."""
    for index in range(info.layers):
        for ours, theirs in PROJECTIONS.items():
            for peft, part in _PEFT_PARTS.items():
                stored = f"blk.{index}.{theirs}.weight.{part}"
                heads = heads_interleaved(info, stored) if part == "lora_b" else None
                yield f"{_PEFT_PREFIX}model.layers.{index}.{ours}.{peft}.weight", stored, heads
