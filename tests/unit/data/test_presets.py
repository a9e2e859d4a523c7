"""The paper's settings under one name, and the reproductions: what they name exists, and fits where it says."""

from dataclasses import replace

import pytest

from uait.data.catalogue import preset
from uait.data.named import asked_part
from uait.data.presets import PAPER, PRESETS, SHOTS, Preset, paper
from uait.method.footprint import plan
from uait.records.errors import SettingsError
from uait.records.plans import Machine, ModelSize
from uait.settings import PromptSettings, Settings, to_dict

GB = 10**9
# As their authors publish them; an adapter of r = 64 beside q, k, v and o.
MISTRAL_7B = ModelSize("m", 7_248_023_552, 32, 4096, 32768, 2048, 54_525_952, 0)
QWEN3_4B = ModelSize("q", 4_022_468_096, 36, 2560, 151936, 2048, 47_185_920, 0)


def test_the_papers_settings_stand_over_any_models_own() -> None:
    settings = to_dict(paper(preset("pocket")))
    for stage, values in PAPER.items():
        assert {name: settings[stage][name] for name in values} == values
    assert settings["prompts"] == to_dict(preset("pocket").prompts)  # it would not understand others
    assert paper(Settings()).prompts == PromptSettings(shots=SHOTS)
    assert paper(paper(Settings())) == paper(Settings())


@pytest.mark.parametrize("name", PRESETS)
def test_a_reproduction_changes_of_the_paper_only_what_it_says(name: str) -> None:
    chosen = PRESETS[name]
    settings = to_dict(chosen.settings)
    for stage, values in PAPER.items():
        changed = {**values, **{k: v for k, v in chosen.changes.get(stage, {}).items() if k in values}}
        assert {key: settings[stage][key] for key in values} == changed
    assert settings["model"]["adapter"] == "none"
    sources = [source for source in (chosen.teach, *chosen.measure) if source]
    assert all(asked_part(source).stop for source in sources)
    taught, measured = chosen.n_questions
    assert taught > 0 and measured > 0


def test_a_reproduction_says_how_many_questions_it_takes() -> None:
    assert PRESETS["llama2-7b"].n_questions == (76_000, 2000 + 1000 + 1273)
    assert PRESETS["pocket"].n_questions == (2000, 3 * 400)  # of three splits
    with pytest.raises(SettingsError, match=r"^'sciq' has no end; "):
        _ = Preset("pocket", "", measure=("sciq",)).n_questions


@pytest.mark.parametrize(("name", "size", "memory"), [("24gb", MISTRAL_7B, 23.5 * GB), ("t4", QWEN3_4B, 15 * GB)])
def test_a_preset_for_a_card_fits_into_it(name: str, size: ModelSize, memory: float) -> None:
    chosen = PRESETS[name]
    card = Machine(name, int(memory), 10**15, flops=5e13, bandwidth=3e11, launch=1e-5, bytes_a_weight=2)
    taught, measured = chosen.n_questions
    planned = plan(size, card, chosen.settings, taught, measured, len(chosen.thresholds))
    assert planned.fits
    whole = replace(chosen.settings, tune=replace(chosen.settings.tune, micro_batch=None))
    slower = plan(size, card, whole, taught, measured, len(chosen.thresholds))  # computes each layer twice
    assert [need.seconds for need in slower.needs][1] > 1.2 * [need.seconds for need in planned.needs][1]
