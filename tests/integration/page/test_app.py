"""The page as it is built and launched: without a warning, within its lanes, and no larger for being asked often."""

import gc
import subprocess
import sys
import tracemalloc
from typing import Any

import httpx
import pytest

from tests.browser import fake_app
from tests.browser.serving import served
from uait.page import app, limits
from uait.stages.engines import SHIPPED, Shelf


@pytest.fixture(scope="module")
def demo() -> Any:
    return fake_app.build()


def test_importing_and_building_it_raises_no_warning() -> None:
    code = "from tests.browser import fake_app; fake_app.build()"
    made = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-2000:]


def test_the_package_is_imported_within_a_second_and_without_its_heavy_libraries() -> None:
    code = (
        "import sys, time; start = time.process_time(); import uait, uait.cli.main;"
        " print(time.process_time() - start); print({'gradio', 'torch', 'transformers'} & set(sys.modules))"
    )
    seconds, heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert float(seconds) < 1.0 and heavy == "set()"


def test_what_comes_before_the_first_sight_of_it_is_small() -> None:
    with served(fake_app.build()) as url, httpx.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as reply:
        n_sent = sum(len(part) for part in reply.iter_raw())
    assert n_sent < 200_000  # of its document, scripts and styles of our own included; Gradio's own come beside it


def test_what_asks_the_model_stands_in_one_lane_and_the_queue_is_bounded(demo: Any) -> None:
    lanes = {fn.api_name: fn.concurrency_id for fn in demo.fns.values() if isinstance(fn.api_name, str)}
    assert {lanes[name] for name in ("explain", "compare")} == {"model"}
    assert lanes["ask"] == "ask"  # its own: those who ask at once share a batch
    assert {fn.concurrency_limit for fn in demo.fns.values() if fn.concurrency_id == "ask"} == {limits.AT_ONCE}
    assert lanes["evaluate"] == "evaluate"  # its own, where a second one is refused at once
    assert demo._queue.max_size == app.MAX_WAITING
    most = {fn.concurrency_limit for fn in demo.fns.values() if fn.concurrency_id == "model"}
    assert most <= {1, "default"} and 1 in most  # the lowest one holds for the lane; the default is 1, too


def test_where_a_gpu_is_borrowed_for_each_call_one_asks_after_the_other() -> None:
    around: Any = fake_app.FakeEngines()
    assert limits.asking(shares=Shelf(around).shares)["concurrency_limit"] == limits.AT_ONCE
    assert limits.asking(shares=Shelf(around, gpu=lambda work: work).shares)["concurrency_limit"] == 1


def test_it_tells_nobody_keeps_no_history_and_listens_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.delenv("UAIT_HOST", raising=False)
    arguments = app.launch_arguments()
    assert arguments["server_name"] == "127.0.0.1"
    assert [arguments[name] for name in ("run_history", "ssr_mode", "share", "pwa")] == [False] * 4
    assert arguments["max_file_size"] and arguments["state_session_capacity"] == app.MAX_SESSIONS


def test_two_hundred_questions_leave_nothing_behind(demo: Any) -> None:
    ask = next(fn.fn for fn in demo.fns.values() if fn.api_name == "ask")
    for _ in range(20):
        ask("What is the capital of France?", None, SHIPPED)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        ask("What is the capital of France?", None, SHIPPED)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000  # bytes: a kilobyte a question would be kept otherwise
