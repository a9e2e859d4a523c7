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

from uait.embedded.smollm2.build import probed
from uait.embedded.smollm2.shots import FEW_SHOT, few_shot_question
from uait.embedded.smollm2.student import Student
from uait.embedded.smollm2.teacher import TeacherRow
from uait.embedded.smollm2.tuning import Lesson, Stage, Tuner, number_loss
from uait.method import probe
from uait.models import hearing
from uait.models.adapters import Weights
from uait.models.confidence import answer_batch
from uait.models.hearing import Hearing, expected_number, level_edges, mean_number, spoken_number
from uait.models.language_model import LanguageModel
from uait.settings import AnswerSettings, PromptSettings

N_LAYERS, VOCABULARY = 18, 128
SHOTS = PromptSettings(shots="Question: Which?\nAnswer: that")
LIMIT = AnswerSettings(max_new_tokens=12)


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
    lm = LanguageModel(Weights(model), Letters(), torch.device("cpu"), "tiny", None, PromptSettings())
    yield Student(lm, Hearing.of(lm.tokenizer, [0.01 * i for i in range(1, 100)]))


def answered(student: Student, text: str, ids: tuple[int, ...], probability: float = 0.5) -> TeacherRow:
    """A row of the teacher's in which the base gave that answer."""
    words = "".join(map(chr, ids))
    logprobs = (math.log(probability) / len(ids),) * len(ids)
    return TeacherRow(text, words, True, True, ids, logprobs, None, 1.0)


def test_the_answer_is_the_bases_own_and_the_adapter_says_the_number(
    student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "MIN_MASS", 0.0)  # untuned it holds few digits there
    texts = [f"Who {letter}?" for letter in "abcdefghijkl"]
    base = replace(student.lm.without_adapter(), prompts=SHOTS)
    often = Counter(answer.sample.token_ids[1] for answer in answer_batch(base, texts, LIMIT))
    ends = often.most_common(1)[0][0]  # untuned it ends nothing by itself
    base.model.generation_config.eos_token_id = ends
    tuned = replace(adapted(student).lm, prompts=SHOTS, hears=student.hears)
    stops = list(replace(base, answers_in_lines=True).stop_ids)
    alone, heard = answer_batch(base, texts, LIMIT), answer_batch(tuned, texts, LIMIT, batch_size=5)
    assert [answer.text for answer in alone] == [answer.text for answer in heard]
    assert {answer.expected is None for answer in heard} == {True, False}  # one that did not end has no number
    for text, answer in zip(texts, heard, strict=True):
        if answer.expected is None:
            assert answer.spoken is None
            continue
        prompt = student.lm.tokenizer(answer.prompt, add_special_tokens=False)["input_ids"]
        p = 0.0
        with base.alone() as model, torch.inference_mode():
            ids = [*prompt, *answer.sample.token_ids]
            logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            p = math.exp(sum(float(logprobs[i - 1, ids[i]]) for i in range(len(prompt), len(ids))))
            p *= float(logprobs[-1, stops].exp().sum())
        row = answered(student, text, answer.sample.token_ids, p)
        spoken, expected = replaced(student, tuned, answer.prompt).ask([text], [row])[0]
        assert answer.spoken == spoken
        assert answer.expected == pytest.approx(expected, abs=1e-4)


def adapted(student: Student) -> Student:
    """The student with an adapter that does something."""
    config = LoraConfig(r=4, target_modules=["q_proj", "up_proj", "down_proj"], layers_to_transform=[15, 16, 17])
    lm = student.lm.with_new_adapter(config)
    with torch.no_grad():
        for weight in lm.adapter_weights().values():
            weight.normal_(std=0.3)
    return Student(lm, student.hears)


def replaced(student: Student, lm: LanguageModel, prompt: str) -> Student:
    """A student whose one question's prompt is this text, from its first letter on."""
    other = Student(lm, student.hears)
    ids = student.lm.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    with torch.no_grad(), other.base.alone():
        other.prefix = other.llama.prefix(ids[:1])
    other._ids = lambda text: ids[1:]
    return other


