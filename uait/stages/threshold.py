"""From which confidence on an adapter is trusted: chosen by questions that neither teach it nor measure it.

In: settings, a run folder with an adapter. Out: the threshold on the adapter's card, and what it was chosen by.
"""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from uait.data.files import read_jsonl
from uait.data.plain import unscored_lines
from uait.data.questions import read_questions
from uait.method import distillation
from uait.method.correctness import is_correct
from uait.method.threshold import choose_threshold
from uait.models.confidence import answer_batch, can_read
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.records import Answer, Done, Event, Label, Progress, Question, Reason, ThresholdChoice, Unscored
from uait.records.errors import DataError
from uait.runs.files import ADAPTER, DISTILLED, HELD_OUT, LABELS
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages.distil import calibrated_on, read_distilled, set_apart
from uait.stages.evaluate import drawn
from uait.tuning.card import read_card, save_threshold

MOST = 500  # questions asked: more would move the threshold by less than a per cent
BATCH = 16
OWN = "labelled questions that taught nothing"


def threshold(
    settings: Settings, folder: RunFolder, questions: Sequence[Question] | None = None, source: str = OWN
) -> Iterator[Event]:
    """Asks the folder's adapter, or the one that the settings name, and puts its threshold on its card; Done(Adapter).

    By `questions` that `source` names, but for those that taught the adapter or measure it; by default by the run's
    own. Raises DataError when there are too few to choose by, or another process writes into the folder: the card then
    stays as it was.
    """
    adapter = folder.file(ADAPTER) if settings.model.adapter in ("auto", "none") else Path(settings.model.adapter)
    read_card(adapter)  # before any question is asked
    with folder.writing():
        asked = to_choose_by(folder) if questions is None else _untaught(questions, folder)
        choice = yield from chosen(settings, load_model(settings.with_adapter(adapter)), asked, source)
        if choice.value is None:
            raise DataError(f"No threshold was chosen: {choice.reason}. Name more questions with --questions.")
        chosen_on = save_threshold(adapter, choice)
    yield Done(chosen_on)


def chosen(
    settings: Settings, lm: LanguageModel, questions: Sequence[Question], source: str
) -> Generator[Event, None, ThresholdChoice]:
    """Asks up to 500 of the questions and chooses; returns the choice to a `yield from`.

    One that is longer than the model reads is left out, and named.
    """
    is_short = {q: can_read(lm, q.text, (), settings.answer) for q in questions if q.references}
    left_out = [Unscored(q.id, Reason.TOO_LONG) for q in is_short if not is_short[q]]
    asked = drawn([q for q in is_short if is_short[q]], MOST, settings.distil.seed)
    note = ". ".join((f"asking {len(asked)} questions to choose it by", *unscored_lines(left_out)))
    answers: list[Answer] = []
    for start in range(0, len(asked), BATCH):
        yield Progress("threshold", start, len(asked), note)
        texts = [question.text for question in asked[start : start + BATCH]]
        answers += answer_batch(lm, texts, settings.answer, batch_size=BATCH)
    rule = settings.label.correctness
    right = [is_correct(answer.text, q.references, rule) for answer, q in zip(answers, asked, strict=True)]
    yield Progress("threshold", len(asked), len(asked))
    return choose_threshold([answer.spoken for answer in answers], right, source, settings.evaluate.n_bins)


def to_choose_by(folder: RunFolder) -> list[Question]:
    """The labelled questions that neither teach nor measure: those of the calibration, and those kept apart to watch.

    The latter whatever their labels: dropping what was lucky or wrongly sure would flatter every threshold.
    """
    if not folder.file(LABELS).exists():
        return []
    settings, calibration = folder.settings(), calibrated_on(folder)
    labels = read_jsonl(folder.file(LABELS), Label)
    out = {q.fact for q in (*calibration, *set_apart(labels, settings, folder))}
    teaching = [label.question for label in labels if label.question.fact not in out]
    return [*calibration, *distillation.kept_apart(teaching, settings.distil)]


def _untaught(questions: Sequence[Question], folder: RunFolder) -> list[Question]:
    """The questions without those that the folder's tuning learnt from, or is measured by."""
    seen = [e.question for e in read_distilled(folder).train] if folder.file(DISTILLED).exists() else []
    seen += read_questions(folder.file(HELD_OUT)) if folder.file(HELD_OUT).exists() else []
    facts, texts = {q.fact for q in seen}, {q.text for q in seen}
    return [question for question in questions if question.fact not in facts and question.text not in texts]
