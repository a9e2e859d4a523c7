"""The shipped recipe once more: by other seeds, without being told what was right, and told at random.

Each is tuned on what `build` has distilled, asked the held-out questions, and compared with SAR and the answers'
probability on them. The controls ask the shipped adapter what its number is worth when it hears another probability
than its answer's, or reads another answer.
"""

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from uait.data.files import rows_by_id, write_jsonl
from uait.method.answers import EXPECTED, HEARD, SELF_TRAINED, SPOKEN
from uait.method.correctness import is_correct
from uait.method.metrics import auroc, method_result
from uait.models.confidence import answer_batch
from uait.models.decoding import advance, padded, read
from uait.models.hearing import expected_number
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.records import Answer, DistilledSet, Done, EvalReport, Event, Progress, Question
from uait.runs.files import ADAPTER
from uait.runs.folder import RunFolder
from uait.settings import Settings, TuneSettings
from uait.stages.distil import read_distilled
from uait.stages.report import Row, differences
from uait.tuning.heard import SAID
from uait.tuning.trainer import train_adapter

ALONE, SHUFFLED = "self-trained", "shuffled"
OTHER_SEEDS = (43, 44)
N_CONTROLLED, BATCH = 200, 64


def compared(
    settings: Settings, folder: RunFolder, report: EvalReport, held_out: dict[str, list[Question]]
) -> Iterator[Event]:
    """Tunes and asks them all; last Done(the report with a row for the self-trained one, and all in its extras).

    What was tuned or asked before is not done again.
    """
    base, distilled = load_model(settings.with_adapter("none")), read_distilled(folder)
    rows = {split: [row for row in report.rows if row["split"] == split] for split in report.threshold_sweep}
    seeds, extras, results = {str(settings.tune.seed): report.extras["differences"]}, dict(report.extras), []
    for name, (tune, examples) in _variants(settings.tune, distilled).items():
        out = folder.file(f"{ADAPTER}-{name}")
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder.file(ADAPTER) / SAID, out / SAID)  # what the base says is the same for all
        for event in train_adapter(replace(settings, tune=tune), base, examples, out):
            if isinstance(event, Progress):
                yield replace(event, note=f"{name}: {event.note}")
        gains = {}
        for split, before in rows.items():
            yield Progress("ask", 0, len(before), f"{name}: {split}")
            own = _as_said(settings, base.with_adapter(out), held_out[split], before, out / f"{split}.jsonl")
            gains[split] = differences(settings.evaluate, own)
            if name == ALONE:
                said, right = ([row["uait"][key] for row in own] for key in ("confidences", "right"))
                spoken = [confidences[SPOKEN] for confidences in said]
                results.append(method_result(SELF_TRAINED, split, spoken, right, settings.evaluate))
        (seeds if tune.seed != settings.tune.seed else extras)[name] = gains
    shipped = load_model(settings)
    extras["controls"] = {split: _controls(settings, shipped, held_out[split]) for split in rows}
    yield Done(replace(report, results=(*report.results, *results), extras={**extras, "seeds": seeds}))


def _variants(tune: TuneSettings, distilled: DistilledSet) -> dict[str, tuple[TuneSettings, DistilledSet]]:
    """How each is tuned, and on which examples."""
    truths = [example.is_correct for example in distilled.train]
    random.Random(tune.seed).shuffle(truths)
    at_random = tuple(replace(x, is_correct=truth) for x, truth in zip(distilled.train, truths, strict=True))
    return {
        ALONE: (replace(tune, recipe="hearing"), distilled),
        SHUFFLED: (tune, replace(distilled, train=at_random)),
        **{str(seed): (replace(tune, seed=seed), distilled) for seed in OTHER_SEEDS},
    }


def _as_said(
    settings: Settings, lm: LanguageModel, questions: Sequence[Question], rows: Sequence[Row], path: Path
) -> list[Row]:
    """The evaluation's rows with what this adapter says of the same answers, which are the base's; kept in the file."""
    if not path.exists():
        said = zip(questions, _answers(settings, lm, questions), strict=True)
        write_jsonl(path, [{"id": q.id, SPOKEN: a.spoken, EXPECTED: a.expected, HEARD: a.probability} for q, a in said])
    known = rows_by_id(path)
    kinds = (SPOKEN, EXPECTED, HEARD)
    said = ({kind: known[row["id"]][kind] for kind in kinds} for row in rows)
    return [{**row, "uait": {**row["uait"], "confidences": own}} for row, own in zip(rows, said, strict=True)]


def _answers(settings: Settings, lm: LanguageModel, questions: Sequence[Question]) -> list[Answer]:
    return answer_batch(lm, [question.text for question in questions], settings.answer, batch_size=BATCH)


def _controls(settings: Settings, lm: LanguageModel, questions: Sequence[Question]) -> Row:
    """What the average number comes to when the percentile heard is not the answer's own, or the answer not its own.

    Another answer is the next question's, heard with the percentile of the one whose place it takes.
    """
    asked = questions[:N_CONTROLLED]
    pairs = zip(asked, _answers(settings, lm, asked), strict=True)
    ended = [(question, answer) for question, answer in pairs if answer.probability is not None]
    answers = [answer for _, answer in ended]
    right = [bool(is_correct(a.text, q.references, settings.label.correctness)) for q, a in ended]
    own, low, middle, high = (_numbers(lm, answers, answers, percentile) for percentile in (None, 0, 50, 99))
    swapped = _numbers(lm, answers, [*answers[1:], answers[0]], None)
    return {
        "n": len(answers),
        "mean": float(np.mean(own)),
        "mean, percentile 0": float(np.mean(low)),
        "mean, percentile 99": float(np.mean(high)),
        "mean, another question's answer": float(np.mean(swapped)),
        "AUROC": auroc(own, right),
        "AUROC, percentile 50": auroc(middle, right),
    }


@torch.inference_mode()
def _numbers(lm: LanguageModel, asked: Sequence[Answer], said: Sequence[Answer], percentile: int | None) -> list[float]:
    """The average number behind each of the answers `said` to what was `asked`; 0 where there is none."""
    hears = lm.hears
    if hears is None:
        raise AssertionError("the shipped adapter hears itself")
    prompts = lm.tokenizer([answer.prompt for answer in asked], add_special_tokens=False)["input_ids"]
    rows = read(lm.without_adapter(), prompts)
    heard = [hears.level(answer.probability or 0.0) if percentile is None else percentile for answer in asked]
    ids = [[*answer.sample.token_ids, *hears.opening(each)] for answer, each in zip(said, heard, strict=True)]
    advance(lm, rows, *padded(lm, ids))
    return [mean or 0.0 for mean in expected_number(hears, rows.logits)]
