"""Answering with models that know a few replies by heart; the expected confidence against a plain computation."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from uait.models import stated
from uait.models.confidence import answer, answer_batch, verbalized_batch
from uait.models.language_model import LanguageModel
from uait.models.p_true import p_true_batch
from uait.records import Answer, Done, Finish, Partial, Passage
from uait.records.errors import DataError
from uait.settings import AnswerSettings

SETTINGS = AnswerSettings(max_new_tokens=20)
FRANCE, PERU, FAUST = "What is the capital of France?", "What is the capital of Peru?", "Who wrote Faust?"
PLANET = "Which is the largest of all the planets in the solar system?"


def _answer(lm: LanguageModel, text: str, settings: AnswerSettings = SETTINGS) -> Answer:
    *_, last = answer(lm, text, (), settings)
    assert isinstance(last, Done)
    return last.record


@contextmanager
def _softer(lm: LanguageModel, factor: float) -> Iterator[None]:
    hook = lm.model.lm_head.register_forward_hook(lambda module, inputs, logits: logits / factor)
    try:
        yield
    finally:
        hook.remove()


def _next_p(lm: LanguageModel, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return lm.model(input_ids=torch.tensor([ids])).logits[0, -1].softmax(-1).double()


def plain_expected(lm: LanguageModel, chat: str, before: tuple[int, ...]) -> float:
    """The mean of the whole part, one forward pass per leading digit, without cache, padding or batches."""
    ids = [*lm.tokenizer(chat, add_special_tokens=False)["input_ids"], *before]
    p = _next_p(lm, ids)
    total = mass = 0.0
    for token, i in lm.number_ids.items():
        value = int(re.sub(r"\D", "", token))
        if value < 10:
            second = _next_p(lm, [*ids, i])
            p_two = {d: float(second[lm.number_ids[str(d)]]) for d in range(10) if str(d) in lm.number_ids}
            mean = sum(q * (10 * value + d) for d, q in p_two.items()) + (1 - sum(p_two.values())) * value
        else:
            mean = value
        total += float(p[i]) * mean
        mass += float(p[i])
    return total / mass / 100


def test_an_answer_grows_and_ends_with_its_confidence(taught_lm: LanguageModel) -> None:
    *partial, last = answer(taught_lm, FRANCE, (), SETTINGS)
    texts = [event.text for event in partial if isinstance(event, Partial)]
    assert len(texts) == len(partial) >= 5
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert texts[-1] == "Paris; 93.1%"
    assert isinstance(last, Done)
    found = last.record
    assert (found.text, found.spoken, found.sample.text) == ("Paris", 0.931, "Paris; 93.1%")
    assert found.prompt == "<|user|>What is the capital of France?<|assistant|>"
    assert found.seconds > 0


@pytest.mark.parametrize("name", ["taught_lm", "whole_number_lm"])
@pytest.mark.parametrize("question", [FRANCE, PERU, FAUST])
def test_the_expected_confidence_is_the_mean_over_the_number_tokens(
    name: str, question: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = request.getfixturevalue(name)
    monkeypatch.setattr(stated, "MIN_MASS", 0.05)
    # a taught model is all but certain: softer logits spread the mean over many numbers
    with _softer(lm, 2.5):
        found = _answer(lm, question)
        place = next(i for i, piece in enumerate(found.sample.token_texts) if piece.strip().isdigit())
        expected = plain_expected(lm, found.prompt, found.sample.token_ids[:place])
    assert found.expected == pytest.approx(expected, abs=1e-4)
    assert found.expected != pytest.approx(found.spoken, abs=1e-3)


def test_ten_means_ten_where_a_hundred_is_a_token_of_its_own(whole_number_lm: LanguageModel) -> None:
    lm = replace(whole_number_lm)
    fire = _answer(lm, "Is fire hot?")
    place = next(i for i, piece in enumerate(fire.sample.token_texts) if piece.strip() == "10")
    assert fire.expected == pytest.approx(1.0, abs=0.02)  # "10" and "0": no other way to write it
    lm.number_ids["100"] = lm.tokenizer.get_vocab()["z"]  # stands for such a token
    expected = plain_expected(lm, fire.prompt, fire.sample.token_ids[:place])
    assert _answer(lm, "Is fire hot?").expected == pytest.approx(expected, abs=1e-4)
    assert expected < 0.2


def test_a_sure_model_expects_what_it_says(taught_lm: LanguageModel, whole_number_lm: LanguageModel) -> None:
    for lm in (taught_lm, whole_number_lm):
        for question, whole_part in ((FRANCE, 0.93), (PERU, 0.47), (FAUST, 0.08), ("Is fire hot?", 1.0)):
            assert _answer(lm, question).expected == pytest.approx(whole_part, abs=0.02)


def test_the_expected_confidence_costs_one_forward_pass(
    taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    forward = taught_lm.forward

    def counted(**inputs: Any) -> Any:
        passes.append(len(inputs["input_ids"]))
        return forward(**inputs)

    monkeypatch.setattr(LanguageModel, "forward", lambda self, **inputs: counted(**inputs))
    found = _answer(taught_lm, FRANCE)
    # the prompt, one pass after each token (the end token needs none), then ten leading digits at once
    assert passes == [1] * (1 + len(found.sample.token_ids)) + [10]
    passes.clear()
    assert _answer(taught_lm, PLANET).expected is None
    assert 10 not in passes


def test_a_batch_answers_as_one_by_one(taught_lm: LanguageModel) -> None:
    questions = [PLANET, FRANCE, "Say nothing.", FAUST, PERU]
    for found, question in zip(answer_batch(taught_lm, questions, SETTINGS, batch_size=3), questions, strict=True):
        alone = _answer(taught_lm, question)
        assert (found.text, found.spoken, found.prompt) == (alone.text, alone.spoken, alone.prompt)
        assert found.expected == (None if alone.expected is None else pytest.approx(alone.expected, abs=1e-4))


def test_no_questions_give_no_answers(taught_lm: LanguageModel) -> None:
    assert answer_batch(taught_lm, [], SETTINGS) == []


def test_an_answer_without_a_number_has_no_confidence(taught_lm: LanguageModel) -> None:
    found = _answer(taught_lm, PLANET)
    assert (found.text, found.spoken, found.expected) == ("Jupiter", None, None)


def test_an_empty_generation_has_no_confidence(taught_lm: LanguageModel) -> None:
    found = _answer(taught_lm, "Say nothing.")
    assert (found.text, found.spoken, found.expected, found.sample.token_ids) == ("", None, None, ())


def test_a_number_cut_by_the_token_limit_is_no_confidence(taught_lm: LanguageModel) -> None:
    whole = _answer(taught_lm, FRANCE).sample
    n_tokens = next(i for i, piece in enumerate(whole.token_texts) if piece.strip() == "9") + 1
    cut = _answer(taught_lm, FRANCE, AnswerSettings(max_new_tokens=n_tokens))
    assert cut.sample.finish is Finish.LENGTH
    assert cut.sample.text.endswith("9")
    assert (cut.text, cut.spoken, cut.expected) == ("Paris", None, None)


def test_little_probability_on_numbers_gives_no_expected_confidence(taught_lm: LanguageModel) -> None:
    with _softer(taught_lm, 8):
        found = _answer(taught_lm, FRANCE)
    assert found.spoken == 0.931
    assert found.expected is None


def test_passages_are_read_before_the_question(taught_lm: LanguageModel) -> None:
    passage = Passage("d1", "France", "Paris lies on the Seine.", 1.0, "test")
    *_, last = answer(taught_lm, FRANCE, [passage], SETTINGS)
    assert isinstance(last, Done)
    assert last.record.prompt == "<|user|>Paris lies on the Seine.\nWhat is the capital of France?<|assistant|>"
    assert last.record.n_passages == 1
    [with_one, without] = answer_batch(taught_lm, [FRANCE, FRANCE], SETTINGS, passages=[[passage], []])
    assert (with_one.n_passages, without.n_passages) == (1, 0)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "שלום?", "🙂🙂", "<|user|>a<|assistant|>b", "${x}\0"])
def test_strange_text_gets_an_answer(taught_lm: LanguageModel, text: str) -> None:
    assert _answer(taught_lm, text).prompt.count("<|user|>") == 1


def test_an_empty_question_is_a_sentence(taught_lm: LanguageModel) -> None:
    with pytest.raises(DataError, match="The question is empty"):
        list(answer(taught_lm, " \n ", (), SETTINGS))


def test_verbalized_asks_the_base_model_for_a_confidence(
    taught_lm: LanguageModel, taught_folder: Path, make_lora: Callable[..., Path], tmp_path: Path
) -> None:
    adapted = taught_lm.with_adapter(make_lora(tmp_path, taught_folder))
    [found] = verbalized_batch(adapted, [FRANCE], SETTINGS)
    assert (found.text, found.spoken) == ("Paris", 0.9)
    assert found.prompt == "<|user|>What is the capital of France? How sure?<|assistant|>"


def test_p_true_is_high_for_right_answers_and_low_for_wrong_ones(taught_lm: LanguageModel) -> None:
    right, wrong = p_true_batch(taught_lm, [FRANCE, FRANCE], ["Paris", "Lima"])
    assert right is not None
    assert wrong is not None
    assert right > 0.9
    assert wrong < 0.1


def test_p_true_is_none_when_the_model_says_neither(random_lm: LanguageModel) -> None:
    assert p_true_batch(random_lm, [FRANCE], ["Paris"]) == [None]
