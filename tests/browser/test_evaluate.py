"""The Evaluate tab: the recorded results and their files, then an evaluation of a tiny model that outlives the page."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Locator, Page, expect

from tests import fake_report
from tests.browser.serving import served
from tests.fake_report import IN_DOMAIN
from uait.data.catalogue import Description
from uait.method import metrics
from uait.records import EvalReport, Question, SweepPoint
from uait.settings import RetrievalSettings

SLOW = 120_000  # ms; a job first has to load its libraries
N = 24


def _report() -> EvalReport:
    report = fake_report.report()
    rows = [row for row in report.rows if row["split"] == IN_DOMAIN]
    first, second = ([row[source]["right"] for row in rows] for source in ("uait", "read"))
    confidence, budgets = fake_report.columns(rows, "uait", "UaIT expected")[0], [0.0, 0.25, 0.5, 0.75, 1.0]
    curve = {"budgets": budgets, "accuracy": metrics.budget_curve(confidence, first, second)}
    extras = {**report.extras, "left_out": {IN_DOMAIN: {"longer than the model reads": ["q7", "q9"]}}}
    return replace(report, budget_curve={IN_DOMAIN: {"UaIT expected": curve}}, extras=extras)


REPORT = _report()
SWEEP = tuple(SweepPoint(t, {"right": 5, "wrong": 4}, (REPORT.results[-1], REPORT.results[-2])) for t in (None, 0.5))


def _seen(question: str) -> int | None:
    found = re.search(r"fact number (\d+)", question)
    return int(found[1]) if found else None


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with this tab around a tiny model; its jobs are ended with it."""
    from tests.browser import tiny_lab  # noqa: PLC0415 - torch and gradio take seconds; other tiers must not pay for it
    from uait.page.menu import Who  # noqa: PLC0415 - as above
    from uait.page.place import Place  # noqa: PLC0415 - as above
    from uait.page.tabs import evaluate  # noqa: PLC0415 - as above
    from uait.runs import jobs  # noqa: PLC0415 - as above
    from uait.runs.folder import all_runs  # noqa: PLC0415 - as above
    from uait.stages.engines import Shelf  # noqa: PLC0415 - as above

    folder = tmp_path_factory.mktemp("evaluate")
    runs = folder / "runs"
    monkey = pytest.MonkeyPatch()
    monkey.setenv("UAIT_RUNS", str(runs))
    description = Description("tiny", "tiny", "a test", {}, about_verbalized="It is random.", folder=folder / "tiny")
    asked = {IN_DOMAIN: tiny_lab.questions(N), "out-of-world": [Question("o", "Who am I?")]}
    description.__dict__.update(held_out=asked, sweep=SWEEP, report=REPORT)
    around: Any = tiny_lab.engines(folder / "tiny")
    model = replace(around.settings.model, adapter="auto")  # else what is recorded is of another adapter
    chosen = replace(around.settings, model=model, retrieval=RetrievalSettings(n_passages=1))
    around = replace(around, settings=chosen)
    with gr.Blocks(analytics_enabled=False) as demo, gr.Tabs(), gr.Tab("Evaluate"):
        facts: Any = SimpleNamespace(exposure=_seen)
        who: Any = Who(gr.State("shipped"), gr.State(""))  # pyright: ignore[reportArgumentType]
        timer = evaluate.build(Place(Shelf(around), description, facts), who)
        timer.active = True  # the whole page lets the open tab alone look at its jobs
    with served(demo.queue()) as address:
        yield address
    for run in all_runs(runs):
        jobs.stop(run, grace=0.0)
    monkey.undo()


def _open(tab: Page, url: str, theme: str = "light") -> Locator:
    tab.goto(f"{url}?__theme={theme}")
    shown = tab.locator("#evaluation")
    expect(shown.locator(".plot .main-svg").first).to_be_visible(timeout=SLOW)
    return shown


def _saved(tab: Page, button: Locator) -> Path:
    with tab.expect_download() as download:
        button.click()
    return Path(download.value.path())


