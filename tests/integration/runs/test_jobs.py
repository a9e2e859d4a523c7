"""Jobs in processes of their own: started, found again, stopped, killed and resumed, with a tiny model."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from uait.data.files import append_jsonl, read_jsonl, write_json, write_jsonl
from uait.models.confidence import answer_batch
from uait.models.loading import LanguageModel
from uait.page.run_actions import discarder
from uait.records import Label, Question, TrainingExample
from uait.records.errors import DataError
from uait.runs import jobs
from uait.runs.files import BEFORE_AFTER, JOB, PROBES, QUESTIONS
from uait.runs.folder import RunFolder, all_runs
from uait.runs.jobs import JobState, JobStatus
from uait.runs.locks import open_lock, try_lock
from uait.settings import DistilSettings, ModelSettings, PromptSettings, SamplingSettings, Settings, TuneSettings
from uait.stages.distil import distil, read_distilled
from uait.stages.tune import probe_examples
from uait.tuning.trainer import train_adapter

PROMPTS = PromptSettings(
    question="{question}",
    verbalized="{question} How sure?",
    p_true="{question} {answer}",
    reading="{passages} {question}",
)
SLOW = 120.0  # a busy machine is slow, not wrong


@pytest.fixture
def settings(taught_folder: Path) -> Settings:
    return Settings(
        prompts=PROMPTS,
        model=ModelSettings(model=str(taught_folder), adapter="none", device="cpu"),
        sampling=SamplingSettings(n_samples=2, temperature=1.0, max_new_tokens=16, batch_size=2),
        distil=DistilSettings(keep_right_from=None, keep_wrong_below=None, dev_fraction=0.0, held_out_fraction=0.0),
        tune=TuneSettings(rank=4, alpha=8, targets="all-linear", batch_size=4, learning_rate=1e-3, max_steps=6),
    )


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder of runs; no job outlives its test."""
    yield tmp_path
    for folder in all_runs(tmp_path):
        if jobs._pid(folder) is not None:
            _kill(folder)


def _questions(folder: Path, n: int) -> Path:
    folder.mkdir()
    for i in range(n):
        append_jsonl(folder / QUESTIONS, Question(f"q{i}", "What is the capital of France?", ("Paris; 93.1%",)))
    return folder


def _until(folder: Path, is_so: Callable[[JobStatus], bool], seconds: float = SLOW) -> JobStatus:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = jobs.status(folder)
        if found is not None and is_so(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"after {seconds} s the job is {jobs.status(folder)}\n{(folder / jobs.LOG).read_text()}")


def _ended(found: JobStatus) -> bool:
    return not found.is_alive


def _kill(folder: Path) -> None:
    os.kill(int((folder / jobs.PID).read_text()), signal.SIGKILL)


def _ids(folder: Path) -> list[str]:
    return [label.question.id for label in read_jsonl(folder / "labels.jsonl", Label)]


def test_a_killed_labelling_is_failed_within_five_seconds_and_resumes_without_redoing(
    root: Path, settings: Settings
) -> None:
    folder = _questions(root / "one", 40)
    assert jobs.start(folder, "label", settings).state is JobState.QUEUED
    _until(folder, lambda s: s.done >= 2)
    _kill(folder)
    failed = _until(folder, _ended, seconds=5.0)
    assert failed.state is JobState.FAILED
    assert "killed" in failed.note and "Resume" in failed.next_step
    assert failed.log_tail and failed.log_tail[-1].startswith("label ")  # how far it had come
    kept = (folder / "labels.jsonl").read_bytes().rpartition(b"\n")[0]
    n_kept = len(_ids(folder))
    assert 2 <= n_kept < 40
    jobs.start(folder, "label", settings)
    begun = _until(folder, lambda s: s.total > 0)
    assert begun.done >= n_kept  # it goes on, it does not begin again
    done = _until(folder, _ended)
    assert (done.state, done.done, done.total) == (JobState.DONE, 40, 40)
    assert sorted(_ids(folder)) == sorted(f"q{i}" for i in range(40))
    assert (folder / "labels.jsonl").read_bytes().startswith(kept)


