"""A file of one's own in the Label tab: which column is what, and the first questions as they will be asked."""

import csv
import io
import json
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

import gradio as gr

from uait.data.columns import Columns, Taken, guessed, preview, questions_of
from uait.data.plain import left_out_lines
from uait.data.tables import KINDS, UPLOAD, Table, read_table
from uait.page import limits
from uait.page.run_components import Message
from uait.records import Question
from uait.records.errors import DataError, UaitError

_SEPARATORS = {
    "a bar: a | b": "|",
    "a semicolon: a; b": ";",
    "a comma: a, b": ",",
    "a slash: a / b": "/",
    "a line break": "\n",
    "nothing: a cell is one answer": "",
}
_SHOWN_WITH = {sign: said for said, sign in _SEPARATORS.items()}
_TEMPLATE = {
    "Who wrote the play “Faust”?": ["Johann Wolfgang von Goethe", "Goethe"],
    "What is the capital of Peru?": ["Lima"],
}
_WIDTHS = ["20%", "45%", "35%"]  # so that a phone shows all three columns

Update = Any  # a value for a component, or gr.skip()


class Given(NamedTuple):
    """The values of the inputs: the file, whether its first row names the columns, and which column holds what."""

    file: str | None
    has_names: bool
    text: str | None
    accepted: str | None
    id: str | None
    separator: str


class Upload(NamedTuple):
    """The components; `inputs` stand in the order of Given."""

    inputs: list[Any]
    shown: gr.Dataframe
    said: Message


def build() -> Upload:
    """Places the inputs in the current Blocks; what happens when they change is wired by `connect`."""
    *kinds, last = KINDS
    kind = f"A {', '.join(kinds)} or {last} file, one question per row, up to {UPLOAD.n_bytes / 1e6:.0f} MB"
    # without file_types: a file of another kind then gets a sentence of ours, which names what to do
    file = gr.File(label=kind, height=120, elem_id="label-file")
    gr.HTML(_templates(), apply_default_css=False, padding=False)
    said = Message(elem_id="label-file-said")
    about = "Without a tick the columns are called A, B and so on."
    has_names = gr.Checkbox(True, label="The first row names the columns", info=about, visible=False)
    with gr.Row():
        names = {
            "Column with the question": "What the model is asked.",
            "Column with accepted answers": "Without one nothing is judged right or wrong.",
            "Column with an id": "May be left empty: the rows are then numbered.",
        }
        mapping = [gr.Dropdown([], label=name, info=about, allow_custom_value=True) for name, about in names.items()]
        separator = gr.Dropdown(
            list(_SEPARATORS),
            label="Between several answers",
            info="A list in JSON is read as one, whatever is chosen.",
            filterable=False,
        )
    shown = gr.Dataframe(label="The first rows, as they will be read", interactive=False, visible=False, wrap=True)
    return Upload([file, has_names, *mapping, separator], shown, said)


def connect(upload: Upload, n: gr.Slider) -> None:
    """Shows what is read of a file as soon as it is there, and again whenever a column is chosen."""
    file, has_names, *chosen = upload.inputs
    quiet: Any = {"show_progress": "hidden", "api_visibility": "private"}
    drawn = [upload.shown, upload.said, n]
    file.change(_opened, file, [has_names, *chosen, *drawn], **quiet)
    has_names.input(_opened, [file, has_names], [has_names, *chosen, *drawn], **quiet)
    gr.on([one.input for one in chosen], _chosen, upload.inputs, drawn, **quiet)


def own_questions(given: Given) -> list[Question]:
    """The questions in the uploaded file. Raises DataError when there is none, or it holds something else."""
    if given.file is None:
        raise DataError("Choose a file with questions first.")
    return list(questions_of(_table(given), _columns(given)).questions)


def _table(given: Given) -> Table:
    return read_table(given.file or "", UPLOAD, given.has_names)


def _columns(given: Given) -> Columns:
    return Columns(given.text, given.accepted, given.id, separator=_SEPARATORS.get(given.separator, "|"))


def _opened(path: str | None, has_names: bool | None = None) -> list[Update]:
    """What a new file holds, and which of its columns look like question, answers and id."""
    nothing = [gr.update(visible=False), *[gr.update(choices=[], value=None)] * 3, gr.skip(), gr.update(visible=False)]
    if path is None:
        return [*nothing, "", gr.skip()]
    try:
        table = read_table(path, UPLOAD, has_names)
    except UaitError as err:
        return [*nothing, str(err), gr.skip()]
    columns = guessed(table)
    named = gr.update(value=table.has_names is not False, visible=table.has_names is not None)
    guesses = (columns.text, columns.references, columns.id)
    mapping = [gr.update(choices=list(table.columns), value=guess) for guess in guesses]
    return [named, *mapping, _SHOWN_WITH[columns.separator], *_drawn(table, columns)]


def _chosen(*values: Any) -> list[Update]:
    given = Given(*values)
    if given.file is None:
        return [gr.skip()] * 3
    try:
        return _drawn(_table(given), _columns(given))
    except UaitError as err:
        return [gr.update(visible=False), str(err), gr.skip()]


def _drawn(table: Table, columns: Columns) -> list[Update]:
    """The first rows, a sentence on how they are read and what is left out, and how many questions there are."""
    n = len(table.rows)
    taken, said = None, [f"{table.name} holds {n:,} row{'' if n == 1 else 's'}.", *table.notes]
    if columns.text is None:
        said.append("Choose the column that holds the questions.")
    else:
        try:
            taken = questions_of(table, columns)
            said += _sentences(taken)
        except UaitError as err:
            said.append(str(err))
    headers, rows = preview(table, taken)
    size = min(len(taken.questions) if taken else 1, limits.most_labels())
    slider = gr.update(maximum=max(2, size), value=size) if taken else gr.skip()
    shown = gr.update(value={"headers": headers, "data": rows}, column_widths=_WIDTHS if taken else None, visible=True)
    return [shown, " ".join(said), slider]


def _sentences(taken: Taken) -> list[str]:
    said = [f"Questions to ask: {len(taken.questions):,}.", *left_out_lines({**taken.left_out, **taken.repeated})]
    if taken.n_unanswered:
        said.append(f"Without an accepted answer, so neither right nor wrong: {taken.n_unanswered:,}.")
    return said


def _templates() -> str:
    """Links to two small files of the right form, which are part of the page."""
    table = io.StringIO()
    csv.writer(table).writerows([("question", "answers"), *((q, " | ".join(a)) for q, a in _TEMPLATE.items())])
    lines = (json.dumps({"question": q, "answers": a}, ensure_ascii=False) + "\n" for q, a in _TEMPLATE.items())
    files = {"questions.csv": "\ufeff" + table.getvalue(), "questions.jsonl": "".join(lines)}  # the mark is for Excel
    links = (
        f'<a translate="no" download="{name}" href="data:text/plain;charset=utf-8,{escape(quote(text))}">{name}</a>'
        for name, text in files.items()
    )
    return f"<p>Templates to fill in: {' '.join(links)}</p>"
