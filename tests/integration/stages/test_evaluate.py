"""An evaluation of six questions with a tiny model that knows its answers by heart."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import FakeSimilarity
from uait.data.files import read_json
from uait.data.json import from_json
from uait.method.answers import title_of
from uait.method.branches import branches
from uait.models.confidence import answer_batch
from uait.models.loading import LanguageModel
from uait.records import (
    Adapter,
    Done,
    EvalReport,
    Event,
    MethodResult,
    Passage,
    Progress,
    Question,
    SampleSet,
    StrongerAnswer,
)
from uait.records.errors import DataError, RetrievalError
from uait.records.events import last_record
from uait.runs.folder import RunFolder
from uait.settings import AnswerSettings, EvaluateSettings, ModelSettings, SamplingSettings, Settings
from uait.stages import evaluate as module
from uait.stages.engines import Engines
from uait.stages.evaluate import evaluate
from uait.stages.report import (
    EXPECTED,
    IN_DOMAIN,
    OUT_OF_WORLD,
    P_TRUE,
    RESULTS_END,
    RESULTS_START,
    SAR,
    SPOKEN,
    VERBALIZED,
    Row,
    branches_markdown,
    build_report,
    markdown_table,
    results_markdown,
    with_results,
)

FRANCE = "What is the capital of France?"
# The untuned reply holds its number too, so that "Paris; 93.1%" is what the samples' methods are judged on.
QUESTIONS = (
    Question("france", FRANCE, ("Paris",)),  # parsed: right; as sampled: wrong
    Question("france-whole", FRANCE, ("Paris; 93.1%",)),  # parsed: wrong; as sampled: right
    Question("peru", "What is the capital of Peru?", ("Lima",)),
    Question("faust", "Who wrote Faust?", ("Schiller",)),
    Question("planet", "Which is the largest of all the planets in the solar system?", ("Jupiter",)),
    Question("nothing", "Say nothing.", ("something",)),
)
OUTSIDE = (Question("o1", "Is fire hot?"), Question("o2", "Who wrote Faust?"), Question("o3", "Say nothing."))
SPLITS = {IN_DOMAIN: list(QUESTIONS), OUT_OF_WORLD: list(OUTSIDE)}
BASE_METHODS = {
    SAR, "token SAR", "sentence SAR", "predictive entropy", "length-normalised entropy", "lexical similarity",
    "semantic entropy", "answer probability", P_TRUE,
}  # fmt: skip
ALL_METHODS = BASE_METHODS | {VERBALIZED, SPOKEN, EXPECTED}


class _Notes:
    """Finds a passage named after the question, except for the two about Faust."""

    name = "notes"

    def search(self, query: str, n: int) -> tuple[Passage, ...]:
        ids = {question.text: question.id for question in (*OUTSIDE, *QUESTIONS)}
        return () if "Faust" in query else (Passage(ids[query], "", "Paris lies on the Seine.", 1.0, self.name),)


@pytest.fixture(scope="module")
def engines(taught_lm: LanguageModel) -> Engines:
    settings = Settings(
        prompts=taught_lm.prompts,
        model=ModelSettings(model=taught_lm.model_id, adapter="none", device="cpu"),
        sampling=SamplingSettings(n_samples=3, temperature=1.0, max_new_tokens=20, batch_size=2),
        answer=AnswerSettings(max_new_tokens=20),
        evaluate=EvaluateSettings(n_bootstrap=50),
    )
    return Engines(taught_lm, FakeSimilarity(), (_Notes(),), settings, threshold=0.4)


@pytest.fixture(scope="module")
def run(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], EvalReport, Path]:
    folder = tmp_path_factory.mktemp("evaluation")
    events = list(evaluate(engines, SPLITS, RunFolder(folder)))
    last = events[-1]
    assert isinstance(last, Done) and isinstance(last.record, EvalReport)
    return events, last.record, folder


@pytest.fixture(scope="module")
def report(run: tuple[list[Event], EvalReport, Path]) -> EvalReport:
    return run[1]


def _row(report: EvalReport, question_id: str) -> dict[str, Any]:
    return next(row for row in report.rows if row["id"] == question_id)


def _result(report: EvalReport, method: str) -> MethodResult:
    return next(result for result in report.results if (result.method, result.split) == (method, IN_DOMAIN))


def _is_close(one: dict[str, float | None], other: dict[str, float | None]) -> bool:
    """Equal but for the rounding of another batch."""
    if {key for key, c in one.items() if c is None} != {key for key, c in other.items() if c is None}:
        return False
    return all(c == pytest.approx(other[key], rel=1e-4) for key, c in one.items() if c is not None)


def test_there_is_a_row_per_question_and_a_result_per_method(report: EvalReport) -> None:
    asked = [(row["split"], row["id"]) for row in report.rows]
    assert asked == [(split, question.id) for split, questions in SPLITS.items() for question in questions]
    methods = [result.method for result in report.results]
    assert set(methods) == ALL_METHODS and len(methods) == len(ALL_METHODS)
    assert {result.n for result in report.results} == {6}


def test_what_cannot_be_asked_or_read_is_left_out_and_named_not_the_end(
    engines: Engines, report: EvalReport, tmp_path: Path
) -> None:
    class Library:
        name = "library"

        def search(self, query: str, n: int) -> tuple[Passage, ...]:
            return tuple(Passage(str(i), "", "Paris. " * 40, 1.0, self.name) for i in range(3))

    questions = [Question("long", "Why? " * 200), *QUESTIONS, replace(QUESTIONS[2], id="france")]
    reading = replace(engines, retrievers=(Library(),))
    again = last_record(evaluate(reading, {IN_DOMAIN: questions}, RunFolder(tmp_path)))
    assert again.extras["left_out"] == {
        IN_DOMAIN: {"longer than the model reads": ["long"], "its id came before": ["france"]}
    }
    assert [row["id"] for row in again.rows] == [question.id for question in QUESTIONS]
    assert {row["n_passages"] for row in again.rows} == {2}  # of three, which the model can't read at once
    assert f"Left out of {IN_DOMAIN}, longer than the model reads (1): long." in markdown_table(again)
    assert "left_out" not in report.extras


def test_each_method_is_judged_on_the_answer_that_it_gives_itself(report: EvalReport) -> None:
    france, whole = _row(report, "france"), _row(report, "france-whole")
    assert (france["base"]["answer"], france["base"]["right"]) == ("Paris; 93.1%", False)
    assert (france["uait"]["answer"], france["uait"]["right"]) == ("Paris", True)
    assert (france["verbalized"]["answer"], france["verbalized"]["confidences"]) == ("Paris", {VERBALIZED: 0.9})
    assert (whole["base"]["right"], whole["uait"]["right"]) == (True, False)
    assert france["uait"]["confidences"][SPOKEN] == 0.931
    # as sampled: the whole reply about France and Jupiter; parsed: Paris, Lima and Jupiter
    assert {_result(report, method).accuracy for method in BASE_METHODS} == {2 / 6}
    assert _result(report, SPOKEN).accuracy == _result(report, EXPECTED).accuracy == 3 / 6


def test_the_results_add_up_from_the_rows(report: EvalReport) -> None:
    rows = [row for row in report.rows if row["split"] == IN_DOMAIN]
    sources = dict.fromkeys(BASE_METHODS, "base") | {VERBALIZED: "verbalized", SPOKEN: "uait", EXPECTED: "uait"}
    for method, source in sources.items():
        result = _result(report, method)
        said = [row[source] for row in rows]
        assert result.accuracy == pytest.approx(np.mean([one["right"] for one in said])), method
        assert result.n_unscored == sum(one["confidences"][method] is None for one in said), method
        assert sum(count for _, _, count in result.reliability) == 6 - result.n_unscored, method


def test_no_confidence_is_no_number(report: EvalReport) -> None:
    silent = _row(report, "nothing")
    assert silent["base"]["answer"] == "" and silent["base"]["right"] is False
    assert silent["base"]["confidences"][SAR] is None
    assert silent["uait"]["confidences"] == {SPOKEN: None, EXPECTED: None}
    assert _row(report, "planet")["uait"]["confidences"][SPOKEN] is None
    # of six questions France twice, Peru and Faust have a spoken number
    assert _result(report, SPOKEN).n_unscored == 2


def test_auroc_ece_and_brier_are_those_of_the_spoken_numbers(report: EvalReport) -> None:
    result = _result(report, SPOKEN)
    # right: 0.931 (France), 0.47 (Peru); wrong: 0.931 (France, whole), 0.085 (Faust)
    # pairs: (0.931, 0.931) a tie, (0.931, 0.085) won, (0.47, 0.931) lost, (0.47, 0.085) won -> 2.5 of 4
    assert result.auroc == pytest.approx(0.625)
    # squares: 0.069^2, 0.53^2, 0.931^2, 0.085^2, sum 1.159647
    assert result.brier == pytest.approx(1.159647 / 4)
    # bins: 0.931 twice with half right, 0.47 right, 0.085 wrong: (2 * 0.431 + 0.53 + 0.085) / 4
    assert result.ece == pytest.approx(1.477 / 4)
    assert result.auroc_interval is not None and 0.0 <= result.auroc_interval[0] <= result.auroc_interval[1] <= 1.0


def test_questions_without_references_only_count_below_the_threshold(report: EvalReport) -> None:
    assert {result.split for result in report.results} == {IN_DOMAIN}
    assert set(report.threshold_sweep) == set(report.budget_curve) == {IN_DOMAIN}
    assert {row["uait"]["right"] for row in report.rows if row["split"] == OUT_OF_WORLD} == {None}
    # outside: "Yes; 100%" is above 0.4, "Goethe; 8.5%" below, silence counts as below
    # inside: France twice and Peru (0.47) above; Faust below, Jupiter and silence without a number
    assert report.extras["below_threshold"] == {
        IN_DOMAIN: {"n": 6, "share": pytest.approx(3 / 6)},
        OUT_OF_WORLD: {"n": 3, "share": pytest.approx(2 / 3)},
    }
    assert report.extras["threshold"] == 0.4


def test_the_sweep_counts_what_is_answered_at_each_threshold(report: EvalReport) -> None:
    sweep = report.threshold_sweep[IN_DOMAIN]
    assert sweep["threshold"] == pytest.approx([0.05 * i for i in range(1, 20)])
    at = sweep["threshold"].index(0.5)
    # from 0.5 on only France, twice, once right; the gate is right on France, Faust and silence: 3 of 6
    assert (sweep["coverage"][at], sweep["accuracy"][at]) == (pytest.approx(2 / 6), 0.5)
    assert sweep["gate_accuracy"][at] == pytest.approx(3 / 6)


def test_the_budget_runs_from_the_first_answers_to_those_after_reading(report: EvalReport) -> None:
    rows = [row for row in report.rows if row["split"] == IN_DOMAIN]
    first, read = (np.mean([row[kind]["right"] for row in rows]) for kind in ("uait", "read"))
    curves = report.budget_curve[IN_DOMAIN]
    assert set(curves) == {EXPECTED, SPOKEN, VERBALIZED, SAR, "random", "oracle"}
    for curve in curves.values():
        assert curve["budgets"] == [0.0, 0.25, 0.5, 0.75, 1.0]
        assert curve["accuracy"][0] == pytest.approx(first) and curve["accuracy"][-1] == pytest.approx(read)
        assert all(a <= b + 1e-9 for a, b in zip(curve["accuracy"], curves["oracle"]["accuracy"], strict=True))
    assert curves["random"]["accuracy"][2] == pytest.approx((first + read) / 2)


def test_without_a_passage_the_first_answer_stands(report: EvalReport) -> None:
    faust = _row(report, "faust")
    assert (faust["n_passages"], faust["found"]) == (0, False)
    assert faust["read"] == {**faust["uait"], "given": False, "seconds": None}


def test_the_second_answer_is_what_the_model_says_after_reading(engines: Engines, report: EvalReport) -> None:
    changed = 0
    for question in QUESTIONS[2:]:
        passages = _Notes().search(question.text, 3)
        [alone] = answer_batch(engines.lm, [question.text], engines.settings.answer, [passages])
        row = _row(report, question.id)
        assert row["read"]["answer"] == alone.text, question
        changed += row["read"]["answer"] != row["uait"]["answer"]
    assert changed > 0


def test_reading_is_measured_where_the_right_passage_was_found(report: EvalReport) -> None:
    # found for france (the dict keeps the later of two equal texts: france-whole), peru, planet and nothing
    found = [row for row in report.rows if row["found"] and row["split"] == IN_DOMAIN]
    assert sorted(row["id"] for row in found) == ["france-whole", "nothing", "peru", "planet"]
    reading = report.extras["reading"]
    assert (reading["n_found"], reading["n"]) == (4, 6)
    assert reading["accuracy_when_found"] == pytest.approx(np.mean([row["read"]["right"] for row in found]))


def test_the_file_holds_the_report(run: tuple[list[Event], EvalReport, Path]) -> None:
    _, report, folder = run
    saved = from_json(EvalReport, read_json(folder / "evaluation.json"))
    assert saved.results == report.results
    assert saved.rows == report.rows
    assert saved.provenance == report.provenance


def test_progress_tells_split_and_stage(run: tuple[list[Event], EvalReport, Path]) -> None:
    events = [event for event in run[0] if isinstance(event, Progress)]
    assert {event.stage for event in events} == {"evaluate"}
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert list(dict.fromkeys(event.note for event in events)) == [
        "in-domain: sampling", "in-domain: asking", "out-of-world: sampling", "out-of-world: asking", "summing up",
    ]  # fmt: skip
    assert (events[-1].done, events[-1].total) == (18, 18)  # each of 9 questions is sampled, and asked


def test_a_stopped_evaluation_samples_no_question_twice_and_finds_the_same(
    engines: Engines, report: EvalReport, tmp_path: Path, sampled: list[str]
) -> None:
    events = evaluate(engines, SPLITS, RunFolder(tmp_path))
    next(event for event in events if isinstance(event, Progress) and event.done == 3)
    events.close()  # type: ignore[attr-defined]
    assert sampled == [question.id for question in QUESTIONS[:3]]
    assert not (tmp_path / "evaluation.json").exists()
    *_, last = evaluate(engines, SPLITS, RunFolder(tmp_path))
    assert sampled == [question.id for question in (*QUESTIONS, *OUTSIDE)]
    assert isinstance(last, Done)
    for row, whole in zip(last.record.rows, report.rows, strict=True):
        for kind in ("base", "verbalized", "uait", "read"):
            assert (row[kind]["answer"], row[kind]["right"]) == (whole[kind]["answer"], whole[kind]["right"])
            assert _is_close(row[kind]["confidences"], whole[kind]["confidences"])


def test_an_evaluation_stopped_while_asking_asks_no_question_twice_unless_another_adapter_answers(
    engines: Engines, report: EvalReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = module._rows

    def noted(engines: Engines, split: str, batch: Sequence[SampleSet]) -> list[Row]:
        asked.extend(samples.question.id for samples in batch)
        return real(engines, split, batch)

    monkeypatch.setattr(module, "_rows", noted)
    monkeypatch.setattr(module, "BATCH", 2)
    events = evaluate(engines, SPLITS, RunFolder(tmp_path))
    next(e for e in events if isinstance(e, Progress) and e.note.endswith("asking") and e.done == 10)
    events.close()  # type: ignore[attr-defined]
    assert len(asked) == 4
    *_, last = evaluate(engines, SPLITS, RunFolder(tmp_path))
    assert asked == [question.id for question in (*QUESTIONS, *OUTSIDE)]
    assert isinstance(last, Done)
    assert [row["id"] for row in last.record.rows] == [row["id"] for row in report.rows]

    others = Adapter("a", "b", "other data", {}, {})
    monkeypatch.setattr(module, "adapter_card", lambda *_: others)
    list(evaluate(engines, SPLITS, RunFolder(tmp_path)))
    assert len(asked) == 2 * len((*QUESTIONS, *OUTSIDE))


def test_batches_do_not_change_the_rows(
    engines: Engines,
    report: EvalReport,
    run: tuple[list[Event], EvalReport, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    shutil.copytree(run[2], tmp_path, dirs_exist_ok=True)  # its samples are there already
    for path in tmp_path.rglob("asked-*.jsonl"):
        path.unlink()
    *_, last = evaluate(engines, SPLITS, RunFolder(tmp_path))
    assert isinstance(last, Done)
    for row, whole in zip(last.record.rows, report.rows, strict=True):
        assert row["id"] == whole["id"]
        assert row["uait"]["answer"] == whole["uait"]["answer"]
        assert _is_close(row["base"]["confidences"], whole["base"]["confidences"])


def test_the_table_has_a_row_per_method(report: EvalReport) -> None:
    lines = markdown_table(report).split("\n")
    assert lines[0] == "| method | AUROC in-domain | ECE in-domain | accuracy in-domain |"
    assert lines[1] == "|---|---|---|---|"
    methods = [line.split(" | ")[0].removeprefix("| ") for line in lines[2:-2]]
    assert methods == [title_of(result.method) for result in report.results]
    assert all(line.count(" | ") == 3 for line in lines[2:-2])
    spoken = next(line for line in lines if line.startswith(f"| {title_of(SPOKEN)} "))
    low, high = _result(report, SPOKEN).auroc_interval or (0.0, 0.0)
    assert spoken == f"| {title_of(SPOKEN)} | 0.62 ({low:.2f}-{high:.2f}) | 0.37 | 50.0 % |"
    assert lines[-1] == "AUROC with 95 % bootstrap intervals; in-domain: n = 6."


def test_what_is_undefined_is_said_in_words(report: EvalReport) -> None:
    result = replace(_result(report, SPOKEN), auroc=None, auroc_interval=None, ece=None)
    table = markdown_table(replace(report, results=(result,)))
    assert f"| {title_of(SPOKEN)} | undefined | none | 50.0 % |" in table


def test_the_readme_shows_the_table_and_what_deciding_brought(report: EvalReport) -> None:
    shown = results_markdown(report).split("\n")
    assert "\n".join(shown).startswith(markdown_table(report))
    assert "The gate's threshold, chosen on other questions, is 40.0 %." in shown
    assert "- in-domain: 50 % of 6 questions fall below it." in shown
    assert "- out-of-world: 67 % of 3 questions fall below it." in shown
    [reading] = [line for line in shown if line.startswith("- Reading: ")]
    accuracy = report.extras["reading"]["accuracy_when_found"]
    assert reading == f"- Reading: {100 * accuracy:.1f} % right when a right passage was found (4 of 6)."
    [budget] = [line for line in shown if line.startswith("- in-domain, looking up a quarter")]
    oracle = report.budget_curve[IN_DOMAIN]["oracle"]["accuracy"][1]
    assert f"oracle {100 * oracle:.1f} % (none: 50.0 %)." in budget


def test_only_the_readmes_results_are_replaced(report: EvalReport) -> None:
    readme = f"# Title\n{RESULTS_START}\nold numbers\n{RESULTS_END}\n## After\n"
    new = with_results(readme, report)
    assert new == f"# Title\n{RESULTS_START}\n{results_markdown(report)}\n{RESULTS_END}\n## After\n"
    assert with_results(new, report) == new
    with pytest.raises(DataError, match="restore the two markers"):
        with_results(readme.replace(RESULTS_END, ""), report)


def test_nothing_to_evaluate_is_a_sentence(engines: Engines) -> None:
    with pytest.raises(DataError, match="There is nothing to evaluate"):
        build_report(engines, [])


class _Stronger:
    """Knows who wrote Faust, fails once at the first question, and counts what it is asked."""

    name, place = "stronger", ""

    def __init__(self, n_failures: int = 0) -> None:
        self.asked: list[str] = []
        self.n_failures = n_failures

    def answer(self, question: str) -> StrongerAnswer:
        self.asked.append(question)
        if len(self.asked) <= self.n_failures:
            raise RetrievalError("The stronger model can't be reached.")
        return StrongerAnswer("Schiller", self.name, 5, 1, 0.001, 0.25, 0.9, 0.5)


def test_the_stronger_model_is_asked_what_falls_below_the_threshold_once(engines: Engines, tmp_path: Path) -> None:
    stronger = _Stronger()
    events = list(evaluate(replace(engines, stronger=stronger), SPLITS, RunFolder(tmp_path)))
    report: EvalReport = last_record(events)
    assert {"Who wrote Faust?", "Say nothing."} <= set(stronger.asked) and FRANCE not in stronger.asked
    below = {row["id"] for row in report.rows if "stronger" in row}
    faust = _row(report, "faust")["stronger"]
    assert (faust["right"], faust["given"], faust["cost"], faust["seconds"]) == (True, True, 0.001, 0.25)
    assert {row["split"] for row in report.rows if row["id"] in below} == {
        IN_DOMAIN
    }  # nobody knows the others' answers
    branch = {b.name: b for b in branches(report.rows, IN_DOMAIN, engines.threshold, engines.settings.evaluate)}[
        "escalate"
    ]
    assert (branch.n_tried, branch.cost) == (branch.n_below, 0.001)
    assert "| ask another model | in-domain |" in branches_markdown(report)
    n_asked = len(stronger.asked)
    again = last_record(evaluate(replace(engines, stronger=stronger), SPLITS, RunFolder(tmp_path)))
    assert (again.rows, len(stronger.asked)) == (report.rows, n_asked)


def test_a_stronger_model_out_of_reach_is_said_and_left_alone(engines: Engines, tmp_path: Path) -> None:
    stronger = _Stronger(n_failures=99)
    outside = {IN_DOMAIN: [replace(QUESTIONS[3], id=f"faust-{i}") for i in range(8)]}
    events = list(evaluate(replace(engines, stronger=stronger), outside, RunFolder(tmp_path)))
    assert len(stronger.asked) == 3
    assert any("can't be reached" in event.note for event in events if isinstance(event, Progress))
    told = branches_markdown(last_record(events))
    assert "ask another model" not in told and told.endswith(
        "No other model was asked: none is configured, or it could not be reached."
    )
