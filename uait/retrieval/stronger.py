"""The gate's other branch: a stronger model answers what the first one is unsure of.

Input: a question's text. Output: its short answer, the tokens it took and what they cost, or a sentence on why there is
none. The endpoint is its owner's: address, model and key come from the environment, never from a page, and the key goes
into one request header and nowhere else. What the endpoint says is data: cleaned, cut, never followed.
"""

import json
import math
import re
import time
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from uait.method.prompts import question_prompt, sanitise
from uait.records import StrongerAnswer
from uait.records.errors import DataError, RetrievalError
from uait.settings import Endpoint, PromptSettings

DEADLINE = 30.0  # seconds for one question, waits and the second try included
USUAL_WAIT = 1.0  # seconds, where an endpoint names none
MAX_WAIT = 10.0  # seconds; an endpoint that asks for a longer pause is left alone
MAX_REPLY_BYTES = 1_000_000
MAX_ANSWER_CHARS = 500
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)


class StrongerModel(Protocol):
    """A model to turn to: an endpoint, or a second model on this machine."""

    name: str
    place: str  # where a question goes that it is asked: a host, or "" for this machine

    def answer(self, question: str) -> StrongerAnswer:
        """Its short answer. Raises RetrievalError with a sentence when it gives none."""
        ...


class EndpointModel:
    """A model behind an OpenAI-compatible endpoint, asked one question at a time, without sampling parameters.

    (Some endpoints refuse a temperature or a token limit.) A busy one (429) or a failing one (5xx) is asked again once,
    after the pause that it names. `clock` and `sleep` measure and pass the time.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        deadline: float = DEADLINE,
    ) -> None:
        self.name, self.place = endpoint.model, urlsplit(endpoint.address).hostname or ""
        self._endpoint, self._clock, self._sleep, self._deadline = endpoint, clock, sleep, deadline
        # No redirects: the key is for this address alone.
        self._client = httpx.Client(follow_redirects=False, headers={"Accept": "application/json"})

    def answer(self, question: str) -> StrongerAnswer:
        """The endpoint's answer to the question, on one line. Raises RetrievalError when it gives none in time."""
        start = self._clock()
        end, failure = start + self._deadline, ""
        for is_last in (False, True):
            response, content = self._post(question_prompt(PromptSettings(), question), end)
            if response.status_code == 200:
                return self._read(content, self._clock() - start)
            failure = self._failure(response.status_code)
            if response.status_code != 429 and response.status_code < 500:
                break
            pause = _pause(response.headers.get("Retry-After"))
            if is_last or pause > MAX_WAIT or self._clock() + pause >= end:
                break
            self._sleep(pause)
        raise RetrievalError(failure)

    def close(self) -> None:
        """Closes the connections to the endpoint."""
        self._client.close()

    def _post(self, prompt: str, end: float) -> tuple[httpx.Response, bytes]:
        """One request: the response and its body, read up to 1 MB and until `end`."""
        headers = {"Authorization": f"Bearer {self._endpoint.key}"} if self._endpoint.key else {}
        message = {"model": self._endpoint.model, "messages": [{"role": "user", "content": prompt}]}
        left, content = max(0.1, end - self._clock()), b""
        try:
            with self._client.stream(
                "POST", self._endpoint.address, json=message, headers=headers, timeout=left
            ) as response:
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > MAX_REPLY_BYTES:
                        raise RetrievalError(f"{self._who} sent more than 1 MB; check UAIT_STRONGER_URL.")
                    if self._clock() > end:
                        raise httpx.ReadTimeout("slow")
                return response, content
        except httpx.TimeoutException as err:
            raise RetrievalError(f"{self._who} gave no answer within {self._deadline:g} s; it was left alone.") from err
        except httpx.HTTPError as err:
            raise RetrievalError(
                f"{self._who} can't be reached ({type(err).__name__}); check UAIT_STRONGER_URL."
            ) from err

    def _read(self, content: bytes, seconds: float) -> StrongerAnswer:
        try:
            data = json.loads(content)
            text = data["choices"][0]["message"]["content"]
            answer = _first_line(text)
        except (ValueError, LookupError, TypeError, RecursionError) as err:
            raise RetrievalError(
                f"{self._who} sent no chat completion; check that UAIT_STRONGER_URL is an OpenAI-compatible address."
            ) from err
        if not answer:
            raise RetrievalError(f"{self._who} answered nothing.")
        usage = data.get("usage")
        n_read, n_written = (_count(usage, name) for name in ("prompt_tokens", "completion_tokens"))
        return StrongerAnswer(answer, self.name, n_read, n_written, self._endpoint.cost(n_read, n_written), seconds)

    @property
    def _who(self) -> str:
        return f"The stronger model {self._endpoint.model!r}"

    def _failure(self, status: int) -> str:
        """A sentence on a status that is not 200, never with the key in it."""
        if status in (401, 403):
            return f"{self._who} refused the request ({status}); check UAIT_STRONGER_KEY."
        if status == 429 or status >= 500:
            return f"{self._who} is {'busy' if status == 429 else 'failing'} ({status}); try again later."
        return f"{self._who} did not take the request ({status}); check UAIT_STRONGER_URL and UAIT_STRONGER_MODEL."


def _pause(retry_after: str | None) -> float:
    """Seconds to wait before asking again: what the endpoint names, in seconds or as a date, else USUAL_WAIT."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after or "") - datetime.now(timezone.utc)).total_seconds()
        except (ValueError, TypeError):
            return USUAL_WAIT
    return max(0.0, seconds) if math.isfinite(seconds) else USUAL_WAIT


def _first_line(text: str) -> str:
    """The first line of a reply that holds anything, cleaned and cut, without what a model thought aloud; or ""."""
    lines = (line.strip() for line in _THOUGHT.sub("", text).splitlines())
    line = next((line for line in lines if line), "")
    try:
        return sanitise(line[:MAX_ANSWER_CHARS])
    except DataError:
        return ""


def _count(usage: Any, name: str) -> int | None:
    """A number of tokens that the endpoint reports, or None."""
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
