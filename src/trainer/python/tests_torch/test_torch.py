"""MLX is the measure: what it computes, torch must. One process, because torch takes seconds to import."""

import json
import sys
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import conftest as shared  # noqa: E402
from conftest import base, make_job  # noqa: E402, F401
from lora_trainer.adapter_file import AdapterMeta, read_adapter, write_adapter  # noqa: E402
from lora_trainer.backend import choose_backend  # noqa: E402
from lora_trainer.cancel import Cancel  # noqa: E402
from lora_trainer.errors import TrainerError  # noqa: E402
from lora_trainer.evaluate import evaluate  # noqa: E402
from lora_trainer.gguf_base import read_info  # noqa: E402
from lora_trainer.job import read_evaluate_job, read_train_job  # noqa: E402
from lora_trainer.layout import from_peft  # noqa: E402
from lora_trainer.model import LoraSettings  # noqa: E402
from lora_trainer.preflight import preflight  # noqa: E402
from lora_trainer.resources import as_trainer_error  # noqa: E402
from lora_trainer.rows import Row  # noqa: E402
from lora_trainer.train import train  # noqa: E402

torch.set_num_threads(1)  # on a busy machine a second thread of so small a model waits more than it computes
TINY = Path(__file__).parents[4] / "assets" / "tiny" / "reactune-tiny-f16.gguf"
SETTINGS = LoraSettings(rank=4, alpha=8.0, dropout=0.0, seed=5)


@pytest.fixture(scope="module")
def mlx():
    return choose_backend("mlx", "auto")


@pytest.fixture(scope="module")
def torch_backend():
    return choose_backend("torch", "32")


class Recorder:
    """Events, kept; `stop_at` asks to stop after that step, as a signal would."""

    def __init__(self, cancel: Cancel | None = None, stop_at: int | None = None):
        self.events: list[dict] = []
        self._cancel, self._stop_at = cancel, stop_at

    def emit(self, event: str, **fields: object) -> None:
        self.events.append(json.loads(json.dumps({"event": event, **fields}, default=str)))
        if event == "progress" and fields["step"] == self._stop_at:
            self._cancel._reason = "the test says so"  # without the watchdog, which would end pytest

    def of(self, name: str) -> list[dict]:
        return [event for event in self.events if event["event"] == name]


def rows_of(count: int, vocabulary: int, seed: int = 0, is_replay: bool = False) -> list[Row]:
    chance = np.random.default_rng(seed)

    def draw(tokens: int) -> tuple[int, ...]:
        return tuple(int(token) for token in chance.integers(3, vocabulary, tokens))

    return [Row(f"row-{n}", draw(4 + n), draw(2 + n % 3), 1.0 + n, is_replay) for n in range(count)]


def random_tensors(model, seed: int = 3) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    return {name: chance.normal(0, 0.2, array.shape).astype(np.float32) for name, array in sorted(model.tensors().items())}


def losses(model, rows: list[Row]) -> list[float]:
    scores = model.score(rows, 2, lambda: None)
    return [scores[row.id].loss for row in rows]


def run(job: Path, backend, cancel: Cancel | None = None, stop_at: int | None = None) -> Recorder:
    recorder = Recorder(cancel, stop_at)
    train(read_train_job(job), backend, recorder, cancel or Cancel())
    return recorder


def architecture_base(tmp_path: Path, architecture: str, extra: dict[str, np.ndarray]) -> Path:
    return shared.write_base(tmp_path / f"{architecture}.gguf", {**shared.random_weights(), **extra}, architecture)


def qwen_extra(architecture: str) -> dict[str, np.ndarray]:
    chance, extra = np.random.default_rng(4), {}
    for layer in range(shared.LAYERS):
        for part, width in (("q", 32), ("k", 16), ("v", 16)):
            if architecture == "qwen2":
                extra[f"blk.{layer}.attn_{part}.bias"] = chance.normal(size=width).astype(np.float32)
            elif part != "v":
                extra[f"blk.{layer}.attn_{part}_norm"] = chance.normal(1, 0.3, 8).astype(np.float32)
    return extra


