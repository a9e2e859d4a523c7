"""Everything loaded that answering takes, and the shelf of them: one for each adapter that is asked, a few kept.

An adapter is chosen by a name that travels with every call. Nothing is ever switched, so that nobody's choice changes
what somebody else hears.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uait.data.catalogue import describe, encyclopaedia, preset
from uait.method.surface import Spelling
from uait.models.familiarity import Familiarity
from uait.models.loading import LanguageModel, load_model
from uait.models.similarity import BiEncoder, Similarity, load_similarity
from uait.records import Adapter, GateFit
from uait.records.errors import DataError, SettingsError
from uait.retrieval.encyclopaedia import Bundle
from uait.retrieval.passages import read_passages
from uait.retrieval.search import Retriever
from uait.retrieval.stronger import StrongerModel
from uait.retrieval.web import Web
from uait.runs import visitors
from uait.runs.files import ADAPTER
from uait.runs.folder import all_runs
from uait.settings import Settings, from_dict
from uait.stages.stronger import Loaded, find_stronger
from uait.tuning.card import read_card

ALIKE_IN_DOCUMENTS = 0.5  # their headings rarely name what a question asks for; not measured on any set
DEFAULT_THRESHOLD = 0.5  # for a model whose adapter's card names none
SHIPPED, NONE = "shipped", "none"
CARD = f"{ADAPTER}/card.json"
KEPT = 3  # engines beside the shipped ones

Key = tuple[str, int]  # an adapter's folder, and when it was written: tuned again, it is loaded again


@dataclass(frozen=True)
class Engines:
    """Everything loaded that answering a question takes.

    `retrievers` are those that the settings name; the `web` is beside them for who asks for it. What was fitted or is
    known for our own models alone is None of others: `gate`, `familiarity`, `spelling`.
    """

    lm: LanguageModel
    similarity: Similarity
    retrievers: tuple[Retriever, ...]
    settings: Settings
    threshold: float
    web: Retriever | None = None
    stronger: StrongerModel | None = None
    gate: GateFit | None = None
    familiarity: Familiarity | None = None
    spelling: Spelling | None = None


def load_engines(settings: Settings, beside: Engines | None = None) -> Engines:
    """The model, the similarity engine, the search engines and the stronger model that the settings name.

    The similarity engine of the engines `beside` them is shared where it is the same one.
    """
    lm = load_model(settings)
    if settings.model.adapter != "auto":
        settings = _in_its_words(settings, lm.adapter_folder)
        lm = replace(lm, prompts=settings.prompts)
    wanted = settings.model.encoder, settings.model.device
    if beside is not None and wanted == (beside.settings.model.encoder, beside.settings.model.device):
        similarity = beside.similarity
    else:
        similarity = load_similarity(*wanted)
    web, stronger = Web(settings.retrieval), find_stronger(settings.answer, _second)
    if settings.answer.when_unsure == "escalate" and stronger is None:
        raise SettingsError(
            "answer.when_unsure is 'escalate', and nobody is named to ask; set UAIT_STRONGER_URL, or "
            "answer.stronger to a model such as smollm2."
        )
    retrievers = tuple(
        web if name == web.name else _bundle(settings, similarity)
        for name in settings.retrieval.engines.split(",")
        if name != NONE
    )
    engines = Engines(lm, similarity, retrievers, settings, _threshold(settings, lm), web, stronger)
    return _with_fits(engines)


def load_untuned(settings: Settings) -> Engines:
    """The engines to label with: the base model without any adapter."""
    return load_engines(settings.with_adapter(NONE))


def with_adapter(engines: Engines, adapter: Path | None) -> Engines:
    """The same engines with the adapter in that folder, or with none, asked in the words that it was tuned with.

    Raises ModelError when it is missing or fits another model.
    """
    settings = _in_its_words(engines.settings.with_adapter(NONE if adapter is None else adapter), adapter)
    lm = replace(engines.lm, prompts=settings.prompts)
    lm = lm.without_adapter() if adapter is None else lm.with_adapter(adapter)
    return replace(engines, lm=lm, settings=settings, threshold=_threshold(settings, lm), familiarity=None)


def _in_its_words(settings: Settings, adapter: Path | None) -> Settings:
    """The settings with the prompts that the adapter in that folder was tuned with, where its card has them."""
    if adapter is None or not (adapter / "card.json").is_file():
        return settings
    return replace(settings, prompts=from_dict(read_card(adapter).settings).prompts)


def adapter_card(lm: LanguageModel) -> Adapter | None:
    """The card of the adapter that answers; None without an adapter, or without a card beside it."""
    folder = lm.adapter_folder
    return read_card(folder) if folder and (folder / "card.json").is_file() else None


def _with_fits(engines: Engines) -> Engines:
    """The engines with what was fitted of the model's gate; its kinds belong to the shipped adapter alone."""
    settings, similarity = engines.settings, engines.similarity
    description = describe(settings.model.model)
    if description is None:
        return engines
    gate = description.gate if isinstance(similarity, BiEncoder) else None
    is_shipped = engines.lm.adapter_id is not None and settings.model.adapter == "auto"
    familiarity = None
    if is_shipped and gate is not None and gate.kinds is not None and isinstance(similarity, BiEncoder):
        familiarity = Familiarity(similarity.embed, gate.kinds)
    passages = read_passages(encyclopaedia(settings.model.model), "bundle")
    texts = [passage.text for passage in passages] + [question.text for question in description.tuning_questions]
    words = similarity.words() if isinstance(similarity, BiEncoder) else frozenset[str]()
    spelling = Spelling([passage.title for passage in passages], texts, description.wordings, words)
    return replace(engines, gate=gate, familiarity=familiarity, spelling=spelling)


