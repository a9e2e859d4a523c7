"""`python -m uait.embedded.pocket.perturbed`: does surface noise move an answer or its confidence?

Asks questions to choose by (dev, never the held-out ones) as they are written and with noise: a line per kind of noise.
"""

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from uait.data.catalogue import preset
from uait.embedded.pocket import questions as sets
from uait.embedded.pocket.phrasings import typo
from uait.embedded.pocket.world import build_world
from uait.method.surface import plain_question
from uait.models.confidence import answer_batch
from uait.records import Answer
from uait.stages.engines import Engines, load_engines

SEED, N = 0, 200
CLOSE = 0.05  # how far the confidence may move
BATCH = 64

Noise = Callable[[str, random.Random], str]


NOISE: dict[str, Noise] = {
    "ALL CAPITALS": lambda text, _: text.upper(),
    "no capitals": lambda text, _: text.lower(),
    "no question mark": lambda text, _: text.rstrip("?"),
    "doubled marks": lambda text, _: text + "??!",
    "pls": lambda text, _: text.rstrip("?") + " pls",
    "spaces": lambda text, _: f"  {text}   ",
    "greeting": lambda text, _: f"Hi, {text[:1].lower()}{text[1:]}",
    "typo": typo,
}


def report(engines: Engines) -> Iterator[str]:
    """A line per kind of noise, each over the same N dev questions, and one over all."""
    facts, rng = build_world(SEED), random.Random(SEED)
    dev = [*sets.of_split(facts, "dev", SEED), *sets.of_split(facts, "ood-dev", SEED)]
    texts = [question.text for question in rng.sample(dev, N)]
    plain = _asked(engines, texts)
    all_same, all_close = [], []
    for name, noise in NOISE.items():
        noisy = [noise(text, rng) for text in texts]
        pairs = list(zip(plain, _asked(engines, noisy), strict=True))
        same = [one.text == other.text for one, other in pairs]
        close = [_is_close(one, other) for one, other in pairs]
        all_same += same
        all_close += close
        yield f"{name}: {_shares(same, close)}; {noisy[0]!r}"
    yield f"all {len(all_same):,}: {_shares(all_same, all_close)}"


def _asked(engines: Engines, texts: Sequence[str]) -> list[Answer]:
    plain = [plain_question(text, engines.spelling) for text in texts]
    return answer_batch(engines.lm, plain, engines.settings.answer, batch_size=BATCH)


def _is_close(one: Answer, other: Answer) -> bool:
    if one.spoken is None or other.spoken is None:
        return one.spoken is other.spoken
    return abs(one.spoken - other.spoken) <= CLOSE


def _shares(same: Sequence[bool], close: Sequence[bool]) -> str:
    said = f"{100 * float(np.mean(close)):.1f} % within {100 * CLOSE:.0f} points"
    return f"{100 * float(np.mean(same)):.1f} % the same answer, {said}"


if __name__ == "__main__":
    print(*report(load_engines(preset("pocket"))), sep="\n")  # noqa: T201
