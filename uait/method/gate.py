"""Trust the answer, or look it up: a confidence and a threshold -> Decision.

Knows nothing about where the confidence comes from or how to look things up.
"""

from uait.records import Action, Decision
from uait.records.errors import DataError


def decide(confidence: float | None, threshold: float) -> Decision:
    """ANSWER when the confidence is at least the threshold, RETRIEVE when it is below or missing; both in [0, 1].

    Raises DataError when either lies outside [0, 1] or is not a number.
    """
    for name, value in (("The confidence", confidence), ("The threshold", threshold)):
        if value is not None and not 0.0 <= value <= 1.0:
            raise DataError(f"{name} is {value}; it must lie between 0 and 1.")
    if confidence is None:
        return Decision(Action.RETRIEVE, None, threshold, "The model stated no confidence: looking it up.")
    percent, limit = _percents(confidence, threshold)
    if confidence >= threshold:
        return Decision(Action.ANSWER, confidence, threshold, f"{percent} % is at least {limit} %: answering.")
    return Decision(Action.RETRIEVE, confidence, threshold, f"{percent} % is below {limit} %: looking it up.")


def _percents(confidence: float, threshold: float) -> tuple[str, str]:
    """Both in percent, with as many decimals as it takes to tell them apart: never "70.0 % is below 70 %"."""
    decimals = 1
    while f"{100 * confidence:.{decimals}f}" == f"{100 * threshold:.{decimals}f}" and confidence != threshold:
        decimals += 1
    limit = f"{100 * threshold:.{decimals}f}".rstrip("0").rstrip(".")
    return f"{100 * confidence:.{decimals}f}", limit
