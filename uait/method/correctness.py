"""Is an answer right, and what does the teacher say of it: samples + SAR -> Label.

Knows nothing about how the samples or the score were made, nor which labels are kept for tuning.
"""

import re
import string
import unicodedata
from collections.abc import Sequence

from uait.method.containment import contains
from uait.records import Label, SampleSet, SarScore, Unscored
from uait.records.errors import DataError, SettingsError

ROUGE_THRESHOLD = 0.5  # the published evaluation's

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "\u2018\u2019\u00b4", " "))
_WORD = re.compile(r"[^\W_]+")

RULES = ("exact", "contained", "rouge")
# "B", "(b)", "B. Nitrogen", "The answer is B: nitrogen"; not "B cells" nor "A plaster"
_OPTION = re.compile(
    r"\W*(?:(?:the )?(?:(?:correct|right|best) )?(?:answer|option|choice)(?: is)?:?\s+)?"
    r"\(?([A-J])(?:[).:](?=\W|$)|\s*$)",
    re.IGNORECASE,
)
_LETTER_AND_TEXT = re.compile(r"[A-J]\. .")


def normalise_answer(text: str) -> str:
    """The answer in lower case, without punctuation, articles and extra spaces.

    Source: the TriviaQA evaluation's rules (Joshi et al. 2017). Ours differs in two points: composed and decomposed
    accents are one, and an answer made only of what is stripped ("A", "+") stays as it is instead of becoming empty.
    """
    lowered = unicodedata.normalize("NFC", text).lower()
    stripped = _ARTICLE.sub(" ", lowered.translate(_PUNCTUATION))
    return " ".join(stripped.split()) or lowered.strip()


def rouge_l(a: str, b: str) -> float:
    """ROUGE-L F1 of two texts in [0, 1], symmetric: 2 L / (n_a + n_b), L the longest common subsequence in words.

    Source: Lin 2004, ROUGE-L with beta = 1, n_a and n_b its m and n. Two texts without words have nothing in common: 0.
    """
    words_a, words_b = _WORD.findall(a.lower()), _WORD.findall(b.lower())
    if not words_a or not words_b:
        return 0.0
    lengths = [0] * (len(words_b) + 1)
    for word in words_a:
        diagonal = 0
        for j, other in enumerate(words_b, start=1):
            above = lengths[j]
            lengths[j] = diagonal + 1 if word == other else max(above, lengths[j - 1])
            diagonal = above
    return 2.0 * lengths[-1] / (len(words_a) + len(words_b))


def is_correct(answer: str, references: Sequence[str], rule: str) -> bool | None:
    """Whether the answer is right by any of the references; None without references, and an empty answer is wrong.

    `rule` 'exact': equal after `normalise_answer`; 'contained': that, or `contains`; 'rouge': ROUGE-L above 0.5.
    An answer that names an option of a multiple-choice question by its letter is judged by the letter, whatever the
    rule. Raises SettingsError on another rule.
    """
    if rule not in RULES:
        raise SettingsError(f"label.correctness is {rule!r}; choose one of {', '.join(RULES)}.")
    if not references:
        return None
    if not answer.strip():
        return False
    option = _right_option(references)
    if option is not None:
        letter, text = option
        choice = _OPTION.match(answer) if answer.strip() != text else None  # "E. coli" can be an option's text
        if choice:
            return choice[1].upper() == letter
        references = (text,)
    if rule == "rouge":
        return max(rouge_l(answer, reference) for reference in references) > ROUGE_THRESHOLD
    if normalise_answer(answer) in {normalise_answer(reference) for reference in references}:
        return True
    return rule == "contained" and any(contains(answer, reference) for reference in references)


def _right_option(references: Sequence[str]) -> tuple[str, str] | None:
    """Letter and text of the right option where the references are both and "letter. text"; else None."""
    options = ((r[0], r[3:]) for r in references if _LETTER_AND_TEXT.match(r))
    return next((option for option in options if {*option} <= {*references}), None)


def label_question(samples: SampleSet, score: SarScore | Unscored, rule: str) -> Label:
    """The label of one question: the greedy answer, its confidence or why there is none, and whether it is right.

    A greedy answer that is empty or cut off is unscored whatever its samples say: it is the answer that is labelled.
    Raises DataError when `score` belongs to another question.
    """
    question, greedy = samples.question, samples.greedy
    if score.question_id != question.id:
        raise DataError(f"The score of {score.question_id!r} came with {question.id!r}; join them by id.")
    reason = greedy.flaw or (score.reason if isinstance(score, Unscored) else None)
    scored = score if isinstance(score, SarScore) and reason is None else None
    return Label(
        question=question,
        answer=greedy.text.strip(),
        confidence=scored.confidence if scored else None,
        raw_confidence=scored.confidence if scored else None,
        sar=scored.sar if scored else None,
        is_correct=is_correct(greedy.text, question.references, rule),
        unscored=reason,
        samples=tuple(sample.text for sample in samples.samples),
    )
