"""Label, distil, tune, ask: the whole way in one sitting on a tiny model, stopped, reloaded and left on the way."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from uait.data import catalogue
from uait.data.files import read_jsonl
from uait.method.distillation import distil
from uait.records import Label
from uait.settings import DistilSettings

if TYPE_CHECKING:
    from tests.browser.tiny_lab import TinyEngines

SLOW = 120_000  # ms; a job first has to load its libraries
HOSTILE = "<img src=x onerror=window.pwned=1> ${window.pwned=1} {{value}}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def url(tiny: "TinyEngines", root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from tests.browser import tiny_lab  # noqa: PLC0415 - torch and gradio take seconds; other tiers must not pay for it

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(catalogue, "SMALL_BATCH", 1)  # one question at a time: slow enough to be stopped on the way
    with tiny_lab.served(tiny, root) as address:
        yield address


def test_64_questions_become_an_adapter_that_is_asked_beside_its_base(tab: Page, url: str, root: Path) -> None:
    tab.goto(f"{url}?__theme=light")
    _label(tab, root)
    n_kept = _distil(tab, root)
    _tune(tab, url, n_kept)
    _look_back(tab)
    tab.get_by_label("A question for both").fill("What is the capital of France?")
    tab.get_by_role("button", name="Ask both").click()
    expect(tab.get_by_text("with the new adapter")).to_be_visible()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download the adapter").click()
    names = zipfile.ZipFile(download.value.path()).namelist()
    assert {"adapter_model.safetensors", "card.json", "settings.json"} <= set(names)


def _label(tab: Page, root: Path) -> None:
    """Stops, reloads, resumes, finishes."""
    title = expect(tab.locator("#label-job .job-title"))
    tab.get_by_role("button", name="Start", exact=True).click()
    rows = tab.get_by_role("region", name="Labelled questions").get_by_role("row")
    expect(rows.nth(2)).to_be_visible(timeout=SLOW)
    tab.get_by_role("button", name="Stop", exact=True).click()
    title.to_have_text(re.compile("is stopping after this step|stopped"), timeout=2_000)  # acknowledged
    title.to_have_text("Labelling stopped.")
    expect(tab.get_by_text("What is done is kept; Resume goes on from there.")).to_be_visible()
    tab.reload()
    title.to_have_text("Labelling stopped.")
    (path,) = root.glob("*/labels.jsonl")
    kept = path.read_bytes()
    tab.get_by_role("button", name="Resume").click()
    title.to_have_text("Labelling is through.", timeout=SLOW)
    expect(tab.locator("#label-job .job-facts")).to_contain_text("64 of 64 questions")
    assert path.read_bytes().startswith(kept)
    expect(tab.locator("#labels .summary")).to_have_text(re.compile(r"^64 labelled: \d+ right, \d+ wrong"))
    expect(tab.get_by_text(HOSTILE).first).to_be_attached()
    assert tab.evaluate("window.pwned") is None
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download the labels").click()
    assert len(download.value.path().read_text().splitlines()) == 64


def _distil(tab: Page, root: Path) -> int:
    """Drags both thresholds, finds the function's counts, keeps these examples; returns how many."""
    (path,) = root.glob("*/labels.jsonl")
    labels = read_jsonl(path, Label)
    for right, wrong in ((60, 40), (20, 95)):
        tab.get_by_label("Keep right answers from").fill(str(right))
        tab.get_by_label("Keep wrong answers below").fill(str(wrong))
        choice = DistilSettings(
            dev_fraction=catalogue.WATCHED_SHARE, keep_right_from=right / 100, keep_wrong_below=wrong / 100
        )
        found = distil(labels, choice)
        for name, count in (("knows", found.kept["right"]), ("doubts", found.kept["wrong"])):
            expect(tab.locator(f'[data-quadrant="{name}"] .count')).to_have_text(str(count))
        expect(tab.locator("#distil .entropy")).to_have_text(f"{found.entropy_bits:.2f} bits")
    n_kept = len(found.train) + len(found.dev)
    tab.get_by_role("button", name=f"Keep these {n_kept} examples").click()
    expect(tab.locator("#kept")).to_contain_text(f"Kept {n_kept} examples")
    return len(found.train)


def _tune(tab: Page, url: str, n_train: int) -> None:
    """Starts, closes the tab, comes back and sees it finish."""
    title = expect(tab.locator("#tune-job .job-title"))
    tab.get_by_role("tab", name="Tune").click()
    expect(tab.locator("#plan")).to_contain_text(f"{n_train} examples,")
    expect(tab.locator("#command textarea")).to_have_value(re.compile("^python -m uait tune --run"))
    tab.get_by_role("button", name="Start tuning").click()
    title.to_contain_text("Tuning")
    tab.goto("about:blank")  # the tab is closed, the job is not
    tab.goto(f"{url}?__theme=light")
    tab.get_by_role("tab", name="Tune").click()
    title.to_have_text("Tuning is through.", timeout=SLOW)


def _look_back(tab: Page) -> None:
    """Goes back to the first look: no number yet, and so no AUROC."""
    watch = tab.get_by_role("region", name="Watch confidence form")
    expect(watch.locator("li").nth(3)).to_be_visible()  # four right ones, and the wrong ones that were kept
    lines = watch.locator("[data-figure=probes] .scatterlayer .trace")
    expect(lines).to_have_count(watch.locator("li").count() + 1)  # and the look that is being read
    expect(watch.get_by_role("figure", name="Tells right from wrong (AUROC)")).to_be_visible()
    expect(watch.locator(".auroc b")).to_contain_text("answers with a number")
    watch.get_by_label("Go back in time").fill("0")
    expect(watch.locator(".limit b")).to_have_text("step 0")
    expect(watch.locator("li b").first).to_have_text("no number")
    expect(watch.locator(".auroc b")).to_contain_text("answers with a number")
    expect(tab.get_by_role("figure", name="Loss")).to_be_visible()
    held_out = tab.get_by_role("region", name="Before and after", exact=True)
    expect(held_out.get_by_role("heading")).to_have_text("Before and after, on 23 questions it was not taught")
    expect(held_out.get_by_text("after: the mean of all numbers it may say")).to_be_visible()
