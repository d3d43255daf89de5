import hashlib
import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from conftest import finish, random_rows, start, write_rows

from lora_trainer.adapter_file import AdapterMeta, read_adapter, write_adapter
from lora_trainer.gguf_base import PROJECTIONS
from lora_trainer.on_mlx import load_base as mlx_base
from lora_trainer.on_mlx import lora


@pytest.fixture
def adapter(base, tmp_path):
    model, _ = mlx_base.load_base(base)
    lora.attach(model, rank=4, alpha=8.0, dropout=0.0, seed=5)
    named = lora.tensors(model)
    chance = np.random.default_rng(11)
    for name, array in named.items():
        if name.endswith("lora_b"):
            named[name] = chance.normal(0, 0.2, array.shape).astype(np.float32)
    return write_adapter(tmp_path / "adapter.gguf", named, AdapterMeta("llama", 8.0, "a", "support", "b", "d", "r")).path


@pytest.fixture
def evaluate(base, adapter, tmp_path):
    def run(**overrides: object) -> tuple[int, list[dict]]:
        job = {
            "protocol": 1,
            "runId": "run-1",
            "baseGguf": str(base),
            "adapter": str(adapter),
            "directory": str(tmp_path),
            "sets": [{"name": "valid", "rows": str(write_rows(tmp_path / "v.jsonl", random_rows(6)))}],
            **overrides,
        }
        path = tmp_path / "evaluate.json"
        path.write_text(json.dumps(job))
        code, events, stderr = finish(start("evaluate", path))
        assert "Traceback" not in stderr, stderr
        return code, events

    return run


def logits_of(base, tokens, adapter=None):
    """The weights merged by hand: no LoRA layer takes part."""
    model, _ = mlx_base.load_base(base)
    if adapter is not None:
        meta, tensors = read_adapter(adapter)
        names = {theirs: ours for ours, theirs in PROJECTIONS.items()}
        for index, layer in enumerate(model.layers):
            for theirs, ours in names.items():
                part, leaf = ours.split(".")
                a = tensors[f"blk.{index}.{theirs}.weight.lora_a"]
                b = tensors[f"blk.{index}.{theirs}.weight.lora_b"]
                projection = getattr(getattr(layer, part), leaf)
                projection.weight = projection.weight + meta.alpha / a.shape[0] * mx.array(b @ a)
    return np.array(mlx_base.hidden_to_logits(model, model.model(mx.array([tokens]))[0])).astype(np.float64)


def loss_of(base, prompt, target, adapter=None):
    logits = logits_of(base, [*prompt, *target][:-1], adapter)[len(prompt) - 1 :]
    chances = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -chances[np.arange(len(target)), target].mean()


def test_evaluate_scores_every_row_under_base_and_adapter(evaluate, base, adapter):
    code, events = evaluate()
    figures = json.loads(Path(events[-1]["figuresPath"]).read_text())

    assert code == 0
    assert len(figures["rows"]) == 6
    for row, raw in zip(sorted(figures["rows"], key=lambda row: row["id"]), random_rows(6), strict=True):
        assert row["tokens"] == len(raw["target"])
        assert row["lossBase"] == pytest.approx(loss_of(base, raw["prompt"], raw["target"]), abs=1e-4)
        assert row["lossAdapter"] == pytest.approx(loss_of(base, raw["prompt"], raw["target"], adapter), abs=1e-3)
        assert abs(row["lossBase"] - row["lossAdapter"]) > 1e-3
    assert events[-1]["sha256"] == hashlib.sha256(Path(events[-1]["figuresPath"]).read_bytes()).hexdigest()


def test_evaluate_ranks_pairs(evaluate, base, adapter, tmp_path):
    pair = {"id": "p", "prompt": [5, 6, 7], "liked": [8, 9, 2], "disliked": [10, 2]}
    _, events = evaluate(sets=[], pairs=str(write_rows(tmp_path / "pairs.jsonl", [pair])))
    (figures,) = json.loads(Path(events[-1]["figuresPath"]).read_text())["pairs"]

    for side in ("liked", "disliked"):
        assert figures[f"{side}Base"] == pytest.approx(-loss_of(base, pair["prompt"], pair[side]), abs=1e-4)
        assert figures[f"{side}Adapter"] == pytest.approx(-loss_of(base, pair["prompt"], pair[side], adapter), abs=1e-3)
    assert events[-1]["pairs"]["rankedBase"] == float(figures["likedBase"] > figures["dislikedBase"])


def test_evaluate_counts_how_often_its_argmax_is_the_engines_token(evaluate, base, adapter, tmp_path):
    prompt, greedy = [5, 6, 7], []
    for _ in range(6):
        greedy.append(int(logits_of(base, [*prompt, *greedy], adapter)[-1].argmax()))
    wrong = [*greedy[:3], (greedy[3] + 1) % 64]
    rows = [{"id": "same", "prompt": prompt, "generated": greedy}, {"id": "odd", "prompt": prompt, "generated": wrong}]
    _, events = evaluate(sets=[], parity=str(write_rows(tmp_path / "parity.jsonl", rows)))
    figures = {row["id"]: row for row in json.loads(Path(events[-1]["figuresPath"]).read_text())["parity"]}

    assert figures["same"] == {"id": "same", "tokens": 6, "agreement": 1.0}
    assert figures["odd"]["agreement"] == 0.75


def test_evaluate_refuses_a_base_model_as_adapter_and_ids_used_twice(evaluate, base, tmp_path):
    code, events = evaluate(adapter=str(base))
    assert (code, events[-1]["code"]) == (1, "BAD_ADAPTER")

    twice = write_rows(tmp_path / "twice.jsonl", random_rows(1) * 2)
    code, events = evaluate(sets=[{"name": "valid", "rows": str(twice)}])
    assert (code, events[-1]["code"]) == (1, "BAD_ROWS")


def test_evaluate_refuses_an_adapter_of_another_shape(evaluate, adapter, tmp_path):
    meta, tensors = read_adapter(adapter)
    del tensors["blk.1.attn_q.weight.lora_a"]
    code, events = evaluate(adapter=str(write_adapter(tmp_path / "less.gguf", tensors, meta).path))

    assert (code, events[-1]["code"]) == (1, "BAD_ADAPTER")
    assert "attn_q" in events[-1]["message"]