@pytest.mark.parametrize("case", ["tiny", "llama", "rope factors", "untied", "qwen2", "qwen3"])
def test_score_is_that_of_mlx_with_and_without_an_adapter(mlx, torch_backend, base, tmp_path, case, capsys):
    path = {
        "tiny": lambda: TINY,
        "llama": lambda: base,
        "rope factors": lambda: architecture_base(
            tmp_path, "llama", {"rope_freqs": np.array([1.0, 1.0, 4.0, 8.0], dtype=np.float32)}
        ),
        "untied": lambda: architecture_base(
            tmp_path, "llama", {"output": np.random.default_rng(7).normal(size=(64, 32)).astype(np.float32)}
        ),
        "qwen2": lambda: architecture_base(tmp_path, "qwen2", qwen_extra("qwen2")),
        "qwen3": lambda: architecture_base(tmp_path, "qwen3", qwen_extra("qwen3")),
    }[case]()
    models = [backend.open(path, SETTINGS, None) for backend in (mlx, torch_backend)]
    rows = rows_of(6, models[0].info.vocabulary)
    named = random_tensors(models[0])
    plain = [losses(model, rows) for model in models]
    for model in models:
        model.load_tensors(named)
    adapted = [losses(model, rows) for model in models]
    for model in models:
        model.set_strength(0.0)

    np.testing.assert_allclose(plain[1], plain[0], rtol=2e-5)
    np.testing.assert_allclose(adapted[1], adapted[0], rtol=5e-5)
    np.testing.assert_allclose(losses(models[1], rows), plain[1], rtol=1e-6)
    assert np.abs(np.array(adapted[0]) - plain[0]).max() > 1e-2
    for name, array in models[1].tensors().items():
        np.testing.assert_array_equal(array, named[name])
    with capsys.disabled():
        print(f"\n{case}: base loss mlx {np.mean(plain[0]):.6f}, torch {np.mean(plain[1]):.6f}", file=sys.stderr)


@pytest.mark.parametrize(("loss_by", "replay_by"), [("token", "answer"), ("example", "distribution")])
def test_learn_takes_the_steps_of_mlx(mlx, torch_backend, base, make_job, loss_by, replay_by):
    job = read_train_job(make_job(lossBy=loss_by, replayBy=replay_by, weightDecay=0.1, gradientNormMax=0.5))
    models = [backend.open(base, SETTINGS, job) for backend in (mlx, torch_backend)]
    named = random_tensors(models[0])
    batches = [rows_of(3, 64, seed=1), rows_of(2, 64, seed=2) + [Row("kept", (5, 6, 7), (8, 9, 2), 1.0, True)]]
    learned = []
    for model in models:
        model.load_tensors(named)
        learned.append([model.learn(batches, step, 1e-3, lambda: None) for step in range(4)])

    for ours, theirs in zip(learned[1], learned[0], strict=True):
        assert ours.tokens == theirs.tokens
        assert ours.loss == pytest.approx(theirs.loss, rel=2e-3)
        assert ours.norm == pytest.approx(theirs.norm, rel=5e-3)
    assert learned[1][0].loss == pytest.approx(learned[0][0].loss, rel=1e-5)
    moved = {name: array - named[name] for name, array in models[0].tensors().items()}
    for name, array in models[1].tensors().items():
        assert np.abs(array - named[name] - moved[name]).mean() < 0.02 * np.abs(moved[name]).mean(), name


def test_train_gives_the_same_bytes_when_stopped_and_started_again(torch_backend, make_job):
    whole = run(make_job("whole", dropout=0.1), torch_backend).events[-1]
    job, cancel = make_job("stopped", dropout=0.1), Cancel()
    with pytest.raises(TrainerError) as raised:
        run(job, torch_backend, cancel, stop_at=7)
    assert raised.value.code == "CANCELLED"
    resumed = run(job, torch_backend)

    assert resumed.of("started")[0]["stepsDone"] == 7
    assert resumed.of("started")[0]["backend"] == "torch on cpu, base in 32 bits"
    assert resumed.events[-1]["sha256"] == whole["sha256"]
    assert resumed.events[-1]["lossValidBest"] == whole["lossValidBest"]
    assert whole["lossTrainLast"] < whole["lossTrainFirst"]


