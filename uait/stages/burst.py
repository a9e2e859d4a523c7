"""How fast this machine works on a model: a few questions labelled and answered and one step learnt, for real.

In a process of its own, as a job is, so that its loading counts. Once per model and server: `measure` starts it,
`known` says what it found. In: settings on stdin, the time of the start. Out: a Pace on stdout.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from uait.data.catalogue import describe
from uait.data.json import from_json, to_json
from uait.records import DistilledSet, Progress, Question, TrainingExample
from uait.records.errors import DataError
from uait.records.plans import Pace
from uait.settings import DEFAULT_MODEL, Settings, from_dict, to_dict

N_QUESTIONS = 8
LONGEST = 300.0  # seconds; a machine on which this takes longer has better things to do

_known: dict[str, Pace] = {}


def known(model: str) -> Pace | None:
    """The pace that was measured here, or None so far."""
    return _known.get(model)


def measure(settings: Settings) -> None:
    """Measures the pace of jobs with these settings; without one where it fails or takes too long."""
    command = [sys.executable, "-m", "uait.stages.burst", repr(time.time())]
    try:
        done = subprocess.run(
            command, input=json.dumps(to_dict(settings)), capture_output=True, text=True, timeout=LONGEST, check=True
        )
        _known[settings.model.model] = from_json(Pace, json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, DataError):
        return  # estimates then go by the recorded run


def burst(settings: Settings, began: float, clock: Callable[[], float] = time.time) -> Pace:
    """The pace of this process, which was started at the time `began`."""
    # these take seconds, which are part of the loading
    from uait.models.confidence import answer_batch  # noqa: PLC0415
    from uait.runs.folder import RunFolder  # noqa: PLC0415
    from uait.stages.engines import load_untuned  # noqa: PLC0415
    from uait.stages.label import label  # noqa: PLC0415
    from uait.tuning.trainer import train_adapter  # noqa: PLC0415

    engines, questions = load_untuned(settings), _questions(settings.model.model)
    settings = replace(settings, sampling=replace(settings.sampling, batch_size=N_QUESTIONS))
    engines, times = replace(engines, settings=settings), [began, clock()]

    def lap() -> float:
        times.append(clock())
        return times[-1] - times[-2]

    texts = [question.text for question in questions[:N_QUESTIONS]]
    with tempfile.TemporaryDirectory() as scratch:
        done = [lap() for event in label(engines, questions, RunFolder(Path(scratch))) if isinstance(event, Progress)]
        first, labelled = sum(done[: N_QUESTIONS + 1]), sum(done[N_QUESTIONS + 1 : 2 * N_QUESTIONS + 1])
        answer_batch(engines.lm, texts[:1], settings.answer)
        waking = lap()
        answer_batch(engines.lm, texts, settings.answer, batch_size=N_QUESTIONS)
        answered = lap() / N_QUESTIONS
        tune = replace(settings.tune, max_steps=1, start_from="base")
        examples = _examples(questions[:N_QUESTIONS], tune.batch_size)
        steps = train_adapter(replace(settings, tune=tune), engines.lm, examples, Path(scratch, "adapter"))
        laps = [lap() for event in steps if isinstance(event, Progress) and event.stage == "tune"]
    heard = (settings.tune.recipe != "paper") * N_QUESTIONS * answered
    # what the first questions took more than the next ones is done once: it wakes the model
    return Pace(
        times[1] - began + max(0.0, first - labelled),
        labelled / N_QUESTIONS,
        settings.sampling.n_samples,
        answered,
        max(0.0, laps[0] + waking - heard),
        laps[1] / tune.batch_size,
    )


def _questions(model: str) -> list[Question]:
    """The model's own first questions, or those of the model to begin with."""
    for description in filter(None, map(describe, (model, DEFAULT_MODEL))):
        if description.tuning_questions:
            return description.tuning_questions[: 2 * N_QUESTIONS]
    raise DataError("There are no questions to measure with.")


def _examples(questions: list[Question], n: int) -> DistilledSet:
    """As many examples as a step takes; the same questions again and again."""
    row = [TrainingExample(q, "an answer", 0.5, i % 2 == 0) for i, q in enumerate(questions)]
    return DistilledSet(tuple(row[i % len(row)] for i in range(n)), (), {}, {}, (), 0.0)


if __name__ == "__main__":
    found = burst(from_dict(json.load(sys.stdin)), float(sys.argv[1]))
    sys.stdout.write(json.dumps(to_json(found)))
