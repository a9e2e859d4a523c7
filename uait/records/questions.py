"""What is asked, and what is read: questions and passages."""

from dataclasses import dataclass

from uait.records.base import require


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `references` holds every accepted answer, the one to teach first (may be empty).

    `group` names the fact that is asked for: its other phrasings and its reverse share it, and no split parts them.
    """

    id: str
    text: str
    references: tuple[str, ...] = ()
    group: str = ""

    def __post_init__(self) -> None:
        require(bool(self.id), "A question has an empty id; give every question its own id.")
        require(bool(self.text.strip()), f"Question {self.id!r} is empty; write a question.")

    @property
    def fact(self) -> str:
        """What splits are made by: the group, or the question's own id where it has none."""
        return self.group or self.id


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrieved text. `score` is the engine's own, higher is better; `source` names the engine."""

    doc_id: str
    title: str
    text: str
    score: float
    source: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Passages found, or none, with every engine that failed on the way and its sentence."""

    query: str
    passages: tuple[Passage, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
