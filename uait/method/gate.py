"""Trust the answer, or do something about it: a confidence and a threshold -> Decision.

Knows nothing about where the confidence comes from, how to look things up or who else could answer.
"""

from uait.records import Action, Decision
from uait.records.errors import DataError

_DOING = {
    Action.RETRIEVE: "looking it up",
    Action.ESCALATE: "asking another model",
    Action.ABSTAIN: "leaving it open",
}


def recourse(name: str) -> Action:
    """What is done with an unsure answer, by its name. Raises DataError on any other: to answer anyway is none."""
    if name not in _DOING:
        raise DataError(
            f"{str(name)[:60]!r} is nothing to do with an unsure answer; choose one of {', '.join(_DOING)}."
        )
    return Action(name)


def decide(
    confidence: float | None,
    threshold: float,
    when_unsure: Action = Action.RETRIEVE,
    *,
    is_familiar: bool | None = None,
) -> Decision:
    """ANSWER when the confidence is at least the threshold, `when_unsure` when it is below or missing; both in [0, 1].

    A question that is not familiar is never answered: the confidence was not measured on any that looks like it. That
    is the reason only where the number alone would have let the answer through. Raises DataError when a number lies
    outside [0, 1] or is none.
    """
    for name, value in (("The confidence", confidence), ("The threshold", threshold)):
        if value is not None and not 0.0 <= value <= 1.0:
            raise DataError(f"{name} is {value}; it must lie between 0 and 1.")
    is_sure = confidence is not None and confidence >= threshold
    action = Action.ANSWER if is_sure and is_familiar is not False else when_unsure
    doing = _DOING.get(action, "answering")
    if confidence is None:
        reason = "The model stated no confidence"
    else:
        percent, limit = _percents(confidence, threshold)
        reason = f"{percent} % is {'at least' if is_sure else 'below'} {limit} %"
        if is_sure and is_familiar is False:
            reason += ", but the question looks unlike those the model was measured on"
    return Decision(action, confidence, threshold, f"{reason}: {doing}.", is_familiar)


def decide_again(confidence: float | None, threshold: float | None) -> Decision:
    """The verdict on a second answer: ABSTAIN below the threshold, ANSWER from it on and where there is no number.

    Who gives none (an endpoint, a model whose reading was not measured) is taken at its word, and no number is shown.
    """
    if confidence is None or threshold is None:
        return Decision(Action.ANSWER, None, 0.0, "There is no number to decide by: giving the second answer.")
    return decide(confidence, threshold, Action.ABSTAIN)


def _percents(confidence: float, threshold: float) -> tuple[str, str]:
    """Both in percent, with as many decimals as it takes to tell them apart: never "70.0 % is below 70 %"."""
    decimals = 1
    while f"{100 * confidence:.{decimals}f}" == f"{100 * threshold:.{decimals}f}" and confidence != threshold:
        decimals += 1
    limit = f"{100 * threshold:.{decimals}f}".rstrip("0").rstrip(".")
    return f"{100 * confidence:.{decimals}f}", limit
