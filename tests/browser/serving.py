"""A page around whatever a test builds, served from this process on a free port; and one in a process of its own."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

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


@contextmanager
def until_the_end(process: "subprocess.Popen[Any]", url: str, log: Path) -> Iterator[None]:
    """The block, once the page of this process answers; then kills it.

    Raises AssertionError with the end of its log when it ends before, or takes longer than five minutes.
    """
    end = time.monotonic() + 300
    try:
        while not _answers(url):
            assert process.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
