"""Every value that crosses a file boundary, and the mistakes a user can mend: frozen, checked when made."""

from uait.records.answers import Action, Answer, Decision, Explanation, Reply, StrongerAnswer, TokenExplanation
from uait.records.events import Done, Event, Partial, Progress
from uait.records.gate import GateFit, Kinds, ReadingFit
from uait.records.labels import Adapter, DistilledSet, Label, Origin, ThresholdChoice, TrainingExample
from uait.records.questions import Passage, Question, Retrieved
from uait.records.reports import (
    Branch,
    EvalReport,
    MethodResult,
    Provenance,
    Repeated,
    Reproduction,
    SmallRun,
    SweepPoint,
)
from uait.records.samples import Finish, Reason, Relevance, Sample, SampleSet, SarScore, Unscored

__all__ = [
    "Action",
    "Adapter",
    "Answer",
    "Branch",
    "Decision",
    "DistilledSet",
    "Done",
    "EvalReport",
    "Event",
    "Explanation",
    "Finish",
    "GateFit",
    "Kinds",
    "Label",
    "MethodResult",
    "Origin",
    "Partial",
    "Passage",
    "Progress",
    "Provenance",
    "Question",
    "ReadingFit",
    "Reason",
    "Relevance",
    "Repeated",
    "Reply",
    "Reproduction",
    "Retrieved",
    "Sample",
    "SampleSet",
    "SarScore",
    "SmallRun",
    "StrongerAnswer",
    "SweepPoint",
    "ThresholdChoice",
    "TokenExplanation",
    "TrainingExample",
    "Unscored",
]
