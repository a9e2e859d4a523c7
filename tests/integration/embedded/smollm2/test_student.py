"""The student hears its own probability, and is tuned only where it should be."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import LoraConfig
from transformers import LlamaConfig, LlamaForCausalLM

from uait.embedded.smollm2.student import MAX_NEW_TOKENS, Student
from uait.embedded.smollm2.tuning import Below, Lesson, Stage, Tuner, teacher_loss, thought_of, truth_loss
from uait.models import hearing
from uait.models.adapters import Weights
from uait.models.confidence import answer_batch
from uait.models.hearing import Hearing, decile_edges, expected_number, mean_number, spoken_number
from uait.models.language_model import LanguageModel
from uait.settings import AnswerSettings, PromptSettings

N_LAYERS, VOCABULARY = 18, 128
QUESTION = "Q: {question}"


class Letters:
    """A tokenizer of one token per character, with a chat template."""

    pad_token_id = eos_token_id = 0

    def __call__(self, text: Any, add_special_tokens: bool) -> dict[str, Any]:
        assert not add_special_tokens
        ids = [
            [ord(c) % VOCABULARY for c in t.replace(" [", "\x01")] for t in ([text] if isinstance(text, str) else text)
        ]
        return {"input_ids": ids[0] if isinstance(text, str) else ids}

    def get_vocab(self) -> dict[str, int]:
        return {chr(i): i for i in range(VOCABULARY)}

    def apply_chat_template(self, turn: list[dict[str, str]], **_: Any) -> str:
        return f"<{turn[0]['content']}>"

    def decode(self, ids: list[int], **_: Any) -> str:
        return "".join(map(chr, ids))


@pytest.fixture
def student() -> Iterator[Student]:
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": N_LAYERS,
        "tie_word_embeddings": True,
    }
    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, initializer_range=0.3, **shape, **heads)).eval()
    lm = LanguageModel(Weights(model), Letters(), torch.device("cpu"), "tiny", None, PromptSettings(question=QUESTION))
    yield Student(lm, Hearing.of(lm.tokenizer, [0.1 * i for i in range(1, 10)]))


def test_the_parted_prompt_is_the_whole_prompt(student: Student) -> None:
    whole = student.lm.tokenizer("<Q: Who?>", add_special_tokens=False)["input_ids"]
    assert [*student.prefix_ids, *student.question_ids("Who?")] == whole


@torch.inference_mode()
def test_answers_in_a_batch_are_those_of_the_plain_model(student: Student) -> None:
    texts = ["Who?", "Which one is it?", "Why"]
    for text, heard in zip(texts, student.ask(texts, student.prefix()), strict=True):
        ids = [*student.prefix_ids, *student.question_ids(text)]
        logprob = 0.0
        for token in [*heard.ids, student.hears.end_id][: len(heard.ids) + heard.is_finished]:
            logprobs = student.llama.causal(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            assert int(logprobs.argmax()) == token
            logprob += float(logprobs.max())
            ids.append(token)
        assert heard.probability == pytest.approx(math.exp(logprob), rel=1e-3)
        assert heard.decile == student.hears.decile(heard.probability)


def test_a_question_on_its_own_is_answered_as_in_the_shared_batch(
    student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "MIN_MASS", 0.0)  # untuned it holds few digits there
    texts = [f"Who {letter}?" for letter in "abcdefghijkl"]
    often = Counter(token for heard in student.ask(texts, student.prefix()) for token in heard.ids[1:])
    student.hears = replace(student.hears, end_id=often.most_common(1)[0][0])  # untuned it ends nothing by itself
    asked = student.ask(texts, student.prefix())
    assert len({heard.is_finished for heard in asked}) == 2
    lm = replace(student.lm, hears=student.hears)
    answers = answer_batch(lm, texts, AnswerSettings(max_new_tokens=MAX_NEW_TOKENS + 1), batch_size=5)
    for heard, answer in zip(asked, answers, strict=True):
        assert answer.text.startswith(heard.answer)  # one that doesn't end goes on for a token more
        assert answer.spoken == heard.spoken
        assert answer.expected == pytest.approx(heard.expected, abs=1e-4)


def test_a_student_that_thinks_as_the_base_has_nothing_to_unlearn(student: Student) -> None:
    question, answer = tuple(student.question_ids("Who?")), (65, 66)
    with torch.no_grad():
        ids = [*student.prefix_ids, *question, *answer]
        logprobs = student.llama.causal(torch.tensor([ids])).logits[0, -3:].log_softmax(-1)
    top = logprobs.topk(32, dim=-1)
    same = thought_of(student, frozenset(), top.indices, top.values)
    other = thought_of(student, frozenset(), top.indices.flip(0), top.values.flip(0))
    tuner = Tuner(student)
    kl = []
    for thought in (same, other):
        lesson = Lesson(question, answer, thought)
        kl.append(tuner.losses([lesson], tuner.below([lesson]), Stage(truth=False))[0].item())
    assert kl[0] == pytest.approx(0.0, abs=1e-2)  # one place of 32 makes room for the end token
    assert kl[1] > 0.1


def test_tuning_moves_the_number_towards_its_target(student: Student) -> None:
    config = LoraConfig(r=4, target_modules=["q_proj", "up_proj", "down_proj"], layers_to_transform=[15, 16, 17])
    student.lm = student.lm.with_new_adapter(config)
    lessons = [Lesson(tuple(student.question_ids("Who?")), (65, 66), None, 9, 0.93)]
    steps = list(Tuner(student).tune(lessons, Stage(truth=False, epochs=80, learning_rate=3e-2)))
    assert steps[-1]["number"] < 0.5 < steps[0]["number"]
    assert all(weight.grad is not None for weight in student.lm.adapter_weights().values())


def test_the_number_is_worth_its_first_digit() -> None:
    assert mean_number(torch.eye(10)).tolist() == pytest.approx([0.045 + 0.1 * i for i in range(10)])
    tens = torch.full((2, 10), -9.0)
    tens[0, 9] = tens[1, 0] = 9.0
    right, wrong = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert truth_loss(tens, right, 1.0)[0] < truth_loss(tens, wrong, 1.0)[0]
    assert truth_loss(tens, right, 1.0)[1].tolist() == [94, 5]
    loss, wanted = teacher_loss(tens, torch.tensor([0.999, 0.0]))
    assert wanted.tolist() == [99, 1]  # certainty is never taught
    assert loss < teacher_loss(tens, torch.tensor([0.0, 0.999]))[0]


def test_a_place_with_few_digits_has_no_number(student: Student) -> None:
    logits = torch.zeros(2, VOCABULARY)
    logits[1, student.hears.digit_ids[9]] = 20.0
    assert expected_number(student.hears, logits) == [None, pytest.approx(0.945)]


def test_certainty_is_never_said() -> None:
    ones = torch.zeros(2, 10)
    ones[:, 0] = 1.0
    assert spoken_number(torch.tensor([0, 9]), ones) == [0.01, 0.9]


def test_deciles_part_the_probabilities_into_tenths(student: Student) -> None:
    hears = Hearing.of(student.lm.tokenizer, decile_edges([i / 100 for i in range(100)]))
    assert [hears.decile(p) for p in (0.0, 0.05, 0.5, 0.99, 1.0)] == [0, 0, 5, 9, 9]


def test_frozen_layers_are_read_once_for_every_digit(student: Student) -> None:
    lesson = Lesson(tuple(student.question_ids("Who?")), (65,), None, 3, 1.0)
    below: Below = Tuner(student).below([lesson])[0]
    assert below.digits is not None and below.digits.shape == (10, 16)
    ids = [
        *student.prefix_ids,
        *lesson.question_ids,
        65,
        student.hears.end_id,
        *student.hears.opening(3)[1:],
        student.hears.digit_ids[7],
    ]
    with torch.no_grad():
        states = student.llama.causal(torch.tensor([ids]), output_hidden_states=True).hidden_states[15][0]
    torch.testing.assert_close(below.digits[7], states[-1], atol=1e-4, rtol=1e-3)
