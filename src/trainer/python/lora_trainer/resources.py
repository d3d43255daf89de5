"""Memory and disk of this process."""

import os
import resource
import sys
from pathlib import Path

import mlx.core as mx

from .errors import TrainerError

# MLX reports a failed allocation as a RuntimeError whose text depends on the device.
_NO_MEMORY = ("unable to allocate", "out of memory", "insufficient memory", "bad_alloc", "failed to allocate")


def memory_peak_bytes() -> int:
    """The larger of the process's peak and MLX's own count, which alone sees a GPU's memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return max(peak, int(mx.get_peak_memory()))


def limit_memory(limit_bytes: int | None) -> None:
    """Make allocations fail beyond the limit, and make the kernel choose this process first when memory runs out."""
    if limit_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        try:
            score.write_text("800")  # 1000 is "always first"; chat processes stay at 0
        except OSError as cause:
            print(f"Cannot raise oom_score_adj: {cause}", file=sys.stderr)


def memory_available_bytes() -> int | None:
    """None where the system does not say."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def as_trainer_error(cause: BaseException) -> TrainerError:
    """Tells the failures apart that the parent acts on."""
    if isinstance(cause, TrainerError):
        return cause
    if isinstance(cause, MemoryError) or any(text in str(cause).lower() for text in _NO_MEMORY):
        return TrainerError(
            "OUT_OF_MEMORY",
            f"Cannot go on: memory is used up ({memory_peak_bytes() // 2**20} MiB at the peak)",
            "Lower batchExamples or contextTokens, or close other programs",
        )
    if isinstance(cause, OSError) and cause.errno in (28, 122):  # ENOSPC, EDQUOT
        return TrainerError("DISK_FULL", f"Cannot write: {cause}", "Free disk space and start the same job again")
    return TrainerError(
        "UNEXPECTED", f"Cannot go on: {type(cause).__name__}: {cause}", "This is a bug: report it with stderr.log"
    )
