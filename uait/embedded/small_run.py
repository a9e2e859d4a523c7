"""A model's small preset, measured end to end as the page runs it, and recorded so that the page has something to show.

Labels, distils and tunes in jobs of their own, then asks held-out questions before and after. The preset's numbers are
chosen on dev questions; the held-out ones are asked once, by the recorded run.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from uait.data.catalogue import Description, describe, preset, small
from uait.data.files import read_json, read_jsonl, read_rows, write_json, write_jsonl
from uait.data.json import to_json
from uait.models.loading import load_model
from uait.page.run_files import N_HELD_OUT
from uait.records import Label, Question, SmallRun
from uait.records.errors import UaitError
from uait.runs import jobs
from uait.runs.files import ADAPTER, BEFORE_AFTER, HELD_OUT, LABELS, PROBES, QUESTIONS
from uait.runs.folder import RunFolder
from uait.runs.jobs import JobState
from uait.settings import ASSETS, Settings, to_dict
from uait.stages.evaluate import drawn
from uait.stages.report import IN_DOMAIN
from uait.stages.tune import before_after, probe_examples, read_taught
from uait.tuning.card import read_card
from uait.tuning.trainer import read_log

FILE = "small_run.json"
N_FIRST = 64  # the count whose seconds are noted apart


@dataclass(frozen=True, slots=True)
class Plan:
    """Whose small run it is, by which command; how many questions are labelled, and asked before and after.

    `dev` finds the questions that numbers are chosen by.
    """

    model: str
    command: str
    n_questions: int
    n_held_out: int | None  # None: all
    dev: Callable[[], Sequence[Question]]

    @property
    def description(self) -> Description:
        """What is known of the model. Raises UaitError where nothing is."""
        description = describe(self.model)
        if description is None:
            raise UaitError(f"assets/{self.model} has no description.json; restore it.")
        return description

    def held_out(self, *, on_dev: bool = False) -> Sequence[Question]:
        """The questions that are asked before and after."""
        return (self.dev() if on_dev else self.description.held_out[IN_DOMAIN])[: self.n_held_out]


def settings(model: str) -> Settings:
    """What the page labels and tunes with when nothing is changed; every label teaches, as for the shipped adapter."""
    base = small(preset(model)).with_adapter("none")
    return replace(base, distil=replace(base.distil, keep_right_from=None, keep_wrong_below=None))


def measure(plan: Plan, folder: Path, held_out: Sequence[Question]) -> SmallRun:
    """The run, made afresh in `folder`, measured on the `held_out` questions. Raises UaitError when a stage fails."""
    chosen, seconds = settings(plan.model), {}
    questions = drawn(plan.description.tuning_questions, plan.n_questions, chosen.sampling.seed)
    write_jsonl(folder / HELD_OUT, drawn(held_out, N_HELD_OUT, chosen.sampling.seed))
    write_jsonl(folder / QUESTIONS, questions[:N_FIRST])
    seconds["label the first 64"] = _job(folder, "label", chosen)
    write_jsonl(folder / QUESTIONS, questions)
    seconds["label the others"] = _job(folder, "label", chosen)
    seconds["distil"] = _job(folder, "distil", chosen)
    seconds["tune"] = _job(folder, "tune", chosen)
    start, run = time.perf_counter(), RunFolder(folder)
    if len(held_out) > N_HELD_OUT:  # more than the job itself has asked
        results = before_after(chosen, load_model(chosen.with_adapter("none")), folder / ADAPTER, held_out)
        write_json(folder / BEFORE_AFTER, [to_json(result) for result in results])
        seconds["ask the held-out questions"] = time.perf_counter() - start
    distilled = read_taught(run)
    return SmallRun(
        command=plan.command,
        n_cores=len(os.sched_getaffinity(0)),
        seconds={name: round(value, 1) for name, value in seconds.items()},
        settings=to_dict(chosen),
        labels=tuple(read_jsonl(folder / LABELS, Label)),
        n_train=len(distilled.train),
        examples=probe_examples(distilled),
        log=tuple(read_log(folder / ADAPTER / "log.jsonl")),
        looks=tuple(row for _, row in read_rows(folder / PROBES)),
        results=tuple({k: v for k, v in row.items() if k != "of"} for row in read_json(folder / BEFORE_AFTER)),
        chosen=read_card(folder / ADAPTER).chosen,
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


def record(plan: Plan, *, on_dev: bool = False) -> SmallRun:
    """The run, made afresh and forgotten; measured on the held-out questions, or on the dev split."""
    scratch = Path(tempfile.mkdtemp())
    try:
        (scratch / "run").mkdir()
        return measure(plan, scratch / "run", plan.held_out(on_dev=on_dev))
    finally:
        shutil.rmtree(scratch)


def main(plan: Plan) -> None:
    """Measures, and writes small_run.json into the model's folder or the one that is named."""
    parser = ArgumentParser(prog=plan.command, description="Measure the small preset and record it for the page.")
    parser.add_argument(
        "--out", type=Path, default=ASSETS / plan.model, help="folder for small_run.json (default: the model's)"
    )
    parser.add_argument("--dev", action="store_true", help="ask the dev split and write nothing: to choose numbers by")
    options = parser.parse_args()
    run = record(plan, on_dev=options.dev)
    if not options.dev:
        write_json(options.out / FILE, run)
    summary = {"seconds": run.seconds, "auroc": {row["method"]: row["auroc"] for row in run.results}}
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
