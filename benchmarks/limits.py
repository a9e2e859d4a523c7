"""`python -m benchmarks.limits SHAPE [--n 16]`: how near labelling comes to the least it must do on this machine.

The least: two operations per weight and token of the model and of the encoder, for the tokens that are read, at the
speed of one large fp32 matrix product measured in the same run; embeddings, attention and everything else are free.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch

from benchmarks.contenders import Ours
from benchmarks.peers import seconds
from benchmarks.shapes import SHAPES, shape

SIDE, TURNS = 1536, 5  # of the matrix product


def flops_a_second() -> float:
    """Of the fastest of some products of two square matrices."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    return 2 * SIDE**3 / min(seconds(lambda: a @ b)[0] for _ in range(TURNS))


def tokens_through(model: torch.nn.Module, work: Callable[[], Any]) -> tuple[float, int, int]:
    """The seconds that `work` takes, and how many tokens in how many calls the model reads for it, padding included."""
    read: list[int] = []

    def note(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        read.append((kwargs or args[0])["input_ids"].numel())  # sentence-transformers hands over one dict

    hook = model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        took, _ = seconds(work)
    finally:
        hook.remove()
    return took, sum(read), len(read)


def n_multiplied(model: torch.nn.Module) -> int:
    """The weights of all matrices that every token is multiplied with: no embedding, and no head."""
    return sum(
        m.weight.numel() for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and "head" not in name
    )


def main() -> None:
    """Prints a line per stage of labelling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--n", type=int, default=16)
    given = parser.parse_args()
    torch.set_num_threads(1)
    one = shape(given.shape, given.n, Path(gettempdir()) / "uait-benchmarks")
    ours = Ours(one)
    samples = ours.sample()
    ours.score(samples)
    speed = flops_a_second()
    encoder: Any = ours.similarity.model
    stages = (("sampling", one.lm.model, ours.sample), ("relevance", encoder, lambda: ours.score(samples)))
    for name, model, work in stages:
        took, n_tokens, n_calls = tokens_through(model, work)
        least = 2 * n_multiplied(model) * n_tokens / speed
        each = f"{n_tokens / given.n:.0f} tokens in {n_calls / given.n:.1f} calls a question"
        print(f"{given.shape}, {name}: {1000 * took / given.n:.1f} ms, at least {1000 * least / given.n:.1f} ms "  # noqa: T201
              f"({100 * least / took:.0f} % reached); {each}; {speed / 1e9:.0f} GFLOP/s")  # fmt: skip


if __name__ == "__main__":
    main()
