"""`python -m uait.embedded.smollm2.lesson` records SmolLM2's lesson into assets/smollm2/lesson.json."""

from collections.abc import Sequence

from uait.embedded import lesson
from uait.embedded.smollm2.questions import build_questions
from uait.records import Question


def _questions() -> Sequence[Question]:
    return [row.question for row in sorted(build_questions()["dev"], key=lambda row: -row.popularity)]


PLAN = lesson.Plan("smollm2", _questions, 96, 10)

if __name__ == "__main__":
    lesson.main(PLAN)
