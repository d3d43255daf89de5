"""Events: one JSON object a line on stdout, nothing else there. The parent refuses what this schema does not allow."""

import json
import math
import os
import sys
from typing import Any

from .errors import CODES
from .job import PROTOCOL, EvaluateJob, TrainJob
from .schema import json_schema

_NUMBER, _COUNT, _TEXT = {"type": "number"}, {"type": "integer", "minimum": 0}, {"type": "string"}
_MAYBE_NUMBER = {"type": ["number", "null"]}
_OBJECT, _LIST = {"type": "object"}, {"type": "array"}

EVENTS: dict[str, dict[str, Any]] = {
    "started": {
        "protocol": {"const": PROTOCOL},
        "runId": _TEXT,
        "backend": _TEXT,
        "stepsTotal": _COUNT,
        "stepsDone": _COUNT,
        "stepsPerPass": _COUNT,
        "passes": _COUNT,
        "rows": _OBJECT,
        "parameters": _COUNT,
        "parametersTrained": _COUNT,
    },
    "progress": {
        "step": _COUNT,
        "stepsTotal": _COUNT,
        "epoch": _COUNT,
        "epochs": _COUNT,
        "lossTrain": _NUMBER,
        "learningRate": _NUMBER,
        "gradientNorm": _NUMBER,
        "tokensPerSecond": _NUMBER,
        "memoryPeakBytes": _COUNT,
        "leftMs": _COUNT,
    },
    "validated": {"step": _COUNT, "lossValid": _NUMBER, "best": {"type": "boolean"}},
    "checkpoint": {"step": _COUNT, "path": _TEXT},
    "warning": {"code": _TEXT, "message": _TEXT},
    "error": {"code": {"enum": list(CODES)}, "message": _TEXT, "hint": _TEXT},
    "trained": {
        "adapterPath": _TEXT,
        "sha256": _TEXT,
        "bytes": _COUNT,
        "steps": _COUNT,
        "stepsResumed": _COUNT,
        "stepBest": _COUNT,
        "epochs": _COUNT,
        "lossTrainFirst": _NUMBER,
        "lossTrainLast": _NUMBER,
        "lossValidFirst": _MAYBE_NUMBER,
        "lossValidBest": _MAYBE_NUMBER,
        "lossValidLast": _MAYBE_NUMBER,
        "gap": _MAYBE_NUMBER,
        "strength": _NUMBER,
        "lossGeneralBase": _MAYBE_NUMBER,
        "lossGeneral": _MAYBE_NUMBER,
        "seconds": _NUMBER,
        "tokens": _COUNT,
        "tokensPerSecond": _NUMBER,
        "memoryPeakBytes": _COUNT,
        "settings": _OBJECT,
    },
    "evaluated": {
        "figuresPath": _TEXT,
        "sha256": _TEXT,
        "sets": _LIST,
        "pairs": {"type": ["object", "null"]},
        "parity": {"type": ["object", "null"]},
        "seconds": _NUMBER,
        "memoryPeakBytes": _COUNT,
    },
    "preflighted": {
        "ready": {"type": "boolean"},
        "problems": _LIST,
        "blas": _OBJECT,
        "disk": _OBJECT,
        "memory": _OBJECT,
        "base": {"type": ["object", "null"]},
        "backend": {"type": ["string", "null"]},
        "rows": {"type": ["object", "null"]},
        "stepsTotal": {"type": ["integer", "null"]},
        "minutesEstimated": _MAYBE_NUMBER,
    },
}


class Events:
    """Owns stdout: anything else that prints, C libraries included, lands on stderr from here on."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def emit(self, event: str, **fields: Any) -> None:
        """Raises BrokenPipeError when the parent is gone. An event that breaks its own schema is a bug: ValueError."""
        if set(fields) != set(EVENTS[event]):
            raise ValueError(f"Cannot emit {event}: keys differ by {sorted(set(fields) ^ set(EVENTS[event]))}")
        line = json.dumps({"event": event, **{key: _finite(value) for key, value in fields.items()}}, allow_nan=False)
        self._stream.write(line + "\n")
        self._stream.flush()


def protocol_schema() -> dict[str, Any]:
    """JSON schema of both jobs and every event, for the parent's side."""
    events = [
        {
            "type": "object",
            "properties": {"event": {"const": name}, **properties},
            "required": ["event", *properties],
            "additionalProperties": False,
        }
        for name, properties in EVENTS.items()
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "protocol": PROTOCOL,
        "$defs": {"trainJob": json_schema(TrainJob), "evaluateJob": json_schema(EvaluateJob), "event": {"oneOf": events}},
    }


def _finite(value: Any) -> Any:
    """JSON has no NaN; nine digits are more than float32 holds."""
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
