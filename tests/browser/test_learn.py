"""The Learn tab: eight steps walked through, a live try, the links to the other tabs, and the page for a projector."""

import re
import sys
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from tests.browser import fake_app
from tests.browser.serving import served
from uait.page.lesson import words


@pytest.fixture
def learn(tab: Page, app_url: str) -> Page:
    tab.goto(f"{app_url}?__theme=light&lang=en&tab=learn")
    expect(tab.locator("#step-1 h2")).to_be_visible()
    return tab


def _size(tab: Page, selector: str) -> float:
    return tab.locator(selector).first.evaluate("node => parseFloat(getComputedStyle(node).fontSize)")


def _next(tab: Page) -> None:
    tab.locator(".learn-next:visible").click()


def test_all_eight_steps_show_text_a_figure_and_a_task_and_three_ask_the_live_model(learn: Page) -> None:
    live = {1: "Koror", 2: "3 different answers", 8: "Ngerulmud"}
    for number, title in enumerate(words.TITLES, start=1):
        step = learn.locator(f"#step-{number}")
        expect(step.get_by_role("heading", name=title)).to_be_visible()
        assert 2 <= step.locator(".learn-says p").count() <= 4
        expect(step.locator(".learn-figure")).to_be_visible()
        expect(step.locator(".learn-figure > figcaption")).to_be_visible()
        expect(step.locator(".learn-task p")).not_to_be_empty()
        expect(step.locator(".learn-note p").first).to_be_hidden()  # folded away
        if number in live:
            box = learn.locator(f"#lesson-{number}")
            box.get_by_label("Try it on the live model").fill("What is the capital of Palau?")
            box.get_by_role("button", name=re.compile("^Ask")).first.click()
            expect(learn.locator(f"#live-{number}")).to_contain_text(live[number])
        if number < len(words.TITLES):
            _next(learn)
    learn.locator(".learn-back:visible").click()
    expect(learn.locator("#step-7 h2")).to_be_visible()


def test_a_steps_link_opens_its_tab_and_takes_the_question_to_ask(learn: Page) -> None:
    learn.get_by_role("button", name="Open Compare").click()
    expect(learn.get_by_role("tab", name="Compare", exact=True)).to_have_attribute("aria-selected", "true")
    learn.get_by_role("tab", name="Learn", exact=True).click()
    _next(learn)
    question = learn.locator("#step-2 .learn-question").first.inner_text()
    learn.locator("#step-2").get_by_role("button", name="Open Ask").click()
    expect(learn.get_by_role("tab", name="Ask", exact=True)).to_have_attribute("aria-selected", "true")
    expect(learn.get_by_label("Your question")).to_have_value(question)


def test_a_question_that_breaks_is_a_sentence(learn: Page) -> None:
    learn.get_by_label("Try it on the live model").fill("")
    learn.get_by_role("button", name="Ask how sure it is").click()
    expect(learn.locator("#live-1 [role=status]")).to_contain_text(re.compile("question", re.IGNORECASE))


@pytest.fixture
def room(tab: Page, app_url: str) -> Page:
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.goto(f"{app_url}?__theme=light&lang=en&present=1&step=1")
    expect(tab.locator("#step-1 .learn-figure")).to_be_visible()
    return tab


# Of the step that is shown: the figure's share of the width, what would have to be scrolled, the smallest text in px.
_MEASURED = """() => {
  const [figure] = [...document.querySelectorAll("#lesson .learn-figure")].filter((one) => one.checkVisibility());
  const column = figure.closest(".tabitem");
  const shown = [...column.querySelectorAll("*")].filter((one) => one.checkVisibility() && one.getClientRects().length);
  const texts = shown.filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim()));
  const inFigure = texts.filter((one) => figure.contains(one));
  const edge = (one, side) => one.getBoundingClientRect()[side];
  const page = document.scrollingElement;
  return {
    share: figure.getBoundingClientRect().width / innerWidth,
    scroll: [page.scrollHeight - innerHeight, page.scrollWidth - innerWidth,
             figure.scrollHeight - figure.clientHeight, figure.scrollWidth - figure.clientWidth],
    lowest: Math.max(...texts.map((one) => edge(one, "bottom"))),
    beside: texts.filter((one) => !figure.contains(one)).every((one) => edge(one, "left") >= edge(figure, "right")),
    cut: [...column.querySelectorAll(".scroll")].some((one) => one.scrollWidth > one.clientWidth + 1),
    smallest: Math.min(...inFigure.map((one) => parseFloat(getComputedStyle(one).fontSize))),
    sentences: texts.filter((one) => one.matches(".learn-opens, .learn-reveals, .learn-says p, figcaption")).length,
  };
}"""


def _play(tab: Page, number: int) -> int:
    """Plays a step to its end, before the clicker would leave it; gives how many presses that took."""
    hidden, presses = tab.locator(f"#step-{number} [data-build]:not(.built)"), 0
    while hidden.count():
        tab.keyboard.press("PageDown")
        presses += 1
        assert presses < 9
    return presses


