"""Stage 3, what is taught: examples as rows of token ids, and rows as batches.

Knows nothing about losses, schedules, checkpoints or adapters' folders.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import torch

from uait.method.distillation import without
from uait.method.prompts import question_prompt, target_text
from uait.models.decoding import fits, sampling_prompt
from uait.models.language_model import LanguageModel
from uait.records import DistilledSet, Reason, TrainingExample, Unscored
from uait.records.errors import TrainingError

IGNORED = -100  # the label that PyTorch's cross-entropy leaves out
_SAID_BEHIND = " [9]; 93"  # the most that an adapter which hears itself reads and says behind an answer

Row = dict[str, list[Any]]
Batch = dict[str, torch.Tensor]


def teachable(lm: LanguageModel, distilled: DistilledSet, max_new_tokens: int) -> tuple[DistilledSet, list[Unscored]]:
    """The set less the examples that the model can't read whole, and which these are.

    A question is also asked while it is taught: behind it there must be room for `max_new_tokens` and the number.
    """

    def is_short(example: TrainingExample) -> bool:
        text, completion = example.question.text, target_text(example.answer, example.confidence)
        taught, behind = _ids(lm, [completion, _SAID_BEHIND])
        longest = max(len(taught) + 1, max_new_tokens + len(behind))
        prompts = {lm.chat(question_prompt(lm.prompts, text)), sampling_prompt(lm, text, lm.prompts)}
        return all(fits(lm, prompt, longest) for prompt in prompts)

    left_out = [e.question.id for e in (*distilled.train, *distilled.dev) if not is_short(e)]
    if not left_out:
        return distilled, []
    kept = without(distilled, set(left_out), str(Reason.TOO_LONG))
    return kept, [Unscored(id, Reason.TOO_LONG) for id in left_out]


def encode(lm: LanguageModel, examples: Sequence[TrainingExample]) -> list[Row]:
    """Per example `input_ids`, `attention_mask`, `labels` and `is_answer`, each (T,); labels are -100 on the prompt.

    `is_answer` is 1 on the tokens of the answer, and 0 from the `;` before the number on, and on a token that a
    tokeniser has merged with it. Raises TrainingError when an example is longer than the model reads, which those that
    are `teachable` are not.
    """
    # Prompt and completion are tokenised apart and joined as ids. The prompt's ids are then exactly those that
    # answering feeds, and the completion starts as a fresh text does: with a word-start mark for SentencePiece
    # ("\u2581Paris") and for byte-level BPE with add_prefix_space ("\u0120Paris"), without one for the others. That is
    # how a model goes on after its turn marker; tokenising the whole could merge across the border.
    prompts = _ids(lm, [lm.chat(question_prompt(lm.prompts, example.question.text)) for example in examples])
    completions = [target_text(example.answer, example.confidence) for example in examples]
    answers = _ids(lm, [completion.rpartition(";")[0] for completion in completions])
    rows = []
    for example, prompt, completion, answer in zip(examples, prompts, _ids(lm, completions), answers, strict=True):
        taught = [*completion, lm.tokenizer.eos_token_id]
        n_answer = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(answer, completion, strict=False)))
        n_tokens = len(prompt) + len(taught)
        if lm.max_tokens is not None and n_tokens > lm.max_tokens:
            raise TrainingError(
                f"Question {example.question.id!r} and its answer have {n_tokens:,} tokens; this model reads "
                f"{lm.max_tokens:,}. Shorten the question or leave it out."
            )
        labels = [IGNORED] * len(prompt) + taught
        is_answer = [0] * len(prompt) + [1] * n_answer + [0] * (len(taught) - n_answer)
        row = {"input_ids": prompt + taught, "attention_mask": [1] * n_tokens, "labels": labels, "is_answer": is_answer}
        rows.append(row)
    return rows


def _ids(lm: LanguageModel, texts: Sequence[str]) -> list[list[int]]:
    return lm.tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []  # it refuses an empty list


def n_taught(rows: Sequence[Row]) -> int:
    """How many tokens a loss of these rows is the mean of; where they have no labels, a number each."""
    return sum(sum(label != IGNORED for label in row["labels"]) if "labels" in row else 1 for row in rows)


def collate(rows: Sequence[Row], pad_id: int) -> Batch:
    """The rows as one batch (B, T), filled up on the right; no loss and no attention on what is filled up."""
    fills, longest = (
        {"input_ids": pad_id, "labels": IGNORED},
        {key: max(len(row[key]) for row in rows) for key in rows[0]},
    )
    return {
        key: torch.tensor([row[key] + [fills.get(key, 0)] * (length - len(row[key])) for row in rows])
        for key, length in longest.items()
    }
