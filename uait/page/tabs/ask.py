"""The Ask tab: question -> answer, confidence, decision, sources; and why, on request.

Each handler asks a verb of `uait.stages` and shows what `uait.page.views` makes of it.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gradio as gr

from uait.page import limits
from uait.page.components import AnswerCard, Examples, Heatmap, question_row
from uait.page.menu import Who
from uait.page.place import Place
from uait.page.views import answer as answer_view
from uait.page.views import reply as reply_view
from uait.page.views import why as why_view
from uait.records import Done, Partial, Progress, Reply
from uait.records.errors import UaitError
from uait.records.events import last_record
from uait.stages.engines import Shelf

log = logging.getLogger(__name__)

# The card in the page holds the truth about the threshold and about the question that was answered.
_WITH_THRESHOLD = (
    "(question, level, ...who) =>"
    " [question, Number(document.querySelector('#answer [data-threshold]').dataset.threshold), ...who]"
)
_AGAIN = (
    "(question, level, ...who) => { const card = document.querySelector('#answer [data-threshold]').dataset;"
    " return [card.question, Number(card.threshold), ...who]; }"
)
_WHY = "(question, ...others) => [document.querySelector('#answer [data-question]').dataset.question, ...others]"
_PICKED = "() => document.querySelector('#examples [data-picked]').dataset.picked"
_FORGET = "() => ({state: 'empty'})"
_REVEAL = "() => requestAnimationFrame(() => document.querySelector('#why').scrollIntoView({block: 'nearest'}))"

HEADLINE = "A language model that says how sure it is, and looks things up when it isn’t."


class AskTab(NamedTuple):
    """What other tabs may set: the question, and the card with its threshold."""

    question: gr.Textbox
    card: AnswerCard


def build(place: Place, verbs: Any, who: Who) -> AskTab:
    """Places the tab's components in the current Blocks and wires them."""
    shelf, description, shipped = place.shelf, place.description, place.shelf.shipped
    n_samples = shipped.settings.sampling.n_samples
    start = round(shipped.threshold, 3)  # models say one decimal of a percent
    gr.HTML(f"<h1>{HEADLINE}</h1>", elem_id="headline", apply_default_css=False)
    placeholder = "Ask for a fact: What is the capital of Palau?"
    question, button = question_row("ask", "Your question", placeholder, "Ask", autofocus=True)
    offered, usual, leaves = reply_view.recourses(shelf.shipped.settings, shelf.shipped.stronger)
    examples = Examples(answer_view.examples(description.examples if description else {}), elem_id="examples")
    card = AnswerCard(answer_view.empty_card(start), elem_id="answer", label="answer")
    unsure = gr.Radio(offered, value=usual, label="When it is not sure", info=leaves, elem_id="unsure")
    heat = Heatmap(why_view.empty_heatmap(), elem_id="why", label="explanation")
    level = gr.Number(start, minimum=0.0, maximum=1.0, label="threshold", visible=False)

    answer = _answering(place, verbs)
    model: Any = {"concurrency_id": "model", "concurrency_limit": 1, "show_progress": "minimal"}
    model |= {"api_visibility": "private"}
    asking: Any = {"fn": answer, "inputs": [question, level, unsure, *who], "outputs": card, **model}
    asking["show_progress_on"] = [question, card]  # how many wait before this one stands beside the button
    gr.on([button.click, question.submit], js=_WITH_THRESHOLD, **asking)
    picked = examples.pick(None, js=_PICKED, outputs=question, api_visibility="private")
    picked.then(js=_WITH_THRESHOLD, **asking)
    card.lookup(js=_AGAIN, **asking)
    for new_question in (button.click, question.submit, examples.pick):
        new_question(None, js=_FORGET, outputs=heat, api_visibility="private")
    why = card.why(_explaining(shelf, verbs, n_samples), [question, *who], heat, js=_WHY, **model)
    why.then(None, js=_REVEAL, api_visibility="private")
    return AskTab(question, card)


def _answering(place: Place, verbs: Any) -> Callable[..., Iterator[answer_view.Payload]]:
    def answer(question: str, threshold: float | None, unsure: str, *who: str) -> Iterator[answer_view.Payload]:
        question, text = question or "", ""
        chosen = {"when_unsure": "retrieve" if unsure == "web" else unsure, "web": unsure == "web"}
        yield answer_view.working_card(question, threshold)
        try:
            for event in place.shelf.run(verbs.ask, *who, question, threshold=threshold, **chosen):
                if isinstance(event, Partial):
                    text = event.text
                    yield answer_view.working_card(question, threshold, text)
                elif isinstance(event, Progress):
                    yield answer_view.working_card(question, threshold, text, answer_view.progress_note(event))
                elif isinstance(event, Done):
                    reply: Reply = event.record
                    n_seen = place.exposure(reply.question.text)
                    yield reply_view.reply_card(reply, n_seen, unsure)
        except UaitError as err:
            yield answer_view.error_card(question, threshold, str(err))
        except Exception as err:
            log.exception("Asking failed.")
            yield answer_view.error_card(question, threshold, answer_view.unexpected(err))

    return answer


def _explaining(shelf: Shelf, verbs: Any, n_samples: int) -> Callable[..., Iterator[answer_view.Payload]]:
    def why(question: str, *who: str) -> Iterator[answer_view.Payload]:
        yield why_view.working_heatmap(n_samples)
        try:
            limits.check_question(question or "")
            explanation = last_record(shelf.run(verbs.explain, *who, question or ""))
            yield why_view.heatmap(explanation)
        except UaitError as err:
            yield why_view.error_heatmap(str(err))
        except Exception as err:
            log.exception("Explaining failed.")
            yield why_view.error_heatmap(answer_view.unexpected(err))

    return why
