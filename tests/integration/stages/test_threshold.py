"""The threshold of an adapter: chosen by questions that neither teach nor measure, after tuning and on demand."""

from dataclasses import replace
from pathlib import Path

import pytest

from uait.records import Adapter, Progress, Question
from uait.records.errors import DataError
from uait.records.events import last_record
from uait.runs.folder import RunFolder
from uait.settings import LabelSettings
from uait.stages.distil import distil, read_distilled, set_apart
from uait.stages.engines import Engines, with_adapter
from uait.stages.label import label
from uait.stages.threshold import threshold, to_choose_by
from uait.stages.tune import tune
from uait.tuning.card import read_card

FRANCE, FAUST = "What is the capital of France?", "Who wrote Faust?"


def _questions(n: int, name: str = "q") -> list[Question]:
    """Every other one is answered rightly, `Paris; 93.1%`; the others wrongly, `Goethe; 8.5%`."""
    right, wrong = Question("r", FRANCE, ("Paris", "Paris; 93.1%")), Question("w", FAUST, ("Schiller",))
    return [replace(wrong if i % 2 else right, id=f"{name}{i:02d}") for i in range(n)]


def _run(engines: Engines, folder: RunFolder, n: int = 80, dev_fraction: float = 0.5) -> Engines:
    """The engines as they labelled and distilled `n` questions into the folder."""
    apart = replace(engines.settings.distil, dev_fraction=dev_fraction, held_out_fraction=0.1)
    engines = replace(engines, settings=replace(engines.settings, distil=apart))
    list(label(engines, _questions(n), folder))
    list(distil(engines.settings, folder))
    return engines


def test_tuning_ends_with_a_threshold_chosen_by_what_neither_taught_nor_measures(
    engines: Engines, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    settings = _run(engines, folder).settings
    adapter: Adapter = last_record(tune(settings, folder))
    assert adapter == read_card(adapter.path) and adapter.chosen is not None
    assert adapter.threshold == 0.508  # half-way between 8.5 % and 93.1 %
    assert (adapter.chosen.n, adapter.chosen.auroc) == (36, 1.0)  # half of the 72 that are not held out
    taught, measured = read_distilled(folder).train, set_apart([], settings, folder)
    seen = {example.question.id for example in taught} | {question.id for question in measured}
    assert not seen & {question.id for question in to_choose_by(folder)}
    assert with_adapter(engines, Path(adapter.path)).threshold == 0.508
    events = list(tune(settings, folder))  # tuned already: nothing is chosen twice
    assert not [e for e in events if isinstance(e, Progress) and e.stage == "threshold"]


def test_the_questions_of_the_calibration_choose_too(engines: Engines, tmp_path: Path) -> None:
    calibrated = LabelSettings(calibrate="isotonic", calibration_fraction=0.5)
    folder = RunFolder(tmp_path)
    _run(replace(engines, settings=replace(engines.settings, label=calibrated)), folder, n=40, dev_fraction=0.0)
    assert len(to_choose_by(folder)) == 20
    assert not {e.question.id for e in read_distilled(folder).train} & {q.id for q in to_choose_by(folder)}


def test_after_a_tuning_with_too_few_questions_apart_the_default_stands_and_the_card_says_why(
    engines: Engines, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    settings = _run(engines, folder, n=8).settings
    adapter: Adapter = last_record(tune(settings, folder))
    assert adapter.threshold is None and adapter.chosen is not None and "too few to choose by" in adapter.chosen.reason
    assert with_adapter(engines, Path(adapter.path)).threshold == 0.5
    with pytest.raises(DataError, match=r"No threshold was chosen: .* Name more questions with --questions"):
        list(threshold(settings, folder))
    assert read_card(adapter.path) == adapter


def test_a_set_of_ones_own_chooses_without_what_taught_or_measures(engines: Engines, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    settings = _run(engines, folder, n=8, dev_fraction=0.0).settings
    list(tune(settings, folder))
    with pytest.raises(DataError, match="0 right and 0 wrong"):  # the same texts under other names
        list(threshold(settings, folder, _questions(40, "other"), "mine"))
    others = [replace(question, text=f" {question.text}") for question in _questions(40, "other")]
    events = list(threshold(settings, folder, [*others, Question("long", "Why? " * 200, ("So",))], "mine"))
    named = next(e.note for e in events if isinstance(e, Progress) and e.stage == "threshold")
    assert named.endswith("by. Left out, longer than the model reads (1): long.")
    adapter: Adapter = last_record(events)
    assert adapter.chosen is not None and (adapter.chosen.source, adapter.chosen.n) == ("mine", 40)
    assert adapter.threshold == adapter.chosen.value == read_card(adapter.path).threshold
