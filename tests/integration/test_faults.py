"""Bad luck of every kind: each leaves a sentence that a person can act on, and a run or a page that goes on working."""

import ctypes
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeRetriever, FakeSimilarity
from tests.readme import ROOT
from uait.data.files import append_jsonl, read_jsonl, write_json, write_jsonl
from uait.models.loading import load_model
from uait.page.place import Place
from uait.page.tabs.ask import _answering
from uait.records import Label, Passage, Question
from uait.records.errors import ModelError
from uait.records.events import last_record
from uait.runs import jobs
from uait.runs.files import DISTILLED, JOB, LABELS, QUESTIONS, SAMPLES
from uait.runs.folder import RunFolder
from uait.runs.jobs import EVENTS, JobState
from uait.runs.locks import open_lock, try_lock
from uait.settings import ModelSettings, PromptSettings, SamplingSettings, Settings, to_dict
from uait.stages import verbs
from uait.stages.engines import Engines, Shelf, with_adapter
from uait.stages.label import label

FRANCE = "What is the capital of France?"
ASKED = [Question(f"q{i}", FRANCE, ("Paris; 93.1%",)) for i in range(24)]
# The command line, with a fault that begins once everything is imported.
COMMAND = """
import resource, sys
import uait.stages.engines, uait.stages.label
from uait.cli.main import main
{fault}
sys.exit(main(sys.argv[1:]))
"""
NO_GROWTH = "resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, resource.RLIM_INFINITY))"
NO_MEMORY = """
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000, resource.RLIM_INFINITY))
"""
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


@pytest.fixture
def settings(taught_folder: Path) -> Settings:
    prompts = PromptSettings(
        question="{question}", verbalized="{question} How sure?", p_true="{question} {answer}",
        reading="{passages} {question}",
    )  # fmt: skip
    model = ModelSettings(model=str(taught_folder), adapter="none", device="cpu")
    sampling = SamplingSettings(n_samples=3, temperature=1.0, max_new_tokens=16, batch_size=2)
    return Settings(prompts=prompts, model=model, sampling=sampling)


@pytest.fixture
def engines(settings: Settings) -> Engines:
    lima = FakeRetriever("encyclopaedia", [Passage("1", "Peru", "Lima is the capital of Peru.", 3.0, "encyclopaedia")])
    return Engines(load_model(settings), FakeSimilarity(), (lima,), settings, threshold=0.7)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[tuple[Path, str, Callable[[], object]]]:
    """A folder with room for half a run, the fault that makes it so, and how it gets room.

    A small disk of its own; where this process may not mount one, a command whose files can't grow.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12k", "tmpfs", str(disk)], capture_output=True).returncode:
        yield disk, NO_GROWTH, lambda: None
        return
    yield disk, "", lambda: subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
    subprocess.run(["umount", str(disk)], check=True)


def _without_root() -> None:
    """Root may write into what is read-only; a process without this right may not."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def _labelled(
    settings: Settings, run: Path, fault: str = "", before: Callable[[], None] | None = None
) -> "subprocess.CompletedProcess[str]":
    questions = run.with_suffix(".jsonl")
    write_jsonl(questions, ASKED)
    argv = ["label", str(questions), "--run", str(run), "--model", settings.model.model, "--n-samples", "3"]
    argv += ["--max-new-tokens", "16", "--device", "cpu"]
    command = [sys.executable, "-c", COMMAND.format(fault=fault), *argv]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=before)


