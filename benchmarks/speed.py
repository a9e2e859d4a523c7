"""`python -m benchmarks.speed [MODEL ...] [--drags]`: what a visitor waits for, in seconds by the clock.

What starts once (import, help, the page) is the median of three starts, the files already in the machine's memory.
Answers are medians over questions held out from tuning. `--drags` moves the page's sliders in chromium for two seconds
each: how many frames were drawn a second, and how many requests reached the server.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM_ARGUMENTS, chromium_path
from tests.browser.serving import free_port, until_the_end
from tests.readme import ROOT
from uait.data.catalogue import describe, preset
from uait.models.confidence import answer
from uait.records import Partial, Question
from uait.records.events import last_record
from uait.stages.ask import explain
from uait.stages.engines import Engines, load_engines

STARTS, N = 3, 20
SLIDERS = {"Ask": "#answer input[type=range]", "Label": "input[aria-label^='Keep right']"}
# From when it is read anew, `drawn` holds the moment of each frame, in ms.
_FRAMES = "drawn = []; (function next(t) { drawn.push(t); requestAnimationFrame(next); })(performance.now());"


def starts() -> Iterator[str]:
    """A line for each thing that is started."""
    imported = ["-c", "import uait"]
    for name, given in (("import uait", imported), ("uait --help", ["-m", "uait", "--help"])):
        yield f"{name}: {median(_seconds(given) for _ in range(STARTS)):.2f} s"
    waits = list[float]()
    for _ in range(STARTS):
        start = perf_counter()
        with page():
            waits.append(perf_counter() - start)
    yield f"page ready: {median(waits):.1f} s"


def _seconds(given: list[str]) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, *given], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


@contextmanager
def page() -> Iterator[str]:
    """The address of the page as app.py serves it, once it answers."""
    with tempfile.TemporaryDirectory() as scratch:
        own = {"UAIT_PORT": str(free_port()), "UAIT_HOST": "127.0.0.1", "UAIT_RUNS": scratch, "HF_HUB_OFFLINE": "1"}
        log, url = Path(scratch) / "page.log", f"http://127.0.0.1:{own['UAIT_PORT']}"
        with log.open("wb") as file:
            command = [sys.executable, "app.py"]
            process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stdout=file, stderr=file)
        with until_the_end(process, url, log):
            yield url


def answers(model: str) -> Iterator[str]:
    """A line per measure; one more question goes first, unmeasured, for a first pass is slower than any later one."""
    engines, description = load_engines(preset(model)), describe(model)
    assert description is not None
    questions = next(iter(description.held_out.values()))
    measured = [_waits(engines, question) for question in questions[:: len(questions) // (N + 1)][: N + 1]][1:]
    names = ("first token", "spoken answer", f"explanation by {engines.settings.sampling.n_samples} samples")
    yield f"{model} on {engines.lm.device}, {torch.get_num_threads()} threads, medians of {len(measured)} questions"
    for name, values in zip(names, zip(*measured, strict=True), strict=True):
        yield f"  {name}: {median(values):.3f} s"


def _waits(engines: Engines, question: Question) -> tuple[float, float, float]:
    """To the first token, to the end of the spoken answer, and for the samples and their explanation."""
    start = perf_counter()
    arrived = [
        (event, perf_counter() - start) for event in answer(engines.lm, question.text, (), engines.settings.answer)
    ]
    first = next(seconds for event, seconds in arrived if isinstance(event, Partial))
    return first, arrived[-1][1], last_record(explain(engines, question.text)).seconds


def drags() -> Iterator[str]:
    """A line per slider."""
    with page() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(url)
        tab.evaluate(_FRAMES)
        for name, slider in SLIDERS.items():
            tab.get_by_role("tab", name=name, exact=True).click()
            rate, longest, asked = _dragged(tab, slider)
            yield f"{name}'s slider: {rate:.0f} frames a second, longest {longest:.0f} ms, {asked} requests"
        browser.close()


def _dragged(tab: Page, slider: str) -> tuple[float, float, int]:
    handle = tab.locator(slider).first
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    tab.wait_for_timeout(3000)
    asked = list[str]()
    note: Callable[..., None] = lambda request: asked.append(request.url)  # noqa: E731
    tab.on("request", note)
    before = handle.input_value()
    tab.evaluate("drawn.length = 0")
    y = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 0.1 * box["width"], y)
    tab.mouse.down()
    end, k = perf_counter() + 2, 0
    while perf_counter() < end:
        k += 1
        tab.mouse.move(box["x"] + (0.1 + 0.8 * abs((k % 100) / 50 - 1)) * box["width"], y)
    tab.mouse.up()
    tab.remove_listener("request", note)
    assert handle.input_value() != before, f"{slider} did not move"
    gaps = [end - start for start, end in pairwise(tab.evaluate("drawn"))]
    return 1000 / median(gaps), max(gaps), len(asked)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["pocket", "smollm2"])
    parser.add_argument("--drags", action="store_true")
    args = parser.parse_args()
    for line in drags() if args.drags else starts():
        print(line, flush=True)  # noqa: T201
    for model in [] if args.drags else args.models:
        print(*answers(model), sep="\n", flush=True)  # noqa: T201
