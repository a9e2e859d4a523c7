"""The tuned adapter measured once on held-out questions, and put where the product finds it: assets/smollm2.

The in-domain test, whole relations never tuned on, and public sets, which are read by name and never kept: no row of
theirs is in what is shipped.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from uait.data.catalogue import preset
from uait.data.files import append_jsonl, data_hash, rows_by_id, write_json
from uait.data.json import to_json
from uait.data.named import read_set
from uait.embedded.smollm2 import measure
from uait.embedded.smollm2.build import (
    SMOLLM2,
    TRUST,
    Workshop,
    open_workshop,
    probed,
    read,
    report,
    self_trained,
    told,
    told_of,
)
from uait.embedded.smollm2.sampling import FewShotSampler
from uait.embedded.smollm2.student import Student
from uait.embedded.smollm2.teacher import RULE, SAMPLING
from uait.method import probe
from uait.method.answers import SELF_TRAINED
from uait.method.correctness import is_correct
from uait.models.confidence import verbalized_batch
from uait.models.p_true import p_true_batch
from uait.models.shipped import seal
from uait.models.similarity import load_similarity, score_relevance
from uait.records import Adapter, Question
from uait.settings import AnswerSettings, EvaluateSettings, to_dict
from uait.tuning.card import write_card

DEV, DEV_RELATION = "dev", "dev-relation"
IN_DOMAIN, OUT_OF_RELATION, PUBLIC = "in-domain", "relations never tuned on", "public sets"
PROBE = "probe"
SEEDS = (0, 1, 2)  # the first is shipped
POOLED = "relations and sets never tuned on"
PUBLIC_SETS = ("trivia_qa", "nq_open", "popqa", "web_questions", "sciq")
N_DEV, N_TEST, N_RELATION, N_PUBLIC, N_ASKED_AGAIN = 400, 500, 350, 70, 40
PLAIN = AnswerSettings(max_new_tokens=24)
Pairs = Sequence[tuple[bool, float | None]]


def ship(runs: Path) -> None:
    """Tunes; puts the adapter, with the threshold that dev chose, into assets/smollm2; measures it once on the rest."""
    shop, seed = open_workshop(runs), SEEDS[0]
    folder = told(shop, seed)
    student = shop.student(folder)
    settings = replace(preset("smollm2"), sampling=SAMPLING)
    dev = [_answered(shop, student, name, shop.questions[name][:N_DEV], seed, name) for name in (DEV, DEV_RELATION)]
    rows = [row for split in dev for row in split.student]
    stack, threshold = measure.fit_stack(rows), measure.threshold_of(rows)
    tell(dev, stack, settings.evaluate)
    found = {split.name: measure.differences(split) for split in dev}
    put(folder, Adapter(
        path=str(SMOLLM2 / "adapter"), base_model_id="smollm2",
        data_hash=data_hash([q.text for q in shop.questions["tune"]]), settings=to_dict(settings),
        metrics={"n_dev": len(rows), "dev": found}, threshold=threshold, level_edges=student.hears.edges,
    ))  # fmt: skip
    splits = [_answered(shop, student, name, questions, seed) for name, questions in held_out(shop).items()]
    fitted, first = _fitted_probe(shop, student), shop.student(self_trained(shop, seed))
    splits = [
        replace(split, baselines={
            **_untuned(shop, split, runs),
            PROBE: _probe_says(student, fitted, split),
            SELF_TRAINED: [(row.is_right, row.spoken) for row in _asked(shop, first, split, seed, "self-trained-")],
        })
        for split in splits
    ]  # fmt: skip
    extras = {
        "threshold": threshold,
        "stack": to_json(stack),
        "seeds": {str(other): _gains(shop, told(shop, other), splits, other) for other in SEEDS},
        "self-trained": _gains(shop, self_trained(shop, seed), splits, seed, "self-trained-"),
        "shuffled": _gains(shop, told(shop, seed, shuffled=True), splits, seed, "shuffled-"),
        "controls": {split.name: controls(shop, student, split, seed) for split in splits},
        "cost": cost(shop, student, splits[0]),
    }
    tell(splits, stack, settings.evaluate)
    made = measure.report(splits, stack, settings, (IN_DOMAIN, OUT_OF_RELATION), extras)
    write_json(SMOLLM2 / "evaluation.json", to_json(made))


def _fitted_probe(shop: Workshop, student: Student) -> Any:
    """The probe of the answers that the student was told right from wrong of."""
    rows = told_of(shop)
    return probe.fit(probed(shop.read(student, rows), rows), [row.is_right for row in rows], TRUST)


def _probe_says(student: Student, fitted: Any, split: measure.Split) -> Pairs:
    """The probe's own confidence, without a word from the student."""
    below = read(student, split.questions, split.teacher)
    said = probe.confidences(fitted, probed(below, split.teacher))
    return [(row.is_right, c if row.teaches else None) for row, c in zip(split.teacher, said, strict=True)]


def _gains(
    shop: Workshop, folder: Path, splits: Sequence[measure.Split], seed: int, kind: str = ""
) -> dict[str, dict[str, Any]]:
    """What an adapter's number gains over SAR and the answers' probability: per split, and where nothing was tuned."""
    student = shop.student(folder)
    own = [replace(split, student=_asked(shop, student, split, seed, kind)) for split in splits]
    out = own[1:]
    both = {side: [row for s in out for row in getattr(s, side)] for side in ("teacher", "student")}
    return {s.name: measure.differences(s) for s in (*own, replace(own[1], name=POOLED, **both))}


