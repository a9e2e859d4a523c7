"""The vote of a room: the lecturer's count of hands at a step of the lesson, and the page for the phones.

Not on a Space, whose visitors sit in no room together: there hands alone are counted.
"""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from uait import settings
from uait.page.components import Drawn
from uait.page.lesson.ballot import Ballot, Vote
from uait.records.errors import DataError

PATH = "vote"
WAIT = "There is nothing to vote on yet: wait for the lecturer."
COUNTED = "Counted. You may still change your mind."
_JOIN = "Vote on your phone:"
_UNREACHED = (
    "Phones can’t reach this address. Start the page with UAIT_HOST=0.0.0.0, and open it by this machine’s name:"
)
EVERY = 2.0  # s between two looks
_QUIET: Any = {"api_visibility": "private", "show_progress": "hidden", "queue": False}

Update = Any  # a value for a component, or gr.skip()


class VotePart(Drawn):
    """The options with their counts. `phones`: the lecturer lets them vote."""

    scripts = ("vote.js",)
    triggers = ("phones",)


def count(slide: dict[str, Any], ballot: Ballot) -> None:
    """Places the count of a slide's options in the current Blocks; nothing where there is none to vote on."""
    options = slide["options"]
    if not options:
        return
    vote = Vote(slide["opens"], tuple(option["text"] for option in options))
    closed = {"options": options, "phones": [], "is_offered": not settings.is_space()}
    part = VotePart(closed, elem_classes="vote-block", label="vote")
    timer = gr.Timer(EVERY, active=False)

    def start(request: gr.Request) -> tuple[Update, Update]:
        ballot.open(vote)
        return {**closed, "phones": ballot.counts(vote), **_invitation(request)}, gr.Timer(active=True)

    def look(request: gr.Request) -> tuple[Update, Update]:
        if ballot.vote != vote:
            return closed, gr.Timer(active=False)
        return {**closed, "phones": ballot.counts(vote), **_invitation(request)}, gr.skip()

    part.phones(start, outputs=[part, timer], **_QUIET)
    timer.tick(look, outputs=[part, timer], **_QUIET)


def _invitation(request: gr.Request) -> dict[str, Any]:
    """The address of the phones' page, as the lecturer's browser knows this machine; or how it would have one."""
    headers = request.headers
    scheme = headers.get("x-forwarded-proto") or urlsplit(headers.get("origin") or "").scheme or "http"
    host = headers.get("x-forwarded-host") or headers["host"]
    parts = urlsplit(f"{scheme}://{host}/{PATH}")
    if parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return {"about": _UNREACHED, "address": f"{scheme}://{socket.gethostname()}:{parts.port}"}
    return {"about": _JOIN, "address": parts.geturl()}


def page(ballot: Ballot) -> None:
    """Places the phones' page in the current Blocks."""
    gr.Markdown("# What do you think?")
    choice = gr.Radio([], label=WAIT, elem_id="vote-choice")
    said = gr.Markdown("", elem_id="vote-said")
    seen: Any = gr.State(None)
    gr.Timer(EVERY).tick(_looker(ballot), seen, [choice, said, seen], **_QUIET)
    choice.input(_chooser(ballot), choice, said, **_QUIET)


def _looker(ballot: Ballot) -> Callable[[Vote | None], tuple[Update, Update, Update]]:
    def look(seen: Vote | None) -> tuple[Update, Update, Update]:
        vote = ballot.vote
        if vote is None or vote == seen:
            return gr.skip(), gr.skip(), gr.skip()
        options = [(text, i) for i, text in enumerate(vote.options)]
        return gr.Radio(options, label=vote.question, value=None), "", vote

    return look


def _chooser(ballot: Ballot) -> Callable[[int, gr.Request], str]:
    def choose(chosen: int, request: gr.Request) -> str:
        try:
            ballot.choose(str(request.session_hash), chosen)
        except DataError as err:
            return str(err)
        return COUNTED

    return choose
