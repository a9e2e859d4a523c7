"""What an adapter that hears itself is taught: to read the base's own answer and its percentile, and to say the number.

The labels' questions are asked once more: what the base answers, token by token, is what it will answer later, and how
probable all of it was, its end included, is what the adapter will hear then (`models.hearing`).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uait.data.files import append_jsonl, rows_by_id
from uait.method import probe
from uait.models.confidence import answer_batch
from uait.models.decoding import middle_states
from uait.models.hearing import Hearing, level_edges
from uait.models.language_model import LanguageModel
from uait.records import DistilledSet, Progress, TrainingExample
from uait.records.errors import TrainingError
from uait.settings import Settings
from uait.tuning.examples import Row

BATCH = 32
SAID = "said.jsonl"


@dataclass(frozen=True, slots=True)
class Said:
    """What the base said to the question with this `id`: its prompt's and its answer's tokens, how probable that was.

    `probability` is None where the answer did not end.
    """

    id: str
    prompt: str
    ids: tuple[int, ...]
    probability: float | None


def listen(
    settings: Settings, lm: LanguageModel, distilled: DistilledSet, path: Path
) -> Generator[Progress, None, dict[str, Said]]:
    """What the base says to every example's question, by id; asks only what the file at `path` does not hold yet."""
    questions = [example.question for example in (*distilled.train, *distilled.dev)]
    said = {id: Said(**{**row, "ids": tuple(row["ids"])}) for id, row in rows_by_id(path).items()}
    todo, base = [question for question in questions if question.id not in said], lm.without_adapter()
    for start in range(0, len(todo), BATCH):
        yield Progress("listen", len(questions) - len(todo) + start, len(questions))
        batch = todo[start : start + BATCH]
        answers = answer_batch(base, [question.text for question in batch], settings.answer, batch_size=BATCH)
        for question, answer in zip(batch, answers, strict=True):
            said[question.id] = Said(question.id, answer.prompt, answer.sample.token_ids, answer.probability)
            append_jsonl(path, said[question.id])
    return said


def hearing_of(lm: LanguageModel, examples: Sequence[TrainingExample], said: dict[str, Said]) -> Hearing:
    """Percentiles of the probabilities of these answers, as far as they ended."""
    found = [said[example.question.id].probability for example in examples]
    return Hearing.of(lm.tokenizer, level_edges([p for p in found if p is not None]))


def targets_of(
    lm: LanguageModel, distilled: DistilledSet, said: dict[str, Said], *, told: bool
) -> Generator[Progress, None, dict[str, float]]:
    """What to say of each answer that ended, by question id: the label's confidence, or, if `told`, right or wrong.

    As a probe sees it that was fitted on the answers about other facts (`method.probe`), those to tune on alone: the
    others are kept apart, and teach nothing. As it is with fewer than five facts.

    Raises TrainingError when none of the answers to tune on ended.
    """
    train, dev = (
        [example for example in part if said[example.question.id].probability is not None]
        for part in (distilled.train, distilled.dev)
    )
    if not train:
        raise TrainingError(
            f"None of the {len(distilled.train)} answers to tune on ended by itself; raise answer.max_new_tokens."
        )
    ended, n = [*train, *dev], len(train)
    targets = [float(example.is_correct) if told else example.confidence for example in ended]
    facts = [example.question.fact for example in train]
    if len(set(facts)) >= probe.FOLDS:
        answers, states, base = [said[example.question.id] for example in ended], [], lm.without_adapter()
        for start in range(0, len(answers), BATCH):
            yield Progress("read", start, len(answers))
            batch = answers[start : start + BATCH]
            states.append(middle_states(base, [[*_prompt(lm, answer), *answer.ids] for answer in batch]))
        rows = probe.features(np.concatenate(states), [answer.probability or 0.0 for answer in answers])
        apart = probe.confidences(probe.fit(rows[:n], targets[:n]), rows[n:]) if dev else []
        targets = [*probe.smoothed(rows[:n], targets[:n], facts), *apart]
    return dict(zip([example.question.id for example in ended], targets, strict=True))


def encode_heard(
    lm: LanguageModel,
    hears: Hearing,
    examples: Sequence[TrainingExample],
    said: dict[str, Said],
    targets: dict[str, float],
) -> list[Row]:
    """Per answer that ended: `input_ids` and `attention_mask` of its prompt (T,), and what the adapter reads behind it.

    `said` (S,), with `said_mask`, is the answer and what opens the number. `target` (1,) is what to say (`targets_of`).
    """
    rows = []
    for example in examples:
        answer = said[example.question.id]
        if answer.probability is not None:
            prompt = _prompt(lm, answer)
            behind = [*answer.ids, *hears.opening(hears.level(answer.probability))]
            masks = {"attention_mask": [1] * len(prompt), "said_mask": [1] * len(behind)}
            rows.append({"input_ids": prompt, "said": behind, "target": [targets[answer.id]], **masks})
    return rows


def _prompt(lm: LanguageModel, answer: Said) -> list[int]:
    return lm.tokenizer(answer.prompt, add_special_tokens=False)["input_ids"]
