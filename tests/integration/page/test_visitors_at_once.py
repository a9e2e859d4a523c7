"""Twenty visitors ask the page at once: they share a batch, and each hears what it hears alone."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.browser import tiny_lab
from tests.browser.serving import served
from tests.fakes import FakeSimilarity
from uait.models.language_model import LanguageModel
from uait.page import app
from uait.stages.engines import SHIPPED, Engines

TEXTS = [question.text for question in tiny_lab.questions(21)[1:]]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    around = tiny_lab.engines(tmp_path / "model")
    engines = Engines(around.lm, FakeSimilarity(), (), around.settings, 0.5)
    with served(app.build(engines)) as address:
        yield address


def _asked(url: str, text: str) -> dict[str, Any]:
    body = json.dumps({"data": [text, 0.0, SHIPPED, "", "abstain", False]}).encode()
    request = urllib.request.Request(f"{url}/gradio_api/call/ask", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/ask/{event}", timeout=60) as answer:
        (heard,) = json.loads(answer.read().decode().split("data: ")[-1])
    return {name: heard[name] for name in ("answer", "confidence", "decision")}


def test_twenty_at_once_share_a_batch_and_hear_what_each_hears_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [_asked(url, text) for text in TEXTS]
    n_rows, forward = list[int](), LanguageModel.forward

    def noted(lm: LanguageModel, **inputs: Any) -> Any:
        n_rows.append(len(inputs["input_ids"]))
        return forward(lm, **inputs)

    monkeypatch.setattr(LanguageModel, "forward", noted)
    with ThreadPoolExecutor(len(TEXTS)) as visitors:
        among = list(visitors.map(lambda text: _asked(url, text), TEXTS))
    assert among == alone
    assert len({heard["answer"] for heard in among}) > 3
    assert max(n_rows) >= 5, n_rows
