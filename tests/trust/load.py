"""Asks the pocket page, in a process of its own, more than it can take; and for long, by visitors who come and vanish.

    python -m tests.trust.load               500 questions by 50 clients
    python -m tests.trust.load soak [30]     so many minutes of ten visitors at a time

Both print the page's memory, threads, open files and sessions, and end with an error where a bound is passed.
"""

import asyncio
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from tests.browser.serving import free_port, until_the_end
from tests.readme import ROOT
from uait.data.catalogue import describe
from uait.page.sessions import EVERY, IDLE, KEPT

N_QUESTIONS, N_CLIENTS = 500, 50
N_VISITORS = 10  # of a soak, at a time
# More than before, a minute after the end. PyTorch keeps what it made ready for each new length of a question, and the
# memory of its largest batch: that ends, and so in the second half of a soak there may be little more.
BOUNDS = {"memory MB": 250.0, "threads": 4, "files": 4, "sessions": KEPT}
SECOND_HALF = 60.0  # MB
# app.py as a Space runs it, with pocket alone; a line on stdin is answered by how it stands.
_SERVED = """
import json, os, runpy, sys, threading
from uait.page import app
built = app.build
app.names = lambda: ["pocket"]

def build(*models, **more):
    global page
    page = built(*models, **more)
    threading.Thread(target=report, daemon=True).start()
    return page

def report():
    for _ in sys.stdin:
        pages = int(open("/proc/self/statm").read().split()[1])
        figures = {"memory MB": pages * os.sysconf("SC_PAGE_SIZE") / 1e6, "threads": threading.active_count(),
                   "files": len(os.listdir("/proc/self/fd")), "sessions": len(page.state_holder.session_data)}
        os.write(3, json.dumps(figures).encode() + b"\\n")

app.build = build
runpy.run_path("app.py", run_name="__main__")
"""


class Served:
    """The page's address, and how its process stands."""

    def __init__(self, url: str, process: "subprocess.Popen[str]", answers: Any) -> None:
        self.url, self._process, self._answers = url, process, answers
        config = httpx.get(f"{url}/config").json()
        functions = config["dependencies"]
        self.ask = next(f["id"] for f in functions if f["api_name"] == "answer")  # as the page asks, word by word
        loads = [f for f in functions if any(event == "load" for _, event in f["targets"]) and f["backend_fn"]]
        self.admits = next(f["id"] for f in loads if len(f["inputs"]) == 1)

    def figures(self) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._answers.readline())


@contextmanager
def served(root: Path) -> Iterator[Served]:
    """The page until the block ends; all that it writes lies below `root`."""
    port = free_port()
    own = {"UAIT_PORT": str(port), "UAIT_HOST": "127.0.0.1", "UAIT_RUNS": str(root / "runs"), "SPACE_ID": "trust/load"}
    own |= {"GRADIO_TEMP_DIR": str(root / "gradio"), "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
    reading, writing = os.pipe()
    with open(root / "page.log", "wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", f'exec "$0" -c "$1" 3>&{writing}', sys.executable, _SERVED], cwd=ROOT, text=True,
            env={**os.environ, **own}, stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=(writing,),
        )  # fmt: skip
    os.close(writing)
    url = f"http://127.0.0.1:{port}"
    with until_the_end(process, url, root / "page.log"), os.fdopen(reading, encoding="ascii") as answers:
        yield Served(url, process, answers)


class Crowd:
    """Visitors with questions of pocket's own held-out sets; how each one fared is counted."""

    def __init__(self, page: Served, client: httpx.AsyncClient, seed: int = 0) -> None:
        description = describe("pocket")
        assert description is not None
        self.questions = [q.text for questions in description.held_out.values() for q in questions]
        self.page, self.client, self.moments = page, client, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []

    async def visit(self, leaves: str = "answered", n: int = 1) -> None:
        """Opens the page as a browser does, and asks `n` questions; who `leaves` earlier closes it without a word."""
        session, api = f"{self.moments.getrandbits(64):x}", f"{self.page.url}/gradio_api"
        async with self.client.stream("GET", f"{api}/heartbeat/{session}"):
            (await self.client.get(self.page.url)).raise_for_status()
            came = {"data": [""], "fn_index": self.page.admits, "session_hash": session, "event_data": None}
            (await self.client.post(f"{api}/run/predict", json=came)).raise_for_status()
            for _ in range(n):
                began = time.monotonic()
                how = await self._asked(api, session, leaves)
                self.counts[how] += 1
                if how == "answered":
                    self.seconds.append(time.monotonic() - began)

    async def _asked(self, api: str, session: str, leaves: str) -> str:
        data = [self.moments.choice(self.questions), None, "retrieve", "shipped", ""]
        asked = {"data": data, "fn_index": self.page.ask, "session_hash": session}
        joined = await self.client.post(f"{api}/queue/join", json=asked)
        if joined.status_code == 503:
            return "told to come back"
        joined.raise_for_status()
        if leaves == "unheard":
            return "vanished after asking"
        async with self.client.stream("GET", f"{api}/queue/data", params={"session_hash": session}) as stream:
            async for line in stream.aiter_lines():
                message: Any = json.loads(line.removeprefix("data: ")) if line else {"msg": ""}
                if leaves == "waiting" and message["msg"] in ("estimation", "process_starts"):
                    return "vanished while waiting"
                if leaves == "reading" and "append" in line:
                    return "vanished in mid-answer"
                if message["msg"] == "process_completed":
                    is_answered = message["success"] and message["output"]["data"][0]["state"] == "done"
                    return "answered" if is_answered else "failed"
        return "left without an answer"


