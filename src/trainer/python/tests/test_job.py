import json
import re

import pytest
from conftest import PACKAGE, finish, start

from lora_trainer.errors import TrainerError
from lora_trainer.job import EvaluateJob, TrainJob, read_evaluate_job, read_train_job
from lora_trainer.protocol import EVENTS, Events, protocol_schema

MINIMAL = {
    "protocol": 1,
    "runId": "run-1",
    "baseGguf": "/base.gguf",
    "directory": "/run",
    "trainRows": "/rows.jsonl",
    "domain": "support",
    "baseDigest": "b",
    "datasetHash": "d",
    "adapterName": "a",
}


def read(tmp_path, **overrides):
    path = tmp_path / "job.json"
    path.write_text(json.dumps({key: value for key, value in {**MINIMAL, **overrides}.items() if value is not ...}))
    return read_train_job(path)


def test_read_train_job_fills_in_the_defaults_that_operators_know(tmp_path):
    job = read(tmp_path)

    assert (job.rank, job.alpha, job.epochs, job.learning_rate, job.context_tokens) == (16, 32.0, 3, 1e-4, 512)
    assert job.batch_examples <= 4
    assert job.valid_rows is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rank", -1),
        ("rank", 16.5),
        ("rank", True),
        ("learningRate", "fast"),
        ("learningRate", float("nan")),
        ("learningRate", float("inf")),
        ("warmupRatio", 1.5),
        ("lossBy", "letter"),
        ("adapterName", "../escape"),
        ("trainRows", None),
        ("protocol", 2),
        ("rnak", 8),
        ("domain", ...),
    ],
)
def test_read_train_job_refuses_and_names_key_value_and_remedy(tmp_path, key, value):
    with pytest.raises(TrainerError) as raised:
        read(tmp_path, **{key: value})

    assert raised.value.code == "BAD_JOB"
    assert key in raised.value.message
    if value is not ... and key != "rnak":
        assert str(value) in raised.value.message
    assert raised.value.hint


def test_read_train_job_refuses_a_file_that_is_no_json(tmp_path):
    path = tmp_path / "job.json"
    path.write_text("{")
    for bad in (path, tmp_path / "absent.json"):
        with pytest.raises(TrainerError) as raised:
            read_train_job(bad)
        assert raised.value.code == "BAD_JOB"


def test_read_evaluate_job_reads_its_sets(tmp_path):
    path = tmp_path / "job.json"
    job = {key: MINIMAL[key] for key in ("protocol", "runId", "baseGguf", "directory")}
    path.write_text(json.dumps({**job, "adapter": "/a.gguf", "sets": [{"name": "valid", "rows": "/v.jsonl"}]}))
    assert read_evaluate_job(path).sets[0].name == "valid"

    path.write_text(json.dumps({**job, "adapter": "/a.gguf", "sets": [{"name": "valid", "row": "/v.jsonl"}]}))
    with pytest.raises(TrainerError, match='entry 0.*"row"'):
        read_evaluate_job(path)


def test_main_reports_a_bad_job_as_an_event(tmp_path):
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**MINIMAL, "rank": 0}))
    code, events, stderr = finish(start("train", path))

    assert code == 1
    assert [event["event"] for event in events] == ["error"]
    assert events[0]["code"] == "BAD_JOB"
    assert stderr == ""


def test_protocol_schema_knows_every_setting_and_event(make_job):
    schema = protocol_schema()

    assert schema["$defs"]["trainJob"]["properties"]["learningRateRatioB"]["maximum"] == 64.0
    assert set(schema["$defs"]["evaluateJob"]["required"]) == {
        "protocol",
        "runId",
        "baseGguf",
        "adapter",
        "directory",
        "sets",
    }
    shapes = {shape["properties"]["event"]["const"]: shape for shape in schema["$defs"]["event"]["oneOf"]}
    _, events, _ = finish(start("train", make_job()))
    for event in events:
        assert set(event) == set(shapes[event["event"]]["required"])
        for key, rules in shapes[event["event"]]["properties"].items():
            assert has_type(event[key], rules), (event["event"], key, event[key])


def has_type(value, rules) -> bool:
    if "const" in rules:
        return value == rules["const"]
    if "enum" in rules:
        return value in rules["enum"]
    kinds = {
        "integer": type(value) is int,
        "number": type(value) in (int, float),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "null": value is None,
    }
    wanted = rules["type"] if isinstance(rules["type"], list) else [rules["type"]]
    return any(kinds[kind] for kind in wanted) and not (type(value) is int and value < rules.get("minimum", value))


def test_events_hold_no_key_outside_their_schema(tmp_path):
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9]*", key) for properties in EVENTS.values() for key in properties)
    with pytest.raises(ValueError, match="surprise"):
        Events.emit(Events.__new__(Events), "warning", code="X", message="y", surprise=1)


def test_every_setting_says_what_it_means():
    from dataclasses import fields

    assert all(field.metadata["meaning"] for job in (TrainJob, EvaluateJob) for field in fields(job))


def test_lock_pins_every_dependency_of_the_project():
    lock = (PACKAGE / "requirements.lock").read_text()
    project = (PACKAGE / "pyproject.toml").read_text()
    for name, version in re.findall(r'"([\w-]+)(?:\[\w+\])?==([\w.]+)', project.split("[project.optional")[0]):
        assert f"{name}=={version}" in lock
