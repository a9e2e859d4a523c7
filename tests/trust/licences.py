"""python -m tests.trust.licences: what the product needs, directly or not, by the licence that each package names."""

from collections import defaultdict
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.readme import ROOT


def needed() -> dict[str, Distribution]:
    """The installed packages that requirements.txt asks for, and what those bring along, by name."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    todo = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    found: dict[str, Distribution] = {}
    while todo:
        wanted = Requirement(todo.pop())
        name = canonicalize_name(wanted.name)
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # not on this machine: what is for others
            continue
        todo += found[name].requires or []
    return found


def licence_of(package: Distribution) -> str:
    """The licence as the package names it; "?" where it names none."""
    data = package.metadata
    named = [line.split("::")[-1].strip() for line in data.get_all("Classifier") or [] if line.startswith("License")]
    return data["License-Expression"] or ", ".join(named) or (data["License"] or "?").split("\n")[0]


def table() -> str:
    """Markdown: a row per licence, the commonest first."""
    by_licence: dict[str, list[str]] = defaultdict(list)
    for name, package in needed().items():
        by_licence[licence_of(package)].append(name)
    rows = sorted(by_licence.items(), key=lambda item: (-len(item[1]), item[0]))
    return "\n".join(["| licence | packages |", "|---|---|", *(f"| {k} | {', '.join(sorted(v))} |" for k, v in rows)])


if __name__ == "__main__":
    print(table())  # noqa: T201
