"""One question asked in every way, or before and after a tuning. Engines in, answers out."""

from collections.abc import Iterator, Sequence
from time import perf_counter

from uait.method.answers import (
    MethodAnswer,
    p_true_answer,
    probability_answer,
    teacher_answer,
    uait_answer,
    verbalized_answer,
)
from uait.method.prompts import p_true_prompt, sanitise
from uait.method.sar import sar_score
from uait.method.surface import plain_question
from uait.models.confidence import answer_batch, verbalized_batch
from uait.models.decoding import greedy_answer, sample_answers
from uait.models.p_true import p_true_batch
from uait.models.similarity import score_relevance
from uait.records import Answer, Question
from uait.stages.engines import Engines


def compare(engines: Engines, text: str, references: Sequence[str] = ()) -> Iterator[MethodAnswer]:
    """The verbalized, the answer probability's, the teacher's, P(True)'s and the UaIT opinion, each once it is there.

    Greedy answers throughout, with the same token limits as everywhere; the teacher also samples K times.
    Raises DataError when the question is empty or too long.
    """
    lm, settings = engines.lm, engines.settings
    plain = plain_question(sanitise(text), engines.spelling)
    question, rule = Question("compare", plain, tuple(references)), settings.label.correctness
    (verbalized,) = verbalized_batch(lm, [question.text], settings.answer)
    yield verbalized_answer(question, verbalized, rule)

    start = perf_counter()
    prompt, greedy = greedy_answer(lm, question.text, settings.sampling, style=settings.prompts)
    yield probability_answer(question, prompt, greedy, rule, perf_counter() - start)

    start = perf_counter()
    (samples,) = sample_answers(lm, [question], settings.sampling, style=settings.prompts)
    (relevance,) = score_relevance([samples], engines.similarity)
    score = sar_score(samples, relevance, settings.label.t)
    yield teacher_answer(question, samples, score, rule, perf_counter() - start)

    judged = samples.greedy.text.strip()
    if judged:  # there is nothing to judge in an empty answer
        start = perf_counter()
        (p_true,) = p_true_batch(lm, [question.text], [judged])
        prompt = lm.chat(p_true_prompt(lm.prompts, question.text, judged))
        yield p_true_answer(question, samples, prompt, p_true, rule, perf_counter() - start)

    (answer,) = answer_batch(lm, [question.text], settings.answer)
    yield uait_answer(question, answer, rule)


def beside(engines: Engines, text: str) -> Iterator[Answer]:
    """What the base says when it is asked for a confidence in words, then what the tuned model says by itself."""
    question = plain_question(sanitise(text), engines.spelling)
    yield verbalized_batch(engines.lm, [question], engines.settings.answer)[0]
    yield answer_batch(engines.lm, [question], engines.settings.answer)[0]