def test_stop_keeps_what_is_done_and_another_process_sees_the_same(root: Path, settings: Settings) -> None:
    folder = _questions(root / "one", 60)
    jobs.start(folder, "label", settings)
    _until(folder, lambda s: s.done >= 2)
    jobs.stop(folder)
    found = jobs.status(folder)
    assert found is not None and found.state in (JobState.STOPPING, JobState.STOPPED)  # acknowledged at once
    stopped = _until(folder, _ended)
    assert stopped.state is JobState.STOPPED
    assert len(_ids(folder)) >= 2
    code = f"from uait.runs import jobs; s = jobs.status({str(folder)!r}); print(s.state, s.done, s.total)"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert seen.split() == ["stopped", str(stopped.done), "60"]


def test_the_kill_that_follows_a_stop_spares_a_job_resumed_meanwhile(root: Path, settings: Settings) -> None:
    folder = _questions(root / "one", 2000)
    jobs.start(folder, "label", settings)
    _until(folder, lambda s: s.state is JobState.RUNNING)
    jobs.stop(folder, grace=2.0)
    _until(folder, _ended, seconds=5.0)
    jobs.resume(folder)
    time.sleep(3.0)  # the kill would have come by now
    found = jobs.status(folder)
    assert found is not None and found.is_alive


def test_a_second_job_waits_for_the_first_and_a_killed_one_frees_the_slot(root: Path, settings: Settings) -> None:
    first, second, third = (_questions(root / name, 200) for name in ("a", "b", "c"))
    jobs.start(first, "label", settings)
    _until(first, lambda s: s.state is JobState.RUNNING)
    jobs.start(second, "label", settings)
    jobs.start(third, "label", settings)
    assert [_until(f, lambda s: s.state is JobState.QUEUED).place for f in (second, third)] == [1, 2]
    with pytest.raises(DataError, match="already at work"):
        jobs.start(first, "label", settings)
    jobs.stop(second)
    assert _until(second, _ended, seconds=5.0).state is JobState.STOPPED
    assert _until(third, lambda s: s.place == 1, seconds=5.0).state is JobState.QUEUED
    _kill(first)
    assert _until(first, _ended, seconds=5.0).state is JobState.FAILED
    assert _until(third, lambda s: s.state is JobState.RUNNING, seconds=5.0).place == 0


def test_a_job_that_cannot_work_says_why_in_a_sentence(root: Path, settings: Settings) -> None:
    folder = root / "one"
    jobs.start(folder, "tune", settings)
    failed = _until(folder, _ended)
    assert failed.state is JobState.FAILED
    assert "distil its labels first" in failed.note
    with pytest.raises(DataError, match="choose one of label, distil, tune"):
        jobs.start(folder, "sing", settings)


def test_a_folder_without_a_job_or_deleted_has_no_status(root: Path) -> None:
    assert jobs.status(root / "gone") is None
    assert all_runs(root) == []


def test_the_rate_and_what_is_left_are_those_of_the_stage_at_work(root: Path, settings: Settings) -> None:
    folder = root / "told"
    write_json(folder / JOB, {"verb": "tune", "settings": {}, "submitted": 0.0})
    begun = {"kind": "begun", "time": 0.0}
    heard = {"kind": "progress", "stage": "listen", "done": 0, "total": 400, "time": 20.0}
    step = {"kind": "progress", "stage": "tune", "done": 6, "total": 9, "time": 104.0}
    since = {"time": 101.0, "done": 0}  # that of the stage: listening took a minute and a half
    lock = open_lock(folder / jobs.LOCK)
    assert try_lock(lock)
    try:
        for last, rate, left in (({**step, "since": since}, 2.0, 1.5), (step, None, None)):
            (folder / jobs.EVENTS).write_text("".join(json.dumps(row) + "\n" for row in (begun, heard, last)))
            found = jobs.status(folder)
            assert found is not None and (found.stage, found.rate, found.eta) == ("tune", rate, left)
    finally:
        os.close(lock)


