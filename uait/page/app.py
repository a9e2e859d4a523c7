"""The page: tabs, theme and the arguments it is launched with. Engines in, gr.Blocks out."""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils.fonts import LocalFont
from starlette.middleware.gzip import GZipMiddleware

from uait import settings
from uait.data.catalogue import describe, names, preset, small
from uait.data.facts import Facts
from uait.page import endpoints, foot, menu, requests
from uait.page.components import PLOTLY, file_address, scripts
from uait.page.lesson.ballot import Ballot
from uait.page.place import Place
from uait.page.run_actions import EVERY
from uait.page.sessions import Sessions
from uait.page.tabs import ask as ask_tab
from uait.page.tabs import compare as compare_tab
from uait.page.tabs import evaluate as evaluate_tab
from uait.page.tabs import label as label_tab
from uait.page.tabs import learn as learn_tab
from uait.page.tabs import tune as tune_tab
from uait.page.tabs import vote
from uait.records.errors import ModelError, SettingsError
from uait.runs import visitors
from uait.stages import burst, verbs
from uait.stages.engines import Engines, Shelf, load_engines, with_adapter

TITLE = "UaIT: a model that knows when to look it up"
# A lecture hall with a question each; the next one is told to come back. Gradio would allow one on ZeroGPU.
MAX_WAITING = 256
STYLES = ("page.css", "compare.css", "words.css", "learn.css", "figures.css")
CHINESE = settings.ASSETS / "page" / "words.zh-CN.json"
MAX_SESSIONS = 500  # whose states are kept at once; `sessions` forgets who has left long before
_HOUR = 3600
_WARM_UP = "What is the capital of France?"


def build(
    *models: Engines,
    verbs: Any = verbs,
    load: Callable[[Engines, Path | None], Engines] = with_adapter,
    facts: Facts | None = None,
    gpu: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    note: str = "",
) -> gr.Blocks:
    """The page, queue set, ready to launch: the first model's at its root, each other one's below its name.

    `verbs` are those of `uait.stages.verbs`; `load` puts another adapter on the engines (None: none). `facts`: what
    the model was told, by default as its description says. `gpu` wraps the work where a GPU is borrowed for each call.
    `note` is said beside the menu of models.
    """
    places = [_place(Shelf(engines, load, gpu), facts) for engines in models]
    ballot = Ballot()
    page = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(_HOUR, int(requests.KEPT)))
    page.space_id = None  # else a Space's browsers fetch the fonts of its header, and its likes, from other hosts
    for i, place in enumerate(places):
        with page if i == 0 else page.route(place.title, f"/{place.name}", show_in_navbar=False):
            if i == 0:
                endpoints.publish(places, verbs)  # before handlers of the same names
            menu.models(places, place, note)
            _lay_out(page, place, verbs, ballot)
    if not settings.is_space():
        with page.route("Vote", f"/{vote.PATH}", show_in_navbar=False):
            vote.page(ballot)
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)
    page._queue.ANALYTICS_MAX_EVENTS = 0  # else each event costs a table of the last 10,000, which nobody may see
    return page


def _place(shelf: Shelf, facts: Facts | None) -> Place:
    description = describe(shelf.shipped.settings.model.model)
    return Place(shelf, description, facts or (description.facts if description else None))


def _lay_out(page: gr.Blocks, place: Place, verbs: Any, ballot: Ballot) -> None:
    """The six tabs of one model."""
    who = menu.build(place.shelf)
    with gr.Tabs() as tabs:
        with gr.Tab("Ask", id="ask"):
            asked = ask_tab.build(place, verbs, who)
        with gr.Tab("Compare", id="compare"):
            compared = compare_tab.build(place, verbs, who)
        with gr.Tab("Label", id="label"):
            label_timer = label_tab.build(place, who)
        with gr.Tab("Tune", id="tune"):
            tune_timer = tune_tab.build(place, verbs, who)
        with gr.Tab("Evaluate", id="evaluate"):
            evaluate_timer = evaluate_tab.build(place, who)
        with gr.Tab("Learn", id="learn"):
            steps = learn_tab.build(place, verbs, who, tabs, asked.question, ballot)
    foot.build(place)
    menu.connect(place.shelf, who, page, _tabs_of(tabs), [asked.card])
    _connect(page, tabs, asked, compared, steps)
    _look_at_open_tab(_tabs_of(tabs), {"label": label_timer, "tune": tune_timer, "evaluate": evaluate_timer})


def _tabs_of(tabs: gr.Tabs) -> list[gr.Tab]:
    return [tab for tab in tabs.children if isinstance(tab, gr.Tab)]


def _connect(
    page: gr.Blocks, tabs: gr.Tabs, asked: ask_tab.AskTab, compared: compare_tab.CompareTab, steps: gr.Tabs | None
) -> None:
    """Lets the lab ask its questions in Ask, and the address bar open the page and follow it."""
    private: Any = {"api_visibility": "private"}
    picked = compared.lab.ask(None, js=compare_tab.PICKED_IN_LAB, outputs=asked.question, **private)
    opened = picked.then(lambda: gr.Tabs(selected="ask"), outputs=tabs, **private)
    opened.then(None, js="() => uaitAddress.press('#ask-button')", **private)
    names = [str(tab.id) for tab in _tabs_of(tabs)]
    set_first = [tabs, asked.question, compared.question, *([steps] if steps else [])]
    opened_at = f"() => uaitAddress.open({json.dumps(names)}).slice(0, {len(set_first)})"
    first = page.load(None, js=opened_at, outputs=set_first, **private)
    first.then(None, js="() => uaitAddress.ask()", **private)


