"""The events of a stage as a person at a terminal sees them: a bar per stage on stderr. Events in, their result out."""

import shutil
import sys
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from uait.cli.terminal import printable
from uait.records import Done, Event, Partial, Progress


def say_loading() -> None:
    """A person who waits is told: the stages take some seconds to import."""
    if sys.stderr.isatty():
        sys.stderr.write("loading ...\n")


def say(sentence: str) -> None:
    """A line on stderr, beside what the command is asked for."""
    sys.stderr.write(f"{printable(sentence)}\n")


def followed(events: Iterator[Event]) -> Any:
    """The last event's record; progress is a bar per stage on stderr, written rarely where nobody watches."""
    bar: Any = None
    try:
        for event in events:
            if isinstance(event, Done):
                return event.record
            if isinstance(event, Progress):
                bar = _advanced(bar, event)
    finally:
        if bar is not None:
            bar.close()
    raise AssertionError("the events ended without a result")


def _advanced(bar: Any, event: Progress) -> Any:
    if bar is None or bar.desc != event.stage:
        if bar is not None:
            bar.close()
        interval = 0.1 if sys.stderr.isatty() else 10.0
        bar = tqdm(desc=event.stage, total=event.total, initial=event.done, mininterval=interval, file=sys.stderr)
    bar.set_postfix_str(printable(event.note)[:60], refresh=False)
    bar.update(event.done - bar.n)
    return bar


def streamed(events: Iterator[Event], is_live: bool) -> Any:
    """The last event's record; meanwhile, when `is_live`, one line of the terminal shows the answer as it grows."""
    for event in events:
        if isinstance(event, Done):
            _show_live("", is_live)
            return event.record
        _show_live(event.text if isinstance(event, Partial) else event.note, is_live)
    raise AssertionError("the events ended without a result")


def _show_live(text: str, is_live: bool) -> None:
    if is_live:
        width = shutil.get_terminal_size().columns - 1
        sys.stdout.write(f"\r\x1b[K{printable(text)[:width]}")
        sys.stdout.flush()
