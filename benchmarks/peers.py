"""`python -m benchmarks.peers SHAPE [--n 40] [--rounds 5]`: seconds of CPU time a question, for each contender.

One thread, one process, the contenders by turns; a round is all questions. Medians of the rounds, with the least and
the most. Writes benchmarks/results/peers-SHAPE.json, and the table of all shapes that were measured.
"""

import argparse
import json
import platform
import resource
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import gettempdir
from time import process_time
from typing import Any

import numpy as np
import torch

from benchmarks.contenders import Contender, Ours, Polygraph, Published, TruthTorch
from benchmarks.shapes import MAX_NEW_TOKENS, SEED, SHAPES, TEMPERATURE, K, shape
from uait.records import SampleSet

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "sentence-transformers", "lm-polygraph", "TruthTorchLM")


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The CPU time of this process that it takes, and what it gives."""
    start = process_time()
    made = work()
    return process_time() - start, made


def measure(name: str, n: int, rounds: int) -> dict[str, Any]:
    """Every contender on this shape: seconds a question of each part, and how far apart equal scores are."""
    torch.set_num_threads(1)
    one = shape(name, n, Path(gettempdir()) / "uait-benchmarks")
    ours = Ours(one)
    polygraph, truthtorch = Polygraph(one), TruthTorch(one)
    contenders: list[Contender] = [ours, polygraph, truthtorch, Published(one)]
    config = one.lm.model.generation_config
    spent: dict[str, list[tuple[float, float]]] = {each.name: [] for each in contenders}
    equal: list[float] = []
    for turn in range(rounds + 1):  # the first warms up
        for each in contenders:
            # what ends an answer: ours knows by itself
            config.eos_token_id, kept = one.end_id, config.eos_token_id
            torch.manual_seed(SEED + turn)
            sampling, samples = seconds(each.sample)
            config.eos_token_id = kept
            relevance, _ = seconds(lambda each=each, samples=samples: each.score(samples))
            if turn:
                spent[each.name].append((sampling / n, relevance / n))
        given = _whole(ours.sample())
        took, _ = seconds(lambda given=given: ours.as_polygraph(given))
        equal += [took / max(1, len(given))] if turn else []
    return {
        "shape": name, "n": n, "rounds": rounds, "k": K, "temperature": TEMPERATURE, "max_new_tokens": MAX_NEW_TOKENS,
        "threads": 1, "seed": SEED, "device": "cpu", "dtype": str(one.lm.model.dtype),
        "versions": {"python": platform.python_version()} | {package: version(package) for package in PACKAGES},
        "seconds": {name: _parts(rows) for name, rows in spent.items()},
        "relevance_as_lm_polygraph": median(equal),
        "largest_difference": differences(ours, polygraph, truthtorch),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }  # fmt: skip


def differences(ours: Ours, polygraph: Polygraph, truthtorch: TruthTorch) -> dict[str, float]:
    """The largest |SAR difference| on the same samples, ours computed by the peer's convention."""
    samples = _whole(ours.sample())
    tokenizer, shape = ours.shape.lm.tokenizer, ours.shape
    found = {}
    peers: list[tuple[Any, Any]] = [(polygraph, ours.as_polygraph), (truthtorch, ours.as_truthtorch)]
    for peer, mine in peers:
        chosen = [one for one in samples if np.isfinite(mine([one])[0])]
        peer.shape = replace(shape, questions=[one.question for one in chosen])
        apart = np.array(peer.score(peer.given(chosen, tokenizer))) - np.array(mine(chosen))
        peer.shape = shape
        found[peer.name] = float(np.max(np.abs(apart)))
    return found


def _whole(samples: list[SampleSet]) -> list[SampleSet]:
    return [one for one in samples if all(sample.flaw is None or sample.token_ids for sample in one.samples)]


def _parts(rows: list[tuple[float, float]]) -> dict[str, list[float]]:
    columns = {"sampling": [a for a, _ in rows], "relevance": [b for _, b in rows], "all": [a + b for a, b in rows]}
    return {part: [median(values), min(values), max(values)] for part, values in columns.items()}


def table() -> str:
    """Markdown: a row per shape and contender, from the results on disk."""
    lines = ["| shape | | sampling | relevance | all | all, in ours |", "|---|---|---|---|---|---|"]
    for name in SHAPES:
        path = RESULTS / f"peers-{name}.json"
        if not path.is_file():
            continue
        result = json.loads(path.read_text("utf-8"))
        mine = result["seconds"]["uait"]["all"][0]
        for contender, parts in result["seconds"].items():
            cells = [f"{parts[part][0]:.3f} ({parts[part][1]:.3f} to {parts[part][2]:.3f})" for part in parts]
            lines.append(f"| {name} | {contender} | {' | '.join(cells)} | {parts['all'][0] / mine:.1f} times |")
    return "\n".join(lines)


def main() -> None:
    """Measures one shape and writes what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--n", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    result = measure(given.shape, given.n, given.rounds)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"peers-{given.shape}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    (RESULTS / "peers.md").write_text(table() + "\n", "utf-8")
    print(table())  # noqa: T201


if __name__ == "__main__":
    main()
