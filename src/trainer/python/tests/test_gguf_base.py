import mlx.core as mx
import numpy as np
import pytest
from conftest import HEADS, KV_HEADS, VOCABULARY, interleave, random_weights, write_base
from reference import forward, target_loss

from lora_trainer.errors import TrainerError
from lora_trainer.on_mlx import load_base as mlx_base
from lora_trainer.on_mlx import lora
from lora_trainer.on_mlx.score import score_rows, target_losses
from lora_trainer.rows import Row, collate
from lora_trainer.score import mean_loss

TOKENS = [5, 17, 3, 42, 9, 9, 30]
ROWS = [
    Row("long", (5, 17, 3, 42), (9, 30, 2), 1.0),
    Row("short", (8,), (11, 2), 3.0),
    Row("single", (4, 6), (2,), 0.5),
]


def whole_logits(model, tokens):
    hidden = model.model(mx.array([tokens]))[0]
    return np.array(mlx_base.hidden_to_logits(model, hidden))


def test_load_base_computes_what_the_reference_does_although_q_and_k_are_interleaved(base):
    model, info = mlx_base.load_base(base)

    assert (info.layers, info.vocabulary, info.tied) == (2, VOCABULARY, True)
    np.testing.assert_allclose(whole_logits(model, TOKENS), forward(random_weights(), TOKENS), atol=2e-4)


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
def test_load_base_computes_what_the_reference_does_for_qwen(tmp_path, architecture):
    weights, chance = random_weights(), np.random.default_rng(4)
    for layer in range(2):
        for part, width in (("q", 32), ("k", 16), ("v", 16)):
            if architecture == "qwen2":
                weights[f"blk.{layer}.attn_{part}.bias"] = chance.normal(size=width).astype(np.float32)
            elif part != "v":
                weights[f"blk.{layer}.attn_{part}_norm"] = chance.normal(1, 0.3, 8).astype(np.float32)
    model, _ = mlx_base.load_base(write_base(tmp_path / "qwen.gguf", weights, architecture))

    np.testing.assert_allclose(whole_logits(model, TOKENS), forward(weights, TOKENS), atol=5e-4)


def test_load_base_scales_rope_by_the_factors_in_the_file(tmp_path):
    factors = np.array([1.0, 1.0, 4.0, 8.0], dtype=np.float32)
    model, _ = mlx_base.load_base(write_base(tmp_path / "long.gguf", {**random_weights(), "rope_freqs": factors}))

    expected = forward(random_weights(), TOKENS, rope_factors=factors)
    np.testing.assert_allclose(whole_logits(model, TOKENS), expected, atol=5e-4)
    assert np.abs(expected - forward(random_weights(), TOKENS)).max() > 1e-2


def test_load_base_reads_an_untied_head(tmp_path):
    head = np.random.default_rng(7).normal(size=(VOCABULARY, 32)).astype(np.float32)
    model, info = mlx_base.load_base(write_base(tmp_path / "untied.gguf", {**random_weights(), "output": head}))

    assert not info.tied
    hidden = np.random.default_rng(8).normal(size=(3, 32)).astype(np.float32)
    np.testing.assert_allclose(np.array(mlx_base.hidden_to_logits(model, mx.array(hidden))), hidden @ head.T, atol=1e-4)


def test_adapter_tensors_keep_llama_cpps_row_order(base):
    model, _ = mlx_base.load_base(base)
    lora.attach(model, rank=3, alpha=6.0, dropout=0.0, seed=0)
    chance = np.random.default_rng(3)
    named = {
        name: chance.normal(0, 0.2, array.shape).astype(np.float32)
        for name, array in lora.tensors(model).items()
    }
    lora.load_tensors(model, named)

    deltas = {}
    for name in random_weights():
        if f"{name}.weight.lora_a" not in named:
            continue
        a, b = (np.array(named[f"{name}.weight.lora_{part}"], dtype=np.float64) for part in "ab")
        delta = 2.0 * b @ a
        heads = HEADS if name.endswith("attn_q") else KV_HEADS if name.endswith("attn_k") else None
        deltas[name] = delta if heads is None else halves(delta, heads)
    assert len(deltas) == 14
    np.testing.assert_allclose(whole_logits(model, TOKENS), forward(random_weights(), TOKENS, deltas), atol=5e-4)


