"""The student hears its own probability, and is tuned only where it should be."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from uait.embedded.smollm2.student import Student, decile_edges, mean_number
from uait.embedded.smollm2.tuning import Below, Lesson, Stage, Tuner, teacher_loss, thought_of, truth_loss
from uait.settings import PromptSettings

N_LAYERS, VOCABULARY = 18, 128


class Letters:
    """A tokenizer of one token per character, with a chat template."""

    chat_template = "yes"

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        ids = [ord(c) % VOCABULARY for c in text.replace(" [", "\x01")]
        return {"input_ids": ids}

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
    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": True}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, initializer_range=0.3, **shape, **heads)).eval()
    yield Student(model, Letters(), PromptSettings(question="Q: {question}"), [0.1 * i for i in range(1, 10)])


def test_the_parted_prompt_is_the_whole_prompt(student: Student) -> None:
    whole = student.tokenizer("<Q: Who?>", add_special_tokens=False)["input_ids"]
    assert [*student.prefix_ids, *student.question_ids("Who?")] == whole


@torch.inference_mode()
def test_answers_in_a_batch_are_those_of_the_plain_model(student: Student) -> None:
    texts = ["Who?", "Which one is it?", "Why"]
    for text, heard in zip(texts, student.ask(texts, student.prefix()), strict=True):
        ids = [*student.prefix_ids, *student.question_ids(text)]
        logprob = 0.0
        for token in [*heard.ids, student.end_id][: len(heard.ids) + heard.is_finished]:
            logprobs = student.llama.causal(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            assert int(logprobs.argmax()) == token
            logprob += float(logprobs.max())
            ids.append(token)
        assert heard.probability == pytest.approx(math.exp(logprob), rel=1e-3)
        assert heard.decile == student.decile(heard.probability)


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
    for name, weight in student.llama.causal.named_parameters():
        weight.requires_grad_(".16.self_attn" in name or ".17.mlp" in name)
    lessons = [Lesson(tuple(student.question_ids("Who?")), (65, 66), None, 9, 0.93)]
    steps = list(Tuner(student).tune(lessons, Stage(truth=False, epochs=40, learning_rate=3e-2)))
    assert steps[-1]["number"] < 0.5 < steps[0]["number"]
    assert student.llama.causal.model.layers[15].mlp.up_proj.weight.grad is None


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


def test_deciles_part_the_probabilities_into_tenths(student: Student) -> None:
    student.edges = decile_edges([i / 100 for i in range(100)])
    assert [student.decile(p) for p in (0.0, 0.05, 0.5, 0.99, 1.0)] == [0, 0, 5, 9, 9]


def test_frozen_layers_are_read_once_for_every_digit(student: Student) -> None:
    lesson = Lesson(tuple(student.question_ids("Who?")), (65,), None, 3, 1.0)
    below: Below = Tuner(student).below([lesson])[0]
    assert below.digits is not None and below.digits.shape == (10, 16)
    ids = [*student.prefix_ids, *lesson.question_ids, 65, student.end_id, *student.heard_ids(3), student.digit_ids[7]]
    with torch.no_grad():
        states = student.llama.causal(torch.tensor([ids]), output_hidden_states=True).hidden_states[15][0]
    torch.testing.assert_close(below.digits[7], states[-1], atol=1e-4, rtol=1e-3)
