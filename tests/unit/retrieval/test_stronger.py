"""The stronger model behind an endpoint, against a server of our own on this machine."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from uait.records.errors import RetrievalError, SettingsError
from uait.retrieval.stronger import EndpointModel
from uait.settings import Endpoint, stronger_endpoint

KEY = "sk-planted-0123456789"
Replies = list[tuple[int, dict[str, str], bytes]]


def completion(text: Any, usage: Any = None) -> bytes:
    data = {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}
    return json.dumps(data).encode()


GOOD = (200, {}, completion("Paris", {"prompt_tokens": 30, "completion_tokens": 2}))


class FakeEndpoint:
    """Gives its replies in turn, the last one again and again; remembers what it was asked."""

    def __init__(self) -> None:
        self.replies: Replies = [GOOD]
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.seconds = 0.0
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, content = fake.replies[min(len(fake.requests), len(fake.replies) - 1)]
                fake.requests.append((self.path, dict(self.headers), body))
                time.sleep(fake.seconds)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content)
                except ConnectionError:
                    pass  # the client gave up, which is what a test is about

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEndpoint]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    endpoint = FakeEndpoint()
    thread = threading.Thread(target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()
    thread.join()


Ask = Callable[..., EndpointModel]


@pytest.fixture
def ask(fake: FakeEndpoint) -> Iterator[Ask]:
    made: list[EndpointModel] = []

    def model(sleep: Callable[[float], None] = lambda seconds: None, deadline: float = 5.0) -> EndpointModel:
        endpoint = Endpoint(f"{fake.url}/chat/completions", "big-1", KEY, (1.0, 10.0))
        made.append(EndpointModel(endpoint, sleep=sleep, deadline=deadline))
        return made[-1]

    yield model
    for each in made:
        each.close()


def test_the_endpoint_is_asked_for_a_short_phrase_and_its_cost_is_counted(fake: FakeEndpoint, ask: Ask) -> None:
    answer = ask().answer("What is the capital of France?")
    # 30 tokens read at 1 and 2 written at 10 a million
    assert (answer.text, answer.model_id, answer.n_tokens_read, answer.n_tokens_written) == ("Paris", "big-1", 30, 2)
    assert answer.cost == pytest.approx(50e-6)
    ((path, headers, body),) = fake.requests
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "big-1" and "What is the capital of France?" in body["messages"][0]["content"]
    assert "short phrase" in body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Paris\nIt lies on the Seine.", "Paris"),
        ("\n\n  Paris ", "Paris"),
        ("<think>France... Lyon?\nNo.</think>\nParis", "Paris"),
        ("Paris <|im_end|><|im_start|>system", "Paris system"),
        ("x" * 3_000, "x" * 500),
    ],
)
def test_what_it_says_is_one_clean_line(fake: FakeEndpoint, ask: Ask, said: str, text: str) -> None:
    fake.replies = [(200, {}, completion(said))]
    answer = ask().answer("Where?")
    assert answer.text == text
    assert (answer.n_tokens_read, answer.n_tokens_written, answer.cost) == (None, None, None)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_or_failing_endpoint_is_asked_again_after_a_pause(fake: FakeEndpoint, ask: Ask, status: int) -> None:
    pauses: list[float] = []
    fake.replies = [(status, {"Retry-After": "3"}, b""), GOOD]
    assert ask(pauses.append, deadline=60.0).answer("Where?").text == "Paris"
    assert pauses == [3.0]


@pytest.mark.parametrize(
    ("replies", "n_requests", "sentence"),
    [
        ([(429, {}, b"")], 2, "is busy (429)"),
        ([(503, {}, b"")], 2, "is failing (503)"),
        ([(429, {"Retry-After": "3600"}, b"")], 1, "is busy (429)"),
        ([(429, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, b"")], 1, "is busy (429)"),
        ([(429, {"Retry-After": "soon"}, b"")], 2, "is busy (429)"),
        ([(401, {}, f'{{"error": "bad key {KEY}"}}'.encode())], 1, "check UAIT_STRONGER_KEY"),
        ([(404, {}, b"<html>none</html>")], 1, "check UAIT_STRONGER_URL and UAIT_STRONGER_MODEL"),
        ([(302, {"Location": "http://127.0.0.1:9/"}, b"")], 1, "did not take the request (302)"),
        ([(200, {}, b"<!doctype html><h1>Welcome</h1>")], 1, "sent no chat completion"),
        ([(200, {}, b"[" * 200_000)], 1, "sent no chat completion"),
        ([(200, {}, b'{"choices": []}')], 1, "sent no chat completion"),
        ([(200, {}, b"[1, 2]")], 1, "sent no chat completion"),
        ([(200, {}, completion(None))], 1, "sent no chat completion"),
        ([(200, {}, completion("<think>and so on"))], 1, "answered nothing"),
        ([(200, {}, b"x" * 1_100_000)], 1, "more than 1 MB"),
    ],
)
def test_a_bad_reply_is_one_sentence(
    fake: FakeEndpoint, ask: Ask, replies: Replies, n_requests: int, sentence: str
) -> None:
    fake.replies = replies
    with pytest.raises(RetrievalError) as failure:
        ask(deadline=60.0).answer("Where?")
    assert sentence in str(failure.value) and "'big-1'" in str(failure.value)
    assert "\n" not in str(failure.value) and KEY not in str(failure.value)
    assert len(fake.requests) == n_requests


def test_a_slow_endpoint_is_left_alone(fake: FakeEndpoint, ask: Ask) -> None:
    fake.seconds = 1.5
    start = time.monotonic()
    with pytest.raises(RetrievalError, match=r"no answer within 0\.1 s"):
        ask(deadline=0.1).answer("Where?")
    assert time.monotonic() - start < 1.4  # a busy machine is slow, not wrong


def test_an_endpoint_that_is_not_there_is_one_sentence() -> None:
    model = EndpointModel(Endpoint("http://127.0.0.1:9/v1/chat/completions", "big-1", KEY))
    with pytest.raises(RetrievalError, match=r"can't be reached \(ConnectError\)"):
        model.answer("Where?")
    model.close()


@pytest.mark.parametrize("reply", [GOOD, (401, {}, KEY.encode()), (500, {}, b""), (200, {}, KEY.encode())])
def test_the_key_is_never_logged_shown_or_put_into_an_error(
    fake: FakeEndpoint, ask: Ask, reply: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    fake.replies = [reply]
    model, seen = ask(), ""
    with caplog.at_level(logging.DEBUG):
        try:
            seen = repr(model.answer("Where?"))
        except RetrievalError as err:
            seen = f"{err} {err!r} {err.__cause__!r}"
    assert caplog.text != ""  # the client does log, just not the key
    printed = capfd.readouterr()
    assert KEY not in seen + caplog.text + printed.out + printed.err + repr(Endpoint("a", "m", KEY))


def variables(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name in ("URL", "MODEL", "KEY", "PRICE"):
        monkeypatch.delenv(f"UAIT_STRONGER_{name}", raising=False)
    for name, value in values.items():
        monkeypatch.setenv(f"UAIT_STRONGER_{name}", value)


@pytest.mark.parametrize(
    ("url", "price", "address", "prices"),
    [
        ("https://api.example.com/v1", "", "https://api.example.com/v1/chat/completions", None),
        ("http://127.0.0.1:8000/v1/", "0.5", "http://127.0.0.1:8000/v1/chat/completions", (0.5, 0.5)),
        ("http://[::1]/chat/completions", "0.15,0.6", "http://[::1]/chat/completions", (0.15, 0.6)),
    ],
)
def test_the_environment_names_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, url: str, price: str, address: str, prices: tuple[float, float] | None
) -> None:
    variables(monkeypatch, URL=url, MODEL="big-1", KEY=KEY, PRICE=price)
    assert stronger_endpoint() == Endpoint(address, "big-1", KEY, prices)


def test_without_an_address_there_is_no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    variables(monkeypatch, MODEL="big-1", KEY=KEY)
    assert stronger_endpoint() is None


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"URL": "api.example.com"}, "UAIT_STRONGER_URL"),
        ({"URL": "file:///etc/passwd"}, "UAIT_STRONGER_URL"),
        ({"URL": "https://me:hunter2@example.com/v1"}, "UAIT_STRONGER_URL"),
        ({"MODEL": ""}, "UAIT_STRONGER_MODEL"),
        ({"KEY": f"{KEY}\n"}, "UAIT_STRONGER_KEY"),
        ({"KEY": f"Bearer {KEY}"}, "UAIT_STRONGER_KEY"),
        ({"PRICE": "cheap"}, "UAIT_STRONGER_PRICE"),
        ({"PRICE": "-1"}, "UAIT_STRONGER_PRICE"),
        ({"PRICE": "nan"}, "UAIT_STRONGER_PRICE"),
        ({"PRICE": "1,2,3"}, "UAIT_STRONGER_PRICE"),
    ],
)
def test_a_variable_that_cannot_be_right_is_named_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], named: str
) -> None:
    variables(monkeypatch, **{"URL": "https://api.example.com/v1", "MODEL": "big-1", "KEY": KEY, **values})
    with pytest.raises(SettingsError, match=named) as failure:
        stronger_endpoint()
    assert KEY not in str(failure.value) and "hunter2" not in str(failure.value)
