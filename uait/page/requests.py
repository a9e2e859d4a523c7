"""What a request may be, before Gradio reads it: a small body, text that can be sent back, few uploads.

An ASGI application around the page's own. Knows bytes, nothing of handlers.
"""

import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

MAX_BODY = 1_000_000  # bytes of a call: the longest question has 20,000
MAX_UPLOAD = 10_000_000  # bytes of one file of questions
MAX_UPLOADS = 1_000_000_000  # bytes of all visitors' files in the time that Gradio keeps them
KEPT = 24 * 3600.0  # seconds
_FORM = 10_000  # bytes of a form around its file

# An escaped backslash, a whole pair, or half of one: only the last is no character, and no answer could hold it.
_HALF = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Gate:
    """Lets requests through to `app`; one that is too large is answered 413, an upload that finds no room 507."""

    def __init__(self, app: Callable[..., Awaitable[None]], clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._clock = app, clock
        self._uploads: deque[tuple[float, int]] = deque()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        is_upload = scope["path"].rstrip("/").endswith("/upload")
        limit = MAX_UPLOAD + _FORM if is_upload else MAX_BODY
        body = await _body(receive, limit)
        if body is None:
            await _refuse(send, 413, f"The request has more than {limit:,} bytes; send less at once.")
        elif is_upload and not self._has_room(len(body)):
            await _refuse(send, 507, "Too many files were sent to this page today; try again tomorrow.")
        else:
            await self._app(scope, _again(body if is_upload else whole(body), receive), send)

    def _has_room(self, n_bytes: int) -> bool:
        now = self._clock()
        while self._uploads and now - self._uploads[0][0] > KEPT:
            self._uploads.popleft()
        if sum(n for _, n in self._uploads) + n_bytes > MAX_UPLOADS:
            return False
        self._uploads.append((now, n_bytes))
        return True


def whole(body: bytes) -> bytes:
    """JSON of the same length in which a lone surrogate is the replacement character."""
    return _HALF.sub(lambda found: b"\\ufffd" if found[1] else found[0], body)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """All of the body, or None as soon as it is larger than `limit`."""
    body, is_more = bytearray(), True
    while is_more:
        message = await receive()
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
        if len(body) > limit:
            return None
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, then what comes after it: that the visitor left."""
    left = [body]

    async def give() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return give


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
