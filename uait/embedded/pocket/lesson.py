"""`python -m uait.embedded.pocket.lesson` records the pocket's lesson into assets/pocket/lesson.json."""

from collections.abc import Sequence

from uait.data.files import read_jsonl
from uait.embedded import lesson
from uait.embedded.pocket import POCKET
from uait.embedded.pocket.questions import of_split
from uait.embedded.pocket.world import Fact
from uait.records import Question


def _questions() -> Sequence[Question]:
    facts = read_jsonl(POCKET / "facts.jsonl", Fact)
    popularity = {fact.id: fact.popularity for fact in facts}
    return sorted(of_split(facts, "dev", 0), key=lambda question: -popularity[question.id])


PLAN = lesson.Plan("pocket", _questions, None, 60)

if __name__ == "__main__":
    lesson.main(PLAN)
