"""The real ddgs client with the network cut: every request goes to a proxy on this machine that refuses, or is mute."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ddgs.engines import ENGINES

from uait.records.errors import RetrievalError
from uait.retrieval.encyclopaedia import Bundle
from uait.retrieval.search import retrieve
from uait.retrieval.web import WEB_BACKENDS, Web
from uait.settings import RetrievalSettings

QUESTION = "Which country is Montreal in?"


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """A bound port of this machine: closed until somebody listens, and mute even then."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server


@pytest.fixture
def refusing(port: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDGS_PROXY", f"http://127.0.0.1:{port.getsockname()[1]}")


@pytest.fixture
def mute(port: socket.socket, refusing: None) -> None:
    port.listen(64)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    path = tmp_path / "facts.jsonl"
    row = {"doc_id": "city-1", "title": "Montreal", "text": "Montreal is a city in Canada."}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return Bundle(path)


def assert_the_bundle_takes_over(bundle: Bundle) -> str:
    """The sentence of the web search, which failed in under 6 s."""
    start = time.monotonic()
    found = retrieve(QUESTION, [Web(RetrievalSettings()), bundle], 3)
    assert time.monotonic() - start < 6.0
    assert [p.doc_id for p in found.passages] == ["city-1"]
    assert len(found.notes) == 1
    assert found.notes[0].startswith("The web search ")
    return found.notes[0]


@pytest.mark.usefixtures("refusing")
def test_a_refused_connection_hands_over_to_the_bundle(bundle: Bundle) -> None:
    assert "check the network" in assert_the_bundle_takes_over(bundle)


@pytest.mark.usefixtures("mute")
def test_a_mute_network_hands_over_to_the_bundle_at_the_deadline(bundle: Bundle) -> None:
    assert_the_bundle_takes_over(bundle)


@pytest.mark.usefixtures("mute")
def test_a_short_deadline_holds_although_ddgs_goes_on() -> None:
    start = time.monotonic()
    with pytest.raises(RetrievalError, match=r"no answer within 0\.5 s"):
        Web(RetrievalSettings(web_deadline=0.5)).search(QUESTION, 3)
    assert time.monotonic() - start < 1.5


def test_ddgs_has_every_backend_that_may_be_named() -> None:
    assert set(WEB_BACKENDS) <= set(ENGINES["text"])
