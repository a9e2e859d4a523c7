"""What a visitor does with runs of their own on either run tab: give one a name, lay several over each other, delete.

Only runs of the visitor's own are found: a name is looked for among them, and never taken for a path.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency

from uait.page.figures.runs import MOST
from uait.page.figures.style import Payload
from uait.page.run_actions import choices_of, own
from uait.page.run_components import Compared, Message
from uait.records.errors import DataError, UaitError
from uait.runs import names
from uait.runs.folder import find_run

NOT_YOURS = "Choose a run of your own in the menu first."
_ABOUT = f"Up to {MOST}, the chosen one first: their curves in one figure, what differs, and what came of them."
_REALLY = "Delete this run with its labels, its examples and its adapter? This can’t be undone."
_FOCUS = "(...all) => requestAnimationFrame(() => document.querySelector('#{}-keep-run')?.focus())"

Compare = Callable[[Path, Sequence[str]], Payload]


def build(
    tab: str,
    run: gr.Dropdown,
    visitor: gr.components.Component,
    named: Callable[[Path], Sequence[str]],
    compare: Compare,
    offered: Sequence[str] = (),
) -> Dependency:
    """Places and wires them; `named`: the runs of the tab below a root, `offered`: others that can be compared with.

    Returns the event of a run that was given a name.
    """
    with gr.Accordion("Your runs: name, compare, delete", open=False, elem_id=f"{tab}-own-runs"):
        with gr.Row(elem_classes="level"):
            about = "Yours alone, to tell it from the others in the menu."
            name = gr.Textbox(label="Name of the chosen run", info=about, max_length=names.LONGEST, scale=4)
            call = gr.Button("Name it", scale=1)
        others = gr.Dropdown([], multiselect=True, max_choices=MOST - 1, label="Compare it with", info=_ABOUT)
        delete = gr.Button("Delete this run")
        with gr.Group(visible=False) as sure:
            gr.Markdown(_REALLY, padding=True)
            with gr.Row():
                yes = gr.Button("Yes, delete the run", variant="stop")
                no = gr.Button("No, keep the run", elem_id=f"{tab}-keep-run")
        message = Message(elem_id=f"{tab}-run-message")
        compared = Compared({"parts": []}, elem_id=f"{tab}-compared", label="compared runs")
    private: dict[str, Any] = {"api_visibility": "private", "queue": False}
    quiet: dict[str, Any] = {"show_progress": "hidden", **private}
    called = call.click(own(namer), [run, name, visitor], message, **private)
    others.focus(own(_lister(named, offered)), [run, visitor], others, **quiet)
    gr.on([others.change, run.change], own(_comparer(compare)), [run, others, visitor], compared, **quiet)
    asked = delete.click(lambda: gr.update(visible=True), None, sure, **quiet)
    asked.then(None, js=_FOCUS.format(tab), api_visibility="private")
    yes.click(own(_deleter(named, offered)), [run, visitor], [message, run, others], **private)
    for decided in (yes, no):
        decided.click(lambda: gr.update(visible=False), None, sure, **quiet)
    return called


def namer(root: Path) -> Callable[[str | None, str | None], str]:
    """Gives the chosen run a name, or takes it away."""

    def call(chosen: str | None, text: str | None) -> str:
        try:
            given = names.rename(_own(root, chosen), text or "")
        except (UaitError, OSError) as err:
            return str(err)
        return f"Named: {given}" if given else "It has no name of its own any more."

    return call


def remover(root: Path) -> Callable[[str | None], str]:
    """Deletes the chosen run, whatever it is doing."""

    def remove(chosen: str | None) -> str:
        try:
            names.delete(_own(root, chosen))
        except (UaitError, OSError) as err:
            return str(err)
        return "Deleted: the run and all that was in its folder."

    return remove


def _own(root: Path, chosen: str | None) -> Path:
    folder = find_run(root, chosen)
    if folder is None:
        raise DataError(NOT_YOURS)
    return folder


def _lister(named: Callable[[Path], Sequence[str]], offered: Sequence[str]) -> Callable[[Path], Callable[..., Any]]:
    def of(root: Path) -> Callable[[str | None], Any]:
        def others(chosen: str | None) -> Any:
            return gr.update(choices=[pair for pair in choices_of(root, named(root), offered) if pair[1] != chosen])

        return others

    return of


def _comparer(compare: Compare) -> Callable[[Path], Callable[..., Payload]]:
    def of(root: Path) -> Callable[[str | None, Sequence[str] | None], Payload]:
        def compared(chosen: str | None, others: Sequence[str] | None) -> Payload:
            try:
                return compare(root, [name for name in dict.fromkeys((chosen, *(others or ()))) if name])
            except UaitError:  # a run that was deleted meanwhile, or is damaged
                return {"parts": []}

        return compared

    return of


def _deleter(named: Callable[[Path], Sequence[str]], offered: Sequence[str]) -> Callable[[Path], Callable[..., Any]]:
    def of(root: Path) -> Callable[[str | None], list[Any]]:
        def delete(chosen: str | None) -> list[Any]:
            said = remover(root)(chosen)
            if find_run(root, chosen) is not None:
                return [said, gr.skip(), gr.skip()]
            left = choices_of(root, named(root), offered)
            first = left[0][1] if left else None
            return [said, gr.update(choices=left, value=first), gr.update(value=[])]

        return delete

    return of