def test_train_does_not_go_on_from_a_checkpoint_of_another_backend(mlx, torch_backend, make_job):
    job, cancel = make_job(), Cancel()
    with pytest.raises(TrainerError):
        run(job, mlx, cancel, stop_at=5)
    again = run(job, torch_backend)

    assert again.of("started")[0]["stepsDone"] == 0
    assert "CHECKPOINT_SKIPPED" in {event["code"] for event in again.of("warning")}


def test_train_with_replay_by_distribution_resumes_with_the_same_bits(torch_backend, make_job):
    whole = run(make_job("whole", replayBy="distribution"), torch_backend).events[-1]
    job, cancel = make_job("stopped", replayBy="distribution"), Cancel()
    with pytest.raises(TrainerError):
        run(job, torch_backend, cancel, stop_at=5)

    assert run(job, torch_backend).events[-1]["sha256"] == whole["sha256"]


def test_train_reports_a_loss_that_is_no_number(torch_backend, make_job, tmp_path):
    weights = {**shared.random_weights(), "output_norm": np.full(32, np.nan, np.float32)}
    job = make_job(baseGguf=str(shared.write_base(tmp_path / "nan.gguf", weights)), validRows=None)
    with pytest.raises(TrainerError) as raised:
        run(job, torch_backend)

    assert raised.value.code == "NOT_FINITE"


def test_an_allocation_that_torch_cannot_make_is_out_of_memory():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60)
    assert as_trainer_error(raised.value).exit_code == 3
    assert as_trainer_error(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")).exit_code == 3


def test_evaluate_gives_the_figures_of_mlx(mlx, torch_backend, base, tmp_path):
    model = mlx.open(base, SETTINGS, None)
    adapter = write_adapter(
        tmp_path / "adapter.gguf", random_tensors(model), AdapterMeta("llama", 8.0, "a", "support", "b", "d", "r")
    ).path
    rows = str(shared.write_rows(tmp_path / "rows.jsonl", shared.random_rows(6)))
    pair = {"id": "p", "prompt": [5, 6, 7], "liked": [8, 9, 2], "disliked": [10, 2]}
    figures = []
    for name, backend in (("mlx", mlx), ("torch", torch_backend)):
        (tmp_path / name).mkdir()
        job = {
            "protocol": 1,
            "runId": "run-1",
            "baseGguf": str(base),
            "adapter": str(adapter),
            "directory": str(tmp_path / name),
            "sets": [{"name": "valid", "rows": rows}],
            "pairs": str(shared.write_rows(tmp_path / "pairs.jsonl", [pair])),
        }
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(job))
        evaluate(read_evaluate_job(path), backend, Recorder(), Cancel())
        figures.append(json.loads((tmp_path / name / "evaluation.json").read_text()))

    for ours, theirs in zip(figures[1]["rows"] + figures[1]["pairs"], figures[0]["rows"] + figures[0]["pairs"], strict=True):
        assert {key: value for key, value in ours.items() if not isinstance(value, float)} == {
            key: value for key, value in theirs.items() if not isinstance(value, float)
        }
        for key, value in theirs.items():
            if isinstance(value, float):
                assert ours[key] == pytest.approx(value, rel=1e-4)


def test_from_peft_reads_the_file_that_peft_itself_saves(torch_backend, base, tmp_path):
    model = torch_backend.open(base, SETTINGS, None)
    model.load_tensors(random_tensors(model))
    model._model.save_pretrained(tmp_path / "saved")
    saved = load_file(tmp_path / "saved" / "adapter_model.safetensors")
    config = peft.PeftConfig.from_pretrained(tmp_path / "saved")

    assert saved["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"].shape == (4, 32)
    assert (config.r, config.lora_alpha) == (4, 8.0)
    for name, array in from_peft(saved, read_info(base)).items():
        np.testing.assert_array_equal(array, model.tensors()[name])


def test_preflight_tells_backend_speed_and_memory(torch_backend, make_job):
    recorder = Recorder()
    preflight(read_train_job(make_job()), torch_backend, recorder)
    (report,) = recorder.of("preflighted")

    assert (report["ready"], report["backend"]) == (True, "torch on cpu, base in 32 bits")
    assert report["blas"]["fast"] and report["blas"]["gflops"] > 0
    assert 0 < report["memory"]["neededBytes"] < report["memory"]["availableBytes"]


