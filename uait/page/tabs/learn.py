"""The Learn tab: a lesson of eight steps on recorded outputs of the model above, three of them to try live.

The sentences are in `uait.page.lesson.words`, the figures' data in `uait.page.lesson.figures`.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from uait.page import limits
from uait.page.components import Drawn
from uait.page.figures import lesson as lesson_figures
from uait.page.lesson import figures, words
from uait.page.lesson.ballot import Ballot
from uait.page.lesson.record import Lesson, recorded_lesson
from uait.page.menu import Who
from uait.page.place import Place
from uait.page.tabs import vote
from uait.page.views import answer as answer_view
from uait.records.errors import DataError, UaitError
from uait.records.events import last_record
from uait.settings import allows_training

log = logging.getLogger(__name__)

NO_LESSON = "This model has no recorded lesson; the embedded ones have."
_WORKING: answer_view.Payload = {"state": "working", "message": "Asking the model …"}
_EMPTY: answer_view.Payload = {"state": "empty"}


class LessonPart(Drawn):
    """A step, or what the live model said to it. `go`: to the tab where the step lives."""

    scripts = ("figures.js", "learn.js")
    triggers = ("go",)

    def postprocess(self, value: Any) -> Any:
        return super().postprocess(value and lesson_figures.drawn(value))


def build(place: Place, verbs: Any, who: Who, tabs: gr.Tabs, question: gr.Textbox, ballot: Ballot) -> gr.Tabs | None:
    """Places the tab's components in the current Blocks and wires them; gives the steps, None where there are none.

    A step's link selects its tab in `tabs`, and puts the lesson's question into `question` where that tab is Ask.
    """
    shelf, description = place.shelf, place.description
    try:
        lesson = recorded_lesson(description.folder) if description else None
    except DataError as err:
        gr.Markdown(str(err))
        return None
    if lesson is None:
        gr.Markdown(NO_LESSON)
        return None
    steps = words.steps(lesson, description.about_verbalized if description else "", allows_training())
    live = _live_answers(place, verbs)
    with gr.Tabs(selected=1, elem_id="lesson", overflow_behavior="wrap") as walk:
        for step in steps:
            number = step["number"]
            with gr.Tab(step["title"], id=number, elem_id=f"lesson-{number}") as tab:
                part = LessonPart(step, elem_id=f"step-{number}", label=f"step {number}")
                vote.count(step["slide"], ballot)
                _link(part, step["tab"], tabs, question, lesson)
                if number in live:
                    _try_it(number, live[number], lesson.example.question.text, shelf.shipped.threshold, who)
                _turn_pages(number, len(steps))
            tab.select(None, js=f"() => uaitAddress.keep('learn', {{step: {number}}})", api_visibility="private")
    return walk


def _link(part: LessonPart, tab: str, tabs: gr.Tabs, question: gr.Textbox, lesson: Lesson) -> None:
    private: Any = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    text = lesson.example.question.text
    if tab == words.ASK:
        part.go(lambda: (gr.Tabs(selected=tab), text), outputs=[tabs, question], **private)
    else:
        part.go(lambda: gr.Tabs(selected=tab), outputs=tabs, **private)


def _turn_pages(number: int, last: int) -> None:
    with gr.Row(elem_classes="learn-pages"):
        for label, other in (("Back", number - 1), ("Next", number + 1)):
            if 1 <= other <= last:
                button = gr.Button(label, elem_classes=f"learn-{label.lower()}", scale=0, min_width=140)
                button.click(None, js=f"() => uaitAddress.press('#lesson-{other}-button')", api_visibility="private")


# -- trying it live ------------------------------------------------------------------------------

Live = Callable[..., Iterator[answer_view.Payload]]
_BUTTONS = {1: "Ask how sure it is", 2: "Ask it again and again", 8: "Ask, and decide"}


def _try_it(number: int, answer: Live, text: str, threshold: float, who: Who) -> None:
    with gr.Row(elem_classes="learn-try"):
        asked = gr.Textbox(text, label="Try it on the live model", lines=1, max_lines=3, scale=4, min_width=240)
        inputs: list[Any] = [asked]
        if number == len(words.TITLES):
            inputs.append(gr.Slider(0, 100, round(100 * threshold, 1), step=0.1, label="Threshold in %", min_width=200))
        button = gr.Button(_BUTTONS[number], variant="primary", scale=1, min_width=180)
    shown = LessonPart(_EMPTY, elem_id=f"live-{number}", label=f"live {number}")
    gr.on(
        [button.click, asked.submit], answer, [*inputs, *who], shown,
        concurrency_id="model", concurrency_limit=1, show_progress="hidden", api_visibility="private",
    )  # fmt: skip


def _live_answers(place: Place, verbs: Any) -> dict[int, Live]:
    """By step, what its button does."""
    shelf, references = place.shelf, place.references

    def claim(question: str, *who: str) -> answer_view.Payload:
        known = references(question)
        limits.check_question(question)
        claimed = next(shelf.run(verbs.compare, *who, question, known or ()))  # the untuned model comes first
        return figures.live_claim(question, claimed, known)

    def attempts(question: str, *who: str) -> answer_view.Payload:
        limits.check_question(question)
        return figures.live_attempts(question, last_record(shelf.run(verbs.explain, *who, question)))

    def decision(question: str, threshold: float, *who: str) -> answer_view.Payload:
        asked: Any = {"threshold": threshold / 100, "when_unsure": "retrieve"}
        reply = last_record(shelf.run(verbs.ask, *who, question, **asked))
        return figures.live_decision(reply, references(question), shelf.shipped.settings.label.correctness)

    return {1: _shown(claim), 2: _shown(attempts), 8: _shown(decision)}


def _shown(answer: Callable[..., answer_view.Payload]) -> Live:
    """The live answer as the page shows it: that it is being asked for, then it or one sentence."""

    def show(question: str, *given: Any) -> Iterator[answer_view.Payload]:
        yield _WORKING
        try:
            yield answer(question or "", *given)
        except UaitError as err:
            yield figures.note(str(err))
        except Exception as err:
            log.exception("Asking failed.")
            yield figures.note(answer_view.unexpected(err))

    return show