def test_a_number_reused_by_another_process_is_never_signalled(root: Path) -> None:
    folder = root / "old"
    folder.mkdir()
    write_json(folder / JOB, {"verb": "label", "settings": {}, "submitted": 1.0})
    (folder / jobs.PID).write_text(str(os.getpid()))  # the job died, and its number is now ours
    jobs.stop(folder)
    found = jobs.status(folder)
    assert found is not None and found.state is JobState.FAILED


def _tunable(folder: Path, settings: Settings) -> Path:
    folder.mkdir()
    for i in range(12):
        question = Question(f"q{i}", "Who wrote Faust?", ("Goethe",))
        answer, confidence = ("Goethe", 0.9 - 0.01 * i) if i % 2 else ("Schiller", 0.1 + 0.01 * i)
        append_jsonl(folder / "labels.jsonl", Label(question, answer, confidence, confidence, -1.0, bool(i % 2)))
    list(distil(settings, RunFolder(folder)))
    append_jsonl(folder / "held_out.jsonl", Question("h", "What is the capital of France?", ("Paris",)))
    append_jsonl(folder / "held_out.jsonl", Question("g", "What is the capital of Peru?", ("Cuzco",)))
    return folder


def test_tuning_asks_its_probes_on_the_way_and_measures_before_and_after(root: Path, settings: Settings) -> None:
    folder = _tunable(root / "tune", settings)
    jobs.start(folder, "tune", settings)
    done = _until(folder, _ended)
    assert done.state is JobState.DONE, done
    rows = [json.loads(line) for line in (folder / PROBES).read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4, 5, 6]
    assert all(len(row["confidences"]) == len(row["answers"]) == 8 for row in rows)
    assert all("auroc" not in row for row in rows)  # no example was kept apart
    results = json.loads((folder / BEFORE_AFTER).read_text())
    assert [(row["method"], row["n"]) for row in results] == [("before", 2), ("after", 2), ("expected", 2)]
    assert (folder / "adapter" / "card.json").exists()


def test_each_look_at_a_tuning_also_measures_the_numbers_on_examples_that_it_is_not_taught(
    root: Path, settings: Settings
) -> None:
    apart = replace(
        settings, distil=replace(settings.distil, dev_fraction=0.5), tune=replace(settings.tune, max_steps=2)
    )
    folder = _tunable(root / "tune", apart)
    jobs.start(folder, "tune", apart)
    assert _until(folder, _ended).state is JobState.DONE
    rows = [json.loads(line) for line in (folder / PROBES).read_text().splitlines()]
    assert [row["n"] for row in rows] == [len(read_distilled(RunFolder(folder)).dev)] * 3 == [6] * 3
    for row in rows:
        assert 0 <= row["n_unscored"] <= 6
        assert row["auroc"] is None or 0.0 <= row["auroc"] <= 1.0


def test_a_forgotten_tuning_is_killed_and_leaves_its_examples(root: Path, settings: Settings) -> None:
    folder = _tunable(root / "tune", replace(settings, tune=replace(settings.tune, max_steps=5000)))
    discard = discarder(root)
    jobs.start(folder, "tune", replace(settings, tune=replace(settings.tune, max_steps=5000)))
    _until(folder, lambda s: s.done >= 1)
    began = time.monotonic()
    said, panel = discard("tune")
    assert time.monotonic() - began < 2.0
    assert said.startswith("Thrown away") and panel["state"] == "none"
    assert jobs.status(folder) is None
    left = {path.name for path in folder.iterdir()}
    assert left == {"labels.jsonl", "distilled.json", "settings.json", "held_out.jsonl", jobs.LOCK, ".writing"}
    assert discard("tune")[0].startswith("Thrown away")  # a finished or empty one as well
    assert discard("gone") == (
        "This run is no longer there: its folder was deleted. Start a new one.",
        discard("gone")[1],
    )


