import math
from dataclasses import replace

import pytest

from uait.method.distillation import distil, without
from uait.records import Label, Question, Reason
from uait.records.errors import DataError
from uait.settings import DistilSettings

ALL_TRAIN = DistilSettings(dev_fraction=0.0)


def _label(
    name: str,
    confidence: float | None,
    is_correct: bool | None,
    answer: str = "own",
    references: tuple[str, ...] = ("gold", "alias"),
) -> Label:
    unscored = Reason.TRUNCATED if confidence is None else None
    return Label(Question(name, "Who?", references), answer, confidence, confidence, None, is_correct, unscored)


def test_right_answers_teach_the_first_reference_and_wrong_ones_the_own_answer() -> None:
    made = distil([_label("a", 0.931, True), _label("b", 0.2, False)], ALL_TRAIN)
    assert [(e.answer, e.confidence) for e in made.train] == [("gold", 0.931), ("own", 0.2)]
    assert [e.is_correct for e in made.train] == [True, False]
    assert made.kept == {"right": 1, "wrong": 1} and made.dropped == {}


def test_an_invented_name_has_no_reference_and_teaches_the_own_answer() -> None:
    made = distil([_label("a", 0.05, False, references=())], ALL_TRAIN)
    assert (made.train[0].answer, made.train[0].confidence) == ("own", 0.05)


def test_every_drop_is_counted_by_its_reason() -> None:
    labels = [
        _label("keep", 0.9, True),
        _label("cut", None, True),
        _label("unknown", 0.9, None, references=()),
        _label("shy", 0.49, True),
        _label("shy too", 0.1, True),
        _label("bold", 0.5, False),
    ]
    assert distil(labels, ALL_TRAIN).dropped == {
        "unscored: answer cut off at the token limit": 1,
        "no reference answer": 1,
        "right but unsure": 2,
        "wrong but sure": 1,
    }


def test_exactly_one_half_is_kept_when_right_and_dropped_when_wrong() -> None:
    made = distil([_label("a", 0.5, True), _label("b", 0.5, False)], ALL_TRAIN)
    assert [e.question.id for e in made.train] == ["a"]


def test_without_thresholds_only_what_has_no_target_is_dropped() -> None:
    labels = [_label("a", 0.01, True), _label("b", 0.99, False), _label("c", None, True)]
    made = distil(labels, DistilSettings(keep_right_from=None, keep_wrong_below=None, dev_fraction=0.0))
    assert [(e.answer, e.confidence) for e in made.train] == [("gold", 0.01), ("own", 0.99)]
    assert sum(made.dropped.values()) == 1


def test_a_question_is_on_one_side_only_though_it_is_labelled_often() -> None:
    labels = [_label(f"q{i % 20}", 0.6 + i / 1000, True) for i in range(200)]
    made = distil(labels, DistilSettings(dev_fraction=0.25))
    dev_ids = {e.question.id for e in made.dev}
    assert len(dev_ids) == 5 and len(made.dev) == 50  # a quarter of 20 questions, ten labels each
    assert not dev_ids & {e.question.id for e in made.train}


def test_the_split_does_not_depend_on_the_order_of_labels_but_on_the_seed() -> None:
    labels = [_label(f"q{i}", 0.9, True) for i in range(40)]
    settings = DistilSettings(dev_fraction=0.25)

    def dev_ids(some: list[Label], chosen: DistilSettings) -> set[str]:
        return {e.question.id for e in distil(some, chosen).dev}

    assert dev_ids(labels, settings) == dev_ids(labels[::-1], settings)
    assert dev_ids(labels, settings) != dev_ids(labels, replace(settings, seed=7))


def test_a_small_share_still_keeps_one_question_apart() -> None:
    assert len(distil([_label(f"q{i}", 0.9, True) for i in range(5)], DistilSettings(dev_fraction=0.03)).dev) == 1


def test_balancing_keeps_as_many_right_as_wrong_in_order_and_counts_the_rest() -> None:
    labels = [_label(f"r{i}", 0.8 + i / 100, True) for i in range(9)]
    labels += [_label(f"w{i}", i / 10, False) for i in range(3)]
    made = distil(labels, replace(ALL_TRAIN, balance=True))
    assert made.kept == {"right": 3, "wrong": 3} and made.dropped == {"balance": 6}
    order = [label.question.id for label in labels]
    assert [e.question.id for e in made.train] == sorted((e.question.id for e in made.train), key=order.index)


