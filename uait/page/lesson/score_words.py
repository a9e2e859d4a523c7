"""The lesson's steps 1 to 5 in words: from one answer to a score. Numbers come from the lesson only."""

import re
from collections.abc import Sequence

import numpy as np

from uait.method.correctness import normalise_answer
from uait.page.lesson.figures import (
    attempts,
    claimed,
    matrix,
    most_of,
    say,
    texts,
    total,
    words,
)
from uait.page.lesson.record import Lesson
from uait.page.views.answer import Payload, percent, visible_token

# -- 1: an overconfident answer ------------------------------------------------------------------


def claim(lesson: Lesson, about: str = "") -> Payload:
    """Step 1: an answer that claims too much, beside one that is known; `about`: where this model's claims are from."""
    example, known = lesson.example, lesson.known
    if example.claimed.spoken is None:
        return _silence(lesson)
    is_right = example.is_right(example.claimed.text)
    verdict = "That is right." if is_right else "The right answer is {truth}."
    opening = "Asked “{question}”, the untuned model answers {answer} and says that it is {w} sure."
    asked = {"question": example.question.text, "answer": example.claimed.text, "w": percent(example.claimed.spoken)}
    return {
        "says": [
            say(opening, **asked),
            say(verdict, truth=example.question.references[0]),
            about or say("It measured nothing: it learned such numbers from what people write, and mostly overclaims."),
        ],
        "figure": {"kind": "claims", "claims": [claimed(example), claimed(known)]},
        "caption": say(
            "Two questions, what the model answers, and how sure it claims to be. Compare the bars only: "
            "could they tell you which answer to trust?"
        ),
        "task": say(
            "Hide the right answers and let somebody else bet on one of the two. "
            "Then ask a question of your own below, one whose answer you know."
        ),
        "note": [
            say("Ask the class: what would a number have to do to deserve being called a confidence?"),
            say("Then: where could a language model have learned to say “90 %”? Who says that, and about what?"),
        ],
    }  # fmt: skip


def _silence(lesson: Lesson) -> Payload:
    """Step 1 of a model that states no number: there is nothing to compare, and that is the lesson."""
    example, known = lesson.example, lesson.known
    number = re.search(r"\d+ ?%", example.claimed.text)
    copied = [number[0]] if number and number[0] in example.claimed.prompt else []
    return {
        "title": "Asked for a number, it gave none",
        "says": [
            say(
                "Asked “{question}” and, behind the answer, how likely it is right, the untuned model writes “{said}”: "
                "not an answer and a number, so there is nothing to go by.",
                question=example.question.text, said=example.claimed.text,
            ),
            *(say("The {n} is copied from the form that it was shown.", n=one) for one in copied),
            say("The right answer is {truth}.", truth=example.question.references[0]),
            say("To ask for a confidence in words takes a model that can put it into words; this one can’t yet."),
        ],
        "figure": {"kind": "claims", "claims": [claimed(example), claimed(known)]},
        "caption": say(
            "Two questions, and what the model wrote to each. Without a number, what else could tell you which one "
            "to trust?"
        ),
        "task": say("Ask a question of your own below, one whose answer you know: does it say how sure it is?"),
        "note": [
            say("Ask the class: what would a number have to do to deserve being called a confidence?"),
            say("Then: the model was shown the form “answer; 80%”. Why is copying it no confidence either?"),
        ],
    }  # fmt: skip


# -- 2: asking five times ------------------------------------------------------------------------


def ask_again(lesson: Lesson) -> Payload:
    """Step 2: what asking again and again brings."""
    example, known = lesson.example, lesson.known
    n_samples = len(example.samples.samples)
    columns = [attempts(e.question.text, e.samples.samples) for e in (example, known)]
    return {
        "says": [
            say("Ask the same question {n} times instead.", n=n_samples)
            if example.claimed.spoken is None
            else say("Leave the claimed number aside and ask the same question {n} times.", n=n_samples),
            say("Each time the model draws its words by their probabilities, like a weighted die."),
            say(
                "Our question gets {n1} different answers, “{known}” gets {n2}.",
                n1=example.n_distinct, known=known.question.text, n2=known.n_distinct,
            ),
            say("Who knows, repeats the answer; who guesses, wanders."),
        ],
        "figure": {"kind": "attempts", "columns": columns},
        "caption": say(
            "One line per attempt. The bar is the probability p of that whole answer, piece by piece multiplied. "
            "Look for repetition first, for long bars second."
        ),
        "task": say("Count the different answers on each side. Then ask your own question {n} times.", n=n_samples),
        "note": [
            say("Let five students answer an odd question in writing. Do they agree? Do they know?"),
            say("Ask: when would five equal answers still be wrong? (A learned mistake; step 6 comes back to it.)"),
        ],
    }  # fmt: skip


# -- 3: which word matters -----------------------------------------------------------------------


