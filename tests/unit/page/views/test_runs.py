"""Jobs and tunings as the page gets them: plain data and sentences."""

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from uait.cli.arguments import starting_settings, with_flags
from uait.cli.main import _parser
from uait.data.catalogue import preset, small
from uait.data.files import data_hash
from uait.page.figures import tuning
from uait.page.views import runs as runs_view
from uait.records import Adapter, Origin, Question, ThresholdChoice, TrainingExample
from uait.runs.folder import RunFolder
from uait.runs.jobs import JobState, JobStatus
from uait.settings import Settings, TuneSettings, to_dict


def _status(state: JobState, **values: object) -> JobStatus:
    return JobStatus(Path("run"), "label", state, **values)  # type: ignore[arg-type]


def test_a_running_job_tells_how_far_it_is_and_how_long_it_takes() -> None:
    running = _status(JobState.RUNNING, stage="label", done=12, total=64, rate=2.5, eta=20.8, seconds=5.0)
    panel = runs_view.job_panel(running)
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
    assert runs_view.job_panel(status)["title"] == title


def test_a_deleted_run_says_so() -> None:
    assert "was deleted" in runs_view.job_panel(None, is_chosen=True)["title"]
    assert runs_view.job_panel(None)["title"] == ""


def test_the_plan_counts_steps_and_says_whose_pace_it_goes_by() -> None:
    tune = TuneSettings(batch_size=8, epochs=3.0)
    # 20 examples in batches of 8 are 3 steps an epoch, 9 in all; 8 bytes * 3 million = 24 MB
    text = runs_view.tune_plan(tune, 20, 3_000_000, runs_view.estimate(18.0, runs_view.MEASURED_HERE))
    assert text.startswith("20 examples, 9 steps; about 18 seconds with loading, measured on this machine; at least 24")
    assert runs_view.tune_plan(tune, 20, None, runs_view.estimate(None, "")) == "20 examples, 9 steps."
    run: Any = SimpleNamespace(n_cores=2)
    assert runs_view.recorded_by(run) == "going by the recorded run on 2 CPU cores"


@pytest.mark.parametrize(
    "tune",
    [
        TuneSettings(rank=7, learning_rate=3e-5, epochs=0.5, max_steps=None, targets="all-linear", dropout=0.0),
        small(preset("pocket")).tune,
    ],
)
def test_the_command_shown_tunes_with_settings_of_the_same_hash(tmp_path: Path, tune: TuneSettings) -> None:
    made = replace(preset("pocket"), tune=tune)
    RunFolder(tmp_path / "a run").save_settings(made, ("prompts", "model", "sampling", "label", "distil"))
    python, flag, module, *argv = shlex.split(runs_view.command(str(tmp_path / "a run"), tune))
    assert (python, flag, module) == ("python", "-m", "uait")
    start = starting_settings(argv)
    found = with_flags(start, _parser(start).parse_args(argv))
    assert _hash(found) == _hash(made)
    assert _hash(replace(found, tune=replace(tune, seed=1))) != _hash(made)


def _hash(settings: Settings) -> str:
    return data_hash([to_dict(settings)])


def test_probes_are_lines_over_the_looks_and_a_repeated_step_counts_once() -> None:
    examples = [TrainingExample(Question("a", "A?"), "x", 0.09, False)]
    looks = [{"step": s, "confidences": [c], "answers": ["x"]} for s, c in ((0, None), (4, 0.5), (2, 0.4), (2, 0.3))]
    drawn = runs_view.tuning([], looks, examples, [])
    assert drawn["probe_steps"] == [0, 2, 4]  # killed after 4, gone on from a checkpoint before 2
    assert drawn["probes"][0]["said"] == [None, 0.3, 0.5]
    assert len(drawn["watched"]) == 3


def test_each_look_tells_how_well_the_numbers_part_right_from_wrong_or_why_nobody_knows() -> None:
    found = {"step": 0, "confidences": [], "answers": [], "auroc": 0.75, "auroc_interval": [0.5, 0.9]}
    found |= {"n": 42, "n_unscored": 12}
    rows = [
        found,
        {**found, "step": 1, "auroc_interval": None},
        {**found, "step": 2, "auroc": None, "auroc_interval": None},
        {**found, "step": 3, "auroc": None, "auroc_interval": None, "n_unscored": 42},
        {**found, "step": 4, "n_unscored": 13},
        {"step": 5, "confidences": [], "answers": []},
    ]
    drawn = runs_view.tuning([], rows, [], [])["watched"]
    assert [w["auroc"] for w in drawn] == [0.75, 0.75, None, None, None, None]
    assert [w["text"] for w in drawn] == [
        "0.75 (30 of 42 answers with a number, 0.50 to 0.90)",
        "0.75 (30 of 42 answers with a number)",
        "undefined: all answers right, or all wrong (30 of 42 answers with a number)",
        "none: it never said a number (0 of 42 answers with a number)",
        "too few to measure: it takes 30 answers with a number, 5 of each kind (29 of 42 answers with a number)",
        "not measured: no example was kept apart",
    ]


