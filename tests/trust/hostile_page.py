"""Drives the corpus through every place of the page where text is shown, in a real browser, and counts.

All of it, with its figures: python -m tests.trust.hostile_page. Nothing may run, and no host but ours be asked.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Dialog, Locator, Page, expect, sync_playwright

from tests.browser import fake_app, serving
from tests.browser.conftest import CHROMIUM_ARGUMENTS, chromium_path
from tests.trust import hostile_verbs
from tests.trust.corpus import CORPUS, as_file_name
from uait.data.files import append_jsonl, write_json, write_jsonl
from uait.records import Label, Question, Reason, Unscored
from uait.runs.files import ADAPTER, DISTILLED, HELD_OUT, JOB, LABELS, LEFT_OUT, PROBES, QUESTIONS, REPORT, UNTAUGHT
from uait.runs.folder import RunFolder
from uait.runs.jobs import EVENTS, LOG
from uait.settings import Settings, to_dict
from uait.stages.distil import distil

RUN = "20270101-000000-run"  # the newest: what a page shows first
_LOG_LINES = 8  # that the page shows; the last says that the ones before it have come


@dataclass
class Watch:
    """One tab of the browser, and all that should not happen in it."""

    tab: Page
    events: list[str] = field(default_factory=list)
    n: int = 0  # texts shown

    def __post_init__(self) -> None:
        self.tab.route("**/*", self._pass_or_note)
        self.tab.on("dialog", self._dismiss)
        self.tab.on("popup", lambda page: self.events.append(f"popup {page.url}"))
        self.tab.on("pageerror", lambda error: self.events.append(f"error {error}"))

    def check(self, n: int = 0) -> None:
        """Counts `n` texts as shown. Raises AssertionError when something ran, or another host was asked."""
        self.n += n
        assert self.tab.evaluate("window.__pwned") is None, self.tab.url
        assert self.events == [], self.events
        assert len(self.tab.frames) == 1, self.tab.frames

    def _dismiss(self, dialog: Dialog) -> None:
        self.events.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _pass_or_note(self, route: Any) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in ("http", "https") and parts.hostname != "127.0.0.1":
            self.events.append(f"request {route.request.url}")
            route.abort()
        else:
            route.continue_()


# -- what the page shows ----------------------------------------------------------------------------------


@contextmanager
def served(root: Path, texts: Sequence[str]) -> Iterator[str]:
    """The whole page around verbs that say these texts; its runs, hostile too, lie below `root`."""
    from uait.page import app, run_actions  # noqa: PLC0415 - gradio takes seconds

    seldom, run_actions.SELDOM = run_actions.SELDOM, run_actions.EVERY  # nobody waits ten seconds for each text

    before = os.environ.get("UAIT_RUNS")
    os.environ["UAIT_RUNS"] = str(root)
    settings = fake_app.FakeEngines().settings
    lay_out(root / RUN, settings, texts)
    for text in texts:
        _named(root / as_file_name(text), root / RUN)
    around: Any = fake_app.FakeEngines()
    verbs: Any = hostile_verbs
    facts: Any = fake_app.FakeFacts()
    try:
        with serving.served(app.build(around, verbs=verbs, load=verbs.load, facts=facts)) as url:
            yield url
    finally:
        run_actions.SELDOM = seldom
        os.environ.pop("UAIT_RUNS") if before is None else os.environ.update(UAIT_RUNS=before)


def lay_out(folder: Path, settings: Settings, texts: Sequence[str]) -> None:
    """A run of every stage whose questions, answers, samples and ids are the texts, and whose job failed."""
    run = RunFolder(folder)
    asked = [Question(f"{i} {text}", text if text.strip() else "x", (text, "Lima")) for i, text in enumerate(texts)]
    n = len(asked)
    labels = [
        Label(q, q.text, (i + 0.5) / n, None, 1.0, i % 3 != 0, None, (q.text, q.text)) for i, q in enumerate(asked)
    ]
    for name, rows in {QUESTIONS: asked, HELD_OUT: [Question("h", "Who?", ("I",))], LABELS: labels}.items():
        write_jsonl(folder / name, rows)
    left_out = [Unscored(text, Reason.TOO_LONG) for text in texts]
    run.save_settings(settings, ("prompts", "model", "sampling", "label"))
    list(distil(settings, run))
    write_jsonl(folder / LEFT_OUT, left_out)
    write_jsonl(folder / UNTAUGHT, left_out)
    for step in (0, 1):
        append_jsonl(folder / PROBES, {"step": step, "confidences": [0.5] * 8, "answers": list(texts[:8])})
    write_json(folder / REPORT, hostile_verbs.report(tuple(texts)))
    (folder / "splits").mkdir()
    fail(folder, settings, texts[:1], "tune")


def fail(folder: Path, settings: Settings, lines: Sequence[str], verb: str) -> None:
    """As a job leaves the folder that failed with the first of these lines, all of them in its log."""
    write_json(folder / JOB, {"verb": verb, "settings": to_dict(settings), "submitted": 1.0})
    (folder / EVENTS).unlink(missing_ok=True)
    for kind in ("begun", "progress", "failed"):
        row = {"stage": lines[0], "note": lines[0], "next_step": lines[0], "done": 1, "total": 2}
        append_jsonl(folder / EVENTS, {"time": time.time(), "kind": kind, **row})
    (folder / LOG).write_bytes("\n".join(" ".join(one.splitlines()) for one in lines).encode("utf-8", "replace"))


def _named(folder: Path, like: Path) -> None:
    """A run of this name for every menu, with little in it."""
    folder.mkdir()
    for name in ("settings.json", DISTILLED):
        shutil.copy(like / name, folder / name)
    write_jsonl(folder / QUESTIONS, [Question("q", "Who?")])
    for name in ("splits", ADAPTER):
        (folder / name).mkdir()
    write_json(
        folder / ADAPTER / "card.json",
        {"settings": {"tune": {"batch_size": 1}}, "metrics": {"seconds": 1, "n_steps": 1}},
    )


# -- the places -------------------------------------------------------------------------------------------


def ask(watch: Watch, url: str, places: Sequence[int]) -> None:
    """Ask and Why: the answer, its tokens, prompts, sources, notes, errors; then the text as the question itself."""
    tab = watch.tab
    box, card = tab.locator("#ask-question textarea"), tab.locator("#answer [data-state]").first
    for language in ("en", "zh"):  # the translator, too, walks over every text
        _open(watch, url, f"lang={language}")
        for i in places[language == "zh" :: 2]:
            _sent(card, box, f"number {i}", "done")
            expect(tab.locator("#answer .sources li")).to_have_count(3)
            tab.locator("#answer summary").first.click()
            tab.locator("#answer button.secondary").click()
            expect(tab.locator("#why .token")).to_have_count(3)
            tab.locator("#why .token").nth(1).hover()
            _sent(card, box, f"fail {i}", "error")
            _sent(card, box, _typed(CORPUS[i]), "done")
            watch.check(1)


def compare(watch: Watch, url: str, places: Sequence[int]) -> None:
    """Compare's columns."""
    tab = watch.tab
    _open(watch, url, "tab=compare")
    box, columns = tab.get_by_label("Question to compare on"), tab.locator("#columns [data-state]").first
    for i in places:
        _sent(columns, box, f"number {i}", "done")
        _sent(columns, box, f"fail {i}", "error")
        watch.check(1)


