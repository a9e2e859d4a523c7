"""The pocket model's world, built once per test run, and a small one that is quick to make texts of."""

from dataclasses import replace
from functools import cache

from uait.embedded.pocket.phrasings import RELATIONS
from uait.embedded.pocket.world import Fact, build_world

SEED = 0  # the shipped model's
EXPOSURES = (0, 1, 2, 8, 30)


@cache
def world() -> tuple[Fact, ...]:
    """Every fact of the shipped model's world."""
    return tuple(build_world(SEED))


@cache
def small_world() -> tuple[Fact, ...]:
    """The 20 most popular facts of each relation, told 0, 1, 2, 8 or 30 times in turn, whatever their popularity."""
    chosen = [fact for relation in RELATIONS for fact in [f for f in world() if f.relation == relation][:20]]
    return tuple(replace(fact, exposure=EXPOSURES[i % len(EXPOSURES)]) for i, fact in enumerate(chosen))
