"""The Ask tab: question -> answer, confidence, decision, sources; and why, on request.

Each handler asks a verb of `uait.stages` and shows what `uait.page.views` makes of it.
"""

import logging
from collections.abc import Callable, Iterator
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from uait.page import limits
from uait.page.components import AnswerCard, Examples, Heatmap, question_row
from uait.page.menu import Who
from uait.page.place import Place
from uait.page.run_components import Message
from uait.page.views import answer as answer_view
from uait.page.views import reply as reply_view
from uait.page.views import why as why_view
from uait.records import Done, Explanation, Partial, Progress, Reply
from uait.records.errors import UaitError
from uait.records.events import last_record
from uait.stages.engines import NONE, Shelf

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
_REVEAL = "() => requestAnimationFrame(() => document.querySelector('#why-views').scrollIntoView({block: 'nearest'}))"

_TUNED, _BASE = "why-tuned", "why-untuned"  # the tabs of one panel

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
    if place.description and place.description.about:
        gr.HTML(f"<p>{escape(place.description.about)}</p>", elem_id="about", apply_default_css=False)
    examples = Examples(answer_view.examples(description.examples if description else {}), elem_id="examples")
    card = AnswerCard(answer_view.empty_card(start), elem_id="answer", label="answer")
    unsure = gr.Radio(offered, value=usual, label="When it is not sure", info=leaves, elem_id="unsure")
    with gr.Tabs(elem_id="why-views", selected=_TUNED) as views:
        with gr.Tab("As it answered", id=_TUNED):
            heat = Heatmap(why_view.empty_heatmap(), elem_id="why", label="explanation")
        with gr.Tab("Untuned base", id=_BASE) as base:
            differs = Message(elem_id="why-differs")
            base_heat = Heatmap(why_view.empty_heatmap(), elem_id="why-base", label="explanation of the base")
    level = gr.Number(start, minimum=0.0, maximum=1.0, label="threshold", visible=False)

    answer = _answering(place, verbs)
    model: Any = {"concurrency_id": "model", "concurrency_limit": 1, "show_progress": "minimal"}
    model |= {"api_visibility": "private"}
    asking: Any = {"fn": answer, "inputs": [question, level, unsure, *who], "outputs": card, **model}
    asking |= limits.asking(shares=shelf.shares)
    asking["show_progress_on"] = [question, card]  # how many wait before this one stands beside the button
    picked = examples.pick(None, js=_PICKED, outputs=question, api_visibility="private")
    chosen = picked.then(js=_WITH_THRESHOLD, **asking)
    looked_up = card.lookup(js=_AGAIN, **asking)
    explained = gr.State(None)  # what the base is yet to be asked
    shown = [heat, base_heat, differs, views, explained]
    why = card.why(_explaining(shelf, verbs, n_samples), [question, *who], shown, js=_WHY, **model)
    why.then(None, js=_REVEAL, api_visibility="private")
    # Of what was asked before nothing may come in under a new question. Of two listeners to one event Gradio's page
    # starts the second when the first has ended, so what cancels is wired before what asks.
    typing = [button.click, question.submit]
    forgetting: Any = {"fn": None, "js": _FORGET, "outputs": heat, "api_visibility": "private"}
    gr.on(typing, cancels=[chosen, looked_up, why], **forgetting)
    typed = gr.on(typing, js=_WITH_THRESHOLD, trigger_mode="always_last", **asking)
    examples.pick(cancels=[typed, looked_up, why], **forgetting)
    of_base = _explaining_base(shelf, verbs, n_samples)
    base.select(of_base, [explained, who.visitor], [base_heat, differs, explained], **model)
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


def _explaining(shelf: Shelf, verbs: Any, n_samples: int) -> Callable[..., Iterator[list[Any]]]:
    def why(question: str, adapter: str, visitor: str) -> Iterator[list[Any]]:
        fresh = [why_view.empty_heatmap(), "", gr.Tabs(selected=_TUNED)]
        yield [why_view.working_heatmap(n_samples), *fresh, None]
        found = _explained(shelf, verbs, adapter, visitor, question)
        if isinstance(found, Explanation):
            yield [why_view.heatmap(found), *fresh, (question, adapter, found.answer.text)]
        else:
            yield [found, *fresh, None]

    return why


def _explaining_base(shelf: Shelf, verbs: Any, n_samples: int) -> Callable[..., Iterator[list[Any]]]:
    """The base's view of the question that was explained, when its tab is opened for the first time."""

    def why(explained: tuple[str, str, str] | None, visitor: str) -> Iterator[list[Any]]:
        if explained is None:
            yield [gr.skip()] * 3
            return
        question, adapter, answer = explained
        if adapter == NONE:
            yield [why_view.empty_heatmap(), why_view.SAME_MODEL, None]
            return
        yield [why_view.working_heatmap(n_samples), "", explained]
        found = _explained(shelf, verbs, NONE, visitor, question)
        if isinstance(found, Explanation):
            yield [why_view.heatmap(found), why_view.differs(found, answer), None]
        else:
            yield [found, "", explained]  # opened again, it is tried again

    return why


def _explained(
    shelf: Shelf, verbs: Any, adapter: str, visitor: str, question: str
) -> Explanation | answer_view.Payload:
    """The explanation, or the sentence why there is none."""
    try:
        limits.check_question(question or "")
        return last_record(shelf.run(verbs.explain, adapter, visitor, question or ""))
    except UaitError as err:
        return why_view.error_heatmap(str(err))
    except Exception as err:
        log.exception("Explaining failed.")
        return why_view.error_heatmap(answer_view.unexpected(err))
