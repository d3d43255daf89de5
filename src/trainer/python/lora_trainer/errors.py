"""The one kind of failure that is expected: it reaches the parent as an `error` event and an exit code."""

EXIT_FAILED = 1
EXIT_OUT_OF_MEMORY = 3
EXIT_CANCELLED = 130

CODES = (
    "OUT_OF_MEMORY",
    "BAD_JOB",
    "BAD_ROWS",
    "BAD_ADAPTER",
    "BASE_UNSUPPORTED",
    "BACKEND_MISSING",
    "BLAS_MISSING",
    "NOT_FINITE",
    "CANCELLED",
    "DISK_FULL",
    "UNEXPECTED",
)


class TrainerError(Exception):
    """`code` is one of CODES; `hint` tells the operator what to do next."""

    def __init__(self, code: str, message: str, hint: str):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    @property
    def exit_code(self) -> int:
        return {"OUT_OF_MEMORY": EXIT_OUT_OF_MEMORY, "CANCELLED": EXIT_CANCELLED}.get(self.code, EXIT_FAILED)
