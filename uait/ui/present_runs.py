"""Jobs, labels, distilling and tuning -> plain data for the page, as `present` makes it for the Ask tab.

Knows nothing of Gradio, processes, nor of how the data is drawn.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from uait.distillation import MODAL_SHARE, NO_REFERENCE, distil
from uait.errors import DataError
from uait.jobs import JobState, JobStatus
from uait.prompts import target_text
from uait.records import DistilledSet, Label, Reason, TrainingExample
from uait.settings import DistilSettings, TuneSettings

Payload = dict[str, Any]

N_BINS = 10
N_ROWS = 100  # of the growing table: the newest
_VERBS = {"label": "Labelling", "distill": "Choosing", "tune": "Tuning"}
_UNDEFINED = "undefined: all answers right, or all wrong"
_UNITS = {"label": "questions", "tune": "steps"}
_STATES = {
    JobState.STOPPING: "is stopping after this step",
    JobState.STOPPED: "stopped",
    JobState.FAILED: "failed",
    JobState.DONE: "is through",
}


def duration(value: float) -> str:
    """A span of time in words: "under a second", "40 seconds", "3 minutes", "2 hours"."""
    if value < 1:
        return "under a second"
    for size, unit in ((3600, "hour"), (60, "minute")):
        if value >= 1.5 * size:
            return f"{value / size:.0f} {unit}s"
    return f"{value:.0f} second{'' if round(value) == 1 else 's'}"


# -- a job -------------------------------------------------------------------------------------------


def job_panel(status: JobStatus | None, is_chosen: bool = False) -> Payload:
    """The job's state as a sentence, its bar, and what to do when it failed. `is_chosen`: a run was named."""
    if status is None:
        gone = "This run is no longer there: its folder was deleted, or it was never started." if is_chosen else ""
        return {"state": "none", "title": gone}
    verb = _VERBS.get(status.verb, status.verb)
    return {
        "state": str(status.state),
        "title": f"{verb} {_title(status)}.",
        "done": status.done,
        "total": status.total,
        "facts": _facts(status),
        "note": status.note,
        "next": status.next_step,
        "log": list(status.log_tail),
    }


def _title(status: JobStatus) -> str:
    if status.state is JobState.QUEUED:
        return f"waits: {status.place} before it" if status.place else "is about to begin"
    if status.state is JobState.RUNNING:
        return "is loading the model" if status.total == 0 else "is at work"
    return _STATES[status.state]


def _facts(status: JobStatus) -> str:
    unit = _UNITS.get(status.stage, "")
    facts = [f"{status.done:,} of {status.total:,} {unit}"] if status.total and unit else []
    if status.state is JobState.RUNNING and status.rate and unit:
        facts.append(f"{_number(status.rate)} {unit} per second")
    if status.eta is not None:
        facts.append(f"about {duration(status.eta)} left")
    elif status.seconds:
        facts.append(f"{duration(status.seconds)} so far" if status.is_alive else f"took {duration(status.seconds)}")
    return " · ".join(facts)


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


# -- labels ------------------------------------------------------------------------------------------


def labelled(labels: Sequence[Label]) -> Payload:
    """The newest labels as rows, and how confident the right and the wrong ones are, in ten bins each."""
    scored = [label for label in labels if label.confidence is not None and label.is_correct is not None]
    return {
        "n": len(labels),
        "n_right": sum(label.is_correct is True for label in labels),
        "n_wrong": sum(label.is_correct is False for label in labels),
        "n_unjudged": sum(label.is_correct is None for label in labels),
        "n_unscored": sum(label.confidence is None for label in labels),
        "right": _bins([label for label in scored if label.is_correct]),
        "wrong": _bins([label for label in scored if not label.is_correct]),
        "rows": [_row(label) for label in labels[: -N_ROWS - 1 : -1]],
    }


def _bins(labels: Sequence[Label]) -> list[int]:
    counts = [0] * N_BINS
    for label in labels:
        counts[min(N_BINS - 1, int(N_BINS * (label.confidence or 0.0)))] += 1
    return counts


def _row(label: Label) -> Payload:
    return {
        "question": label.question.text,
        "answer": label.answer or "(no words)",
        "samples": list(label.samples),
        "sar": label.sar,
        "confidence": label.confidence,
        "right": label.is_correct,
        "reason": None if label.unscored is None else str(label.unscored),
    }


# -- distilling --------------------------------------------------------------------------------------


def distilling(labels: Sequence[Label], settings: DistilSettings) -> Payload:
    """Every label as a point that the page sorts by its two thresholds, by the same rule as `distil`.

    A point's `left_out` is the reason why no threshold can keep it; `is_dev` points are kept apart from the targets.
    A wrong-answer threshold of 1 keeps all, as None does.
    """
    dev = _dev_ids(labels, settings)
    return {
        "points": [_point(label, dev) for label in labels],
        "keep_right_from": 0.0 if settings.keep_right_from is None else settings.keep_right_from,
        "keep_wrong_below": 1.0 if settings.keep_wrong_below is None else settings.keep_wrong_below,
        "modal_share": MODAL_SHARE,
    }


