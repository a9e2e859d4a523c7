"""A run made once more from what its folder says of it: whether the same comes out.

In: a run's folder, another one. Out: the stages that the run went through, run there by its own settings on its own
questions; last Done(tuple of Repeated). Stopped or killed, it goes on where its files end.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from uait.data.files import read_jsonl, write_jsonl
from uait.data.json import to_json
from uait.data.questions import read_questions
from uait.models.adapters import WEIGHTS
from uait.models.shipped import sha256_of
from uait.records import Done, EvalReport, Event, Label, Question, Repeated, SampleSet
from uait.records.errors import DataError
from uait.records.events import recorded
from uait.runs.files import ADAPTER, DISTILLED, HELD_OUT, LABELS, REPORT, SAMPLES
from uait.runs.folder import RunFolder
from uait.settings import Settings, from_dict
from uait.stages.distil import distil, read_distilled
from uait.stages.engines import load_engines, load_untuned
from uait.stages.evaluate import evaluate, read_report
from uait.stages.label import label
from uait.stages.tune import tune
from uait.tuning.card import CARD, read_card


def rerun(run: RunFolder, again: RunFolder) -> Iterator[Event]:
    """Repeats labelling, distilling, tuning and evaluating, as far as `run` has them, in `again`; compares each.

    Numbers are the same to six digits, an adapter is byte by byte: on another machine, or with other versions of the
    libraries, it may not be. Raises DataError when there is nothing to repeat.
    """
    if run.path.resolve() == again.path.resolve():
        raise DataError(f"{run.path} can't be repeated in itself; name another folder.")
    settings, found = run.settings(), []
    if run.file(LABELS).exists():
        labels = read_jsonl(run.file(LABELS), Label)
        yield from recorded(label(load_untuned(settings), [one.question for one in labels], again))
        found.append(_compared("labels", labels, read_jsonl(again.file(LABELS), Label), lambda one: one.question.id))
    if found and run.file(DISTILLED).exists():
        if run.file(HELD_OUT).exists():
            write_jsonl(again.file(HELD_OUT), read_questions(run.file(HELD_OUT)))
        distilled = yield from recorded(distil(settings, again))
        found.append(_compared("examples", read_distilled(run).train, distilled.train))
    if found and (run.file(ADAPTER) / CARD).exists():
        yield from recorded(tune(_tuned_with(run, settings), again))
        before, now = (sha256_of(folder.file(ADAPTER) / WEIGHTS) for folder in (run, again))
        found.append(Repeated("adapter", 1, int(before != now), f"SHA-256 {before[:12]}, now {now[:12]}"))
    if (report := read_report(run.file(REPORT))) is not None:
        found.append((yield from _evaluated(report, run, again)))
    if not found:
        raise DataError(f"{run.path} holds no labels and no evaluation, so there is nothing to repeat.")
    yield Done(tuple(found))


def _evaluated(report: EvalReport, run: RunFolder, again: RunFolder) -> Generator[Event, None, Repeated]:
    """The report's questions asked once more; how many of its results differ."""
    if report.provenance is None:
        raise DataError(f"{run.file(REPORT)} does not say by which settings it was made; it can't be repeated.")
    settings = from_dict(report.provenance.settings)
    if report.provenance.adapter_name == f"{run.path.name}/{ADAPTER}" and again.file(ADAPTER).exists():
        settings = settings.with_adapter(again.file(ADAPTER))
    made = yield from recorded(evaluate(load_engines(settings), _splits(run, report), again))
    return _compared("evaluation", report.results, made.results, lambda one: f"{one.split}: {one.method}")


def _splits(run: RunFolder, report: EvalReport) -> dict[str, list[Question]]:
    """The questions of each split, as their samples name them."""
    names = dict.fromkeys(row["split"] for row in report.rows)
    return {name: [one.question for one in read_jsonl(run.file(name) / SAMPLES, SampleSet)] for name in names}


def _tuned_with(run: RunFolder, settings: Settings) -> Settings:
    """What the adapter's card says, of the model where the run found it."""
    return replace(from_dict(read_card(run.file(ADAPTER)).settings), model=settings.model)


def _compared(
    what: str, before: Sequence[Any], now: Sequence[Any], key: Callable[[Any], str] | None = None
) -> Repeated:
    """How many of these are no longer the same, and the first of them; by their `key`, or by their place."""

    def by_name(items: Sequence[Any]) -> dict[str, Any]:
        return {str(i) if key is None else key(one): _rounded(to_json(one)) for i, one in enumerate(items, start=1)}

    old, new = by_name(before), by_name(now)
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return Repeated(what, len(before), len(differing), f"the first is {differing[0]}" if differing else "")


def _rounded(value: Any) -> Any:
    """The same with numbers of six digits: what comes after them is how the processor happened to add up."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
