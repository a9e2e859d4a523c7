"""The lesson for a projector: per step what opens it, what the room may vote on, and what is revealed after that.

One sentence each, so that a slide never has more than two. Numbers come from the lesson only.
"""

from collections.abc import Sequence
from itertools import combinations

from uait.method.correctness import normalise_answer
from uait.page.lesson.figures import dots, most_of, say, texts
from uait.page.lesson.record import Lesson
from uait.page.lesson.tune_words import average_at_the_end
from uait.page.views.answer import NO_WORDS, Payload, percent, visible_token
from uait.records import Action

MOST_OPTIONS = 4  # what has room on a slide


def slides(lesson: Lesson) -> list[Payload]:
    """The eight slides in their order."""
    tellers = (_claim, _ask_again, _tokens, _agreement, _number, _keep, _watch, _decide)
    return [tell(lesson) for tell in tellers]


def _slide(opens: str, reveals: str, options: Sequence[str] = (), is_data: bool = False) -> Payload:
    """`is_data`: the options are a model's words or a question's, and are never translated."""
    return {"opens": opens, "options": [{"text": text, "is_data": is_data} for text in options], "reveals": reveals}


def _claim(lesson: Lesson) -> Payload:
    claims = [lesson.example.claimed, lesson.known.claimed]
    said = [claim.spoken for claim in claims]
    reveals = (
        say("Asked how sure it is, it gives neither answer a confidence.")
        if said == [None, None]
        else say("It claims {w1} for the first and {w2} for the second, and measured neither.",
                 w1=percent(said[0]), w2=percent(said[1]))
    )  # fmt: skip
    opens = say("Which of the two answers would you trust?")
    return _slide(opens, reveals, [claim.text or NO_WORDS for claim in claims], is_data=True)


def _ask_again(lesson: Lesson) -> Payload:
    example, known = lesson.example, lesson.known
    n = {"n1": example.n_distinct, "n2": known.n_distinct}
    reveals = (
        say("The first gets {n1}, the second {n2}: who knows, repeats the answer; who guesses, wanders.", **n)
        if example.n_distinct > known.n_distinct
        else say("The first gets {n1}, the second {n2}.", **n)
    )
    opens = say("Asked {n} times, which question gets more different answers?", n=len(example.samples.samples))
    return _slide(opens, reveals, [example.question.text, known.question.text], is_data=True)


def _tokens(lesson: Lesson) -> Payload:
    tokens = lesson.example.tokens
    by_doubt = sorted(range(len(tokens)), key=lambda i: -tokens[i].contribution)
    worst = tokens[by_doubt[0]]
    pieces = [visible_token(tokens[i].text) for i in sorted(by_doubt[:MOST_OPTIONS])]
    return _slide(
        say("On which piece of its answer does the doubt hang?"),
        say(
            "On “{worst}” hangs {n} of it: how surprising the piece was, times how much meaning goes with it.",
            worst=visible_token(worst.text), n=percent(round(worst.contribution, 2)),
        ),
        pieces if len(set(pieces)) == len(pieces) > 1 else (),
        is_data=True,
    )  # fmt: skip


def _agreement(lesson: Lesson) -> Payload:
    example, known = lesson.example, lesson.known
    said, similarity = texts(example), example.relevance.sentence
    differing = [
        (float(similarity[k, j]), k, j)
        for k, j in combinations(range(len(said)), 2)
        if normalise_answer(said[k]) != normalise_answer(said[j])
    ]
    opens = say("A second, small model rates how alike in meaning every two attempts are, from 0 to 1.")
    if not differing:
        return _slide(opens, say("All attempts at “{known}” say the same.", known=known.question.text))
    alike, k, j = max(differing)
    reveals = say("Most alike, of those that differ, are “{a}” and “{b}”: {n}.", a=said[k], b=said[j], n=f"{alike:.2f}")
    return _slide(opens, reveals)


def _number(lesson: Lesson) -> Payload:
    example = lesson.example
    opens = say(
        "An attempt’s score is its own probability, plus {n1} times that of the others as far as they agree, "
        "divided by {n2}.",
        n1=f"{round(1 / example.score.t):,}", n2=f"{most_of(example):,}",
    )  # fmt: skip
    mean = percent(example.score.confidence)
    reveals = (
        say("The confidence is the geometric mean of the scores: {n}.", n=mean)
        if example.claimed.spoken is None
        else say("The confidence is the geometric mean of the scores: {n1}, where {n2} was claimed.",
                 n1=mean, n2=percent(example.claimed.spoken))
    )  # fmt: skip
    return _slide(opens, reveals)


def _keep(lesson: Lesson) -> Payload:
    found = dots(lesson)
    return _slide(
        say("Which of the four groups teach the model to be honest?"),
        say(
            "Kept are {n1} of {n2}: right and sure, or wrong and unsure; the others would teach the opposite.",
            n1=sum(dot["kept"] for dot in found), n2=len(found),
        ),
        ("right and sure", "right and unsure", "wrong and sure", "wrong and unsure"),
    )  # fmt: skip


def _watch(lesson: Lesson) -> Payload:
    return _slide(
        say("Which lines should fall while it learns?"),
        average_at_the_end(lesson.probes),
        ("the solid ones: right at first", "the dashed ones: wrong at first"),
    )


def _decide(lesson: Lesson) -> Payload:
    reply = lesson.example.reply
    first, final = reply.first.text or NO_WORDS, reply.final.text or NO_WORDS
    said = {"w": percent(reply.decision.confidence), "n": percent(reply.decision.threshold)}
    reveals = (
        say("{w} is not below the threshold, {n}: it answers without looking it up.", **said)
        if reply.decision.action is not Action.RETRIEVE
        else say("{w} is below the threshold, {n}: it reads, and answers {final}.", **said, final=final)
        if reply.is_read
        else say("{w} is below the threshold, {n}, but what it read doesn’t say.", **said)
    )
    opens = say("It answers {answer} and says {w}: should it answer, or look it up?", answer=first, w=said["w"])
    return _slide(opens, reveals, ("answer it", "look it up"))
