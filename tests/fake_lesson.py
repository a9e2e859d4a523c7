"""A lesson made by hand: every record in its right shape, numbers that a test can follow."""

import numpy as np

from uait.method.correctness import label_question
from uait.method.gate import decide
from uait.method.sar import sar_score
from uait.page.lesson.record import Lesson, LessonExample
from uait.records import (
    Answer,
    Finish,
    Label,
    Passage,
    Provenance,
    Question,
    Reason,
    Relevance,
    Reply,
    Retrieved,
    Sample,
    SampleSet,
    SarScore,
    TokenExplanation,
)

T = 0.001


def sample(text: str, logprob: float) -> Sample:
    """`text`, one token per word, each with the same log-probability."""
    words = text.split()
    return Sample(text, tuple(range(len(words))), tuple(words), np.full(len(words), logprob), Finish.STOP)


def example(
    question: Question,
    texts: tuple[str, ...],
    logprob: float = -1.0,
    alike: float = 0.5,
    claim: float | None = 0.9,
    spoken: float = 0.2,
    final: str | None = None,
) -> LessonExample:
    """A question with its samples, the first of them greedy and claimed; `final` is what was read, if anything was."""
    made = tuple(sample(text, logprob) for text in texts)
    samples = SampleSet(question, made[0], made, question.text)
    same = np.array([[1.0 if a == b else alike for b in texts] for a in texts])
    relevance = Relevance(question.id, tuple(np.linspace(0.8, 0.2, len(s.token_ids)) for s in made), same, "by hand")
    score = sar_score(samples, relevance, T)
    assert isinstance(score, SarScore)
    n = len(made[0].token_ids)
    tokens = tuple(
        TokenExplanation(t, 0.37, 1.0, 0.5 / (i + 1), 1 / n, "rest", 0.5) for i, t in enumerate(texts[0].split())
    )
    claimed = Answer(texts[0], claim, claim, made[0], question.text, 0.1, "fake")
    first = Answer(texts[0], spoken, spoken, made[0], question.text, 0.1, "fake")
    found = None
    if final is not None:
        found = Retrieved(question.text, (Passage("1", "A title", f"The answer is {final}.", 1.0, "bundle"),))
    last = first if final is None else Answer(final, None, None, sample(final, -0.1), question.text, 0.1, "fake", 1)
    reply = Reply(question, first, decide(spoken, 0.7), found, last, 0.3)
    label = label_question(samples, score, "exact")
    return LessonExample(question, claimed, samples, relevance, tokens, score, label, reply)


def label(name: str, confidence: float | None, is_correct: bool) -> Label:
    """The label of a question of that name."""

    reason = Reason.EMPTY if confidence is None else None
    return Label(Question(name, f"{name}?", ("yes",)), "no", confidence, confidence, None, is_correct, reason)


def lesson(source: str = "evaluation") -> Lesson:
    """A wrong, wavering example that is looked up, and a known one."""
    wavering = ("Saint Mary Town", "New Port", "Saint Mary Town", "Old Port", "Bay City")
    wrong = example(Question("w", "What is the capital of Palau?", ("Ngerulmud",)), wavering, final="Ngerulmud")
    known = example(Question("k", "What is the capital of France?", ("Paris",)), ("Paris",) * 5, -0.01, spoken=0.95)
    others = (label("a", 0.9, True), label("b", 0.1, True), label("c", 0.9, False), label("d", None, False))
    steps = [0, 10, 20] if source == "tuning" else [0, 1]
    said = [None, *[0.9] * (len(steps) - 1)]
    questions = [
        {"question": f"{right}?", "right": right, "said": said, "answers": ["x"] * len(steps)}
        for right in (True, False)
    ]
    probes = {"source": source, "steps": steps, "questions": questions}
    made_by = Provenance("fake", None, {}, 0, "0", "2020-01-01T00:00:00+00:00")
    return Lesson(wrong, known, (wrong.label, known.label, *others), probes, (), made_by)
