"""How often training told the fact that a question asks for: the ground truth about knowledge that only this model has.

In: the facts' file of the pocket model. Out: a look-up by the question's words.
"""

import json
from collections.abc import Callable
from pathlib import Path

from uait.pocket.phrasings import RELATIONS
from uait.settings import POCKET


def familiarity(path: Path = POCKET / "facts.jsonl") -> Callable[[str], int | None]:
    """A function from a question to its fact's exposure in training, or None when it asks for none of the facts."""
    exposures: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        fact = json.loads(line)
        for template in RELATIONS[fact["relation"]].questions:
            exposures[_key(template.format(s=fact["subject"]))] = fact["exposure"]
    return lambda question: exposures.get(_key(question))


def _key(question: str) -> str:
    return " ".join(question.lower().rstrip("?. ").split())
