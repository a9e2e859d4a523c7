"""`python -m benchmarks.visitors [--n 20] [--each 1] [--rounds 5]`: what many visitors who ask at once wait for.

In one process, by turns: every question by itself, one after the other, then all visitors at once, as the page asks
them; other questions each round. Nothing is looked up. Prints how many answers a second against one at a time, by the
clock and by the CPU's time (where others work on the machine too, the clock says little), the median and the longest
wait, and whether every answer, with its number, is what it was alone.
"""

import argparse
import threading
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import perf_counter, process_time

import torch

from uait.data.catalogue import describe, preset
from uait.records import Answer
from uait.records.events import last_record
from uait.stages.ask import ask
from uait.stages.engines import SHIPPED, Engines, Shelf, load_engines

Heard = dict[str, tuple[Answer, float]]  # by question, with the seconds that it took


def one(shelf: Shelf, text: str) -> tuple[Answer, float]:
    """The answer to a visitor's question, without a look-up, and how long the visitor waited."""
    start = perf_counter()
    reply = last_record(shelf.run(ask, SHIPPED, "", text, threshold=0.0, when_unsure="abstain"))
    return reply.first, perf_counter() - start


def at_once(shelf: Shelf, visitors: Sequence[Sequence[str]]) -> Heard:
    """What visitors hear who begin together, each asking questions one after the other, from a thread of its own."""
    heard: Heard = {}
    begin = threading.Barrier(len(visitors))

    def visit(texts: Sequence[str]) -> None:
        begin.wait()
        for text in texts:
            heard[text] = one(shelf, text)

    threads = [threading.Thread(target=visit, args=[texts]) for texts in visitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return heard


def spent(work: Callable[[], Heard]) -> tuple[Heard, tuple[float, float]]:
    """What is heard, and the seconds that it took, by the clock and of the CPU."""
    start, cpu = perf_counter(), process_time()
    return work(), (perf_counter() - start, process_time() - cpu)


def differs(alone: Answer, among: Answer) -> bool:
    """Whether a visitor among others hears something else."""
    one, other = ((said.text, said.spoken, said.sample.token_ids) for said in (alone, among))
    return one != other


def measure(engines: Engines, rounds: Sequence[Sequence[Sequence[str]]]) -> Iterator[str]:
    """A line per round, of questions by visitor, then one for all."""
    shelf = Shelf(engines)
    ratios, waits = [], list[float]()
    n_asked, n_other, moved = 0, 0, [0.0]
    at_once(shelf, rounds[0])  # warms up
    for visitors in rounds:
        texts = [text for asked in visitors for text in asked]
        alone, before = spent(lambda texts=texts: {text: one(shelf, text) for text in texts})
        among, now = spent(lambda visitors=visitors: at_once(shelf, visitors))
        pairs = [(alone[text][0], among[text][0]) for text in among]
        n_asked, n_other = n_asked + len(texts), n_other + sum(differs(*pair) for pair in pairs)
        moved += [abs(a.expected - b.expected) for a, b in pairs if a.expected is not None and b.expected is not None]
        waited = [seconds for _, seconds in among.values()]
        waits += waited
        ratios.append((before[0] / now[0], before[1] / now[1]))
        yield (
            f"{len(among)} of {len(texts)} answered; one at a time {before[0]:.1f} s ({before[1]:.1f} s of CPU), "
            f"at once {now[0]:.1f} s ({now[1]:.1f} s): {ratios[-1][0]:.2f} times as many a second "
            f"({ratios[-1][1]:.2f}); waits {median(waited):.1f} s, at most {max(waited):.1f} s"
        )
    clock, cpu = (sorted(kind) for kind in zip(*ratios, strict=True))
    yield (
        f"All: {len(waits)} of {n_asked} answered, {median(clock):.2f} times as many a second ({clock[0]:.2f} to "
        f"{clock[-1]:.2f}), {median(cpu):.2f} a second of CPU ({cpu[0]:.2f} to {cpu[-1]:.2f}); waits "
        f"{median(waits):.1f} s, at most {max(waits):.1f} s; {n_other} heard another answer, token or number; the "
        f"average number moved by {max(moved):.0e} at most"
    )


def main() -> None:
    """Reads the arguments, and prints a line per round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--n", type=int, default=20, help="visitors")
    parser.add_argument("--each", type=int, default=1, help="questions that a visitor asks, one after the other")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    description = describe(given.model)
    assert description is not None
    n, each = given.n, given.each
    texts = list(dict.fromkeys(question.text for question in description.tuning_questions))
    asked = texts[:: len(texts) // (n * each * given.rounds)]
    visitors = [asked[i * each : (i + 1) * each] for i in range(n * given.rounds)]
    rounds = [visitors[i * n : (i + 1) * n] for i in range(given.rounds)]
    print(f"{given.model}, {n} visitors, {torch.get_num_threads()} threads", flush=True)  # noqa: T201
    for line in measure(load_engines(preset(given.model)), rounds):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
