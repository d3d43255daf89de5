import numpy as np
import pytest
from conftest import HEADS, KV_HEADS, interleave

from lora_trainer.adapter_file import AdapterMeta, write_adapter
from lora_trainer.gguf_base import PROJECTIONS, read_info
from lora_trainer.layout import from_mlx, from_peft, to_halves, to_interleaved, to_mlx, to_peft

RANK = 3


@pytest.fixture
def peft_state(base):
    """Random, by the names and in the shapes that PEFT saves: A (rank, in), B (out, rank), q and k in halves."""
    info, chance = read_info(base), np.random.default_rng(6)
    kv = info.kv_heads * info.head_width
    ends = {"q_proj": (32, 32), "k_proj": (32, kv), "v_proj": (32, kv), "o_proj": (32, 32)}
    ends |= {"gate_proj": (32, 48), "up_proj": (32, 48), "down_proj": (48, 32)}
    state = {}
    for layer in range(info.layers):
        for ours in PROJECTIONS:
            before, after = ends[ours.partition(".")[2]]
            name = f"base_model.model.model.layers.{layer}.{ours}"
            state[f"{name}.lora_A.weight"] = chance.normal(size=(RANK, before)).astype(np.float32)
            state[f"{name}.lora_B.weight"] = chance.normal(size=(after, RANK)).astype(np.float32)
    return state


@pytest.mark.parametrize("heads", [HEADS, KV_HEADS, 1])
def test_to_interleaved_is_what_llama_cpps_converter_does_and_to_halves_undoes_it(heads):
    rows = np.random.default_rng(2).normal(size=(heads * 8, 5)).astype(np.float32)

    np.testing.assert_array_equal(to_interleaved(rows, heads), interleave(rows, heads))
    np.testing.assert_array_equal(to_halves(interleave(rows, heads), heads), rows)
    # A bias has rows and no columns.
    np.testing.assert_array_equal(to_halves(interleave(rows, heads)[:, 0], heads), rows[:, 0])


def test_from_peft_interleaves_b_of_q_and_k_and_nothing_else(base, peft_state):
    named = from_peft(peft_state, read_info(base))

    assert len(named) == len(peft_state) == 28
    for name, array in named.items():
        index, leaf = int(name.split(".")[1]), name.split(".")[2]
        ours = next(ours for ours, theirs in PROJECTIONS.items() if theirs == leaf)
        part = {"lora_a": "lora_A", "lora_b": "lora_B"}[name.rpartition(".")[2]]
        saved = peft_state[f"base_model.model.model.layers.{index}.{ours}.{part}.weight"]
        heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(leaf) if part == "lora_B" else None
        np.testing.assert_array_equal(array, saved if heads is None else interleave(saved, heads))


def test_to_peft_undoes_from_peft(base, peft_state):
    info = read_info(base)
    again = to_peft(from_peft(peft_state, info), info)

    assert again.keys() == peft_state.keys()
    for name, array in again.items():
        np.testing.assert_array_equal(array, peft_state[name])


def test_the_same_adapter_in_both_layouts_gives_the_same_bytes(base, peft_state, tmp_path):
    named = from_peft(peft_state, read_info(base))
    # As MLX holds it: both transposed, in llama.cpp's row order.
    of_mlx = {}
    for projection in sorted({name.rpartition(".weight.")[0] for name in named}):
        of_mlx |= from_mlx(projection, *to_mlx(projection, named))
    meta = AdapterMeta("llama", 6.0, "a", "support", "b", "d", "r")
    files = [write_adapter(tmp_path / f"{n}.gguf", tensors, meta) for n, tensors in enumerate((named, of_mlx))]

    assert files[0].sha256 == files[1].sha256


def test_qwen_keeps_its_row_order(tmp_path, peft_state):
    from conftest import random_weights, write_base

    info = read_info(write_base(tmp_path / "qwen.gguf", random_weights(), "qwen2"))
    saved = peft_state["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"]

    np.testing.assert_array_equal(from_peft(peft_state, info)["blk.0.attn_q.weight.lora_b"], saved)
