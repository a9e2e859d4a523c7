"""The Compare tab: one question asked in every way, and the threshold lab on a recorded evaluation.

Each handler asks a verb of `uait.stages` and shows what `uait.page.views.compare` makes of it.
"""

import logging
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, NamedTuple

import gradio as gr

from uait.data.catalogue import Description
from uait.page import limits
from uait.page.components import Drawn, Examples, question_row
from uait.page.figures import curves
from uait.page.menu import Who
from uait.page.place import Place
from uait.page.views import answer as answer_view
from uait.page.views import compare as compare_view
from uait.records import Done, EvalReport, Progress
from uait.records.errors import UaitError
from uait.stages.engines import Shelf

log = logging.getLogger(__name__)

N_EXAMPLES = 1  # per kind; the Ask tab has them all
MIN_LIVE, MAX_LIVE = 10, 100  # questions; more belong into a run of `evaluate`, which can be resumed

_IDLE = "Nothing is running. The lab shows what was recorded."
# For `lab.ask(None, js=PICKED_IN_LAB, outputs=...)`: the question that the visitor wants asked.
PICKED_IN_LAB = "() => document.querySelector('#lab [data-picked]').dataset.picked"
_PICKED = "() => document.querySelector('#compare-examples [data-picked]').dataset.picked"


class Columns(Drawn):
    """The methods' answers side by side."""

    scripts = ("compare.js",)


class ThresholdLab(Drawn):
    """The recorded evaluation under a threshold. `seen` is its first opening; `ask` is about the root's data-picked."""

    scripts = ("figures.js", "numbers.js", "threshold_lab.js")
    triggers = ("seen", "ask")


class CompareTab(NamedTuple):
    """What the page wires: the question, and the lab with its `ask` event."""

    question: gr.Textbox
    lab: ThresholdLab


def build(place: Place, verbs: Any, who: Who) -> CompareTab:
    """Places the tab's components in the current Blocks and wires them, except for the lab's `ask` event.

    The lab shows the recorded evaluation, and can be filled anew from the model's held-out questions.
    """
    shelf, description, shipped, report = place.shelf, place.description, place.shelf.shipped, place.report
    about_verbalized = description.about_verbalized if description else ""
    gr.HTML("<h2>One question, five ways to ask how sure</h2>", elem_id="compare-headline", apply_default_css=False)
    placeholder = "Who knows best what it doesn’t know?"
    question, button = question_row("compare", "Question to compare on", placeholder, "Compare")
    examples = Examples(_examples(description), elem_id="compare-examples")
    caveat = compare_view.caveats(report, about_verbalized).get("verbalized", "")
    setting = {"n_samples": shipped.settings.sampling.n_samples, "about_verbalized": caveat}
    columns = Columns(compare_view.comparison("", (), state="empty", **setting), elem_id="columns", label="columns")
    gr.HTML("<h2>The threshold lab: many questions at once</h2>", elem_id="lab-headline", apply_default_css=False)
    draw = partial(curves.lab, threshold=shipped.threshold, about_verbalized=about_verbalized)

    @cache
    def recorded() -> answer_view.Payload:
        return compare_view.no_lab() if report is None else draw(report)

    # The answers to a thousand questions are not drawn before somebody looks, nor sent to who only asks one.
    lab = ThresholdLab({"state": "later"}, elem_id="lab", label="lab")
    lab.seen(recorded, outputs=lab, queue=False, show_progress="hidden", api_visibility="private")

    model = {"concurrency_id": "model", "concurrency_limit": 1, "show_progress": "minimal", "api_visibility": "private"}
    answer = _comparing(place, verbs, setting)
    comparing: Any = {"fn": answer, "inputs": [question, *who], "outputs": columns, **model}
    comparing["show_progress_on"] = [question, columns]  # how many wait before this one stands beside the button
    gr.on([button.click, question.submit], **comparing)
    examples.pick(None, js=_PICKED, outputs=question, api_visibility="private").then(**comparing)
    if description and description.held_out:
        _live_row(_evaluating(shelf, verbs, draw), list(description.held_out), lab, recorded, who)
    return CompareTab(question, lab)


def _live_row(
    evaluate: Callable[..., Any],
    splits: list[str],
    lab: ThresholdLab,
    recorded: Callable[[], answer_view.Payload],
    who: Who,
) -> None:
    with gr.Row(elem_id="live-row"):
        split = gr.Dropdown(splits, value=splits[0], label="Evaluate now, on questions of", min_width=200)
        n = gr.Slider(MIN_LIVE, MAX_LIVE, MIN_LIVE * 5, step=MIN_LIVE, label="how many", min_width=200)
        run = gr.Button("Run it live", variant="primary", scale=0, min_width=140)
        stop = gr.Button("Stop", scale=0, min_width=100)
        again = gr.Button("Show the recorded one", scale=0, min_width=220)
    note = gr.Textbox(_IDLE, label="Live run", interactive=False, lines=1, elem_id="live-note")
    shown = gr.State(None)  # the lab's data from a live run, None for the recorded ones
    private: Any = {"api_visibility": "private"}
    model: Any = {"concurrency_id": "evaluate", "concurrency_limit": 4, "show_progress": "hidden"}
    running = run.click(evaluate, [split, n, *who], [note, shown], **model, **private)
    # said once it has stopped: its last step, still on the way, would be written over it
    stopped = stop.click(None, cancels=[running], **private)
    stopped.then(lambda: "Stopped; nothing of it is kept.", None, note, **private)
    again.click(lambda: (_IDLE, None), None, [note, shown], **private)
    shown.change(lambda live: live or recorded(), shown, lab, show_progress="hidden", **private)


def _evaluating(
    shelf: Shelf, verbs: Any, draw: Callable[[EvalReport], answer_view.Payload]
) -> Callable[..., Iterator[tuple[str, answer_view.Payload | None]]]:
    def run(split: str, n: float, *who: str) -> Iterator[tuple[str, answer_view.Payload | None]]:
        yield f"Starting on {n:.0f} questions of {split} …", None
        try:
            n_asked = int(min(n, MAX_LIVE, limits.most_questions()))
            for event in limits.evaluation(n_asked, shelf.run(verbs.evaluate_drawn, *who, split, n_asked)):
                if isinstance(event, Progress):
                    yield f"{event.note}, {event.done} of {event.total} steps", None
                elif isinstance(event, Done):
                    yield f"Done: the lab shows these {n_asked} questions of {split}.", draw(event.record)
        except UaitError as err:
            yield str(err), None
        except Exception as err:
            log.exception("Evaluating failed.")
            yield answer_view.unexpected(err), None

    return run


def _examples(description: Description | None) -> list[answer_view.Payload]:
    groups = answer_view.examples(description.examples if description else {})
    return [{**group, "questions": group["questions"][:N_EXAMPLES]} for group in groups]


def _comparing(place: Place, verbs: Any, setting: dict[str, Any]) -> Callable[..., Iterator[answer_view.Payload]]:
    def side_by_side(question: str, *who: str) -> Iterator[answer_view.Payload]:
        question, answers = question or "", []
        known = place.references(question)

        def shown(state: str, message: str = "") -> answer_view.Payload:
            return compare_view.comparison(question, answers, state=state, references=known, message=message, **setting)

        yield shown("working")
        try:
            limits.check_question(question)
            for answer in place.shelf.run(verbs.compare, *who, question, known or ()):
                answers.append(answer)
                yield shown("working")
            yield shown("done")
        except UaitError as err:
            yield shown("error", str(err))
        except Exception as err:
            log.exception("Comparing failed.")
            yield shown("error", answer_view.unexpected(err))

    return side_by_side
