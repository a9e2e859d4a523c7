"""The fits of the gate: what reading is worth, and kinds that are fitted the same way again."""

from collections.abc import Sequence

import numpy as np

from uait.embedded.pocket.fits import curve_of, kinds_fit
from uait.embedded.pocket.world import build_world
from uait.method.second_look import kind_scores, reading_confidence
from uait.models.similarity import BiEncoder


class FakeEncoder(BiEncoder):
    """Embeds a question by its length, its words and its first letter: enough to be repeatable."""

    def __init__(self) -> None:
        pass

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        found = np.array([[len(text), ord(text[0]), text.count(" ") + 1] for text in texts], dtype=float)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_what_was_read_is_surer_the_more_its_passage_is_about_the_question() -> None:
    # 90 right answers about the question, 10 wrong ones that are not: a threshold between them makes no mistake
    rows = [(-0.1, 0.8 + 0.001 * i) for i in range(90)] + [(-0.1, 0.3 + 0.01 * i) for i in range(10)]
    fit = curve_of(rows, [True] * 90 + [False] * 10)
    assert (fit.metrics["auroc"], fit.metrics["mistakes"]) == (1.0, 0.0)
    strange, alike = (reading_confidence(fit, -0.1, likeness) for likeness in (0.4, 0.85))
    assert strange < fit.threshold <= alike


def test_fitting_again_gives_the_same_kinds_and_lets_the_wanted_share_through() -> None:
    facts = build_world(0)
    one, other = (kinds_fit(FakeEncoder(), facts) for _ in range(2))
    assert (one.centres == other.centres).all() and one.threshold == other.threshold
    assert 0.8 < one.metrics["passed"] <= 1.0  # lengths and letters are rough: many scores are equal
    assert kind_scores(one, one.others).max() <= 1e-3
