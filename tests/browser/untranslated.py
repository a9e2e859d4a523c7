"""Lists what is still English on the Chinese page: python -m tests.browser.untranslated

Every tab around the fake engines, with an answer, an explanation, a comparison and a few runs to look at. Missing
words go into words.zh-CN.json; text that comes from a model, a visitor or the web gets translate="no" instead.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser import fake_app, serving
from tests.browser.conftest import CHROMIUM_ARGUMENTS, chromium_path

# What a Chinese page calls by the same name: names, units, formats, symbols, and settings as they are typed.
_NAMES = (
    "UaIT SAR AUROC AUPRC Brier ECE ROC ROUGE LoRA P True GPU CPU JSON JSONL CSV UTF PNG Markdown Space Alpha Dropout "
    "Hugging Face HTML MB GB UAIT_ALLOW_TRAINING yes no none log exp alpha rank attention all linear"
)
ALLOWED = frozenset(_NAMES.split())
_TEXTS = """() => {
  const data = '[translate="no"], .notranslate, script, style, code';
  const labels = ["aria-label", "aria-valuetext", "data-name", "placeholder", "title"];
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    if (element.closest(data) || !element.checkVisibility()) continue;
    if (node === element) for (const name of labels) found.add(node.getAttribute(name) || "");
    else if (element.localName !== "textarea") found.add(node.nodeValue.trim());
  }
  return [...found];
}"""


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The address of the whole page around the fake engines; its runs lie below `root`."""
    from tests.browser import tiny_lab  # noqa: PLC0415 - torch and gradio take seconds

    before = os.environ.get("UAIT_RUNS")
    os.environ["UAIT_RUNS"] = str(root)
    tiny_lab.tunable_run(fake_app.FakeEngines().settings, root)
    try:
        with serving.served(fake_app.build()) as url:
            yield url
    finally:
        os.environ.pop("UAIT_RUNS") if before is None else os.environ.update(UAIT_RUNS=before)


def visit(tab: Page, url: str) -> Iterator[str]:
    """The name of each tab, each step of the lesson and each slide, once it is open in Chinese and shows all it can."""
    tab.goto(f"{url}/?lang=zh&__theme=light")
    tab.locator("#ask-question textarea").fill("What is the capital of Palau?")
    tab.locator("#ask-button").click()
    tab.locator("#answer .actions .secondary").click()
    tab.locator("#why .tokens").wait_for()
    tab.locator('[data-tab-id="why-untuned"]').first.click()
    tab.locator("#why-base .tokens").wait_for()
    names = "all => all.map((one) => one.dataset.tabId)"
    for name in tab.locator('[role="tab"][data-tab-id]:not(#lesson *, #why-views *)').evaluate_all(names):
        tab.locator(f'[role="tab"][data-tab-id="{name}"]').first.click()
        tab.wait_for_timeout(1500)  # the run tabs look at their jobs once a second
        if name == "compare":
            tab.locator("#compare-examples button").first.click()
            tab.locator("#columns .verdict").nth(3).wait_for()
            tab.locator("#lab .dot").first.dispatch_event("click")
        yield from _opened(tab, name)
        while tab.locator(".learn-next:visible").count():
            tab.locator(".learn-next:visible").click()
            tab.wait_for_timeout(300)
            yield from _opened(tab, name)
    tab.goto(f"{url}/?lang=zh&__theme=light&present=1&step=1")
    for number in range(1, 9):
        tab.locator(f"#lesson-{number}-button").click()
        tab.locator(f"#step-{number} .learn-figure").wait_for()
        tab.locator("#lesson [data-build]").evaluate_all("all => all.forEach((one) => one.classList.add('built'))")
        yield from _opened(tab, f"slide {number}")
    tab.keyboard.press("PageUp")  # phones vote before the reveal
    tab.locator("#lesson-8 .vote-phones button").click()
    tab.locator("#lesson-8 .vote-phones p").wait_for()
    yield "the address for phones"
    tab.goto(f"{url}/vote?lang=zh&__theme=light")
    tab.locator("#vote-choice label").first.click()
    tab.locator("#vote-said p").wait_for()
    yield "vote"


def _opened(tab: Page, name: str) -> Iterator[str]:
    tab.locator("details:visible").evaluate_all("all => all.forEach((one) => (one.open = true))")
    tab.wait_for_timeout(200)
    yield name


def english_left(tab: Page, patience: float = 5.0) -> list[str]:
    """The visible texts without a Chinese word, but with one that is no name.

    What goes within `patience` seconds is not left: a notice while something loads, a text about to be translated.
    """
    deadline = time.monotonic() + patience
    while True:
        texts = [text for text in tab.evaluate(_TEXTS) if not re.search(r"[\u4e00-\u9fff]", text)]
        left = sorted(text for text in texts if set(re.findall(r"[A-Za-z_]{2,}", text)) - ALLOWED)
        if not left or time.monotonic() > deadline:
            return left
        tab.wait_for_timeout(250)


def main() -> int:
    """The number of texts left; prints each with its tab."""
    left: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as place, served(Path(place)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        for name in visit(tab, url):
            for text in english_left(tab):
                left.setdefault(text, name)
        browser.close()
    sys.stdout.writelines(f"{name}: {text}\n" for text, name in left.items())
    return len(left)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