def test_the_histogram_has_twenty_bins_of_five_per_cent() -> None:
    confidences = [(0.0, False), (0.07, False), (1.0, True), (0.96, True)]
    made = distil([_label(str(c), c, right) for c, right in confidences], ALL_TRAIN)
    assert made.histogram == (1, 1, *[0] * 17, 2)


def test_entropy_counts_values_as_they_are_spoken() -> None:
    # 90.01 % and 90.04 % are both spoken as 90.0 %: values {90.0: 2, 80.0: 1, 70.0: 1} -> 1/2*1 + 2 * 1/4*2 = 1.5 bits
    labels = [_label(str(i), c, True) for i, c in enumerate([0.9001, 0.9004, 0.8, 0.7])]
    assert distil(labels, ALL_TRAIN).entropy_bits == pytest.approx(1.5)


def test_a_dominating_value_is_warned_about_and_a_quarter_is_not() -> None:
    spread = [_label(str(i), 0.6 + i / 1000, True) for i in range(6)]
    equal = [_label(f"e{i}", 0.9, True) for i in range(3)]
    warning = distil(spread + equal, ALL_TRAIN).warning  # 3 of 9
    assert warning is not None and "3 of 9 training targets say 90.0%" in warning
    assert distil(spread + equal[:2], ALL_TRAIN).warning is None  # 2 of 8
    assert distil(equal, ALL_TRAIN).entropy_bits == 0.0


@pytest.mark.parametrize(
    ("labels", "settings", "step"),
    [
        ([], ALL_TRAIN, "there were no labels"),
        ([_label("a", 0.3, True)], ALL_TRAIN, r"right but unsure 1\); lower distil.keep_right_from \(now 0.5\)"),
        ([_label("a", 0.8, False)], ALL_TRAIN, r"wrong but sure 1\); raise distil.keep_wrong_below \(now 0.5\)"),
        ([_label("a", None, True)], ALL_TRAIN, "raise sampling.max_new_tokens"),
        ([_label("a", 0.8, None, references=())], ALL_TRAIN, "give the questions reference answers"),
        ([_label("a", 0.8, True)], replace(ALL_TRAIN, balance=True), "turn distil.balance off"),
    ],
)
def test_nothing_left_names_the_counts_and_the_next_step(
    labels: list[Label], settings: DistilSettings, step: str
) -> None:
    with pytest.raises(DataError, match=step):
        distil(labels, settings)


def test_an_empty_own_answer_teaches_nothing() -> None:
    made = distil([_label("a", 0.9, True), _label("b", 0.1, False, answer=" ")], ALL_TRAIN)
    assert made.dropped == {"unscored: empty answer": 1}
    assert math.isclose(made.entropy_bits, 0.0)


def test_what_is_taken_out_later_is_counted_by_its_reason_and_the_rest_anew() -> None:
    made = distil([_label("a", 0.931, True), _label("b", 0.2, False), _label("c", 0.1, False)], ALL_TRAIN)
    less = without(made, {"b", "elsewhere"}, "longer than the model reads")
    assert [e.question.id for e in less.train] == ["a", "c"]
    assert (less.kept, less.dropped) == ({"right": 1, "wrong": 1}, {"longer than the model reads": 1})
    assert (sum(less.histogram), less.entropy_bits) == (2, pytest.approx(1.0))
    assert without(made, set(), "longer than the model reads") == made


def test_the_phrasings_of_one_fact_never_part_over_train_and_dev() -> None:
    labels = [
        Label(Question(f"q{i}", f"Question {i}?", ("a",), group=f"fact {i // 2}"), "a", 0.9, 0.9, 0.1, True)
        for i in range(40)
    ]
    distilled = distil(labels, DistilSettings(dev_fraction=0.3, balance=False, seed=1))
    train, dev = ({e.question.group for e in side} for side in (distilled.train, distilled.dev))
    assert dev and train & dev == set()
