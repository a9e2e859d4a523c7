"""`python -m uait.embedded.pocket.small_run [--out FOLDER | --dev]` records the pocket's small run for the page."""

from collections.abc import Sequence

from uait.data.files import read_jsonl
from uait.embedded import small_run
from uait.embedded.pocket import POCKET
from uait.embedded.pocket.questions import of_split
from uait.embedded.pocket.world import Fact
from uait.records import Question


def _dev() -> Sequence[Question]:
    return of_split(read_jsonl(POCKET / "facts.jsonl", Fact), "dev", 0)


PLAN = small_run.Plan("pocket", "python -m uait.embedded.pocket.small_run", 512, None, _dev)

if __name__ == "__main__":
    small_run.main(PLAN)
