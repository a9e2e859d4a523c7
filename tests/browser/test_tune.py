"""The Tune tab with real jobs on a tiny model: a kill, stopping, discarding; bad settings; the recorded run."""

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import LocatorAssertions, Page, expect

from uait.data.files import write_json, write_jsonl
from uait.runs import jobs
from uait.runs.files import JOB
from uait.settings import TuneSettings, to_dict

if TYPE_CHECKING:
    from tests.browser.tiny_lab import TinyEngines

SLOW = 120_000  # ms; a job first has to load its libraries


@pytest.fixture
def folder(tiny: "TinyEngines", tmp_path: Path) -> Path:
    """A distilled run, ready to be tuned on."""
    from tests.browser import tiny_lab  # noqa: PLC0415 - torch and gradio take seconds; other tiers must not pay for it

    return tiny_lab.tunable_run(tiny.settings, tmp_path / "runs")


@pytest.fixture
def url(tiny: "TinyEngines", folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from tests.browser import tiny_lab  # noqa: PLC0415 - as above

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with tiny_lab.served(tiny, folder.parent) as address:
        yield address


def _open(tab: Page, url: str) -> None:
    tab.goto(f"{url}?__theme=light")
    tab.get_by_role("tab", name="Tune").click()
    expect(tab.locator("#plan")).to_contain_text("examples,")


def _wait_for_a_step(tab: Page, folder: Path, after: int = 0) -> None:
    """Until the job's log names a step's loss, `after` so many characters; before that a stop has nothing to save."""
    deadline = time.monotonic() + SLOW / 1000
    while " loss " not in (folder / jobs.LOG).read_text()[after:] and time.monotonic() < deadline:
        tab.wait_for_timeout(100)  # the log is written four times a second, a step may come between


def _title(tab: Page) -> LocatorAssertions:
    return expect(tab.locator("#tune-job .job-title"))


def test_a_killed_tuning_is_failed_within_five_seconds_resumes_stops_and_is_discarded(
    tab: Page, url: str, folder: Path
) -> None:
    _open(tab, url)
    tab.get_by_label("Epochs").fill("400")
    expect(tab.locator("#command textarea")).to_have_value(re.compile("--epochs 400"))
    tab.get_by_role("button", name="Start tuning").click()
    expect(tab.get_by_role("figure", name="Loss")).to_be_visible(timeout=SLOW)
    _wait_for_a_step(tab, folder)
    os.kill(int((folder / jobs.PID).read_text()), signal.SIGKILL)
    n_logged = len((folder / jobs.LOG).read_text())
    _title(tab).to_have_text("Tuning failed.", timeout=5_000)
    expect(tab.get_by_text("it was killed, or the machine ran out of memory")).to_be_visible()
    expect(tab.get_by_text("What is done is kept; Resume goes on from there.")).to_be_visible()
    tab.get_by_text("The last lines of the log").click()
    expect(tab.locator("#tune-job pre")).to_contain_text(re.compile(r"tune \d+/\d+ loss"))
    tab.get_by_role("button", name="Resume").click()
    _title(tab).to_have_text("Tuning is at work.", timeout=SLOW)
    _wait_for_a_step(tab, folder, after=n_logged)
    tab.get_by_role("button", name="Stop and save").click()
    _title(tab).to_have_text(re.compile("is stopping after this step|stopped"), timeout=2_000)  # acknowledged
    _title(tab).to_have_text("Tuning stopped.", timeout=SLOW)
    assert (folder / "adapter" / "checkpoint.pt").exists()
    tab.get_by_role("button", name="Discard").click()
    tab.get_by_role("button", name="No, keep it").click()
    expect(tab.get_by_role("button", name="No, keep it")).to_be_hidden()
    assert (folder / "adapter").exists()
    tab.get_by_role("button", name="Discard").click()
    tab.get_by_role("button", name="Yes, delete it").click()
    expect(tab.locator("#tune-message")).to_contain_text("Thrown away", timeout=2_000)
    expect(tab.locator("#tune-job .job-title")).to_be_hidden()
    assert not (folder / "adapter").exists() and (folder / "distilled.json").exists()
    expect(tab.get_by_role("button", name="Discard")).to_be_disabled()
    expect(tab.locator("#plan")).to_contain_text("examples,")


def test_a_setting_out_of_its_range_is_a_sentence_and_nothing_starts(tab: Page, url: str, folder: Path) -> None:
    _open(tab, url)
    tab.get_by_label("Learning rate").fill("7")
    expect(tab.get_by_text("tune.learning_rate is 7; choose a value from 1e-07 to 1.0.").first).to_be_visible()
    tab.get_by_role("button", name="Start tuning").click()
    expect(tab.locator("#tune-message")).to_contain_text("tune.learning_rate is 7")
    assert not (folder / JOB).exists()


def _tuned_before(folder: Path, rank: int) -> None:
    """What a tuning of this rank has left in the folder after two steps."""
    tune = to_dict(TuneSettings(rank=rank))
    write_json(folder / JOB, {"verb": "tune", "submitted": 0.0, "settings": {"tune": tune}})
    rows = ({"step": i, "loss": rank / i, "learning_rate": 0.1, "seconds": 1.0 * i} for i in (1, 2))
    write_jsonl(folder / "adapter" / "log.jsonl", rows)


def test_runs_are_named_laid_over_each_other_and_deleted(tab: Page, url: str, folder: Path) -> None:
    other = folder.parent / "20260101-000002-tune"
    shutil.copytree(folder, other)
    _tuned_before(folder, 8)
    _tuned_before(other, 16)
    _open(tab, url)
    tab.get_by_role("button", name="Your runs: name, compare, delete").last.click()
    runs, menu = tab.locator("#tune-own-runs"), tab.locator("#tune-run input")
    expect(menu).to_have_value(f"{other.name} (a tuning, with its examples)")
    runs.get_by_label("Name of the chosen run").fill("a <b>first</b> try")
    runs.get_by_role("button", name="Name it").click()
    expect(tab.locator("#tune-run-message")).to_contain_text("Named: a <b>first</b> try")
    expect(menu).to_have_value(f"a <b>first</b> try · {other.name} (a tuning, with its examples)")
    runs.get_by_label("Compare it with").click()
    tab.get_by_role("option", name=folder.name).click()
    loss = tab.locator("#tune-compared [data-figure=runs-loss]")
    expect(loss.locator(".scatterlayer .trace")).to_have_count(2)
    expect(loss.locator(".legendtext").first).to_have_text(f"a <b>first</b> try · {other.name}")
    row = tab.locator("#tune-compared").get_by_role("row")
    expect(row.nth(0)).to_contain_text("Rank")
    expect(row.nth(1)).to_contain_text("16")
    expect(row.nth(2)).to_contain_text(folder.name)
    runs.get_by_role("button", name="Delete this run").click()
    runs.get_by_role("button", name="No, keep the run").click()
    expect(runs.get_by_role("button", name="No, keep the run")).to_be_hidden()
    assert other.exists()
    runs.get_by_role("button", name="Delete this run").click()
    runs.get_by_role("button", name="Yes, delete the run").click()
    expect(tab.locator("#tune-run-message")).to_contain_text("Deleted")
    expect(menu).to_have_value(f"{folder.name} (a tuning, with its examples)")
    assert not other.exists() and folder.exists()


def test_a_run_that_was_deleted_meanwhile_is_a_sentence(tab: Page, url: str, folder: Path) -> None:
    _open(tab, url)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink()
    folder.rmdir()
    tab.get_by_role("button", name="Start tuning").click()
    expect(tab.locator("#tune-message")).to_contain_text("their folder was deleted")


def test_before_any_tuning_a_recorded_one_is_shown_with_its_command_and_replayed(
    tiny: "TinyEngines", tab: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.browser import tiny_lab  # noqa: PLC0415 - as above

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with tiny_lab.served(tiny, tmp_path / "none", tiny_lab.recorded_run()) as url:
        tab.goto(f"{url}?__theme=light")
        expect(tab.locator("#labels .recorded")).to_contain_text("Made with: python -m uait.embedded.pocket.small_run")
        expect(tab.locator("#distil .dot")).to_have_count(23)
        expect(tab.get_by_role("button", name="Label questions of your own to keep them")).to_be_disabled()
        tab.get_by_role("tab", name="Tune").click()
        expect(tab.locator("#tuning .recorded")).to_contain_text("Recorded, to look at before you start your own")
        auroc = tab.locator("#tuning .auroc b")
        expect(auroc).to_contain_text("0.80")
        tab.get_by_role("button", name="Replay").click()
        expect(auroc).to_contain_text("none: it never said a number")
        expect(auroc).to_contain_text("0.80")  # it has played to the end
