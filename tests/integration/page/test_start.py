"""The page as `python app.py` opens it: it asks no other machine, whatever the environment allows."""

import json
import os
import subprocess
import sys

# Every address that this process asks for, while the page opens and its model answers the question it warms up with.
OPEN = """
import json, sys, threading

asked = []
def note(event, given):
    if event in ("socket.connect", "socket.sendto"):
        asked.append(str(given[1][0] if isinstance(given[1], tuple) else given[1]))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        asked.append(str(given[0]))
sys.addaudithook(note)

import gradio as gr, httpx
from uait.data import catalogue
from uait.page import app

open_page, warm_up, is_warm = gr.Blocks.launch, app._warm_up, threading.Event()
def launch(page, **given):
    open_page(page, **{**given, "prevent_thread_lock": True, "quiet": True, "server_port": None})
    assert httpx.get(page.local_url).status_code == 200
def warm(models):
    warm_up(models)
    is_warm.set()
gr.Blocks.launch, app._warm_up, app.names = launch, warm, lambda: ("pocket",)
app.serve(catalogue.preset("pocket"))
assert is_warm.wait(120)
print(json.dumps(asked))
"""


def test_nobody_is_asked_while_the_page_opens() -> None:
    free = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "GRADIO_"))}
    opened = subprocess.run([sys.executable, "-c", OPEN], capture_output=True, text=True, env=free, timeout=300)
    assert opened.returncode == 0, opened.stderr[-2000:]
    asked = set(json.loads(opened.stdout.splitlines()[-1]))
    assert asked and asked <= {"127.0.0.1", "localhost", "::1", "0.0.0.0"}
