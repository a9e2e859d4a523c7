"""The page on a phone, 400 px wide: every table is whole, nothing is wider than the window."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import untranslated

PALAU = "What is the capital of Palau?"
# What sticks out: tables that would have to be scrolled sideways, by their label, and the page itself.
_CUT = """() => {
  const isCut = (one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1;
  const cut = [...document.querySelectorAll(".scroll")].filter(isCut);
  const page = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
  return [...page, ...cut.map((one) => `${one.getAttribute("aria-label")}: ${one.scrollWidth} in ${one.clientWidth}`)];
}"""


@pytest.fixture
def phone(tab: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    tab.set_viewport_size({"width": 400, "height": 900})
    with untranslated.served(tmp_path / "runs") as url:
        tab.goto(f"{url}?__theme=light&lang=en")
        yield tab


def _show(tab: Page, name: str) -> None:
    tab.goto(f"{tab.url.split('?')[0]}?__theme=light&lang=en&{name}")


def _cut(tab: Page) -> list[str]:
    """What sticks out once every fold is open."""
    is_lesson = "step=" in tab.url  # drawn at once; the run tabs look at their jobs first
    tab.wait_for_timeout(500 if is_lesson else 2500)
    tab.locator("details:visible").evaluate_all("all => all.forEach((one) => (one.open = true))")
    tab.wait_for_timeout(300)
    return tab.evaluate(_CUT)


def test_every_table_is_whole(phone: Page) -> None:
    phone.get_by_label("Your question").fill(PALAU)
    phone.locator("#ask-button").click()
    phone.get_by_role("button", name="Why?").click()
    expect(phone.locator(".token")).to_have_count(3)
    cut = {"ask": _cut(phone)}
    _show(phone, f"tab=compare&q={PALAU}")
    expect(phone.locator("#columns .verdict").nth(3)).to_be_visible()
    phone.locator("#lab .dot").first.dispatch_event("click")
    cut["compare"] = _cut(phone)
    for name in ("tab=label", "tab=tune", "tab=evaluate", *(f"step={i}" for i in range(1, 9))):
        _show(phone, name)
        cut[name] = _cut(phone)
    left = [f"{name}: {found}" for name, all_found in cut.items() for found in all_found]
    assert not left, "\n".join(left)
