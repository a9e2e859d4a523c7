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
from dataclasses import replace
from functools import cache
from pathlib import Path

from uait.data.catalogue import Description, describe, preset, small
from uait.data.files import read_jsonl, read_rows, write_json, write_jsonl
from uait.data.json import to_json
from uait.embedded.pocket import POCKET
from uait.embedded.pocket.questions import of_split
from uait.embedded.pocket.world import Fact
from uait.models.loading import load_model
from uait.page.run_files import N_HELD_OUT
from uait.records import Label, Question, SmallRun
from uait.records.errors import UaitError
from uait.runs import jobs
from uait.runs.files import ADAPTER, HELD_OUT, LABELS, PROBES, QUESTIONS
from uait.runs.folder import RunFolder
from uait.runs.jobs import JobState
from uait.settings import Settings, to_dict
from uait.stages.distil import read_distilled
from uait.stages.evaluate import drawn
from uait.stages.report import IN_DOMAIN
from uait.stages.tune import before_after, probe_examples
from uait.tuning.trainer import read_log

COMMAND = "python -m uait.embedded.pocket.small_run"
FILE = "small_run.json"
N_QUESTIONS, N_FIRST = 512, 64  # labelled in all; and the count whose seconds are noted apart


@cache
def _facts() -> tuple[Fact, ...]:
    return tuple(read_jsonl(POCKET / "facts.jsonl", Fact))


def _pocket() -> Description:
    description = describe("pocket")
    if description is None:
        raise UaitError("assets/pocket has no description.json; restore it.")
    return description


def settings() -> Settings:
    """What the page labels and tunes with when nothing is changed; every label teaches, as for the shipped adapter."""
    base = small(preset("pocket"))
    return replace(base, distil=replace(base.distil, keep_right_from=None, keep_wrong_below=None))


def measure(folder: Path, held_out: Sequence[Question], n_questions: int = N_QUESTIONS) -> SmallRun:
    """The run, made afresh in `folder`, measured on the `held_out` questions. Raises UaitError when a stage fails."""
    chosen, seconds = settings(), {}
    questions = drawn(_pocket().tuning_questions, n_questions, chosen.sampling.seed)
    write_jsonl(folder / HELD_OUT, held_out[:N_HELD_OUT])
    write_jsonl(folder / QUESTIONS, questions[:N_FIRST])
    seconds["label the first 64"] = _job(folder, "label", chosen)
    write_jsonl(folder / QUESTIONS, questions)
    seconds["label the others"] = _job(folder, "label", chosen)
    seconds["distil"] = _job(folder, "distil", chosen)
    seconds["tune"] = _job(folder, "tune", chosen)
    start, run = time.perf_counter(), RunFolder(folder)
    base = load_model(chosen.with_adapter("none"))
    results = before_after(chosen, base, folder / ADAPTER, held_out)
    seconds["ask the held-out questions"] = time.perf_counter() - start
    distilled = read_distilled(run)
    return SmallRun(
        command=COMMAND,
        n_cores=len(os.sched_getaffinity(0)),
        seconds={name: round(value, 1) for name, value in seconds.items()},
        settings=to_dict(chosen),
        labels=tuple(read_jsonl(folder / LABELS, Label)),
        n_train=len(distilled.train),
        examples=probe_examples(distilled),
        log=tuple(read_log(folder / "adapter" / "log.jsonl")),
        looks=tuple(row for _, row in read_rows(folder / PROBES)),
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
        return measure(scratch / "run", of_split(_facts(), "dev", 0) if on_dev else _pocket().held_out[IN_DOMAIN])
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
