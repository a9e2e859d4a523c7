"""The page in English and Chinese: the switch, what it remembers, what it leaves alone, and that nothing is missing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import untranslated

PALAU = "What is the capital of Palau?"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with untranslated.served(tmp_path / "runs") as address:
        yield address


def _ask(tab: Page) -> None:
    tab.get_by_label("Your question").fill(PALAU)
    tab.locator("#ask-button").click()
    expect(tab.locator("p.big")).to_have_text("Ngerulmud[1]")


def _button(tab: Page, name: str) -> None:
    tab.get_by_role("button", name=name, exact=True).press("Enter")


def test_no_tab_has_english_left_on_the_chinese_page(tab: Page, url: str) -> None:
    left = {(name, text) for name in untranslated.visit(tab, url) for text in untranslated.english_left(tab)}
    assert left == set()


def test_the_switch_turns_the_page_and_back_and_leaves_the_models_words(tab: Page, app_url: str) -> None:
    tab.goto(f"{app_url}/?__theme=light&kept=1")
    _ask(tab)
    card = tab.locator("#answer")
    english = card.inner_text()
    _button(tab, "中文")
    expect(tab.locator(".decision")).to_contain_text("41.2 % 低于 70 %")
    expect(tab.locator("#ask-question textarea")).to_have_attribute("placeholder", re.compile("问一个事实.*Palau"))
    expect(tab.locator("#ask-question textarea")).to_have_value(PALAU)
    expect(tab.locator("p.big")).to_have_text("Ngerulmud[1]")
    expect(tab.locator(".asked").first).to_have_text(PALAU)
    expect(tab.locator("html")).to_have_attribute("lang", "zh-CN")
    menu = tab.locator("input[readonly]").first
    expect(menu).to_have_value("自带的适配器")
    _button(tab, "English")
    expect(menu).to_have_value("the one it came with")
    expect(tab.locator("html")).to_have_attribute("lang", "en")
    assert card.inner_text() == english
    tab.locator("#answer input[type=range]").fill("41")
    expect(tab.locator(".decision")).to_contain_text("41.2 % is at least 41 %: answered without looking it up.")


def test_a_question_in_another_script_is_told_which_language_the_model_reads(tab: Page, app_url: str) -> None:
    sentences = {"en": "This model reads English only", "zh": "这个模型只读英文"}
    for language, sentence in sentences.items():
        tab.goto(f"{app_url}/?__theme=light&lang={language}")
        tab.locator("#ask-question textarea").fill("帕劳的首都是哪里")
        tab.locator("#ask-button").click()
        expect(tab.locator("#answer .note").filter(has_text=sentence)).to_be_visible()


def test_the_choice_is_remembered_and_stands_in_the_address_beside_the_rest(tab: Page, app_url: str) -> None:
    tab.goto(f"{app_url}/?__theme=light&kept=1")
    _button(tab, "中文")
    assert "lang=zh" in tab.url
    assert "kept=1" in tab.url
    tab.goto(f"{app_url}/")
    expect(tab.get_by_role("tab", name="提问")).to_be_visible()
    tab.goto(f"{app_url}/?lang=en")
    expect(tab.get_by_role("tab", name="Ask")).to_be_visible()


def test_a_chinese_browser_finds_the_page_in_chinese_and_can_have_it_in_english(
    chromium: Browser, app_url: str
) -> None:
    tab = chromium.new_page(locale="zh-CN")
    tab.goto(app_url)
    expect(tab.get_by_role("tab", name="提问")).to_be_visible()
    _button(tab, "English")
    expect(tab.get_by_role("tab", name="Ask")).to_be_visible()
    tab.close()
