"""The inputs of the Tune tab: one for each setting, filled in for a small tuning or a full one."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from uait.data.catalogue import small
from uait.page import limits
from uait.records.errors import DataError
from uait.settings import Setting, Settings, TuneSettings, settings_of
from uait.tuning.start import shipped_card

SMALL, FULL = "Small: a minute or two", "Full: longer, for many examples"
_ABOUT_SIZE = "Fills in the settings below; each can still be changed."
_FIELDS = settings_of(TuneSettings)
START, EPOCHS = ([f.name for f in _FIELDS].index(name) for name in ("start_from", "epochs"))
_STARTS = [("The adapter that the model comes with", "shipped"), ("The model alone", "base")]
_ESSENTIAL = ("rank", "learning_rate", "epochs", "batch_size")


def build(base: Settings, start: str = "base", why: str = "") -> list[Any]:
    """One input per field of TuneSettings, in its order; the less used ones folded away.

    `start`: what the tuning begins with unless the visitor chooses otherwise, and `why`.
    """
    made: dict[str, Any] = {}
    tune = small(base).tune
    has_small = tune != base.tune
    sizes: Any = {"value": SMALL, "label": "How much", "info": _ABOUT_SIZE, "elem_classes": "settings"}
    size = gr.Radio([SMALL, FULL], visible=has_small, **sizes)
    has_adapter = shipped_card(base.model.model) is not None
    begins: Any = {"value": start, "label": "Start from", "info": why, "elem_classes": "settings"}
    made["start_from"] = gr.Radio(_STARTS, visible=has_adapter, elem_id="tune-start", **begins)
    with gr.Row(elem_classes="settings"):
        for f in _FIELDS:
            if f.name in _ESSENTIAL:
                made[f.name] = _value(f, tune)
    with gr.Accordion("More settings", open=False, elem_classes="settings"), gr.Row():
        for f in _FIELDS:
            if f.name not in (*_ESSENTIAL, *made):
                made[f.name] = _value(f, tune)
    values = [made[f.name] for f in _FIELDS]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    size.input(_sizer(base), size, values, **quiet)
    return values


def _sizer(base: Settings) -> Callable[[str], list[Any]]:
    def fill_in(size: str) -> list[Any]:
        tune = small(base).tune if size == SMALL else base.tune
        return [gr.skip() if i == START else getattr(tune, f.name) for i, f in enumerate(_FIELDS)]

    return fill_in


def _value(f: Setting, tune: TuneSettings) -> Any:
    name, value = f.name.replace("_", " ").capitalize(), getattr(tune, f.name)
    span = "" if f.low is None else f" ({f.low:g} to {limits.most(f):g})"
    about: dict[str, Any] = {"label": name, "info": f.help + span, "min_width": 220}
    if f.choices:
        return gr.Radio(list(f.choices), value=value, **about)
    return gr.Number(value, **about)


def tune_settings(given: tuple[Any, ...]) -> TuneSettings:
    """The settings in the tab's inputs. Raises SettingsError naming the one that is out of range, or too high here."""
    pairs = zip(_FIELDS, given, strict=True)
    named: dict[str, Any] = {f.name: int(v) if f.kind is int and v is not None and v == int(v) else v for f, v in pairs}
    empty = [f.name for f in _FIELDS if named[f.name] is None and not f.may_be_none]
    if empty:
        raise DataError(f"{empty[0].replace('_', ' ').capitalize()} is empty; give a value.")
    tune = TuneSettings(**named)
    limits.check_ranges(tune)
    return tune
