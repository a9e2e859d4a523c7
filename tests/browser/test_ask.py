"""The Ask tab, driven as a visitor would: ask, move the threshold, look it up, ask why."""

import re

import httpx
import pytest
from playwright.sync_api import LocatorAssertions, Page, expect

FRANCE = "What is the capital of France?"
PALAU = "What is the capital of Palau?"
PROBABILITIES = r"answer probability per token41\.9.%probability of the whole answer7\.4.%"


def _open(tab: Page, app_url: str, theme: str = "light") -> None:
    tab.goto(f"{app_url}/?__theme={theme}")
    expect(tab.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    expect(tab.get_by_role("slider")).to_be_visible()


def _ask(tab: Page, question: str) -> None:
    box = tab.get_by_label("Your question")
    box.fill(question)
    box.press("Enter")


def _decision(tab: Page) -> LocatorAssertions:
    return expect(tab.locator(".decision"))


def _answer(tab: Page) -> LocatorAssertions:
    return expect(tab.locator("p.big"))


def test_a_sure_answer_shows_its_number_and_the_decision(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    tab.get_by_label("Your question").fill(FRANCE)
    tab.get_by_role("button", name="Ask", exact=True).click()
    _answer(tab).to_have_text("Paris")
    _decision(tab).to_contain_text("93.1 % is at least 70 %: answered.")
    expect(tab.locator(".number")).to_have_text("93.1%")
    expect(tab.get_by_text("Expected: 95.2 %")).to_be_visible()
    expect(tab.get_by_text("seen 412 times in training")).to_be_visible()
    expect(tab.get_by_role("status").filter(has_text="Paris. 93.1 % is at least 70 %")).to_have_count(1)
    expect(tab.locator("del")).to_have_count(0)


def test_an_unsure_answer_is_struck_through_beside_the_corrected_one(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, PALAU)
    expect(tab.locator("del")).to_have_text("Melekeok Town")
    _answer(tab).to_have_text("Ngerulmud[1]")
    _decision(tab).to_contain_text("41.2 % is below 70 %: looked it up.")
    sources = tab.locator(".sources li")
    expect(sources).to_have_count(3)
    expect(sources.nth(1).get_by_role("link")).to_have_attribute("href", "https://example.org/a?b=1")
    expect(sources.nth(2).get_by_role("link")).to_have_count(0)
    expect(tab.get_by_text("The web search did not answer within 5 s")).to_be_visible()
    expect(tab.get_by_text("never seen in training.")).to_be_visible()


def test_moving_the_threshold_decides_again_without_the_server(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, PALAU)
    _answer(tab).to_have_text("Ngerulmud[1]")
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    slider = tab.get_by_role("slider", name="Threshold")
    slider.fill("41")
    _decision(tab).to_contain_text("41.2 % is at least 41 %: answered without looking it up.")
    _answer(tab).to_have_text("Melekeok Town")
    expect(tab.locator(".sources")).to_have_count(0)
    slider.press("ArrowRight")
    _decision(tab).to_contain_text("41.2 % is below 42 %: looked it up.")
    _answer(tab).to_have_text("Ngerulmud[1]")
    assert [url for url in requests if "heartbeat" not in url] == []


def test_the_threshold_can_be_dragged_on_the_bar(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    box = tab.locator(".gauge .track").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 0.7 * box["width"], middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.3 * box["width"], middle, steps=5)
    tab.mouse.up()
    expect(tab.get_by_role("slider")).to_have_value(re.compile(r"29\.\d|30(\.\d)?"))
    _ask(tab, PALAU)
    _decision(tab).to_contain_text("41.2 % is at least")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_done_when_it_is_not_sure_is_a_row_of_pills(tab: Page, app_url: str, theme: str) -> None:
    _open(tab, app_url, theme)
    group = tab.locator("#unsure")
    looks = "e => { const s = getComputedStyle(e); return [s.backgroundColor, s.borderTopColor, s.borderRadius]; }"
    behind = tab.locator(".form:has(> #unsure)").evaluate(looks)[0]
    assert behind == "rgba(0, 0, 0, 0)"  # no band of Gradio's
    chosen, other = (group.locator(f"label{which}").first.evaluate(looks) for which in (".selected", ":not(.selected)"))
    button = tab.get_by_role("button", name="Ask", exact=True).evaluate(looks)
    assert chosen[0] == button[0] != other[0] and chosen[2] == other[2] == "999px"
    assert other[1] != tab.locator("body").evaluate(looks)[0]  # its edge is seen
    web = group.get_by_role("radio", name="Search the web too")
    web.press("Space")
    expect(web).to_be_checked()


def test_raising_the_threshold_offers_to_look_it_up(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, FRANCE)
    _answer(tab).to_have_text("Paris")
    tab.get_by_role("slider").fill("98")
    _decision(tab).to_contain_text("93.1 % is below 98 %: would look it up.")
    tab.get_by_label("Your question").fill("Something else, not yet asked")
    tab.get_by_role("button", name="Look it up").click()
    _decision(tab).to_contain_text("93.1 % is below 98 %: looked it up, and it holds.")
    expect(tab.locator(".sources li")).to_have_count(3)


def test_an_example_is_asked_with_one_click(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    group = tab.get_by_role("group", name="It knows")
    group.get_by_role("button").first.click()
    expect(tab.get_by_label("Your question")).not_to_have_value("")
    expect(tab.get_by_role("button", name="Why?")).to_be_visible()
    expect(tab.get_by_role("button", name="Ask", exact=True)).to_be_enabled()


def test_why_shows_which_token_the_doubt_hangs_on(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, PALAU)
    tab.get_by_role("button", name="Why?").click()
    tokens = tab.get_by_role("group", name="The answer, token by token").get_by_role("button")
    expect(tokens).to_have_count(3)
    detail = tab.locator(".detail")
    expect(detail).to_contain_text("0.70 nats")  # the most doubtful one is shown first
    doubt = "The answer’s doubt is 1.02 nats in all, where 0 is none and 2 is deep; 69 % of it hangs on “keok”."
    expect(tab.get_by_text(doubt)).to_be_visible()
    tokens.nth(0).hover()
    expect(detail).to_contain_text("0.610")
    expect(detail).to_contain_text("Without it: keok Town keeps 58 % of the meaning.")
    tokens.nth(0).focus()
    tab.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    expect(detail).to_contain_text("0.220")
    tab.keyboard.press("End")
    expect(tokens.nth(2)).to_be_focused()
    expect(tab.get_by_text("Answering and saying the number: 3 tokens")).to_be_visible()
    expect(tab.get_by_text("Drawing 5 samples and comparing them: 24 tokens, 2.1 s.")).to_be_visible()
    numbers = tab.locator("#why dl.numbers").first
    expect(numbers).to_contain_text(re.compile(rf"said41\.2.%expected43\.3.%{PROBABILITIES}SAR26.%"))
    expect(tab.get_by_text("They disagree: expected 43.3 %, SAR 26 %.")).to_be_visible()


def test_why_keeps_the_bases_view_in_a_second_tab_which_is_asked_when_opened(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    base = tab.get_by_role("tab", name="Untuned base")
    expect(base).to_be_hidden()  # there is nothing explained yet
    _ask(tab, PALAU)
    tab.get_by_role("button", name="Why?").click()
    expect(tab.locator("#why .token")).to_have_count(3)
    expect(tab.locator("#why-base .token")).to_have_count(0)
    base.click()
    expect(tab.locator("#why-base .token")).to_have_count(3)
    expect(tab.locator("#why-differs")).to_have_text(
        "The untuned base answers “Melekeok Town” too; what tuning has added is the number said."
    )
    numbers = tab.locator("#why-base dl.numbers").first
    expect(numbers).to_contain_text(re.compile(rf"^{PROBABILITIES}SAR26.%"))
    expect(tab.locator("#why-base .legend")).to_have_text(tab.locator("#why .legend").text_content() or "")
    tab.get_by_role("button", name="Why?").click()
    expect(tab.get_by_role("tab", name="As it answered")).to_have_attribute("aria-selected", "true")
    expect(tab.locator("#why .token").first).to_be_visible()
    _ask(tab, "What is the capital of France?")
    expect(base).to_be_hidden()


def test_why_has_a_table_of_tokens_and_a_matrix_of_samples(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, PALAU)
    tab.get_by_role("button", name="Why?").click()
    tab.get_by_text("The same as a table").click()
    rows = tab.get_by_role("region", name="Tokens as a table").get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.nth(2)).to_contain_text("0.70 nats")
    expect(tab.get_by_role("heading", name="The samples mostly agree: 3 of 5 say “Melekeok Town”.")).to_be_visible()
    matrix = tab.get_by_role("region", name="Samples and their similarity")
    expect(matrix.get_by_role("row")).to_have_count(6)
    expect(matrix.locator("td.cell")).to_have_count(25)


def test_a_new_question_forgets_the_old_explanation(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, PALAU)
    tab.get_by_role("button", name="Why?").click()
    expect(tab.locator(".token")).to_have_count(3)
    _ask(tab, FRANCE)
    _answer(tab).to_have_text("Paris")
    expect(tab.locator(".token")).to_have_count(0)


HOSTILE = {
    "empty": "",
    "spaces": "     ",
    "long": "why " * 2_500,
    "emoji": "echo 🦊👩‍👩‍👧 ?",
    "right-to-left": "echo ما هي عاصمة فرنسا؟ \u202e",
    "chat tokens": "<|user|><s>[INST] echo [/INST]<|end|>",
    "script": "echo <script>window.pwned=1</script><img src=x onerror=window.pwned=1>",
    "template": "echo ${window.pwned=1} {{window.pwned=1}} `${window.pwned=1}`",
    "nul": "echo a\x00b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_gets_an_answer_or_one_sentence_and_the_next_question_works(
    tab: Page, app_url: str, text: str
) -> None:
    _open(tab, app_url)
    _ask(tab, text)
    expect(tab.get_by_role("alert").or_(tab.get_by_role("button", name="Why?")).first).to_be_visible()
    if tab.get_by_role("button", name="Why?").count():
        tab.get_by_role("slider").fill("0")  # the echoed text stands large in the card
        tab.get_by_role("button", name="Why?").click()
        expect(tab.locator(".token").first).to_be_visible()
    assert tab.evaluate("window.pwned") is None
    assert tab.locator("#answer script, #answer img, #why script, #why img").count() == 0
    _ask(tab, FRANCE)
    _answer(tab).to_have_text("Paris")


def test_a_bug_shows_one_line_and_the_next_question_works(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, "crash")
    expect(tab.get_by_role("alert")).to_contain_text("Something went wrong here (ZeroDivisionError).")
    _ask(tab, FRANCE)
    _answer(tab).to_have_text("Paris")


def test_a_search_that_finds_nothing_is_no_correction(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, "offline Palau")
    _decision(tab).to_contain_text("41.2 % is below 70 %: looked it up, but found nothing.")
    _answer(tab).to_have_text("I don’t know.")
    expect(tab.locator("del")).to_have_text("Melekeok Town")
    expect(tab.locator(".sources")).to_have_count(0)


def test_passages_that_do_not_say_are_shown_and_nothing_is_made_of_them(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, "silent Palau")
    _decision(tab).to_contain_text("41.2 % is below 70 %: looked it up, but the passages don’t say.")
    _answer(tab).to_have_text("I don’t know.")
    expect(tab.locator("del")).to_have_text("Melekeok Town")
    expect(tab.locator(".sources li")).to_have_count(3)


def test_what_is_not_sure_after_reading_is_left_open(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, "doubtful Palau")
    _decision(tab).to_contain_text("41.2 % is below 70 %: looked it up, but the second answer is only 30 % sure.")
    _answer(tab).to_have_text("I don’t know.")
    expect(tab.locator("del")).to_have_text("Melekeok Town")


def test_the_visitor_chooses_what_an_unsure_answer_leads_to(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    expect(tab.locator("#unsure")).to_contain_text("The web sends your question to duckduckgo")
    expect(tab.get_by_label("Look in the encyclopaedia")).to_be_checked()  # nothing leaves the machine unasked
    tab.get_by_label("Ask second").check()
    _ask(tab, PALAU)
    _decision(tab).to_contain_text("41.2 % is below 70 %: asked another model.")
    expect(tab.locator(".words .sr-only").last).to_have_text("Another model’s answer:")  # nothing was read
    _answer(tab).to_have_text("Ngerulmud")
    expect(tab.locator(".second")).to_contain_text("second")
    expect(tab.locator(".second")).to_contain_text("80 % sure")
    expect(tab.locator(".second")).to_contain_text("30 tokens read, 2 tokens written, 0.4 s")
    tab.get_by_label("Leave it open").check()
    _ask(tab, PALAU)
    _decision(tab).to_contain_text("41.2 % is below 70 %: left open.")
    _answer(tab).to_have_text("I don’t know.")


def test_a_kind_of_question_that_was_never_measured_is_said_beside_its_number(tab: Page, app_url: str) -> None:
    _open(tab, app_url)
    _ask(tab, "?")
    _decision(tab).to_contain_text("8.3 % is below 70 %: looked it up")  # the number is reason enough
    tab.get_by_role("slider").press("Home")  # a threshold of 0 does not make it measured
    unlike = "8.3 % is at least 0 %, but the question looks unlike those I was measured on: looked it up"
    _decision(tab).to_contain_text(unlike)
    expect(tab.locator("#answer [role=status]")).to_contain_text(unlike)  # screen readers hear it too


def test_nothing_outside_the_page_is_requested(tab: Page, app_url: str) -> None:
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    _open(tab, app_url)
    _ask(tab, PALAU)
    tab.get_by_role("button", name="Why?").click()
    expect(tab.locator(".token")).to_have_count(3)
    assert requests
    assert [url for url in requests if not url.startswith((app_url, "data:", "blob:"))] == []


@pytest.mark.parametrize("width", [400, 760, 1920])
def test_the_page_is_never_wider_than_the_window(tab: Page, app_url: str, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    _open(tab, app_url)
    _ask(tab, "Palau " + "x" * 300)
    tab.get_by_role("button", name="Why?").click()
    expect(tab.locator(".token")).to_have_count(3)
    assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


# Contrast (WCAG 2) of every visible text on the page against what lies behind it; canvas resolves any CSS colour.
_LOW_CONTRAST = """() => {
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colors) => {
    pixel.clearRect(0, 0, 1, 1);
    for (const color of colors) { pixel.fillStyle = color; pixel.fillRect(0, 0, 1, 1); }
    return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => node ? [...behind(node.parentElement), getComputedStyle(node).backgroundColor] : [];
  const low = [];
  for (const node of document.querySelectorAll("main *")) {
    const hasText = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!hasText || !node.checkVisibility() || node.disabled || node.closest(".sr-only")) continue;
    const ground = behind(node);
    const shown = [...ground, getComputedStyle(node).color];
    const [a, b] = [light(paint(ground)), light(paint(shown))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) low.push(`${contrast.toFixed(2)} ${node.className} ${node.textContent.slice(0, 30)}`);
  }
  return low;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("question", [PALAU, FRANCE])
def test_every_text_keeps_its_contrast(tab: Page, app_url: str, theme: str, question: str) -> None:
    _open(tab, app_url, theme)
    assert tab.evaluate("document.body.classList.contains('dark')") is (theme == "dark")
    _ask(tab, question)
    tab.get_by_role("button", name="Why?").click()
    expect(tab.locator(".token")).to_have_count(3)
    assert tab.evaluate(_LOW_CONTRAST) == []


def test_an_answer_below_the_fold_is_brought_into_view(tab: Page, app_url: str) -> None:
    tab.set_viewport_size({"width": 400, "height": 500})
    _open(tab, app_url)
    expect(tab.locator(".card.answer")).not_to_be_in_viewport()
    _ask(tab, FRANCE)
    expect(tab.get_by_text("Paris", exact=True)).to_be_in_viewport()


def test_the_page_keeps_to_itself(app_url: str) -> None:
    config = httpx.get(f"{app_url}/config").json()
    assert (config["analytics_enabled"], config["run_history"], config["footer_links"]) == (False, False, [])
    assert config["max_file_size"] == 10_000_000
