"""Stage 3, in one round or two: in a second one the model learns to say what it can tell.

The labels gather near 0 and 1, and a spoken number is the likeliest one, so after one round it jumps between the two
ends, where the expected confidence, the mean over all numbers, follows what the model notices. The second round takes
those means for labels and tunes afresh (self-distillation, Furlanello et al. 2018). Nothing is sampled again.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from uait.data.files import data_hash, read_json, write_json
from uait.data.json import from_json, to_json
from uait.method.calibration import Calibration, apply, fit_calibration
from uait.method.correctness import is_correct, normalise_answer
from uait.method.distillation import relabel
from uait.models.confidence import answer_batch
from uait.models.language_model import LanguageModel
from uait.records import Answer, DistilledSet, Event, Progress, Question, TrainingExample
from uait.records.errors import DataError, TrainingError
from uait.settings import Settings
from uait.tuning.card import check_same
from uait.tuning.trainer import LOG, Probe, read_log, train_adapter

BATCH = 32
FIRST, AGAIN = "round-1", "distilled.json"


def tune(
    settings: Settings,
    lm: LanguageModel,
    distilled: DistilledSet,
    out: Path,
    held_out: Sequence[Question] = (),
    probe: Probe | None = None,
) -> Generator[Event, None, None]:
    """Each step as it is made, and at the end Done(Adapter), saved in `out`; resumes and stops as `train_adapter` does.

    With `tune.rounds` 2 the first round's adapter, made in `out`/round-1, is asked the same questions again. What it
    expects becomes the second round's label, calibrated as `label.calibrate` says on `held_out`, questions that
    nothing is tuned on; without any it is not calibrated.
    """
    if settings.tune.rounds == 1 or settings.tune.recipe != "paper":
        yield from train_adapter(settings, lm, distilled, out, probe)
        return
    check_same(settings, lm, out)  # before the first round, not after it
    once = replace(settings, tune=replace(settings.tune, rounds=1))
    # Closed at once when the caller stops: what saving then raises is heard.
    with closing(train_adapter(once, lm, distilled, out / FIRST, probe)) as events:
        for event in events:
            if isinstance(event, Progress):
                yield replace(event, total=2 * event.total)
    again = yield from _asked_again(once, lm, distilled, out / FIRST, held_out)
    n_before = _last_step(read_log(out / FIRST / LOG))

    def later(tuning: LanguageModel, step: int) -> None:
        if probe is not None and step > 0:  # the untuned model was asked before the first round
            probe(tuning, n_before + step)

    with closing(train_adapter(settings, lm, again, out, later)) as events:
        for event in events:
            if isinstance(event, Progress):
                event = replace(event, done=n_before + event.done, total=n_before + event.total)
            yield event


def read_steps(out: Path) -> list[dict[str, Any]]:
    """The logged steps (`read_log`) of the rounds in a row, counted through."""
    first = read_log(out / FIRST / LOG)
    return first + [{**row, "step": _last_step(first) + row["step"]} for row in read_log(out / LOG)]


def _last_step(log: Sequence[dict[str, Any]]) -> int:
    return log[-1]["step"] if log else 0


def _asked_again(
    settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path, held_out: Sequence[Question]
) -> Generator[Event, None, DistilledSet]:
    """The examples with what the first round's adapter expects of each; asked once, and kept in its folder.

    The label stays where it expects nothing, and where it now says something else than the example does.
    """
    made_of = data_hash([held_out, settings.label, settings.answer])
    if (out / AGAIN).exists() and (saved := read_json(out / AGAIN))["made_of"] == made_of:
        return from_json(DistilledSet, saved["distilled"])
    examples = (*distilled.train, *distilled.dev)
    asked = [*held_out, *(example.question for example in examples)]
    tuned, answers = lm.with_adapter(out), list[Answer]()
    for start in range(0, len(asked), BATCH):
        yield Progress("ask again", start, len(asked))
        texts = [question.text for question in asked[start : start + BATCH]]
        answers += answer_batch(tuned, texts, settings.answer, batch_size=BATCH)
    curve = _curve(settings, answers[: len(held_out)], held_out)
    expected = [
        _label(answer, example, curve) for answer, example in zip(answers[len(held_out) :], examples, strict=True)
    ]
    again = relabel(distilled, expected)
    write_json(out / AGAIN, {"made_of": made_of, "distilled": to_json(again)})
    return again


def _label(answer: Answer, example: TrainingExample, curve: Calibration | None) -> float | None:
    if answer.expected is None or normalise_answer(answer.text) != normalise_answer(example.answer):
        return None
    return answer.expected if curve is None else apply(curve, answer.expected)


def _curve(settings: Settings, answers: Sequence[Answer], held_out: Sequence[Question]) -> Calibration | None:
    """From expected confidence to frequency, or None when nothing is to be calibrated, or there is nothing to fit."""
    if settings.label.calibrate == "none" or not held_out:
        return None
    expected, right = [], []
    for answer, question in zip(answers, held_out, strict=True):
        is_right = is_correct(answer.text, question.references, settings.label.correctness)
        if answer.expected is not None and is_right is not None:
            expected.append(answer.expected)
            right.append(is_right)
    try:
        return fit_calibration(expected, right, settings.label.calibrate)
    except DataError as err:
        raise TrainingError(
            f"The second round's labels can't be calibrated on {len(right)} held-out questions, {sum(right)} of them "
            "answered rightly; set tune.rounds to 1, or label more questions."
        ) from err
