"""The Learn tab: eight steps walked through, a live try, the links to the other tabs, and the page for a projector."""

import re

import pytest
from playwright.sync_api import Page, expect

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


def test_present_mode_enlarges_the_type_hides_the_settings_and_turns_steps_by_clicker(
    learn: Page, app_url: str
) -> None:
    places = ("#step-1 .learn-says p", "#step-1 figcaption", ".learn-next", "#lesson-1 textarea")
    before = {place: _size(learn, place) for place in places}
    learn.goto(f"{app_url}?__theme=light&lang=en&tab=learn&present=1")
    expect(learn.locator("#step-1 h2")).to_be_visible()
    assert all(_size(learn, place) > 1.15 * size for place, size in before.items())
    expect(learn.locator("#adapter")).to_be_hidden()
    learn.keyboard.press("PageDown")
    expect(learn.locator("#step-2 h2")).to_be_visible()
    learn.keyboard.press("PageUp")
    expect(learn.locator("#step-1 h2")).to_be_visible()
    learn.get_by_role("tab", name="Tune", exact=True).click()
    expect(learn.get_by_role("button", name="Start tuning")).to_be_visible()
    expect(learn.locator("input[aria-label='Learning rate']")).to_be_hidden()
