"""From which confidence on a model is trusted: what it said and whether it was right -> a threshold, or why not.

Knows nothing about where the questions come from.
"""

import math
from collections.abc import Sequence
from typing import Any

from uait.method.metrics import auroc, balanced_accuracy, best_threshold, ece
from uait.records import ThresholdChoice

FEWEST, FEWEST_OF_A_KIND = 30, 5  # answers with a number: with fewer the best threshold is chance


def choose_threshold(
    confidences: Sequence[float | None], correct: Sequence[bool | None], source: str, n_bins: int
) -> ThresholdChoice:
    """The threshold that best parts right from wrong (`best_threshold`), to one decimal of a per cent.

    One confidence and one verdict per question; those without the one or the other say nothing. `source` names the
    questions, `n_bins` is that of ECE. Without enough answers of each kind there is no threshold, but the reason.
    """
    known = [(c, y) for c, y in zip(confidences, correct, strict=True) if c is not None and y is not None]
    c, right = [c for c, _ in known], [y for _, y in known]
    n, n_right = len(known), sum(right)
    counted: dict[str, Any] = {"source": source, "n": n, "n_right": n_right}
    if n < FEWEST or min(n_right, n - n_right) < FEWEST_OF_A_KIND:
        return ThresholdChoice(
            None, **counted,
            reason=f"{n_right} right and {n - n_right} wrong answers with a number are too few to choose by: "
            f"it takes {FEWEST}, and {FEWEST_OF_A_KIND} of each kind",
        )  # fmt: skip
    best = best_threshold(c, right)
    # Rounded the wrong way it would take in the answers that it is to keep out: numbers are said in such steps too.
    near = sorted({math.floor(1000 * best) / 1000, math.ceil(1000 * best) / 1000}, key=lambda value: abs(value - best))
    balanced = balanced_accuracy(c, right, near)
    k = int(balanced.argmax())  # of two that part alike, the nearer one
    return ThresholdChoice(
        near[k], **counted, balanced_accuracy=float(balanced[k]), auroc=auroc(c, right), ece=ece(c, right, n_bins)
    )  # fmt: skip
