"""Who else could answer: the endpoint that the environment names, or a second model on this machine.

In: settings. Out: a StrongerModel, loaded when it is first asked.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from uait.models.confidence import answer_batch
from uait.models.language_model import LanguageModel
from uait.records import StrongerAnswer
from uait.records.errors import RetrievalError, UaitError
from uait.retrieval.stronger import EndpointModel, StrongerModel
from uait.settings import AnswerSettings, stronger_endpoint


@dataclass(frozen=True, slots=True)
class Loaded:
    """A second model, how it is asked, and from which confidence on it is trusted."""

    lm: LanguageModel
    settings: AnswerSettings
    threshold: float


class LocalModel:
    """A second model on this machine, with its own adapter and threshold; `load` is called once, by the first question.

    It costs time and no money.
    """

    place = ""

    def __init__(self, name: str, load: Callable[[], Loaded]) -> None:
        self.name = name
        self._load, self._loaded = load, None
        self._lock = threading.Lock()

    def answer(self, question: str) -> StrongerAnswer:
        """Its answer with the confidence that it states. Raises RetrievalError when it can't be loaded or has none."""
        try:
            with self._lock:
                self._loaded = loaded = self._loaded or self._load()
            (said,) = answer_batch(loaded.lm, [question], loaded.settings)
        except UaitError as err:
            raise RetrievalError(f"The stronger model {self.name!r} gave no answer: {err}") from err
        if not said.text:
            raise RetrievalError(f"The stronger model {self.name!r} answered nothing.")
        n_read = len(loaded.lm.tokenizer(said.prompt, add_special_tokens=False)["input_ids"])
        n_written = len(said.sample.token_ids)
        numbers = (said.spoken, None if said.spoken is None else loaded.threshold)
        return StrongerAnswer(said.text, said.model_id, n_read, n_written, None, said.seconds, *numbers)


def find_stronger(settings: AnswerSettings, load: Callable[[str], Loaded]) -> StrongerModel | None:
    """The endpoint of UAIT_STRONGER_URL, else the model that `settings.stronger` names, else None.

    Raises SettingsError on a variable that can't be right.
    """
    endpoint = stronger_endpoint()
    if endpoint is not None:
        return EndpointModel(endpoint)
    name = settings.stronger
    return None if name == "none" else LocalModel(name, lambda: load(name))