def test_probes_are_the_surest_right_and_the_least_sure_wrong_unseen_ones_first() -> None:
    def example(name: str, confidence: float, is_right: bool) -> TrainingExample:
        return TrainingExample(Question(name, "?"), "a", confidence, is_right)

    class Distilled:
        train = (*(example(f"r{i}", 0.5 + i / 20, True) for i in range(6)), example("w", 0.1, False))
        dev = (example("unseen", 0.2, True),)

    found = [e.question.id for e in probe_examples(Distilled)]  # type: ignore[arg-type]
    assert found == ["unseen", "r5", "r4", "r3", "w"]


def test_the_distil_job_does_what_the_function_does(root: Path, settings: Settings) -> None:
    folder = _tunable(root / "tune", settings)
    (folder / "distilled.json").unlink()
    jobs.start(folder, "distil", settings)
    assert _until(folder, _ended).state is JobState.DONE
    assert len(read_distilled(RunFolder(folder)).train) == 12
    job = json.loads((folder / JOB).read_text())
    (folder / JOB).write_text(json.dumps({**job, "verb": "distill"}))  # as older versions spelt it
    status = jobs.status(folder)
    assert status is not None and status.verb == "distil"


def test_asking_the_probes_changes_nothing_in_what_is_learnt(
    root: Path, settings: Settings, taught_lm: LanguageModel
) -> None:
    folder = _tunable(root / "tune", settings)
    tuned = replace(settings, tune=replace(settings.tune, dropout=0.3))  # dropout draws from the random numbers
    distilled = read_distilled(RunFolder(folder))
    looks: list[int] = []

    def probe(lm: LanguageModel, step: int) -> None:
        assert not lm.model.training
        torch.rand(3)
        answer_batch(lm, ["Who wrote Faust?"], settings.answer)
        looks.append(step)

    for name, watcher in (("asked", probe), ("alone", None)):
        list(train_adapter(tuned, taught_lm, distilled, root / name, watcher))
    asked, alone = (load_file(root / name / "adapter_model.safetensors") for name in ("asked", "alone"))
    assert looks == [0, 1, 2, 3, 4, 5, 6]
    assert asked.keys() == alone.keys() and all(torch.equal(asked[key], alone[key]) for key in asked)


def test_forgetting_holds_the_lock_so_that_no_job_begins_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write_json(folder / JOB, {"verb": "label", "submitted": 0.0, "settings": {}})
    refused: list[str] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        with pytest.raises(DataError, match="already at work"):
            jobs.start(folder, "label", Settings())
        refused.append(path.name)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    jobs.forget(folder)
    assert JOB in refused
    assert jobs.status(folder) is None


def test_a_secret_of_the_environment_reaches_no_file_of_a_run(
    root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = {"HF_TOKEN": "hf_planted1", "UAIT_STRONGER_KEY": "sk-planted2"}
    for name, secret in {**planted, "UAIT_STRONGER_URL": "http://127.0.0.1:9/v1", "UAIT_STRONGER_MODEL": "m"}.items():
        monkeypatch.setenv(name, secret)
    folder = _questions(root / "run", 2)
    write_jsonl(folder / "splits" / "all.jsonl", read_jsonl(folder / QUESTIONS, Question))
    for verb in ("label", "tune", "evaluate"):
        if verb == "tune":
            assert list(distil(settings, RunFolder(folder)))
        jobs.start(folder, verb, settings)
        assert _until(folder, _ended).state is JobState.DONE
    missing = replace(settings, model=replace(settings.model, adapter=str(root / "none")))
    jobs.start(folder, "evaluate", missing)
    assert _until(folder, _ended).state is JobState.FAILED  # an error and its log are files as well
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) > 15
    assert [path for path in files for secret in planted.values() if secret.encode() in path.read_bytes()] == []
