"""The errors a user can meet. Each message names the thing, the value, the rule and the next step."""

import errno
from collections.abc import Iterator


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
    """Whether a full disk is behind the error, whichever library raised it."""
    no_room = "No space left on device"  # as those say it that raise no OSError
    return any(getattr(cause, "errno", None) == errno.ENOSPC or no_room in str(cause) for cause in causes(err))


def causes(err: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on; a library often says less than the one below it."""
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__
