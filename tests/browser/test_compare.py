"""The Compare tab: five columns for one question, and a threshold lab with the numbers of uait.method.metrics."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests import fake_report
from tests.browser import fake_app
from tests.browser.serving import served
from uait.data.catalogue import Description
from uait.method import metrics
from uait.method.prompts import sanitise
from uait.page.figures import style
from uait.records.errors import DataError
from uait.settings import ASSETS

PALAU = "What is the capital of Palau?"
REPORT = fake_report.report()
ROWS = [row for row in REPORT.rows if row["split"] == fake_report.IN_DOMAIN]
SPLITS = (fake_report.IN_DOMAIN, fake_report.OUT_OF_WORLD)
REFERENCES = {PALAU: ("Ngerulmud",)}


@contextmanager
def _served(report: Any) -> Iterator[str]:
    """The address of a page with this tab, and another that stands for the Ask tab."""
    from uait.page.components import scripts  # noqa: PLC0415 - as below
    from uait.page.menu import Who  # noqa: PLC0415 - gradio takes seconds; other tiers must not pay for it
    from uait.page.place import Place  # noqa: PLC0415 - as above
    from uait.page.tabs import compare as compare_tab  # noqa: PLC0415
    from uait.stages.engines import Shelf  # noqa: PLC0415 - as above

    with gr.Blocks(analytics_enabled=False) as demo:
        with gr.Tabs():
            with gr.Tab("Ask"):
                asked = gr.Textbox(label="Ask box")
            with gr.Tab("Compare"):
                around: Any = fake_app.FakeEngines(threshold=0.6)
                who: Any = Who(gr.State("shipped"), gr.State(""))  # pyright: ignore[reportArgumentType]
                description = Description("tiny", "tiny", "a test", {}, about_verbalized="This number is random.")
                description.__dict__.update(held_out={key: [] for key in SPLITS}, report=report)
                shelf = Shelf(around, fake_app.load)  # pyright: ignore[reportArgumentType]
                facts: Any = SimpleNamespace(references=REFERENCES.get)
                lab = compare_tab.build(Place(shelf, description, facts), fake_app, who).lab
        lab.ask(None, js=compare_tab.PICKED_IN_LAB, outputs=asked, api_visibility="private")
    styles = "\n".join((ASSETS / "page" / name).read_text(encoding="utf-8") for name in ("page.css", "compare.css"))
    with served(demo.queue(), head=f"<style>\n{styles}\n</style>{scripts()}") as url:
        yield url


@pytest.fixture(scope="module")
def compare_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    os.environ.setdefault("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
    with _served(REPORT) as url:
        yield url


def _open(tab: Page, url: str, theme: str = "light") -> None:
    tab.goto(f"{url}/?__theme={theme}")
    tab.get_by_role("tab", name="Compare").click()
    expect(tab.locator(".dot").first).to_be_visible()


def _numbers(tab: Page) -> dict[str, Any]:
    return json.loads(tab.locator("#lab [data-numbers]").get_attribute("data-numbers") or "")


def _slider(tab: Page) -> Locator:
    return tab.get_by_role("slider", name="Threshold")


def _set(tab: Page, threshold: float) -> None:
    _slider(tab).fill(str(threshold))


def _scored(source: str, method: str) -> tuple[np.ndarray, np.ndarray]:
    confidences, right = fake_report.columns(ROWS, source, method)
    pairs = [(c, y) for c, y in zip(confidences, right, strict=True) if c is not None]
    return np.array([c for c, _ in pairs]), np.array([y for _, y in pairs])


def _counts(source: str, method: str, threshold: float) -> dict[str, int]:
    pairs = list(zip(*fake_report.columns(ROWS, source, method), strict=True))
    trusted = [(c is not None and c >= threshold, y) for c, y in pairs]
    names = {"answeredRight": (True, True), "answeredWrong": (True, False)}
    names |= {"searchedRight": (False, True), "searchedWrong": (False, False)}
    return {name: trusted.count(kind) for name, kind in names.items()}


def test_the_labs_numbers_are_those_of_the_metrics(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    for source, method in [(s, m) for s, methods in fake_report.METHODS.items() for m in methods]:
        tab.locator("#lab").get_by_role("combobox", name="Confidence").select_option(method)
        c, right = _scored(source, method)
        expect(tab.get_by_role("figure", name=f"ROC curve, AUROC {metrics.auroc(c, right):.2f} (")).to_be_visible()
        for threshold in (0.0, 0.3, 0.6, 0.95, 1.0):
            _set(tab, threshold)
            sweep = metrics.threshold_sweep(*fake_report.columns(ROWS, source, method), [threshold])
            shown, counts = _numbers(tab), _counts(source, method, threshold)
            assert {name: shown[name] for name in counts} == counts
            assert shown["answered"] / shown["n"] == pytest.approx(sweep["coverage"][0])


def test_the_cheapest_threshold_is_as_cheap_as_any(tab: Page, compare_url: str) -> None:
    def cost(threshold: float) -> int:
        counts = _counts("uait", "UaIT spoken", threshold)
        return counts["searchedRight"] + counts["searchedWrong"] + n_searches * counts["answeredWrong"]

    _open(tab, compare_url)
    for n_searches in (1, 5, 30):
        tab.get_by_role("slider", name="A wrong answer costs").fill(str(n_searches))
        least = min(cost(i / 1000) for i in range(1001))  # the confidences are whole percents
        assert _numbers(tab)["bestCost"] == least
        tab.get_by_role("button", name="Go to the cheapest").click()
        threshold = float(tab.locator("#lab [data-threshold]").get_attribute("data-threshold") or "")
        assert cost(threshold) == least


def test_dragging_the_line_moves_everything_without_the_server(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    marker = tab.locator("[data-figure=roc] .scatterlayer .trace .point").last
    expect(marker).to_be_attached()
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    before = tab.locator("#lab").inner_text()
    at = marker.get_attribute("transform") or ""
    tab.locator(".figures").scroll_into_view_if_needed()
    tab.locator(".strip").scroll_into_view_if_needed()
    box = tab.locator(".strip").bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + 14 + 0.6 * (box["width"] - 28), box["y"] + 12)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 14 + 0.3 * (box["width"] - 28), box["y"] + 12, steps=4)
    tab.mouse.up()
    threshold = float(tab.locator("#lab [data-threshold]").get_attribute("data-threshold") or "")
    assert threshold == pytest.approx(0.3, abs=0.002)
    assert {k: v for k, v in _numbers(tab).items() if k in _counts("uait", "UaIT spoken", 0)} == _counts(
        "uait", "UaIT spoken", threshold
    )
    assert tab.locator("#lab").inner_text() != before
    expect(marker).not_to_have_attribute("transform", at)
    assert [url for url in requests if "heartbeat" not in url] == []


def test_the_arrow_keys_move_the_threshold_by_a_percent(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    _slider(tab).press("ArrowLeft")
    expect(tab.locator(".shares")).to_contain_text("Threshold 59 %")
    _slider(tab).press("Shift+ArrowRight")
    expect(tab.locator(".shares")).to_contain_text("Threshold 59.1 %")


def test_a_dot_opens_its_question_by_keyboard_and_asks_it(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    dots = tab.locator(".dot")
    dots.first.focus()
    tab.keyboard.press("End")
    expect(dots.last).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Enter")
    question = (dots.nth(dots.count() - 2).get_attribute("aria-label") or "").partition("?")[0] + "?"
    detail = tab.locator(".lab-detail")
    expect(detail).to_contain_text(question)
    expect(detail.get_by_role("row")).to_have_count(4)
    detail.get_by_role("button", name="Ask it").click()
    tab.get_by_role("tab", name="Ask").click()
    expect(tab.get_by_label("Ask box")).to_have_value(question)


def test_right_and_wrong_differ_in_shape_and_side(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    n_right = sum(row["uait"]["right"] for row in ROWS if row["uait"]["confidences"]["UaIT spoken"] is not None)
    expect(tab.locator("circle.dot.right")).to_have_count(n_right)
    assert tab.locator("path.dot.right").count() == tab.locator("circle.dot.wrong").count() == 0
    axis = float(tab.locator(".strip .axis").get_attribute("y1") or "")
    above = "(axis) => [...document.querySelectorAll('circle.dot')].every((dot) => dot.cy.baseVal.value < axis)"
    assert tab.evaluate(above, axis)


def test_an_unjudged_split_shows_what_would_be_searched_and_no_made_up_curve(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    tab.locator("#lab").get_by_role("combobox", name="Questions").select_option(fake_report.OUT_OF_WORLD)
    expect(tab.get_by_role("figure", name="ROC curve: undefined, No answer here is judged.")).to_be_visible()
    expect(tab.locator(".shares")).to_contain_text("would search")
    expect(tab.locator(".outcomes")).to_be_hidden()


def test_tables_tell_the_same_and_hostile_text_stays_text(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    tab.get_by_text("Questions, the surest first").click()
    table = tab.get_by_role("region", name="Questions as a table")
    expect(table.get_by_role("row")).to_have_count(1 + len(ROWS))
    table.get_by_role("button", name=fake_report.HOSTILE).click()
    expect(tab.locator(".lab-detail")).to_contain_text(fake_report.HOSTILE)
    figure = tab.locator("[data-figure=reliability]")
    figure.get_by_text("As a table").click()
    bins = figure.get_by_role("row")
    c, right = _scored("uait", "UaIT spoken")
    expect(bins).to_have_count(1 + len(metrics.reliability(c, right, 10)))
    assert tab.evaluate("window.pwned") is None
    assert tab.locator("#lab img, #lab script").count() == 0


def test_a_second_method_is_drawn_beside_the_first(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    curves, marks = (
        tab.locator("[data-figure=roc] .scatterlayer .trace"),
        tab.locator("[data-figure=reliability] .point"),
    )
    expect(curves).to_have_count(2)  # the curve and the visitor's threshold
    n_bars = marks.count()
    tab.locator("#lab").get_by_role("combobox", name="Beside it").select_option("verbalized")
    expect(curves).to_have_count(3)
    for source, method, title in (
        ("uait", "UaIT spoken", "UaIT: stated number"),
        ("verbalized", "verbalized", "verbalized"),
    ):
        area = metrics.auroc(*_scored(source, method))
        expect(tab.locator("[data-figure=roc] .legend")).to_contain_text(f"{title}: AUROC {area:.2f} (")
    expect(tab.locator("[data-figure=risk] .legend")).to_contain_text("verbalized: area")
    expect(marks).to_have_count(n_bars + len(metrics.reliability(*_scored("verbalized", "verbalized"), 10)))
    marker = curves.last.locator(".point")
    at = marker.get_attribute("transform") or ""
    _set(tab, 0.2)
    expect(marker).not_to_have_attribute("transform", at)  # the last line is still the threshold
    tab.locator("#lab").get_by_role("combobox", name="Beside it").select_option("nothing")
    expect(curves).to_have_count(2)


def test_the_questions_go_into_a_file_that_no_spreadsheet_runs(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    tab.get_by_text("Questions, the surest first").click()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save the questions as CSV").click()
    assert download.value.suggested_filename == "questions in-domain.csv"
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(ROWS)
    first, told = rows[0], ROWS[0]
    assert (first["id"], first["question"]) == (told["id"], fake_report.HOSTILE)
    assert first["untuned: answer"] == f"'{fake_report.FORMULA}"
    assert (first["UaIT: right"], rows[1]["UaIT: answer"]) == (str(told["uait"]["right"]).lower(), "Answer 1")
    numbers = [row["UaIT: stated number"] for row in rows]
    expected = [row["uait"]["confidences"]["UaIT spoken"] for row in ROWS]
    assert [float(c) if c else None for c in numbers] == expected


def test_a_picture_is_on_white_in_the_dark_theme_too(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url, "dark")
    figure = tab.locator("[data-figure=roc]")
    expect(figure.locator(".main-svg").first).to_be_visible()
    figure.hover()
    with tab.expect_download() as download:
        figure.get_by_role("button", name="Save as SVG").click()
    drawn = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "roc.svg" and drawn.startswith("<svg")
    assert "background: white" in drawn or "fill: rgb(255, 255, 255)" in drawn
    assert style.GROUNDS["dark"].card not in drawn and "rgb(26, 30, 39)" not in drawn
    assert "ROC curve" in drawn


def test_five_columns_fill_with_answers_numbers_and_costs(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    columns = tab.locator("#columns section")
    expect(columns).to_have_count(5)
    expect(columns.first).to_contain_text("This number is random")
    box = tab.get_by_label("Question to compare on")
    box.fill(PALAU)
    box.press("Enter")
    tuned = tab.get_by_role("region", name="UaIT")
    expect(tuned).to_contain_text("Ngerulmud")
    expect(tuned).to_contain_text("41.2 %")
    expect(tuned).to_contain_text("● right")
    expect(tuned).to_contain_text("7 forward passes, 0.3 s")
    expect(columns.first).to_contain_text("◆ wrong")
    expect(tab.locator("#columns .asked")).to_contain_text("Right is: Ngerulmud.")
    columns.first.get_by_text("Word for word").click()
    expect(columns.first.locator("pre mark")).to_have_text([" Answer with your confidence."])


def test_an_unknown_question_is_not_judged(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    box = tab.get_by_label("Question to compare on")
    box.fill("What is the capital of nowhere?")
    box.press("Enter")
    expect(tab.get_by_text("not judged: no reference answer")).to_have_count(5)


def test_an_empty_question_and_a_bug_get_a_sentence_and_the_next_question_works(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    with pytest.raises(DataError) as raised:
        sanitise(" ")
    box = tab.get_by_label("Question to compare on")
    box.fill(" ")
    box.press("Enter")
    expect(tab.get_by_role("alert")).to_have_text(str(raised.value))
    box.fill("crash")
    box.press("Enter")
    expect(tab.get_by_role("alert")).to_contain_text("Something went wrong here (ZeroDivisionError).")
    expect(tab.get_by_role("button", name="Compare", exact=True)).to_be_enabled()
    box.fill(PALAU)
    box.press("Enter")
    expect(tab.get_by_role("region", name="UaIT")).to_contain_text("Ngerulmud")


def test_the_tab_is_never_wider_than_the_window(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    tab.locator(".dot").first.click()
    tab.get_by_text("Questions, the surest first").click()
    for width in (400, 760, 1440):
        tab.set_viewport_size({"width": width, "height": 900})
        expect(tab.locator(".strip")).to_be_visible()
        tab.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")
        strip, line = tab.locator(".strip").bounding_box(), tab.locator("#lab .line").bounding_box()
        assert strip is not None and line is not None
        assert strip["width"] <= line["width"] + 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_tabs_text_keeps_its_contrast(tab: Page, compare_url: str, theme: str) -> None:
    from tests.browser.test_ask import _LOW_CONTRAST  # noqa: PLC0415 - one measure for the whole page

    _open(tab, compare_url, theme)
    box = tab.get_by_label("Question to compare on")
    box.fill(PALAU)
    box.press("Enter")
    expect(tab.get_by_role("region", name="UaIT")).to_contain_text("Ngerulmud")
    expect(tab.get_by_role("button", name="Compare", exact=True)).to_be_enabled()
    tab.locator(".dot").first.click()
    tab.locator("#lab").get_by_role("combobox", name="Confidence").select_option("verbalized")
    tab.get_by_text("Questions, the surest first").click()
    assert tab.evaluate(_LOW_CONTRAST) == []


def test_without_a_recorded_evaluation_the_lab_says_how_to_make_one(tab: Page) -> None:
    with _served(None) as url:
        tab.goto(url)
        tab.get_by_role("tab", name="Compare").click()
        expect(tab.get_by_text("No evaluation is recorded beside this model yet.")).to_be_visible()


def _wait_for_n(tab: Page, n: int) -> None:
    data = "document.querySelector('#lab [data-numbers]').dataset.numbers"
    tab.wait_for_function(f"JSON.parse({data}).n === {n}")


def test_a_live_run_fills_the_lab_and_the_recorded_one_comes_back(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    recorded = _numbers(tab)
    _set(tab, 0.42)
    tab.get_by_role("spinbutton", name="how many").fill("80")  # for long enough to be seen on a busy machine
    tab.get_by_role("button", name="Run it live").click()
    expect(tab.get_by_label("Live run")).to_have_value(re.compile("in-domain: sampling, [1-7]0 of 80 steps"))
    expect(tab.get_by_label("Live run")).to_have_value("Done: the lab shows these 80 questions of in-domain.")
    expect(tab.locator("#lab").get_by_role("combobox", name="Questions")).to_have_value("in-domain")
    _wait_for_n(tab, 80)
    expect(tab.locator(".shares")).to_contain_text("Threshold 42 %")  # the visitor's, not the report's
    tab.get_by_role("button", name="Show the recorded one").click()
    expect(tab.get_by_label("Live run")).to_have_value("Nothing is running. The lab shows what was recorded.")
    _set(tab, 0.6)
    _wait_for_n(tab, len(ROWS))
    assert _numbers(tab) == recorded


def test_a_live_run_that_fails_says_so_and_leaves_the_lab(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    before = _numbers(tab)
    tab.get_by_label("Evaluate now").click()
    tab.get_by_role("option", name=fake_report.OUT_OF_WORLD, exact=True).click()
    tab.get_by_role("button", name="Run it live").click()
    expect(tab.get_by_label("Live run")).to_have_value("There is nothing to evaluate.")
    assert _numbers(tab) == before


def test_a_live_run_can_be_stopped_and_leaves_the_lab(tab: Page, compare_url: str) -> None:
    _open(tab, compare_url)
    before = _numbers(tab)
    tab.get_by_role("spinbutton", name="how many").fill("100")
    tab.get_by_role("button", name="Run it live").click()
    expect(tab.get_by_label("Live run")).to_have_value(re.compile("of 100 steps"))
    tab.get_by_role("button", name="Stop").click()
    expect(tab.get_by_label("Live run")).to_have_value("Stopped; nothing of it is kept.")
    assert _numbers(tab) == before
