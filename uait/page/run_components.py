"""The components of the tabs that start long work: a job's state, labels, distilling, tuning. See `components`."""

import re
from typing import Any

import gradio as gr

from uait import settings
from uait.page.components import Drawn
from uait.page.run_actions import SWITCHED_OFF
from uait.settings import ASSETS

_RECORDED = "What you see here was recorded."
_GOES_ON = "Resume goes on from there; a Space of your own has no such limits but those that you set."

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&:@/])")


class _RunPart(Drawn):
    css = "runs.css"


class JobPanel(_RunPart):
    """How a job stands."""

    scripts = ("job.js",)


class Labels(_RunPart):
    """The labels so far, histogram and table; or one question's two answers, from the base and from the adapter."""

    scripts = ("figures.js", "parts.js")


class Compared(_RunPart):
    """Several runs beside each other."""

    scripts = ("figures.js", "parts.js")


class Distil(_RunPart):
    """Two thresholds over all labels. `keep`: the thresholds are in the root's data-right and data-wrong."""

    scripts = ("numbers.js", "distil.js")
    triggers = ("keep",)


class Tuning(_RunPart):
    """Losses, probe questions and results of a tuning."""

    scripts = ("figures.js", "tune.js")


class Message(gr.Markdown):
    """A sentence as it stands: a file's name or a question's id in it is text, and no link, picture or heading."""

    is_template = True  # drawn by Markdown's own script

    def postprocess(self, value: Any) -> Any:
        """The sentence with every sign that Markdown would act on made a plain one, and half characters replaced."""
        text = None if value is None else value.encode("utf-8", "replace").decode()
        return super().postprocess(text and _SIGNS.sub(r"\\\1", text))


def about_space() -> None:
    """On a Space, says what a visitor may start here, and offers a Space of one's own; elsewhere nothing."""
    if not settings.is_space():
        return
    n, seconds = settings.public_questions(), settings.public_seconds()
    allowed = f"Others use this page too: a run asks at most {n} questions and works {seconds} seconds at a time."
    Message(f"{allowed} {_GOES_ON}" if settings.allows_training() else f"{SWITCHED_OFF} {_RECORDED}")
    own = f"https://huggingface.co/spaces/{settings.space_name()}?duplicate=true"
    gr.Button("Duplicate this Space", link=own, link_target="_blank", size="sm", scale=0, min_width=220)


def tab_style() -> gr.HTML:
    """The looks of the inputs in a tab whose column has the class run-tab; constant text, no data."""
    css = (ASSETS / "page" / "run_tab.css").read_text(encoding="utf-8")
    return gr.HTML(f"<style>{css}</style>", apply_default_css=False, elem_classes="run-style")
