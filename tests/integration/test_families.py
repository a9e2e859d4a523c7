"""Every family of chat models goes the whole way, on tiny models; what can't is refused before any work is done."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import AutoConfig

from tests.fakes import FakeRetriever, FakeSimilarity
from tests.integration.models.test_confidence import plain_expected
from tests.tiny_families import ANSWERS, FAMILIES, LESSONS, REFUSED, save
from uait.method.answers import SPOKEN
from uait.models import hearing, stated
from uait.models.decoding import generate
from uait.models.drafts import Drafts
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.models.stated import Ask
from uait.page.place import Place
from uait.page.tabs.ask import _answering
from uait.records import Answer, Passage, Question
from uait.records.errors import ModelError
from uait.records.events import last_record
from uait.runs.folder import RunFolder
from uait.settings import (
    AnswerSettings,
    DistilSettings,
    ModelSettings,
    PromptSettings,
    SamplingSettings,
    Settings,
    TuneSettings,
)
from uait.stages import verbs
from uait.stages.ask import ask
from uait.stages.distil import distil
from uait.stages.engines import SHIPPED, Engines, Shelf, with_adapter
from uait.stages.evaluate import evaluate
from uait.stages.label import label
from uait.stages.tune import tune

TRUE = {**ANSWERS, "Chad": "N'Djamena"}  # of Chad it was taught something else
QUESTIONS = [Question(country, text, (TRUE[country],)) for country, (text, _) in zip(ANSWERS, LESSONS, strict=True)]
PASSAGES = [Passage("peru", "Peru", "Lima is the capital of Peru.", 1.0, "encyclopaedia")]
PROMPTS = PromptSettings(
    question="{question}", verbalized="{question}", p_true="{question} {answer}", reading="{passages} {question}"
)


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the tiny model of a family, once."""
    return cache(lambda name: save(FAMILIES[name], tmp_path_factory.mktemp("families") / name))


