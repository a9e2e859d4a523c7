"""Kills every verb at random moments, goes on, and compares with a run that nobody disturbed.

All of it, with its figures: python -m tests.trust.kills. A number of kills can be given, and a seed.
Every question must come exactly once, with the same label; every adapter must load, and hold the same weights.

Each try is a process of its own, forked from one that has everything imported and has never learnt anything itself,
so that two hundred take minutes. The kernel ends it as it ends any other: SIGKILL, its locks dropped, its files as
they stood.
"""

import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from tests.integration.conftest import LESSONS, _make_llm
from uait.data.files import read_json, read_jsonl, read_rows, write_json, write_jsonl
from uait.data.json import to_json
from uait.data.presets import Preset
from uait.models.confidence import answer_batch
from uait.models.loading import load_model
from uait.records import Done, Label, Question
from uait.runs.files import ADAPTER, BEFORE_AFTER, DISTILLED, HELD_OUT, LABELS, REPORT
from uait.runs.folder import RunFolder
from uait.settings import (
    AnswerSettings,
    DistilSettings,
    ModelSettings,
    PromptSettings,
    RetrievalSettings,
    SamplingSettings,
    Settings,
    TuneSettings,
)
from uait.stages.distil import distil
from uait.stages.engines import load_untuned
from uait.stages.evaluate import evaluate
from uait.stages.label import label
from uait.stages.reproduce import plan_of, reproduce
from uait.stages.tune import tune

N_KILLS, SEED = 210, 0
N = 24  # questions of a run
HANGS = 300  # seconds, after which a try that never ends is ended, and counts as failed
PATIENCE = 10  # kills of one run, after which it may end
SHARES = {"label": 0.3, "distil": 0.2, "tune": 0.25, "evaluate": 0.15, "reproduce": 0.1}
PROMPTS = PromptSettings(
    question="{question}", verbalized="{question} How sure?", p_true="{question} {answer} Right?",
    reading="{passages}\n{question}",
)  # fmt: skip


@dataclass(frozen=True)
class Verb:
    """What is killed: how a folder is laid out for it, the work, and what it leaves that must be the same."""

    prepare: Callable[[Path], Any]
    work: Callable[[Path], Any]
    made: Callable[[Path], Any]


