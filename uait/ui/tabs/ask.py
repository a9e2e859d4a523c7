"""The Ask tab: question -> answer, confidence, decision, sources; and why, on request.

Knows the components and the two verbs `ask` and `explain`; the data on the page is made in `present`.
"""

import logging
from collections.abc import Callable, Iterator

import gradio as gr

from uait.errors import UaitError
from uait.records import Done, Event, Explanation, Partial, Progress, Reply
from uait.settings import POCKET
from uait.ui import present
from uait.ui.components import AnswerCard, Examples, Heatmap

log = logging.getLogger(__name__)

# The card in the page holds the truth about the threshold and about the question that was answered.
_WITH_THRESHOLD = (
    "(question) => [question, Number(document.querySelector('#answer [data-threshold]').dataset.threshold)]"
)
_AGAIN = (
    "() => { const card = document.querySelector('#answer [data-threshold]').dataset;"
    " return [card.question, Number(card.threshold)]; }"
)
_WHY = "(question, spoken) => [document.querySelector('#answer [data-question]').dataset.question, spoken]"
_PICKED = "() => document.querySelector('#examples [data-picked]').dataset.picked"
_FORGET = "() => ({state: 'empty'})"
_REVEAL = "() => requestAnimationFrame(() => document.querySelector('#why').scrollIntoView({block: 'nearest'}))"

HEADLINE = "A language model that says how sure it is, and looks things up when it isn’t."

AskVerb = Callable[[str, float | None], Iterator[Event]]
ExplainVerb = Callable[[str], Explanation]
Shown = tuple[present.Payload, float | None]  # the card, and the seconds that the spoken pass took


def build(
    ask: AskVerb, explain: ExplainVerb, threshold: float, n_samples: int, familiarity: present.Familiarity | None
) -> gr.Textbox:
    """Places the tab's components in the current Blocks and wires them; returns the question box."""
    start = round(threshold, 2)  # the slider moves in whole percent
    gr.HTML(f"<h1>{HEADLINE}</h1>", elem_id="headline", apply_default_css=False)
    question, button = _question_row()
    examples = Examples(present.examples(POCKET / "examples.json"), elem_id="examples")
    card = AnswerCard(present.empty_card(start), elem_id="answer", label="answer")
    heat = Heatmap(present.empty_heatmap(), elem_id="why", label="explanation")
    level = gr.Number(start, minimum=0.0, maximum=1.0, label="threshold", visible=False)
    spoken = gr.State(None)

    answer = _answering(ask, familiarity)
    model = {"concurrency_id": "model", "concurrency_limit": 1, "show_progress": "minimal"}
    asking = {"fn": answer, "inputs": [question, level], "outputs": [card, spoken], **model}
    gr.on([button.click, question.submit], js=_WITH_THRESHOLD, api_name="ask", **asking)
    picked = examples.pick(None, js=_PICKED, outputs=question, api_visibility="private")
    picked.then(js=_WITH_THRESHOLD, api_visibility="private", **asking)
    card.lookup(js=_AGAIN, api_visibility="private", **asking)
    for new_question in (button.click, question.submit, examples.pick):
        new_question(None, js=_FORGET, outputs=heat, api_visibility="private")
    why = card.why(_explaining(explain, n_samples), [question, spoken], heat, js=_WHY, api_name="explain", **model)
    why.then(None, js=_REVEAL, api_visibility="private")
    return question


def _question_row() -> tuple[gr.Textbox, gr.Button]:
    with gr.Row(elem_id="ask-row"):
        question = gr.Textbox(
            label="Your question",
            placeholder="Ask for a fact: What is the capital of Palau?",
            elem_id="question",
            lines=1,
            max_lines=4,
            scale=6,
            min_width=300,
            autofocus=True,
        )
        button = gr.Button("Ask", variant="primary", elem_id="ask-button", scale=1, min_width=140)
    return question, button


def _answering(ask: AskVerb, familiarity: present.Familiarity | None) -> Callable[..., Iterator[Shown]]:
    def answer(question: str, threshold: float | None) -> Iterator[Shown]:
        """Answers a question, says how sure the model is, and looks it up when that is below the threshold.

        Args:
            question: The question, in plain words.
            threshold: Answer from this confidence on (0 to 1); below it, look the question up and answer again.
        """
        question, text = question or "", ""
        yield present.working_card(question, threshold), None
        try:
            for event in ask(question, threshold):
                if isinstance(event, Partial):
                    text = event.text
                    yield present.working_card(question, threshold, text), None
                elif isinstance(event, Progress):
                    yield present.working_card(question, threshold, text, present.progress_note(event)), None
                elif isinstance(event, Done):
                    yield _finished(event.record, familiarity)
        except UaitError as err:
            yield present.error_card(question, threshold, str(err)), None
        except Exception as err:
            log.exception("Asking failed.")
            yield present.error_card(question, threshold, present.unexpected(err)), None

    return answer


def _finished(reply: Reply, familiarity: present.Familiarity | None) -> Shown:
    n_seen = familiarity(reply.question.text) if familiarity else None
    return present.reply_card(reply, n_seen), reply.first.seconds


def _explaining(explain: ExplainVerb, n_samples: int) -> Callable[..., Iterator[present.Payload]]:
    def why(question: str, spoken: float | None) -> Iterator[present.Payload]:
        """Explains the untuned model's doubt: asks several times, and shows which token the doubt hangs on.

        Args:
            question: The question, in plain words.
        """
        yield present.working_heatmap(n_samples)
        try:
            yield present.heatmap(explain(question or ""), question or "", spoken)
        except UaitError as err:
            yield present.error_heatmap(str(err))
        except Exception as err:
            log.exception("Explaining failed.")
            yield present.error_heatmap(present.unexpected(err))

    return why
