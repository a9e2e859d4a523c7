"""What a visitor may ask of a page that others wait for."""

from collections.abc import Iterator
from typing import Any

import pytest

from uait.page import limits
from uait.records import Done, Event, Progress
from uait.records.errors import DataError


def _evaluate(n: int) -> Iterator[Event]:
    yield Progress("evaluate", 0, n)
    yield Done("report")


def test_a_second_evaluation_is_refused_at_once_and_the_next_one_is_not() -> None:
    first: Any = limits.evaluation(5, _evaluate(5))
    next(first)
    with pytest.raises(DataError, match="busy with another evaluation"):
        next(limits.evaluation(5, _evaluate(5)))
    first.close()  # the visitor left
    assert [*limits.evaluation(5, _evaluate(5))][-1] == Done("report")


def test_a_space_allows_fewer_questions_and_shorter_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    with pytest.raises(DataError, match="n is 21; choose a number from 1 to 20"):
        next(limits.evaluation(21, _evaluate(21)))
    with pytest.raises(DataError, match="1,998 characters; asked several times here it may have 400"):
        limits.check_question("x" * 1_998)


def test_an_evaluation_that_takes_too_long_gives_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    times = iter([0.0, 1.0, 61.0])
    events = limits.in_time(_evaluate(5), clock=lambda: next(times))
    next(events)
    with pytest.raises(DataError, match="took longer than 60 s"):
        next(events)
