"""The small preset, measured end to end as the page runs it, and recorded so that the page has something to show.

Run as `python -m uait.embedded.pocket.small_run [--out FOLDER | --dev]`. Labels, distils and tunes with the embedded
model in jobs of their own, then asks every held-out in-domain question before and after. The preset's numbers were
chosen on the dev split; the held-out questions are asked once, here.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from uait.data.files import read_json, read_jsonl, read_rows, write_json, write_jsonl
from uait.data.json import from_json, to_json
from uait.data.questions import read_questions
from uait.embedded.pocket.corpus import Corpus
from uait.embedded.pocket.questions import of_split, to_tune_on
from uait.embedded.pocket.world import Fact
from uait.models.loading import load_model
from uait.records import Label, Question, TrainingExample
from uait.records.errors import UaitError
from uait.runs import jobs
from uait.runs.folder import RunFolder
from uait.runs.jobs import JobState
from uait.settings import POCKET, DistilSettings, Settings, preset, small_tuning, to_dict
from uait.stages import work
from uait.stages.evaluate import picked
from uait.stages.pipeline import LABELS, read_distilled
from uait.tuning.trainer import read_log

COMMAND = "python -m uait.embedded.pocket.small_run"
FILE = "small_run.json"
N_QUESTIONS, N_FIRST = 512, 64  # labelled in all; and the count whose seconds are noted apart
N_HELD_OUT = 128  # asked before and after a tuning on the page
BATCH = 8  # questions sampled at once on the page: what a kill can cost
# One label in five is kept apart: at the usual 3 % a small set would leave nothing to watch the tuning by.
DISTIL = DistilSettings(dev_fraction=0.2)


@dataclass(frozen=True, slots=True)
class SmallRun:
    """The recorded run: how it was made, what it took, and all that the Label and Tune tabs draw.

    `seconds` of each stage as a visitor waits for it, loading the libraries and the model included.
    """

    command: str
    n_cores: int
    seconds: dict[str, float]
    settings: dict[str, Any]
    labels: tuple[Label, ...]
    n_train: int
    examples: tuple[TrainingExample, ...]
    log: tuple[dict[str, Any], ...]
    looks: tuple[dict[str, Any], ...]
    results: tuple[dict[str, Any], ...]


@cache
def _facts() -> tuple[Fact, ...]:
    path = POCKET / "facts.jsonl"
    return tuple(from_json(Fact, row) for _, row in read_rows(path)) if path.is_file() else ()


@cache
def embedded_questions() -> tuple[Question, ...]:
    """The questions of the embedded model's world that tuning may use; none without that world."""
    facts = _facts()
    return tuple(to_tune_on(facts, Corpus(facts, preset("pocket").prompts, 1), 0)) if facts else ()


@cache
def held_out_questions() -> tuple[Question, ...]:
    """Questions of the same world that no tuning is ever shown; none without that world."""
    path = POCKET / "questions" / "in-domain.jsonl"
    return tuple(read_questions(path)) if path.is_file() else ()


@cache
def recorded(path: Path = POCKET / FILE) -> SmallRun | None:
    """The run that ships with the embedded model, or None when none was recorded."""
    return from_json(SmallRun, read_json(path)) if path.is_file() else None


def settings() -> Settings:
    """What the page labels and tunes with when nothing is changed; every label teaches, as for the shipped adapter."""
    base = preset("pocket")
    sampling = replace(base.sampling, batch_size=BATCH)
    distil = replace(DISTIL, keep_right_from=None, keep_wrong_below=None)
    return replace(base, sampling=sampling, distil=distil, tune=small_tuning(base.tune))


def measure(folder: Path, held_out: Sequence[Question], n_questions: int = N_QUESTIONS) -> SmallRun:
    """The run, made afresh in `folder`, measured on the `held_out` questions. Raises UaitError when a stage fails."""
    chosen, seconds = settings(), {}
    questions = picked(embedded_questions(), n_questions, chosen.sampling.seed)
    write_jsonl(folder / work.HELD_OUT, held_out[:N_HELD_OUT])
    write_jsonl(folder / work.QUESTIONS, questions[:N_FIRST])
    seconds["label the first 64"] = _job(folder, "label", chosen)
    write_jsonl(folder / work.QUESTIONS, questions)
    seconds["label the others"] = _job(folder, "label", chosen)
    seconds["distil"] = _job(folder, "distill", chosen)
    seconds["tune"] = _job(folder, "tune", chosen)
    start, run = time.perf_counter(), RunFolder(folder)
    base = load_model(chosen.with_adapter("none"))
    results = work.before_after(chosen, base, run, held_out)
    seconds["ask the held-out questions"] = time.perf_counter() - start
    distilled = read_distilled(run)
    return SmallRun(
        command=COMMAND,
        n_cores=len(os.sched_getaffinity(0)),
        seconds={name: round(value, 1) for name, value in seconds.items()},
        settings=to_dict(chosen),
        labels=tuple(read_jsonl(folder / LABELS, Label)),
        n_train=len(distilled.train),
        examples=work.probe_examples(distilled),
        log=tuple(read_log(folder / "adapter" / "log.jsonl")),
        looks=tuple(row for _, row in read_rows(folder / work.PROBES)),
        results=tuple(to_json(result) for result in results),
    )


def _job(folder: Path, verb: str, chosen: Settings) -> float:
    """The seconds that the job took, from its start to the end of its process."""
    start, status = time.perf_counter(), jobs.start(folder, verb, chosen)
    while status.is_alive:
        time.sleep(0.1)
        status = jobs.status(folder) or status
    if status.state is not JobState.DONE:
        raise UaitError(f"{verb} did not end well: {status.note} {' '.join(status.log_tail)}")
    return time.perf_counter() - start


def record(*, on_dev: bool = False) -> SmallRun:
    """The run, made afresh and forgotten; measured on the held-out questions, or on the dev split."""
    scratch = Path(tempfile.mkdtemp())
    try:
        (scratch / "run").mkdir()
        return measure(scratch / "run", of_split(_facts(), "dev", 0) if on_dev else held_out_questions())
    finally:
        shutil.rmtree(scratch)


def main() -> None:
    """Measures, and writes small_run.json into the model's folder or the one that is named."""
    parser = ArgumentParser(prog=COMMAND, description="Measure the small preset and record it for the page.")
    parser.add_argument("--out", type=Path, default=POCKET, help="folder for small_run.json (default: the model's)")
    parser.add_argument("--dev", action="store_true", help="ask the dev split and write nothing: to choose numbers by")
    options = parser.parse_args()
    run = record(on_dev=options.dev)
    if not options.dev:
        write_json(options.out / FILE, run)
    summary = {"seconds": run.seconds, "auroc": {row["method"]: row["auroc"] for row in run.results}}
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
