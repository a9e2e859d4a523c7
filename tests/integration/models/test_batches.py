"""Memory that runs out: smaller batches with the same results, and a sentence where one alone is too much."""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from uait.models import decoding, drafts, p_true
from uait.models.batches import Room, in_batches
from uait.models.confidence import answer, answer_batch
from uait.models.decoding import sample_answers
from uait.models.language_model import LanguageModel
from uait.models.p_true import p_true_batch
from uait.models.similarity import BiEncoder, CrossEncoderSimilarity
from uait.records import Question
from uait.records.errors import ModelError, is_out_of_memory
from uait.settings import AnswerSettings, SamplingSettings

TEXTS = ["What is the capital of France?", "What is the capital of Peru?", "Who wrote Faust?", "Say nothing.", "Who?"]
ERRORS = (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), MemoryError())


class _Small:
    """A machine with memory for so many rows; remembers how many it was asked for."""

    def __init__(self, most: int, err: Exception = ERRORS[0]) -> None:
        self.most, self.err, self.asked = most, err, list[int]()

    def wrap(self, work: Callable[..., Any], n_rows: Callable[..., int]) -> Callable[..., Any]:
        def tried(*given: Any, **named: Any) -> Any:
            self.asked.append(n_rows(*given, **named))
            if self.asked[-1] > self.most:
                raise self.err
            return work(*given, **named)

        return tried


def _prefilled(small: _Small, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = small.wrap(decoding.prefill, lambda lm, chats, *_: len(chats))
    for module in (decoding, p_true):
        monkeypatch.setattr(module, "prefill", tried)
    monkeypatch.setattr(drafts, "read", small.wrap(decoding.read, lambda lm, ids: len(ids)))


def _cpu_error() -> Exception:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    return caught.value


def test_a_cpu_without_memory_is_known_from_other_failures() -> None:
    assert is_out_of_memory(_cpu_error())
    assert all(map(is_out_of_memory, ERRORS))
    assert not is_out_of_memory(RuntimeError("size mismatch"))
    assert not is_out_of_memory(ModelError("The memory ran out of memory"))


@pytest.mark.parametrize("err", [*ERRORS, _cpu_error()], ids=["gpu", "python", "cpu"])
def test_batches_halve_for_good_and_results_keep_their_order(err: Exception) -> None:
    small = _Small(3, err)
    work = small.wrap(lambda batch: [2 * item for item in batch], len)
    assert list(in_batches(range(9), Room(8, "rest"), work)) == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert small.asked == [8, 4, 2, 2, 2, 2, 1]


def test_one_alone_that_is_too_much_is_a_sentence_with_the_remedy() -> None:
    with pytest.raises(ModelError, match=r"too small for one at a time \(CUDA out of memory.*\); lower a setting\.$"):
        list(in_batches(range(4), Room(4, "lower a setting"), _Small(0).wrap(list, len)))


def test_other_failures_pass_as_they_are() -> None:
    def broken(batch: Any) -> list[int]:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        list(in_batches(range(4), Room(4, ""), broken))


def test_what_the_failed_batch_held_is_gone_before_the_next_try() -> None:
    held: list[weakref.ref] = []

    def work(n: int) -> int:
        filled = torch.ones(3)
        held.append(weakref.ref(filled))
        if n > 1:
            raise torch.OutOfMemoryError
        return sum(ref() is not None for ref in held)

    assert Room(4, "").fit(work) == 1  # its own


@pytest.mark.parametrize("most", [1, 2])
def test_sampling_answering_and_p_true_find_the_same_in_less_memory(
    taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    sampling = SamplingSettings(n_samples=2, temperature=1.0, max_new_tokens=8, batch_size=4)
    questions = [Question(f"q{i}", text) for i, text in enumerate(TEXTS)]

    def found() -> tuple:
        sets = list(sample_answers(taught_lm, questions, sampling, style=taught_lm.prompts))
        answers = answer_batch(taught_lm, TEXTS, AnswerSettings(max_new_tokens=12), batch_size=4)
        judged = p_true_batch(taught_lm, TEXTS, ["Paris"] * len(TEXTS), batch_size=4)
        samples = [(s.text, s.logprobs) for one in sets for s in (one.greedy, *one.samples)]
        return [one.question.id for one in sets], samples, answers, judged

    ids, samples, answers, judged = found()
    small = _Small(most)
    _prefilled(small, monkeypatch)
    ids_again, samples_again, answers_again, judged_again = found()
    assert max(small.asked) == 4 and small.asked.count(most) > 5
    assert ids_again == ids
    for (text, logprobs), (text_again, logprobs_again) in zip(samples, samples_again, strict=True):
        assert text_again == text
        np.testing.assert_allclose(logprobs_again, logprobs, atol=1e-4)
    assert [(a.text, a.spoken) for a in answers_again] == [(a.text, a.spoken) for a in answers]
    assert [a.expected for a in answers_again] == pytest.approx([a.expected for a in answers], abs=1e-4)
    assert judged_again == pytest.approx(judged, abs=1e-4)


def test_one_question_too_much_names_the_settings(taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    _prefilled(_Small(0), monkeypatch)
    with pytest.raises(ModelError, match=r"lower answer\.max_new_tokens or retrieval\.n_passages"):
        list(answer(taught_lm, "Who?", (), AnswerSettings()))
    sampling = SamplingSettings(batch_size=2)
    with pytest.raises(ModelError, match=r"lower sampling\.n_samples or sampling\.max_new_tokens"):
        list(sample_answers(taught_lm, [Question("q", "Who?")], sampling, style=taught_lm.prompts))


@pytest.fixture(params=["bi-encoder", "cross-encoder"])
def engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "bi-encoder":
        yield BiEncoder("cpu")
    else:
        yield CrossEncoderSimilarity(str(request.getfixturevalue("cross_encoder_folder")), "cpu")


def test_similarities_are_the_same_in_less_memory(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(one, other) for one in TEXTS for other in TEXTS if one != other]
    before, small = engine.score(pairs), _Small(3)
    name = "encode" if isinstance(engine, BiEncoder) else "predict"
    work = small.wrap(getattr(engine.model, name), lambda *_, batch_size, **__: batch_size)
    monkeypatch.setattr(engine.model, name, work)
    np.testing.assert_allclose(engine.score(pairs), before, atol=1e-5)
    assert small.asked == [32, 16, 8, 4, 2]
    engine.score(pairs)
    assert small.asked[-1] == 2  # remembered
