"""The page as a whole: the menu above the tabs, the address bar, what programs may call, and a batch compared."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Page, expect

from tests.browser import fake_app
from tests.browser.serving import served

FRANCE = "What is the capital of France?"
PALAU = "What is the capital of Palau?"


def _open(tab: Page, app_url: str, rest: str = "") -> None:
    tab.goto(f"{app_url}/?__theme=light{rest}")
    expect(tab.get_by_label("Which adapter answers")).to_be_visible()


def _ask(tab: Page, question: str) -> None:
    box = tab.get_by_label("Your question")
    box.fill(question)
    box.press("Enter")


def _choose(tab: Page, adapter: str) -> None:
    tab.get_by_label("Which adapter answers").click()
    tab.get_by_role("option", name=adapter).click()


def _address(tab: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.url).query).items()}


def test_the_menu_has_every_finished_tuning_and_its_threshold(
    tab: Page, app_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UAIT_RUNS", str(tmp_path))
    _open(tab, app_url)
    note, slider = tab.locator("#adapter .info-text"), tab.get_by_role("slider", name="Threshold")
    expect(note).to_contain_text("at least 70 % sure")
    for name in ("20260101-000000-tune", "20260101-000001-broken", "20260101-000002-unfinished"):
        folder = tmp_path / name / ("" if "unfinished" in name else "adapter")
        folder.mkdir(parents=True)
        (tmp_path / name / "settings.json").write_text(json.dumps({"model": {"model": "pocket"}}))
        (folder / "card.json").write_text("{}")
    tab.get_by_role("tab", name="Compare").click()
    tab.get_by_role("tab", name="Ask", exact=True).click()
    tab.get_by_label("Which adapter answers").click()
    expect(tab.get_by_role("option")).to_have_count(4)
    tab.get_by_role("option", name="20260101-000000-tune").click()
    expect(note).to_contain_text("at least 60 % sure")
    expect(slider).to_have_value("60")
    _choose(tab, "none")
    expect(note).to_have_text("The untuned base states no confidence: everything is looked up.")
    _ask(tab, FRANCE)
    expect(tab.locator(".decision")).to_contain_text("The model stated no confidence: looked it up")
    _choose(tab, "20260101-000001-broken")
    expect(note).to_have_text("The adapter can't be read; tune it again.")
    _ask(tab, PALAU)
    expect(tab.get_by_role("alert")).to_have_text("The adapter can't be read; tune it again.")


def test_an_address_opens_the_tab_asks_its_question_and_sets_its_threshold(tab: Page, app_url: str) -> None:
    _open(tab, app_url, f"&tab=compare&t=0.42&other=1&q={PALAU}")
    expect(tab.get_by_role("region", name="UaIT")).to_contain_text("Ngerulmud")
    expect(tab.locator(".shares")).to_contain_text("Threshold 42 %")
    tab.get_by_role("tab", name="Ask", exact=True).click()
    _ask(tab, FRANCE)
    expect(tab.locator("p.big")).to_have_text("Paris")
    tab.get_by_role("slider", name="Threshold").fill("97.8")
    expect(tab.locator(".decision")).to_contain_text("93.1 % is below 97.8 %")
    shared = {"__theme": "light", "tab": "ask", "t": "0.978", "other": "1", "q": FRANCE}
    assert _address(tab) == shared
    tab.reload()
    expect(tab.locator(".decision")).to_contain_text("93.1 % is below 97.8 %: looked it up")
    assert _address(tab) == shared


def test_the_labs_threshold_is_taken_to_ask_with_one_click(tab: Page, app_url: str) -> None:
    for opened_at in ("ask", "compare"):  # Ask is made only when it is opened
        _open(tab, app_url, f"&tab={opened_at}")
        tab.get_by_role("tab", name="Compare").click()
        lab = tab.locator("#lab")
        lab.get_by_role("slider", name="Threshold").fill("0.95")
        lab.get_by_role("button", name="Ask with this threshold: 95 %").click()
        expect(tab.get_by_role("tab", name="Ask", exact=True)).to_have_attribute("aria-selected", "true")
        expect(tab.locator("#answer").get_by_role("slider", name="Threshold")).to_have_value("95")
        _ask(tab, FRANCE)
        expect(tab.locator(".decision")).to_contain_text("93.1 % is below 95 %")
        assert _address(tab)["t"] == "0.95"
    tab.get_by_role("tab", name="Compare").click()
    lab.get_by_role("combobox", name="Confidence").select_option("verbalized")
    expect(lab.get_by_role("button", name="Ask with this threshold")).to_be_hidden()  # Ask goes by another number


def test_an_address_opens_the_lab_as_it_was(tab: Page, app_url: str) -> None:
    _open(tab, app_url, "&tab=compare")
    lab = tab.locator("#lab")
    confidence, beside = (lab.get_by_role("combobox", name=name) for name in ("Confidence", "Beside it"))
    confidence.select_option("SAR")
    beside.select_option("verbalized")
    lab.get_by_role("combobox", name="Questions").select_option("out-of-domain")
    lab.get_by_role("slider", name="Threshold").fill("0.3")
    shared = {"__theme": "light", "tab": "compare", "method": "SAR", "beside": "verbalized"}
    assert _address(tab) == {**shared, "split": "out-of-domain", "t": "0.3"}
    tab.reload()
    expect(confidence).to_have_value("SAR")
    expect(beside).to_have_value("verbalized")
    expect(lab.get_by_role("combobox", name="Questions")).to_have_value("out-of-domain")
    expect(tab.locator(".shares")).to_contain_text("Threshold 30 %")
    beside.select_option("nothing")
    assert "beside" not in _address(tab)
    tab.get_by_role("tab", name="Ask", exact=True).click()
    expect(tab).to_have_url(re.compile("tab=ask"))
    assert "method" not in _address(tab)


def test_wrong_values_in_an_address_are_ignored(tab: Page, app_url: str) -> None:
    _open(tab, app_url, "&tab=nonsense&t=7&q=%20")
    slider = tab.get_by_role("slider", name="Threshold")
    expect(slider).to_have_value("70")
    slider.press("ArrowLeft")
    expect(slider).to_have_value("69")
    expect(tab).to_have_url(re.compile("t=0.69"))
    assert _address(tab) == {"__theme": "light", "tab": "ask", "t": "0.69"}


def test_a_batch_of_a_hundred_is_compared_and_a_dot_of_it_asked(tab: Page, app_url: str) -> None:
    _open(tab, app_url, "&tab=compare")
    tab.get_by_role("spinbutton", name="how many").fill("100")
    tab.get_by_role("button", name="Run it live").click()
    expect(tab.get_by_label("Live run")).to_have_value(re.compile("in-domain: sampling, [1-9]0 of 100 steps"))
    expect(tab.get_by_label("Live run")).to_have_value("Done: the lab shows these 100 questions of in-domain.")
    numbers = "document.querySelector('#lab [data-numbers]').dataset.numbers"
    tab.wait_for_function(f"JSON.parse({numbers}).n === 100")
    before = json.loads(tab.evaluate(numbers))
    tab.locator("#lab").get_by_role("slider", name="Threshold").fill("0.9")
    after = json.loads(tab.evaluate(numbers))
    assert after["answered"] < before["answered"] and after["n"] == before["n"]
    tab.locator(".dot").last.click()
    question = tab.locator(".lab-detail .said").inner_text()
    tab.locator(".lab-detail").get_by_role("button", name="Ask it").click()
    expect(tab.locator("#answer .asked")).to_have_text(question)
    expect(tab.locator("p.big")).not_to_be_empty()


def test_programs_may_call_every_verb_and_get_plain_data(app_url: str) -> None:
    client = Client(app_url, verbose=False)
    described: Any = client.view_api(return_format="dict")
    named = described["named_endpoints"]
    assert sorted(named) == ["/ask", "/compare", "/evaluate", "/explain"]
    for endpoint in named.values():
        assert endpoint["description"]
        assert all(parameter["python_type"]["type"] for parameter in endpoint["parameters"])
    reply = client.predict(PALAU, api_name="/ask")
    assert (reply["answer"], reply["decision"]["action"]) == ("Melekeok Town", "retrieve")
    assert (reply["final"]["answer"], len(reply["passages"])) == ("Ngerulmud", 3)
    assert client.predict(PALAU, 0.1, api_name="/ask")["passages"] == []
    assert client.predict(FRANCE, None, "none", api_name="/ask")["confidence"]["spoken"] is None
    assert [t["text"] for t in client.predict(PALAU, api_name="/explain")["tokens"]] == [" Mele", "keok", " Town"]
    opinions = client.predict(PALAU, api_name="/compare")
    assert [(o["method"], o["is_correct"]) for o in opinions][-1] == ("uait", True)
    assert {r["n"] for r in client.predict("in-domain", 20, api_name="/evaluate")} <= {19, 20}
    for arguments, sentence in (((PALAU, 0.5, "../../etc"), "There is no adapter named"), (("",), "empty")):
        with pytest.raises(AppError, match=sentence):
            client.predict(*arguments, api_name="/ask")
    with pytest.raises(AppError, match="is no split"):
        client.predict("training", 20, api_name="/evaluate")


def test_plotly_comes_from_this_server_and_only_when_a_figure_is_seen(tab: Page, app_url: str) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{app_url}?__theme=light")
    expect(tab.locator("#answer .steps")).to_be_visible()
    tab.wait_for_load_state("load")
    assert [url for url in asked if "plotly" in url.lower()] == []
    tab.get_by_role("tab", name="Tune", exact=True).click()
    expect(tab.locator("#tuning .plot .main-svg").first).to_be_visible()
    scripts = [url for url in asked if "plotly" in url.lower()]
    assert len(scripts) == 1 and scripts[0].startswith(app_url)
    assert [url for url in asked if url.startswith("http") and not url.startswith(app_url)] == []


def test_every_tab_ends_with_where_the_method_and_the_model_come_from(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    expect(tab.locator("#about")).to_contain_text("It reads English.")
    for name in ("Ask", "Compare", "Label", "Tune", "Evaluate", "Learn"):
        tab.get_by_role("tab", name=name, exact=True).first.click()
        foot = tab.locator("#foot footer")
        expect(foot).to_be_visible()
        expect(foot.get_by_role("link", name="The method (UaIT, EMNLP 2024)")).to_have_attribute(
            "href", "https://aclanthology.org/2024.emnlp-main.1205"
        )
        expect(foot).to_contain_text("assets/pocket/README.md")


def test_only_an_open_tab_of_runs_looks_at_its_jobs_and_seldom_where_there_are_none(tab: Page, app_url: str) -> None:
    sent: list[str] = []
    tab.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    _open(tab, app_url)
    for name in ("Tune", "Learn", "Label", "Compare"):
        tab.get_by_role("tab", name=name, exact=True).first.click()
        if name in ("Tune", "Label"):
            tab.wait_for_event("request", lambda request: "predict" in request.url)
        tab.wait_for_timeout(3000)  # what the opening itself asks for
        sent.clear()
        tab.wait_for_timeout(2500)
        assert sent == [], name  # no job is under way


def test_on_a_space_the_browser_asks_no_other_host(tab: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    monkeypatch.setenv("UAIT_RUNS", str(tmp_path))
    asked = list[str]()
    tab.on("request", lambda request: asked.append(request.url))
    with served(fake_app.build()) as url:
        tab.goto(f"{url}?__theme=light")
        expect(tab.locator("#answer .steps")).to_be_visible()
        tab.wait_for_timeout(3_000)  # the header came after the page
    assert asked
    assert [address for address in asked if address.startswith("http") and not address.startswith(url)] == []


def test_a_public_page_says_on_opening_what_cannot_be_started_and_offers_a_space_of_ones_own(
    tab: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    monkeypatch.setenv("UAIT_RUNS", str(tmp_path))
    starts = {"Label": "Start", "Tune": "Start tuning", "Evaluate": "Run again"}
    allowed = "a run asks at most 64 questions and works 90 seconds at a time."
    for can_start, said in ((False, "Long work is switched off on this page."), (True, allowed)):
        if can_start:
            for name, value in (("ALLOW_TRAINING", "1"), ("PUBLIC_QUESTIONS", "64"), ("PUBLIC_SECONDS", "90")):
                monkeypatch.setenv(f"UAIT_{name}", value)
        with served(fake_app.build()) as url:
            tab.goto(f"{url}?__theme=light")
            for name, start in starts.items():
                tab.get_by_role("tab", name=name, exact=True).click()
                expect(tab.get_by_text(said).filter(visible=True)).to_be_visible()
                own = tab.get_by_role("link", name="Duplicate this Space").filter(visible=True)
                expect(own).to_have_attribute("href", "https://huggingface.co/spaces/someone/uait?duplicate=true")
                expect(tab.get_by_role("button", name=start, exact=True)).to_be_enabled(enabled=can_start)
