"""Keeps little of a visitor, and forgets it when they have left.

Gradio keeps half a megabyte of each page that is opened, for good: a description of every component in it, from which
links into the page's middle could be made. There are none here; without it a visitor costs a thirtieth, and the page
does not stand still for a tenth of a second while it is written.

An ASGI application around the page's own. Knows connections, and what Gradio keeps by session; nothing of handlers.
"""

import asyncio
import ctypes
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

IDLE = 60.0  # seconds without a connection or a call, after which a visitor has left
KEPT = 20  # of those: a telephone that slept comes back to what it had chosen
EVERY = 15.0  # seconds between two rounds

# An open page holds the first stream for as long as it is open; who waits for an answer holds one of the others.
_STREAM = re.compile(r"/(?:heartbeat|call/[^/]+|call/v2/[^/]+)/(?P<session>[^/]+)/?$|/queue/data/?$")

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone: else it keeps what is free for itself

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Sessions:
    """Passes everything on to `app`. Of the sessions that have left, the `kept` that were used last stay."""

    def __init__(
        self, app: Callable[..., Awaitable[None]], idle: float = IDLE, kept: int = KEPT, every: float = EVERY
    ) -> None:
        self._app, self._idle, self._kept, self._every = app, idle, kept, every
        self._open: Counter[str] = Counter()
        self._left: dict[str, float] = {}
        self._is_watching = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_watching:
            self._is_watching = True
            _describe_nothing(scope["app"].state_holder)
            self._look(scope["app"])
        session = _session_of(scope)
        if session is None:
            await self._app(scope, receive, send)
            return
        self._open[session] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[session] -= 1
            if not self._open[session]:
                del self._open[session]
                self._left[session] = time.monotonic()

    def _look(self, gradio: Any) -> None:
        """Forgets whom it is time to forget, and looks again later; in the page's own loop nothing comes between."""
        holder, queue = gradio.state_holder, gradio.get_blocks()._queue
        waits = {event.session_hash for event in queue.event_ids_to_events.values()}
        gone = [session for session in holder.session_data if session not in waits and self._has_left(session, holder)]
        for session in gone[: max(0, len(gone) - self._kept)]:  # the one used last stands last
            with holder.lock:
                holder.session_data.pop(session, None)
                holder.time_last_used.pop(session, None)
            queue.pending_messages_per_session.pop(session, None)
            queue.pending_event_ids_session.pop(session, None)
        if len(gone) > self._kept and _trim is not None:
            _trim(0)
        now = time.monotonic()
        self._left = {session: left for session, left in self._left.items() if now - left <= self._idle}
        asyncio.get_running_loop().call_later(self._every, self._look, gradio)

    def _has_left(self, session: str, holder: Any) -> bool:
        used = (datetime.now() - holder.time_last_used.get(session, datetime.min)).total_seconds()
        left = time.monotonic() - self._left.get(session, -self._idle)
        return session not in self._open and min(used, left) > self._idle


def _session_of(scope: Message) -> str | None:
    """Whose stream the request opens; None where it opens none."""
    found = _STREAM.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
    if found is None:
        return None
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return found["session"] or asked.get("session_hash", [None])[0]


def _describe_nothing(holder: Any) -> None:
    """New sessions describe the components of the blocks that they are given: of these, none."""
    holder.blocks = SimpleNamespace(default_config=holder.blocks.default_config, blocks={})
