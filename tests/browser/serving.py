"""A page around whatever a test builds, served from this process on a free port."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr


@contextmanager
def served(demo: "gr.Blocks", **more: Any) -> Iterator[str]:
    """The page's address until the block ends; launched as the product is, with `more` arguments of a test's own."""
    from uait.page import app  # noqa: PLC0415 - gradio takes seconds; other tiers must not pay for it

    port = free_port()
    place = {"server_name": "127.0.0.1", "server_port": port, "prevent_thread_lock": True, "quiet": True}
    demo.launch(**{**app.launch_arguments(), **place, **more})
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        demo.close()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
