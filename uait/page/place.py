"""One model's place on the page: its shelf of engines, and what is known of it."""

from dataclasses import dataclass

from uait.data.catalogue import Description
from uait.data.facts import Facts
from uait.records import EvalReport
from uait.stages.engines import Shelf


@dataclass(frozen=True)
class Place:
    """`description` and `facts` are None for a model that does not come with the product."""

    shelf: Shelf
    description: Description | None
    facts: Facts | None

    @property
    def name(self) -> str:
        """The model as its settings name it."""
        return self.shelf.shipped.settings.model.model

    @property
    def title(self) -> str:
        """What the menu of models says."""
        return self.description.title if self.description else self.name

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of its held-out question sets."""
        return tuple(self.description.held_out) if self.description else ()

    @property
    def report(self) -> EvalReport | None:
        """The evaluation that was recorded with the adapter it answers with."""
        is_shipped = self.shelf.shipped.settings.model.adapter == "auto"
        return self.description.report if self.description and is_shipped else None

    def references(self, question: str) -> tuple[str, ...] | None:
        """The accepted answers of a question that the model was told; None of any other."""
        return self.facts.references(question) if self.facts else None

    def exposure(self, question: str) -> int | None:
        """How often training told the fact that the question asks for; None where nobody knows."""
        return self.facts.exposure(question) if self.facts else None
