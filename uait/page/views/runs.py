"""Jobs and tunings -> plain data for the page, as `present` makes it for the Ask tab.

Knows nothing of Gradio, processes, nor of how the data is drawn.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from uait.method.footprint import tune_steps
from uait.method.threshold import FEWEST, FEWEST_OF_A_KIND
from uait.records import Adapter, SmallRun, ThresholdChoice, TrainingExample
from uait.runs.jobs import JobState, JobStatus
from uait.settings import TuneSettings, settings_of

Payload = dict[str, Any]

_VERBS = {"label": "Labelling", "distil": "Choosing", "tune": "Tuning", "evaluate": "Evaluating"}
_UNDEFINED = "undefined: all answers right, or all wrong"
_SILENT = "none: it never said a number"
_TOO_FEW = f"too few to measure: it takes {FEWEST} answers with a number, {FEWEST_OF_A_KIND} of each kind"
LEAST_STEPS = 180  # what the recorded small tuning took
FEW = 256  # examples
MOST_SILENT = 0.1  # a tuning that leaves more of its answers without a number has not taken
_RESULTS = {
    "before": "before: asked to say how sure it is",
    "after": "after: the number it says",
    "expected": "after: the mean of all numbers it may say",
}
MEASURED_HERE = "measured on this machine"
_UNITS = {"label": "questions", "tune": "steps", "evaluate": "steps"}
_AFTER = {"tune": ", then it is measured"}
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
        facts.append(f"about {duration(status.eta)} left{_AFTER.get(status.stage, '')}")
    elif status.seconds:
        facts.append(f"{duration(status.seconds)} so far" if status.is_alive else f"took {duration(status.seconds)}")
    return " · ".join(facts)


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


# -- tuning ------------------------------------------------------------------------------------------


def start_for(n_train: int) -> str:
    """What a tuning on so many examples starts from by default: FEW of them teach a fresh adapter too little."""
    return "shipped" if n_train < FEW else "base"


def why_start(n_train: int) -> str:
    """The reason for that choice, as a sentence or two."""
    if n_train < FEW:
        return (
            f"With fewer than {FEW} examples a fresh adapter learns too little to tell right from wrong; the one that "
            "the model comes with says numbers already, and goes on from there. It may have learnt from some of them."
        )
    return f"From {FEW} examples on a fresh adapter learns to say numbers by itself, from these examples alone."


def epochs_for(tune: TuneSettings, n_train: int) -> float:
    """As many epochs as the settings name, or as few examples need for LEAST_STEPS: with fewer, no number is said.

    What goes on from an adapter that says numbers needs no more than the former.
    """
    if tune.start_from == "shipped":
        return tune.epochs
    return max(tune.epochs, float(math.ceil(LEAST_STEPS / math.ceil(n_train / tune.batch_size))))


def estimate(seconds: float | None, paced_by: str) -> str:
    """How long a job will take, as a sentence; `paced_by`: whose pace that goes by. "" where nobody knows."""
    if seconds is None:
        return ""
    return f"about {duration(seconds)} with loading, {paced_by}"


def tune_plan(tune: TuneSettings, n_train: int, n_parameters: int | None, time: str) -> str:
    """What to expect before the start: steps, time, memory.

    Memory: the model twice (as it is, and being tuned) in 32 bit, and the adapter four times (weights, gradients and
    the optimiser's two moments); what the examples take comes on top.
    """
    parts = [f"{n_train:,} examples, {tune_steps(tune, n_train):,} steps", time]
    if n_parameters is not None:
        parts.append(f"at least {_megabytes(8 * n_parameters)} of memory for the model, and a little for the adapter")
    return "; ".join(filter(None, parts)) + "."


def recorded_by(run: SmallRun) -> str:
    """Whose pace an estimate goes by, where this machine has not been measured."""
    return f"going by the recorded run on {run.n_cores} CPU core{'' if run.n_cores == 1 else 's'}"


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{max(1, round(n_bytes / 1e6))} MB"


def command(folder: str, tune: TuneSettings) -> str:
    """The command line that does the same tuning in a terminal."""
    flags: list[str] = []
    for f in settings_of(tune):
        value = getattr(tune, f.name)
        flags += [f"--{f.name.replace('_', '-')}", "none" if value is None else str(value)]
    return shlex.join(["python", "-m", "uait", "tune", "--run", folder, *flags])


def tuning(
    log: Sequence[Mapping[str, Any]],
    probes: Sequence[Mapping[str, Any]],
    examples: Sequence[TrainingExample],
    results: Sequence[Mapping[str, Any]],
    recorded: str = "",
    threshold: str = "",
) -> Payload:
    """The losses and learning rates so far, what the probe questions said at each look, and before/after.

    `recorded` says where a run that is not the visitor's own comes from; `threshold`, from when on it is trusted.
    """
    by_step = {row["step"]: row for row in sorted(probes, key=itemgetter("step"))}  # one made again after a kill: once
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
        "watched": [_watched(row) for row in by_step.values()],
        "results": [_result(row) for row in results],
        "recorded": recorded,
        "threshold": threshold,
        "advice": _advice(probes, results),
    }


def _watched(row: Mapping[str, Any]) -> Payload:
    """How well the numbers told right from wrong at one look, as a point to draw and in words."""
    if "auroc" not in row:
        return {"auroc": None, "text": "not measured: no example was kept apart"}
    n_said, interval = row["n"] - row["n_unscored"], row["auroc_interval"]
    counted = f"{n_said} of {row['n']} answers with a number"
    if row["auroc"] is None:
        return {"auroc": None, "text": f"{_SILENT if not n_said else _UNDEFINED} ({counted})"}
    if n_said < FEWEST:
        return {"auroc": None, "text": f"{_TOO_FEW} ({counted})"}
    between = f", {interval[0]:.2f} to {interval[1]:.2f}" if interval else ""
    return {"auroc": row["auroc"], "interval": interval, "text": f"{row['auroc']:.2f} ({counted}{between})"}


def chosen_threshold(chosen: ThresholdChoice | None, default: float) -> str:
    """From which confidence on the adapter is trusted and what that was chosen by, as a sentence; "" where unknown."""
    if chosen is None:
        return ""
    if chosen.value is None:
        return f"No threshold was chosen, so the default of {_percent(default)} stands: {chosen.reason}."
    return (
        f"Trusted from {_percent(chosen.value)} on: the threshold that best parts right from wrong among "
        f"{chosen.n} other answers, to questions that taught it nothing."
    )


def went_on(card: Adapter | None) -> str:
    """What to know of an adapter that was not begun afresh; "" of any other."""
    if card is None or card.origin is None:
        return ""
    return (
        "It went on from the adapter that the model comes with, which may have learnt from questions like those kept "
        "apart: only the table of before and after is on questions that neither was taught."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def recorded_caption(run: SmallRun) -> str:
    """Where the recorded run comes from and what it took."""
    labelling = sum(value for name, value in run.seconds.items() if name.startswith("label"))
    return (
        f"Recorded, to look at before you start your own: the embedded model answered {len(run.labels)} questions "
        f"in {duration(labelling)} and learnt from {run.n_train} of them in {duration(run.seconds['tune'])}, "
        f"on {run.n_cores} CPU core{'' if run.n_cores == 1 else 's'}. Made with: {run.command}"
    )


def _result(row: Mapping[str, Any]) -> Payload:
    auroc, ece = _measured(row)
    return {
        "name": _RESULTS.get(row["method"], row["method"]),
        "auroc": auroc,
        "ece": ece,
        "accuracy": f"{100 * row['accuracy']:.0f} %",
        "n": row["n"],
        "n_unscored": row["n_unscored"],
    }


def _measured(row: Mapping[str, Any]) -> tuple[str, str]:
    """AUROC with its interval and ECE; or why there is none: a few answers make a perfect score by chance."""
    n_said, interval = row["n"] - row["n_unscored"], row["auroc_interval"]
    if not n_said or row["auroc"] is None:
        return _UNDEFINED if n_said else _SILENT, "none" if row["ece"] is None else f"{row['ece']:.2f}"
    n_right = round(sum(accuracy * count for _, accuracy, count in row["reliability"]))
    if n_said < FEWEST or min(n_right, n_said - n_right) < FEWEST_OF_A_KIND:
        return _TOO_FEW, "none"
    between = f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
    return f"{row['auroc']:.2f}{between}", f"{row['ece']:.2f}"


def _advice(probes: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any]]) -> str:
    """What to do where the adapter leaves answers without a number; "" where it says its numbers."""
    counted = next((row for row in results if row["method"] == "after"), None) or (probes[-1] if probes else {})
    n, n_silent = counted.get("n", 0), counted.get("n_unscored", 0)
    if not n or n_silent <= MOST_SILENT * n:
        return ""
    return (
        f"It said no number behind {n_silent} of {n} answers: this tuning has not taken. Give it more epochs or more "
        "examples, or a higher learning rate."
    )
