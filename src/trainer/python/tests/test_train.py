import json
import os
import resource
import signal
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from conftest import finish, random_rows, random_weights, start, write_base, write_rows

from lora_trainer.adapter_file import read_adapter
from lora_trainer.job import read_train_job
from lora_trainer.on_mlx import lora
from lora_trainer.on_mlx.load_base import hidden_to_logits, load_base
from lora_trainer.on_mlx.objective import Objective
from lora_trainer.rows import Row, collate
from lora_trainer.score import token_shares


def named(events: list[dict], name: str) -> list[dict]:
    return [event for event in events if event["event"] == name]


def test_train_lowers_the_loss_and_writes_a_finite_adapter(make_job):
    code, events, stderr = finish(start("train", make_job()))

    assert code == 0, stderr
    result = events[-1]
    assert result["event"] == "trained"
    assert result["lossTrainLast"] < result["lossTrainFirst"]
    meta, tensors = read_adapter(Path(result["adapterPath"]))
    assert (meta.domain, meta.base_digest, meta.dataset_hash, meta.run_id) == (
        "support",
        "sha256:base",
        "sha256:rows",
        "run-1",
    )
    assert tensors["blk.0.ffn_down.weight.lora_a"].shape == (4, 48)
    assert tensors["blk.0.ffn_down.weight.lora_b"].shape == (32, 4)
    assert np.abs(np.array(tensors["blk.1.attn_v.weight.lora_b"])).max() > 0
    assert named(events, "started")[0]["stepsTotal"] == len(named(events, "progress"))
    assert named(events, "warning")[0]["code"] == "PASSES_ADDED"


def test_train_keeps_the_adapter_with_the_best_answer_loss(make_job):
    # Random targets: learning the training rows by heart makes the validation rows worse and worse.
    _, events, _ = finish(start("train", make_job(learningRate=2e-2, stepsMin=30)))
    validated, result = named(events, "validated"), events[-1]

    candidates = [event for event in validated if event["step"] > 0]
    best = min(candidates, key=lambda event: event["lossValid"])
    assert best["step"] < result["steps"]
    assert result["stepBest"] == best["step"]
    assert result["lossValidBest"] == best["lossValid"]
    assert result["gap"] == pytest.approx(best["lossValid"] - result["lossTrainLast"])


def test_train_gives_the_same_bytes_when_killed_and_started_again(make_job):
    _, events, _ = finish(start("train", make_job("whole", dropout=0.1)))
    whole = events[-1]

    job = make_job("killed", dropout=0.1)
    kill_after_step(job, 6, signal.SIGKILL)
    code, events, stderr = finish(start("train", job))

    assert code == 0, stderr
    assert named(events, "started")[0]["stepsDone"] >= 6
    assert events[-1]["sha256"] == whole["sha256"]
    assert events[-1]["lossValidBest"] == whole["lossValidBest"]
    assert events[-1]["steps"] == whole["steps"]


def test_train_writes_the_same_adapter_again_when_a_finished_job_is_repeated(make_job):
    job = make_job()
    _, first, _ = finish(start("train", job))
    code, second, stderr = finish(start("train", job))

    assert code == 0, stderr
    assert second[-1]["sha256"] == first[-1]["sha256"]
    assert named(second, "progress") == []


def test_train_passes_over_a_damaged_checkpoint_and_one_of_another_job(make_job):
    job = make_job()
    kill_after_step(job, 6, signal.SIGKILL)
    folder = job.parent / "run"
    for path in folder.glob("checkpoint-0*"):
        path.write_bytes(path.read_bytes()[:-100])
    _, events, _ = finish(start("train", job))

    assert named(events, "started")[0]["stepsDone"] == 0
    assert "CHECKPOINT_SKIPPED" in {event["code"] for event in named(events, "warning")}

    _, events, _ = finish(start("train", make_job("run", seed=1)))
    assert named(events, "started")[0]["stepsDone"] == 0


def test_train_ends_cleanly_on_sigterm_and_resumes(make_job):
    job = make_job(checkpointEverySteps=1000, stepsMin=60)
    child = start("train", job)
    events = read_until_step(child, 5)
    child.terminate()
    code, rest, stderr = finish(child)

    assert code == 130, stderr
    assert rest[-1]["event"] == "error"
    assert rest[-1]["code"] == "CANCELLED"
    done = named(rest, "checkpoint")[-1]["step"]
    assert done >= named(events, "progress")[-1]["step"]
    assert "Traceback" not in stderr

    child = start("train", job)
    events = read_until_step(child, done + 1)
    child.kill()
    child.wait()
    assert named(events, "started")[0]["stepsDone"] == done


def test_train_stops_when_its_parent_dies(make_job):
    child = start("train", make_job(stepsMin=5000))
    read_until_step(child, 2)
    child.stdin.close()
    code, events, _ = finish(child)

    assert code == 130
    assert "stdin" in events[-1]["message"]


def test_train_reports_out_of_memory(make_job, tmp_path):
    rows = write_rows(tmp_path / "big.jsonl", [{**row, "prompt": [5] * 4000} for row in random_rows(8)])
    job = make_job(trainRows=str(rows), contextTokens=8192, batchExamples=4, memoryMaxBytes=2**28)
    code, events, stderr = finish(start("train", job))

    assert code == 3, stderr
    assert events[-1]["code"] == "OUT_OF_MEMORY"
    assert "batchExamples" in events[-1]["hint"]