def _sentence(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line that the command ended with."""
    assert done.returncode == 2, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def _ids(run: Path) -> list[str]:
    return [x.question.id for x in read_jsonl(run / LABELS, Label)]


def test_a_disk_that_fills_up_is_a_sentence_and_the_same_command_goes_on(
    settings: Settings, full: tuple[Path, str, Callable[[], object]]
) -> None:
    disk, fault, make_room = full
    run = disk / "run"
    said = _sentence(_labelled(settings, run, fault))
    assert said == "uait: There is no room left on the disk; free some, and give the same command again."
    assert 0 < len(_ids(run)) < len(ASKED)
    make_room()
    assert _labelled(settings, run).returncode == 0
    assert sorted(_ids(run)) == sorted(question.id for question in ASKED)


def test_a_folder_that_may_not_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    run.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        said = _sentence(_labelled(settings, run, before=_without_root))
    finally:
        run.chmod(stat.S_IRWXU)
    assert said == f"uait: {run}/.writing can't be read or written (Permission denied); check the name and the rights."


def test_memory_that_runs_out_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    said = _sentence(_labelled(settings, tmp_path / "run", NO_MEMORY))
    assert "memory" in said and said.endswith(".")


def test_a_second_process_in_a_run_folder_is_refused(engines: Engines, tmp_path: Path) -> None:
    run = tmp_path / "run"
    list(label(engines, ASKED, RunFolder(run)))
    second = [sys.executable, "-m", "uait", "distil", "--run", str(run)]
    holding = "import sys, time; from uait.runs.folder import RunFolder\nwith RunFolder(sys.argv[1]).writing():\n"
    holding += "    print('held', flush=True); time.sleep(600)"
    first = subprocess.Popen([sys.executable, "-c", holding, str(run)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None and first.stdout.readline() == "held\n"
        said = _sentence(subprocess.run(second, cwd=ROOT, capture_output=True, text=True))
    finally:
        first.kill()
        first.wait()
    assert said == f"uait: {run} is being written by another process; wait for it, or use another folder."
    assert not (run / DISTILLED).exists()
    assert subprocess.run(second, cwd=ROOT, capture_output=True).returncode == 0  # the kernel dropped the killed one's


def test_lines_cut_in_half_are_made_again(engines: Engines, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    whole = last_record(label(engines, ASKED, run))
    for name in (LABELS, SAMPLES):
        if run.file(name).exists():
            content = run.file(name).read_bytes()
            run.file(name).write_bytes(content[: -len(content.splitlines()[-1]) // 2])
    again = last_record(label(engines, ASKED, run))
    assert [x.question.id for x in again] == [x.question.id for x in whole]
    assert sorted(_ids(run.path)) == sorted(question.id for question in ASKED)


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0], ids=["back a day", "on a day"])
def test_a_clock_that_jumps_makes_no_time_negative_and_loses_no_job(tmp_path: Path, jump: float) -> None:
    now, folder = time.time(), tmp_path / "run"
    write_json(folder / JOB, {"verb": "label", "settings": to_dict(Settings()), "submitted": now - jump})
    lock = open_lock(folder / jobs.LOCK)
    assert try_lock(lock)
    try:
        waiting = jobs.status(folder)
        assert waiting is not None and (waiting.state, waiting.seconds >= 0.0) == (JobState.QUEUED, True)
        since = {"time": now - jump, "done": 0}
        append_jsonl(folder / EVENTS, {"time": now - jump, "kind": "begun"})
        row = {"kind": "progress", "stage": "label", "done": 3, "total": 9, "time": now, "since": since}
        append_jsonl(folder / EVENTS, row)
        with open(folder / EVENTS, "ab") as events:
            events.write(b'{"time": 17')  # and the last line is half written
        running = jobs.status(folder)
    finally:
        os.close(lock)
    assert running is not None and (running.state, running.done) == (JobState.RUNNING, 3)
    assert running.seconds >= 0.0 and (running.eta is None or running.eta >= 0.0)


def test_a_worker_that_hangs_is_ended_and_its_slot_is_free(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_json(folder / JOB, {"verb": "label", "settings": to_dict(settings), "submitted": time.time()})
    write_jsonl(folder / QUESTIONS, ASKED)
    hanging = (
        "import os, sys, time; from pathlib import Path; from uait.stages import job\n"
        "from uait.records import Progress; from uait.runs.locks import open_lock, try_lock\n"
        "def work(*_):\n    yield Progress('label', 0, 9)\n    time.sleep(600)\n"
        "job.work, job.GRACE = work, 0.5\n"
        "folder = Path(sys.argv[1]).resolve(); lock = open_lock(folder / 'job.lock'); try_lock(lock)\n"
        "os._exit(job.main(folder, lock))"
    )
    public = {**os.environ, "SPACE_ID": "somebody/uait", "UAIT_PUBLIC_SECONDS": "1", "UAIT_RUNS": str(tmp_path)}
    worker = subprocess.Popen([sys.executable, "-c", hanging, str(folder)], cwd=ROOT, env=public)
    assert worker.wait(timeout=60) == 1
    ended = jobs.status(folder)
    assert ended is not None and ended.state is JobState.FAILED
    assert "killed" in ended.note and "Resume goes on from there" in ended.next_step
    slot = open_lock(tmp_path / jobs.SLOT)
    assert try_lock(slot)
    os.close(slot)


@pytest.fixture
def lost(engines: Engines, tmp_path: Path) -> Iterator[Engines]:
    """Engines whose model's folder was deleted after they were loaded."""
    copy = tmp_path / "model"
    shutil.copytree(engines.settings.model.model, copy)
    settings = replace(engines.settings, model=replace(engines.settings.model, model=str(copy)))
    loaded = replace(engines, lm=load_model(settings), settings=settings)
    shutil.rmtree(copy)
    yield loaded


def test_the_page_answers_on_when_the_models_folder_is_deleted(lost: Engines, tmp_path: Path) -> None:
    shelf: Any = Shelf(lost, with_adapter)
    *_, card = _answering(Place(shelf, None, None), verbs)(FRANCE, 0.5, "retrieve", "shipped", "")
    assert (card["state"], card["first"]["text"]) == ("done", "Paris"), card
    with pytest.raises(ModelError, match="adapter"):
        with_adapter(lost, tmp_path / "model" / "adapter")
    *_, card = _answering(Place(shelf, None, None), verbs)(FRANCE, 0.5, "retrieve", "gone", "")
    assert card["state"] == "error" and "There is no adapter named 'gone'" in card["message"]


def test_a_job_whose_models_folder_was_deleted_says_so(lost: Engines, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_jsonl(folder / QUESTIONS, ASKED)
    jobs.start(folder, "label", lost.settings)
    end = time.monotonic() + 120
    while (found := jobs.status(folder)) and found.is_alive and time.monotonic() < end:
        time.sleep(0.1)
    assert found is not None and found.state is JobState.FAILED
    assert lost.settings.model.model in found.note and "foresaw" not in found.note
    with suppress(OSError):
        assert "Traceback" not in json.dumps(found.log_tail)
