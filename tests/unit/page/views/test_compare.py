"""The Compare tab's data: columns that fill up, prompts marked where they differ, a lab that loses no number."""

import json
from dataclasses import replace

from tests import fake_report
from uait.method.answers import Exchange, MethodAnswer
from uait.page.views import compare as compare_view
from uait.page.views.compare import caveats, comparison, lab, marked, no_lab

ABOUT = "By construction, this number is random."
PLAIN = "What is the capital of Palau?"


def _opinion(method: str, prompt: str = PLAIN, is_correct: bool | None = None) -> MethodAnswer:
    exchange = Exchange("asked once", prompt, ("Koror",))
    return MethodAnswer(method, "Koror", {"spoken": 0.4, "expected": None}, is_correct, 7, 0.25, (exchange,), "A note.")


def _columns(*opinions: MethodAnswer, state: str = "done", about: str = ABOUT) -> dict[str, dict]:
    data = comparison(PLAIN, opinions, state=state, n_samples=5, about_verbalized=about)
    json.dumps(data, allow_nan=False)
    return {column["method"]: column for column in data["columns"]}


def test_the_five_columns_stand_in_their_order_before_anything_is_asked() -> None:
    columns = _columns(state="empty")
    assert list(columns) == ["verbalized", "probability", "teacher", "p_true", "uait"]
    assert all("answer" not in column and column["how"] for column in columns.values())
    assert "asked 5 times more" in columns["teacher"]["how"]


def test_the_verbalized_column_says_what_is_known_of_this_models_number() -> None:
    assert _columns(state="empty")["verbalized"]["caveat"] == ABOUT
    assert "usually overconfident" in _columns(state="empty", about="")["verbalized"]["caveat"]


def test_a_column_fills_with_answer_confidences_verdict_and_cost() -> None:
    column = _columns(_opinion("uait", is_correct=False))["uait"]
    assert (column["answer"], column["is_right"], column["n_passes"], column["seconds"]) == ("Koror", False, 7, 0.25)
    assert column["confidences"] == [
        {"label": "stated number", "value": 0.4},
        {"label": "average number", "value": None},
    ]


def test_only_a_finished_comparison_says_that_there_was_nothing_to_judge() -> None:
    assert "nothing to judge" in _columns(_opinion("uait"))["p_true"]["note"]
    assert "note" not in _columns(_opinion("uait"), state="working")["p_true"]


def test_the_reference_is_the_first_one() -> None:
    data = comparison(
        PLAIN, (), state="done", n_samples=5, about_verbalized=ABOUT, references=("Ngerulmud", "Melekeok")
    )
    assert data["reference"] == "Ngerulmud"


def test_what_a_prompt_adds_to_the_plain_question_is_marked() -> None:
    pieces = marked("What is the capital of Palau? Say how sure.", PLAIN)
    assert pieces == [{"text": PLAIN, "is_new": False}, {"text": " Say how sure.", "is_new": True}]
    assert marked(PLAIN, PLAIN) == [{"text": PLAIN, "is_new": False}]
    assert marked("Another one", None) == [{"text": "Another one", "is_new": False}]


def test_marked_pieces_are_the_prompt_again() -> None:
    prompt = "<|user|>\nIs  “Koror” the capital of Palau?\tSay yes; or no."
    assert "".join(piece["text"] for piece in marked(prompt, PLAIN)) == prompt


def test_prompts_are_marked_against_the_plain_question_as_soon_as_it_is_known() -> None:
    asked = _opinion("verbalized", prompt=f"{PLAIN} How sure?")
    assert [p["is_new"] for p in _columns(asked)["verbalized"]["exchanges"][0]["prompt"]] == [False]
    both = _columns(asked, _opinion("teacher"))
    assert [p["is_new"] for p in both["verbalized"]["exchanges"][0]["prompt"]] == [False, True]


def test_the_lab_keeps_every_confidence_exactly() -> None:
    report = fake_report.report(n=40)
    data = json.loads(json.dumps(lab(report, 0.6), allow_nan=False))
    rows = [row for row in report.rows if row["split"] == fake_report.IN_DOMAIN]
    shown = data["rows"][fake_report.IN_DOMAIN]
    for source, methods in fake_report.METHODS.items():
        for method in methods:
            kept = [row["confidence"][method] for row in shown]
            assert kept == [row[source]["confidences"][method] for row in rows]
        assert [row["said"][source][1] for row in shown] == [row[source]["right"] for row in rows]


def test_the_lab_puts_the_gates_own_confidence_first() -> None:
    names = [method["name"] for method in lab(fake_report.report(n=10), 0.6)["methods"]]
    assert names == ["UaIT spoken", "UaIT expected", "SAR", "P(True)", "verbalized"]


def test_an_unjudged_split_is_shown_without_results() -> None:
    data = lab(fake_report.report(n=10), 0.6)
    assert {row["said"]["uait"][1] for row in data["rows"][fake_report.OUT_OF_WORLD]} == {None}


def test_the_lab_says_what_is_known_of_this_models_verbalized_number() -> None:
    report = fake_report.report(n=10)
    assert lab(report, 0.6, ABOUT)["caveat"] == {"verbalized": ABOUT}
    assert lab(report, 0.6)["caveat"] == {}


def test_a_number_that_never_changes_is_said_to_before_what_else_is_known_of_it() -> None:
    report = fake_report.report(n=10)
    rows = [{**r, "verbalized": {**r["verbalized"], "confidences": {"verbalized": 0.9}}} for r in report.rows]
    found = caveats(replace(report, rows=tuple(rows)), ABOUT)
    assert found == {"verbalized": f"It says 90\u00a0% whatever is asked. {ABOUT}"}
    assert caveats(None, ABOUT) == {"verbalized": ABOUT}


def test_a_report_without_rows_is_no_lab() -> None:
    report = replace(fake_report.report(n=10), rows=())
    assert lab(report, 0.6) == no_lab() == {"state": "empty"}


def test_every_method_has_a_title() -> None:
    assert set(compare_view.TITLES) == {"verbalized", "probability", "teacher", "p_true", "uait"}
