"""One question asked in every way, or many questions evaluated at once: engines in, opinions or events out.

Also finds the evaluation that was recorded beforehand.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from uait.data.files import read_json
from uait.data.json import from_json
from uait.method.answers import Opinion, p_true_opinion, teacher_opinion, uait_opinion, verbalized_opinion
from uait.method.prompts import p_true_prompt, sanitise
from uait.method.sar import sar_score
from uait.models.confidence import answer_batch, p_true_batch, verbalized_batch
from uait.models.decoding import sample_answers
from uait.models.similarity import score_relevance
from uait.records import EvalReport, Event, Question
from uait.runs.folder import RunFolder
from uait.settings import POCKET
from uait.stages.evaluate import evaluate_run, picked, recorded_splits
from uait.stages.pipeline import Engines


def compare(engines: Engines, text: str, references: Sequence[str] = ()) -> Iterator[Opinion]:
    """The verbalized, the teacher's, the P(True) and the UaIT opinion, each as soon as it is there.

    Greedy answers throughout, with the same token limits as everywhere; the teacher also samples K times.
    Raises DataError when the question is empty or too long.
    """
    lm, settings = engines.lm, engines.settings
    question, rule = Question("compare", sanitise(text), tuple(references)), settings.label.correctness
    (verbalized,) = verbalized_batch(lm, [question.text], settings.answer)
    yield verbalized_opinion(question, verbalized, rule)

    start = perf_counter()
    (samples,) = sample_answers(lm, [question], settings.sampling, style=settings.prompts)
    (relevance,) = score_relevance([samples], engines.similarity)
    score = sar_score(samples, relevance, settings.label.t)
    yield teacher_opinion(question, samples, score, rule, perf_counter() - start)

    greedy = samples.greedy.text
    if greedy.strip():  # there is nothing to judge in an empty answer
        start = perf_counter()
        (p_true,) = p_true_batch(lm, [question.text], [greedy])
        prompt = lm.chat(p_true_prompt(lm.prompts, question.text, greedy))
        yield p_true_opinion(question, samples, prompt, p_true, rule, perf_counter() - start)

    (answer,) = answer_batch(lm, [question.text], settings.answer)
    yield uait_opinion(question, answer, rule)


def evaluate_some(engines: Engines, split: str, n: int) -> Iterator[Event]:
    """An evaluation of `n` questions of a held-out split, drawn with the evaluation's seed; last Done(EvalReport).

    All of them when the split has fewer. Keeps nothing on disk.
    """
    drawn = picked(recorded_splits()[split], n, engines.settings.evaluate.seed)
    with TemporaryDirectory(prefix="uait-") as folder:
        yield from evaluate_run(engines, {split: drawn}, RunFolder(Path(folder)))


def recorded_report(path: Path = POCKET / "evaluation.json") -> EvalReport | None:
    """The evaluation that was recorded at `path`, or None when there is none. Raises DataError when it is damaged."""
    return from_json(EvalReport, read_json(path)) if path.is_file() else None