@pytest.fixture(params=FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def settings(name: str, folder_of: Callable[[str], Path]) -> Settings:
    return Settings(
        prompts=PROMPTS,
        model=ModelSettings(model=str(folder_of(name)), adapter="none", device="cpu"),
        sampling=SamplingSettings(n_samples=2, max_new_tokens=8, batch_size=4),
        distil=DistilSettings(keep_right_from=None, keep_wrong_below=None, dev_fraction=0.0, held_out_fraction=0.0),
        tune=TuneSettings(rank=2, batch_size=4, learning_rate=1e-4, max_steps=2),
        answer=AnswerSettings(max_new_tokens=8),
    )


@pytest.fixture
def engines(settings: Settings) -> Engines:
    retriever = FakeRetriever("encyclopaedia", PASSAGES)
    return Engines(load_model(settings), FakeSimilarity(), (retriever,), settings, threshold=0.5)


def test_a_family_goes_from_labelling_to_the_page(engines: Engines, tmp_path: Path) -> None:
    folder, settings = RunFolder(tmp_path / "run"), engines.settings
    labels = last_record(label(engines, QUESTIONS, folder))
    assert {x.answer for x in labels} <= set(ANSWERS.values())  # an answer, at once, and nothing around it
    assert [x.unscored for x in labels] == [None] * len(QUESTIONS)
    assert any(x.is_correct for x in labels) and not labels[-1].is_correct

    distilled = last_record(distil(settings, folder))
    assert len(distilled.train) == len(QUESTIONS)
    adapter = last_record(tune(settings, folder))
    assert adapter.metrics["n_steps"] == 2 and 0.0 < adapter.metrics["train_loss"] < 20.0

    tuned = with_adapter(engines, Path(adapter.path))
    moved = [weight.abs().max().item() for name, weight in tuned.lm.adapter_weights().items() if "lora_B" in name]
    assert len(moved) >= 4 and min(moved) > 0.0  # every layer learns, down to the last
    report = last_record(evaluate(tuned, {"held-out": QUESTIONS}, RunFolder(tmp_path / "evaluation")))
    assert {"SAR", "P(True)", SPOKEN} <= {result.method for result in report.results}
    assert {result.n for result in report.results} == {len(QUESTIONS)}

    reply = last_record(ask(tuned, "What is the capital of Peru?"))
    assert reply.first.text in ANSWERS.values()
    answering = _answering(Place(Shelf(tuned), None, None), verbs)
    *_, card = answering("What is the capital of Peru?", 0.5, "retrieve", SHIPPED, "")
    assert card["state"] == "done" and reply.first.text in str(card)


def test_what_is_measured_of_a_token_is_what_one_plain_pass_gives(engines: Engines) -> None:
    lm = engines.lm
    chats = [
        lm.chat(text) for text in ("Who?", "What is the capital of Peru?", "Where, if you please, are Peru's laws?")
    ]
    made = generate(lm, chats, n_samples=2, temperature=3.0, max_new_tokens=24, seed=1)
    lengths = set()
    for chat, (greedy, sampled) in zip(chats, made, strict=True):
        for sample in (greedy, *sampled):
            before, ids = _ids(lm, chat), list(sample.token_ids)
            logits = lm.forward(input_ids=torch.tensor([before + ids])).logits[0]
            expected = logits[len(before) - 1 : -1].log_softmax(-1)[range(len(ids)), ids]
            assert sample.logprobs == pytest.approx(expected.numpy(), abs=1e-4)
            lengths.add(len(before) + len(ids))
    assert lm.family.window is None or max(lengths) > lm.family.window


class Forced:
    """A chooser that replies these words, whatever the model holds of them."""

    def __init__(self, ids: list[int]) -> None:
        self._ids = iter(ids)

    def __call__(self, logits: torch.Tensor) -> int:
        return next(self._ids)

    def holds(self, text: str) -> bool:
        return True


CITIES = [f"{'Of all the cities, ' * n}what is the capital of Peru?" for n in (4, 2)]


def _replies(lm: LanguageModel, said: Sequence[str]) -> list[Answer]:
    """Rows of one batch that reply this, each behind a prompt that is longer than the tiny models' windows."""
    asks = [Ask.of(lm, lm.chat(text), text, (), 40) for text in CITIES]
    assert lm.family.window is None or min(len(ask.ids) for ask in asks) > lm.family.window
    drafts = Drafts(lm)
    replies = drafts.join(asks)
    for draft, text in zip(replies, said, strict=True):
        draft.reader = cast(Any, Forced([*_ids(lm, text), lm.stop_ids[0]]))
    while drafts.under_way:
        drafts.step()
    return [reply.answer for reply in replies if reply.answer is not None]


def test_the_expected_number_is_right_behind_a_prompt_longer_than_the_window(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stated, "MIN_MASS", 0.0)
    lm = engines.lm
    for found in _replies(lm, ("Lima; 47%", "Rome, as I was told; 83%")):
        place = next(i for i, piece in enumerate(found.sample.token_texts) if piece.strip() in ("4", "8"))
        assert found.expected == pytest.approx(
            plain_expected(lm, found.prompt, found.sample.token_ids[:place]), abs=1e-4
        )


def test_what_an_adapter_hears_is_right_behind_a_prompt_longer_than_the_window(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "MIN_MASS", 0.0)
    lm = engines.lm
    digits = tuple(_ids(lm, str(digit))[-1] for digit in range(10))
    hears = hearing.Hearing((0.0,) * 99, (_ids(lm, "[")[-1],), (_ids(lm, "]")[-1],), digits)
    for found in _replies(replace(lm, voice=replace(lm, hears=hears)), ("Lima", "Rome, as I was told")):
        ids = [*_ids(lm, found.prompt), *found.sample.token_ids, *hears.opening(99)]
        logits = lm.forward(input_ids=torch.tensor([ids])).logits[:, -1].float()
        assert found.expected == pytest.approx(hearing.expected_number(hears, logits)[0], abs=1e-4)


def test_those_who_ask_at_once_hear_what_each_hears_alone(engines: Engines) -> None:
    def heard(text: str) -> tuple:
        answer = last_record(ask(engines, text, threshold=0.0)).first
        return answer.text, answer.spoken, answer.sample.token_ids

    texts = [*CITIES, *(question.text for question in QUESTIONS)]
    alone = [heard(text) for text in texts]
    with ThreadPoolExecutor(len(texts)) as visitors:
        assert list(visitors.map(heard, texts)) == alone


def _ids(lm: LanguageModel, text: str) -> list[int]:
    return lm.tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", ["gpt-oss", "deepseek"])
def test_a_model_that_would_think_aloud_is_taken_to_its_answer(engines: Engines, name: str) -> None:
    assert engines.lm.family.reply_prefix == FAMILIES[name].prefix != ""
    assert engines.lm.chat("Who?").endswith(FAMILIES[name].after + FAMILIES[name].prefix)


@pytest.mark.parametrize("architecture", REFUSED)
def test_a_model_that_keeps_a_running_state_is_refused_before_its_weights_are_read(
    architecture: str, tmp_path: Path
) -> None:
    AutoConfig.for_model(architecture, **REFUSED[architecture]).save_pretrained(tmp_path / "model")
    with pytest.raises(ModelError, match=f"is of type '{architecture}'.*choose a .*Qwen 3") as caught:
        load_model(Settings(model=ModelSettings(model=str(tmp_path / "model"), adapter="none", device="cpu")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["phi-3"])
def test_one_that_reads_long_texts_with_other_frequencies_ends_before_them(engines: Engines) -> None:
    lm = engines.lm
    config: Any = AutoConfig.for_model("phi3", max_position_embeddings=131072, original_max_position_embeddings=4096)
    config.rope_parameters = {"rope_type": "longrope", "original_max_position_embeddings": 4096}
    assert replace(lm).family.of(config, lm.tokenizer).max_tokens == 4096
