"""The menus above the tabs: which model, and which adapter of it, answers.

A model has an address of its own. The adapter, and the visitor's token, travel with every call.
"""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from uait.page.place import Place
from uait.page.views import answer as answer_view
from uait.records.errors import UaitError
from uait.runs import visitors
from uait.runs.names import label_of
from uait.stages.engines import NONE, SHIPPED, Shelf, tuned

LABEL = "Which adapter answers"
UNTUNED = "The untuned base states no confidence: everything is looked up."

Update = Any  # a value for a component, or gr.skip()


class Who(NamedTuple):
    """The inputs that every call ends with."""

    adapter: gr.Dropdown
    visitor: gr.BrowserState


def models(places: Sequence[Place], shown: Place, note: str = "") -> None:
    """Links to each model's page, where there is more than one, and `note` beside them."""
    if len(places) == 1 and not note:
        return
    links = []
    for i, place in enumerate(places):
        here = " aria-current=page" if place is shown else ""
        links.append(f'<a href="./{place.name if i else ""}"{here}>{escape(place.title)}</a>')
    missing = f"<span>{escape(note)}</span>" if note else ""
    gr.HTML(f'<nav aria-label="Models">{"".join(links)}{missing}</nav>', elem_id="models", apply_default_css=False)


def build(shelf: Shelf) -> Who:
    """Places the menu in the current Blocks; what happens when it changes is wired by `connect`."""
    # A key and a secret of our own: Gradio's change with every start, and the visitor's runs would be lost.
    visitor = gr.BrowserState("", storage_key="uait-visitor", secret="uait-visitor")
    shipped = _shipped(shelf)
    menu = gr.Dropdown(
        [*shipped, _BASE],
        value=(shipped or [_BASE])[0][1],
        label=LABEL,
        info=_note(shelf, (shipped or [_BASE])[0][1], ""),
        filterable=False,
        elem_id="adapter",
    )
    return Who(menu, visitor)


def connect(shelf: Shelf, who: Who, page: gr.Blocks, tabs: list[gr.Tab], thresholds: list[Any]) -> None:
    """Keeps the menu's list fresh, and gives each of `thresholds` the chosen adapter's own.

    `thresholds` are components whose value takes {"state": "empty", "threshold": ...}.
    """
    private: Any = {"api_visibility": "private", "show_progress": "hidden"}
    known = gr.State([])
    fresh: Any = {
        "fn": _refresher(shelf),
        "inputs": [who.visitor, known],
        "outputs": [who.adapter, known],
        "queue": False,
    }
    page.load(visitors.admit, who.visitor, who.visitor, queue=False, **private).then(**fresh, **private)
    gr.on([who.adapter.focus, *[tab.select for tab in tabs]], **fresh, **private)
    who.adapter.input(_chooser(shelf, len(thresholds)), [*who], [who.adapter, *thresholds], **private)


_BASE = ("none: the untuned base", NONE)


def _shipped(shelf: Shelf) -> list[tuple[str, str]]:
    lm = getattr(shelf.shipped, "lm", None)  # a page under test has none
    return [] if lm is not None and lm.adapter_id is None else [("the one it came with", SHIPPED)]


def _model(shelf: Shelf) -> str:
    return shelf.shipped.settings.model.model


def _choices(shelf: Shelf, visitor: str) -> list[tuple[str, str]]:
    own = [(f"yours: {label_of(run)}", run.name) for run in tuned(visitors.runs_of(visitor), _model(shelf))]
    return [*_shipped(shelf), *own, _BASE]


def _refresher(shelf: Shelf) -> Callable[..., tuple[Update, Update]]:
    def refresh(visitor: str, known: list[list[str]]) -> tuple[Update, Update]:
        visitors.mark_used(visitor)
        choices = _choices(shelf, visitor)
        names = [list(pair) for pair in choices]
        return (gr.skip(), gr.skip()) if names == known else (gr.update(choices=choices), names)

    return refresh


def _chooser(shelf: Shelf, n_thresholds: int) -> Callable[..., list[Update]]:
    def choose(adapter: str, visitor: str) -> list[Update]:
        note = gr.update(info=_note(shelf, adapter, visitor))
        try:
            card = answer_view.empty_card(round(shelf.threshold(adapter, visitor), 3))
        except UaitError:
            return [note, *[gr.skip()] * n_thresholds]
        return [note, *[card] * n_thresholds]

    return choose


def _note(shelf: Shelf, adapter: str, visitor: str) -> str:
    """What the choice means, or why it can't answer."""
    try:
        threshold = shelf.threshold(adapter, visitor)
    except UaitError as err:
        return str(err)
    return UNTUNED if adapter == NONE else f"It answers when it is at least {answer_view.percent(threshold)} sure."
