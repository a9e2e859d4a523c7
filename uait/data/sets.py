"""The public question sets: where each is kept, and how one of its rows becomes a question with every accepted answer.

Knows nothing about files, networks or slices; a row is a mapping with the hub's columns.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from uait.records import Question
from uait.records.errors import DataError

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """One public set. `teach` and `measure` are the splits meant when none is named; `file` is its name in UAIT_DATA.

    `place` is a hub id, or the address of an archive where no hub id is certain.
    """

    name: str
    place: str
    splits: tuple[str, ...]
    teach: str
    measure: str
    question: Callable[[Row, str], Question]
    file: str
    config: str | None = None


def texts(value: Any) -> tuple[str, ...]:
    """The texts in a text or a list of them, each once, in order."""
    values = [value] if isinstance(value, (str, int, float)) else list(value)
    return tuple(dict.fromkeys(text for text in (str(v).strip() for v in values) if text))


def choice_question(id: str, text: str, options: Row, answer: str) -> Question:
    """The question with its options by letter; right are the option's text, its letter, and both together.

    Raises DataError when no option is the answer.
    """
    letters = [letter for letter, option in options.items() if option and str(option).strip() == answer.strip()]
    if not letters:
        raise DataError(f"Question {id!r}: the answer {answer!r:.60} is none of its options; mend one of the two.")
    listed = " ".join(f"({letter}) {str(option).strip()}" for letter, option in options.items() if option)
    return Question(id, f"{text.strip()} {listed}", (answer.strip(), letters[0], f"{letters[0]}. {answer.strip()}"))


def _trivia_qa(row: Row, id: str) -> Question:
    answer = row["answer"]
    return Question(row["question_id"], row["question"], texts([answer["value"], *answer["aliases"]]))


def _pop_qa(row: Row, id: str) -> Question:
    return Question(f"popqa_{row['id']}", row["question"], texts([row["obj"], *json.loads(row["possible_answers"])]))


def _med_qa(row: Row, id: str) -> Question:
    return choice_question(id, row["question"], row["options"], row["answer"])


def _plain(text: str, answers: str) -> Callable[[Row, str], Question]:
    """Reads a set whose rows hold the question in the column `text` and its answer or answers in `answers`."""
    return lambda row, id: Question(row.get("id") or id, row[text], texts(row[answers]))


_SCIQ = _plain("question", "correct_answer")
SETS: tuple[QuestionSet, ...] = (
    # rc holds a question once for the web and once for Wikipedia; the repeated one is left out when it is read
    QuestionSet(
        "trivia_qa", "mandarjoshi/trivia_qa", ("train", "validation"), "train", "validation",
        _trivia_qa, "triviaqa", "rc.nocontext",
    ),
    QuestionSet("sciq", "allenai/sciq", ("train", "validation", "test"), "train", "test", _SCIQ, "sciq"),
    # The paper writes SciQA; its code reads SciQ's validation split (1,000 questions). orkg/SciQA is another set.
    QuestionSet("sciqa", "allenai/sciq", ("train", "validation", "test"), "train", "validation", _SCIQ, "sciq"),
    QuestionSet("medqa", "GBaker/MedQA-USMLE-4-options", ("train", "test"), "train", "test", _med_qa, "medqa"),
    QuestionSet(
        "nq_open", "google-research-datasets/nq_open", ("train", "validation"), "train", "validation",
        _plain("question", "answer"), "nq-open",
    ),
    QuestionSet("popqa", "akariasai/PopQA", ("test",), "test", "test", _pop_qa, "popqa"),
    QuestionSet(
        "web_questions", "stanfordnlp/web_questions", ("train", "test"), "train", "test",
        _plain("question", "answers"), "webquestions",
    ),
    # Its authors publish an archive, one file per relation; no copy on the hub is theirs
    QuestionSet(
        "entity_questions", "https://nlp.cs.princeton.edu/projects/entity-questions/dataset.zip",
        ("train", "dev", "test"), "train", "test", _plain("question", "answers"), "entity-questions",
    ),
    QuestionSet("simple_qa", "basicv8vc/SimpleQA", ("test",), "test", "test", _plain("problem", "answer"), "simple-qa"),
)  # fmt: skip
