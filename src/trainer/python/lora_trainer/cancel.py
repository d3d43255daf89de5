"""Why a run should stop early: a signal, or a parent that is gone. The loop asks between two forward passes."""

import os
import signal
import stat
import sys
import threading

from .errors import EXIT_CANCELLED, TrainerError

# A forward pass takes seconds; a process that has not stopped after this long is stuck and serves nobody.
_STUCK_AFTER_SECONDS = 120.0


class Cancel:
    def __init__(self) -> None:
        self._reason: str | None = None

    def request(self, reason: str) -> None:
        """The first reason stays. From now on the process has a limited time to end."""
        if self._reason is None:
            self._reason = reason
            watchdog = threading.Timer(_STUCK_AFTER_SECONDS, os._exit, [EXIT_CANCELLED])
            watchdog.daemon = True
            watchdog.start()

    def raise_if_requested(self) -> None:
        if self._reason is not None:
            raise TrainerError("CANCELLED", f"Cannot go on: {self._reason}", "Start the same job again to resume it")

    @property
    def is_requested(self) -> bool:
        return self._reason is not None


def watch_signals(cancel: Cancel) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: cancel.request(f"got {signal.Signals(received).name}"))


def watch_parent(cancel: Cancel) -> None:
    """Stdin that closes means that the parent died. Only a pipe or socket is watched: a terminal may close at will."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        cancel.request("the parent process closed stdin")

    threading.Thread(target=wait, name="watch-parent", daemon=True).start()
