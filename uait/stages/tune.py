"""Tune an adapter on the examples that were distilled, watch it on the way, and measure before and after."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from uait.data.files import append_jsonl, data_hash, read_json, read_jsonl, write_json, write_jsonl
from uait.data.json import to_json
from uait.data.plain import unscored_lines
from uait.data.questions import read_questions
from uait.method.distillation import without
from uait.models.confidence import answer_batch, verbalized_batch
from uait.models.loading import LanguageModel, load_model
from uait.records import (
    Adapter,
    DistilledSet,
    Done,
    Event,
    MethodResult,
    Progress,
    Question,
    Reason,
    TrainingExample,
    Unscored,
)
from uait.runs.files import ADAPTER, BEFORE_AFTER, HELD_OUT, PROBES, UNTAUGHT
from uait.runs.folder import RunFolder
from uait.settings import Settings
from uait.stages.askable import askable
from uait.stages.distil import read_distilled
from uait.stages.evaluate import answers_result
from uait.stages.threshold import OWN, chosen, to_choose_by
from uait.tuning.card import read_card, save_threshold
from uait.tuning.examples import teachable
from uait.tuning.trainer import train_adapter

N_PROBES, N_WATCHED = 8, 64
BATCH = 16


def tune(
    settings: Settings, folder: RunFolder, out: Path | None = None, choose_by: Sequence[Question] | None = None
) -> Generator[Event, None, None]:
    """Tunes on the folder's distilled set, by default into its `adapter/`; last Done(Adapter). Resumes.

    A few questions are asked again on the way (probes.jsonl), and those of held_out.jsonl before and after
    (before_after.json). The threshold is chosen by `choose_by`, by default by what `to_choose_by` finds. An example
    longer than the model reads teaches nothing; it is named in untaught.jsonl. Raises DataError when another process
    writes into the folder.
    """
    read_distilled(folder)  # without it there is nothing to lock
    with folder.writing():
        yield from _tune(settings, folder, out, choose_by)


def _tune(
    settings: Settings, folder: RunFolder, out: Path | None, choose_by: Sequence[Question] | None
) -> Generator[Event, None, None]:
    distilled, out = read_distilled(folder), out or folder.file(ADAPTER)
    folder.save_settings(settings, ("prompts", "model"))
    base = load_model(settings.with_adapter("none"))
    distilled, untaught = teachable(base, distilled, settings.answer.max_new_tokens)
    write_jsonl(folder.file(UNTAUGHT), untaught)
    if untaught:
        yield Progress("read", 0, len(untaught), " ".join(unscored_lines(untaught)))

    def probe(tuning: LanguageModel, step: int) -> None:
        append_jsonl(folder.file(PROBES), {"step": step, **_look(settings, tuning, distilled)})

    with closing(train_adapter(settings, base, distilled, out, probe)) as events:  # a stop is heard at once
        for event in events:
            if not isinstance(event, Done):
                yield event
    adapter = read_card(out)
    if adapter.chosen is None:
        asked = to_choose_by(folder) if choose_by is None else choose_by
        adapter = save_threshold(out, (yield from chosen(settings, base.with_adapter(out), asked, OWN)))
    yield from _measured(settings, base, adapter, folder)
    yield Done(adapter)


def _measured(settings: Settings, base: LanguageModel, adapter: Adapter, folder: RunFolder) -> Iterator[Progress]:
    """Puts before_after.json into the folder, unless it is of this adapter and these questions already."""
    given = read_questions(folder.file(HELD_OUT)) if folder.file(HELD_OUT).exists() else []
    held_out, left_out = askable(base, settings, given, is_measured=True)
    of = data_hash([adapter.data_hash, adapter.settings, held_out])
    if held_out and not _is_measured(folder.file(BEFORE_AFTER), of):
        note = f"asking {len(held_out)} held-out questions before and after"
        yield Progress("measure", 0, 1, ". ".join((note, *unscored_lines(left_out))))
        results = before_after(settings, base, Path(adapter.path), held_out)
        write_json(folder.file(BEFORE_AFTER), [{**to_json(result), "of": of} for result in results])
        yield Progress("measure", 1, 1)


def read_untaught(folder: RunFolder) -> list[Unscored]:
    """The examples that could not be tuned on, each with the reason; none before the tuning has begun."""
    return read_jsonl(folder.file(UNTAUGHT), Unscored) if folder.file(UNTAUGHT).exists() else []


def read_taught(folder: RunFolder) -> DistilledSet:
    """The folder's distilled set less these. Raises DataError when there is none."""
    return without(read_distilled(folder), {one.question_id for one in read_untaught(folder)}, str(Reason.TOO_LONG))


def _is_measured(path: Path, of: str) -> bool:
    """Whether the results in the file are of this adapter and these questions; `of` is their hash."""
    return path.exists() and all(row.get("of") == of for row in read_json(path))


def _look(settings: Settings, lm: LanguageModel, distilled: DistilledSet) -> dict[str, Any]:
    """What the probe questions are answered now, and how well the confidences tell right from wrong among others.

    Confidences are expected ones: they move from step to step, where the spoken ones jump. The others are up to 64
    examples kept apart from the tuning; without any there is no such number.
    """
    probes = probe_examples(distilled)
    watched = [e.question for e in distilled.dev if e.question.references][:N_WATCHED]
    texts = [example.question.text for example in probes] + [question.text for question in watched]
    replies = answer_batch(lm, texts, settings.answer, batch_size=BATCH)
    to_probes, others = replies[: len(probes)], replies[len(probes) :]
    look: dict[str, Any] = {
        "confidences": [reply.expected for reply in to_probes],
        "answers": [reply.text for reply in to_probes],
    }
    if watched:
        result = answers_result("watched", "held-out", others, [reply.expected for reply in others], watched, settings)
        interval = result.auroc_interval
        look |= {"auroc": result.auroc, "auroc_interval": interval, "n": result.n, "n_unscored": result.n_unscored}
    return look


def probe_examples(distilled: DistilledSet) -> tuple[TrainingExample, ...]:
    """Up to eight examples to ask again and again: half right and sure, half wrong and unsure, unseen ones first."""
    seen = {example.question.id for example in distilled.train}

    def most(is_right: bool) -> list[TrainingExample]:
        side = [e for e in (*distilled.dev, *distilled.train) if e.is_correct is is_right]
        sign = -1 if is_right else 1
        return sorted(side, key=lambda e: (e.question.id in seen, sign * e.confidence))[: N_PROBES // 2]

    return (*most(True), *most(False))


def before_after(
    settings: Settings, base: LanguageModel, adapter: Path, questions: Sequence[Question]
) -> tuple[MethodResult, ...]:
    """The base asked for a confidence in words, the new adapter's spoken and its expected one, on unseen questions."""
    tuned = base.with_adapter(adapter)
    texts = [question.text for question in questions]
    before = verbalized_batch(base, texts, settings.answer, BATCH)
    after = answer_batch(tuned, texts, settings.answer, batch_size=BATCH)
    return (
        answers_result("before", "held-out", before, [reply.spoken for reply in before], questions, settings),
        answers_result("after", "held-out", after, [reply.spoken for reply in after], questions, settings),
        answers_result("expected", "held-out", after, [reply.expected for reply in after], questions, settings),
    )
