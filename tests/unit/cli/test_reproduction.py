"""The report of a reproduction: the paper's numbers beside ours and marked as the paper's, and no question in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_report import HOSTILE, report
from uait.cli.reproduction import DATA, FIGURES, REPORT, THE_PAPER, write_report
from uait.data.files import read_json
from uait.data.presets import PRESETS
from uait.records import Adapter, EvalReport, Reproduction, SweepPoint
from uait.records.plans import Machine, ModelSize, Need, Plan
from uait.settings import to_dict

PLAN = Plan(
    ModelSize("m", 10**6, 2, 8, 100, 8, 10, 0), Machine("CPU", 10**10, 10**10, 1e9, 1e9, 1e-6, 4), 10,
    (Need("label", 2 * 10**9, 90.0), Need("tune", 3 * 10**9, 600.0)), 10**6, (),
)  # fmt: skip


@pytest.fixture
def made() -> Reproduction:
    found: EvalReport = report()
    point = SweepPoint(0.5, {"right": 3, "wrong": 2}, found.results[-2:])
    chosen = PRESETS["pocket"].settings
    settings = to_dict(replace(chosen, sampling=replace(chosen.sampling, temperature=0.9)))
    metrics = {"n_steps": 4, "n_train": 5}
    adapter = Adapter("somewhere/adapter", "pocket", "hash", settings, metrics)
    seconds = {"label": 60.0, "tune": 7200.0}
    return Reproduction(
        "pocket", PLAN, 10, 1, {"right": 3, "wrong": 2}, {"wrong but sure": 5}, adapter, found, (point,), seconds
    )


def test_the_papers_numbers_stand_beside_ours_and_are_marked(made: Reproduction, tmp_path: Path) -> None:
    _, path = write_report(made, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert "| | the paper's, as quoted (other models) | measured here, pocket |" in text
    spoken = next(r for r in made.report.results if r.method == "UaIT spoken")
    low, high = spoken.auroc_interval or (0.0, 0.0)
    ours = f"{spoken.auroc:.2f} ({low:.2f} to {high:.2f}) on in-domain"
    assert f"| AUROC of UaIT | {THE_PAPER['AUROC of UaIT']} | {ours} |" in text
    assert "| best distillation threshold | about 85 % | 50 % on in-domain |" in text
    assert "- `sampling.temperature` is 0.9; the paper's is 0.5." in text
    assert "`sampling.n_samples`" not in text  # as the paper's
    assert "10 questions labelled; 1 more left out" in text
    assert "| label | 2.0 GB | 90.0 s | 60.0 s |" in text and "| tune | 3.0 GB | 10.0 min | 2.0 h |" in text
    assert "not reporting" not in text  # the sweep asks what is reported


def test_neither_a_question_nor_a_place_is_in_what_is_written(made: Reproduction, tmp_path: Path) -> None:
    data, _ = write_report(made, tmp_path)
    assert read_json(tmp_path / DATA) == data
    assert data["report"]["rows"] == [] and "path" not in data["adapter"]
    for name in (REPORT, FIGURES, DATA):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert HOSTILE not in text and "fact number" not in text and "somewhere" not in text