def test_tuning_moves_the_number_towards_its_target_and_no_answer(student: Student) -> None:
    config = LoraConfig(r=4, target_modules=["q_proj", "up_proj", "down_proj"], layers_to_transform=[15, 16, 17])
    tuned = Student(student.lm.with_new_adapter(config), student.hears)
    row = answered(student, "Who?", (65, 66), 0.95)
    before = tuned.read(["Who?"])
    tuner, lessons = Tuner(tuned), [Lesson("Who?", row, 0.93)]
    steps = list(tuner.tune(lessons, tuner.below(lessons), Stage(epochs=80, learning_rate=3e-2)))
    assert steps[-1]["loss"] < 0.5 < steps[0]["loss"]
    assert all(weight.grad is not None for weight in tuned.lm.adapter_weights().values())
    after = tuned.read(["Who?"])
    assert all(torch.equal(k, k2) for (k, _), (k2, _) in zip(before.layers, after.layers, strict=True))


def test_a_loss_read_from_what_was_kept_is_the_loss_of_the_whole(student: Student) -> None:
    tuned = adapted(student)
    rows = [answered(student, "Who?", (65, 66), 0.95), answered(student, "Which one?", (67,), 0.15)]
    lessons = [Lesson(row.id, row, 0.93) for row in rows]
    tuner = Tuner(tuned)
    with tuned.lm.alone(), torch.no_grad():
        together = tuner.loss(lessons, tuner.below(lessons))
        each = [tuner.loss([lesson], tuner.below([lesson])) for lesson in lessons]
    assert together.item() == pytest.approx(sum(one.item() for one in each) / 2, abs=5e-3)  # kept in 16 bits


def test_the_number_is_worth_its_first_digit() -> None:
    assert mean_number(torch.eye(10)).tolist() == pytest.approx([0.045 + 0.1 * i for i in range(10)])
    tens = torch.full((2, 10), -9.0)
    tens[0, 9] = tens[1, 0] = 9.0
    loss, wanted = number_loss(tens, torch.tensor([0.999, 0.0]))
    assert wanted.tolist() == [99, 1]  # certainty is never taught
    assert loss < number_loss(tens, torch.tensor([0.0, 0.999]))[0]


def test_a_place_with_few_digits_has_no_number(student: Student) -> None:
    logits = torch.zeros(2, VOCABULARY)
    logits[1, student.hears.digit_ids[9]] = 20.0
    assert expected_number(student.hears, logits) == [None, pytest.approx(0.945)]


def test_certainty_is_never_said() -> None:
    ones = torch.zeros(2, 10)
    ones[:, 0] = 1.0
    assert spoken_number(torch.tensor([0, 9]), ones) == [0.01, 0.9]


def test_levels_part_the_probabilities_into_hundredths_or_tenths(student: Student) -> None:
    hears = Hearing.of(student.lm.tokenizer, level_edges([i / 1000 for i in range(1000)]))
    assert [hears.level(p) for p in (0.0, 0.005, 0.505, 0.985, 1.0)] == [0, 0, 50, 98, 99]
    tenths = Hearing.of(student.lm.tokenizer, level_edges([i / 1000 for i in range(1000)], 10))
    assert [tenths.level(p) for p in (0.0, 0.505, 1.0)] == [0, 5, 9]
    assert (len(hears.opening(7)), hears.opening(7)[1:3]) == (len(tenths.opening(7)) + 1, [48, 55])


def test_frozen_layers_are_read_once_for_every_digit(student: Student) -> None:
    row = answered(student, "Who?", (65,), 0.35)
    below = Tuner(student).below([Lesson("Who?", row, 1.0)])[0]
    assert below.digits.shape == (10, 16)
    prompt = student.lm.tokenizer(FEW_SHOT + few_shot_question("Who?"), add_special_tokens=False)["input_ids"]
    ids = [*prompt, 65, *student.hears.opening(34), student.hears.digit_ids[7]]
    with torch.no_grad():
        states = student.llama.causal(torch.tensor([ids]), output_hidden_states=True).hidden_states[15][0]
    torch.testing.assert_close(below.digits[7], states[-1], atol=1e-4, rtol=1e-3)
    state = torch.from_numpy(probed([below], [row])[0, probe.N_TRUSTED :])
    torch.testing.assert_close(state.float(), states[len(prompt)], atol=1e-4, rtol=1e-3)
