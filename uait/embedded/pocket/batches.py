"""The pocket model's training texts as rows of token ids, and the rows of all terms as batches in their order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from uait.embedded.pocket.corpus import Curriculum, Text
from uait.embedded.pocket.recipe import ASSISTANT, END, USER, Recipe


@dataclass(frozen=True)
class Row:
    """A text's token ids; learned are those from `answer` on, or from `question` on where a text has passages.

    `reply` is where the assistant's reply begins (None in plain text); `mark` is whether a marked reply is right.
    """

    ids: list[int]
    answer: int
    question: int
    reply: int | None
    mark: bool | None


def encode(texts: Sequence[Text], tokenizer: PreTrainedTokenizerFast) -> list[Row]:
    """The texts as the model sees them, with what is to be learned of each."""
    prompts = [f"{USER}{t.prompt}{ASSISTANT}" if t.prompt is not None else "" for t in texts]
    asked = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    given = tokenizer([t.given for t in texts], add_special_tokens=False)["input_ids"]
    tails = tokenizer([t.completion + END for t in texts], add_special_tokens=False)["input_ids"]
    newline = tokenizer.convert_tokens_to_ids("\u010a")
    rows = []
    for text, head, start, tail in zip(texts, asked, given, tails, strict=True):
        answer = max(1, len(head) + len(start))
        question = len(head) - head[::-1].index(newline) if newline in head else answer
        mark = text.completion == "yes" if text.given else None
        rows.append(Row(head + start + tail, answer, question, len(head) or None, mark))
    return rows


def batches(rows: Sequence[Row], batch_tokens: int, seed: int) -> Iterator[list[Row]]:
    """The rows once, grouped by similar length up to `batch_tokens` padded tokens, in random order."""
    rng = random.Random(seed)
    window = 4096
    for start in range(0, len(rows), window):
        block = sorted(rows[start : start + window], key=lambda row: len(row.ids))
        groups: list[list[Row]] = [[]]
        for row in block:
            if groups[-1] and (len(groups[-1]) + 1) * len(row.ids) > batch_tokens:
                groups.append([])
            groups[-1].append(row)
        rng.shuffle(groups)
        yield from groups


@dataclass(frozen=True)
class Plan:
    """All batches in order, and the steps at which the third and the fourth term begin."""

    batches: list[list[Row]]
    third_term: int
    fourth_term: int


def plan_batches(curriculum: Curriculum, tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Plan:
    """The batches of the four terms, those of the second and the third shuffled among themselves."""
    facts, school, lookups, revision = (
        list(batches(encode(texts, tokenizer), recipe.batch_tokens, recipe.seed))
        for texts in (curriculum.texts, curriculum.school, curriculum.lookups, curriculum.revision)
    )
    second = facts[recipe.school_from : recipe.lookups_from] + school
    third = facts[recipe.lookups_from :] + lookups
    random.Random(recipe.seed).shuffle(second)
    random.Random(recipe.seed + 1).shuffle(third)
    begun = facts[: recipe.school_from] + second
    return Plan(begun + third + revision, len(begun), len(begun) + len(third))
