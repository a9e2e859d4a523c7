"""The page: tabs, theme and the arguments it is launched with. Engines in, gr.Blocks out."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

from uait import comparison, pipeline, settings
from uait.errors import SettingsError
from uait.opinions import Opinion
from uait.pocket.familiarity import KnownFacts
from uait.records import Event, Explanation
from uait.ui.tabs import ask as ask_tab
from uait.ui.tabs import compare as compare_tab
from uait.ui.tabs import label as label_tab
from uait.ui.tabs import tune as tune_tab

TITLE = "UaIT: a model that knows when to look it up"
# A class of thirty, each with a question waiting; Gradio would allow one on ZeroGPU.
MAX_WAITING = 64
STYLES = ("page.css", "compare.css")
_HOUR = 3600


def build(
    engines: pipeline.Engines,
    ask: Callable[..., Iterator[Event]] = pipeline.ask,
    explain: Callable[..., Explanation] = pipeline.explain,
    facts: KnownFacts | None = None,
    gpu: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda verb: verb,
) -> gr.Blocks:
    """The page around `engines`, queue set, ready to launch.

    `facts` holds what is known of the facts that the model was told (None: nothing is). `gpu` wraps the verbs where a
    GPU must be borrowed for each call; they close over the engines, so that no model travels with a call.
    """

    @gpu
    def ask_here(text: str, threshold: float) -> Iterator[Event]:
        yield from ask(engines, text, threshold=threshold)

    @gpu
    def explain_here(text: str) -> Explanation:
        return explain(engines, text)

    @gpu
    def compare_here(text: str, references: Sequence[str] = ()) -> Iterator[Opinion]:
        yield from comparison.compare(engines, text, references)

    n_samples = engines.settings.sampling.n_samples
    page = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(_HOUR, 24 * _HOUR))
    with page:
        with gr.Tabs() as tabs:
            with gr.Tab("Ask", id="ask"):
                exposure = facts.exposure if facts else None
                question = ask_tab.build(ask_here, explain_here, engines.threshold, n_samples, exposure)
            with gr.Tab("Compare", id="compare"):
                references = facts.references if facts else lambda text: None
                report = comparison.recorded_report()
                known = (references, facts is not None)
                lab = compare_tab.build(compare_here, report, engines.threshold, n_samples, *known)
            with gr.Tab("Label", id="label"):
                label_tab.build(engines)
            with gr.Tab("Tune", id="tune"):
                tune_tab.build(engines)
        asked = lab.ask(None, js=compare_tab.PICKED_IN_LAB, outputs=question, api_visibility="private")
        asked.then(lambda: gr.Tabs(selected="ask"), outputs=tabs, api_visibility="private")
    return page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)


def serve(
    chosen: settings.Settings,
    gpu: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda verb: verb,
    **overrides: Any,
) -> None:
    """Nothing; loads what `chosen` names and serves the page until it is stopped. `overrides` go to `launch`.

    Raises SettingsError when the address can't be listened on.
    """
    arguments = launch_arguments() | overrides
    engines = pipeline.load_engines(chosen)
    facts = KnownFacts() if engines.lm.model_id == "pocket" else None
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
        "head": "".join(f"<style>\n{(settings.ASSETS / name).read_text('utf-8')}\n</style>" for name in STYLES),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "share": False,
        "pwa": False,
        "max_file_size": "20mb",
        "server_name": settings.server_name(),
        "server_port": settings.server_port(),
    }


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
