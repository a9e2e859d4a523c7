"""One question asked in every way of a tiny model that knows its lessons."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import fake_report
from uait.data.catalogue import Description
from uait.data.files import write_json
from uait.data.json import to_json
from uait.method.answers import MethodAnswer
from uait.method.baselines import greedy_probability
from uait.models.decoding import sample_answers
from uait.models.loading import LanguageModel
from uait.records import Done, Progress, Question
from uait.records.errors import DataError
from uait.settings import AnswerSettings, SamplingSettings, Settings
from uait.stages.compare import compare
from uait.stages.engines import Engines
from uait.stages.evaluate import evaluate_drawn, read_report

FRANCE = "What is the capital of France?"


@pytest.fixture
def engines(taught_lm: LanguageModel, word_overlap: Any) -> Engines:
    sampling = SamplingSettings(n_samples=3, max_new_tokens=16)
    settings = Settings(prompts=taught_lm.prompts, sampling=sampling, answer=AnswerSettings(max_new_tokens=16))
    return Engines(taught_lm, word_overlap, (), settings, 0.5)


@pytest.fixture
def n_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry, the number of forward passes so far."""
    counted, forward = [0], LanguageModel.forward

    def counting(self: LanguageModel, **inputs: Any) -> Any:
        counted[0] += 1
        return forward(self, **inputs)

    monkeypatch.setattr(LanguageModel, "forward", counting)
    return counted


def _calls_per_opinion(opinions: Iterator[MethodAnswer], n_calls: list[int]) -> Iterator[tuple[MethodAnswer, int]]:
    before = 0
    for opinion in opinions:
        yield opinion, n_calls[0] - before
        before = n_calls[0]


def test_five_opinions_come_in_order_each_with_its_own_number(engines: Engines) -> None:
    verbalized, probability, teacher, p_true, uait = opinions = list(compare(engines, FRANCE, ("Paris",)))
    assert [o.method for o in opinions] == ["verbalized", "probability", "teacher", "p_true", "uait"]
    (samples,) = sample_answers(
        engines.lm, [Question("f", FRANCE)], engines.settings.sampling, style=engines.settings.prompts
    )
    assert probability.answer == teacher.answer == samples.greedy.text
    assert probability.confidences == {"answer probability": pytest.approx(greedy_probability(samples))}
    assert probability.exchanges == (teacher.exchanges[0],)
    assert (verbalized.answer, verbalized.confidences) == ("Paris", {"stated": 0.9})
    assert (uait.answer, uait.confidences["spoken"]) == ("Paris", 0.931)
    assert verbalized.is_correct is uait.is_correct is True
    assert teacher.confidences["SAR"] is not None
    assert 0 < teacher.confidences["SAR"] <= 1
    assert p_true.exchanges[0].prompt == f"<|user|>{FRANCE} {teacher.answer} Right?<|assistant|>"
    assert uait.exchanges[0].prompt == teacher.exchanges[0].prompt == f"<|user|>{FRANCE}<|assistant|>"


def test_the_passes_are_those_that_the_model_ran(engines: Engines, n_calls: list[int]) -> None:
    for opinion, n in _calls_per_opinion(compare(engines, FRANCE), n_calls):
        if opinion.method == "teacher":  # its answers share passes; each is counted with its own
            assert n <= opinion.n_passes <= 4 * n
        else:
            assert opinion.n_passes == n, opinion.method


def test_the_seconds_are_each_methods_own(engines: Engines) -> None:
    start = time.perf_counter()
    opinions = list(compare(engines, FRANCE))
    assert 0 < sum(opinion.seconds for opinion in opinions) <= time.perf_counter() - start


def test_an_empty_answer_is_not_judged_by_p_true(engines: Engines) -> None:
    methods = {opinion.method: opinion for opinion in compare(engines, "Say nothing.", ("Nothing",))}
    assert list(methods) == ["verbalized", "probability", "teacher", "uait"]
    assert methods["probability"].confidences == {"answer probability": None}
    assert methods["probability"].note == "No score: empty answer."
    assert methods["uait"].confidences == {"spoken": None, "expected": None}
    assert methods["uait"].is_correct is False


def test_an_empty_question_is_refused(engines: Engines) -> None:
    with pytest.raises(DataError, match="empty"):
        next(compare(engines, "  "))


def test_a_recorded_report_is_read_back_and_a_missing_one_is_none(tmp_path: Path) -> None:
    report = fake_report.report(n=10)
    path = tmp_path / "evaluation.json"
    assert read_report(path) is None
    write_json(path, to_json(report))
    assert read_report(path) == report


def test_some_questions_of_a_split_are_evaluated_and_nothing_is_kept(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = (("France", "Paris"), ("Peru", "Lima"), ("Palau", "Ngerulmud"), ("Chad", "N'Djamena"))
    questions = [Question(place, f"What is the capital of {place}?", (city,)) for place, city in asked]
    description = Description("tiny", "tiny", "make", {}, folder=tmp_path)
    description.__dict__["held_out"] = {"in-domain": questions}
    monkeypatch.setattr("uait.stages.evaluate.describe", lambda model: description)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def ids(n: int) -> list[str]:
        *progress, last = evaluate_drawn(engines, "in-domain", n)
        assert all(isinstance(event, Progress) for event in progress) and isinstance(last, Done)
        return [row["id"] for row in last.record.rows]

    some = ids(3)
    assert len(set(some) & {place for place, _ in asked}) == len(some) == 3
    assert ids(3) == some
    assert len(ids(100)) == 4
    assert list(tmp_path.iterdir()) == []
