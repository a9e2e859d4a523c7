"""The errors a user can meet. Each message names the thing, the value, the rule and the next step."""

import errno
import os
import re
from collections.abc import Iterator

# the disk is full, the user's share of it is, a file may not grow; those that raise no OSError say it in these words
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# as CUDA, cuBLAS, MPS, the two kinds of CPU allocator and the operating system say it
_NO_MEMORY = re.compile("OutOfMemory|out of memory|not enough memory|an(?:'t|not) allocate memory|ALLOC_FAILED")


class UaitError(Exception):
    """A mistake that the user can mend: shown as one readable line, never as a traceback."""


class SettingsError(UaitError):
    """A setting is outside its range, unknown, or contradicts another one.

    No ValueError: pydantic would wrap one in an error of its own.
    """


class DataError(UaitError, ValueError):
    """A file or a record does not hold what it must."""


class ModelError(UaitError, RuntimeError):
    """A model, tokenizer or adapter can't be loaded or does not fit the other one."""


class RetrievalError(UaitError, RuntimeError):
    """A search engine found nothing, took too long or can't be reached."""


class TrainingError(UaitError, RuntimeError):
    """Tuning can't start or can't go on."""


def is_disk_full(err: BaseException) -> bool:
    """Whether a full disk, or a full share of it, is behind the error, whichever library raised it."""
    return any(
        getattr(cause, "errno", None) in _NO_ROOM or any(os.strerror(number) in str(cause) for number in _NO_ROOM)
        for cause in causes(err)
    )


def is_out_of_memory(err: BaseException) -> bool:
    """Whether a GPU, or the machine itself, had no memory left; a sentence that says so already is none of these."""
    said = _NO_MEMORY.search(f"{type(err).__name__} {err}") is not None  # PyTorch's own error may have no words
    return isinstance(err, MemoryError) or (not isinstance(err, UaitError) and said)


def causes(err: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on; a library often says less than the one below it."""
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__
