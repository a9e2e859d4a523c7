"""The errors a user can meet. Each message names the thing, the value, the rule and the next step."""


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