def test_train_reports_a_loss_that_is_no_number(make_job, tmp_path):
    weights = {**random_weights(), "output_norm": np.full(32, np.nan, np.float32)}
    base = write_base(tmp_path / "nan.gguf", weights)
    code, events, _ = finish(start("train", make_job(baseGguf=str(base), validRows=None)))

    assert code == 1
    assert events[-1]["code"] == "NOT_FINITE"


def test_train_reports_a_full_disk(make_job):
    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    code, events, _ = finish(start("train", make_job(), preexec_fn=limit_file_size))

    assert code == 1
    assert events[-1]["code"] == "DISK_FULL"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2"),
        ('{"id": "a", "prompt": [1], "target": []}', '"target"'),
        ('{"id": "a", "prompt": [1], "target": [2.5]}', '"target"'),
        ('{"id": "a", "prompt": [1], "target": [2], "weight": -1}', '"weight"'),
        ('{"id": "a", "prompt": [1], "target": [2], "text": "x"}', "exactly"),
        ('{"id": "a", "prompt": [1], "target": [64]}', "vocabulary"),
        ('{"id": "ok", "prompt": [1], "target": [3]}', "used before"),
    ],
)
def test_train_refuses_bad_rows_and_says_where(make_job, tmp_path, line, words):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": "ok", "prompt": [1], "target": [2]}\n' + line + "\n")
    code, events, _ = finish(start("train", make_job(trainRows=str(path))))

    assert code == 1
    assert events[-1]["code"] == "BAD_ROWS"
    assert words in events[-1]["message"]


def test_token_shares_weigh_tokens_or_rows():
    batch = collate([Row("a", (1,), (2, 3, 4), 1.0), Row("b", (1,), (2,), 2.0)])

    np.testing.assert_allclose(token_shares(batch, "token"), [1, 1, 1, 2])
    np.testing.assert_allclose(token_shares(batch, "example"), [1 / 3, 1 / 3, 1 / 3, 2], rtol=1e-6)


@pytest.fixture
def objective(base, make_job):
    job = read_train_job(make_job(replayBy="distribution"))
    model, _ = load_base(base)
    lora.attach(model, job.rank, job.alpha, job.dropout, job.seed)
    return Objective(model, job)


def test_accumulated_gradients_equal_those_of_one_large_batch(objective):
    rows = [Row(row["id"], tuple(row["prompt"]), tuple(row["target"]), 1.0 + n) for n, row in enumerate(random_rows(4))]
    loss, gradients, _ = objective.gradients([rows[:2], rows[2:]], 0, lambda: None)
    whole_loss, whole, _ = objective.gradients([rows], 0, lambda: None)

    assert loss == pytest.approx(whole_loss, rel=1e-5)
    for name, array in whole.items():
        np.testing.assert_allclose(np.array(gradients[name]), np.array(array), atol=1e-5)
    assert max(mx.abs(array).max().item() for array in whole.values()) > 1e-3


def test_replay_by_distribution_pulls_towards_the_base_and_nowhere_else(objective):
    row = Row("r", (5, 6, 7), (8, 9, 2), 1.0, is_replay=True)
    learned = Row("l", (5, 6), (8, 2), 1.0)
    # B is zero, so the adapter still is the base: there is no drift, and its gradient is zero.
    _, gradients, _ = objective.gradients([[row]], 0, lambda: None)
    assert max(mx.abs(array).max().item() for array in gradients.values()) < 1e-5
    loss, gradients, _ = objective.gradients([[row, learned]], 0, lambda: None)
    alone, expected, _ = objective.gradients([[learned]], 0, lambda: None)
    assert loss == pytest.approx(alone, rel=1e-5)
    # Two of the five target tokens are learned.
    for name, array in expected.items():
        np.testing.assert_allclose(np.array(gradients[name]), 0.4 * np.array(array), atol=1e-5)


def test_train_weakens_an_adapter_that_harms_general_answers(base, make_job, tmp_path):
    model, _ = load_base(base)
    rows = random_rows(20, seed=8)
    for row in rows:
        row["target"] = []
        for _ in range(5):
            hidden = model.model(mx.array([[*row["prompt"], *row["target"]]]))[0, -1:]
            row["target"].append(int(mx.argmax(hidden_to_logits(model, hidden)).item()))
    replay = str(write_rows(tmp_path / "general.jsonl", rows))
    shared = {"replayRows": replay, "replayRatio": 0.0, "learningRate": 2e-2, "validRows": None, "stepsMin": 30}
    _, events, _ = finish(start("train", make_job("free", **shared, generalWorseMax=100)))
    free = events[-1]
    _, events, _ = finish(start("train", make_job("held", **shared, generalWorseMax=0.01)))
    held = events[-1]

    assert named(events, "started")[0]["rows"]["guard"] == 4
    assert (free["strength"], held["strength"]) == (1.0, 0.7)
    assert free["lossGeneral"] > held["lossGeneral"] > held["lossGeneralBase"]
    assert "ADAPTER_WEAKENED" in {event["code"] for event in named(events, "warning")}
    full, weakened = read_adapter(Path(free["adapterPath"]))[0], read_adapter(Path(held["adapterPath"]))[0]
    assert weakened.alpha == pytest.approx(0.7 * full.alpha)


def read_until_step(child, step: int) -> list[dict]:
    events = []
    for line in child.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "progress" and events[-1]["step"] >= step:
            return events
    raise AssertionError(f"ended before step {step}: {child.stderr.read()}")


def kill_after_step(job: Path, step: int, number: int) -> None:
    child = start("train", job)
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == "checkpoint" and event["step"] >= step:
            os.kill(child.pid, number)
            break
    child.wait(timeout=30)
