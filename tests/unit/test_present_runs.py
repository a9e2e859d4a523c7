"""Jobs, labels and tunings as the page gets them: plain data, sentences, and the same rule as `distil`."""

import json
import shlex
from pathlib import Path

import pytest

from uait.arguments import Parser, add_flags, starting_settings, with_flags
from uait.distillation import distil
from uait.jobs import JobState, JobStatus
from uait.records import Label, Question, Reason, TrainingExample
from uait.settings import DistilSettings, TuneSettings
from uait.ui import present_runs


def _status(state: JobState, **values: object) -> JobStatus:
    return JobStatus(Path("run"), "label", state, **values)  # type: ignore[arg-type]


def _label(name: str, confidence: float | None, is_right: bool | None, reference: str | None = "x") -> Label:
    references = () if reference is None else (reference,)
    reason = Reason.EMPTY if confidence is None else None
    return Label(Question(name, f"{name}?", references), "said", confidence, confidence, None, is_right, reason)


LABELS = (
    _label("knows", 0.9, True),
    _label("lucky", 0.2, True),
    _label("edge", 0.5, True),
    _label("mistaken", 0.5, False),
    _label("doubts", 0.1, False),
    _label("invented", 0.3, False, reference=None),
    _label("unknown", 0.4, None, reference=None),
    _label("unscored", None, True),
)


def test_a_running_job_tells_how_far_it_is_and_how_long_it_takes() -> None:
    running = _status(JobState.RUNNING, stage="label", done=12, total=64, rate=2.5, eta=20.8, seconds=5.0)
    panel = present_runs.job_panel(running)
    assert panel["title"] == "Labelling is at work."
    assert panel["facts"] == "12 of 64 questions · 2.5 questions per second · about 21 seconds left"


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (_status(JobState.QUEUED, place=2), "Labelling waits: 2 before it."),
        (_status(JobState.QUEUED), "Labelling is about to begin."),
        (_status(JobState.RUNNING), "Labelling is loading the model."),
        (_status(JobState.STOPPING), "Labelling is stopping after this step."),
        (_status(JobState.FAILED), "Labelling failed."),
        (_status(JobState.DONE), "Labelling is through."),
    ],
)
def test_every_state_is_a_sentence(status: JobStatus, title: str) -> None:
    assert present_runs.job_panel(status)["title"] == title


def test_a_deleted_run_says_so() -> None:
    assert "was deleted" in present_runs.job_panel(None, is_chosen=True)["title"]
    assert present_runs.job_panel(None)["title"] == ""


def test_labels_are_counted_by_confidence_and_correctness() -> None:
    panel = present_runs.labelled(LABELS)
    assert (panel["n"], panel["n_right"], panel["n_wrong"], panel["n_unjudged"], panel["n_unscored"]) == (8, 4, 3, 1, 1)
    # 0.9 in the last bin, 0.2 in the third, 0.5 in the sixth
    assert panel["right"] == [0, 0, 1, 0, 0, 1, 0, 0, 0, 1]
    assert panel["wrong"] == [0, 1, 0, 1, 0, 1, 0, 0, 0, 0]
    assert panel["rows"][0]["question"] == "unscored?"  # the newest first
    json.dumps(panel, allow_nan=False)


@pytest.mark.parametrize("right", [0.0, 0.5, 0.91])
@pytest.mark.parametrize("wrong", [0.11, 0.5, 0.51, 1.0])
def test_the_points_sorted_by_two_thresholds_are_what_distil_keeps(right: float, wrong: float) -> None:
    settings = DistilSettings(keep_right_from=right, keep_wrong_below=None if wrong == 1.0 else wrong, dev_fraction=0.2)
    drawn = present_runs.distilling(LABELS, settings)
    kept = [
        p
        for p in drawn["points"]
        if not p["left_out"] and (p["confidence"] >= right if p["right"] else wrong == 1.0 or p["confidence"] < wrong)
    ]
    found = distil(LABELS, settings)
    assert sum(p["right"] for p in kept) == found.kept["right"]
    assert sum(not p["right"] for p in kept) == found.kept["wrong"]
    assert {p["taught"] for p in kept if not p["is_dev"]} == {e.completion for e in found.train}
    left_out = [p["left_out"] for p in drawn["points"] if p["left_out"]]
    assert sorted(left_out) == ["no reference answer", "unscored: empty answer"]
    assert {reason: found.dropped[reason] for reason in left_out} == dict.fromkeys(left_out, 1)


def test_the_estimate_counts_steps_and_says_what_it_goes_by() -> None:
    tune = TuneSettings(batch_size=8, epochs=3.0)
    # 20 examples in batches of 8 are 3 steps an epoch, 9 in all; 9 * 2 s = 18 s; 8 bytes * 3 million = 24 MB
    text = present_runs.estimate(tune, 20, 3_000_000, step_seconds=2.0)
    assert "20 examples, 9 steps" in text and "about 18 seconds, going by the last tuning here" in text
    assert "24 MB" in text
    assert "(a guess)" in present_runs.estimate(tune, 20, 3_000_000, None)
    assert present_runs.n_steps(TuneSettings(batch_size=8, epochs=3.0, max_steps=4), 20) == 4


def test_the_command_line_gives_the_same_settings() -> None:
    tune = TuneSettings(rank=7, learning_rate=3e-5, epochs=0.5, max_steps=None, targets="all-linear", dropout=0.0)
    argv = shlex.split(present_runs.command("a folder/run", tune))
    assert argv[:6] == ["python", "-m", "uait", "tune", "--run", "a folder/run"]
    parser = Parser()
    parser.add_argument("--run")
    start = starting_settings(argv[4:])
    add_flags(parser, start, ("model", "tune"))
    assert with_flags(start, parser.parse_args(argv[4:])).tune == tune


def test_probes_are_lines_over_the_looks_and_a_repeated_step_counts_once() -> None:
    examples = [TrainingExample(Question("a", "A?"), "x; 9%", 0.09, False)]
    looks = [{"step": s, "confidences": [c], "answers": ["x"]} for s, c in ((0, None), (2, 0.4), (2, 0.3))]
    drawn = present_runs.tuning([], looks, examples, [])
    assert drawn["probe_steps"] == [0, 2]
    assert drawn["probes"][0]["said"] == [None, 0.3]


def test_an_undefined_auroc_is_said_in_words() -> None:
    row = {"method": "after", "auroc": None, "auroc_interval": None, "ece": 0.25, "accuracy": 1.0}
    row |= {"n": 3, "n_unscored": 0}
    (result,) = present_runs.tuning([], [], [], [row])["results"]
    assert result["auroc"] == "undefined: all answers right, or all wrong"
    (silent,) = present_runs.tuning([], [], [], [{**row, "n_unscored": 3}])["results"]
    assert silent["auroc"] == "none: it never said a number"
    assert (result["ece"], result["accuracy"]) == ("0.25", "100 %")


def test_durations_are_said_in_the_unit_that_fits() -> None:
    found = [present_runs.duration(v) for v in (0.4, 1.2, 59, 95, 4000, 7200)]
    assert found == ["under a second", "1 second", "59 seconds", "2 minutes", "67 minutes", "2 hours"]
