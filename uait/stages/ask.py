"""Ask one question: the growing answer, the gate's decision, what was done because of it; and why, on request."""

from collections.abc import Iterator, Sequence
from time import perf_counter

from uait.data.catalogue import names
from uait.method.answers import without_number
from uait.method.gate import decide, decide_again, recourse
from uait.method.prompts import sanitise
from uait.method.sar import sar_score
from uait.method.second_look import reading_confidence
from uait.method.surface import OTHER_SCRIPT, is_in_latin_letters, plain_question, reads_otherwise
from uait.models.confidence import answer, asked_view
from uait.models.decoding import generate
from uait.models.similarity import explain_tokens, score_relevance
from uait.records import (
    Action,
    Answer,
    Decision,
    Done,
    Event,
    Explanation,
    Passage,
    Progress,
    Question,
    Reply,
    SampleSet,
    StrongerAnswer,
)
from uait.records.errors import RetrievalError
from uait.retrieval.search import retrieve
from uait.stages.engines import Engines

NOBODY = (
    "No stronger model is named here; its owner sets UAIT_STRONGER_URL, or answer.stronger to a model such as smollm2."
)


def ask(
    engines: Engines,
    text: str,
    *,
    threshold: float | None = None,
    when_unsure: str | None = None,
    web: bool | None = None,
    explained: bool = False,
) -> Iterator[Event]:
    """One question through the gate: the growing answer, then Done(Reply).

    Below `threshold`, or where the question is of a kind that was never measured (in another script than a model of
    ours reads, for one), `when_unsure` says what comes next:
    "retrieve" and answer again from what was read, "escalate" to a stronger model, or "abstain". `web`: whether the web
    is searched too. Each is as the engines' settings have it where it is None. With `explained` the reply holds why the
    first answer is doubted. Raises DataError when the question is empty or too long, or `when_unsure` is none of these.
    """
    start, doing = perf_counter(), recourse(when_unsure or engines.settings.answer.when_unsure)
    question = Question("ask", sanitise(text))
    plain = plain_question(question.text, engines.spelling)
    first = yield from _answered(engines, plain, ())
    decision = decide(
        first.spoken,
        engines.threshold if threshold is None else threshold,
        doing,
        is_familiar=_is_familiar(engines, plain),
    )
    retrieved, final, second = None, first, None
    stronger, notes = None, ()
    if decision.action is Action.RETRIEVE:
        yield Progress("retrieve", 0, 1, decision.reason)
        retrieved = retrieve(plain, _retrievers(engines, web), engines.settings.retrieval.n_passages)
        if retrieved.passages:
            final = yield from _answered(engines, plain, retrieved.passages)
            second = judge_reading(engines, plain, final, retrieved.passages)
    elif decision.action is Action.ESCALATE:
        yield Progress("escalate", 0, 1, decision.reason)
        stronger, notes = _escalated(engines, plain)
        second = decide_again(stronger.confidence, stronger.threshold) if stronger else None
    explanation = (yield from _explained(engines, first, plain)) if explained else None
    seconds = perf_counter() - start
    read_as = _read_as(engines, question.text, plain)
    yield Done(
        Reply(question, first, decision, retrieved, final, seconds, explanation, stronger, second, notes, read_as)
    )


def explain(engines: Engines, text: str) -> Iterator[Event]:
    """Why the model that answers doubts its answer, token by token: last Done(Explanation)."""
    plain = plain_question(sanitise(text), engines.spelling)
    first = yield from _answered(engines, plain, ())
    yield Done((yield from _explained(engines, first, plain)))


def _reads(engines: Engines, text: str) -> bool:
    return is_in_latin_letters(text) or engines.settings.model.model not in names()  # ours were taught in English


def _is_familiar(engines: Engines, plain: str) -> bool | None:
    if not _reads(engines, plain):
        return False
    return engines.familiarity.of([plain])[0] if engines.familiarity else None


def _read_as(engines: Engines, text: str, plain: str) -> str:
    """What to tell whoever asked of how the question was read."""
    if not _reads(engines, text):
        return OTHER_SCRIPT
    return f"Read as: {plain}" if reads_otherwise(text, plain) else ""


def judge_reading(engines: Engines, text: str, final: Answer, passages: Sequence[Passage]) -> Decision:
    """Whether what was read may be given: by the confidence after reading, where it was fitted for the model.

    An answer that stands in no passage is ABSTAIN, without a number.
    """
    fit = engines.gate.reading if engines.gate else None
    if not final.text:
        return decide(None, fit.threshold if fit else 0.0, Action.ABSTAIN)
    if fit is None:
        return decide_again(None, None)
    likeness = engines.similarity.score([(text, passage.text) for passage in passages]).max()
    confidence = reading_confidence(fit, float(final.sample.logprobs.sum()), float(likeness))
    return decide_again(confidence, fit.threshold)


def _retrievers(engines: Engines, web: bool | None) -> tuple:
    """The engines' own, with the web after them or without it."""
    if web is None or engines.web is None:
        return engines.retrievers
    others = tuple(retriever for retriever in engines.retrievers if retriever.name != engines.web.name)
    return (*others, engines.web) if web else others


def _escalated(engines: Engines, text: str) -> tuple[StrongerAnswer | None, tuple[str, ...]]:
    """The stronger model's answer, or a sentence on why there is none."""
    if engines.stronger is None:
        return None, (NOBODY,)
    try:
        return engines.stronger.answer(text), ()
    except RetrievalError as err:
        return None, (str(err),)


def _answered(engines: Engines, text: str, passages: Sequence[Passage]) -> Iterator[Event]:
    """The growing answer; returns the finished one to a `yield from`."""
    for event in answer(engines.lm, text, passages, engines.settings.answer):
        if isinstance(event, Done):
            finished: Answer = event.record
            return finished
        yield event
    raise AssertionError("answering ended without an answer")


def _explained(engines: Engines, said: Answer, text: str) -> Iterator[Event]:
    """The doubt of an answer, over samples of the model that gave it; returned to a `yield from`."""
    yield Progress("explain", 0, 1, "asking several times")
    start, settings, question = perf_counter(), engines.settings, Question("ask", text)
    ((_, drawn),) = generate(
        asked_view(engines.lm, reads=False),
        [said.prompt],
        n_samples=settings.sampling.n_samples,
        temperature=settings.sampling.temperature,
        max_new_tokens=settings.answer.max_new_tokens,
        seed=settings.sampling.seed,
    )
    greedy, alone = without_number(said.sample), tuple(without_number(sample) for sample in drawn)
    samples = SampleSet(question, greedy, alone, said.prompt)
    (relevance,) = score_relevance([samples], engines.similarity)
    score = sar_score(samples, relevance, settings.label.t)
    tokens = explain_tokens(question.text, greedy, engines.similarity)
    n_tokens = sum(len(sample.token_ids) for sample in drawn)
    return Explanation(said, tokens, alone, relevance.sentence, score, n_tokens, perf_counter() - start)
