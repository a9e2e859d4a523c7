"""What is kept of a visitor: little while the page is open, and nothing once a minute has gone by without them."""

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser import fake_app
from tests.browser.serving import served
from uait.page import sessions
from uait.page.sessions import Sessions

PALAU = ["What is the capital of Palau?", 0.7, "shipped", "", "", False]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return fake_app.build(pause=0.1)


@pytest.fixture
def api(demo: Any) -> Iterator[str]:
    """The page's address, which forgets after half a second all but the one who left last."""
    quick = {"middleware": [(Sessions, (), {"idle": 0.5, "kept": 1, "every": 0.1})]}
    with served(demo, app_kwargs=quick) as url:
        yield f"{url}/gradio_api"


def _come(demo: Any, api: str, session: str) -> None:
    """The call that a page makes when it is opened; it leaves a state behind."""
    admits = next(i for i, fn in demo.fns.items() if getattr(fn.fn, "__name__", "") == "admit")
    asked = {"data": [""], "fn_index": admits, "session_hash": session, "event_data": None}
    httpx.post(f"{api}/run/predict", json=asked).raise_for_status()


def _until(demo: Any, known: set[str], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while set(demo.state_holder.session_data) != known and time.monotonic() < end:
        time.sleep(0.05)
    assert set(demo.state_holder.session_data) == known


def test_who_left_is_forgotten_but_for_the_last_and_an_open_page_never(demo: Any, api: str) -> None:
    with ExitStack() as still_open:
        still_open.enter_context(httpx.stream("GET", f"{api}/heartbeat/open"))
        _come(demo, api, "open")
        kept = demo.state_holder.session_data["open"]
        for left in ("first", "second", "third"):
            with httpx.stream("GET", f"{api}/heartbeat/{left}"):
                _come(demo, api, left)
        assert set(demo.state_holder.session_data) == {"open", "first", "second", "third"}
        _until(demo, {"open", "third"})
        time.sleep(1.0)  # longer than anybody may be idle
        assert demo.state_holder.session_data["open"] is kept
    _come(demo, api, "fourth")  # without a page
    _until(demo, {"fourth"})
    _come(demo, api, "first")  # comes back, and is a new one
    _until(demo, {"first"})


def test_who_waits_for_an_answer_is_not_forgotten_meanwhile(demo: Any, api: str) -> None:
    ask = next(i for i, fn in demo.fns.items() if fn.api_name == "ask")
    asked = {"fn_index": ask, "data": PALAU}
    for session in ("slow", "slower"):
        _come(demo, api, session)
        httpx.post(f"{api}/queue/join", json={**asked, "session_hash": session}).raise_for_status()
    time.sleep(1.5)  # nobody listens, and the second one still waits
    assert "slower" in demo.state_holder.session_data
    with httpx.stream("GET", f"{api}/queue/data", params={"session_hash": "slower"}, timeout=30) as stream:
        assert any("Ngerulmud" in line for line in stream.iter_lines())
    assert demo._queue.event_analytics == {}  # no table of what was asked, made anew for each question
    _until(demo, {"slower"})


def test_a_session_costs_a_thirtieth_of_what_it_would(demo: Any, api: str) -> None:
    _come(demo, api, "first")
    n, holder = 50, demo.state_holder
    tracemalloc.start()
    try:
        for i in range(n):
            holder[f"s{i}"]
        each = tracemalloc.get_traced_memory()[0] / n
    finally:
        tracemalloc.stop()
    assert each < 40_000  # bytes; with Gradio's description of every component it is 450,000


@pytest.mark.parametrize(
    ("path", "query", "session"),
    [
        ("/gradio_api/heartbeat/abc", b"", "abc"),
        ("/gradio_api/queue/data", b"session_hash=abc", "abc"),
        ("/gradio_api/queue/data", b"", None),
        ("/gradio_api/call/ask/abc", b"", "abc"),
        ("/gradio_api/call/v2/ask/abc", b"", "abc"),
        ("/gradio_api/file=heartbeat", b"", None),
        ("/", b"session_hash=abc", None),
    ],
)
def test_the_streams_of_a_session_are_known(path: str, query: bytes, session: str | None) -> None:
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query}
    assert sessions._session_of(scope) == session
    assert sessions._session_of({**scope, "method": "POST"}) is None
