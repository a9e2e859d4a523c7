"""What is known of the facts that the pocket model was told: the ground truth about knowledge that only this model has.

In: the facts' file. Out: a look-up by a question's words, in any of its relation's phrasings.
"""

import json
from pathlib import Path
from typing import Any

from uait.embedded.pocket.phrasings import RELATIONS
from uait.settings import POCKET


class KnownFacts:
    """The facts of a facts.jsonl, found by question."""

    def __init__(self, path: Path = POCKET / "facts.jsonl") -> None:
        self._facts: dict[str, dict[str, Any]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            fact = json.loads(line)
            for template in RELATIONS[fact["relation"]].questions:
                self._facts[_key(template.format(s=fact["subject"]))] = fact

    def exposure(self, question: str) -> int | None:
        """How often training told the fact that this question asks for, or None when it asks for none of them."""
        fact = self._facts.get(_key(question))
        return None if fact is None else fact["exposure"]

    def references(self, question: str) -> tuple[str, ...] | None:
        """The accepted answers to this question, or None when it asks for none of the facts."""
        fact = self._facts.get(_key(question))
        return None if fact is None else (fact["object"], *fact["aliases"])


def _key(question: str) -> str:
    return " ".join(question.lower().rstrip("?. ").split())
