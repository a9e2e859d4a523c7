"""`python -m uait.embedded.smollm2.small_run [--out FOLDER | --dev]` records SmolLM2's small run for the page.

It is labelled and tuned as the page does it: by the generic stages, not as the shipped adapter was (see `build`).
"""

from collections.abc import Sequence

from uait.embedded import small_run
from uait.embedded.smollm2.questions import build_questions
from uait.records import Question


def _dev() -> Sequence[Question]:
    return [row.question for row in build_questions()["dev"]]


PLAN = small_run.Plan("smollm2", "python -m uait.embedded.smollm2.small_run", 176, 64, _dev)

if __name__ == "__main__":
    small_run.main(PLAN)
