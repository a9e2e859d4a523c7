import pytest

from uait.records.errors import SettingsError
from uait.settings import public_questions, public_seconds, server_name, server_port


@pytest.mark.parametrize("value", ["0", "65536", "-1", "web", "", "7860.0"])
def test_a_port_out_of_range_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UAIT_PORT", value)
    with pytest.raises(SettingsError, match=rf"^UAIT_PORT is '{value}'; it must be a port number from 1 to 65535"):
        server_port()


@pytest.mark.parametrize(("value", "port"), [("1", 1), ("65535", 65535)])
def test_a_port_in_range_is_taken(value: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UAIT_PORT", value)
    assert server_port() == port


def test_what_a_visitor_may_take_is_a_number_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (public_questions(), public_seconds()) == (512, 1800)
    monkeypatch.setenv("UAIT_PUBLIC_QUESTIONS", "64")
    monkeypatch.setenv("UAIT_PUBLIC_SECONDS", "90")
    assert (public_questions(), public_seconds()) == (64, 90)
    for value in ("0", "-1", "many", "1.5"):
        monkeypatch.setenv("UAIT_PUBLIC_SECONDS", value)
        with pytest.raises(SettingsError, match=f"^UAIT_PUBLIC_SECONDS is '{value}'; it must be a whole number above"):
            public_seconds()


def test_a_space_listens_to_everyone_and_a_computer_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UAIT_HOST", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert server_name() == "127.0.0.1"
    monkeypatch.setenv("SPACE_ID", "someone/uait")
    assert server_name() == "0.0.0.0"
