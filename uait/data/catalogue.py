"""The models that come with their own files: assets/<name>/description.json, and what lies beside it.

In: a model's name, or a folder with such a file. Out: its settings, questions, facts and recorded results. Knows no
model by name: a new one is a new folder.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from uait.data.facts import Facts
from uait.data.files import read_json
from uait.data.json import from_json
from uait.data.questions import read_questions
from uait.records import EvalReport, GateFit, Kinds, Question, ReadingFit, SmallRun, SweepPoint
from uait.records.errors import DataError
from uait.settings import (
    ASSETS,
    DEFAULT_MODEL,
    Settings,
    TuneSettings,
    default_adapter,
    default_model,
    from_dict,
    to_dict,
)

FILE = "description.json"
READING, KINDS = "reading.json", "kinds.json"
PHRASINGS = "phrasings.json"
WATCHED_SHARE = 0.2  # of the labels of a small run: at the usual 3 % nothing would be left to watch the tuning by
SMALL_BATCH = 8  # questions sampled at once on the page: what a kill can cost

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Packaged:
    """Weights that a package of somebody else's carries as one GGUF file, or the hub; taken with this checksum only.

    `stop` is the token that ends an answer.
    """

    package: str
    hub: str
    file: str
    sha256: str
    stop: str


@dataclass(frozen=True)
class Description:
    """What generic code needs to know of one model.

    `about` says in a sentence what answers: how large it is, what it knows, which language it reads.
    `settings` are its own, stage by stage, where they differ from the defaults; `small_tuning` is what `tune` becomes
    for a run of a minute or two; `made_by` the command that makes what is missing in `folder`; `weights` where they
    come from when they are not in the folder.
    """

    name: str
    title: str
    made_by: str
    settings: dict[str, Any]
    about: str = ""
    small_tuning: dict[str, Any] = field(default_factory=dict)
    about_verbalized: str = ""
    weights: Packaged | None = None
    folder: Path = ASSETS

    @property
    def adapter(self) -> Path | None:
        """The folder of the tuned adapter that it comes with, once it has been tuned."""
        folder = self.folder / "adapter"
        return folder if (folder / "adapter_config.json").is_file() else None

    @cached_property
    def facts(self) -> Facts | None:
        """What training told it, and how often; None where nobody knows."""
        path = self.folder / "facts.jsonl"
        return Facts(path, self.folder / PHRASINGS) if path.is_file() else None

    @cached_property
    def wordings(self) -> list[str]:
        """How its world asks for things, without the name of the thing; none where that isn't written down."""
        path = self.folder / PHRASINGS
        asked = read_json(path).values() if path.is_file() else ()
        return [template.format(s="").strip() for templates in asked for template in templates]

    @cached_property
    def held_out(self) -> dict[str, list[Question]]:
        """Its question sets by name; nothing was trained or chosen on them."""
        paths = (self.folder / "questions").glob("*.jsonl")
        return {path.stem: read_questions(path) for path in sorted(paths)}

    @cached_property
    def tuning_questions(self) -> list[Question]:
        """The questions that a tuning may use; none where none are shipped."""
        path = self.folder / "tuning_questions.jsonl"
        return read_questions(path) if path.is_file() else []

    @cached_property
    def examples(self) -> dict[str, list[dict[str, Any]]]:
        """Example questions by kind, for the page."""
        return self._read("examples.json", lambda data: data) or {}

    @cached_property
    def report(self) -> EvalReport | None:
        """The evaluation that was recorded with its adapter."""
        return self._read("evaluation.json", lambda data: from_json(EvalReport, data))

    @cached_property
    def sweep(self) -> tuple[SweepPoint, ...] | None:
        """What each distillation threshold came to."""
        return self._read("distil_sweep.json", _sweep)

    @cached_property
    def small_run(self) -> SmallRun | None:
        """A small labelling and tuning, as the page does them, with what they took."""
        return self._read("small_run.json", lambda data: from_json(SmallRun, data))

    @cached_property
    def gate(self) -> GateFit | None:
        """What was fitted of its gate with the adapter that it comes with."""
        reading = self._read(READING, lambda data: from_json(ReadingFit, data))
        kinds = self._read(KINDS, lambda data: from_json(Kinds, data))
        return None if reading is None and kinds is None else GateFit(reading, kinds)

    def _read(self, name: str, decode: Callable[[Any], Value]) -> Value | None:
        """The recorded file, or None when none was recorded. Raises DataError when it is damaged."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            return decode(read_json(path))
        except DataError as err:
            raise DataError(f"{path}: {err}") from err


def _sweep(rows: Any) -> tuple[SweepPoint, ...]:
    if not isinstance(rows, list):
        raise DataError("there is no list of thresholds; delete it or restore it from a copy.")
    return tuple(from_json(SweepPoint, row) for row in rows)


def describe(model: str) -> Description | None:
    """What is known of `model`, a name or a folder; None of one that was not made here.

    Raises DataError when its description is damaged.
    """
    for folder in (ASSETS / model, Path(model).expanduser()):
        if (folder / FILE).is_file():
            return replace(from_json(Description, read_json(folder / FILE)), folder=folder)
    return None


def names() -> list[str]:
    """The models that can be named, the one to begin with first."""
    found = sorted(path.parent.name for path in ASSETS.glob(f"*/{FILE}"))
    return sorted(found, key=lambda name: name != DEFAULT_MODEL)


def preset(model: str) -> Settings:
    """The settings that suit `model`: those of its description, or the defaults for any other model."""
    description = describe(model)
    base = from_dict(description.settings) if description else Settings()
    return replace(base, model=replace(base.model, model=model))


def starting(model: str | None = None) -> Settings:
    """The settings to begin with: those that suit `model`, or the environment's one, with the environment's adapter."""
    settings, adapter = preset(model or default_model()), default_adapter()
    return settings if adapter is None else settings.with_adapter(adapter)


def small(settings: Settings) -> Settings:
    """The settings for a labelling and tuning of a minute or two, as the page begins with."""
    description = describe(settings.model.model)
    tune = {**to_dict(settings.tune), **(description.small_tuning if description else {})}
    return replace(
        settings,
        sampling=replace(settings.sampling, batch_size=SMALL_BATCH),
        label=replace(settings.label, calibrate="none"),  # a dozen questions or two are too few to fit a curve by
        distil=replace(settings.distil, dev_fraction=WATCHED_SHARE),
        tune=TuneSettings(**tune),
    )


def encyclopaedia(model: str) -> Path:
    """The passages to look up in: the model's own, or those of the model to begin with."""
    description = describe(model)
    own = description.folder / "encyclopaedia.jsonl" if description else None
    return own if own and own.is_file() else ASSETS / DEFAULT_MODEL / "encyclopaedia.jsonl"
