"""What was measured: results per method and split, and where they come from."""

from dataclasses import dataclass, field
from typing import Any

from uait.records.labels import Adapter, Label, ThresholdChoice, TrainingExample
from uait.records.plans import Plan


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a record comes from: enough to make it again."""

    model_id: str
    adapter_id: str | None
    settings: dict[str, Any]
    seed: int
    package_version: str
    time: str

    @property
    def adapter_name(self) -> str:
        """The end of the adapter's id, which names no place of this machine; "" without one."""
        return "/".join((self.adapter_id or "").split("/")[-2:])


@dataclass(frozen=True, slots=True)
class MethodResult:
    """How well one method's confidence tells right from wrong on one question set; intervals are 95 % bootstrap."""

    method: str
    split: str
    n: int
    n_unscored: int
    accuracy: float
    auroc: float | None
    auroc_interval: tuple[float, float] | None
    auprc: float | None
    ece: float | None
    brier: float | None
    risk_coverage_area: float | None
    reliability: tuple[tuple[float, float, int], ...] = ()  # per bin: mean confidence, accuracy, count


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """What a tuning on the labels that one distillation threshold keeps (None: all) came to; `kept`: right, wrong."""

    threshold: float | None
    kept: dict[str, int]
    results: tuple[MethodResult, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """What a split comes to when all that falls below the threshold is done one thing with (`name`).

    `answered`, the share of the questions that get an answer in the end; `accuracy` of these answers, None without any;
    `right`, the share of all questions that end with a right one: each with its 95 % bootstrap interval. `n_below` of
    the `n` questions fall below, and the branch was tried on `n_tried` of them. `seconds` each of these took on
    average, and `cost` where it has a price; None where that is not known.
    """

    name: str
    split: str
    n: int
    n_below: int
    n_tried: int
    answered: tuple[float, float, float]
    accuracy: tuple[float, float, float] | None
    right: tuple[float, float, float]
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class EvalReport:
    """One evaluation: a result per method and split, the paper's two figures, per-question rows, provenance."""

    results: tuple[MethodResult, ...]
    threshold_sweep: dict[str, Any]
    budget_curve: dict[str, Any]
    extras: dict[str, Any]
    rows: tuple[dict[str, Any], ...] = field(repr=False)
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Repeated:
    """What came of making a part of a run once more: `n_differing` of its `n` are not what they were."""

    what: str
    n: int
    n_differing: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The paper's table and figures made again: what was taught and measured, and how long each stage took.

    `n_left_out` training questions were dropped because they are measured. `kept` and `dropped` count labels by
    reason; `seconds` are those of all sittings together, by stage.
    """

    preset: str
    plan: Plan
    n_labelled: int
    n_left_out: int
    kept: dict[str, int]
    dropped: dict[str, int]
    adapter: Adapter
    report: EvalReport
    sweep: tuple[SweepPoint, ...]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class SmallRun:
    """A small labelling and tuning: how it was made, what it took, and all that the Label and Tune tabs draw.

    `seconds` of each stage as a visitor waits for it, loading the libraries and the model included.
    """

    command: str
    n_cores: int
    seconds: dict[str, float]
    settings: dict[str, Any]
    labels: tuple[Label, ...]
    n_train: int
    examples: tuple[TrainingExample, ...]
    log: tuple[dict[str, Any], ...]
    looks: tuple[dict[str, Any], ...]
    results: tuple[dict[str, Any], ...]
    chosen: ThresholdChoice | None = None
