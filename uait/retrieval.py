"""Where the program looks things up: the bundled encyclopaedia and the web, behind one Protocol.

Input: a question's text. Output: passages, or a sentence on why there are none. Knows nothing about models or prompts.
What the web says is data: cleaned of control tokens, cut, never followed; only snippets are read, no page is opened.
"""

import difflib
import math
import re
import threading
import time
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol
from urllib.parse import urlsplit

import bm25s
import numpy as np
from ddgs import DDGS
from ddgs.exceptions import DDGSException

from uait.errors import DataError, RetrievalError, SettingsError
from uait.prompts import MAX_PASSAGE_CHARS, sanitise
from uait.records import Passage, Retrieved
from uait.settings import RetrievalSettings
from uait.store import read_rows

N_CANDIDATES = 30
# Measured on 6,131 one-sentence passages: with these limits a careless question keeps its passage among the first three
# (99.8 %), and four of five questions about something else get nothing instead of a passage about something else.
NAMED_FROM = 0.6
ALIKE_FROM = 0.6
UNLIKE_BELOW = 0.1
TYPO_RATIO = 0.8
MAX_QUERY_CHARS = 500  # engines refuse longer ones
MAX_TITLE_CHARS = 120
MAX_URL_CHARS = 2_000
MAX_CACHED = 256
# ddgs also has an encyclopaedia written by a language model, and asks it when it knows none of the names it is given.
WEB_BACKENDS = ("brave", "duckduckgo", "mojeek", "startpage", "wikipedia", "yahoo")

_WORD = re.compile(r"[^\W_]+")
_NO_WORD_BREAK = re.compile("['`\u2019]")
# Words of questions, not of facts: never taken for a misspelt name ("where" is not Herne).
_ASKING = frozenset(
    _WORD.findall(
        "what where which when while who whom whose why how many much does did should would could can are there this "
        "that these those have has with from your"
    )
)


class _PairSimilarity(Protocol):
    """Scores pairs of texts from 0 to 1, shape (len(pairs),)."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray: ...


class Retriever(Protocol):
    """Finds passages for a query, best first."""

    name: str

    def search(self, query: str, n: int) -> tuple[Passage, ...]:
        """At most `n` passages. Raises RetrievalError with a sentence when there are none."""
        ...


class Bundle:
    """The bundled encyclopaedia: BM25 finds candidates, similarity to the question orders them. Offline, deterministic.

    Reads JSONL of {"doc_id", "title", "text"}; the title names the subject. A passage counts when the question names
    its subject, misspelt or not; where it names none, when it is very much like the question. `score` is the mean of
    the BM25 score relative to the best one and the similarity, in [0, 1].
    """

    name = "bundle"

    def __init__(self, path: Path | str, similarity: _PairSimilarity | None = None) -> None:
        """Raises DataError naming file and row when a passage is broken, and when there is none."""
        self._passages = [_passage(data, f"{path}, row {row}") for row, data in read_rows(path)]
        if not self._passages:
            raise DataError(f"{path} holds no passage; build it with `make pocket`.")
        self._similarity = similarity
        self._subjects = [set(_words(p.title)) for p in self._passages]
        words = [_words(f"{p.title} {p.text}") or [""] for p in self._passages]
        self._index = bm25s.BM25()
        self._index.index(words, show_progress=False)
        n_with = Counter(word for passage in words for word in set(passage))
        self._weights = {word: math.log(1.0 + len(words) / n) for word, n in n_with.items()}
        self._by_length: dict[int, list[str]] = {}
        for word in sorted(self._weights):
            self._by_length.setdefault(len(word), []).append(word)

    def search(self, query: str, n: int) -> tuple[Passage, ...]:
        """At most `n` passages about what the query names, best first. Raises RetrievalError when there are none."""
        words = self._known_words(query)
        bm25 = self._index.get_scores(words) if words else np.zeros(len(self._passages))
        found = [int(i) for i in np.argsort(-bm25, kind="stable")[:N_CANDIDATES] if bm25[i] > 0]
        named = [i for i in found if self._naming(i, set(words)) >= NAMED_FROM]
        # Reading two or three passages instead of thirty is what makes the similarity cheap.
        best = named or (found if self._similarity is not None else [])
        scores = bm25[best] / bm25[found].max(initial=1e-9)
        if self._similarity is not None and best:
            alike = np.asarray(self._similarity.score([(query, self._passages[i].text) for i in best]), dtype=float)
            scores = np.where(alike >= (UNLIKE_BELOW if named else ALIKE_FROM), (scores + alike) / 2.0, -1.0)
        order = [k for k in np.argsort(-scores, kind="stable") if scores[k] >= 0][:n]
        if not order:
            raise RetrievalError(f"The bundled encyclopaedia has nothing on {query!r:.80}; try other words or the web.")
        return tuple(replace(self._passages[best[k]], score=float(scores[k])) for k in order)

    def _known_words(self, query: str) -> list[str]:
        """The query's words as the encyclopaedia spells them; an unknown one becomes up to three that look like it."""
        known: dict[str, None] = {}
        for word in _words(query[:MAX_QUERY_CHARS]):
            if word in self._weights:
                known[word] = None
            elif len(word) > 3 and word not in _ASKING:
                near = [w for length in range(len(word) - 1, len(word) + 2) for w in self._by_length.get(length, ())]
                known.update(dict.fromkeys(difflib.get_close_matches(word, near, cutoff=TYPO_RATIO)))
        return list(known)

    def _naming(self, i: int, words: set[str]) -> float:
        """The share of the passage's title that the words hold, rare words counting more; 0 without a title."""
        title = self._subjects[i]
        return sum(self._weights[w] for w in title & words) / (sum(self._weights[w] for w in title) or 1.0)


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
        self._found: OrderedDict[tuple[str, int], tuple[Passage, ...]] = OrderedDict()

    def search(self, query: str, n: int) -> tuple[Passage, ...]:
        """At most `n` cleaned snippets, best first. Raises RetrievalError when there are none in time."""
        query = " ".join(query.split())[:MAX_QUERY_CHARS]
        if not query:
            raise RetrievalError("The web search has no words to search for; ask a question.")
        with self._lock:
            if (query, n) in self._found:
                self._found.move_to_end((query, n))
                return self._found[query, n]
        passages = _snippets(self._ask(query, n))[:n]
        if not passages:
            raise RetrievalError(_NOTHING)
        with self._lock:
            self._found[query, n] = passages
            if len(self._found) > MAX_CACHED:
                self._found.popitem(last=False)
        return passages

    def _ask(self, query: str, n: int) -> list[Any]:
        """The raw results. The search runs in a thread of its own, left alone when the deadline comes first."""
        deadline = self._settings.web_deadline
        pause = self._reserve(deadline)
        answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                self._sleep(pause)
                # ddgs asks its engines in turns: half the deadline each leaves time for a second turn.
                client = self._client(timeout=max(1, int(deadline / 2)))
                answers.put(list(client.text(query, max_results=n, backend=",".join(self._backends))))
            except (DDGSException, OSError, RuntimeError, ValueError, LookupError, TypeError) as err:
                answers.put(err)

        # A daemon: a search that hangs must not keep the program from ending.
        threading.Thread(target=ask, name="web-search", daemon=True).start()
        try:
            answer = answers.get(timeout=deadline)
        except Empty:
            raise RetrievalError(f"The web search gave no answer within {deadline:g} s; it was left alone.") from None
        if isinstance(answer, Exception):
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