def test_a_base_in_16_bits_trains_close_to_one_in_32(base, torch_backend, make_job):
    narrow, wide = run(make_job("narrow"), choose_backend("torch", "16")), run(make_job("wide"), torch_backend)

    assert narrow.of("started")[0]["backend"].endswith("16 bits")
    assert narrow.events[-1]["lossTrainFirst"] == pytest.approx(wide.events[-1]["lossTrainFirst"], rel=0.05)
    assert narrow.events[-1]["lossTrainLast"] < narrow.events[-1]["lossTrainFirst"]
    assert {array.dtype for array in read_adapter(Path(narrow.events[-1]["adapterPath"]))[1].values()} == {np.dtype(np.float32)}


def test_qlora_trains_on_a_base_in_4_bits(make_job, capsys):
    """On the tiny model: bitsandbytes quantises blocks of 64, which the random base's rows are shorter than."""
    pytest.importorskip("bitsandbytes")
    import bitsandbytes

    backend = choose_backend("torch", "4")
    model = backend.open(TINY, SETTINGS, None)
    kinds = [type(layer.get_base_layer()) for layer in model._layers]
    trained = run(make_job(baseGguf=str(TINY), stepsMin=30, learningRate=1e-3), backend)
    first, last = trained.events[-1]["lossTrainFirst"], trained.events[-1]["lossTrainLast"]

    assert kinds == [bitsandbytes.nn.Linear4bit] * 28
    assert model._layers[0].get_base_layer().weight.dtype == torch.uint8
    assert last < 0.9 * first
    _, tensors = read_adapter(Path(trained.events[-1]["adapterPath"]))
    assert max(np.abs(array).max() for name, array in tensors.items() if name.endswith("lora_b")) > 1e-3
    with capsys.disabled():
        print(f"\nQLoRA, 4 bits, on this CPU: loss {first:.3f} -> {last:.3f}", file=sys.stderr)


@pytest.mark.parametrize("bits", ["4", "32"])
def test_scoring_leaves_the_gradients_as_they_were(make_job, bits):
    job = read_train_job(make_job(baseGguf=str(TINY)))
    rows = rows_of(4, 1000, seed=1)
    steps = []
    for scores_first in (False, True):
        model = choose_backend("torch", bits).open(TINY, SETTINGS, job)
        model.load_tensors(random_tensors(model))
        if scores_first:
            model.score(rows, 2, lambda: None)
        steps.append((model.learn([rows], 0, 1e-3, lambda: None), model.tensors()))

    assert steps[1][0] == steps[0][0]
    for name, array in steps[0][1].items():
        np.testing.assert_array_equal(steps[1][1][name], array)


def test_gradients_through_4_bits_are_those_of_the_same_weights_in_32(make_job):
    functional = pytest.importorskip("bitsandbytes").functional
    job, rows = read_train_job(make_job(baseGguf=str(TINY))), rows_of(4, 1000, seed=1)
    four, wide = (choose_backend("torch", bits).open(TINY, SETTINGS, job) for bits in ("4", "32"))
    for ours, theirs in zip(wide._layers, four._layers, strict=True):
        weight = theirs.get_base_layer().weight
        ours.get_base_layer().weight.data = functional.dequantize_4bit(weight.data, weight.quant_state).float()
    gradients = []
    for model in (four, wide):
        model.load_tensors(random_tensors(four))
        model.score(rows, 2, lambda: None)
        model.learn([rows], 0, 1e-3, lambda: None)
        gradients.append({name: parameter.grad.flatten() for name, parameter in model._trained()})

    for name, wanted in gradients[1].items():
        assert torch.nn.functional.cosine_similarity(gradients[0][name], wanted, dim=0) > 0.97, name


def test_choose_backend_takes_mlx_where_there_is_no_cuda_device():
    if torch.cuda.is_available():
        pytest.skip("a CUDA device is here")
    assert type(choose_backend("auto", "auto")).__name__ == "MlxBackend"


def test_choose_backend_refuses_bits_that_mlx_does_not_have():
    with pytest.raises(TrainerError) as raised:
        choose_backend("mlx", "4")
    assert raised.value.code == "BAD_JOB"
