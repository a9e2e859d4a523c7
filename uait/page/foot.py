"""The foot of every tab: where the method, the code, the licence and the model's card are."""

from html import escape

import gradio as gr

from uait.page.place import Place
from uait.settings import space_name

PAPERS = {
    "The method (UaIT, EMNLP 2024)": "https://aclanthology.org/2024.emnlp-main.1205",
    "Its teacher (SAR, ACL 2024)": "https://arxiv.org/abs/2307.01379",
}


def build(place: Place) -> None:
    """Places it. The files are links on a Space, where they lie beside the page."""
    files = {"Code": "uait", "Licence": "LICENSE"}
    if place.description is not None:
        files["Model card"] = f"assets/{place.description.name}/README.md"
    parts = [_link(name, address) for name, address in PAPERS.items()]
    parts += [_file(name, path) for name, path in files.items()]
    gr.HTML(f"<footer>{' '.join(parts)}</footer>", elem_id="foot", apply_default_css=False)


def _file(name: str, path: str) -> str:
    if space_name():
        return _link(name, f"https://huggingface.co/spaces/{space_name()}/tree/main/{path}")
    return f"<span>{escape(name)}</span> <code>{escape(path)}</code>"


def _link(name: str, address: str) -> str:
    return f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(name)}</a>'