def load(page: Served, n_questions: int = N_QUESTIONS, n_clients: int = N_CLIENTS) -> None:
    """Every client asks its share, one question after the other, all clients at once."""
    asyncio.run(_load(page, n_questions, n_clients))


async def _load(page: Served, n_questions: int, n_clients: int) -> None:
    async with _client() as client:
        warm = Crowd(page, client, seed=1)
        await asyncio.gather(*(warm.visit(n=2) for _ in range(n_clients)))
        await asyncio.sleep(5)
        before, crowd, began = _said("before", page.figures()), Crowd(page, client), time.monotonic()
        await asyncio.gather(*(crowd.visit(n=n_questions // n_clients) for _ in range(n_clients)))
        took = time.monotonic() - began
        _said("at the end", page.figures())
        waits = sorted(crowd.seconds)
        _say(f"{dict(crowd.counts)} in {took:.0f} s, {len(waits) / took:.1f} answers a second; from question to")
        _say(
            f"answer median {median(waits):.1f} s, 95 % {waits[int(0.95 * len(waits))]:.1f} s, longest {waits[-1]:.1f}"
        )
        await asyncio.sleep(IDLE + 2 * EVERY)
        _check(before, _said("a minute later", page.figures()))
        assert set(crowd.counts) <= {"answered", "told to come back"}, crowd.counts
        assert sum(crowd.counts.values()) == n_clients * (n_questions // n_clients)


def soak(page: Served, minutes: float) -> None:
    """Ten visitors at a time, of whom a part vanishes at every moment that there is."""
    asyncio.run(_soak(page, minutes))


async def _soak(page: Served, minutes: float) -> None:
    async with _client() as client:
        crowd = Crowd(page, client)

        async def come_and_go(until: float) -> None:
            while time.monotonic() < until:
                await crowd.visit(crowd.moments.choice(("answered", "answered", "waiting", "unheard", "reading")))
                await asyncio.sleep(crowd.moments.uniform(0.0, 1.0))

        async def all_come(seconds: float) -> None:
            until = time.monotonic() + seconds
            await asyncio.gather(*(come_and_go(until) for _ in range(N_VISITORS)))

        await all_come(60)
        await asyncio.sleep(IDLE + 2 * EVERY)
        before = _said("after a first minute and a pause", page.figures())
        crowd.counts.clear()
        memory: list[float] = []
        for minute in range(round(minutes)):
            await all_come(60)
            memory.append(_said(f"minute {minute + 1}", page.figures())["memory MB"])
        _say(f"{sum(crowd.counts.values())} visits: {dict(crowd.counts)}")
        await asyncio.sleep(IDLE + 2 * EVERY)
        _check(before, _said("a minute later", page.figures()))
        assert not crowd.counts.keys() & {"failed", "left without an answer"}, crowd.counts
        half = len(memory) // 2
        grown = max(memory[half:], default=0.0) - max(memory[:half], default=math.inf)
        assert grown <= SECOND_HALF, f"{grown:.0f} MB more in the second half, where {SECOND_HALF:.0f} may be"


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=None, max_keepalive_connections=20))


def _check(before: dict[str, float], after: dict[str, float]) -> None:
    for name, most in BOUNDS.items():
        grown = after[name] - before[name] * (name != "sessions")
        assert grown <= most, f"{name}: {grown:.0f} more than before, where {most:.0f} may be"


def _said(when: str, figures: dict[str, float]) -> dict[str, float]:
    _say(f"{when}: " + ", ".join(f"{value:.0f} {name}" for name, value in figures.items()))
    return figures


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="uait-load-") as scratch, served(Path(scratch)) as page:
        if sys.argv[1:2] == ["soak"]:
            soak(page, float(sys.argv[2]) if len(sys.argv) > 2 else 30.0)
        else:
            load(page)
