"""What one visitor may ask of a machine that others wait for: shorter questions, one evaluation at a time, in time,
and small runs. How many runs, and for how long, is counted in `uait.runs.quota`.

The limits of a Space are narrow, since its visitors do not know each other; on one's own machine they are wide.
Handlers and endpoints ask here, so a raw request meets the limits like a button.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from uait import settings
from uait.method.prompts import MAX_QUESTION_CHARS
from uait.records import Event
from uait.records.errors import DataError, SettingsError
from uait.settings.checks import Checked, Setting

PUBLIC_QUESTION_CHARS = 400  # sampled K times: 2,000 characters held the model for 14 s
PUBLIC_QUESTIONS, OWN_QUESTIONS = 20, 500  # of one evaluation
PUBLIC_SECONDS, OWN_SECONDS = 60.0, 3600.0  # of one evaluation
PUBLIC_STEPS = 1_000  # of one tuning
PUBLIC_MOST = {"rank": 64, "epochs": 200.0, "batch_size": 64, "n_samples": 20}  # of the settings that cost

AT_ONCE = 20  # visitors whose questions share a batch; of who comes then the page says how many wait

_evaluating = threading.Lock()


def asking(*, shares: bool) -> dict[str, Any]:
    """The lane of whoever asks: many at once where they share a batch, else one after the other."""
    return {"concurrency_id": "ask", "concurrency_limit": AT_ONCE if shares else 1}


def check_question(text: str) -> None:
    """Raises DataError when a question that will be sampled several times is too long for a shared machine."""
    longest = PUBLIC_QUESTION_CHARS if settings.is_space() else MAX_QUESTION_CHARS
    if len(text) > longest:
        raise DataError(
            f"The question has {len(text):,} characters; asked several times here it may have {longest:,}. Shorten it."
        )


def most_questions() -> int:
    """How many questions one evaluation from the page may ask."""
    return PUBLIC_QUESTIONS if settings.is_space() else OWN_QUESTIONS


def check_evaluation(n: int) -> None:
    """Raises DataError when an evaluation of `n` questions is larger than one visitor may start."""
    if not 1 <= n <= most_questions():
        raise DataError(f"n is {n}; choose a number from 1 to {most_questions()}.")


def evaluation(n: int, events: Iterator[Event]) -> Iterator[Event]:
    """The events of an evaluation of `n` questions, which holds the one place for evaluations meanwhile.

    Raises DataError when it is too large or takes too long, and at once when the place is taken, so that none queue up.
    """
    check_evaluation(n)
    if not _evaluating.acquire(blocking=False):
        raise DataError("The page is busy with another evaluation; try again in a minute.")
    try:
        yield from in_time(events)
    finally:
        _evaluating.release()


def in_time(events: Iterator[Event], clock: Callable[[], float] = time.monotonic) -> Iterator[Event]:
    """The events for as long as an evaluation may take. Raises DataError when the time is over: no part is a result."""
    seconds = PUBLIC_SECONDS if settings.is_space() else OWN_SECONDS
    end = clock() + seconds
    for event in events:
        if clock() > end:
            raise DataError(f"The evaluation took longer than {seconds:.0f} s and was stopped; ask fewer questions.")
        yield event


def most(setting: Setting) -> float | None:
    """The highest value of a setting that a visitor may choose; None where there is no number."""
    return PUBLIC_MOST.get(setting.name, setting.high) if settings.is_space() else setting.high


def check_ranges(record: Checked) -> None:
    """Raises SettingsError naming the setting of a stage that is too high for a shared machine."""
    for setting in settings.settings_of(record):
        value, highest = getattr(record, setting.name), most(setting)
        if highest is not None and value is not None and value > highest:
            name = setting.name.replace("_", " ").capitalize()
            raise SettingsError(f"{name} is {value:g}; on a public page choose {highest:g} or less.")


def check_steps(n_steps: int) -> None:
    """Raises DataError when a tuning has more steps than a shared machine takes."""
    if settings.is_space() and n_steps > PUBLIC_STEPS:
        raise DataError(
            f"These settings come to {n_steps:,} steps; on a public page a tuning has at most {PUBLIC_STEPS:,}. "
            "Choose fewer epochs or a larger batch."
        )


def most_labels() -> float:
    """How many questions one labelling may ask."""
    return settings.public_questions() if settings.is_space() else math.inf


def check_labels(n: float) -> None:
    """Raises DataError when a labelling has no question, or more than a shared machine takes."""
    if not 1 <= n <= most_labels():
        rule = f"a number from 1 to {most_labels()}" if settings.is_space() else "1 or more"
        raise DataError(f"The number of questions is {n:g}; choose {rule}.")