def _bundle(settings: Settings, similarity: Similarity) -> Bundle:
    own = settings.retrieval.passages
    if own:
        return Bundle(own, similarity, "documents", ALIKE_IN_DOCUMENTS)
    return Bundle(encyclopaedia(settings.model.model), similarity)


def _second(name: str) -> Loaded:
    settings = preset(name)
    lm = load_model(settings)
    return Loaded(lm, settings.answer, _threshold(settings, lm))


def _threshold(settings: Settings, lm: LanguageModel) -> float:
    if settings.answer.threshold is not None:
        return settings.answer.threshold
    card = adapter_card(lm)
    return DEFAULT_THRESHOLD if card is None or card.threshold is None else card.threshold


def tuned(root: Path, model: str) -> list[Path]:
    """The runs below `root` that hold a finished adapter of this model, the newest first."""
    return [run for run in all_runs(root, model) if (run / CARD).is_file()]


class Shelf:
    """The engines that a page was started with, and those around other adapters, loaded when first asked for.

    `gpu` wraps the work where a GPU is borrowed for each call.
    """

    def __init__(
        self,
        shipped: Engines,
        load: Callable[[Engines, Path | None], Engines] = with_adapter,
        gpu: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    ) -> None:
        self.shipped = shipped
        self._load = load
        self._kept: OrderedDict[Key, Engines] = OrderedDict()
        self._lock = threading.Lock()
        self.shares = gpu is None  # whether those who ask at once share a batch: no two borrow the same GPU
        self._work = gpu(self._events) if gpu else self._events

    def run(
        self, verb: Callable[..., Iterator[Any]], adapter: str, visitor: str, *given: Any, **options: Any
    ) -> Iterator[Any]:
        """What the verb of `uait.stages` yields with the engines around that adapter.

        The adapter is loaded before a process is forked off for a GPU, and no model travels there: only its key.
        Raises what finding or loading the adapter raises.
        """
        key = self.key(adapter, visitor)
        self._engines(key)
        yield from self._work(verb, key, given, options)

    def threshold(self, adapter: str, visitor: str = "") -> float:
        """From which confidence on this adapter's answers are trusted by default."""
        return self._engines(self.key(adapter, visitor)).threshold

    def key(self, adapter: str | None, visitor: str) -> Key | None:
        """What stands for a name from the menu, looked for among the visitor's own runs. None: the shipped one.

        Raises DataError when there is no adapter of this name.
        """
        if adapter in (None, "", SHIPPED):
            return None
        if adapter == NONE:
            return NONE, 0
        model = self.shipped.settings.model.model
        card = next((run / CARD for run in tuned(visitors.runs_of(visitor), model) if run.name == adapter), None)
        if card is None:
            raise DataError(f"There is no adapter named {str(adapter)[:60]!r} here any more; choose another one.")
        return str(card.parent), card.stat().st_mtime_ns

    def _events(
        self, verb: Callable[..., Iterator[Any]], key: Key | None, given: tuple, options: dict
    ) -> Iterator[Any]:
        yield from verb(self._engines(key), *given, **options)

    def _engines(self, key: Key | None) -> Engines:
        if key is None:
            return self.shipped
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._load(self.shipped, None if key[0] == NONE else Path(key[0]))
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]
