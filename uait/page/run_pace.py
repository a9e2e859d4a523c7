"""How fast jobs are, for the estimates before they start: as measured on this machine, or as a recorded run was."""

from uait.method.pace import recorded_pace
from uait.page.views import runs as runs_view
from uait.records import SmallRun
from uait.records.plans import Pace
from uait.stages import burst


def pace_of(model: str, recorded: SmallRun | None) -> tuple[Pace | None, str]:
    """How fast jobs on this model are, and whose pace that is: this machine's, else that of the recorded run."""
    if (measured := burst.known(model)) is not None:
        return measured, runs_view.MEASURED_HERE
    pace = recorded_pace(recorded) if recorded else None
    return pace, runs_view.recorded_by(recorded) if recorded else ""
