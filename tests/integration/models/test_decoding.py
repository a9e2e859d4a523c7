"""Sampling against slow, plain computations on the same tiny models."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from uait.models.decoding import generate, prefill, sample_answers
from uait.models.language_model import LanguageModel
from uait.models.text_pieces import token_texts
from uait.records import Finish, Question, Sample
from uait.records.errors import DataError
from uait.settings import SamplingSettings

CHATS = ["<|user|>Hi<|assistant|>", "<|user|>What is the capital of France?<|assistant|>", "<|user|>é?<|assistant|>"]


def _generate(lm: LanguageModel, chats: list[str], **options: Any) -> list[tuple[Sample, tuple[Sample, ...]]]:
    return generate(lm, chats, **({"n_samples": 3, "temperature": 1.0, "max_new_tokens": 12, "seed": 1} | options))


def _plain_logprobs(lm: LanguageModel, chat: str, ids: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities of `ids` from one forward pass over prompt and answer, without cache or padding."""
    prompt = lm.tokenizer(chat, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = lm.model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0].double()
    steps = logits.log_softmax(-1)[len(prompt) - 1 : len(prompt) - 1 + len(ids)]
    return steps[torch.arange(len(ids)), list(ids)].numpy()


def test_the_greedy_answer_is_the_librarys(random_lm: LanguageModel) -> None:
    for chat, (greedy, _) in zip(CHATS, _generate(random_lm, CHATS), strict=True):
        prompt = random_lm.tokenizer(chat, add_special_tokens=False, return_tensors="pt")["input_ids"]
        expected = random_lm.model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=12, do_sample=False
        )[0, prompt.shape[1] :]
        assert greedy.token_ids == tuple(i for i in expected.tolist() if i != 3)


@pytest.mark.parametrize("name", ["random_lm", "taught_lm"])
def test_logprobs_are_the_models_own_at_temperature_1(name: str, request: pytest.FixtureRequest) -> None:
    lm = request.getfixturevalue(name)
    n_checked = 0
    for chat, (greedy, samples) in zip(CHATS, _generate(lm, CHATS, temperature=2.0), strict=True):
        for sample in (greedy, *samples):
            np.testing.assert_allclose(sample.logprobs, _plain_logprobs(lm, chat, sample.token_ids), atol=2e-4)
            n_checked += len(sample.token_ids)
    assert n_checked > 30


def test_samples_do_not_depend_on_the_batch_nor_on_k(random_lm: LanguageModel) -> None:
    together = _generate(random_lm, CHATS)
    alone = _generate(random_lm, CHATS[1:2], n_samples=5)
    assert [s.token_ids for s in together[1][1]] == [s.token_ids for s in alone[0][1][:3]]
    assert together[1][0].token_ids == alone[0][0].token_ids


def test_samples_follow_the_seed(random_lm: LanguageModel) -> None:
    first, again, other = (_generate(random_lm, CHATS, seed=seed)[0][1] for seed in (1, 1, 2))
    assert [s.token_ids for s in first] == [s.token_ids for s in again]
    assert [s.token_ids for s in first] != [s.token_ids for s in other]
    assert len({s.token_ids for s in first}) == 3


def test_k_0_gives_the_greedy_answer_alone(random_lm: LanguageModel) -> None:
    [(greedy, samples)] = _generate(random_lm, CHATS[:1], n_samples=0)
    assert samples == ()
    assert greedy.token_ids == _generate(random_lm, CHATS[:1])[0][0].token_ids


def test_a_tiny_temperature_samples_the_greedy_answer(random_lm: LanguageModel) -> None:
    [(greedy, samples)] = _generate(random_lm, CHATS[1:2], temperature=1e-3)
    assert all(sample.token_ids == greedy.token_ids for sample in samples)


def test_first_tokens_come_with_the_tempered_probabilities(taught_lm: LanguageModel) -> None:
    n, temperature = 3000, 2.0
    [(_, samples)] = _generate(taught_lm, CHATS[:1], n_samples=n, temperature=temperature, max_new_tokens=1)
    p = (prefill(taught_lm, CHATS[:1]).logits[0] / temperature).softmax(-1).double().numpy()
    counts = np.bincount([s.token_ids[0] for s in samples if s.token_ids], minlength=len(p))
    likely = np.argsort(p)[-12:]
    # a count of n draws has standard deviation sqrt(n p (1-p)); 4.5 of them are exceeded once in 10,000 times
    assert p[likely].sum() > 0.2
    assert np.all(np.abs(counts[likely] - n * p[likely]) < 4.5 * np.sqrt(n * p[likely] * (1 - p[likely])))


def test_an_answer_ends_before_its_end_token(taught_lm: LanguageModel) -> None:
    [(greedy, _)] = _generate(taught_lm, [taught_lm.chat("What is the capital of France?")])
    assert (greedy.text, greedy.finish) == ("Paris; 93.1%", Finish.STOP)
    assert 3 not in greedy.token_ids


def test_a_cut_answer_says_so(taught_lm: LanguageModel) -> None:
    [(greedy, _)] = _generate(taught_lm, [taught_lm.chat("What is the capital of France?")], max_new_tokens=2)
    assert (len(greedy.token_ids), greedy.finish) == (2, Finish.LENGTH)


