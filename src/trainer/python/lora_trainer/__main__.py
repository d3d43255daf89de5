"""`python -m lora_trainer train|evaluate|preflight --job job.json`, or `schema`: the only place that exits."""

import argparse
import sys
import traceback
from pathlib import Path

from .backend import BACKENDS, BASE_BITS, Backend, choose_backend
from .cancel import Cancel, watch_parent, watch_signals
from .errors import TrainerError
from .evaluate import evaluate
from .job import read_evaluate_job, read_train_job
from .preflight import preflight
from .protocol import Events, protocol_schema
from .resources import as_trainer_error, watch_memory, yield_memory_to_others
from .train import train


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="lora_trainer", description=__doc__)
    parser.add_argument("command", choices=("train", "evaluate", "preflight", "schema"))
    parser.add_argument("--job", type=Path)
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="what computes")
    parser.add_argument("--base-bits", choices=BASE_BITS, default="auto", help="width of the base's weights")
    options = parser.parse_args(arguments)
    if options.command == "schema":
        import json

        print(json.dumps(protocol_schema(), indent=2))
        return 0
    if options.job is None:
        parser.error("--job is needed")
    events, cancel = Events(), Cancel()
    watch_signals(cancel)
    watch_parent(cancel)
    try:
        _run(options, events, cancel)
        return 0
    except BrokenPipeError:
        print("Cannot report: the parent process is gone", file=sys.stderr)
        return 1
    except BaseException as cause:  # every end of a run is reported, a bug's too
        error = as_trainer_error(cause)
        if not isinstance(cause, TrainerError):
            traceback.print_exc()
        _report(error, events)
        return error.exit_code


def _run(options: argparse.Namespace, events: Events, cancel: Cancel) -> None:
    """The job is read before any backend is loaded, so that a bad one is reported in a tenth of a second."""
    if options.command == "evaluate":
        evaluate_job = read_evaluate_job(options.job)
        evaluate(evaluate_job, _prepare(options, evaluate_job.memory_max_bytes, events), events, cancel)
        return
    job = read_train_job(options.job)
    backend = _prepare(options, job.memory_max_bytes, events)
    if options.command == "train":
        train(job, backend, events, cancel)
    else:
        preflight(job, backend, events)


def _prepare(options: argparse.Namespace, memory_max_bytes: int | None, events: Events) -> Backend:
    backend = choose_backend(options.backend, options.base_bits)
    yield_memory_to_others()
    watch_memory(memory_max_bytes, lambda error: _report(error, events))
    return backend


def _report(error: TrainerError, events: Events) -> None:
    events.emit("error", code=error.code, message=error.message, hint=error.hint)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
