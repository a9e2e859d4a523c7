"""What to do below the threshold, compared: answer anyway, look up, ask a stronger model, or leave it open.

In: the rows of an evaluation, a threshold. Out: a Branch for each thing that was tried. Rows of older evaluations do:
what they do not hold is no branch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from uait.method.answers import SPOKEN
from uait.records import Branch
from uait.settings import EvaluateSettings

ANYWAY, RETRIEVE, ESCALATE, ABSTAIN = "answer", "retrieve", "escalate", "abstain"
BRANCH_TITLES = {
    ANYWAY: "answer anyway",
    RETRIEVE: "look it up",
    ESCALATE: "ask another model",
    ABSTAIN: "leave it open",
}
NO_STRONGER = "No other model was asked: none is configured, or it could not be reached."
STRONGER = "stronger"  # what a row holds of the stronger model, where it was asked

Row = Mapping[str, Any]
Second = tuple[bool, bool]  # whether there is an answer in the end, and whether it is right
Shares = tuple[np.ndarray, np.ndarray, np.ndarray]  # answered, right of the answered, right of all; each (B,)


def branches(rows: Sequence[Row], split: str, threshold: float, settings: EvaluateSettings) -> tuple[Branch, ...]:
    """The branches of one split, in the order above; none without questions whose answers are known.

    Where a branch was tried on some of the questions below the threshold, these stand for all of them: with S the
    sure and U the others, right = (right in S + |U| x share right of the tried) / N. Intervals: 95 % percentile
    bootstrap over the questions (Efron 1979), what was tried drawn anew with them.
    """
    rows = [row for row in rows if row["split"] == split and row["uait"]["right"] is not None]
    sure = np.array([is_sure(row, threshold) for row in rows], dtype=bool)
    tried = {
        name: [None if c else look(row) for row, c in zip(rows, sure, strict=True)] for name, look in LOOKS.items()
    }
    seconds = {RETRIEVE: _mean(rows, "read", "seconds"), ESCALATE: _mean(rows, STRONGER, "seconds")}
    found = []
    for name, second in tried.items():
        if rows and (sure.all() or any(x is not None for x in second)):
            cost = _mean(rows, STRONGER, "cost") if name == ESCALATE else None
            found.append(_branch(name, rows, sure, second, settings, seconds.get(name), cost))
    return tuple(found)


def is_sure(row: Row, threshold: float) -> bool:
    """Whether the gate trusts the first answer, as `method.gate.decide` does."""
    spoken = row["uait"]["confidences"][SPOKEN]
    return spoken is not None and spoken >= threshold and row.get("is_familiar") is not False


def _read(row: Row) -> Second | None:
    read = row.get("read")
    if read is None:
        return None
    is_given = read.get("given", bool(row["n_passages"] and read["answer"]))
    return is_given, bool(is_given and read["right"])


def _escalated(row: Row) -> Second | None:
    asked = row.get(STRONGER)
    return None if asked is None else (asked["given"], bool(asked["given"] and asked["right"]))


LOOKS: dict[str, Callable[[Row], Second | None]] = {
    ANYWAY: lambda row: (True, row["uait"]["right"]),
    RETRIEVE: _read,
    ESCALATE: _escalated,
    ABSTAIN: lambda row: (False, False),
}


def _branch(
    name: str,
    rows: Sequence[Row],
    sure: np.ndarray,
    second: Sequence[Second | None],
    settings: EvaluateSettings,
    seconds: float | None,
    cost: float | None,
) -> Branch:
    n, right = len(rows), np.array([row["uait"]["right"] for row in rows], dtype=bool)
    tried = np.array([x is not None for x in second])
    given, good = (np.array([x is not None and x[i] for x in second]) for i in (0, 1))

    def shares(weights: np.ndarray) -> Shares:
        """`weights` (B, N): how often each question was drawn."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(~sure @ weights.T > 0, (~sure @ weights.T) / (tried @ weights.T), 0.0)
            answered, hits = (
                np.where(scale > 0, (part @ weights.T) * scale, 0.0) + ours @ weights.T
                for part, ours in ((given, sure), (good, sure & right))
            )
            return answered / n, hits / answered, hits / n

    rng = np.random.default_rng(settings.seed)
    whole = shares(np.ones((1, n)))
    drawn = shares(rng.multinomial(n, np.full(n, 1 / n), size=settings.n_bootstrap).astype(float))
    answered, accuracy, hits = (_interval(value[0], many) for value, many in zip(whole, drawn, strict=True))
    if answered is None or hits is None:
        raise AssertionError("a share of at least one question is a number")
    return Branch(
        name, rows[0]["split"], n, int((~sure).sum()), int(tried.sum()), answered, accuracy, hits, seconds, cost
    )


def _interval(value: float, drawn: np.ndarray) -> tuple[float, float, float] | None:
    """The value with its interval; None where it is undefined. Resamples where it is undefined are left out."""
    if not np.isfinite(value):
        return None
    low, high = np.percentile(drawn[np.isfinite(drawn)], [2.5, 97.5])
    return float(value), float(low), float(high)


def _mean(rows: Sequence[Row], source: str, key: str) -> float | None:
    values = [row[source][key] for row in rows if row.get(source) and row[source].get(key) is not None]
    return float(np.mean(values)) if values else None