def _dev_ids(labels: Sequence[Label], settings: DistilSettings) -> set[str]:
    """The ids kept apart; which they are does not depend on the thresholds."""
    try:
        everything = distil(labels, replace(settings, keep_right_from=None, keep_wrong_below=None, balance=False))
    except DataError:  # nothing can be kept at all
        return set()
    return {example.question.id for example in everything.dev}


def _point(label: Label, dev: set[str]) -> Payload:
    target = label.answer
    if label.is_correct and label.question.references:
        target = label.question.references[0]
    reason = None
    if label.confidence is None:
        reason = f"unscored: {label.unscored}"
    elif label.is_correct is None or (label.is_correct and not label.question.references):
        reason = NO_REFERENCE
    elif not target.strip():
        reason = f"unscored: {Reason.EMPTY}"
    taught = target_text(target, label.confidence) if label.confidence is not None and reason is None else ""
    return {
        "id": label.question.id,
        "question": label.question.text,
        "answer": label.answer or "(no words)",
        "reference": label.question.references[0] if label.question.references else None,
        "confidence": label.confidence,
        "right": label.is_correct,
        "left_out": reason,
        "taught": taught,
        "is_dev": label.question.id in dev,
    }


def kept_sentence(distilled: DistilledSet, name: str) -> str:
    """What was kept and dropped, and where it went."""
    dropped = ", ".join(f"{reason} {count}" for reason, count in distilled.dropped.items()) or "nothing"
    kept = distilled.kept
    return (
        f"Kept {kept['right'] + kept['wrong']} examples ({kept['right']} right, {kept['wrong']} wrong; "
        f"{len(distilled.dev)} of them only to watch the tuning). Dropped: {dropped}. "
        f"They wait in the Tune tab as {name}."
    )


# -- tuning ------------------------------------------------------------------------------------------


def n_steps(tune: TuneSettings, n_train: int) -> int:
    """How many steps the tuning takes: epochs over the examples, or fewer where `max_steps` says so."""
    all_steps = math.ceil(tune.epochs * math.ceil(n_train / tune.batch_size))
    return min(all_steps, tune.max_steps) if tune.max_steps else all_steps


def estimate(tune: TuneSettings, n_train: int, n_parameters: int | None, step_seconds: float | None) -> str:
    """What to expect before the start: steps, time from an earlier tuning's steps where there is one, memory.

    Memory: the model twice (as it is, and being tuned) in 32 bit, and the adapter four times (weights, gradients and
    the optimiser's two moments); what the examples take comes on top.
    """
    steps = n_steps(tune, n_train)
    parts = [f"{n_train:,} examples, {steps:,} steps"]
    if step_seconds is not None:
        parts.append(f"about {duration(steps * step_seconds)}, going by the last tuning here")
    elif n_parameters is not None:
        # 6 FLOP per parameter and token, some 40 tokens an example, 10 GFLOP/s: an old laptop's single core
        per_step = 6 * n_parameters * 40 * min(tune.batch_size, n_train) / 1e10
        parts.append(f"roughly {duration(steps * per_step)} on one slow CPU core, much less on a GPU (a guess)")
    if n_parameters is not None:
        parts.append(f"at least {_megabytes(8 * n_parameters)} of memory for the model, and a little for the adapter")
    return "; ".join(parts) + "."


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{max(1, round(n_bytes / 1e6))} MB"


def command(folder: str, tune: TuneSettings) -> str:
    """The command line that does the same tuning in a terminal."""
    flags: list[str] = []
    for f in fields(tune):
        value = getattr(tune, f.name)
        flags += [f"--{f.name.replace('_', '-')}", "none" if value is None else str(value)]
    return shlex.join(["python", "-m", "uait", "tune", "--run", folder, *flags])


def tuning(
    log: Sequence[Mapping[str, Any]],
    probes: Sequence[Mapping[str, Any]],
    examples: Sequence[TrainingExample],
    results: Sequence[Mapping[str, Any]],
) -> Payload:
    """The losses and learning rates so far, what the probe questions said at each look, and before/after."""
    by_step = {row["step"]: row for row in probes}  # a step made again after a kill counts once
    return {
        "steps": [dict(row) for row in log],
        "probes": [
            {
                "question": example.question.text,
                "right": example.is_correct,
                "taught": example.confidence,
                "said": [row["confidences"][i] for row in by_step.values() if i < len(row["confidences"])],
                "answers": [row["answers"][i] for row in by_step.values() if i < len(row["answers"])],
            }
            for i, example in enumerate(examples)
        ],
        "probe_steps": list(by_step),
        "results": [_result(row) for row in results],
    }


def _result(row: Mapping[str, Any]) -> Payload:
    names = {"before": "before: asked to say how sure it is", "after": "after: tuned to say how sure it is"}
    interval = row["auroc_interval"]
    missing = "none: it never said a number" if row["n_unscored"] == row["n"] else _UNDEFINED
    auroc = missing if row["auroc"] is None else f"{row['auroc']:.2f}"
    return {
        "name": names.get(row["method"], row["method"]),
        "auroc": auroc + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else ""),
        "ece": "none" if row["ece"] is None else f"{row['ece']:.2f}",
        "accuracy": f"{100 * row['accuracy']:.0f} %",
        "n": row["n"],
        "n_unscored": row["n_unscored"],
    }
