"""What the page answers to raw requests: too large, too many, half a character, and what is nobody's business."""

import asyncio
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.browser import fake_app
from tests.browser.serving import served
from uait.page import app, requests


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    os.environ.setdefault("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
    with served(fake_app.build()) as address:
        yield address


def _status(url: str, body: bytes | None = None, kind: str = "application/json") -> int:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except HTTPError as err:
        return err.code


def _asked(url: str, body: bytes) -> str:
    """What a raw call of the endpoint `ask` streams back."""
    request = urllib.request.Request(f"{url}/gradio_api/call/ask", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/ask/{event}", timeout=60) as answer:
        return answer.read().decode()


def test_traffic_is_shown_to_nobody(url: str) -> None:
    assert _status(f"{url}/monitoring/summary") == 403


def test_a_body_that_no_question_needs_is_refused(url: str) -> None:
    body = b'{"data": ["' + b"a" * requests.MAX_BODY + b'"]}'
    assert _status(f"{url}/gradio_api/call/ask", body) == 413
    assert _status(f"{url}/gradio_api/upload", b"a" * (requests.MAX_UPLOAD + 20_000), "multipart/form-data") == 413
    assert "Paris" in _asked(url, b'{"data": ["What is the capital of France?", null, "shipped", "", "", false]}')


def _as_the_page(url: str, question: bytes) -> str:
    """What the handler of Ask's button streams to a session, which it tells to close at the end."""
    config = json.loads(urllib.request.urlopen(f"{url}/config", timeout=60).read())
    ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
    asking = next(
        d for d in config["dependencies"] if d["outputs"] == [ids["answer"]] and ids["ask-question"] in d["inputs"]
    )
    rest = b', null, "retrieve", "shipped", ""], "fn_index": %d, "session_hash": "s"}' % asking["id"]
    assert _status(f"{url}/gradio_api/queue/join", b'{"data": ["' + question + b'"' + rest) == 200
    with urllib.request.urlopen(f"{url}/gradio_api/queue/data?session_hash=s", timeout=60) as answer:
        return answer.read().decode()


def test_half_a_character_does_not_break_the_stream_of_a_session(url: str) -> None:
    streamed = _as_the_page(url, rb"What is the capital of France? \ud800")
    assert "Paris" in streamed
    assert "process_completed" in streamed


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb"\ud83d\ude00", rb"\ud83d\ude00"),  # a whole pair
        (rb"\ud83d", rb"\ufffd"),
        (rb"\ude00\ud83d", rb"\ufffd\ufffd"),
        (rb"\\ud83d", rb"\\ud83d"),  # a backslash, then letters
        (rb"\\\ud83d", rb"\\\ufffd"),
        (rb"\uD83Dx\uDE00", rb"\ufffdx\ufffd"),
        (rb"\u00e9", rb"\u00e9"),
    ],
)
def test_only_half_characters_are_replaced(sent: bytes, read: bytes) -> None:
    assert requests.whole(sent) == read


def test_uploads_of_all_visitors_have_a_quota_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_UPLOADS", 100)
    now = [0.0]
    passed: list[bytes] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        passed.append((await receive())["body"])

    def upload(gate: requests.Gate, body: bytes) -> list[Any]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/gradio_api/upload"}
        asyncio.run(gate(scope, receive, send))
        return sent

    gate = requests.Gate(page, clock=lambda: now[0])
    assert upload(gate, b"a" * 60) == []
    assert upload(gate, b"b" * 60)[0]["status"] == 507
    now[0] = requests.KEPT + 1
    assert upload(gate, rb"\ud800" * 10) == []
    assert passed == [b"a" * 60, rb"\ud800" * 10]  # a file is no JSON: its bytes stay


def test_no_file_of_the_machine_is_served(url: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    for path in ("/etc/passwd", str(tmp_path / "secret.txt"), str(Path(app.__file__)), "../../etc/passwd"):
        assert _status(f"{url}/gradio_api/file={path}") in (403, 404), path
