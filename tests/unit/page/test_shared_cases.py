"""The cases that the page's scripts are held against are those that Python answers today."""

import json

from tests import shared_cases
from uait.page.views.answer import percent


def test_the_cases_are_fresh() -> None:
    assert json.loads(shared_cases.PATH.read_text(encoding="utf-8")) == json.loads(json.dumps(shared_cases.cases()))


def test_a_half_is_rounded_up() -> None:
    assert percent(0.1225) == "12.3\u00a0%"  # 12.25 is a half exactly; Python's own format makes it 12.2
    assert percent(0.0625) == "6.3\u00a0%"
    assert percent(0.12249999) == "12.2\u00a0%"