def _asked(shop: Workshop, student: Student, split: measure.Split, seed: int, kind: str) -> list[measure.StudentRow]:
    """What the student says of the split's answers; `kind` begins its file's name."""
    path = shop.runs / f"{_slug(split.name)}-{kind or 'student-'}{seed}.jsonl"
    return measure.ask_student(student, split.questions, split.teacher, path)


def tell(splits: Sequence[measure.Split], stack: measure.Stack, settings: EvaluateSettings) -> None:
    """A line per method and split, and what the spoken number gains over SAR and over the answer's probability."""
    for split in splits:
        for r in measure.results(split, stack, settings):
            auroc = f"AUROC {r.auroc} {r.auroc_interval}"
            report(f"{split.name}: {r.method}: n {r.n}, right {r.accuracy:.3f}, {auroc}, ECE {r.ece}")
        report(f"{split.name}: {measure.differences(split)}")


def put(folder: Path, adapter: Adapter) -> None:
    """Copies the adapter's two files to assets/smollm2, its card beside them."""
    out = Path(adapter.path)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copyfile(folder / name, out / name)
    seal()
    write_card(adapter)


def held_out(shop: Workshop) -> dict[str, list[Question]]:
    """The questions that nothing was tuned or chosen on, by split."""
    public = [q for name in PUBLIC_SETS for q in read_set(f"{name}[:{N_PUBLIC}]")]
    test, relation = shop.questions["test"][:N_TEST], shop.questions["out-of-relation"][:N_RELATION]
    return {IN_DOMAIN: test, OUT_OF_RELATION: relation, PUBLIC: public}


def _answered(
    shop: Workshop, student: Student, name: str, questions: list[Question], seed: int, file: str = ""
) -> measure.Split:
    """The teacher's and the student's rows of one split; what their files hold is not asked again."""
    teacher = list(shop.teacher(file or f"held-out-{_slug(name)}", questions).values())
    report(f"{name}: asking the student {len(questions)} questions")
    own = measure.ask_student(student, questions, teacher, shop.runs / f"{_slug(name)}-student-{seed}.jsonl")
    return measure.Split(name, questions, teacher, own, {})


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _untuned(shop: Workshop, split: measure.Split, runs: Path) -> dict[str, Pairs]:
    """The baselines that ask the untuned model, zero-shot, about its confidence: verbalized, and P(True)."""
    report(f"{split.name}: asking the untuned model")
    questions, teacher = split.questions[:N_ASKED_AGAIN], split.teacher[:N_ASKED_AGAIN]
    path = runs / f"{_slug(split.name)}-untuned.jsonl"
    known = rows_by_id(path)
    todo = [(q, t) for q, t in zip(questions, teacher, strict=True) if q.id not in known]
    for start in range(0, len(todo), 16):
        batch = todo[start : start + 16]
        texts = [q.text for q, _ in batch]
        spoken = verbalized_batch(shop.lm, texts, PLAIN, 16)
        p_true = p_true_batch(shop.lm, texts, [t.answer for _, t in batch], 16)
        for (question, _), answer, p in zip(batch, spoken, p_true, strict=True):
            right = bool(is_correct(answer.text, question.references, RULE))
            known[question.id] = {"id": question.id, "right": right, "spoken": answer.spoken, "p_true": p}
            append_jsonl(path, known[question.id])
    rows = [known[question.id] for question in questions]
    return {
        "verbalized": [(row["right"], row["spoken"]) for row in rows],
        "P(True)": [(t.is_right, row["p_true"]) for row, t in zip(rows, teacher, strict=True)],
    }


def controls(shop: Workshop, student: Student, split: measure.Split, seed: int) -> dict[str, Any]:
    """What the number is worth when the student hears another decile than its own, or reads another answer."""
    n = 2 * N_ASKED_AGAIN
    questions, teacher = list(split.questions)[:n], list(split.teacher)[:n]
    fixed, low, high = (
        measure.ask_student(
            student, questions, teacher, shop.runs / f"{_slug(split.name)}-heard-{decile}-{seed}.jsonl", decile
        )
        for decile in (5, 0, 9)
    )
    swapped = student.ask([question.text for question in questions], [*teacher[1:], teacher[0]], 5)
    return {
        "n": len(fixed),
        "auroc expected, decile fixed at 5": measure.auroc_of(fixed),
        "mean expected, decile 5": measure.mean_expected(fixed),
        "mean expected, decile 5, another question's answer": float(np.mean([mean or 0.0 for _, mean in swapped])),
        "mean expected, decile 0": measure.mean_expected(low),
        "mean expected, decile 9": measure.mean_expected(high),
    }


def cost(shop: Workshop, student: Student, split: measure.Split) -> dict[str, float]:
    """CPU seconds a question, asked one by one: a spoken answer, and SAR's samples with their similarities."""
    similarity, sampler = load_similarity("bi-encoder"), FewShotSampler(shop.lm)
    pairs = list(zip(split.questions, split.teacher, strict=True))[:N_ASKED_AGAIN]
    start = process_time()
    for question, row in pairs:
        list(sampler.sample([question], SAMPLING, greedy_only=True))
        student.ask([question.text], [row])
    spoken = process_time() - start
    start = process_time()
    for question, _ in pairs:
        score_relevance([samples for samples, *_ in sampler.sample([question], SAMPLING) if samples], similarity)
    sar, n = process_time() - start, len(pairs)
    return {"n": n, "seconds spoken": spoken / n, "seconds SAR": sar / n, "times cheaper": sar / spoken}
