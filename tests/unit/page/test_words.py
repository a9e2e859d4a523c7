"""The Chinese catalogue is well formed, and knows every sentence of the lesson."""

import ast
import json
import re

import pytest

from uait.page.lesson import figures, score_words, slides, tune_words
from uait.settings import ASSETS

HOLE = re.compile(r"\{[a-z]+\d*\}")
PAIRS: list[tuple[str, str]] = json.loads(
    (ASSETS / "page" / "words.zh-CN.json").read_text(encoding="utf-8"), object_pairs_hook=list
)


def test_entries_are_sorted_and_none_comes_twice() -> None:
    english = [key for key, _ in PAIRS]
    assert english == sorted(set(english))


def test_both_sides_of_an_entry_have_the_same_holes() -> None:
    broken = [key for key, value in PAIRS if set(HOLE.findall(key)) != set(HOLE.findall(value))]
    assert broken == []


def test_nothing_but_a_hole_stands_in_braces() -> None:
    broken = [text for pair in PAIRS for text in pair if re.search(r"[{}]", HOLE.sub("", text))]
    assert broken == []


def test_an_entry_has_words_of_its_own_or_a_hole_for_known_words() -> None:
    assert [key for key, _ in PAIRS if not HOLE.sub("", key).strip() and "{w" not in key] == []


def test_text_has_no_space_around_it_as_the_page_looks_it_up_without() -> None:
    assert [pair for pair in PAIRS for text in pair if text != text.strip() or not text] == []


@pytest.mark.parametrize("source", [score_words, tune_words, slides, figures], ids=lambda module: module.__name__)
def test_every_sentence_of_the_lesson_is_translated(source: object) -> None:
    assert [text for text in _said(str(getattr(source, "__file__", ""))) if text not in dict(PAIRS)] == []


def _said(path: str) -> list[str]:
    """The literal texts that `say` is called with."""
    with open(path, encoding="utf-8") as file:
        calls = [node for node in ast.walk(ast.parse(file.read())) if isinstance(node, ast.Call)]
    first = [call.args[0] for call in calls if getattr(call.func, "id", "") == "say" and call.args]
    return [arg.value for arg in first if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
