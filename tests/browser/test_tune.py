"""The Tune tab with real jobs on a tiny model: tune, leave, come back, ask the new adapter; a kill; bad settings."""

import os
import re
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from uait import jobs

SLOW = 120_000  # ms; a job first has to load its libraries


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> object:
    from tests.browser import tiny_lab  # noqa: PLC0415 - torch and gradio take seconds; other tiers must not pay for it

    return tiny_lab.engines(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(around: object, tmp_path: Path) -> Path:
    """A distilled run, ready to be tuned on."""
    from tests.browser import tiny_lab  # noqa: PLC0415 - as above

    return tiny_lab.tunable_run(around, tmp_path / "runs")


@pytest.fixture
def url(around: object, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from tests.browser import tiny_lab  # noqa: PLC0415 - as above

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with tiny_lab.served(around, folder.parent) as address:
        yield address


def _open(tab: Page, url: str) -> None:
    tab.goto(f"{url}?__theme=light")
    tab.get_by_role("tab", name="Tune").click()
    expect(tab.locator("#plan")).to_contain_text("examples,")


def _title(tab: Page) -> object:
    return expect(tab.locator("#tune-job .job-title"))


def test_a_tuning_goes_on_while_nobody_looks_and_its_adapter_answers_beside_the_base(
    tab: Page, url: str, folder: Path
) -> None:
    _open(tab, url)
    expect(tab.locator("#command textarea")).to_have_value(re.compile("^python -m uait tune --run"))
    tab.get_by_role("button", name="Start tuning").click()
    _title(tab).to_contain_text("Tuning")
    tab.goto("about:blank")  # the tab is closed, the job is not
    _open(tab, url)
    _title(tab).to_have_text("Tuning is through.", timeout=SLOW)
    watch = tab.get_by_role("region", name="Watch confidence form")
    expect(watch.locator("li")).to_have_count(8)
    expect(watch.locator("polyline")).to_have_count(8)
    newest = watch.locator("li b").first.inner_text()
    watch.get_by_label("Go back in time").fill("0")
    expect(watch.locator(".limit b")).to_have_text("step 0")
    expect(watch.locator("li b").first).to_have_text("no number")
    assert newest != "no number"
    expect(tab.get_by_role("img", name="Loss")).to_be_visible()
    expect(tab.get_by_role("heading", name="Before and after, on 6 questions it was not taught")).to_be_visible()
    tab.get_by_label("A question for both").fill("What is the capital of France?")
    tab.get_by_role("button", name="Ask both").click()
    expect(tab.get_by_text("with the new adapter")).to_be_visible()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download the adapter").click()
    names = zipfile.ZipFile(download.value.path()).namelist()
    assert {"adapter_model.safetensors", "card.json", "settings.json"} <= set(names)


def test_a_killed_tuning_is_shown_as_failed_within_five_seconds_and_resumes(tab: Page, url: str, folder: Path) -> None:
    _open(tab, url)
    tab.get_by_label("Epochs").fill("400")
    expect(tab.locator("#command textarea")).to_have_value(re.compile("--epochs 400"))
    tab.get_by_role("button", name="Start tuning").click()
    expect(tab.get_by_role("img", name="Loss")).to_be_visible(timeout=SLOW)
    os.kill(int((folder / jobs.PID).read_text()), signal.SIGKILL)
    _title(tab).to_have_text("Tuning failed.", timeout=5_000)
    expect(tab.get_by_text("it was killed, or the machine ran out of memory")).to_be_visible()
    tab.get_by_role("button", name="Resume").click()
    _title(tab).to_have_text("Tuning is at work.", timeout=SLOW)
    tab.get_by_role("button", name="Stop and save").click()
    _title(tab).to_have_text("Tuning stopped.", timeout=SLOW)
    assert list((folder / "adapter").glob("checkpoint-*"))


def test_a_setting_out_of_its_range_is_a_sentence_and_nothing_starts(tab: Page, url: str, folder: Path) -> None:
    _open(tab, url)
    tab.get_by_label("Learning rate").fill("7")
    expect(tab.get_by_text("tune.learning_rate is 7; choose a value from 1e-07 to 1.0.").first).to_be_visible()
    tab.get_by_role("button", name="Start tuning").click()
    expect(tab.locator("#tune-message")).to_contain_text("tune.learning_rate is 7")
    assert not (folder / jobs.JOB).exists()


def test_a_run_that_was_deleted_meanwhile_is_a_sentence(tab: Page, url: str, folder: Path) -> None:
    _open(tab, url)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink()
    folder.rmdir()
    tab.get_by_role("button", name="Start tuning").click()
    expect(tab.locator("#tune-message")).to_contain_text("their folder was deleted")