def _look_at_open_tab(tabs: list[gr.Tab], timers: dict[str, gr.Timer]) -> None:
    """Lets the address bar follow the tabs, and a tab look at its jobs only while it is open: nobody else asks."""
    for tab in tabs:
        js = f"() => uaitAddress.show({json.dumps(str(tab.id))}, {json.dumps(list(timers))}, {EVERY})"
        tab.select(None, js=js, outputs=list(timers.values()), api_visibility="private")


def serve(
    chosen: settings.Settings,
    gpu: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    **overrides: Any,
) -> None:
    """Loads what `chosen` names, and our own models beside it, and serves the page until it is stopped.

    `overrides` go to `launch`.

    Raises SettingsError when the address can't be listened on.
    """
    arguments = launch_arguments() | overrides
    models, note = _loaded(chosen)
    visitors.sweep_hourly()
    if gpu is None:  # a GPU is only lent to visitors
        threading.Thread(target=_warm_up, args=[models], daemon=True).start()
    try:
        build(*models, gpu=gpu, note=note).launch(**arguments)
    except OSError as err:
        address = f"{arguments['server_name']}:{arguments['server_port']}"
        raise SettingsError(
            f"The page can't listen on {address}, taken or not this machine's; choose another port or host."
        ) from err


def _loaded(chosen: settings.Settings) -> tuple[list[Engines], str]:
    """The chosen model and those that come with the product, and why one of them is missing.

    Raises ModelError when the chosen one is, unless it is the one to begin with: then another one begins.
    """
    found: list[Engines] = []
    notes: list[str] = []
    for name in dict.fromkeys((chosen.model.model, *names())):
        wanted = chosen if name == chosen.model.model else preset(name)
        try:
            found.append(load_engines(wanted, beside=next(iter(found), None)))
        except ModelError as err:
            if name == chosen.model.model != settings.DEFAULT_MODEL:
                raise
            notes.append(str(err))
    if not found:
        raise ModelError(" ".join(notes))
    return found, " ".join(notes)


def launch_arguments() -> dict[str, Any]:
    """What to pass to `launch`: looks, limits, and nothing that leaves this machine."""
    return {
        "theme": _theme(),
        "head": "".join(f"<style>\n{_asset(name)}\n</style>" for name in STYLES) + _scripts(),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "share": False,
        "pwa": False,
        "max_file_size": requests.MAX_UPLOAD,
        "app_kwargs": {"middleware": [(requests.Gate, (), {}), (Sessions, (), {}), (GZipMiddleware, (), {})]},
        "enable_monitoring": False,
        "state_session_capacity": MAX_SESSIONS,
        "allowed_paths": [str(PLOTLY), str(CHINESE)],
        "mcp_server": endpoints.has_mcp(),
        "_frontend": False,  # else Gradio gives up where its own first answer takes 3 s: slow, not away
        "server_name": settings.server_name(),
        "server_port": settings.server_port(),
    }


def _scripts() -> str:
    return f"<script>\n{_asset('address.js')}\n{_asset('present.js')}\n</script>{scripts()}{_languages()}"


def _asset(name: str) -> str:
    return (settings.ASSETS / "page" / name).read_text(encoding="utf-8")


def _languages() -> str:
    """The script that turns the page from English to Chinese and back, and where it finds the Chinese."""
    constants = f"const CATALOGUE = {json.dumps(file_address(CHINESE))};\nconst REWORDED = {_asset('words.en.json')};"
    constants = constants.replace("</", "<\\/")  # nothing in them may end the script
    return f"<script>\n{{{constants}\n{_asset('words.js')}}}\n</script>"


def _warm_up(models: Sequence[Engines]) -> None:
    """Asks and looks up one question, so that no visitor's first one pays for what loads on first use.

    Then, where they may start long work, measures how fast that is here.
    """
    for engines in models:
        with suppress(Exception):  # whatever it is, a visitor's question will say it
            for _ in verbs.ask(engines, _WARM_UP, threshold=1.0):
                pass
    for engines in models if settings.allows_training() else ():
        burst.measure(small(engines.settings).with_adapter("none"))


def _theme() -> gr.themes.Base:
    # Gradio's wheel holds this font whole in 400 and 700 only; its 600 lacks most letters.
    fonts = [LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"]
    return gr.themes.Base(primary_hue="blue", neutral_hue="stone", font=fonts, radius_size="lg", text_size="lg").set(
        body_background_fill="var(--paper)",
        body_background_fill_dark="var(--paper)",
        body_text_color="var(--ink)",
        body_text_color_dark="var(--ink)",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        input_background_fill="var(--card)",
        input_background_fill_dark="var(--card)",
        color_accent="var(--sure)",
        input_border_width="1px",
        input_border_color="var(--line)",
        input_border_color_dark="var(--line)",
        button_primary_background_fill="var(--sure)",
        button_primary_background_fill_dark="var(--sure)",
        button_primary_background_fill_hover="var(--sure-strong)",
        button_primary_background_fill_hover_dark="var(--sure-strong)",
        button_primary_border_color="var(--sure)",
        button_primary_border_color_dark="var(--sure)",
        button_primary_text_color="var(--on-sure)",
        button_primary_text_color_dark="var(--on-sure)",
    )