def lab(watch: Watch, url: str, places: Sequence[int]) -> None:
    """The threshold lab after a live run: each question of it read by the keyboard."""
    tab = watch.tab
    _open(watch, url, "tab=compare")
    tab.get_by_role("button", name="Run it live").click()
    expect(tab.locator("#live-note textarea")).to_have_value("Done: the lab shows these 50 questions of in-domain.")
    dot = tab.locator("#lab svg [tabindex='0']").first
    dot.focus()
    for _ in places:
        tab.keyboard.press("Enter")
        tab.keyboard.press("ArrowRight")
    watch.check(len(places))


def addresses(watch: Watch, url: str, places: Sequence[int]) -> None:
    """The text in the page's address: as the question, the tab, the language, the threshold."""
    for i in places:
        text = quote(CORPUS[i].encode("utf-8", "replace"))
        watch.tab.goto(f"{url}/?q={text}&tab={text}&lang={text}&t={text}&step={text}&present={text}#{text}")
        expect(watch.tab.get_by_role("slider").first).to_be_attached()
        watch.check(1)


def menus(watch: Watch, url: str, places: Sequence[int]) -> None:
    """Names of runs and adapters: in the menus, chosen, and in the sentences about them."""
    tab = watch.tab
    _open(watch, url)
    names = [as_file_name(CORPUS[i]) for i in places]
    tab.get_by_role("tab", name="Compare").click()
    tab.get_by_role("tab", name="Ask", exact=True).click()
    for name in names:
        tab.locator("#adapter input").click()
        tab.get_by_role("option").filter(has_text="yours: ").nth(names.index(name)).click()
        expect(tab.locator("#adapter .info-text")).to_contain_text("can't be read.")
        watch.check(1)
    for page, menu in (("Label", "#label-run"), ("Tune", "#tune-run"), ("Evaluate", "#evaluate-run")):
        tab.get_by_role("tab", name=page, exact=True).click()
        tab.wait_for_timeout(1_200)
        for name in names:
            _send(tab.locator(f"{menu} input"), _typed(name))
            tab.wait_for_timeout(300)
        tab.wait_for_timeout(1_200)
        if page == "Tune":
            expect(tab.locator("#tuning")).to_contain_text("is no adapter's card")  # and the tab goes on
        watch.check(len(names))


