"""axe-core, the accessibility checker, finds nothing serious on any tab, slide or phone's page, in either theme."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import untranslated

TABS = ("ask", "compare", "label", "tune", "evaluate", "learn")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with untranslated.served(tmp_path / "runs") as address:
        yield address


def _serious(tab: Page) -> list[tuple[str, str]]:
    """The rules that are broken gravely, each with the first element that breaks it."""
    found = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in grave]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_core_finds_nothing_serious(tab: Page, url: str, theme: str) -> None:
    broken: dict[str, list[tuple[str, str]]] = {}
    tab.goto(f"{url}/?__theme={theme}&lang=en")
    tab.locator("#ask-question textarea").fill("What is the capital of Palau?")
    tab.locator("#ask-button").click()
    tab.get_by_role("button", name="Why?").click()
    tab.locator("#why .tokens").wait_for()
    for name in TABS:
        tab.locator(f'[role="tab"][data-tab-id="{name}"]').first.click()
        tab.wait_for_timeout(1500)  # the run tabs look at their jobs once a second, and figures are drawn when seen
        broken[name] = _serious(tab)
    tab.goto(f"{url}/?__theme={theme}&lang=en&present=1&step=8")
    expect(tab.locator("#step-8 .learn-figure")).to_be_visible()
    tab.locator("#lesson-8 .vote-phones button").click()  # opens the vote for the phones
    tab.locator("#lesson-8 .vote-phones p").wait_for()
    broken["a slide"] = _serious(tab)
    tab.goto(f"{url}/vote?__theme={theme}&lang=en")
    expect(tab.locator("#vote-choice label").first).to_be_visible()
    broken["the phones' page"] = _serious(tab)
    assert {name: rules for name, rules in broken.items() if rules} == {}


def test_axe_core_notices_what_is_wrong(tab: Page) -> None:
    tab.set_content('<html lang="en"><title>x</title><main><img src="x.png"><p style="color: #eee">pale</p></main>')
    assert {rule for rule, _ in _serious(tab)} == {"image-alt", "color-contrast"}
