"""Several who ask at once: they share a batch, and each hears what it hears alone, whatever happens to the others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from uait.models import stated, together
from uait.models.confidence import answer, asked_view
from uait.models.drafts import PATIENCE, Drafts
from uait.models.hearing import Hearing
from uait.models.language_model import LanguageModel
from uait.models.stated import Ask
from uait.models.together import Together, among
from uait.records import Answer, Done, Partial, Passage
from uait.records.errors import DataError, ModelError
from uait.settings import AnswerSettings

SETTINGS = AnswerSettings(max_new_tokens=20)
FRANCE, PERU, FAUST = "What is the capital of France?", "What is the capital of Peru?", "Who wrote Faust?"
PLANET = "Which is the largest of all the planets in the solar system?"
QUESTIONS = [PLANET, FRANCE, "Say nothing.", FAUST, PERU, "Is fire hot?", "Who?", "What are the laws of Peru?"]
LIMA = Passage("d1", "Peru", "Lima is the capital of Peru, and Paris is not.", 1.0, "test")


def _asked(lm: LanguageModel, text: str, passages: tuple[Passage, ...] = ()) -> list[Partial | Done]:
    return list(answer(lm, text, passages, SETTINGS))


def _same(found: list[Partial | Done], alone: list[Partial | Done]) -> None:
    """Every word on the way, every token, what is said to the byte, and the average number to 1e-4."""
    assert found[:-1] == alone[:-1]
    here, there = found[-1], alone[-1]
    assert isinstance(here, Done) and isinstance(there, Done)
    one, other = here.record, there.record
    assert (one.text, one.spoken, one.prompt) == (other.text, other.spoken, other.prompt)
    assert one.sample.token_ids == other.sample.token_ids
    np.testing.assert_allclose(one.sample.logprobs, other.sample.logprobs, atol=1e-4)
    assert one.expected == (None if other.expected is None else pytest.approx(other.expected, abs=1e-4))
    assert one.probability == (None if other.probability is None else pytest.approx(other.probability, abs=1e-4))


def _at_once(*visits: Callable[[], list[Partial | Done]]) -> list[Any]:
    """What each of them hears, or the error it gets, all begun together from threads of their own."""
    heard: list[Any] = [None] * len(visits)
    begin = threading.Barrier(len(visits))

    def visit(i: int) -> None:
        begin.wait()
        try:
            heard[i] = visits[i]()
        except Exception as err:
            heard[i] = err

    threads = [threading.Thread(target=visit, args=[i]) for i in range(len(visits))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return heard


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, int]]:
    """Of each pass of a model: the adapter that was on, and how many rows."""
    seen: list[tuple[Any, int]] = []
    forward = LanguageModel.forward

    def noted(lm: LanguageModel, **inputs: Any) -> Any:
        seen.append((lm.lora, len(inputs["input_ids"])))
        return forward(lm, **inputs)

    monkeypatch.setattr(LanguageModel, "forward", noted)
    return seen


@pytest.fixture
def adapted(taught_lm: LanguageModel, taught_folder: Path, make_lora: Any, tmp_path: Path) -> LanguageModel:
    return taught_lm.with_adapter(make_lora(tmp_path / "adapter", taught_folder))


@pytest.fixture
def hearing(adapted: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> LanguageModel:
    """An adapter that hears itself: the base answers, and the adapter reads each answer again. A random one: whatever
    it says of numbers is taken.
    """
    monkeypatch.setattr("uait.models.hearing.MIN_MASS", 0.0)
    return replace(adapted, hears=Hearing.of(adapted.tokenizer, [i / 100 for i in range(1, 100)]))


@pytest.mark.parametrize("name", ["taught_lm", "random_lm", "adapted", "hearing"])
def test_each_hears_what_it_hears_alone(name: str, request: pytest.FixtureRequest, passes: list) -> None:
    lm = request.getfixturevalue(name)
    alone = [_asked(lm, text) for text in QUESTIONS]
    numbers = {round(events[-1].record.expected or 0.0, 4) for events in alone if isinstance(events[-1], Done)}
    assert len(numbers) > 3 or name in ("random_lm", "adapted")  # which say none
    n_alone = len(passes)
    passes.clear()
    visits = [lambda text=text: _asked(lm, text) for text in QUESTIONS]
    for found, expected in zip(_at_once(*visits), alone, strict=True):
        _same(found, expected)
    assert len(passes) < n_alone / 2
    assert lm.weights.asked == {}


def test_readers_share_a_batch_of_their_own(taught_lm: LanguageModel, passes: list) -> None:
    alone = [_asked(taught_lm, text, (LIMA,)) for text in QUESTIONS] + [_asked(taught_lm, PERU)]
    visits = [lambda text=text: _asked(taught_lm, text, (LIMA,)) for text in QUESTIONS]
    for found, expected in zip(_at_once(*visits, lambda: _asked(taught_lm, PERU)), alone, strict=True):
        _same(found, expected)
    assert max(n for _, n in passes) > 1


def test_other_adapters_never_share_a_batch(
    taught_lm: LanguageModel, adapted: LanguageModel, taught_folder: Path, make_lora: Any, tmp_path: Path
) -> None:
    views = [taught_lm, adapted, taught_lm.with_adapter(make_lora(tmp_path / "other", taught_folder, seed=1))]
    asked = [(lm, text) for text in QUESTIONS for lm in views]
    alone = [_asked(*each) for each in asked]
    assert len({str(events[-2]) for events in alone[:3]}) == 3  # the three of them say different things
    visits = [lambda each=each: _asked(*each) for each in asked]
    for found, expected in zip(_at_once(*visits), alone, strict=True):
        _same(found, expected)


@contextmanager
def _meeting(lm: LanguageModel) -> Iterator[tuple[Together, Callable[[str], Iterator[int | Answer]]]]:
    """Visits from this thread, which then says itself who takes each step."""
    with among(lm, reads=False) as met:
        yield met, lambda text: met.tokens(Ask.of(lm, lm.chat(text), text, (), 20))


def _answer(events: Iterator[int | Answer]) -> Answer:
    *_, last = events
    assert isinstance(last, Answer)
    return last


def _alike(found: Answer, lm: LanguageModel, text: str) -> None:
    alone = _asked(lm, text)[-1]
    assert isinstance(alone, Done)
    assert (found.text, found.spoken) == (alone.record.text, alone.record.spoken)
    np.testing.assert_allclose(found.sample.logprobs, alone.record.sample.logprobs, atol=1e-4)
    assert found.expected == pytest.approx(alone.record.expected, abs=1e-4)


@pytest.mark.parametrize("name", ["taught_lm", "hearing"])
def test_one_joins_while_others_are_under_way_and_leaves_before_them(
    name: str, request: pytest.FixtureRequest, passes: list
) -> None:
    lm = request.getfixturevalue(name)
    with _meeting(asked_view(lm, reads=False)) as (_, ask):
        first = ask(FRANCE)
        begun = [next(first) for _ in range(2)]
        second = ask(PLANET)  # longer than the first with what is behind it
        next(second)
        passes.clear()
        begun.append(next(first))
        assert passes == []  # who came second took this step for both
        nothing = _answer(ask("Say nothing."))
        found, other = _answer(first), _answer(second)
    assert tuple(begun) == found.sample.token_ids[:3]
    assert nothing.text == ""
    _alike(found, lm, FRANCE)
    _alike(other, lm, PLANET)


def test_one_that_has_ended_waits_for_others_but_not_for_long_and_is_read_no_further(
    taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = [Ask.of(taught_lm, taught_lm.chat(text), text, (), n) for text, n in ((PLANET, 1), (FRANCE, 20), (PERU, 20))]
    furthest, forward = list[int](), LanguageModel.forward

    def noted(lm: LanguageModel, **inputs: Any) -> Any:
        furthest.append(int(inputs["position_ids"].max()))
        return forward(lm, **inputs)

    monkeypatch.setattr(LanguageModel, "forward", noted)
    drafts = Drafts(taught_lm)
    ended, *_ = drafts.join(asks)
    for _ in range(PATIENCE):
        drafts.step()
        assert not ended.is_open and ended.answer is None  # one of three: it waits for another one
    drafts.step()
    assert ended.answer is not None and len(drafts.under_way) == 2
    assert max(furthest) == len(asks[0].ids) - 1


def test_a_row_that_goes_on_lets_go_of_what_longer_ones_filled(taught_lm: LanguageModel) -> None:
    with _meeting(taught_lm) as (met, ask):
        long, short = ask(PLANET), ask(FAUST)
        next(long)
        next(short)
        long.close()  # type: ignore[attr-defined]
        next(short)
        rows = met._drafts._rows
        assert rows is not None and rows.mask[:, 0].tolist() == [1]
        _alike(_answer(short), taught_lm, FAUST)


def test_who_stops_leaves_the_others_alone(taught_lm: LanguageModel, passes: list) -> None:
    with _meeting(taught_lm) as (met, ask):
        stopping, going_on = ask(FRANCE), ask(PERU)
        next(stopping)
        next(going_on)
        stopping.close()  # type: ignore[attr-defined]
        passes.clear()
        found = _answer(going_on)
        assert {n for _, n in passes} == {1, 10}  # the ten: where the second digit is read
        assert met._drafts.under_way == []
    _alike(found, taught_lm, PERU)
    stopped = answer(taught_lm, FRANCE, (), SETTINGS)
    next(stopped)
    del stopped
    assert taught_lm.weights.asked == {}


def test_who_stops_before_the_first_token_is_never_read(taught_lm: LanguageModel) -> None:
    with _meeting(taught_lm) as (met, ask):
        going_on, stopping = ask(PERU), ask(FRANCE)
        next(going_on)
        met._waiting.append(visit := together._Visit(Ask.of(taught_lm, FRANCE, FRANCE, (), 20)))
        visit.is_gone = True
        stopping.close()  # type: ignore[attr-defined]
        _answer(going_on)
        assert visit.draft is None


def test_a_failure_of_one_is_heard_by_that_one_alone(taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, to_sample = [_asked(taught_lm, text) for text in QUESTIONS], stated.to_sample
    goethe = alone[QUESTIONS.index(FAUST)][-1].record.sample.token_ids  # type: ignore[union-attr]

    def broken(lm: LanguageModel, ids: Any, logprobs: Any) -> Any:
        if tuple(ids[: len(goethe)]) == goethe:
            raise RuntimeError("a bug in Goethe")
        return to_sample(lm, ids, logprobs)

    monkeypatch.setattr(stated, "to_sample", broken)
    found = _at_once(*[lambda text=text: _asked(taught_lm, text) for text in QUESTIONS])
    for text, heard, expected in zip(QUESTIONS, found, alone, strict=True):
        if text == FAUST:
            assert isinstance(heard, RuntimeError) and str(heard) == "a bug in Goethe"
        else:
            _same(heard, expected)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_where_memory_is_too_small_for_all_each_is_answered_by_itself(
    taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    alone = [_asked(taught_lm, text) for text in QUESTIONS]
    forward = LanguageModel.forward

    def small(lm: LanguageModel, **inputs: Any) -> Any:
        if most < len(inputs["input_ids"]) != 10:  # the ten: where the second digit is read
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return forward(lm, **inputs)

    monkeypatch.setattr(LanguageModel, "forward", small)
    found = _at_once(*[lambda text=text: _asked(taught_lm, text) for text in QUESTIONS])
    for heard, expected in zip(found, alone, strict=True):
        if most == 0:
            assert isinstance(heard, ModelError) and "lower answer.max_new_tokens" in str(heard)
        else:
            _same(heard, expected)


def test_one_that_is_too_long_is_refused_before_it_joins(taught_lm: LanguageModel) -> None:
    texts = [FRANCE, "and " * 300, PERU]
    alone = [_asked(taught_lm, FRANCE), None, _asked(taught_lm, PERU)]
    found = _at_once(*[lambda text=text: _asked(taught_lm, text) for text in texts])
    assert isinstance(found[1], DataError) and "this model reads 256 together" in str(found[1])
    for heard, expected in zip(found[::2], alone[::2], strict=True):
        _same(heard, expected)


def test_long_prompts_are_read_a_few_at_a_time(taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST_TOKENS", 100)
    with _meeting(taught_lm) as (met, _):
        ask = Ask.of(taught_lm, taught_lm.chat(PLANET), PLANET, (), 20)
        assert 2 * len(ask.ids) < 100 < 3 * len(ask.ids)
        met._waiting.extend(together._Visit(ask) for _ in range(5))
        n_under_way = []
        for _ in range(3):
            met._step()
            n_under_way.append(len(met._drafts.under_way))
    assert n_under_way == [2, 4, 5]


def test_who_comes_first_joins_first_and_nobody_waits_for_good(
    taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "MOST", 2)
    with _meeting(taught_lm) as (met, ask):
        texts = [FRANCE, PERU, FAUST, "Is fire hot?", PLANET]
        visits = [together._Visit(Ask.of(taught_lm, taught_lm.chat(text), text, (), 20)) for text in texts]
        met._waiting.extend(visits)
        order: list[str] = []
        for _ in range(40):
            met._step()
            begun = [visit.ask.text for visit in visits if visit.draft is not None and visit.ask.text not in order]
            order += begun
            assert len(met._drafts.under_way) <= 2
        assert order == texts
        assert all(visit.draft is not None and visit.draft.answer is not None for visit in visits)
        assert _answer(ask(FRANCE)).text == "Paris"
