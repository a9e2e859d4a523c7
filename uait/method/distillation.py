"""Which labels teach, and what: labels -> examples to tune on, split by question, every drop counted.

Source: UaIT (EMNLP 2024), distillation: keep what is right and sure, with the reference answer as target, and what is
wrong and unsure, with the model's own answer. Knows nothing about tokens or training.
"""

import math
from collections import Counter
from collections.abc import Container, Sequence

import numpy as np

from uait.method.prompts import percent
from uait.records import DistilledSet, Label, Question, Reason, TrainingExample
from uait.records.errors import DataError
from uait.settings import DistilSettings

N_BINS = 20
MODAL_SHARE = 0.25  # above this share of one value, tuned models tend to say that value always

NO_REFERENCE = "no reference answer"
RIGHT_BUT_UNSURE = "right but unsure"
WRONG_BUT_SURE = "wrong but sure"
BALANCE = "balance"
HELD_OUT = "held out to measure with"


def distil(labels: Sequence[Label], settings: DistilSettings) -> DistilledSet:
    """The examples to learn from and to watch, kept and dropped counts by reason, and how varied the targets are.

    Questions are split by fact before anything else. `histogram` counts the training targets in 20 bins of 5 %, and
    `entropy_bits` is the entropy of their values to one decimal of a per cent. Balancing thins out `train` only.
    Raises DataError when nothing is left to train on.
    """
    rng = np.random.default_rng(settings.seed)
    dev_facts = _share_of_facts([label.question for label in labels], settings.dev_fraction, rng)
    train: list[TrainingExample] = []
    dev: list[TrainingExample] = []
    dropped = Counter[str]()
    for label in labels:
        example = _example(label, settings)
        if isinstance(example, str):
            dropped[example] += 1
        else:
            (dev if label.question.fact in dev_facts else train).append(example)
    if settings.balance:
        n_before = len(train)
        train = _balanced(train, rng)
        dropped.update({BALANCE: n_before - len(train)} if len(train) < n_before else {})
    if not train:
        raise DataError(_nothing_left(dropped, len(dev), settings))
    return _summed_up(train, dev, dict(dropped))


def kept_apart(questions: Sequence[Question], settings: DistilSettings) -> list[Question]:
    """Those of the questions that `distil` keeps apart from the tuning, whether it keeps their labels or drops them."""
    facts = _share_of_facts(questions, settings.dev_fraction, np.random.default_rng(settings.seed))
    return [question for question in questions if question.fact in facts]


def hold_out(questions: Sequence[Question], settings: DistilSettings) -> list[Question]:
    """The questions of a random share of the facts, to measure with: drawn before anything is known of their answers.

    None when no share is asked for or there is one fact alone.
    """
    facts = _share_of_facts(questions, settings.held_out_fraction, np.random.default_rng([settings.seed, 1]))
    return [question for question in questions if question.fact in facts]


def without(distilled: DistilledSet, ids: Container[str], reason: str) -> DistilledSet:
    """The set less the examples of the questions with these `ids`, dropped for this reason."""
    train, dev = ([e for e in part if e.question.id not in ids] for part in (distilled.train, distilled.dev))
    n_dropped = len(distilled.train) + len(distilled.dev) - len(train) - len(dev)
    dropped = {**distilled.dropped, reason: n_dropped} if n_dropped else distilled.dropped
    return _summed_up(train, dev, dropped)


def _kept(train: Sequence[TrainingExample], dev: Sequence[TrainingExample]) -> dict[str, int]:
    n_right = sum(example.is_correct for example in (*train, *dev))
    return {"right": n_right, "wrong": len(train) + len(dev) - n_right}


def _summed_up(
    train: Sequence[TrainingExample], dev: Sequence[TrainingExample], dropped: dict[str, int]
) -> DistilledSet:
    values = Counter(percent(example.confidence) for example in train)
    entropy_bits = _entropy_bits(values)
    return DistilledSet(
        tuple(train), tuple(dev), _kept(train, dev), dropped, _histogram(train), entropy_bits, _warning(values)
    )


def _share_of_facts(questions: Sequence[Question], fraction: float, rng: np.random.Generator) -> set[str]:
    """A random share of the facts asked for: at least one when a share is asked for and one is left to train on."""
    facts = sorted({question.fact for question in questions})
    if fraction == 0.0 or len(facts) < 2:
        return set()
    n = max(1, round(fraction * len(facts)))
    return {facts[i] for i in rng.permutation(len(facts))[:n]}


def _example(label: Label, settings: DistilSettings) -> TrainingExample | str:
    """The example that a label teaches, or why it teaches nothing."""
    if label.confidence is None:
        return f"unscored: {label.unscored}"
    if label.is_correct is None or (label.is_correct and not label.question.references):
        return NO_REFERENCE
    if label.is_correct:
        if settings.keep_right_from is not None and label.confidence < settings.keep_right_from:
            return RIGHT_BUT_UNSURE
        target = label.question.references[0]
    else:
        if settings.keep_wrong_below is not None and label.confidence >= settings.keep_wrong_below:
            return WRONG_BUT_SURE
        target = label.answer
    if not target.strip():
        return f"unscored: {Reason.EMPTY}"
    return TrainingExample(label.question, target, label.confidence, label.is_correct)


def _balanced(examples: list[TrainingExample], rng: np.random.Generator) -> list[TrainingExample]:
    """As many right as wrong examples, the larger side thinned out at random, in the order they came."""
    sides = [[i for i, e in enumerate(examples) if e.is_correct is side] for side in (True, False)]
    n_each = min(map(len, sides))
    order = sorted(int(i) for side in sides for i in rng.permutation(side)[:n_each])
    return [examples[i] for i in order]


def _histogram(examples: Sequence[TrainingExample]) -> tuple[int, ...]:
    counts, _ = np.histogram([example.confidence for example in examples], bins=N_BINS, range=(0.0, 1.0))
    return tuple(int(count) for count in counts)


def _entropy_bits(values: Counter[str]) -> float:
    """H = sum_v q_v log2(1 / q_v) in bits, q_v the share of the targets that hold value v (Shannon 1948)."""
    total = values.total()
    return sum(count / total * math.log2(total / count) for count in values.values())


def _warning(values: Counter[str]) -> str | None:
    """A sentence when one value holds more than a quarter of the targets, else None."""
    (value, count), total = values.most_common(1)[0], values.total()
    if count < 2 or count <= MODAL_SHARE * total:
        return None
    return (
        f"{count} of {total} training targets say {value}: a tuned model tends to say such a value always. "
        "Use more samples per question, another calibration, or wider thresholds."
    )


def _nothing_left(dropped: Counter[str], n_dev: int, settings: DistilSettings) -> str:
    """What was dropped, and the one setting to move first."""
    steps = {
        RIGHT_BUT_UNSURE: f"lower distil.keep_right_from (now {settings.keep_right_from})",
        WRONG_BUT_SURE: f"raise distil.keep_wrong_below (now {settings.keep_wrong_below})",
        BALANCE: "turn distil.balance off, or label questions of both kinds",
        NO_REFERENCE: "give the questions reference answers",
        f"unscored: {Reason.TRUNCATED}": "raise sampling.max_new_tokens and sample again",
    }
    counts = ", ".join(f"{reason} {count}" for reason, count in dropped.most_common()) or "there were no labels"
    apart = f", {n_dev} kept apart for dev" if n_dev else ""
    step = next((steps[reason] for reason, _ in dropped.most_common() if reason in steps), "label more questions")
    return f"No example is left to train on ({counts}{apart}); {step}."
