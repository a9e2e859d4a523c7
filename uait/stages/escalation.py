"""The stronger model in an evaluation: asked a part of what falls below the threshold, to bound time and price."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from uait.data.files import append_jsonl, rows_by_id
from uait.method.branches import STRONGER, is_sure
from uait.method.correctness import is_correct
from uait.method.gate import decide_again
from uait.records import Action, Progress, Question
from uait.records.errors import RetrievalError
from uait.stages.engines import Engines
from uait.stages.report import Row

MOST = 64  # of a split: an interval of 12 points, in about a minute of SmolLM2
TRIES = 3  # failures in a row, after which nobody is asked any more


def escalate(engines: Engines, rows: Sequence[Row], questions: Sequence[Question], path: Path) -> Iterator[Progress]:
    """Puts what the stronger model says into up to 64 of the rows below the threshold, drawn at random.

    Only rows with a known answer are asked for. What the file at `path` holds is not asked again. A stronger model that
    can't be reached ends the asking: the progress then says why.
    """
    if engines.stronger is None:
        return
    references = {question.id: question.references for question in questions}
    below = [r for r in rows if r["uait"]["right"] is not None and not is_sure(r, engines.threshold)]
    asked = Random(engines.settings.evaluate.seed).sample(below, min(MOST, len(below)))
    known = rows_by_id(path)
    n_failed = 0
    for i, row in enumerate(asked):
        if row["id"] not in known:
            yield Progress("escalate", i, len(asked), f"{row['split']}: asking {engines.stronger.name}")
            try:
                known[row["id"]] = _said(engines, row, references[row["id"]])
            except RetrievalError as err:
                n_failed += 1
                yield Progress("escalate", i, len(asked), str(err))
                if n_failed == TRIES:
                    return
                continue
            append_jsonl(path, known[row["id"]])
            n_failed = 0
        row[STRONGER] = {key: value for key, value in known[row["id"]].items() if key != "id"}
    yield Progress("escalate", len(asked), len(asked))


def _said(engines: Engines, row: Row, references: Sequence[str]) -> Row:
    if engines.stronger is None:
        raise AssertionError("nobody to ask")
    said = engines.stronger.answer(row["question"])
    is_given = decide_again(said.confidence, said.threshold).action is Action.ANSWER
    return {
        "id": row["id"],
        "model": said.model_id,
        "answer": said.text,
        "right": is_correct(said.text, references, engines.settings.label.correctness),
        "given": is_given,
        "seconds": round(said.seconds, 3),
        "cost": said.cost,
    }
