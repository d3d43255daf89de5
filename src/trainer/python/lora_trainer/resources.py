"""Memory and disk of this process."""

import errno
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .errors import EXIT_OUT_OF_MEMORY, TrainerError

_LEFT_TO_OTHERS_BYTES = 96 * 2**20
_LOOK_EVERY_SECONDS = 0.1
# On a GPU, MLX and torch report a failed allocation as a RuntimeError whose text depends on the device.
_NO_MEMORY = ("unable to allocate", "can't allocate memory", "out of memory", "insufficient memory", "bad_alloc", "failed to allocate")


_device_peak: Callable[[], int] = int
_device_now: Callable[[], int] = int


def count_device_memory(peak: Callable[[], int], now: Callable[[], int]) -> None:
    """What the backend says of its device counts from now on."""
    global _device_peak, _device_now
    _device_peak, _device_now = peak, now


def memory_peak_bytes() -> int:
    """The larger of the process's peak and the backend's own count, which alone sees a GPU's memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return max(peak, _device_peak())


def memory_now_bytes() -> int:
    """Resident memory, or the backend's count where the system does not say."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return _device_now()


def memory_available_bytes() -> int | None:
    """The system's or the container's, whichever is less. None where the system does not say."""
    found = [_available_of_system(), _available_of_container()]
    return min((count for count in found if count is not None), default=None)


def yield_memory_to_others() -> None:
    """When memory runs out, the kernel shall end this process and not the one that chats."""
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        try:
            score.write_text("800")  # 1000 is "always first"; other processes stand at 0
        except OSError as cause:
            print(f"Cannot raise oom_score_adj: {cause}", file=sys.stderr)


def watch_memory(limit_bytes: int | None, report: Callable[[TrainerError], None]) -> None:
    """End this process with `report` and exit code 3 when it outgrows the limit or leaves nothing to others.

    A thread must do it: on a CPU, MLX does not check its allocations and dies of a segmentation fault, and Linux grants
    memory it does not have and then kills.
    """

    def wait() -> None:
        while True:
            now, available = memory_now_bytes(), memory_available_bytes()
            over_limit = limit_bytes is not None and now > limit_bytes
            if over_limit or (available is not None and available < _LEFT_TO_OTHERS_BYTES):
                report(out_of_memory())
                os._exit(EXIT_OUT_OF_MEMORY)
            time.sleep(_LOOK_EVERY_SECONDS)

    threading.Thread(target=wait, name="watch-memory", daemon=True).start()


def out_of_memory() -> TrainerError:
    return TrainerError(
        "OUT_OF_MEMORY",
        f"Cannot go on: memory is used up ({memory_peak_bytes() // 2**20} MiB at the peak)",
        "Lower batchExamples or contextTokens, or close other programs",
    )


def as_trainer_error(cause: BaseException) -> TrainerError:
    """Tells the failures apart that the parent acts on."""
    if isinstance(cause, TrainerError):
        return cause
    if isinstance(cause, MemoryError) or any(text in str(cause).lower() for text in _NO_MEMORY):
        return out_of_memory()
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return TrainerError("DISK_FULL", f"Cannot write: {cause}", "Free disk space and start the same job again")
    return TrainerError(
        "UNEXPECTED", f"Cannot go on: {type(cause).__name__}: {cause}", "This is a bug: report it with stderr.log"
    )


def _available_of_system() -> int | None:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _available_of_container() -> int | None:
    """Cgroup version 2. Cached file pages count as used there and are given back, so they are taken off."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else int(limit) - used + int(stat.get("inactive_file", 0))