def runs(watch: Watch, url: str, root: Path, places: Sequence[int]) -> None:
    """Labels, what they teach, a tuning's probes, a job's log; and the figures' and tables' own texts."""
    tab, settings = watch.tab, fake_app.FakeEngines().settings
    for page, menu, verb in (("Label", "#label-run", "label"), ("Tune", "#tune-run", "tune")):
        fail(root / RUN, settings, ["x"], verb)
        _open(watch, url, f"tab={page.lower()}")
        _choose(tab, menu, f"#{verb}-job .job-title", "failed")
        for start in range(0, len(places), _LOG_LINES - 1):
            lines = [" ".join(CORPUS[i].split()) or "x" for i in places[start : start + _LOG_LINES - 1]]
            fail(root / RUN, settings, [*lines, f"as far as {start}"], verb)
            expect(tab.locator(f"#{verb}-job")).to_contain_text(f"as far as {start}")
            watch.check(len(lines))
    _open(watch, url, "tab=label")
    for lane in (".lane.right", ".lane.wrong"):
        dots = tab.locator(f"#distil {lane} .dot")
        for i in range(dots.count()):
            dots.nth(i).dispatch_event("click")
    watch.check(len(places))


def uploads(watch: Watch, url: str, places: Sequence[int]) -> None:
    """Files of a visitor: their names, columns and cells, in the table, the menus and the sentences."""
    tab = watch.tab
    _open(watch, url, "tab=label")
    tab.get_by_label("My own file").check()
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(places), 5):
            texts = [CORPUS[i].encode("utf-8", "replace").decode() for i in places[start : start + 5]]
            file = Path(folder) / as_file_name(texts[0], ".jsonl")
            named = ("question", "answer", "id") if start % 10 else ()  # read as questions, or not yet
            rows = [dict.fromkeys([*named, *texts], text) for text in texts]
            file.write_text("\n".join(json.dumps(row) for row in rows))
            tab.locator('#label-file input[type="file"]').set_input_files(file)
            expect(tab.locator("#label-file-said")).to_contain_text(f"holds {len(rows)} rows.")
            tab.wait_for_timeout(300)
            watch.check(len(texts))
            tab.locator("#label-file").get_by_label("Clear").or_(tab.get_by_label("Remove")).first.click()


def evaluation(watch: Watch, url: str, browser: Browser, places: Sequence[int]) -> None:
    """An evaluation's caveats and tables, and what is taken away of it: CSV, Markdown, a web page."""
    tab = watch.tab
    _open(watch, url, "tab=evaluate")
    _choose(tab, "#evaluate-run", "#evaluation .made", "Measured from this page")
    files = {}
    for name in ("Numbers as CSV", "Report as Markdown", "Figures as HTML"):
        with tab.expect_download() as download:
            tab.get_by_role("button", name=name).click()
        files[name] = Path(download.value.path()).read_text(encoding="utf-8-sig")
    watch.check(len(places))
    check_csv(files["Numbers as CSV"])
    opened = Watch(browser.new_page())
    for text in (files["Figures as HTML"], MarkdownIt("commonmark").render(files["Report as Markdown"])):
        opened.tab.set_content(text)
        opened.tab.wait_for_timeout(500)
        opened.check(len(places))
    opened.tab.close()