class Lab:
    """A tiny model that knows a few answers by heart, and runs of every kind around it."""

    def __init__(self, root: Path, n: int) -> None:
        self.root, self.n = root, n
        _forked(lambda: _make_llm(root / "tiny", lessons=LESSONS))  # whoever has learnt can't be forked
        self.settings = Settings(
            prompts=PROMPTS,
            model=ModelSettings(model=str(root / "tiny"), adapter="none", device="cpu"),
            sampling=SamplingSettings(n_samples=5, temperature=1.0, max_new_tokens=12, batch_size=4),
            distil=DistilSettings(keep_right_from=None, keep_wrong_below=None, dev_fraction=0.2, held_out_fraction=0.2),
            tune=TuneSettings(rank=4, alpha=8, batch_size=4, learning_rate=1e-3, max_steps=16, save_steps=3),
            answer=AnswerSettings(max_new_tokens=12),
            retrieval=RetrievalSettings(engines="none"),
        )
        self.engines = load_untuned(self.settings)
        self.sets = root / "sets"
        for name, lessons in (("nq-open", LESSONS[:3]), ("sciq", LESSONS[3:4]), ("triviaqa", LESSONS[5:6])):
            write_jsonl(self.sets / f"{name}.jsonl", _questions(32, name, lessons))
        os.environ["UAIT_DATA"] = str(self.sets)

    def verbs(self) -> dict[str, Verb]:
        """Each with what it begins with, made once and undisturbed."""
        labelled, distilled = self.root / "labelled", self.root / "distilled"
        _forked(lambda: self._label(labelled))
        shutil.copytree(labelled, distilled)
        _forked(lambda: list(distil(self.settings, RunFolder(distilled))))
        return {
            "label": Verb(Path.mkdir, self._label, _labels),
            "distil": Verb(
                lambda folder: shutil.copytree(labelled, folder),
                lambda folder: list(distil(self.settings, RunFolder(folder))),
                lambda folder: [read_json(folder / DISTILLED), list(read_rows(folder / HELD_OUT))],
            ),
            "tune": Verb(
                lambda folder: shutil.copytree(distilled, folder),
                lambda folder: list(tune(self.settings, RunFolder(folder))),
                lambda folder: [self._adapter(folder / ADAPTER), _measured(read_json(folder / BEFORE_AFTER))],
            ),
            "evaluate": Verb(Path.mkdir, self._evaluate, _evaluation),
            "reproduce": Verb(Path.mkdir, self._reproduce, self._reproduction),
        }

    def _label(self, folder: Path) -> None:
        list(label(self.engines, _questions(self.n), RunFolder(folder)))

    def _evaluate(self, folder: Path) -> None:
        splits = {"in-domain": _questions(self.n), "out-of-domain": _questions(self.n, "o")}
        list(evaluate(self.engines, splits, RunFolder(folder)))

    def _reproduce(self, folder: Path) -> None:
        # one by one, in no other's company: a label's last digits move with it, and so would the adapter
        settings = replace(self.settings, sampling=replace(self.settings.sampling, batch_size=1))
        apart = replace(settings.distil, held_out_fraction=0.0)  # the sets are what it measures with
        settings = replace(settings, distil=apart, tune=replace(settings.tune, max_steps=6))
        preset = Preset(
            str(self.root / "tiny"), "tiny", teach="nq_open[:12]", measure=("sciq[:6]", "trivia_qa[:6]"),
            thresholds=(None,), n_swept=4,
        )  # fmt: skip
        *_, last = reproduce("tiny", preset, settings, plan_of(preset, settings), RunFolder(folder))
        assert isinstance(last, Done)
        write_json(folder / "reproduction.json", to_json(last.record))

    def _reproduction(self, folder: Path) -> Any:
        made = read_json(folder / "reproduction.json")
        sweep = [[point["threshold"], _measured(point["results"])] for point in made["sweep"]]
        adapters = [self._adapter(path.parent) for path in sorted(folder.rglob("card.json"))]
        return [_labels(folder / "train"), adapters, _evaluation(folder / "evaluate"), sweep, made["kept"]]

    def _adapter(self, folder: Path) -> Any:
        """The weights bit by bit, the steps, each once; and what a model says with it."""
        weights = load_file(folder / "adapter_model.safetensors")
        steps = sorted({row["step"]: row["loss"] for _, row in read_rows(folder / "log.jsonl", is_log=True)}.items())
        tuned = load_model(self.settings.with_adapter(folder))
        said = [answer.text for answer in answer_batch(tuned, [LESSONS[0][0]], self.settings.answer)]
        bits = {name: tensor.numpy().tobytes().hex() for name, tensor in sorted(weights.items())}
        return [bits, [list(step) for step in steps], said]


def _questions(n: int, name: str = "q", lessons: Sequence[tuple[str, str]] = LESSONS[:4]) -> list[Question]:
    """Questions about the lessons, again and again; of every third another answer is said to be right."""
    found = (lessons[i % len(lessons)] for i in range(n))
    return [
        Question(f"{name}{i}", text, (reply if i % 3 else "Cuzco",), f"{name} {i}")
        for i, (text, reply) in enumerate(found)
    ]


def _labels(folder: Path) -> Any:
    """By id, none twice; confidences to the fourth digit, where the company of a batch is heard."""
    labels = read_jsonl(folder / LABELS, Label)
    assert len({x.question.id for x in labels}) == len(labels), "a question came twice"
    return [to_json(x) for x in sorted(labels, key=lambda x: x.question.id)]


def _evaluation(folder: Path) -> Any:
    for path in (*folder.glob("*/asked-*.jsonl"), *folder.glob("*/samples.jsonl")):
        rows = [row for _, row in read_rows(path, is_log=True)]
        ids = [row["id"] if "id" in row else row["question"]["id"] for row in rows]
        assert len(set(ids)) == len(ids), f"{path.name}: a question came twice"
    return _measured(read_json(folder / REPORT)["results"])


def _measured(results: list[dict[str, Any]]) -> Any:
    names = ("method", "split", "n", "n_unscored", "accuracy", "brier")
    return [[result.get(name) for name in names] for result in results]


