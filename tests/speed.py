"""How fast the embedded model answers: python -m tests.speed, as medians over questions held out from tuning."""

from collections.abc import Iterator
from statistics import median
from time import perf_counter

import torch

from uait.data.catalogue import preset
from uait.data.questions import read_questions
from uait.embedded.pocket import POCKET
from uait.models.confidence import answer
from uait.records import Partial, Question
from uait.records.events import last_record
from uait.stages.ask import explain
from uait.stages.engines import Engines, load_engines

N = 20


def seconds_of(engines: Engines, question: Question) -> tuple[float, float, float]:
    """Seconds to the first token, to the end of the spoken answer, and for the samples and their explanation."""
    start = perf_counter()
    arrived = [
        (event, perf_counter() - start) for event in answer(engines.lm, question.text, (), engines.settings.answer)
    ]
    first = next(seconds for event, seconds in arrived if isinstance(event, Partial))
    return first, arrived[-1][1], last_record(explain(engines, question.text)).seconds


def report() -> Iterator[str]:
    """A line per measure; one more question goes first, unmeasured, for a first pass is slower than any later one."""
    engines = load_engines(preset("pocket"))
    questions = read_questions(POCKET / "questions" / "in-domain.jsonl")
    measured = [seconds_of(engines, question) for question in questions[:: len(questions) // (N + 1)][: N + 1]][1:]
    names = ("first token", "spoken answer", f"explanation by {engines.settings.sampling.n_samples} samples")
    yield f"{engines.lm.device}, {torch.get_num_threads()} threads, medians of {len(measured)} questions"
    for name, values in zip(names, zip(*measured, strict=True), strict=True):
        yield f"{name}: {median(values):.3f} s"


if __name__ == "__main__":
    print(*report(), sep="\n")  # noqa: T201
