"""One training run, from job to adapter file. Resumes by itself from the newest checkpoint of the same job."""

import itertools
import sys
import time
from pathlib import Path

import numpy as np

from .adapter_file import AdapterMeta, WrittenFile, not_finite, write_adapter
from .backend import Backend
from .cancel import Cancel
from .checkpoint import Checkpoint, Progress, fingerprint, load_newest, save_checkpoint
from .errors import TrainerError
from .gguf_base import read_info
from .hold_to_base import hold_to_base
from .job import TrainJob, settings_of
from .learning_rate import rate_at
from .model import LoraSettings, Model
from .protocol import Events
from .resources import memory_peak_bytes
from .rows import Plan, Row, check_vocabulary, fit, read_rows, split_guard
from .score import mean_loss

# One step's loss jumps with its rows; first and last are means over this many.
_LOSS_STEPS = 10


def train(job: TrainJob, backend: Backend, events: Events, cancel: Cancel) -> None:
    """Emits everything from `started` to `trained`. Raises TrainerError."""
    Training(job, backend, events, cancel).run()


class Training:
    """Holds the model and the progress of one run."""

    def __init__(self, job: TrainJob, backend: Backend, events: Events, cancel: Cancel):
        self._job = job
        self._events = events
        self._cancel = cancel
        backend.limit_threads(job.threads)
        _check_directory(job.directory)
        self._train, dropped = self._read(job.train_rows)
        self._valid, _ = self._read(job.valid_rows)
        self._replay, self._guard = split_guard(self._read(job.replay_rows)[0], job)
        if not self._train:
            raise TrainerError(
                "BAD_ROWS",
                f'Cannot train on "{job.train_rows.name}": no row fits in {job.context_tokens} tokens ({dropped} dropped)',
                "Raise contextTokens or collect shorter answers",
            )
        self._plan = Plan(self._train, self._replay, job)
        self._model = self._load_model(backend)
        self._backend = backend.describe(self._model.info)
        self._mark = fingerprint(job, [self._train, self._valid, self._replay], self._backend)
        self._progress = Progress()
        self._best: dict[str, np.ndarray] = {}
        self._steps_resumed = 0

    def run(self) -> None:
        self._resume()
        self._announce()
        self._started = time.monotonic()
        self._seconds_before = self._progress.seconds
        self._tokens_before = self._progress.tokens
        done = self._progress.step
        # A run cancelled between a pass's last step and its validation makes up for it.
        if done % self._plan.steps_per_pass == 0 and self._progress.step_validated != done:
            self._validate()
        first_pass = done // self._plan.steps_per_pass
        for number in range(first_pass, self._plan.passes):
            steps = self._plan.steps_of_pass(number)
            for batches in itertools.islice(steps, done - number * self._plan.steps_per_pass, None):
                self._step(batches, number)
                done += 1
                at_end_of_pass = done % self._plan.steps_per_pass == 0
                if at_end_of_pass:
                    self._validate()
                if done % self._job.checkpoint_every_steps == 0 or done == self._plan.steps_total:
                    self._checkpoint()
        self._finish()

    def _read(self, path: Path | None) -> tuple[list[Row], int]:
        if path is None:
            return [], 0
        rows, cut, dropped = fit(read_rows(path), self._job.context_tokens)
        if cut > 0:
            text = f'{cut} rows of "{path.name}" lost their oldest prompt tokens: over {self._job.context_tokens} tokens'
            self._events.emit("warning", code="ROWS_CUT", message=text)
        if dropped > 0:
            text = f'{dropped} rows of "{path.name}" were left out: their answer has {self._job.context_tokens} tokens or more'
            self._events.emit("warning", code="ROWS_DROPPED", message=text)
        return rows, dropped

    def _load_model(self, backend: Backend) -> Model:
        job = self._job
        info = read_info(job.base_gguf)
        for rows, path in ((self._train, job.train_rows), (self._valid, job.valid_rows), (self._replay, job.replay_rows)):
            if path is not None:
                check_vocabulary(rows, info.vocabulary, path)
        if not job.slow_blas_allowed:
            backend.require_speed(info)
        return backend.open(job.base_gguf, LoraSettings(job.rank, job.alpha, job.dropout, job.seed), job)

    def _resume(self) -> None:
        found, passed = load_newest(self._job.directory, self._mark)
        for path in passed:
            text = f'checkpoint "{path.name}" is damaged or of another job, passed over'
            self._events.emit("warning", code="CHECKPOINT_SKIPPED", message=text)
        if found is None:
            return
        self._progress, self._best = found.progress, found.best
        self._steps_resumed = found.progress.step
        self._model.load_tensors(found.lora)
        self._model.load_optimizer(found.optimizer)

    def _announce(self) -> None:
        plan, job = self._plan, self._job
        self._events.emit(
            "started",
            protocol=job.protocol,
            runId=job.run_id,
            backend=self._backend,
            stepsTotal=plan.steps_total,
            stepsDone=self._progress.step,
            stepsPerPass=plan.steps_per_pass,
            passes=plan.passes,
            rows={"train": len(self._train), "valid": len(self._valid), "replay": len(self._replay), "guard": len(self._guard)},
            parameters=self._model.info.parameters,
            parametersTrained=sum(array.size for array in self._model.tensors().values()),
        )
        if plan.passes > job.epochs:
            text = f"the set is small: {plan.passes} passes instead of {job.epochs}, to reach {job.steps_min} steps"
            self._events.emit("warning", code="PASSES_ADDED", message=text)

    def _step(self, batches: list[list[Row]], number: int) -> None:
        progress = self._progress
        rate = rate_at(progress.step, self._plan.steps_total, self._job)
        learned = self._model.learn(batches, progress.step, rate, self._stop_if_cancelled)
        if not np.isfinite([learned.loss or 0.0, learned.norm]).all():
            raise not_finite(f"the loss or the gradient of step {progress.step + 1}")
        progress.step += 1
        progress.tokens += learned.tokens
        progress.seconds = self._seconds_before + time.monotonic() - self._started
        if learned.loss is not None:
            progress.loss_train_recent = [*progress.loss_train_recent, learned.loss][-_LOSS_STEPS:]
        if progress.step <= _LOSS_STEPS:
            progress.loss_train_first = _mean(progress.loss_train_recent)
        pace = (time.monotonic() - self._started) / (progress.step - self._steps_resumed)
        self._events.emit(
            "progress",
            step=progress.step,
            stepsTotal=self._plan.steps_total,
            epoch=number + 1,
            epochs=self._plan.passes,
            lossTrain=progress.loss_train_recent[-1],
            learningRate=rate,
            gradientNorm=learned.norm,
            tokensPerSecond=(progress.tokens - self._tokens_before) / (time.monotonic() - self._started),
            memoryPeakBytes=memory_peak_bytes(),
            leftMs=round(1000 * pace * (self._plan.steps_total - progress.step)),
        )

    def _validate(self) -> None:
        if not self._valid:
            return
        progress = self._progress
        scores = self._model.score(self._valid, self._job.batch_examples * 2, self._stop_if_cancelled)
        loss = mean_loss(scores, self._valid)
        if progress.loss_valid_first is None:
            progress.loss_valid_first = loss
        progress.loss_valid_last, progress.step_validated = loss, progress.step
        # The untrained adapter is no candidate: a run that never improves still yields one, and the gate refuses it.
        is_best = progress.step > 0 and (progress.loss_valid_best is None or loss < progress.loss_valid_best)
        if is_best:
            progress.loss_valid_best, progress.step_best = loss, progress.step
            self._best = self._model.tensors()
        self._events.emit("validated", step=progress.step, lossValid=loss, best=is_best)

    def _checkpoint(self) -> None:
        found = Checkpoint(self._progress, self._model.tensors(), self._model.optimizer_state(), self._best)
        path = save_checkpoint(self._job.directory, found, self._mark)
        self._events.emit("checkpoint", step=self._progress.step, path=str(path))

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_requested and self._progress.step > self._steps_resumed:
            self._checkpoint()
        self._cancel.raise_if_requested()

    def _finish(self) -> None:
        job, progress = self._job, self._progress
        if self._best:
            self._model.load_tensors(self._best)
        held = hold_to_base(self._model, self._guard, job, self._cancel.raise_if_requested)
        if held is not None and held.strength < 1:
            text = f"the adapter is weakened to {held.strength:.0%}: at full strength it harms general answers"
            self._events.emit("warning", code="ADAPTER_WEAKENED", message=text)
        written = self._write(1.0 if held is None else held.strength)
        last = _mean(progress.loss_train_recent)
        best = progress.loss_valid_best
        self._events.emit(
            "trained",
            adapterPath=str(written.path),
            sha256=written.sha256,
            bytes=written.bytes,
            steps=progress.step,
            stepsResumed=self._steps_resumed,
            stepBest=progress.step_best if self._best else progress.step,
            epochs=self._plan.passes,
            lossTrainFirst=progress.loss_train_first,
            lossTrainLast=last,
            lossValidFirst=progress.loss_valid_first,
            lossValidBest=best,
            lossValidLast=progress.loss_valid_last,
            gap=None if best is None else best - last,
            strength=1.0 if held is None else held.strength,
            lossGeneralBase=None if held is None else held.loss_base,
            lossGeneral=None if held is None else held.loss,
            seconds=progress.seconds,
            tokens=progress.tokens,
            tokensPerSecond=progress.tokens / max(progress.seconds, 1e-9),
            memoryPeakBytes=memory_peak_bytes(),
            settings=settings_of(job),
        )

    def _write(self, strength: float) -> WrittenFile:
        job = self._job
        meta = AdapterMeta(
            architecture=self._model.info.architecture,
            alpha=job.alpha * strength,
            name=job.adapter_name,
            domain=job.domain,
            base_digest=job.base_digest,
            dataset_hash=job.dataset_hash,
            run_id=job.run_id,
        )
        return write_adapter(job.directory / f"{job.adapter_name}.gguf", self._model.tensors(), meta)


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise TrainerError("BAD_JOB", f'Cannot write to "{directory}": it is no folder', "Make the folder first")
    for leftover in directory.glob("*partial*"):
        print(f"removing {leftover.name}, left by a run that was killed", file=sys.stderr)
        leftover.unlink(missing_ok=True)
