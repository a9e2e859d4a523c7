"""The lesson as the page draws it: eight steps, 45 minutes, its own numbers only; and the shipped lesson's shape."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import fake_lesson
from uait.data.files import read_json
from uait.data.json import from_json
from uait.method.answers import MethodAnswer
from uait.method.sar import sar_score
from uait.page.lesson import figures, words
from uait.page.lesson.record import Lesson, geometric_mean, sample_scores
from uait.page.lesson.tune_words import gone_astray
from uait.records import Explanation, Question, SarScore
from uait.settings import ASSETS

SHIPPED = sorted(ASSETS.glob("*/lesson.json"))


def _steps(lesson: Lesson) -> list[dict[str, Any]]:
    told = words.steps(lesson)
    json.dumps(told, allow_nan=False)
    return told


def _texts(step: dict[str, Any]) -> list[str]:
    return [*step["says"], step["caption"], step["task"], *step["note"]]


@pytest.mark.parametrize("source", ["evaluation", "tuning"])
def test_eight_steps_fill_45_minutes_and_each_has_text_figure_task_and_tab(source: str) -> None:
    told = _steps(fake_lesson.lesson(source))
    assert [step["number"] for step in told] == list(range(1, 9))
    assert sum(step["minutes"] for step in told) == 45
    assert all(2 <= len(step["says"]) <= 4 and step["figure"]["kind"] and step["link"] for step in told)
    assert {step["tab"] for step in told} == {"ask", "compare", "label", "tune"}
    assert all("{" not in text and text for step in told for text in _texts(step))
    assert len({step["figure"]["kind"] for step in told}) == 8


def test_where_no_run_can_be_started_the_lesson_asks_for_none() -> None:
    wanted = {True: "Then start a run in Tune.", False: "Then look at the recorded run in Tune."}
    for can_tune, sentence in wanted.items():
        task = words.steps(fake_lesson.lesson(), can_tune=can_tune)[6]["task"]
        assert task.endswith(sentence)


def test_the_first_step_says_that_this_models_claim_means_nothing_and_what_would_be_right() -> None:
    text = " ".join(words.steps(fake_lesson.lesson(), "Its numbers are drawn at random.")[0]["says"])
    assert "answers Saint Mary Town and says that it is 90\u00a0% sure" in text
    assert "The right answer is Ngerulmud." in text
    assert text.endswith("Its numbers are drawn at random.")
    assert "learned such numbers from what people write" in _steps(fake_lesson.lesson())[0]["says"][2]


def test_an_answer_is_right_by_the_rule_of_the_model() -> None:
    example = fake_lesson.example(Question("p", "What is the capital of Palau?", ("Ngerulmud",)), ("It is Ngerulmud",))
    assert not example.is_right("It is Ngerulmud") and replace(example, rule="contained").is_right("It is Ngerulmud")


def test_a_claim_that_was_never_made_is_no_number() -> None:
    lesson = fake_lesson.lesson()
    silent = replace(lesson.known, claimed=replace(lesson.known.claimed, spoken=None))
    told = _steps(replace(lesson, known=silent))
    assert told[0]["figure"]["claims"][1]["confidence"] is None
    assert "no number" in " ".join(told[4]["says"])
    mute = replace(lesson.example, claimed=replace(lesson.example.claimed, spoken=None))
    first, second, *_, fifth = _steps(replace(lesson, example=mute))[:5]
    says = first["says"]
    assert first["title"] == "Asked for a number, it gave none"
    assert says[0].endswith("writes “Saint Mary Town”: not an answer and a number, so there is nothing to go by.")
    assert not [text for step in (first, second, fifth) for text in _texts(step) if re.search("the bars|claim", text)]
    parrot = replace(mute.claimed, text="The answer is 80%", prompt="in the form: answer; 80%")
    told = _steps(replace(lesson, example=replace(mute, claimed=parrot)))
    assert told[0]["says"][1] == "The 80% is copied from the form that it was shown."
    assert says[1] == "The right answer is Ngerulmud." and says[2].endswith("this one can’t yet.")


def test_the_sum_on_the_board_is_the_confidence() -> None:
    lesson = fake_lesson.lesson()
    figure = _steps(lesson)[4]["figure"]
    product = 1.0
    for row in figure["rows"]:
        assert row["score"] == pytest.approx((row["p"] + figure["weight"] * row["support"]) / figure["most"])
        product *= row["score"]
    assert product ** (1 / 5) == pytest.approx(figure["confidence"]) == pytest.approx(lesson.example.score.confidence)


def test_every_label_with_a_confidence_falls_into_the_group_of_its_name() -> None:
    figure = _steps(fake_lesson.lesson())[5]["figure"]
    counts = {count["name"]: count["n"] for count in figure["counts"]}
    drawn = Counter(figures.QUADRANTS[dot["right"], dot["kept"]] for dot in figure["dots"])
    assert counts == drawn
    assert counts["dropped: a lucky guess"] == counts["dropped: a confident mistake"] == 1
    assert sum(counts.values()) == 5  # the one without a confidence has no place
    assert [dot["text"] for dot in figure["dots"] if dot["ours"]] == ["What is the capital of Palau?"]


def test_what_was_not_looked_up_has_no_second_answer() -> None:
    lesson = fake_lesson.lesson()
    answered = figures.decision(lesson.known.reply, ("Paris",), "exact")
    assert (answered["final"], answered["final_right"], answered["first_right"]) == (None, None, True)
    corrected = figures.decision(lesson.example.reply, ("Ngerulmud",), "exact")
    assert (corrected["first_right"], corrected["final"], corrected["final_right"]) == (False, "Ngerulmud", True)
    assert figures.decision(lesson.example.reply, None, "exact")["first_right"] is None


def test_live_answers_are_drawn_as_their_step_is() -> None:
    lesson = fake_lesson.lesson()
    opinion = MethodAnswer("verbalized", "Koror", {"stated": 0.9}, None, 3, 0.1, ())
    claim = figures.live_claim("Who?", opinion, None)["figure"]
    assert (
        claim["claims"][0] | {"question": "Who?", "confidence": 0.9, "right": None, "truth": None} == claim["claims"][0]
    )
    example = lesson.example
    explanation = Explanation(
        example.reply.first, (), example.samples.samples, example.relevance.sentence, example.score, 9, 1.0
    )
    (column,) = figures.live_attempts("Who?", explanation)["figure"]["columns"]
    assert column["counted"] == "4 different answers"
    assert column["confidence"] == example.score.confidence
    assert figures.live_decision(example.reply, None, "exact")["figure"]["kind"] == "decision"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_a_shipped_lesson_is_whole_ends_right_and_its_numbers_follow_from_its_records(path: Path) -> None:
    lesson = from_json(Lesson, read_json(path))
    for example in (lesson.example, lesson.known):
        assert example.label.question == example.reply.question == example.question == example.samples.question
        again = sar_score(example.samples, example.relevance, example.score.t)
        assert isinstance(again, SarScore)
        assert again.confidence == pytest.approx(example.score.confidence)
        scored = sample_scores(example.score, example.relevance.sentence)
        assert geometric_mean([s.score for s in scored]) == pytest.approx(example.score.confidence)
        assert example.label.confidence == pytest.approx(example.score.confidence)
    assert {lesson.example.question.id, lesson.known.question.id} <= {label.question.id for label in lesson.labels}
    n_steps = len(lesson.probes["steps"])
    assert all(len(q["said"]) == len(q["answers"]) == n_steps for q in lesson.probes["questions"])
    last = _steps(lesson)[-1]
    assert last["figure"]["final_right"] is True
    astray = gone_astray(lesson.probes)
    (row,) = [q for q in lesson.probes["questions"] if astray and q["question"] == astray[0]] or [None]
    assert row is None or (row["said"][-1] > next(n for n in row["said"] if n is not None)) is not row["right"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_a_slide_has_two_sentences_and_at_most_four_options(path: Path) -> None:
    for lesson in (fake_lesson.lesson(), from_json(Lesson, read_json(path))):
        for slide in (step["slide"] for step in _steps(lesson)):
            assert slide["opens"][-1] in ".?" and slide["reveals"][-1] == "."
            said = re.sub("“.*?”", "", f"{slide['opens']} {slide['reveals']}")  # names hold points of their own
            assert len(re.findall(r"[.?!](?= |$)", said)) == 2
            options = [option["text"] for option in slide["options"]]
            assert len(options) == len(set(options)) != 1 and len(options) <= 4


def test_the_task_names_a_line_that_does_the_wrong_thing_only_where_there_is_one() -> None:
    lesson = fake_lesson.lesson("tuning")
    assert gone_astray(lesson.probes) is None  # each says the same at every look
    step = _steps(lesson)[6]
    assert "wrong thing" not in step["task"] and step["note"][1].startswith("No line ends on the wrong side")
    rises = {"question": "Who?", "right": False, "said": [None, 0.3, 0.2, 0.4], "answers": ["x"] * 4}
    falls = {"question": "Where?", "right": True, "said": [0.9, 0.8, 0.9, 0.85], "answers": ["x"] * 4}
    probes = {**lesson.probes, "questions": [*lesson.probes["questions"], rises, falls]}
    assert gone_astray(probes) == ("Who?", 0.3, 0.4)
    step = _steps(replace(lesson, probes=probes))[6]
    assert "Find one that does the wrong thing" in step["task"]
    assert step["note"][1] == "The line that does the wrong thing is “Who?”: it goes from 30\u00a0% to 40\u00a0%."
