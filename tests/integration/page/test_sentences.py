"""What a page says of a visitor's own words: they stay words."""

import pytest

from uait.page.run_components import Message
from uait.page.tabs.label_inputs import CROSS_ENCODER, OWN, Given, chosen_settings
from uait.records.errors import DataError
from uait.settings import Settings

GIVEN = Given.of(OWN, None, True, None, None, None, "", 5, 5, 1.0, CROSS_ENCODER, "somebody/else")


@pytest.mark.parametrize("text", ["![x](http://example.org/a.png)", "<img src=x>", "# big", "[a](b)", "a_b_c *d*"])
def test_markdown_in_a_message_is_text(text: str) -> None:
    shown = Message().postprocess(text)
    assert shown.replace("\\", "") == text
    assert not any(shown.startswith(sign) or f" {sign}" in shown for sign in ("![", "<", "#", "["))


def test_a_space_loads_no_cross_encoder_that_a_visitor_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_settings(Settings(), GIVEN).model.encoder == "somebody/else"
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    with pytest.raises(DataError, match="On a public page the cross-encoder is cross-encoder/"):
        chosen_settings(Settings(), GIVEN)
    allowed = replace_encoder("cross-encoder/stsb-roberta-large")
    assert chosen_settings(Settings(), allowed).model.encoder == allowed.cross_encoder


def replace_encoder(name: str) -> Given:
    return GIVEN._replace(cross_encoder=name)
