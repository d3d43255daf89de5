import json
import signal
from pathlib import Path

import numpy as np
from conftest import finish, random_rows, start, write_rows

from lora_trainer.adapter_file import read_adapter


def events_named(events: list[dict], name: str) -> list[dict]:
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
    assert len(tensors) == 2 * 7 * 2
    assert tensors["blk.0.ffn_down.weight.lora_a"].shape == (4, 48)
    assert tensors["blk.0.ffn_down.weight.lora_b"].shape == (32, 4)
    assert events_named(events, "started")[0]["stepsTotal"] == len(events_named(events, "progress"))


def test_train_gives_the_same_bytes_when_killed_and_started_again(make_job):
    _, events, _ = finish(start("train", make_job("whole")))
    whole = events[-1]

    job = make_job("killed")
    child = start("train", job)
    for line in child.stdout:
        if json.loads(line)["event"] == "checkpoint" and json.loads(line)["step"] >= 6:
            child.send_signal(signal.SIGKILL)
            break
    child.wait()
    code, events, stderr = finish(start("train", job))

    assert code == 0, stderr
    assert events_named(events, "started")[0]["stepsDone"] >= 6
    assert events[-1]["sha256"] == whole["sha256"]
    assert events[-1]["lossValidBest"] == whole["lossValidBest"]