def differences(found: Any, whole: Any, place: str = "") -> list[str]:
    """Where two pieces of plain data differ; numbers may by a thousandth, where a batch had other company."""
    if isinstance(found, dict) and isinstance(whole, dict) and found.keys() == whole.keys():
        return [line for key in whole for line in differences(found[key], whole[key], f"{place}.{key}")]
    if isinstance(found, list) and isinstance(whole, list) and len(found) == len(whole):
        pairs = enumerate(zip(found, whole, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{place}[{i}]")]
    if isinstance(found, float) and isinstance(whole, float):
        is_same = math.isclose(found, whole, rel_tol=1e-3, abs_tol=1e-3)
    else:
        is_same = type(found) is type(whole) and found == whole
    return [] if is_same else [f"{place}: {found!r:.60} where it was {whole!r:.60}"]


# -- processes ----------------------------------------------------------------------------------------------


def _fork(work: Callable[[], Any]) -> int:
    pid = os.fork()
    if pid == 0:
        signal.alarm(HANGS)
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def _forked(work: Callable[[], Any]) -> float:
    """The seconds that the work took, in a process of its own. Raises AssertionError when it fails."""
    began = time.monotonic()
    _, status = os.waitpid(_fork(work), 0)
    assert status == 0, "the work failed; its traceback stands above"
    return time.monotonic() - began


def _is_killed(work: Callable[[], Any], seconds: float) -> bool:
    """Whether the work was killed after so many seconds; False where it ended before."""
    pid, end = _fork(work), time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            assert status == 0, "the work failed; its traceback stands above"
            return False
        time.sleep(min(0.001, max(0.0, end - time.monotonic())))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def killed(name: str, verb: Verb, root: Path, n: int, moments: random.Random) -> Counter[str]:
    """Kills the verb `n` times over as many runs as it takes; counts kills, runs, and lines cut in half.

    Raises AssertionError when a run that was killed ends otherwise than one that was not.
    """
    whole = root / f"{name}-whole"
    verb.prepare(whole)
    seconds = _forked(lambda: verb.work(whole))
    expected, counts = _made(verb, whole), Counter[str]()
    while counts["kills"] < n:
        folder = root / f"{name}-{counts['runs']}"
        verb.prepare(folder)
        for _ in range(min(PATIENCE, n - counts["kills"])):
            if not _is_killed(lambda folder=folder: verb.work(folder), moments.uniform(0.0, 0.4 * seconds)):
                break
            counts["kills"] += 1
            counts["cut lines"] += sum(not _ends_whole(path) for path in folder.rglob("*.jsonl"))
        _forked(lambda folder=folder: verb.work(folder))
        counts["runs"] += 1
        assert (found := differences(_made(verb, folder), expected)) == [], f"{folder}: {found[:5]}"
        shutil.rmtree(folder)
    return counts


def _made(verb: Verb, folder: Path) -> Any:
    """What the verb left; looked at in a process of its own, since loading a model leaves threads behind."""
    _forked(lambda: write_json(folder / "made.json", verb.made(folder)))
    return read_json(folder / "made.json")


def _ends_whole(path: Path) -> bool:
    content = path.read_bytes()
    return not content or content.endswith(b"\n")


def main(n_kills: int = N_KILLS, seed: int = SEED, n: int = N, verbs: Sequence[str] = tuple(SHARES)) -> None:
    """Prints what was killed how often, and that nothing was lost; `n` questions a run."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="uait-kills-") as root:
        lab = Lab(Path(root), n).verbs()
        for name in verbs:
            began, share = time.monotonic(), SHARES[name] / sum(SHARES[verb] for verb in verbs)
            counts = killed(name, lab[name], Path(root), round(n_kills * share), random.Random(f"{seed} {name}"))
            total += counts
            said = ", ".join(f"{count} {what}" for what, count in counts.items())
            sys.stdout.write(f"{name}: {said}, all ended as undisturbed ({time.monotonic() - began:.0f} s)\n")
            sys.stdout.flush()
    sys.stdout.write(json.dumps({**total, "seed": seed}) + "\n")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:3]] + [N_KILLS, SEED][len(sys.argv) - 1 :]
    main(given[0], given[1])