def _before_after(right: int, wrong: int, silent: int = 0) -> dict[str, Any]:
    n = right + wrong
    reliability = [[0.9, 1.0, right], [0.2, 0.0, wrong]]
    row = {"method": "after", "n": n + silent, "n_unscored": silent, "auroc": 1.0, "auroc_interval": [1.0, 1.0]}
    return row | {"ece": 0.1, "accuracy": right / n, "reliability": reliability}


def test_a_perfect_score_of_a_few_answers_is_not_shown() -> None:
    few = [_before_after(3, 3), _before_after(4, 40), _before_after(24, 5), _before_after(25, 5)]
    shown = runs_view.tuning([], [], [], few)["results"]
    too_few = "too few to measure: it takes 30 answers with a number, 5 of each kind"
    assert [row["auroc"] for row in shown] == [too_few, too_few, too_few, "1.00 (1.00 to 1.00)"]
    assert [row["ece"] for row in shown] == ["none", "none", "none", "0.10"]


def test_a_tuning_that_leaves_answers_without_a_number_comes_with_advice() -> None:
    assert runs_view.tuning([], [], [], [_before_after(30, 15, silent=5)])["advice"] == ""
    silent = runs_view.tuning([], [], [], [_before_after(30, 15, silent=6)])
    assert silent["advice"].startswith("It said no number behind 6 of 51 answers")
    assert tuning.page(silent)["results"][-1] == {"text": silent["advice"], "kind": "warning"}
    look = {"step": 1, "confidences": [], "answers": [], "auroc": None, "auroc_interval": None, "n": 4, "n_unscored": 4}
    assert "4 of 4" in runs_view.tuning([], [look], [], [])["advice"]  # nothing was held out


def test_few_examples_get_as_many_epochs_as_it_takes_to_say_numbers() -> None:
    tune = TuneSettings(batch_size=32, epochs=14.0)
    # one step an epoch; two; 13 steps an epoch: the settings' own
    assert [runs_view.epochs_for(tune, n) for n in (22, 40, 408)] == [180.0, 90.0, 14.0]


def test_small_sets_go_on_from_the_shipped_adapter_in_the_settings_own_epochs() -> None:
    assert [runs_view.start_for(n) for n in (22, 255, 256, 408)] == ["shipped", "shipped", "base", "base"]
    assert "With fewer than 256 examples" in runs_view.why_start(22)
    tune = TuneSettings(batch_size=32, epochs=8.0, start_from="shipped")
    assert runs_view.epochs_for(tune, 22) == 8.0  # 180 from the base


def test_an_adapter_that_went_on_from_another_one_says_so() -> None:
    card = Adapter("x", "pocket", "d", {}, {})
    assert runs_view.went_on(None) == runs_view.went_on(card) == ""
    assert "may have learnt" in runs_view.went_on(replace(card, origin=Origin("the adapter", "0" * 64, "d")))


def test_the_recorded_run_says_what_it_took_and_how_it_was_made() -> None:
    seconds = {"label the first 64": 12.0, "label the others": 29.0, "tune": 61.0}
    command = "python -m uait.embedded.pocket.small_run"
    run: Any = SimpleNamespace(labels=[None] * 384, n_train=250, seconds=seconds, n_cores=2, command=command)
    text = runs_view.recorded_caption(run)
    assert "answered 384 questions in 41 seconds" in text and "learnt from 250 of them in 61 seconds" in text
    assert "on 2 CPU cores" in text and text.endswith("python -m uait.embedded.pocket.small_run")


def test_the_threshold_is_said_with_what_it_was_chosen_by_or_why_the_default_stands() -> None:
    chosen = ThresholdChoice(0.605, "labelled questions", 92, 40, 0.8, 0.9, 0.1)
    assert runs_view.chosen_threshold(chosen, 0.5).startswith("Trusted from 60.5 % on: ")
    assert "among 92 other answers" in runs_view.chosen_threshold(chosen, 0.5)
    few = ThresholdChoice(None, "labelled questions", 3, 2, reason="3 are too few")
    said = runs_view.chosen_threshold(few, 0.5)
    assert said == "No threshold was chosen, so the default of 50 % stands: 3 are too few."
    assert runs_view.chosen_threshold(None, 0.5) == ""
    page = tuning.page(runs_view.tuning([], [], [], [], threshold=said))
    assert page["results"] == [{"text": said, "kind": "caption"}]


def test_an_undefined_auroc_is_said_in_words() -> None:
    row = {"method": "after", "auroc": None, "auroc_interval": None, "ece": 0.25, "accuracy": 1.0}
    row |= {"n": 3, "n_unscored": 0}
    (result,) = runs_view.tuning([], [], [], [row])["results"]
    assert result["auroc"] == "undefined: all answers right, or all wrong"
    (silent,) = runs_view.tuning([], [], [], [{**row, "n_unscored": 3}])["results"]
    assert silent["auroc"] == "none: it never said a number"
    assert (result["ece"], result["accuracy"]) == ("0.25", "100 %")


def test_durations_are_said_in_the_unit_that_fits() -> None:
    found = [runs_view.duration(v) for v in (0.4, 1.2, 59, 95, 4000, 7200)]
    assert found == ["under a second", "1 second", "59 seconds", "2 minutes", "67 minutes", "2 hours"]
