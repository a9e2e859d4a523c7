"""The page: tabs, theme and the arguments it is launched with. Engines in, gr.Blocks out."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

from uait import settings
from uait.embedded.pocket.familiarity import KnownFacts
from uait.method.answers import Opinion
from uait.page import endpoints, menu
from uait.page.calls import Calls, Verbs
from uait.page.components import PLOTLY
from uait.page.tabs import ask as ask_tab
from uait.page.tabs import compare as compare_tab
from uait.page.tabs import evaluate as evaluate_tab
from uait.page.tabs import label as label_tab
from uait.page.tabs import learn as learn_tab
from uait.page.tabs import tune as tune_tab
from uait.records import Event, Explanation
from uait.records.errors import SettingsError
from uait.runs import visitors
from uait.stages import compare as comparison
from uait.stages import pipeline
from uait.stages.adapters import Shelf
from uait.stages.evaluate import recorded_splits

TITLE = "UaIT: a model that knows when to look it up"
# A class of thirty, each with a question waiting; Gradio would allow one on ZeroGPU.
MAX_WAITING = 64
STYLES = ("page.css", "compare.css", "words.css", "learn.css", "figures.css")
_HOUR = 3600
_WARM_UP = "What is the capital of France?"


def _as_it_is(verb: Callable[..., Any]) -> Callable[..., Any]:
    return verb


def build(
    engines: pipeline.Engines,
    ask: Callable[..., Iterator[Event]] = pipeline.ask,
    explain: Callable[..., Explanation] = pipeline.explain,
    compare: Callable[..., Iterator[Opinion]] = comparison.compare,
    evaluate: Callable[..., Iterator[Event]] = comparison.evaluate_some,
    load: Callable[[pipeline.Engines, Path | None], pipeline.Engines] = pipeline.with_adapter,
    facts: KnownFacts | None = None,
    gpu: Callable[[Callable[..., Any]], Callable[..., Any]] = _as_it_is,
) -> gr.Blocks:
    """The page around `engines`, queue set, ready to launch.

    `load` makes engines around another adapter (None: around none). `facts` holds what is known of the facts that the
    model was told (None: nothing is). `gpu` wraps the verbs where a GPU must be borrowed for each call.
    """
    calls = Calls(Shelf(engines, load), Verbs(ask, explain, compare, evaluate), gpu)
    n_samples = engines.settings.sampling.n_samples
    references = facts.references if facts else lambda text: None
    splits = tuple(recorded_splits()) if facts else ()  # only the embedded model comes with questions
    page = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(_HOUR, 24 * _HOUR))
    report = comparison.recorded_report()
    with page:
        endpoints.publish(calls, references, splits)  # before handlers of the same names
        who = menu.build(calls)
        with gr.Tabs() as tabs:
            with gr.Tab("Ask", id="ask"):
                exposure = facts.exposure if facts else None
                asked = ask_tab.build(calls.ask, calls.explain, engines.threshold, n_samples, exposure, who)
            with gr.Tab("Compare", id="compare"):
                compared = compare_tab.build(
                    calls.compare,
                    report,
                    engines.threshold,
                    n_samples,
                    references,
                    is_pocket=facts is not None,
                    evaluate=calls.evaluate if splits else None,
                    splits=splits,
                    who=who,
                )
            with gr.Tab("Label", id="label"):
                label_tab.build(engines, visitor=who.visitor)
            with gr.Tab("Tune", id="tune"):
                tune_tab.build(engines, visitor=who.visitor)
            with gr.Tab("Evaluate", id="evaluate"):
                is_shipped = facts is not None and engines.settings.model.adapter == "auto"
                evaluate_tab.build(engines, report if is_shipped else None, exposure, who=who)
            with gr.Tab("Learn", id="learn"):
                verbs = (calls.compare, calls.explain, calls.ask)
                learn_tab.build(verbs, references, tabs, asked.question, engines.threshold, who)
        menu.connect(calls, who, page, _tabs_of(tabs), [asked.card])
        _connect(page, tabs, asked, compared)
    return page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)


def _tabs_of(tabs: gr.Tabs) -> list[gr.Tab]:
    return [tab for tab in tabs.children if isinstance(tab, gr.Tab)]


def _connect(page: gr.Blocks, tabs: gr.Tabs, asked: ask_tab.AskTab, compared: compare_tab.CompareTab) -> None:
    """Nothing; lets the lab ask its questions in Ask, and the address bar open the page and follow it."""
    private: Any = {"api_visibility": "private"}
    picked = compared.lab.ask(None, js=compare_tab.PICKED_IN_LAB, outputs=asked.question, **private)
    opened = picked.then(lambda: gr.Tabs(selected="ask"), outputs=tabs, **private)
    opened.then(None, js="() => uaitAddress.press('#ask-button')", **private)
    names = [str(tab.id) for tab in _tabs_of(tabs)]
    set_first = [tabs, asked.question, compared.question]
    first = page.load(None, js=f"() => uaitAddress.open({json.dumps(names)})", outputs=set_first, **private)
    first.then(None, js="() => uaitAddress.ask()", **private)
    for tab, name in zip(_tabs_of(tabs), names, strict=True):
        tab.select(None, js=f"() => uaitAddress.show({json.dumps(name)})", **private)


def serve(
    chosen: settings.Settings,
    gpu: Callable[[Callable[..., Any]], Callable[..., Any]] = _as_it_is,
    **overrides: Any,
) -> None:
    """Nothing; loads what `chosen` names and serves the page until it is stopped. `overrides` go to `launch`.

    Raises SettingsError when the address can't be listened on.
    """
    arguments = launch_arguments() | overrides
    engines = pipeline.load_engines(chosen)
    facts = KnownFacts() if engines.lm.model_id == "pocket" else None
    visitors.sweep_hourly()
    if gpu is _as_it_is:  # a GPU is only lent to visitors
        threading.Thread(target=_warm_up, args=[engines], daemon=True).start()
    try:
        build(engines, facts=facts, gpu=gpu).launch(**arguments)
    except OSError as err:
        address = f"{arguments['server_name']}:{arguments['server_port']}"
        raise SettingsError(
            f"The page can't listen on {address}, taken or not this machine's; choose another port or host."
        ) from err


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
        "max_file_size": "20mb",
        "allowed_paths": [str(PLOTLY)],
        "mcp_server": endpoints.has_mcp(),
        "server_name": settings.server_name(),
        "server_port": settings.server_port(),
    }


def _scripts() -> str:
    return f"<script>\n{_asset('address.js')}\n{_asset('present.js')}\n</script>{_languages()}"


def _asset(name: str) -> str:
    return (settings.ASSETS / "page" / name).read_text(encoding="utf-8")


def _languages() -> str:
    """The script that turns the page from English to Chinese and back, with its catalogue."""
    catalogue = _asset("words.zh-CN.json").replace("</", "<\\/")  # nothing in it may end the script
    return f"<script>\n{{const CATALOGUE = {catalogue};\n{_asset('words.js')}}}\n</script>"


def _warm_up(engines: pipeline.Engines) -> None:
    """Nothing; asks and looks up one question, so that no visitor's first one pays for what loads on first use."""
    with suppress(Exception):  # whatever it is, a visitor's question will say it
        for _ in pipeline.ask(engines, _WARM_UP, threshold=1.0):
            pass


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
