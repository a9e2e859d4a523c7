"""The menu above the tabs: which adapter answers. The choice, and the visitor's token, travel with every call."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr

from uait.page.calls import Calls
from uait.page.views import answer as answer_view
from uait.records.errors import UaitError
from uait.runs import visitors
from uait.stages import adapters

LABEL = "Which adapter answers"
UNTUNED = "The untuned base states no confidence: everything is looked up."

Update = Any  # a value for a component, or gr.skip()


class Who(NamedTuple):
    """The inputs that every call ends with."""

    adapter: gr.Dropdown
    visitor: gr.BrowserState


def build(calls: Calls) -> Who:
    """Places the menu in the current Blocks; what happens when it changes is wired by `connect`."""
    # A key and a secret of our own: Gradio's change with every start, and the visitor's runs would be lost.
    visitor = gr.BrowserState("", storage_key="uait-visitor", secret="uait-visitor")
    shipped = _shipped(calls)
    menu = gr.Dropdown(
        [*shipped, _BASE],
        value=(shipped or [_BASE])[0][1],
        label=LABEL,
        info=_note(calls, (shipped or [_BASE])[0][1], ""),
        filterable=False,
        elem_id="adapter",
    )
    return Who(menu, visitor)


def connect(calls: Calls, who: Who, page: gr.Blocks, tabs: list[gr.Tab], thresholds: list[Any]) -> None:
    """Nothing; keeps the menu's list fresh, and gives each of `thresholds` the chosen adapter's own.

    `thresholds` are components whose value takes {"state": "empty", "threshold": ...}.
    """
    private: Any = {"api_visibility": "private", "show_progress": "hidden"}
    known = gr.State([])
    fresh: Any = {"fn": _refresher(calls), "inputs": [*who, known], "outputs": [who.adapter, known], "queue": False}
    page.load(visitors.admit, who.visitor, who.visitor, queue=False, **private).then(**fresh, **private)
    gr.on([who.adapter.focus, *[tab.select for tab in tabs]], **fresh, **private)
    who.adapter.input(_chooser(calls, len(thresholds)), [*who], [who.adapter, *thresholds], **private)


_BASE = ("none: the untuned base", adapters.NONE)


def _shipped(calls: Calls) -> list[tuple[str, str]]:
    lm = getattr(calls.shelf.shipped, "lm", None)  # a page under test has none
    return [] if lm is not None and lm.adapter_id is None else [("the one it came with", adapters.SHIPPED)]


def _choices(calls: Calls, visitor: str) -> list[tuple[str, str]]:
    own = [(f"yours: {run.name}", run.name) for run in adapters.tuned(visitors.runs_of(visitor))]
    return [*_shipped(calls), *own, _BASE]


def _refresher(calls: Calls) -> Callable[..., tuple[Update, Update]]:
    def refresh(chosen: str, visitor: str, known: list[str]) -> tuple[Update, Update]:
        visitors.seen(visitor)
        choices = _choices(calls, visitor)
        names = [name for _, name in choices]
        return (gr.skip(), gr.skip()) if names == known else (gr.update(choices=choices), names)

    return refresh


def _chooser(calls: Calls, n_thresholds: int) -> Callable[..., list[Update]]:
    def choose(adapter: str, visitor: str) -> list[Update]:
        note = gr.update(info=_note(calls, adapter, visitor))
        try:
            card = answer_view.empty_card(round(calls.threshold(adapter, visitor), 3))
        except UaitError:
            return [note, *[gr.skip()] * n_thresholds]
        return [note, *[card] * n_thresholds]

    return choose


def _note(calls: Calls, adapter: str, visitor: str) -> str:
    """What the choice means, or why it can't answer."""
    try:
        threshold = calls.threshold(adapter, visitor)
    except UaitError as err:
        return str(err)
    return (
        UNTUNED
        if adapter == adapters.NONE
        else f"It answers when it is at least {answer_view.percent(threshold)} sure."
    )
