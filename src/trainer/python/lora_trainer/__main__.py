"""`python -m lora_trainer train|evaluate|preflight --job job.json`, or `schema`: the only place that exits."""

import argparse
import sys
import traceback
from pathlib import Path

from .cancel import Cancel, watch_parent, watch_signals
from .errors import TrainerError
from .protocol import Events, protocol_schema


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="lora_trainer", description=__doc__)
    parser.add_argument("command", choices=("train", "evaluate", "preflight", "schema"))
    parser.add_argument("--job", type=Path)
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
        _run(options.command, options.job, events, cancel)
        return 0
    except BrokenPipeError:
        print("Cannot report: the parent process is gone", file=sys.stderr)
        return 1
    except BaseException as cause:  # every end of a run is reported, a bug's too
        from .resources import as_trainer_error

        error = as_trainer_error(cause)
        if not isinstance(cause, TrainerError):
            traceback.print_exc()
        _report(error, events)
        return error.exit_code


def _run(command: str, path: Path, events: Events, cancel: Cancel) -> None:
    """Loads MLX only here, so that a bad job is reported in a tenth of a second."""
    from .job import read_evaluate_job, read_train_job

    if command == "evaluate":
        job = read_evaluate_job(path)
        _prepare(job.memory_max_bytes, events)
        from .evaluate import evaluate

        evaluate(job, events, cancel)
        return
    job = read_train_job(path)
    _prepare(job.memory_max_bytes, events)
    if command == "train":
        from .train import train

        train(job, events, cancel)
    else:
        from .preflight import preflight

        preflight(job, events)


def _prepare(memory_max_bytes: int | None, events: Events) -> None:
    import mlx.core as mx

    from .resources import watch_memory, yield_memory_to_others

    # On a CPU, MLX compiles fused kernels with g++ at run time: most machines have none, and where there is one a
    # training step of SmolLM2 took 1.0 s with it and 0.78 s without.
    if mx.default_device().type == mx.DeviceType.cpu:
        mx.disable_compile()
    yield_memory_to_others()
    watch_memory(memory_max_bytes, lambda error: _report(error, events))


def _report(error: TrainerError, events: Events) -> None:
    events.emit("error", code=error.code, message=error.message, hint=error.hint)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
