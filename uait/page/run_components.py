"""The components of the tabs that start long work: a job's state, labels, distilling, tuning. See `components`."""

import re
from collections.abc import Sequence
from typing import Any

import gradio as gr

from uait.page.components import Drawn
from uait.page.figures import labels, tuning
from uait.page.views.answer import Payload
from uait.settings import ASSETS

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&:@/])")


class _RunPart(Drawn):
    # Gradio makes a component anew, without its value, when a handler leaves it as it is: hence the None.
    def __init__(self, value: Payload | None, scripts: Sequence[str], **options: Any) -> None:
        super().__init__(
            value, scripts, css_template=(ASSETS / "page" / "runs.css").read_text(encoding="utf-8"), **options
        )


class JobPanel(_RunPart):
    """How a job stands."""

    def __init__(self, value: Payload | None = None, **options: Any) -> None:
        super().__init__(value, ("job.js",), **options)


class Labels(_RunPart):
    """The labels so far: histogram and table. Its value: what `views.labels.labelled` makes."""

    def __init__(self, value: Payload | None = None, **options: Any) -> None:
        super().__init__(value, ("figures.js", "parts.js"), **options)

    is_template = True  # drawn by Markdown's own script

    def postprocess(self, value: Any) -> Any:
        return value and labels.page(value)


class Distil(_RunPart):
    """Two thresholds over all labels. Event: keep, with the thresholds in the root's data-right and data-wrong."""

    def __init__(self, value: Payload | None = None, **options: Any) -> None:
        super().__init__(value, ("numbers.js", "distil.js"), **options)


class Tuning(_RunPart):
    """Losses, probe questions and results of a tuning. Its value: what `views.runs.tuning` makes."""

    def __init__(self, value: Payload | None = None, **options: Any) -> None:
        super().__init__(value, ("figures.js", "tune.js"), **options)

    is_template = True  # drawn by Markdown's own script

    def postprocess(self, value: Any) -> Any:
        return value and tuning.page(value)


class Beside(_RunPart):
    """One question's two answers, from the base and from the adapter. Its value: what `views.runs.beside` makes."""

    def __init__(self, value: Payload | None = None, **options: Any) -> None:
        super().__init__(value, ("figures.js", "parts.js"), **options)

    is_template = True  # drawn by Markdown's own script

    def postprocess(self, value: Any) -> Any:
        return value and labels.beside(value)


class Message(gr.Markdown):
    """A sentence as it stands: a file's name or a question's id in it is text, and no link, picture or heading."""

    is_template = True  # drawn by Markdown's own script

    def postprocess(self, value: Any) -> Any:
        """The sentence with every sign that Markdown would act on made a plain one."""
        return super().postprocess(None if value is None else _SIGNS.sub(r"\\\1", value))


def tab_style() -> gr.HTML:
    """The looks of the inputs in a tab whose column has the class run-tab; constant text, no data."""
    css = (ASSETS / "page" / "run_tab.css").read_text(encoding="utf-8")
    return gr.HTML(f"<style>{css}</style>", apply_default_css=False, elem_classes="run-style")
