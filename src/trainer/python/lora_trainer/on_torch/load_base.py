"""Build transformers' model from the GGUF file. It rotates halves, so q and k of `llama` files change their row order."""

from typing import Any

import numpy as np
import torch
import transformers

from ..gguf_base import PROJECTIONS, GgufBase
from ..layout import heads_interleaved, to_halves

_CONFIGS = {
    "llama": transformers.LlamaConfig,
    "qwen2": transformers.Qwen2Config,
    "qwen3": transformers.Qwen3Config,
}
_DTYPES = {4: torch.bfloat16, 16: torch.bfloat16, 32: torch.float32}


def load_base(base: GgufBase, device: torch.device, bits: int) -> torch.nn.Module:
    """Frozen, weights on the device. With 4 bits the seven projections are quantised by bitsandbytes (NF4, twice), as QLoRA
    asks; all else stays in 16. Raises TrainerError BASE_UNSUPPORTED."""
    info, dtype = base.info, _DTYPES[bits]
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(_config(base), dtype=dtype)
    wanted = set(dict(model.named_parameters()))
    for name, weight in base.weights(wanted):
        heads = heads_interleaved(info, name)
        rows = torch.from_numpy(np.array(weight if heads is None else to_halves(weight, heads)))  # a file is read-only
        parent, leaf = name.rpartition(".")[::2]
        if bits == 4 and leaf == "weight" and parent.rpartition("layers.")[2].partition(".")[2] in PROJECTIONS:
            _put_quantised(model, parent, rows, device, dtype)
            continue
        parameter = torch.nn.Parameter(rows.to(device=device, dtype=dtype), requires_grad=False)
        setattr(model.get_submodule(parent), leaf, parameter)
    model.tie_weights()
    _put_rope(model, base, device)
    model.is_loaded_in_4bit = bits == 4  # by this PEFT chooses its 4-bit layer
    model.requires_grad_(False)
    model.config.use_cache = False
    return model


def _config(base: GgufBase) -> Any:
    info = base.info
    bias = {} if info.architecture == "qwen2" else {"attention_bias": base.has_attention_bias}
    return _CONFIGS[info.architecture](
        hidden_size=info.width,
        num_hidden_layers=info.layers,
        intermediate_size=info.feed_forward,
        num_attention_heads=info.heads,
        num_key_value_heads=info.kv_heads,
        head_dim=info.head_width,
        rms_norm_eps=info.norm_epsilon,
        vocab_size=info.vocabulary,
        max_position_embeddings=info.context_tokens,
        rope_parameters={"rope_type": "default", "rope_theta": info.rope_base},
        tie_word_embeddings=info.tied,
        attn_implementation="sdpa",
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        **bias,
    )


def _put_quantised(
    model: torch.nn.Module, parent: str, rows: torch.Tensor, device: torch.device, dtype: torch.dtype
) -> None:
    import bitsandbytes

    plain = model.get_submodule(parent)
    layer = bitsandbytes.nn.Linear4bit(
        plain.in_features,
        plain.out_features,
        bias=plain.bias is not None,
        compute_dtype=dtype,
        compress_statistics=True,
        quant_type="nf4",
        device="meta",
    )
    layer.weight = bitsandbytes.nn.Params4bit(
        rows.to(dtype), requires_grad=False, quant_type="nf4", compress_statistics=True, module=layer
    ).to(device)
    if plain.bias is not None:
        layer.bias = plain.bias
    # Else, on a CPU with AVX-512, the first scoring repacks the weights for good, and every gradient after it goes through
    # a kernel that has no backward pass: wrong, with no more than a warning (bitsandbytes 0.50.2).
    layer.support_avx512bf16_for_cpu = False
    model.set_submodule(parent, layer)


def _put_rope(model: torch.nn.Module, base: GgufBase, device: torch.device) -> None:
    """Buffers are no weights: they were left empty on "meta"."""
    info = base.info
    exponents = torch.arange(0, info.head_width, 2, dtype=torch.float32) / info.head_width
    frequencies = 1.0 / info.rope_base**exponents
    if base.rope_factors is not None:
        frequencies = frequencies / torch.from_numpy(base.rope_factors)
    rope = model.model.rotary_emb
    for name in ("inv_freq", "original_inv_freq"):
        if hasattr(rope, name):
            setattr(rope, name, frequencies.to(device))
    assert not [name for name, buffer in model.named_buffers() if buffer.is_meta]
