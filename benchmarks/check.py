"""`python -m benchmarks.check [--record]`: fails where a ratio is more than a quarter worse than the recorded one.

All are of CPU time inside one run, on one thread, so they hold on any machine; on pocket, in under a minute.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import gettempdir
from typing import Any

import torch

from benchmarks.contenders import Ours, Published
from benchmarks.peers import RESULTS, seconds
from benchmarks.shapes import SEED, shape
from uait.data.catalogue import preset
from uait.models.confidence import answer_batch, asked_view
from uait.models.decoding import generate
from uait.models.loading import load_model

RECORDED = RESULTS / "check.json"
ROUNDS, N, WORSE = 7, 16, 1.25


def ratios() -> dict[str, float]:
    """What is measured, each smaller the better: medians of ROUNDS turns, each of all kinds of work."""
    torch.set_num_threads(1)
    one = shape("pocket", N, Path(gettempdir()) / "uait-benchmarks")
    ours, published, tuned = Ours(one), Published(one), load_model(preset("pocket"))
    settings, asked = preset("pocket").answer, asked_view(tuned, reads=False)
    texts, prompts = [question.text for question in one.questions], one.prompts
    samples = ours.sample()

    def plain() -> None:
        for prompt in prompts:
            generate(asked, [prompt], n_samples=0, temperature=1.0, max_new_tokens=12, seed=SEED)

    def spoken() -> None:
        for text in texts:
            answer_batch(tuned, [text], settings)

    works: dict[str, Callable[[], Any]] = {
        "plain": plain,
        "spoken": spoken,
        "sampling": ours.sample,
        "relevance": lambda: ours.score(samples),
        "sampling one at a time": published.sample,
        "relevance one at a time": lambda: published.score(samples),
    }
    spent: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 1):  # the first warms up
        torch.manual_seed(SEED + turn)
        for name, work in works.items():
            took, _ = seconds(work)
            spent[name] += [took] if turn else []
    took = {name: median(values) for name, values in spent.items()}
    return {
        "a spoken answer to a plain one": took["spoken"] / took["plain"],
        "sampling to one at a time": took["sampling"] / took["sampling one at a time"],
        "relevance to one at a time": took["relevance"] / took["relevance one at a time"],
    }


def main() -> None:
    """Records the ratios, or compares them with the recorded ones: exit status 1 where one is worse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true")
    now = ratios()
    if parser.parse_args().record:
        RECORDED.write_text(json.dumps(now, indent=1) + "\n", "utf-8")
    before = json.loads(RECORDED.read_text("utf-8"))
    worse = [name for name in now if now[name] > WORSE * before[name]]
    for name, ratio in now.items():
        print(f"{name}: {ratio:.3f}, recorded {before[name]:.3f}{', WORSE' if name in worse else ''}")  # noqa: T201
    sys.exit(bool(worse))


if __name__ == "__main__":
    main()
