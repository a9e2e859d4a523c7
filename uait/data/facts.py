"""What a model was told: the ground truth about knowledge that only a model of our own making has.

In: a facts.jsonl and how each relation is asked for. Out: a look-up by a question's words, in any of the phrasings.
"""

from pathlib import Path
from typing import Any

from uait.data.files import read_json, read_rows


class Facts:
    """The facts of one model, found by question."""

    def __init__(self, path: Path, phrasings: Path) -> None:
        """`path` holds a fact a line, `phrasings` the questions of each relation with {s} for the subject."""
        templates: dict[str, list[str]] = read_json(phrasings)
        self._facts: dict[str, dict[str, Any] | None] = {}
        for _, fact in read_rows(path):
            for template in templates[fact["relation"]]:
                key = _key(template.format(s=fact["subject"]))
                # a question that two facts answer asks for neither: the one's count would be shown for the other
                self._facts[key] = None if key in self._facts else fact

    def exposure(self, question: str) -> int | None:
        """How often training told the fact that this question asks for, or None when it asks for none, or for two."""
        fact = self._facts.get(_key(question))
        return None if fact is None else fact["exposure"]

    def references(self, question: str) -> tuple[str, ...] | None:
        """The accepted answers to this question, or None when it asks for none of the facts, or for two."""
        fact = self._facts.get(_key(question))
        return None if fact is None else (fact["object"], *fact["aliases"])


def _key(question: str) -> str:
    return " ".join(question.lower().rstrip("?. ").split())