def check_csv(text: str) -> None:
    """Raises AssertionError when a cell begins as a formula does."""
    cells = [cell.strip('"') for line in text.splitlines() for cell in line.split(",")]
    assert [cell for cell in cells if cell[:1] in ("=", "@", "\t", "\r")] == []


def lesson(watch: Watch, url: str, places: Sequence[int]) -> None:
    """What the live model says on the first step of the lesson."""
    tab = watch.tab
    _open(watch, url, "tab=learn&step=1")
    box = tab.locator("#lesson-1").get_by_label("Try it on the live model")
    for i in places:
        _send(box, f"number {i}")
        tab.wait_for_timeout(300)
        watch.check(1)


def _open(watch: Watch, url: str, rest: str = "lang=en") -> None:
    watch.tab.goto(f"{url}/?__theme=light&{rest}")
    expect(watch.tab.locator("#ask-question, [role=tabpanel]").first).to_be_attached()


def _choose(tab: Page, menu: str, shown: str, text: str) -> None:
    """Chooses the run, until the page shows it: a look that is under way may still put the one before into the menu."""
    for _ in range(10):
        _send(tab.locator(f"{menu} input"), RUN)
        tab.wait_for_timeout(1_500)
        if text in tab.locator(shown).first.inner_text():
            return
    raise AssertionError(f"{menu} never showed {text!r}")


def _send(box: Locator, text: str) -> None:
    box.fill(text)
    box.press("Enter")


def _sent(card: Locator, box: Locator, text: str, state: str) -> None:
    """Sends the text, and waits until the card was drawn in this state for it."""
    card.evaluate("node => { node.dataset.state = 'before'; }")
    _send(box, text)
    expect(card).to_have_attribute("data-state", state)


def _typed(text: str) -> str:
    """The text as a keyboard can send it: whole characters, on one line, with something in it."""
    return " ".join(text.encode("utf-8", "replace").decode().replace("\x00", "").split()) or "x"


# -- all of it --------------------------------------------------------------------------------------------


def drive(browser: Browser, url: str, root: Path, places: Sequence[int]) -> Iterator[tuple[str, int, float]]:
    """Each place with how many texts it showed, in how many seconds. Raises AssertionError where one was more."""
    stages: dict[str, Callable[[Watch], None]] = {
        "ask": lambda watch: ask(watch, url, places),
        "compare": lambda watch: compare(watch, url, places),
        "threshold lab": lambda watch: lab(watch, url, places),
        "address": lambda watch: addresses(watch, url, places),
        "menus": lambda watch: menus(watch, url, places),
        "label and tune": lambda watch: runs(watch, url, root, places),
        "uploads": lambda watch: uploads(watch, url, places),
        "evaluation and its files": lambda watch: evaluation(watch, url, browser, places),
        "lesson": lambda watch: lesson(watch, url, places),
    }
    for name, stage in stages.items():
        begun, watch = time.monotonic(), Watch(browser.new_page(viewport={"width": 1280, "height": 900}))
        stage(watch)
        watch.tab.close()
        yield name, watch.n, time.monotonic() - begun


def main(places: Sequence[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ.setdefault("GRADIO_TEMP_DIR", f"{folder}/gradio")
        root, total = Path(folder) / "runs", 0
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        with served(root, [CORPUS[i] for i in places]) as url:
            for name, n, seconds in drive(browser, url, root, places):
                total += n
                sys.stdout.write(f"{name}: {n} shown, none ran, nothing fetched ({seconds:.0f} s)\n")
                sys.stdout.flush()
        sys.stdout.write(f"{len(places)} strings, shown {total} times: window.__pwned undefined, 0 foreign requests\n")


if __name__ == "__main__":
    main(range(len(CORPUS)))