def test_each_step_fills_one_screen_of_a_projector_and_needs_no_scrolling(room: Page) -> None:
    for number, title in enumerate(words.TITLES, start=1):
        expect(room.locator(f"#step-{number}").get_by_role("heading", name=title)).to_be_visible()
        if room.locator(f"#step-{number} .plot").count():
            expect(room.locator(f"#step-{number} .plot svg").first).to_be_visible()
        for phones in room.locator(f"#lesson-{number} .vote-phones").all():
            expect(phones).to_be_visible()
        assert _play(room, number) >= 2
        room.wait_for_timeout(300)
        seen = room.evaluate(_MEASURED)
        assert seen["share"] >= 0.55, (number, seen)
        assert max(seen["scroll"]) <= 0 and not seen["cut"] and seen["lowest"] <= 720, (number, seen)
        assert seen["smallest"] >= 20 and seen["beside"] and seen["sentences"] == 2, (number, seen)
        dots = room.locator('#lesson > .tab-wrapper [role="tab"]')
        expect(dots).to_have_count(8)
        assert [dots.nth(i).get_attribute("aria-selected") for i in range(8)].index("true") == number - 1
        expect(dots.nth(number - 1)).to_have_accessible_name(title)
        assert all(0 < box["width"] < 40 and box["y"] + box["height"] <= 720 for box in map(_box, dots.all()))
        room.keyboard.press("PageDown")


def _box(place: Locator) -> FloatRect:
    box = place.bounding_box()
    assert box is not None
    return box


def test_the_clicker_plays_a_step_and_then_goes_on_and_the_same_way_back(room: Page) -> None:
    truth, reveals = room.locator("#step-1 .verdict").first, room.locator("#step-1 .learn-reveals")
    expect(truth).to_be_hidden()
    room.keyboard.press("PageDown")
    expect(truth).to_be_visible()
    expect(reveals).to_be_hidden()
    room.keyboard.press("PageDown")
    expect(reveals).to_be_visible()
    room.keyboard.press("PageDown")
    expect(room.locator("#step-2 h2")).to_be_visible()
    room.keyboard.press("PageUp")
    expect(reveals).to_be_visible()  # as it was left
    room.keyboard.press("PageUp")
    expect(reveals).to_be_hidden()
    room.locator("#step-1 .learn-figure").click()  # without a clicker
    expect(reveals).to_be_visible()


def test_an_address_opens_its_step_every_step_is_a_click_away_and_a_reload_stays(tab: Page, app_url: str) -> None:
    tab.goto(f"{app_url}?__theme=light&lang=en&step=4")
    expect(tab.locator("#step-4 h2")).to_be_visible()
    tab.locator("#lesson-7-button").click()
    expect(tab.locator("#step-7 h2")).to_be_visible()
    expect(tab).to_have_url(re.compile("step=7"))
    tab.reload()
    expect(tab.locator("#step-7 h2")).to_be_visible()
    _next(tab)
    expect(tab).to_have_url(re.compile("step=8"))
    tab.get_by_role("tab", name="Compare", exact=True).click()
    expect(tab).not_to_have_url(re.compile("step="))


def test_a_model_without_a_lesson_says_so_whatever_the_address(tab: Page) -> None:
    from uait.page import app  # noqa: PLC0415 - gradio takes seconds; other tiers must not pay for it

    around: Any = fake_app.FakeEngines()
    around.settings = replace(around.settings, model=replace(around.settings.model, model="somebody/model"))
    verbs: Any = sys.modules[fake_app.__name__]
    demo = app.build(around, verbs=verbs, load=verbs.load)
    with served(demo) as url:
        tab.goto(f"{url}?__theme=light&lang=en&present=1&step=4")
        expect(tab.get_by_text("This model has no recorded lesson")).to_be_visible()
        tab.keyboard.press("PageDown")


def test_hands_and_phones_are_counted_together_before_the_reveal(room: Page, app_url: str, chromium: Browser) -> None:
    first = room.locator("#lesson-1 .vote li").first
    for _ in range(3):
        first.get_by_role("button", name="one hand more").click()
    first.get_by_role("button", name="one hand fewer").click()
    expect(first.locator("b")).to_have_text("2")
    phone = chromium.new_page(viewport={"width": 400, "height": 800})
    phone.goto(f"{app_url}/vote?lang=en")
    expect(phone.get_by_text("There is nothing to vote on yet")).to_be_visible()
    room.locator("#lesson-1").get_by_role("button", name="Let phones vote, too").click()
    expect(room.locator("#lesson-1 .vote-phones")).to_contain_text("UAIT_HOST=0.0.0.0")  # this test has no network
    options = phone.locator("#vote-choice label")
    expect(options).to_have_count(2)
    options.first.click()
    expect(phone.get_by_text("Counted. You may still change your mind.")).to_be_visible()
    expect(first.locator("b")).to_have_text("3")
    options.last.click()
    expect(first.locator("b")).to_have_text("2")
    expect(room.locator("#lesson-1 .vote li").last.locator("b")).to_have_text("1")
    phone.close()


def test_present_mode_enlarges_the_type_of_other_tabs_and_hides_their_settings(room: Page) -> None:
    expect(room.locator("#adapter")).to_be_hidden()
    room.get_by_role("tab", name="Tune", exact=True).click()
    expect(room.get_by_role("button", name="Start tuning")).to_be_visible()
    expect(room.locator("input[aria-label='Learning rate']")).to_be_hidden()
    assert _size(room, "[role=tab]") >= 20
