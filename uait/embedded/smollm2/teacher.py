"""What the teacher says of SmolLM2's few-shot answers: questions -> one row each, appended to a file, resumable.

A row holds the greedy answer, its tokens, its probability, SAR over K samples and whether it is right. Labels for
tuning and the baselines of the evaluation are read off these rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uait.data.files import append_jsonl, rows_by_id
from uait.embedded.smollm2.sampling import FewShotSampler
from uait.method.correctness import is_correct
from uait.method.sar import sar_score
from uait.models.similarity import Similarity, score_relevance
from uait.records import Finish, Question, Sample, SarScore
from uait.settings import SamplingSettings

SAMPLING = SamplingSettings(n_samples=5, temperature=0.7, max_new_tokens=16, batch_size=32, seed=10)
T = 0.001  # SAR's sentence temperature, as in the paper
RULE = "contained"


@dataclass(frozen=True, slots=True)
class TeacherRow:
    """One question as the few-shot base answers it.

    `ids` (T,) and `logprobs` (T,) of the greedy answer; `p_end` the probability that it ends there; `sar` SAR's
    confidence, None without a score.
    """

    id: str
    answer: str
    is_right: bool
    is_finished: bool
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    sar: float | None
    p_end: float

    @property
    def probability(self) -> float:
        """The probability of the whole answer, its end included; on dev it ranks better than the tokens' mean."""
        return min(float(np.exp(sum(self.logprobs))) * self.p_end, 1.0)

    @property
    def teaches(self) -> bool:
        """Whether there is an answer to learn: one that ended by itself and has words."""
        return self.is_finished and bool(self.answer)


def ask_teacher(
    sampler: FewShotSampler, similarity: Similarity | None, questions: Sequence[Question], path: Path
) -> Iterator[int]:
    """Asks what `path` does not hold yet, a batch at a time, and yields how many questions it now holds.

    Without a similarity only the greedy answer is asked for, in a fifth of the time, and there is no SAR.
    """
    known = rows_by_id(path)
    todo = [question for question in questions if question.id not in known]
    for start in range(0, len(todo), SAMPLING.batch_size):
        batch = todo[start : start + SAMPLING.batch_size]
        asked = list(sampler.sample(batch, SAMPLING, greedy_only=similarity is None))
        scores: dict[str, float] = {}
        if similarity is not None:
            sets = [samples for samples, *_ in asked if samples is not None]
            for samples, relevance in zip(sets, score_relevance(sets, similarity), strict=True):
                score = sar_score(samples, relevance, T)
                if isinstance(score, SarScore):
                    scores[score.question_id] = score.confidence
        for question, (_, greedy, p_end) in zip(batch, asked, strict=True):
            append_jsonl(path, _row(question, greedy, scores.get(question.id), p_end))
        yield len(known) + start + len(batch)


def read_teacher(path: Path) -> dict[str, TeacherRow]:
    """The rows that `ask_teacher` wrote into a file, by question id; none where it was not begun."""
    made = ({**row, "ids": tuple(row["ids"]), "logprobs": tuple(row["logprobs"])} for row in rows_by_id(path).values())
    return {row["id"]: TeacherRow(**row) for row in made}


def _row(question: Question, greedy: Sample, sar: float | None, p_end: float) -> dict[str, Any]:
    return {
        "id": question.id,
        "answer": greedy.text.strip(),
        "is_right": bool(is_correct(greedy.text, question.references, RULE)),
        "is_finished": greedy.finish is Finish.STOP,
        "ids": list(greedy.token_ids),
        "logprobs": np.round(greedy.logprobs, 5).tolist(),
        "sar": sar,
        "p_end": round(p_end, 6),
    }
