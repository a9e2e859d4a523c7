"""Ask one question: the growing answer, the gate's decision, what was read because of it; and why, on request."""

from collections.abc import Iterator, Sequence
from time import perf_counter

from uait.method.gate import decide
from uait.method.prompts import sanitise
from uait.method.sar import sar_score
from uait.models.confidence import answer
from uait.models.decoding import sample_answers
from uait.models.similarity import explain_tokens, score_relevance
from uait.records import Action, Answer, Done, Event, Explanation, Passage, Progress, Question, Reply
from uait.retrieval.search import retrieve
from uait.stages.engines import Engines


def ask(engines: Engines, text: str, *, threshold: float | None = None, explained: bool = False) -> Iterator[Event]:
    """One question through the gate: the growing answer, then Done(Reply).

    Below `threshold` (the engines' own without one) the question is looked up and answered again from the passages.
    With `explained` the reply holds the teacher's view too. Raises DataError when the question is empty or too long.
    """
    start = perf_counter()
    question = Question("ask", sanitise(text))
    first = yield from _answered(engines, question.text, ())
    decision = decide(first.spoken, engines.threshold if threshold is None else threshold)
    retrieved, final = None, first
    if decision.action is Action.RETRIEVE:
        yield Progress("retrieve", 0, 1, decision.reason)
        retrieved = retrieve(question.text, engines.retrievers, engines.settings.retrieval.n_passages)
        if retrieved.passages:
            final = yield from _answered(engines, question.text, retrieved.passages)
    explanation = (yield from _explained(engines, question)) if explained else None
    yield Done(Reply(question, first, decision, retrieved, final, perf_counter() - start, explanation))


def explain(engines: Engines, text: str) -> Iterator[Event]:
    """The teacher's view of one question, token by token: last Done(Explanation)."""
    explanation = yield from _explained(engines, Question("ask", sanitise(text)))
    yield Done(explanation)


def _answered(engines: Engines, text: str, passages: Sequence[Passage]) -> Iterator[Event]:
    """The growing answer; returns the finished one to a `yield from`."""
    for event in answer(engines.lm, text, passages, engines.settings.answer):
        if isinstance(event, Done):
            finished: Answer = event.record
            return finished
        yield event
    raise AssertionError("answering ended without an answer")


def _explained(engines: Engines, question: Question) -> Iterator[Event]:
    yield Progress("explain", 0, 1, "asking several times")
    start, settings = perf_counter(), engines.settings
    (samples,) = sample_answers(engines.lm, [question], settings.sampling, style=settings.prompts)
    (relevance,) = score_relevance([samples], engines.similarity)
    score = sar_score(samples, relevance, settings.label.t)
    tokens = explain_tokens(question.text, samples.greedy, engines.similarity)
    return Explanation(tokens, samples.samples, relevance.sentence, score, perf_counter() - start)
