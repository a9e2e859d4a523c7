"""What each method says of one question, ready to be laid side by side: records of the engines -> MethodAnswer.

Counts what an answer cost and judges its answer. Knows neither how the records were made nor how they are shown.
"""

from dataclasses import dataclass

from uait.method.baselines import mean_probability
from uait.method.correctness import is_correct
from uait.method.prompts import parse_reply
from uait.records import Answer, Finish, Question, Sample, SampleSet, SarScore, Unscored

VERBALIZED, PROBABILITY, TEACHER, P_TRUE, UAIT = METHODS = ("verbalized", "probability", "teacher", "p_true", "uait")
# What a file calls the tuned model's two confidences, and what people read.
SPOKEN, EXPECTED, HEARD = "UaIT spoken", "UaIT expected", "probability heard"
SELF_TRAINED = "self-trained alone"
PER_TOKEN, WHOLE = "answer probability per token", "probability of the whole answer"
_TITLES = {
    "answer probability": PER_TOKEN,
    HEARD: WHOLE,
    SPOKEN: "UaIT: stated number",
    EXPECTED: "UaIT: average number",
    SELF_TRAINED: "UaIT: stated number, self-trained",
}


def title_of(method: str) -> str:
    """How a method that is stored under this name is called wherever people read it."""
    return _TITLES.get(method, method)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One prompt as the model saw it, and everything it replied, word for word."""

    label: str
    prompt: str
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MethodAnswer:
    """One method's answer with its confidences by name, in [0, 1] or None, and what they cost.

    `n_passes` counts the forward passes of every answer generated, the reading of a prompt that answers share once.
    `is_correct` is None without a reference. `note` is a sentence about this answer, or empty.
    """

    method: str
    answer: str
    confidences: dict[str, float | None]
    is_correct: bool | None
    n_passes: int
    seconds: float
    exchanges: tuple[Exchange, ...]
    note: str = ""


def verbalized_answer(question: Question, answer: Answer, rule: str) -> MethodAnswer:
    """What the untuned model says when it is asked for a confidence in words."""
    return _stated(VERBALIZED, question, answer, rule, {"stated": answer.spoken})


def probability_answer(question: Question, prompt: str, greedy: Sample, rule: str, seconds: float) -> MethodAnswer:
    """How probable the untuned model's likeliest words were, a word on average."""
    return MethodAnswer(
        method=PROBABILITY,
        answer=greedy.text.strip(),
        confidences={"answer probability": None if greedy.flaw else mean_probability(greedy)},
        is_correct=is_correct(greedy.text, question.references, rule),
        n_passes=_n_passes(greedy),
        seconds=seconds,
        exchanges=(Exchange("asked once, the likeliest word each time", prompt, (greedy.text,)),),
        note=f"No score: {greedy.flaw}." if greedy.flaw else "",
    )


def uait_answer(question: Question, answer: Answer, rule: str) -> MethodAnswer:
    """What the tuned model says, spoken and expected."""
    return _stated(UAIT, question, answer, rule, {"spoken": answer.spoken, "expected": answer.expected})


def teacher_answer(
    question: Question, samples: SampleSet, score: SarScore | Unscored, rule: str, seconds: float
) -> MethodAnswer:
    """What the untuned model's K samples say of its greedy answer: SAR as a confidence."""
    is_scored = isinstance(score, SarScore)

    return MethodAnswer(
        method=TEACHER,
        answer=samples.greedy.text.strip(),
        confidences={"SAR": score.confidence if is_scored else None},
        is_correct=is_correct(samples.greedy.text, question.references, rule),
        n_passes=1 + sum(_n_passes(sample) - 1 for sample in (samples.greedy, *samples.samples)),
        seconds=seconds,
        exchanges=(
            Exchange("asked once, the likeliest word each time", samples.prompt, (samples.greedy.text,)),
            Exchange(f"asked {len(samples.samples)} times, drawn by probability", samples.prompt, _texts(samples)),
        ),
        note="" if is_scored else f"No score: {score.reason}.",
    )


def p_true_answer(
    question: Question, samples: SampleSet, prompt: str, p_true: float | None, rule: str, seconds: float
) -> MethodAnswer:
    """What the untuned model thinks of its own greedy answer: one pass, after those that gave the answer."""
    reply = "no yes, no no" if p_true is None else f"yes {100 * p_true:.1f} %, no {100 * (1 - p_true):.1f} %"
    return MethodAnswer(
        method=P_TRUE,
        answer=samples.greedy.text.strip(),
        confidences={"P(yes)": p_true},
        is_correct=is_correct(samples.greedy.text, question.references, rule),
        n_passes=1,
        seconds=seconds,
        exchanges=(Exchange("asked whether its own answer is right; the first word read off", prompt, (reply,)),),
        note="This is the one pass that judges; the answer itself is the teacher’s.",
    )


def _stated(
    method: str, question: Question, answer: Answer, rule: str, confidences: dict[str, float | None]
) -> MethodAnswer:
    """An answer that came with a number in its reply. One pass more looks at the number's second digits.

    Where the reply holds no number, a voice said it: one pass reads the answer and its percentile, one the first digit.
    """
    is_heard = answer.spoken is not None and parse_reply(answer.sample.text).confidence is None
    return MethodAnswer(
        method=method,
        answer=answer.text,
        confidences=confidences,
        is_correct=is_correct(answer.text, question.references, rule),
        n_passes=_n_passes(answer.sample) + (2 if is_heard else answer.expected is not None),
        seconds=answer.seconds,
        exchanges=(Exchange("asked once", answer.prompt, (answer.sample.text,)),),
        note="" if answer.spoken is not None else "It stated no number.",
    )


def without_number(sample: Sample) -> Sample:
    """The answer alone: the reply's tokens before the semicolon and the number; without a number, the reply as it is.

    What was cut off behind the answer no longer counts as cut off. A token that is part of both ends with the answer.
    """
    parsed = parse_reply(sample.text)
    if parsed.answer == sample.text.strip():
        return sample
    end = len(sample.text) - len(sample.text.lstrip()) + len(parsed.answer)
    pieces, start = [], 0
    for piece in sample.token_texts:
        if start >= end:
            break
        pieces.append(piece[: end - start])
        start += len(piece)
    n = len(pieces)
    return Sample(sample.text[:end], sample.token_ids[:n], tuple(pieces), sample.logprobs[:n], Finish.STOP)


def _n_passes(sample: Sample) -> int:
    """One pass reads the prompt and gives the first token, each further token takes one, the end token too."""
    return len(sample.token_ids) + (sample.finish is Finish.STOP)


def _texts(samples: SampleSet) -> tuple[str, ...]:
    return tuple(sample.text for sample in samples.samples)
