"""Thirty ask at once: each reads how many wait before them, beside the button, in the page's language."""

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import fake_app
from tests.browser.serving import served
from uait.page import limits

N_OTHERS = 29
PALAU = "What is the capital of Palau?"


def _ask(tab: Page, text: str) -> None:
    tab.locator("#ask-question textarea").fill(text)
    tab.locator("#ask-button").click()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", r"You are number \d+ of \d+ who wait: \d+\.\d s of about \d+\.\d s"),
        ("zh", r"有 \d+ 人在等.您排在第 \d+ 位. 已等 \d+\.\d 秒.共约 \d+\.\d 秒"),
    ],
    ids=["English", "Chinese"],
)
def test_the_last_of_thirty_reads_its_place_in_the_queue_and_gets_its_answer(
    tab: Page, language: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with served(fake_app.build(pause=0.2)) as url:  # slow enough that thirty are more than are answered at once
        tab.goto(f"{url}?__theme=light&lang={language}")
        with tab.expect_request(
            lambda request: "queue/join" in request.url and PALAU in (request.post_data or "")
        ) as sent:
            _ask(tab, PALAU)
        expect(tab.locator("p.big")).to_have_text("Ngerulmud[1]")
        for other in range(N_OTHERS):
            asked = {**(sent.value.post_data_json or {}), "session_hash": f"other{other}"}
            httpx.post(f"{url}/gradio_api/queue/join", json=asked, timeout=30).raise_for_status()
        _ask(tab, "What is the capital of France?")
        expect(tab.locator("#ask-question")).to_contain_text(re.compile(sentence))
        expect(tab.locator("p.big")).to_have_text("Paris", timeout=60_000)
        expect(tab.locator("#ask-question")).not_to_contain_text(re.compile(sentence))


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "Your question was not lost: ask it again in a minute"), ("zh", "请过一分钟再提一次")],
    ids=["English", "Chinese"],
)
def test_who_finds_the_queue_full_is_told_to_come_back_and_keeps_the_question(
    tab: Page, language: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(limits, "AT_ONCE", 1)
    demo = fake_app.build(pause=0.3)
    demo.queue(max_size=1, default_concurrency_limit=1)
    with served(demo) as url:
        tab.goto(f"{url}?__theme=light&lang={language}")
        expect(tab.locator("#answer")).to_be_visible()
        for other in range(2):  # one at work, one that waits
            asked = {"data": [PALAU, 1.0, "shipped", "", "", False]}
            httpx.post(f"{url}/gradio_api/call/ask", json=asked, timeout=30).raise_for_status()
            tab.wait_for_timeout(500 * (1 - other))  # the first has begun
        _ask(tab, "What is the capital of France?")
        expect(tab.locator(".toast-wrap")).to_contain_text(sentence)
        expect(tab.locator("#ask-question textarea")).to_have_value("What is the capital of France?")
        expect(tab.locator("#ask-button")).to_be_enabled()


def test_a_new_question_ends_what_was_asked_before(tab: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with served(fake_app.build(pause=0.1)) as url:
        tab.goto(f"{url}?__theme=light")
        for ask_first in (lambda: _ask(tab, PALAU), lambda: tab.locator("#examples button").last.click()):
            ask_first()
            expect(tab.locator("#answer")).to_contain_text("Looking it up")  # for a second
            tab.locator("#ask-question textarea").fill("What is the capital of France?")
            tab.keyboard.press("Enter")
            expect(tab.locator("p.big")).to_have_text("Paris")
        tab.wait_for_timeout(1_500)  # the look-up would have come by now
        expect(tab.locator("p.big")).to_have_text("Paris")
        tab.locator("#answer").get_by_role("button", name="Why?").click()
        expect(tab.locator("#why")).to_contain_text("samples")  # for two seconds
        _ask(tab, "Who am I?")
        expect(tab.locator("#answer")).to_contain_text("Nothing certain")
        tab.wait_for_timeout(2_500)  # the explanation would have come by now
        expect(tab.locator("#why")).not_to_contain_text("keok")
        assert tab.locator("#answer [data-question]").get_attribute("data-question") == "Who am I?"


def test_what_was_looked_up_before_does_not_come_in_while_the_new_answer_is_written(
    tab: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with served(fake_app.build(pause=0.1)) as url:
        tab.goto(f"{url}?__theme=light")
        tab.locator("#examples button").last.click()
        expect(tab.locator("#answer")).to_contain_text("Looking it up")  # for a second
        tab.evaluate(_LISTEN)
        question = "Say it like an echo: what is the capital of France?"  # written for five seconds
        tab.locator("#ask-question textarea").fill(question)
        tab.keyboard.press("Enter")
        expect(tab.locator("p.big")).to_have_text(question)
        assert not tab.evaluate("window.cameIn")


_LISTEN = """() => {
  const answer = document.querySelector('#answer')
  window.cameIn = false
  new MutationObserver(() => { window.cameIn ||= answer.textContent.includes('Nothing certain') })
    .observe(answer, {childList: true, subtree: true, characterData: true})
}"""
