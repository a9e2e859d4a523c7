"""Photographs the page with the embedded model: python -m tests.browser.screenshots, into assets/screenshots.

Every tab in light and dark, 1440 and 400 px wide; in Ask a question has been asked and explained. And the lesson's
eight steps as a projector shows them once they are played.
"""

import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.serving import served
from uait.data.catalogue import names, preset
from uait.page import app
from uait.settings import ASSETS
from uait.stages.engines import load_engines

OUT = ASSETS / "screenshots"
QUESTION = "Who wrote Hamlet?"
TABS = ("Ask", "Compare", "Label", "Tune", "Evaluate", "Learn")


def photograph(tab: Page, url: str, theme: str, width: int, out: Path) -> None:
    """Takes one picture per tab, into `out`."""
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(f"{url}?__theme={theme}")
    tab.get_by_label("Your question").fill(QUESTION)
    tab.get_by_role("button", name="Ask", exact=True).click()
    tab.get_by_role("button", name="Why?").click()
    tab.get_by_text("What the two numbers cost").wait_for()
    for name in TABS:
        if name != "Ask":  # by the address: at 400 px the last tabs are in a menu
            tab.goto(f"{url}?__theme={theme}&tab={name.lower()}")
            tab.get_by_role("tab", name=name, selected=True).wait_for(state="attached")
        tab.wait_for_timeout(3000)  # the run tabs poll for ever, so the network is never idle
        tab.screenshot(path=out / f"{name.lower()}-{theme}-{width}.png", full_page=True)


def photograph_lesson(tab: Page, url: str, out: Path) -> None:
    """Takes one picture per step of the lesson at 1280 x 720, into `out`."""
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.goto(f"{url}?__theme=light&lang=en&present=1&step=1")
    for number in range(1, 9):
        tab.locator(f"#lesson-{number}-button").click()
        tab.locator(f"#step-{number} .learn-figure").wait_for()
        tab.wait_for_timeout(1000)
        while tab.locator(f"#step-{number} [data-build]:not(.built)").count():
            tab.keyboard.press("PageDown")
        tab.wait_for_timeout(2000)  # the curtain before a chart is drawn aside
        tab.screenshot(path=out / f"lesson-{number}.png")


def main() -> None:
    """Serves the page on a free port and photographs it."""
    OUT.mkdir(parents=True, exist_ok=True)
    demo = app.build(*[load_engines(preset(name)) for name in names()])
    with served(demo) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in ("light", "dark"):
            for width in (1440, 400):
                photograph(browser.new_page(), url, theme, width, OUT)
        photograph_lesson(browser.new_page(), url, OUT)
        browser.close()


if __name__ == "__main__":
    main()
