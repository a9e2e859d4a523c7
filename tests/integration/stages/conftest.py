"""A model that knows a few answers by heart, with an encyclopaedia of one passage behind it."""

import pytest

from tests.fakes import FakeRetriever, FakeSimilarity
from uait.models.language_model import LanguageModel
from uait.records import Passage
from uait.settings import AnswerSettings, DistilSettings, ModelSettings, SamplingSettings, Settings, TuneSettings
from uait.stages.engines import Engines

LIMA = Passage("capital-1", "Peru", "Lima is the capital of Peru.", 3.0, "encyclopaedia")


@pytest.fixture
def settings(taught_lm: LanguageModel) -> Settings:
    return Settings(
        prompts=taught_lm.prompts,
        model=ModelSettings(model=taught_lm.model_id, adapter="none", device="cpu"),
        sampling=SamplingSettings(n_samples=3, temperature=1.0, max_new_tokens=20, batch_size=4),
        distil=DistilSettings(keep_right_from=None, keep_wrong_below=None, dev_fraction=0.0, held_out_fraction=0.0),
        tune=TuneSettings(rank=4, alpha=8, batch_size=4, learning_rate=1e-3, max_steps=2),
        answer=AnswerSettings(max_new_tokens=20),
    )


@pytest.fixture
def encyclopaedia() -> FakeRetriever:
    return FakeRetriever("encyclopaedia", [LIMA])


@pytest.fixture
def engines(taught_lm: LanguageModel, settings: Settings, encyclopaedia: FakeRetriever) -> Engines:
    return Engines(taught_lm, FakeSimilarity(), (encyclopaedia,), settings, threshold=0.7)
