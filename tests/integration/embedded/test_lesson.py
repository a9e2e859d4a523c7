"""A lesson is recorded of any model that has a small run: two questions of its own through the whole path."""

from pathlib import Path

import pytest

from tests.browser import tiny_lab
from tests.fakes import FakeRetriever, FakeSimilarity
from uait.data.files import write_json
from uait.data.json import from_json, to_json
from uait.embedded import lesson, small_run
from uait.embedded.lesson import Plan
from uait.models.language_model import LanguageModel
from uait.page.lesson import words
from uait.page.lesson.record import Lesson
from uait.records import Passage, Question
from uait.records.errors import DataError
from uait.settings import AnswerSettings, LabelSettings, ModelSettings, SamplingSettings, Settings
from uait.stages.engines import Engines

KNOWN = Question("k", "What is the capital of France?", ("Paris",))
WRONG = Question("w", "Who wrote Faust?", ("Schiller",))
NOTE = Passage("faust", "Faust", "Schiller did not write Faust.", 1.0, "notes")


@pytest.fixture
def engines(taught_lm: LanguageModel) -> Engines:
    settings = Settings(
        prompts=taught_lm.prompts,
        model=ModelSettings(model=taught_lm.model_id, adapter="none", device="cpu"),
        sampling=SamplingSettings(n_samples=3, temperature=1.0, max_new_tokens=20),
        label=LabelSettings(correctness="contained"),
        answer=AnswerSettings(max_new_tokens=20),
    )
    return Engines(taught_lm, FakeSimilarity(), (FakeRetriever("notes", [NOTE]),), settings, threshold=0.5)


def test_a_lesson_is_told_of_a_model_that_has_a_small_run(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(str(tmp_path), lambda: [WRONG, KNOWN], None, 2)
    with pytest.raises(DataError, match=r"small_run\.json is not there; record the small run first"):
        lesson.record(plan, engines)
    run = tiny_lab.recorded_run()
    write_json(tmp_path / small_run.FILE, run)
    with pytest.raises(DataError, match="Of none of 1 questions holds that the tuned model is right after reading"):
        lesson.record(plan, engines)
    # so small a model reads nothing, and without a tuning its reply is no answer alone
    monkeypatch.setattr(lesson, "EXAMPLE_RULES", lesson.EXAMPLE_RULES[1:])
    monkeypatch.setattr(lesson, "KNOWN_RULES", lesson.KNOWN_RULES[2:])
    made = lesson.record(plan, engines)
    assert (made.example.question, made.known.question) == (WRONG, KNOWN)
    assert made.example.rule == "contained" and made.known.is_right("It is Paris")
    assert made.labels == (made.example.label, made.known.label, *run.labels)
    assert made.probes["steps"] == [0, 10, 20] and len(made.probes["questions"]) == len(run.examples)
    assert to_json(from_json(Lesson, to_json(made))) == to_json(made)
    assert len(words.steps(made)) == 8