def tokens(lesson: Lesson) -> Payload:
    """Step 3: which words of the answer the doubt hangs on."""
    tokens = lesson.example.tokens
    worst = max(tokens, key=lambda token: token.contribution)
    least = min(tokens, key=lambda token: token.relevance)
    return {
        "says": [
            say(
                "The model writes {answer} in {n} tokens, pieces of words, and is surprised by each a little or a lot.",
                answer=lesson.example.samples.greedy.text.strip(), n=len(tokens),
            ),
            say(
                "But not every piece carries meaning. Strike one out: the meaning that is lost is its relevance; "
                "for “{least}” that is {n}.",
                least=visible_token(least.text), n=percent(least.relevance),
            ),
            say(
                "Surprise times relevance is doubt that matters: {n} of it hangs on “{worst}”.",
                n=percent(round(worst.contribution, 2)), worst=visible_token(worst.text),
            ),
        ],
        "figure": words(tokens),
        "caption": say(
            "p: how likely the model held the piece. Surprise: −log p, 0 when it was certain. "
            "Read the last column: surprise times relevance, as a share of their sum."
        ),
        "task": say("Cover the last column and point at the piece you would doubt. Then press “Why?” in Ask."),
        "note": [
            say("Do one line on the board: p, −log p, times relevance, divided by the sum of that column."),
            say(
                "Ask: why is the first piece so often the uncertain one? (Once “{first}” is written, "
                "the rest nearly follows by itself.)",
                first=visible_token(tokens[0].text),
            ),
        ],
    }  # fmt: skip


# -- 4: agreeing samples -------------------------------------------------------------------------


def agreement(lesson: Lesson) -> Payload:
    """Step 4: which samples say the same."""
    example, known = lesson.example, lesson.known
    return {
        "says": [
            say(
                "Two answers can agree in other words, so counting equal ones is too crude. "
                "A second small model, which compares the meaning of sentences, rates every pair from 0 to 1."
            ),
            *_pair(texts(example), example.relevance.sentence),
            say(
                "For “{known}”, the pairs average {n}.",
                known=known.question.text, n=f"{_mean_pair(known.relevance.sentence):.2f}",
            ),
        ],
        "figure": matrix(example),
        "caption": say(
            "Row and column are attempts; 1.00 is the same meaning. No pair comes near 0, for both sentences "
            "hold the question: compare the numbers with each other."
        ),
        "task": say("Find the most similar pair that is not the same answer. Would you have called them alike?"),
        "note": [
            say("Ask: does a high number mean that both are right? (No: it compares what is said, not what is true.)"),
            say("If look-alike names fool the comparing model, the confidence comes out too high: a real limit."),
        ],
    }  # fmt: skip


def _pair(said: Sequence[str], similarity: np.ndarray) -> list[str]:
    """A sentence on the two different answers that are most alike, if there are two."""
    pairs = [
        (float(similarity[k, j]), said[k], said[j])
        for k in range(len(said))
        for j in range(k)
        if normalise_answer(said[k]) != normalise_answer(said[j])
    ]
    if not pairs:
        return []
    alike, a, b = max(pairs)
    return [say("“{a}” and “{b}” are its most similar pair here: {n}.", a=a, b=b, n=f"{alike:.2f}")]


def _mean_pair(similarity: np.ndarray) -> float:
    n = len(similarity)
    return float((similarity.sum() - np.trace(similarity)) / (n * (n - 1))) if n > 1 else 1.0


# -- 5: a number from it -------------------------------------------------------------------------


def number(lesson: Lesson) -> Payload:
    """Step 5: how the confidence comes of it."""
    example, known = lesson.example, lesson.known
    n, weight = len(example.samples.samples), round(1 / example.score.t)
    return {
        "says": [
            say(
                "Every attempt gets a score: its own probability, plus {n1} times that of the others as far as "
                "they say the same, divided by {n2}, the most there can be.",
                n1=f"{weight:,}", n2=f"{most_of(example):,}",
            ),
            say(
                "The confidence is their geometric mean (multiply the {n1}, take the root of order {n1}): {n2}.",
                n1=n, n2=percent(example.score.confidence),
            ),
            say("“{known}” comes to {n}.", known=known.question.text, n=percent(known.score.confidence))
            if example.claimed.spoken is None
            else say(
                "“{known}” comes to {n}. The model had claimed {w1} and {w2}.",
                known=known.question.text, n=percent(known.score.confidence),
                w1=percent(example.claimed.spoken), w2=percent(known.claimed.spoken),
            ),
        ],
        "figure": total(example),
        "caption": say(
            "p: the attempt’s probability, its pieces weighted by relevance. Support: the others’ p, each times its "
            "similarity, added up. Follow one line from left to right."
        ),
        "task": say("Recompute one score by hand. What would it be if all {n} agreed, each with p = 0.9?", n=n),
        "note": [
            say(
                "The answer to the task is 90 %. Papers give the same thing as SAR = −log of the root before the "
                "division, here {n}; it has no upper or lower end, a confidence has.",
                n=f"{example.score.sar:.2f}".replace("-", "−"),
            ),
            say("Ask: why a root of a product and no plain average? (One attempt that nobody supports should hurt.)"),
        ],
    }  # fmt: skip
