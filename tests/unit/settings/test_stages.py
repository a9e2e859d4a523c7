import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from uait.data.catalogue import preset
from uait.records.errors import SettingsError
from uait.settings import (
    ASSETS,
    DistilSettings,
    ModelSettings,
    PromptSettings,
    SamplingSettings,
    Settings,
    TuneSettings,
    from_dict,
    settings_of,
    to_dict,
)

CARDS = sorted(ASSETS.rglob("card.json"))


@pytest.mark.parametrize(
    ("stage", "field", "value", "rule"),
    [
        (SamplingSettings, "n_samples", "5", "it must be a whole number"),
        (SamplingSettings, "n_samples", 2.5, "it must be a whole number"),
        (SamplingSettings, "n_samples", None, "it must be a whole number"),
        (SamplingSettings, "n_samples", 0, "choose a value from 1 to 100"),
        (SamplingSettings, "temperature", "hot", "it must be a number"),
        (SamplingSettings, "temperature", float("nan"), "choose a value from 0.01 to 5.0"),
        (DistilSettings, "balance", "no", "it must be true or false"),
        (DistilSettings, "keep_right_from", "all", "it must be a number or none"),
        (TuneSettings, "epochs", True, "it must be a number"),
        (ModelSettings, "device", "tpu", "choose one of auto, cpu, cuda, mps"),
        (ModelSettings, "adapter", Path("runs"), "it must be a text"),
    ],
)
def test_what_a_value_may_not_be_is_one_sentence(stage: Any, field: str, value: object, rule: str) -> None:
    name = f"{stage.__name__.removesuffix('Settings').lower()}.{field}"
    with pytest.raises(SettingsError) as caught:
        stage(**{field: value})
    assert str(caught.value) == f"{name} is {value!r}; {rule}."
    with pytest.raises(SettingsError):
        replace(stage(), **{field: value})  # changing one value checks as making it anew does


def test_a_whole_number_is_a_number() -> None:
    epochs = TuneSettings(epochs=2).epochs
    assert (epochs, type(epochs)) == (2.0, float)


def test_settings_stay_as_they_were_made() -> None:
    with pytest.raises(FrozenInstanceError):
        TuneSettings().rank = 8  # type: ignore[misc]


def test_a_prompt_without_its_placeholder_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^prompts\.p_true has no \{answer\}; put it where the answer belongs"):
        PromptSettings(p_true="Is it right? {question}")


def test_settings_come_back_from_json() -> None:
    assert from_dict(json.loads(json.dumps(to_dict(preset("pocket"))))) == preset("pocket")
    assert from_dict({}) == Settings()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"smapling": {}}, "'smapling' is no stage; the stages are prompts, "),
        ({"tune": {"rnk": 2}}, "tune.rnk is no setting; tune has recipe, "),
        ({"tune": {"rank": 2.5}}, "tune.rank is 2.5; it must be a whole number"),
        ({"tune": 3}, "tune is 3; give its values by name: recipe, "),
        ([], r"settings is \[\]; give its values by name: prompts, "),
    ],
)
def test_a_saved_file_that_holds_no_settings_is_named(data: Any, sentence: str) -> None:
    with pytest.raises(SettingsError, match=f"^{sentence}"):
        from_dict(data)


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.parent.parent.name)
def test_the_settings_of_every_shipped_adapter_load(card: Path) -> None:
    assert from_dict(json.loads(card.read_text(encoding="utf-8"))["settings"]).tune.rank > 0


def test_every_setting_says_what_it_does_and_numbers_their_range() -> None:
    stages = to_dict(Settings())
    for setting in (s for stage in stages for s in settings_of(getattr(Settings(), stage))):
        assert setting.help, setting.name
        assert (setting.low is not None) == (setting.kind in (int, float)) == (setting.high is not None), setting.name