def test_the_recorded_results_are_there_at_once_and_go_into_files(tab: Page, url: str) -> None:
    shown = _open(tab, url)
    expect(shown.get_by_text("Recorded 2026-11-22 on pocket with the adapter it came with.")).to_be_visible()
    expect(shown.get_by_text("Left out of in-domain, longer than the model reads (2): q7, q9.")).to_be_visible()
    expect(shown.locator(".lead").first).to_have_text(
        re.compile(r"in-domain: “.*” ranks best, its AUROC .* paired, n\s=\s120")
    )
    expected = next(r for r in REPORT.results if r.method == "UaIT expected")
    low, high = expected.auroc_interval or (0.0, 0.0)
    row = shown.get_by_role("region", name="AUROC by method").get_by_role("row").nth(1)
    expect(row).to_contain_text(f"{expected.auroc:.2f} ({low:.2f} to {high:.2f})")
    expect(shown.locator("figure")).to_have_count(4)
    text = _saved(tab, shown.get_by_role("button", name="Numbers as CSV")).read_text(encoding="utf-8-sig")
    rows = [r for r in csv.DictReader(text.splitlines()) if r["result"] == "AUROC"]
    assert next(float(r["value"]) for r in rows if r["method"] == "UaIT expected") == expected.auroc
    report = _saved(tab, shown.get_by_role("button", name="Report as Markdown")).read_text(encoding="utf-8")
    assert f"| UaIT: average number | {expected.auroc:.2f} ({low:.2f} to {high:.2f}) |" in report
    page = _saved(tab, shown.get_by_role("button", name="Figures as HTML")).read_text(encoding="utf-8")
    picture = _saved(tab, shown.get_by_role("button", name="Save as PNG").last).read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 5000
    drawn = _saved(tab, shown.get_by_role("button", name="Save as CSV").first).read_text(encoding="utf-8-sig")
    points = {r["name"]: r for r in csv.DictReader(drawn.splitlines())}
    assert float(points["UaIT: average number"]["x"]) == expected.auroc
    assert float(points["UaIT: average number"]["high"]) == high
    tab.set_content(page)  # last, for it takes the tab's place
    expect(tab.locator(".main-svg").first).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figures_fit_a_phone_in_both_themes(tab: Page, url: str, theme: str) -> None:
    tab.set_viewport_size({"width": 400, "height": 900})
    shown = _open(tab, url, theme)
    expect(shown.locator(".plot .modebar")).to_have_count(4)
    assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    tables = shown.locator(".scroll:visible")
    assert tables.count() >= 2
    assert all(one.evaluate("t => t.scrollWidth <= t.clientWidth") for one in tables.all())  # whole, not to be scrolled
    cell = shown.get_by_role("region", name="AUROC by method").locator("td").first
    assert cell.evaluate("c => getComputedStyle(c, '::before').content.startsWith('\"AUROC, in-domain')")
    for picture in shown.locator(".plot").all():
        assert picture.evaluate(
            "p => [...p.querySelectorAll('text')].every(t => t.getBoundingClientRect().right <= innerWidth)"
        )


def test_an_evaluation_goes_on_without_the_page_and_is_shown_with_a_way_back(tab: Page, url: str) -> None:
    shown = _open(tab, url)
    tab.get_by_label("number input for How many questions of each kind").fill("20")
    tab.get_by_role("button", name="Run again").click()
    title = tab.locator("#evaluate-job .job-title")
    expect(title).to_contain_text("Evaluating")
    shown = _open(tab, url)  # the page is loaded anew, the job goes on
    expect(title).to_have_text("Evaluating is through.", timeout=SLOW)
    expect(shown.get_by_text("Measured from this page")).to_be_visible()
    expect(shown.get_by_role("figure", name="AUROC, in-domain, n = 20", exact=True)).to_be_visible()
    expect(shown.get_by_role("region", name="AUROC by method")).to_contain_text("none: no number was given")
    tab.get_by_role("button", name="Show the recorded one").click()
    expect(shown.get_by_text("Recorded 2026-11-22")).to_be_visible()
    expect(tab.locator("#evaluate-job .job-title")).to_be_hidden()
