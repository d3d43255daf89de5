"""A random llama of two layers as a GGUF file, and jobs to train on it in seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gguf
import mlx.core as mx
import numpy as np
import pytest

PACKAGE = Path(__file__).parent.parent
WIDTH, HEADS, KV_HEADS, FEED_FORWARD, VOCABULARY, LAYERS = 32, 4, 2, 48, 64, 2

mx.disable_compile()


def random_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """In the layout of Hugging Face: each head's rows in halves. Shapes are (out, in)."""
    chance = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.3, shape).astype(np.float32)

    weights = {"token_embd": draw(VOCABULARY, WIDTH), "output_norm": 1 + draw(WIDTH)}
    head = WIDTH // HEADS
    for layer in range(LAYERS):
        weights |= {
            f"blk.{layer}.attn_norm": 1 + draw(WIDTH),
            f"blk.{layer}.ffn_norm": 1 + draw(WIDTH),
            f"blk.{layer}.attn_q": draw(WIDTH, WIDTH),
            f"blk.{layer}.attn_k": draw(KV_HEADS * head, WIDTH),
            f"blk.{layer}.attn_v": draw(KV_HEADS * head, WIDTH),
            f"blk.{layer}.attn_output": draw(WIDTH, WIDTH),
            f"blk.{layer}.ffn_gate": draw(FEED_FORWARD, WIDTH),
            f"blk.{layer}.ffn_up": draw(FEED_FORWARD, WIDTH),
            f"blk.{layer}.ffn_down": draw(WIDTH, FEED_FORWARD),
        }
    return weights


def interleave(weight: np.ndarray, heads: int) -> np.ndarray:
    """What llama.cpp's converter does to q and k (LlamaModel.permute in convert_hf_to_gguf.py)."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_base(path: Path, weights: dict[str, np.ndarray], architecture: str = "llama") -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    for name, weight in weights.items():
        if architecture == "llama" and name.endswith("attn_q"):
            weight = interleave(weight, HEADS)
        if architecture == "llama" and name.endswith("attn_k"):
            weight = interleave(weight, KV_HEADS)
        writer.add_tensor(name if name.endswith(".bias") else f"{name}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def random_rows(count: int, seed: int = 1) -> list[dict]:
    chance = np.random.default_rng(seed)
    return [
        {
            "id": f"row-{seed}-{number}",
            "prompt": chance.integers(3, VOCABULARY, chance.integers(2, 9)).tolist(),
            "target": [*chance.integers(3, VOCABULARY, chance.integers(1, 6)).tolist(), 2],
            "weight": 1.0,
        }
        for number in range(count)
    ]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base") / "base.gguf", random_weights())


@pytest.fixture
def make_job(base: Path, tmp_path: Path):
    """Writes a train job and its rows; keyword arguments override keys. Returns the path of the job."""

    def make(name: str = "run", **overrides: object) -> Path:
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        job = {
            "protocol": 1,
            "runId": "run-1",
            "baseGguf": str(base),
            "directory": str(directory),
            "trainRows": str(write_rows(tmp_path / "train.jsonl", random_rows(10))),
            "validRows": str(write_rows(tmp_path / "valid.jsonl", random_rows(3, seed=2))),
            "replayRows": str(write_rows(tmp_path / "replay.jsonl", random_rows(4, seed=3))),
            "domain": "support",
            "baseDigest": "sha256:base",
            "datasetHash": "sha256:rows",
            "adapterName": "adapter",
            "rank": 4,
            "alpha": 8,
            "learningRate": 1e-3,
            "accumulation": 2,
            "replayRatio": 0.25,
            "stepsMin": 12,
            "checkpointEverySteps": 3,
            **overrides,
        }
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({key: value for key, value in job.items() if value is not ...}))
        return path

    return make


# REACTUNE_TEST_BACKEND=torch runs every test that starts the program on the other backend.
BACKEND = os.environ.get("REACTUNE_TEST_BACKEND", "mlx")


def start(command: str, job: Path, **options) -> subprocess.Popen:
    """The program as its parent starts it: pipes on all three, stdin left open."""
    return subprocess.Popen(
        [sys.executable, "-m", "lora_trainer", command, "--job", str(job), "--backend", BACKEND],
        cwd=PACKAGE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(child: subprocess.Popen) -> tuple[int, list[dict], str]:
    """Exit code, events, stderr. Every line of stdout must be an event."""
    out, err = [], []
    for line in child.stdout:
        out.append(json.loads(line))
    err.append(child.stderr.read())
    return child.wait(timeout=60), out, "".join(err)