def test_an_empty_answer_has_no_tokens(taught_lm: LanguageModel) -> None:
    [(greedy, samples)] = _generate(taught_lm, [taught_lm.chat("Say nothing.")], temperature=0.2)
    assert all((s.text, s.token_ids, s.finish) == ("", (), Finish.STOP) for s in (greedy, *samples))


def test_samples_that_begin_alike_are_one_row_and_closed_ones_leave(
    taught_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    chats = [taught_lm.chat(text) for text in ("Say nothing.", "What is the capital of Peru?")]
    heights: list[int] = []
    real = LanguageModel.forward

    def noted(lm: LanguageModel, **inputs: Any) -> Any:
        heights.append(len(inputs["input_ids"]))
        return real(lm, **inputs)

    monkeypatch.setattr(LanguageModel, "forward", noted)
    made = _generate(taught_lm, chats, n_samples=4, temperature=0.01)
    assert [[sample.text for sample in (greedy, *samples)] for greedy, samples in made] == [
        [""] * 5,
        ["Lima; 47.0%"] * 5,
    ]
    assert (heights[0], set(heights[1:])) == (2, {1})


def test_a_prompt_too_long_for_the_model_is_a_sentence(random_lm: LanguageModel) -> None:
    with pytest.raises(DataError, match=r"A prompt has \d+ tokens and its answer may have 12; this model reads 256"):
        _generate(random_lm, ["x" * 300])


@pytest.mark.parametrize("text", ["Paris", " Zürich, 日本 🙂!", "a\ufffdb", "שלום"])
def test_pieces_join_to_the_text_and_characters_stay_whole(random_lm: LanguageModel, text: str) -> None:
    ids = random_lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    pieces = token_texts(random_lm.tokenizer, ids)
    assert len(pieces) == len(ids)
    assert "".join(pieces) == text


def test_a_split_character_belongs_to_its_last_token(random_lm: LanguageModel) -> None:
    # the byte-level vocabulary knows no emoji: four tokens, one for each byte of its UTF-8 form
    ids = random_lm.tokenizer("🙂", add_special_tokens=False)["input_ids"]
    assert token_texts(random_lm.tokenizer, ids) == ("", "", "", "🙂")
    assert token_texts(random_lm.tokenizer, ids[:2]) == ("", "\ufffd")


def test_a_long_answer_is_decoded_a_few_tokens_at_a_time(
    random_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = random_lm.tokenizer("Is fire hot? Yes; 100% 🙂 " * 50, add_special_tokens=False)["input_ids"]
    lengths: list[int] = []
    real = random_lm.tokenizer.decode

    def noted(some: list[int], **options: Any) -> str:
        lengths.append(len(some))
        return real(some, **options)

    monkeypatch.setattr(random_lm.tokenizer, "decode", noted)
    assert "".join(token_texts(random_lm.tokenizer, ids)) == "Is fire hot? Yes; 100% 🙂 " * 50
    assert max(lengths) <= 6  # four bytes of an emoji, the token before it and the one after


def test_sample_answers_keeps_the_order_and_the_prompt(random_lm: LanguageModel) -> None:
    questions = [Question(f"q{i}", f"What is {i}?") for i in range(5)]
    settings = SamplingSettings(n_samples=2, max_new_tokens=4, batch_size=2)
    sets = list(sample_answers(random_lm, questions, settings, style=random_lm.prompts))
    assert [s.question.id for s in sets] == ["q0", "q1", "q2", "q3", "q4"]
    assert sets[4].prompt == "<|user|>What is 4?<|assistant|>"
    assert [len(s.samples) for s in sets] == [2] * 5


def test_the_teacher_is_the_base_model(
    random_lm: LanguageModel, random_folder: Path, make_lora: Callable[..., Path], tmp_path: Path
) -> None:
    adapted = random_lm.with_adapter(make_lora(tmp_path, random_folder))
    settings = SamplingSettings(n_samples=1, max_new_tokens=4)
    base, other = (
        list(sample_answers(lm, [Question("q", "Why?")], settings, style=lm.prompts)) for lm in (random_lm, adapted)
    )
    assert other[0].greedy.token_ids == base[0].greedy.token_ids
    assert _generate(adapted, [base[0].prompt], max_new_tokens=4)[0][0].token_ids != base[0].greedy.token_ids


def test_behind_shots_an_answer_is_a_line_and_the_prompt_no_chat(random_lm: LanguageModel) -> None:
    style = replace(random_lm.prompts, shots="Question: Who?\nAnswer: me\n")
    settings = SamplingSettings(n_samples=2, temperature=2.0, max_new_tokens=40, batch_size=2)
    questions = [Question(str(i), f"Who is {i}?") for i in range(6)]
    made = list(sample_answers(random_lm, questions, settings, style=style))
    assert made[0].prompt == "Question: Who?\nAnswer: me\n\nQuestion: Who is 0?\nAnswer:"
    samples = [sample for each in made for sample in (each.greedy, *each.samples)]
    assert not any("\n" in sample.text for sample in samples)
    newline = random_lm.tokenizer("\n", add_special_tokens=False)["input_ids"][0]
    assert newline in replace(random_lm, answers_in_lines=True).stop_ids
    assert newline not in random_lm.stop_ids
