from typing import Any

import pytest

from uait import settings
from uait.records.errors import SettingsError
from uait.settings import (
    DistilSettings,
    SamplingSettings,
    Settings,
    TuneSettings,
    from_dict,
    preset,
    server_port,
    to_dict,
)


@pytest.mark.parametrize("value", ["0", "65536", "-1", "web", "", "7860.0"])
def test_a_port_out_of_range_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UAIT_PORT", value)
    with pytest.raises(SettingsError, match=rf"^UAIT_PORT is '{value}'; it must be a port number from 1 to 65535"):
        server_port()


@pytest.mark.parametrize(("value", "port"), [("1", 1), ("65535", 65535)])
def test_a_port_in_range_is_taken(value: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UAIT_PORT", value)
    assert server_port() == port


def test_a_value_out_of_its_range_is_named_with_the_range() -> None:
    with pytest.raises(SettingsError, match=r"^sampling\.n_samples is 0; choose a value from 1 to 100\.$"):
        SamplingSettings(n_samples=0)


def test_settings_come_back_from_plain_data() -> None:
    assert from_dict(to_dict(preset("pocket"))) == preset("pocket")
    assert from_dict({}) == Settings()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [({"smapling": {}}, "'smapling' is no stage; the stages are prompts, "), ({"tune": {"rnk": 2}}, "tune.rnk is no")],
)
def test_an_unknown_key_is_named(data: dict, sentence: str) -> None:
    with pytest.raises(SettingsError, match=f"^{sentence}"):
        from_dict(data)


def test_a_space_listens_to_everyone_and_a_computer_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UAIT_HOST", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert settings.server_name() == "127.0.0.1"
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    assert settings.server_name() == "0.0.0.0"


@pytest.mark.parametrize(
    ("stage", "field", "value"),
    [
        (SamplingSettings, "n_samples", "5"),
        (SamplingSettings, "n_samples", 2.5),
        (SamplingSettings, "n_samples", None),
        (SamplingSettings, "temperature", "hot"),
        (DistilSettings, "balance", "no"),
        (TuneSettings, "epochs", True),
    ],
)
def test_a_value_of_another_type_is_refused(stage: Any, field: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"\.{field} is {value!r}; it must be"):
        stage(**{field: value})
