"""Passages from the web: snippets of named search engines, cleaned, cut, never followed."""

import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from ddgs import DDGS
from ddgs.exceptions import DDGSException

from uait.method.prompts import MAX_PASSAGE_CHARS, sanitise
from uait.records import Passage
from uait.records.errors import DataError, RetrievalError, SettingsError
from uait.settings import RetrievalSettings

MAX_QUERY_CHARS = 500  # engines refuse longer ones
MAX_TITLE_CHARS = 120
MAX_URL_CHARS = 2_000
MAX_CACHED = 256
MAX_RESULTS = 100  # read of one search, however many it gives
# ddgs also has an encyclopaedia written by a language model, and asks it when it knows none of the names it is given.
WEB_BACKENDS = ("brave", "duckduckgo", "mojeek", "startpage", "wikipedia", "yahoo")


class Web:
    """The web through ddgs: snippets only, named backends only.

    One search takes at most `web_deadline` seconds, its wait for the rate limit included; found results are kept.
    `clock` and `sleep` measure and pass the rate limit's time; `client` makes one ddgs client per search.
    """

    name = "web"

    def __init__(
        self,
        settings: RetrievalSettings,
        clock: Callable[[], float] = time.monotonic,
        client: Callable[..., Any] = DDGS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises SettingsError when `web_backends` names an engine that is not in WEB_BACKENDS."""
        self._backends = [name.strip() for name in settings.web_backends.split(",")]
        unknown = [name for name in self._backends if name not in WEB_BACKENDS]
        if unknown:
            raise SettingsError(
                f"retrieval.web_backends names {unknown[0]!r}; choose some of {', '.join(WEB_BACKENDS)}, with commas."
            )
        self._settings, self._clock, self._client, self._sleep = settings, clock, client, sleep
        self._lock = threading.Lock()
        self._free_from = -math.inf
        self._cache: OrderedDict[tuple[str, int], tuple[Passage, ...]] = OrderedDict()

    def search(self, query: str, n: int) -> tuple[Passage, ...]:
        """At most `n` cleaned snippets, best first. Raises RetrievalError when there are none in time."""
        query = " ".join(query.split())[:MAX_QUERY_CHARS]
        if not query:
            raise RetrievalError("The web search has no words to search for; ask a question.")
        with self._lock:
            if (query, n) in self._cache:
                self._cache.move_to_end((query, n))
                return self._cache[query, n]
        passages = _snippets(self._ask(query, n))[:n]
        if not passages:
            raise RetrievalError(_NOTHING)
        with self._lock:
            self._cache[query, n] = passages
            if len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return passages

    def _ask(self, query: str, n: int) -> list[Any]:
        """The raw results. The search runs in a thread of its own, left alone when the deadline comes first."""
        deadline = self._settings.web_deadline
        pause = self._reserve(deadline)
        answers: SimpleQueue[list[Any] | BaseException] = SimpleQueue()

        def ask() -> None:
            try:
                self._sleep(pause)
                # ddgs asks its engines in turns: half the deadline each leaves time for a second turn.
                client = self._client(timeout=max(1, int(deadline / 2)))
                found = client.text(query, max_results=n, backend=",".join(self._backends))
                answers.put(list(islice(found, MAX_RESULTS)))
            except BaseException as err:  # other people's parsers; and a panic in ddgs's client, Rust, is no Exception
                answers.put(err)

        # A daemon: a search that hangs must not keep the program from ending.
        threading.Thread(target=ask, name="web-search", daemon=True).start()
        try:
            answer = answers.get(timeout=deadline)
        except Empty:
            raise RetrievalError(f"The web search gave no answer within {deadline:g} s; it was left alone.") from None
        if isinstance(answer, BaseException):
            raise RetrievalError(_failure(answer)) from answer
        return answer

    def _reserve(self, deadline: float) -> float:
        """Seconds until this search may start; takes that turn. Raises RetrievalError when the deadline comes first."""
        with self._lock:
            now = self._clock()
            start = max(now, self._free_from)
            if start - now >= deadline:
                raise RetrievalError(
                    f"The web search is busy: it asks once per {self._settings.web_interval:g} s. Try again later."
                )
            self._free_from = start + self._settings.web_interval
            return start - now


# ddgs reports a refused request and an empty result alike.
_NOTHING = "The web search brought nothing: no page matches, or the engines refused to answer (they don't say which)."


def _failure(error: BaseException) -> str:
    if isinstance(error, DDGSException) and "no results" in str(error).lower():
        return _NOTHING
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"The web search failed ({reason}); check the network."


def _snippets(results: Sequence[Any]) -> tuple[Passage, ...]:
    """The results with a web address and a text, cleaned and cut; the first has the highest score."""
    passages = []
    for rank, result in enumerate((result for result in results if isinstance(result, dict)), start=1):
        url = _safe_url(str(result.get("href") or ""))
        text = _clean(str(result.get("body") or ""), MAX_PASSAGE_CHARS)
        if url and text:
            title = _clean(str(result.get("title") or ""), MAX_TITLE_CHARS) or urlsplit(url).netloc
            passages.append(Passage(doc_id=url, title=title, text=text, score=1.0 / rank, source="web", url=url))
    return tuple(passages)


def _clean(text: str, n_chars: int) -> str:
    """At most `n_chars` characters as the prompt may hold them, or "" when nothing is left."""
    try:
        return sanitise(text[: 4 * n_chars])[:n_chars].strip()
    except DataError:
        return ""


def _safe_url(url: str) -> str | None:
    """The address when it is a plain http or https one; None when it could mislead or run something."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    is_plain = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    is_clean = len(url) <= MAX_URL_CHARS and not re.search(r"[\s\\<>\"'`\x00-\x1f\x7f]", url)
    return url if is_plain and is_clean else None