def halves(weight, heads):
    """The inverse of conftest.interleave, found by search so that it shares no formula with it."""
    rows = weight.shape[0]
    order = interleave(np.arange(rows, dtype=np.float32)[:, None], heads)[:, 0].astype(int)
    restored = np.empty_like(weight)
    restored[order] = weight
    return restored


def test_target_losses_count_target_tokens_only_and_ignore_padding(base):
    model, _ = mlx_base.load_base(base)
    batch = collate(ROWS)
    losses = np.array(target_losses(model, batch))

    for index, row in enumerate(ROWS):
        expected = target_loss(forward(random_weights(), [*row.prompt, *row.target][:-1]), row.prompt, row.target)
        assert losses[batch.owners == index].mean() == pytest.approx(expected, abs=1e-4)


def test_score_rows_and_mean_loss_agree_with_the_reference(base):
    model, _ = mlx_base.load_base(base)
    scores = score_rows(model, ROWS, 2, lambda: None)

    total = weighed = 0.0
    for row in ROWS:
        logits = forward(random_weights(), [*row.prompt, *row.target][:-1])
        loss = target_loss(logits, row.prompt, row.target)
        hits = np.mean(logits[len(row.prompt) - 1 :].argmax(-1) == np.array(row.target))
        assert scores[row.id].loss == pytest.approx(loss, abs=1e-4)
        assert scores[row.id].agreement == pytest.approx(hits)
        total += row.weight * len(row.target) * loss
        weighed += row.weight * len(row.target)
    assert mean_loss(scores, ROWS) == pytest.approx(total / weighed, abs=1e-4)


def test_load_base_dequantises(tmp_path):
    import gguf

    from conftest import FEED_FORWARD, LAYERS, WIDTH

    path = tmp_path / "q8.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for add, value in (
        (writer.add_block_count, LAYERS),
        (writer.add_context_length, 64),
        (writer.add_embedding_length, WIDTH),
        (writer.add_feed_forward_length, FEED_FORWARD),
        (writer.add_head_count, HEADS),
        (writer.add_head_count_kv, KV_HEADS),
        (writer.add_layer_norm_rms_eps, 1e-5),
    ):
        add(value)
    weights, rounded = random_weights(), {}
    for name, weight in weights.items():
        heads = HEADS if name.endswith("attn_q") else KV_HEADS if name.endswith("attn_k") else None
        stored = weight if heads is None else interleave(weight, heads)
        if weight.ndim == 1 or weight.shape[1] % 32:
            writer.add_tensor(f"{name}.weight", stored)
            rounded[name] = weight
            continue
        blocks = gguf.quants.quantize(stored, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(f"{name}.weight", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        plain = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.Q8_0)
        rounded[name] = plain if heads is None else halves(plain, heads)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model, _ = mlx_base.load_base(path)

    np.testing.assert_allclose(whole_logits(model, TOKENS), forward(rounded, TOKENS), atol=5e-4)
    assert np.abs(forward(rounded, TOKENS) - forward(weights, TOKENS)).max() > 1e-3


@pytest.mark.parametrize("damage", ["empty", "truncated", "other architecture", "missing tensor", "strange tensor"])
def test_load_base_refuses_a_file_it_cannot_use(base, tmp_path, damage):
    path = tmp_path / "bad.gguf"
    weights = random_weights()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(base.read_bytes()[:4000])
    elif damage == "other architecture":
        write_base(path, weights, architecture="gptneox")
    elif damage == "missing tensor":
        write_base(path, {name: weight for name, weight in weights.items() if name != "blk.1.ffn_up"})
    else:
        write_base(path, {**weights, "blk.0.ffn_gate_exps": weights["blk.0.ffn_gate"]})

    with pytest.raises(TrainerError) as raised:
        mlx_base.load_base(path)
    assert raised.value.code == "BASE_UNSUPPORTED"
    assert raised.value.hint
