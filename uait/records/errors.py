"""The errors a user can meet. Each message names the thing, the value, the rule and the next step."""

import errno
import os
from collections.abc import Iterator

# the disk is full, the user's share of it is, a file may not grow; those that raise no OSError say it in these words
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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


def causes(err: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on; a library often says less than the one below it."""
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__
