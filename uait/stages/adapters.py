"""Which adapters may answer, and the engines around each: loaded when first asked for, a few kept.

An adapter is chosen by a name that travels with every call. Nothing is ever switched, so that nobody's choice changes
what somebody else hears. Knows run folders and engines, nothing of pages.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from uait.records.errors import DataError
from uait.runs import jobs
from uait.stages.pipeline import Engines, with_adapter

SHIPPED, NONE = "shipped", "none"
CARD = "adapter/card.json"
KEPT = 3  # engines beside the shipped ones: each holds a model of its own

Key = tuple[str, int]  # an adapter's folder, and when it was written: tuned again, it is loaded again


class Shelf:
    """The engines that a page was started with, and those made from them around other adapters."""

    def __init__(self, shipped: Engines, load: Callable[[Engines, Path | None], Engines] = with_adapter) -> None:
        self.shipped = shipped
        self._load = load
        self._kept: OrderedDict[Key, Engines] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, name: str | None, root: Path) -> Key | None:
        """What `engines` takes for a name from the menu; runs are looked for below `root` alone. None: the shipped one.

        Raises DataError when there is no adapter of this name.
        """
        if name in (None, "", SHIPPED):
            return None
        if name == NONE:
            return NONE, 0
        card = next((run / CARD for run in tuned(root) if run.name == name), None)
        if card is None:
            raise DataError(f"There is no adapter named {str(name)[:60]!r} here any more; choose another one.")
        return str(card.parent), card.stat().st_mtime_ns

    def engines(self, key: Key | None) -> Engines:
        """The engines around that adapter. Raises ModelError when it can't be loaded, or was tuned on another model."""
        if key is None:
            return self.shipped
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._load(self.shipped, None if key[0] == NONE else Path(key[0]))
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]


def tuned(root: Path) -> list[Path]:
    """The runs below `root` that hold a finished adapter, the newest first."""
    return [run for run in jobs.runs(root) if (run / CARD).is_file()]
