"""Engines around an adapter that is named: where it comes from, and the words it is asked in."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from uait.models import hub
from uait.records import Adapter
from uait.settings import PromptSettings, RetrievalSettings, to_dict
from uait.stages.engines import Engines, load_engines, with_adapter
from uait.tuning.card import write_card


def test_an_adapter_from_the_hub_is_asked_in_the_words_of_its_card_and_trusted_from_its_threshold(
    engines: Engines,
    taught_folder: Path,
    make_lora: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = make_lora(tmp_path / "adapter", taught_folder)
    tuned_with = replace(engines.settings, prompts=PromptSettings(question="Tell me: {question}"))
    write_card(Adapter(str(folder), engines.lm.model_id, "", to_dict(tuned_with), {}, threshold=0.61))
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: str(folder))
    settings = replace(engines.settings, retrieval=RetrievalSettings(engines="none"))
    found = load_engines(settings.with_adapter("someone/an-adapter"), beside=engines)
    assert found.lm.prompts == found.settings.prompts == tuned_with.prompts
    assert (found.threshold, found.lm.adapter_id) == (0.61, "someone/an-adapter")
    beside = with_adapter(engines, folder)
    assert (beside.lm.prompts, beside.threshold) == (tuned_with.prompts, 0.61)
    assert with_adapter(beside, None).lm.adapter_folder is None