def retrieve(
    question_text: str, retrievers: Sequence[Retriever], n: int, clock: Callable[[], float] = time.perf_counter
) -> Retrieved:
    """The passages of the first engine that has any; `notes` holds a sentence for each engine that had none."""
    start, notes = clock(), []
    for retriever in retrievers:
        try:
            passages = retriever.search(question_text, n)
        except RetrievalError as err:
            notes.append(str(err))
            continue
        if passages:
            return Retrieved(question_text, passages, tuple(notes), clock() - start)
        notes.append(f"The search engine {retriever.name!r} found nothing.")
    if not retrievers:
        notes.append("No search engine is switched on; choose one under retrieval.engines.")
    return Retrieved(question_text, (), tuple(notes), clock() - start)


# ddgs reports a refused request and an empty result alike.
_NOTHING = "The web search brought nothing: no page matches, or the engines refused to answer (they don't say which)."


def _failure(error: Exception) -> str:
    if isinstance(error, DDGSException) and "no results" in str(error).lower():
        return _NOTHING
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"The web search failed ({reason}); check the network."


def _snippets(results: Sequence[Any]) -> tuple[Passage, ...]:
    """The results with a web address and a text, cleaned and cut; the first has the highest score."""
    passages = []
    for rank, result in enumerate(results, start=1):
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


def _fold(text: str) -> str:
    """Lower case without accents or apostrophes, so that "Ha'il" and "Hail", "Malmö" and "Malmo" are one word."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return _NO_WORD_BREAK.sub("", "".join(c for c in decomposed if not unicodedata.combining(c)))


def _words(text: str) -> list[str]:
    """Words and numbers in order. No stop words are left out: "As", "At" and "In" are chemical symbols."""
    return _WORD.findall(_fold(text))


def _passage(data: dict[str, Any], where: str) -> Passage:
    for column in ("doc_id", "title", "text"):
        if not isinstance(data.get(column), str) or not data[column].strip():
            raise DataError(f"{where}, column {column!r}: {data.get(column)!r} is no text; write one.")
    return Passage(data["doc_id"], data["title"], data["text"], 0.0, "bundle")
