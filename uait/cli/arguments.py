"""Command-line flags made from the settings records, and settings made from the flags that were given.

Default, range, choices and help of a flag are its field's; where two stages share a name, the stage stands first.
Knows nothing about verbs, models or printing.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from uait.data.catalogue import preset, starting
from uait.data.files import read_json
from uait.data.presets import paper
from uait.records.errors import SettingsError
from uait.runs.folder import RunFolder
from uait.settings import Setting, Settings, is_port, settings_of

_KINDS: dict[type, tuple[str, str]] = {int: ("N", "whole number"), float: ("X", "number"), str: ("TEXT", "text")}


class Parser(argparse.ArgumentParser):
    """A parser that raises SettingsError, one sentence, where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Raises SettingsError."""
        raise SettingsError(f"{message}; see `{self.prog} --help`.")


def starting_settings(argv: Sequence[str]) -> Settings:
    """The defaults of the flags: what suits `--model` or the environment, and what the folder of `--run` was made with.

    So a run goes on with its own settings when no flag is repeated. `--preset paper` puts the paper's over both.
    Raises DataError when the folder's are broken.
    """
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--model", nargs="?")
    parser.add_argument("--run", nargs="?")
    parser.add_argument("--preset", nargs="?")
    known, _ = parser.parse_known_args(argv)
    settings = _without_preset(known)
    return paper(settings) if known.preset == "paper" else settings


def _without_preset(known: argparse.Namespace) -> Settings:
    folder = RunFolder(Path(known.run)) if known.run else None
    if folder is None or not folder.file("settings.json").exists():
        return starting(known.model)
    own = folder.settings()
    stages = read_json(folder.file("settings.json"))
    return replace(preset(known.model or own.model.model), **{stage: getattr(own, stage) for stage in stages})


def add_flags(parser: argparse.ArgumentParser, settings: Settings, stages: Sequence[str]) -> None:
    """Gives the parser a flag for every field of these stages, with the values in `settings` as defaults."""
    n_uses = Counter(setting.name for stage in stages for setting in settings_of(getattr(settings, stage)))
    for stage in stages:
        values = getattr(settings, stage)
        group = parser.add_argument_group(f"{stage} settings", (type(values).__doc__ or "").splitlines()[0])
        for setting in settings_of(values):
            name = setting.name if n_uses[setting.name] == 1 else f"{stage}_{setting.name}"
            group.add_argument(
                f"--{name.replace('_', '-')}",
                dest=f"{stage}.{setting.name}",
                default=argparse.SUPPRESS,
                help=_help(setting, getattr(values, setting.name)),
                **_kind(setting),
            )


def with_flags(settings: Settings, options: argparse.Namespace) -> Settings:
    """The settings with the flags that were given put in. Raises SettingsError when one is out of its range."""
    flags: dict[str, dict[str, Any]] = defaultdict(dict)
    for dest, value in vars(options).items():
        stage, dot, name = dest.partition(".")
        if dot:
            flags[stage][name] = value
    return replace(settings, **{stage: replace(getattr(settings, stage), **values) for stage, values in flags.items()})


def port(text: str) -> int:
    """A port from its text. Raises ArgumentTypeError when it is none."""
    if not is_port(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; choose a number from 1 to 65535")
    return int(text)


def positive(text: str) -> int:
    """A whole number above 0 from its text. Raises ArgumentTypeError when it is none."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _help(setting: Setting, value: Any) -> str:
    limits = "" if setting.low is None else f"{_plain(setting.low)} to {_plain(setting.high)}, "
    return f"{setting.help} ({limits}default {_plain(value)})".replace("%", "%%")


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _kind(setting: Setting) -> dict[str, Any]:
    """What argparse must know about a field's type."""
    if setting.kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if setting.choices:
        # argparse would part them by commas, which some of them hold
        return {"choices": setting.choices, "metavar": "|".join(setting.choices)}
    return {"type": _reader(setting.kind, setting.may_be_none), "metavar": _KINDS[setting.kind][0]}


def _reader(kind: type, is_optional: bool) -> Callable[[str], Any]:
    """Reads one value from its text; `none` is None where the field may be."""

    def read(text: str) -> Any:
        if is_optional and text.lower() == "none":
            return None
        try:
            return kind(text)
        except ValueError:
            or_none = ", nor 'none'" if is_optional else ""
            raise argparse.ArgumentTypeError(f"{text!r} is no {_KINDS[kind][1]}{or_none}") from None

    return read
