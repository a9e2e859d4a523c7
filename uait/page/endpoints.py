"""What programs and agents may call: typed functions that give plain data, and the tools of an MCP server.

The page's own handlers stay private: they give what the page draws.
"""

import importlib.metadata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import gradio as gr

from uait.data.json import to_json
from uait.data.plain import explanation_data, reply_data
from uait.page import limits
from uait.page.place import Place
from uait.records.errors import DataError, UaitError
from uait.records.events import last_record
from uait.stages.engines import SHIPPED


def publish(places: Sequence[Place], verbs: Any) -> None:
    """Adds the endpoints to the current Blocks; evaluating is offered where a model has held-out questions.

    `verbs` are those of `uait.stages`.
    """
    by_name = {place.name: place for place in places}

    def of(model: str) -> Place:
        if model and model not in by_name:
            raise DataError(f"{model[:60]!r} is no model here; choose one of {', '.join(by_name)}.")
        return by_name[model] if model else places[0]

    def ask(
        question: str,
        threshold: float | None = None,
        adapter: str = SHIPPED,
        model: str = "",
        when_unsure: Literal["", "retrieve", "escalate", "abstain"] = "",
        web: bool = False,
    ) -> dict[str, Any]:
        """Answers a question and says how sure the model is; below the threshold it looks the question up first.

        Args:
            question: The question, in plain words.
            threshold: Answer from this confidence on (0 to 1), else look it up; none: the adapter's own.
            adapter: "shipped", "none" for the untuned base, or the name of a finished tuning.
            model: a name from the page's menu of models; empty: the one that it opens with.
            when_unsure: "retrieve" looks it up, "escalate" asks another model, "abstain" leaves it open; empty: as
                the owner set it.
            web: search the web too, which sends the question to search engines.

        Returns:
            answer and confidence as first given, decision, passages, and the final answer with who gave it, how sure it
            is and what it cost; final is null where it is not known.
        """
        options: dict[str, Any] = {"threshold": threshold, "when_unsure": when_unsure or None, "web": web or None}
        with _in_words():
            return reply_data(last_record(of(model).shelf.run(verbs.ask, adapter, "", question, **options)))

    def explain(question: str, adapter: str = SHIPPED, model: str = "") -> dict[str, Any]:
        """Explains why an answer is doubted: asks several times, and says which token the doubt hangs on.

        Args:
            question: The question, in plain words.
            adapter: "shipped", "none" for the untuned base, or the name of a finished tuning.
            model: a name from the page's menu of models; empty: the one that it opens with.

        Returns:
            the answer with its confidences, its tokens with their share of the doubt, the samples, their similarity,
            and SAR.
        """
        with _in_words():
            limits.check_question(question)
            return explanation_data(last_record(of(model).shelf.run(verbs.explain, adapter, "", question)))

    def compare(question: str, adapter: str = SHIPPED, model: str = "") -> list[dict[str, Any]]:
        """Asks one question in five ways: verbalized, answer probability, SAR teacher, P(True) and UaIT.

        Args:
            question: The question, in plain words.
            adapter: "shipped", "none" for the untuned base, or the name of a finished tuning.
            model: a name from the page's menu of models; empty: the one that it opens with.

        Returns:
            each way's answer, its confidences, and what it cost.
        """
        with _in_words():
            limits.check_question(question)
            place = of(model)
            answers = place.shelf.run(verbs.compare, adapter, "", question, place.references(question) or ())
            return [to_json(answer) for answer in answers]

    def evaluate(split: str, n: int = 20, adapter: str = SHIPPED, model: str = "") -> list[dict[str, Any]]:
        """Measures every method on questions of a held-out split; takes a minute or so.

        Args:
            split: "in-domain", "out-of-domain" or "out-of-world".
            n: How many questions; a Space allows 20.
            adapter: "shipped", "none" for the untuned base, or the name of a finished tuning.
            model: a name from the page's menu of models; empty: the one that it opens with.

        Returns:
            per method: AUROC with its interval, calibration error, accuracy, and on how many questions.
        """
        with _in_words():
            place = of(model)
            if split not in place.splits:
                choice = ", ".join(place.splits) or "none"
                raise DataError(f"{split[:60]!r} is no split of {place.name!r}; choose one of {choice}.")
            events = limits.evaluation(n, place.shelf.run(verbs.evaluate_drawn, adapter, "", split, n))
            return [to_json(result) for result in last_record(events).results]

    lane: Any = {"concurrency_id": "model", "concurrency_limit": 1}
    gr.api(ask, **limits.asking(shares=all(place.shelf.shares for place in places)))
    for endpoint in (explain, compare):
        gr.api(endpoint, **lane)
    if any(place.splits for place in places):
        # a lane of its own, where a second one is refused at once: nobody's question waits behind evaluations
        gr.api(evaluate, concurrency_id="evaluate", concurrency_limit=4)


@contextmanager
def _in_words() -> Iterator[None]:
    """Gives the caller a user's mistake as its sentence; Gradio would only say that there was an error."""
    try:
        yield
    except UaitError as err:
        raise gr.Error(str(err), print_exception=False) from err


def has_mcp() -> bool:
    """Whether the MCP package that Gradio can work with is installed: its first major version."""
    try:
        return importlib.metadata.version("mcp").startswith("1.")
    except importlib.metadata.PackageNotFoundError:
        return False
