"""Tuning on from the adapter that a model comes with: what is learnt, what the card says, and when it is refused."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from uait.data.catalogue import describe, preset, small
from uait.data.files import read_json, read_jsonl, write_json
from uait.embedded.pocket import POCKET
from uait.embedded.pocket.questions import of_split
from uait.embedded.pocket.world import Fact
from uait.method.distillation import distil
from uait.models.confidence import answer_batch
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.records import Adapter, DistilledSet, Done, MethodResult, Question, TrainingExample
from uait.records.errors import TrainingError
from uait.settings import ModelSettings, Settings, TuneSettings, from_dict
from uait.stages.evaluate import answers_result, drawn
from uait.tuning.card import read_card
from uait.tuning.start import start_of
from uait.tuning.trainer import train_adapter

TUNE = TuneSettings(rank=4, alpha=8, targets="all-linear", learning_rate=0.02, batch_size=2, epochs=3.0, save_steps=2)
LESSONS = (("What is the capital of France?", "Paris", 0.931), ("Who wrote Faust?", "Goethe", 0.085))
EXAMPLES = tuple(TrainingExample(Question(f"q{i}", text), said, c, True) for i, (text, said, c) in enumerate(LESSONS))
DISTILLED = DistilledSet(EXAMPLES * 2, (), {}, {}, (), 0.0)


def _train(settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path) -> Adapter:
    *_, last = train_adapter(settings, lm, distilled, out)
    assert isinstance(last, Done)
    return last.record  # type: ignore[return-value]


@pytest.fixture
def came_with_one(taught_folder: Path, load: Callable[..., LanguageModel], tmp_path: Path) -> Settings:
    """The settings of a model whose folder holds an adapter, as one that comes with the product does."""
    folder = tmp_path / "model"
    shutil.copytree(taught_folder, folder)
    write_json(folder / "description.json", {"name": "tiny", "title": "tiny", "made_by": "a test", "settings": {}})
    lm = load(folder)
    settings = Settings(prompts=lm.prompts, model=ModelSettings(model=str(folder), adapter="none", device="cpu"))
    _train(replace(settings, tune=TUNE), lm, DISTILLED, folder / "adapter")
    return replace(settings, tune=replace(TUNE, start_from="shipped", learning_rate=1e-3))


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_it_begins_with_the_shipped_weights_and_the_card_says_so(came_with_one: Settings, tmp_path: Path) -> None:
    shipped, lm = Path(came_with_one.model.model) / "adapter", load_model(came_with_one)
    before = _weights(shipped)
    begins = replace(came_with_one.tune, max_steps=1)  # its first step has a rate of 0
    adapter = _train(replace(came_with_one, tune=begins), lm, DISTILLED, tmp_path / "one")
    assert all(torch.equal(weight, before[name]) for name, weight in _weights(tmp_path / "one").items())
    assert adapter.origin is not None and adapter.origin.data_hash == read_card(shipped).data_hash
    assert "- Started from the adapter that tiny comes with" in (tmp_path / "one" / "README.md").read_text()
    assert read_card(tmp_path / "one").origin == adapter.origin

    _train(came_with_one, lm, DISTILLED, tmp_path / "more")
    assert not any(torch.equal(weight, before[name]) for name, weight in _weights(tmp_path / "more").items())
    assert all(torch.equal(weight, before[name]) for name, weight in _weights(shipped).items())
    assert _train(replace(came_with_one, tune=TUNE), lm, DISTILLED, tmp_path / "afresh").origin is None


def test_a_stopped_one_goes_on_and_ends_as_if_never_stopped(came_with_one: Settings, tmp_path: Path) -> None:
    lm = load_model(came_with_one)
    _train(came_with_one, lm, DISTILLED, tmp_path / "whole")
    for stop_at in (1, 3):
        events = train_adapter(came_with_one, lm, DISTILLED, tmp_path / "parts")
        assert any(getattr(event, "done", 0) == stop_at for event in events)
        events.close()
    _train(came_with_one, lm, DISTILLED, tmp_path / "parts")
    whole = _weights(tmp_path / "whole")
    assert all(torch.allclose(weight, whole[name], atol=1e-6) for name, weight in _weights(tmp_path / "parts").items())


def test_another_shipped_adapter_is_another_tuning(came_with_one: Settings, tmp_path: Path) -> None:
    shipped, lm = Path(came_with_one.model.model) / "adapter", load_model(came_with_one)
    _train(came_with_one, lm, DISTILLED, tmp_path / "out")
    shutil.copy(tmp_path / "out" / "adapter_model.safetensors", shipped / "adapter_model.safetensors")
    with pytest.raises(TrainingError, match="another adapter to start from"):
        _train(came_with_one, lm, DISTILLED, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rank": 8}, "tune.rank 4, not 8"),
        ({"targets": "attention", "alpha": 16}, "tune.alpha 8, not 16; tune.targets 'all-linear', not 'attention'"),
        ({"recipe": "told"}, "tune.recipe 'paper', not 'told'"),
    ],
)
def test_one_that_was_made_otherwise_is_refused_by_name(came_with_one: Settings, changes: dict, named: str) -> None:
    with pytest.raises(TrainingError, match=named):
        start_of(replace(came_with_one, tune=replace(came_with_one.tune, **changes)))


def test_without_one_there_is_nothing_to_start_from(came_with_one: Settings) -> None:
    (Path(came_with_one.model.model) / "adapter" / "adapter_config.json").unlink()
    with pytest.raises(TrainingError, match=r"comes with no adapter to start from; set tune\.start_from to 'base'"):
        start_of(came_with_one)


@pytest.mark.parametrize("model", ["pocket", "smollm2"])
def test_the_small_tuning_of_our_models_fits_what_they_come_with(model: str) -> None:
    settings = small(preset(model))
    start = start_of(replace(settings, tune=replace(settings.tune, start_from="shipped")))
    assert start is not None and read_json(start.folder / "card.json")["base_model_id"] == model


def test_22_examples_are_enough_to_go_on_from_pockets_adapter_and_too_few_from_the_base(tmp_path: Path) -> None:
    settings, description = small(preset("pocket")).with_adapter("none"), describe("pocket")
    assert description is not None and description.small_run is not None
    recorded = description.small_run
    kept = distil(recorded.labels, from_dict(recorded.settings).distil)
    few, lm = replace(kept, train=kept.train[:22], dev=()), load_model(settings)
    asked = drawn(of_split(read_jsonl(POCKET / "facts.jsonl", Fact), "dev", 0), 200, 0)

    def measured(start: str) -> MethodResult:
        out = tmp_path / start
        _train(replace(settings, tune=replace(settings.tune, start_from=start)), lm, few, out)
        answers = answer_batch(lm.with_adapter(out), [q.text for q in asked], settings.answer, batch_size=50)
        return answers_result(start, "dev", answers, [a.spoken for a in answers], asked, settings)

    on, afresh = measured("shipped"), measured("base")
    assert on.n_unscored == 0 and (on.auroc or 0) > 0.88
    assert (afresh.auroc or 0) < 0.75 or afresh.n_unscored > 0
