"""The shots are read once: what the base goes on from is what it would have read, and it reads no more than is new."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from uait.method.prompts import few_shot_prompt
from uait.models import shots
from uait.models.decoding import middle_states, prefill
from uait.models.language_model import LanguageModel
from uait.records import Passage
from uait.settings import PromptSettings

SHOTS = "Question: What is the capital of Spain?\nAnswer: Madrid\n\nQuestion: Who wrote Hamlet?\nAnswer: Shakespeare"
STYLE = PromptSettings(shots=SHOTS)
LIMA = Passage("d1", "Peru", "Lima is the capital.", 1.0, "test")
CHATS = [few_shot_prompt(STYLE, text) for text in ("What is the capital of France?", "Why?")]


@pytest.fixture
def behind_shots(taught_lm: LanguageModel) -> LanguageModel:
    taught_lm.weights.held.clear()
    return replace(taught_lm, prompts=STYLE)


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens a row each forward pass is given from now on."""
    n_read, forward = [], LanguageModel.forward

    def counting(lm: LanguageModel, **inputs: Any) -> Any:
        n_read.append(inputs["input_ids"].shape[1])
        return forward(lm, **inputs)

    monkeypatch.setattr(LanguageModel, "forward", counting)
    return n_read


def test_going_on_from_the_shots_is_reading_them_again(
    behind_shots: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = behind_shots.tokenizer(CHATS, add_special_tokens=False)["input_ids"]
    shared, states = prefill(behind_shots, CHATS), middle_states(behind_shots, ids)
    monkeypatch.setattr(shots, "MIN_TOKENS", 10**6)
    whole = prefill(behind_shots, CHATS)
    torch.testing.assert_close(shared.logits, whole.logits, atol=1e-4, rtol=1e-4)
    assert states == pytest.approx(middle_states(behind_shots, ids), abs=1e-4)


def test_only_what_stands_behind_the_shots_is_read_the_second_time(
    behind_shots: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = [len(ids) for ids in behind_shots.tokenizer(CHATS, add_special_tokens=False)["input_ids"]]
    n_read = _counted(monkeypatch)
    prefill(behind_shots, CHATS)
    prefill(behind_shots, CHATS[:1])
    n_shots, together, alone = n_read
    assert n_shots >= shots.MIN_TOKENS
    assert together == max(lengths) - n_shots and alone == lengths[0] - n_shots


def test_what_reads_passages_goes_on_from_the_same_shots(
    behind_shots: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = [few_shot_prompt(STYLE, text, [LIMA]) for text in ("What is the capital of Peru?", "Why?")]
    n_read = _counted(monkeypatch)
    prefill(behind_shots, CHATS)
    shared = prefill(behind_shots, reading)
    prefill(behind_shots, CHATS)
    assert len(n_read) == 4 and n_read[0] > n_read[2] and n_read[1] == n_read[3]  # the shots, once
    monkeypatch.setattr(shots, "MIN_TOKENS", 10**6)
    whole = prefill(behind_shots, reading)
    torch.testing.assert_close(shared.logits, whole.logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("style", [PromptSettings(), PromptSettings(shots="Answer: no")])
def test_other_prompts_are_read_whole(
    style: PromptSettings, behind_shots: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_read = _counted(monkeypatch)
    prefill(replace(behind_shots, prompts=style), CHATS)
    assert len(n_read) == 1
