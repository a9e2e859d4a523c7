"""The page's own components: gr.HTML with a constant template, a JSON value, and nodes built in JavaScript.

A template never holds data: Gradio runs templates as code. The scripts in assets/page/ set text with textContent only.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import gradio as gr
import plotly

from uait.page.figures.style import FOR_A_ROOM, GROUNDS, SCRIPT, template
from uait.page.requests import whole
from uait.settings import ASSETS

# Served from this machine, when the first figure is seen; `launch` must allow it.
PLOTLY = Path(plotly.__file__).parent / "package_data" / SCRIPT


def file_address(path: Path) -> str:
    """Where a browser finds a file of this machine that `launch` allows."""
    return f"gradio_api/file={path}"


def _asset(name: str) -> str:
    path = ASSETS / "page" / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def scripts() -> str:
    """What draws the components, once for all of a kind: `launch` puts it into the page's head."""
    kinds = sorted({kind.scripts for kind in _kinds(Drawn)})
    drawn = [f"{_name(kind)}: ({_GIVEN}) => {{\n{_script(kind)}\n}}" for kind in kinds]
    code = ",\n".join(drawn).replace("</", "<\\/").replace("<!--", "<\\!--")  # nothing in it may end the script
    return f"<script>\nwindow.uaitDraw = {{\n{code}\n}};\n</script>"


_GIVEN = "element, trigger, props, watch"  # what Gradio gives to a component's script


def _kinds(base: type["Drawn"]) -> list[type["Drawn"]]:
    return [kind for one in base.__subclasses__() for kind in ([one] if "scripts" in vars(one) else _kinds(one))]


def _name(names: Sequence[str]) -> str:
    return names[-1].removesuffix(".js")


def _script(names: Sequence[str]) -> str:
    parts = [_asset(part) for part in ("dom.js", *names)]
    return "\n".join([_plotly(), *parts] if "figures.js" in names else parts)


def _plotly() -> str:
    """The constants that figures.js goes by: where plotly's script is, and a template per theme, for a room too."""
    templates = {theme: template(ground) for theme, ground in GROUNDS.items()}
    templates |= {f"present {theme}": template(ground, FOR_A_ROOM) for theme, ground in GROUNDS.items()}
    return f"const PLOTLY = {json.dumps(file_address(PLOTLY))};\nconst TEMPLATES = {json.dumps(templates)};"


class Drawn(gr.HTML):
    """A component drawn by `scripts` of assets/page/ from its JSON value, on the last one's markup where it has any."""

    scripts: ClassVar[tuple[str, ...]]
    triggers: ClassVar[tuple[str, ...]] = ()  # what a script triggers: Gradio takes them from quotes in its code
    css = ""  # a file of the same place

    # Gradio makes a component anew, without its value, when a handler leaves it as it is: hence the None.
    def __init__(self, value: Any = None, **options: Any) -> None:
        html = _asset(self.scripts[-1].replace(".js", ".html")) or "<div></div>"
        draw = f"uaitDraw.{_name(self.scripts)}({_GIVEN}); // {json.dumps(self.triggers)}"
        constant = {"html_template": html, "js_on_load": draw, "apply_default_css": False}
        super().__init__(value, **constant, **({"css_template": _asset(self.css)} if self.css else {}), **options)

    def postprocess(self, value: Any) -> Any:
        """The value with every half character in it replaced: it would end the stream of the visitor's session."""
        text = json.dumps(value).encode("ascii")
        mended = whole(text)
        return super().postprocess(value if mended == text else json.loads(mended))

    def api_info(self) -> dict[str, Any]:
        return {"type": "object", "description": "the data that the page draws"}

    def example_payload(self) -> Any:
        return {}

    def example_value(self) -> Any:
        return {}


def question_row(
    name: str, label: str, placeholder: str, verb: str, autofocus: bool = False
) -> tuple[gr.Textbox, gr.Button]:
    """A question box and its button side by side, known to styles and scripts by `name`."""
    with gr.Row(elem_id=f"{name}-row", elem_classes="question-row"):
        question = gr.Textbox(
            label=label,
            placeholder=placeholder,
            elem_id=f"{name}-question",
            lines=1,
            max_lines=4,
            scale=6,
            min_width=300,
            autofocus=autofocus,
        )
        button = gr.Button(verb, variant="primary", elem_id=f"{name}-button", scale=1, min_width=140)
    return question, button


class AnswerCard(Drawn):
    """The answer, the confidence bar with its threshold, the decision and the sources."""

    scripts = ("numbers.js", "answer.js")
    triggers = ("lookup", "why")


class Heatmap(Drawn):
    """The explained answer, token by token, and the samples with their similarity."""

    scripts = ("heatmap.js",)


class Examples(Drawn):
    """Example questions in labelled groups; the one picked is in the root's data-picked."""

    scripts = ("examples.js",)
    triggers = ("pick",)
