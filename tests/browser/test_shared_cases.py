"""The page's scripts count and round as Python does: tests/shared_cases.json, asked of dom.js and numbers.js."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests import shared_cases
from uait.settings import ASSETS

CASES = json.loads(shared_cases.PATH.read_text(encoding="utf-8"))
_ANSWERS = """
const limits = ({ right, wrong }) => ({ right, wrong });
const judged = cases.rows.filter(({ isRight }) => isRight !== null);
const bits = (one) => varietyOf(cases.points.filter((p) => isKept(p, limits(one)) && !p.is_dev)).bits;
return {
  percent: cases.percent.map(([v]) => percent(v)),
  seconds: cases.seconds.map(([v]) => seconds(v)),
  trusted: cases.trusted.map(([c, t]) => isTrusted(c, t)),
  counts: cases.counts.map(({ threshold }) => countsAt(cases.rows, threshold)),
  cheapest: cases.cheapest.map(({ nSearches }) => cheapest(costsOf(judged, nSearches)).cost),
  quadrants: cases.distilled.map((one) => quadrantsOf(cases.points, limits(one))),
  bits: cases.distilled.map((one) => Number(bits(one).toFixed(9))),
};
"""


@pytest.fixture(scope="module")
def answers(chromium: Browser) -> dict[str, Any]:
    scripts = "\n".join((ASSETS / "page" / name).read_text(encoding="utf-8") for name in ("dom.js", "numbers.js"))
    page = chromium.new_page()
    body = json.dumps(f"{scripts}\n{_ANSWERS}")
    found = page.evaluate(f"(cases) => new Function('element', 'cases', {body})(document, cases)", CASES)
    page.close()
    return found


@pytest.mark.parametrize("kind", ["percent", "seconds", "trusted"])
def test_numbers_are_rounded_and_trusted_alike(answers: dict[str, Any], kind: str) -> None:
    assert answers[kind] == [case[-1] for case in CASES[kind]]


@pytest.mark.parametrize("kind", ["counts", "cheapest"])
def test_the_lab_counts_alike(answers: dict[str, Any], kind: str) -> None:
    assert answers[kind] == [case["expected"] for case in CASES[kind]]


@pytest.mark.parametrize("kind", ["quadrants", "bits"])
def test_distilling_keeps_the_same_labels(answers: dict[str, Any], kind: str) -> None:
    assert answers[kind] == [case[kind] for case in CASES["distilled"]]
