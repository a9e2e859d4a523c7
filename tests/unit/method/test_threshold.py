"""The threshold of a gate: chosen from enough answers of both kinds, and otherwise not, with the reason."""

import pytest

from uait.method.threshold import choose_threshold
from uait.records import ThresholdChoice
from uait.records.errors import DataError

# 20 right answers at 0.8 and one at 0.3; 10 wrong ones at 0.2 and one at 0.9: from 0.25 on, (21/21 + 10/11) / 2
SAID = [0.8] * 20 + [0.3] + [0.2] * 10 + [0.9]
RIGHT = [True] * 21 + [False] * 11


def test_the_threshold_parts_right_from_wrong_best_and_says_by_what() -> None:
    choice = choose_threshold([*SAID, None, 0.5], [*RIGHT, True, None], "dev", 10)
    assert (choice.value, choice.source, choice.n, choice.n_right, choice.reason) == (0.25, "dev", 32, 21, "")
    assert choice.balanced_accuracy == pytest.approx((1 + 10 / 11) / 2)
    # 231 pairs; lost to the wrong 0.9: all 21 right ones
    assert choice.auroc == pytest.approx(210 / 231)
    # bins: 0.2 (10 wrong), 0.3 (1 right), 0.8 (20 right), 0.9 (1 wrong)
    assert choice.ece == pytest.approx((10 * 0.2 + 0.7 + 20 * 0.2 + 0.9) / 32)


@pytest.mark.parametrize(("said", "right"), [(SAID[3:], RIGHT[3:]), ([0.5] * 100, [True] * 96 + [False] * 4), ([], [])])
def test_of_too_few_answers_nothing_is_chosen_and_it_is_said_why(said: list[float], right: list[bool]) -> None:
    choice = choose_threshold(said, right, "dev", 10)
    assert (choice.value, choice.n, choice.n_right) == (None, len(said), sum(right))
    assert f"{sum(right)} right and {len(said) - sum(right)} wrong answers" in choice.reason


def test_a_choice_holds_a_threshold_or_a_reason() -> None:
    with pytest.raises(DataError, match="a reason for its absence"):
        ThresholdChoice(None, "dev", 3, 2)
    with pytest.raises(DataError, match="threshold is 70; it must lie between 0 and 1"):
        ThresholdChoice(70, "dev", 3, 2)


@pytest.mark.parametrize("wrong", [0.5, 0.7, 0.929, 0.93])
def test_neighbours_on_the_scale_of_the_numbers_said_are_parted(wrong: float) -> None:
    right = round(wrong + 0.001, 3)
    choice = choose_threshold([wrong] * 20 + [right] * 20, [False] * 20 + [True] * 20, "some", 10)
    assert choice.value == right and choice.balanced_accuracy == 1.0
