"""Who may import whom. RANKS is the one place where the order is written down; CONTRIBUTING.md points here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400

# A file may import from the ranks above its own only. Files of one rank do not import each other, except inside pocket.
RANKS: tuple[tuple[str, ...], ...] = (
    ("uait.errors",),
    ("uait.records",),
    ("uait.settings",),
    ("uait.prompts", "uait.sar", "uait.labelling", "uait.gate", "uait.metrics"),
    ("uait.baselines", "uait.distillation", "uait.opinions", "uait.lessons"),
    ("uait.store",),
    ("uait.models",),
    ("uait.calibration", "uait.sampling", "uait.relevance", "uait.teaching"),
    ("uait.answering", "uait.retrieval", "uait.training"),
    ("uait.rounds",),
    ("uait.pipeline",),
    ("uait.evaluation",),
    ("uait.comparison", "uait.distil_sweep"),
    ("uait.work", "uait.uploads"),
    ("uait.jobs",),
    ("uait.adapters", "uait.visitors"),
    ("uait.pocket.*", "uait.ui.present", "uait.arguments", "uait.terminal"),
    ("uait.ui.present_*",),
    ("uait.ui.telling",),
    ("uait.ui.components",),
    ("uait.ui.run_components", "uait.ui.run_actions", "uait.ui.calls"),
    ("uait.ui.tabs.*", "uait.ui.menu", "uait.ui.endpoints"),
    ("uait.ui.page",),
    ("uait.cli",),
    ("uait.__main__", "app"),
)
PURE = {name for rank in RANKS[:6] for name in rank} | {"uait.ui.present", "uait.ui.present_compare"}
PURE |= {"uait.ui.present_learn", "uait.ui.telling", "uait.ui.present_evaluate", "uait.ui.present_export"}
ENGINES = {name for rank in RANKS[6:9] for name in rank}
MAY_BE_HEAVY = ENGINES | {
    "uait.pocket.*",
    "uait.ui.components",
    "uait.ui.run_components",
    "uait.ui.tabs.*",
    "uait.ui.menu",
    "uait.ui.endpoints",
    "uait.ui.page",
}
HEAVY = {"torch", "transformers", "peft", "accelerate", "sentence_transformers"} | {"gradio", "plotly"}
HEAVY |= {"sklearn", "datasets", "bm25s", "ddgs"}
# What the standard library only has from 3.11 or later; this project still runs on 3.10.
TOO_NEW = {"enum.StrEnum", "datetime.UTC", "typing.Self", "typing.override", "typing.assert_never", "typing.Never"}
TOO_NEW |= {"itertools.batched", "contextlib.chdir", "asyncio.timeout", "asyncio.TaskGroup", "hashlib.file_digest"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


FILES = {
    module_name(path): path
    for path in [*sorted((ROOT / "uait").rglob("*.py")), ROOT / "app.py"]
    if path.name != "__init__.py"
}


def rank_of(module: str) -> int | None:
    return next((i for i, rank in enumerate(RANKS) if any(fnmatch(module, pattern) for pattern in rank)), None)


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Every module that the source names, wherever the import stands; `from a import b` also as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imports_of(module: str) -> set[str]:
    return set(imported_names(ast.parse(FILES[module].read_text(encoding="utf-8"))))


def broken_rules(module: str, imported: set[str]) -> list[str]:
    """One sentence per import that the order forbids."""
    mine = rank_of(module)
    if mine is None:
        return [f"{module} has no place in RANKS; give it one."]
    sentences = [f"{module} imports {name}: name the package in full." for name in imported if name.startswith(".")]
    for name in sorted(imported & FILES.keys()):
        theirs = rank_of(name)
        is_pocket_inside = name.startswith("uait.pocket.") and module.startswith("uait.pocket.")
        if theirs is not None and theirs >= mine and not is_pocket_inside:
            sentences.append(f"{module} imports {name}, which is not above it in RANKS.")
    return sentences


@pytest.mark.parametrize("module", FILES)
def test_file_imports_only_from_the_ranks_above_it(module: str) -> None:
    assert broken_rules(module, imports_of(module)) == []


def test_the_rule_sees_upward_sideways_relative_and_unranked_imports() -> None:
    source = "def f():\n    from uait import store\nimport uait.gate\nfrom . import prompts\nimport numpy"
    found = broken_rules("uait.sar", set(imported_names(ast.parse(source))))
    assert len([s for s in found if "uait.store" in s]) == 1  # upward, inside a function
    assert len([s for s in found if "uait.gate" in s]) == 1  # same rank
    assert any("in full" in s for s in found)  # relative
    assert len(broken_rules("uait.helpers", set())) == 1  # a file nobody ranked


def test_every_rank_names_a_file_that_exists() -> None:
    missing = [p for rank in RANKS for p in rank if not any(fnmatch(module, p) for module in FILES)]
    assert missing == []


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_file_imports_only_the_standard_library_and_numpy(module: str) -> None:
    allowed = sys.stdlib_module_names | {"numpy", "uait"}
    assert {name.split(".")[0] for name in imports_of(module)} - allowed == set()


def modules_after_importing(*modules: str) -> set[str]:
    code = "import sys; [__import__(name) for name in sys.argv[1:]]; print(*sys.modules)"
    command = [sys.executable, "-c", code, *modules]
    return set(subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.split())


def test_importing_the_pure_files_loads_no_heavy_library() -> None:
    loaded = modules_after_importing(*sorted(PURE))
    assert {"numpy", *PURE} <= loaded  # the probe sees what was imported
    assert loaded & HEAVY == set()


def test_importing_the_command_line_loads_no_heavy_library() -> None:
    assert modules_after_importing("uait.cli") & HEAVY == set()


def test_heavy_libraries_are_imported_by_engines_and_page_only() -> None:
    users = {module for module in FILES if {name.split(".")[0] for name in imports_of(module)} & HEAVY}
    assert {module for module in users if not any(fnmatch(module, pattern) for pattern in MAY_BE_HEAVY)} == set()


@pytest.mark.parametrize("module", FILES)
def test_file_is_short_enough_to_read_at_once(module: str) -> None:
    n_lines = len(FILES[module].read_text(encoding="utf-8").splitlines())
    assert n_lines <= MAX_LINES, f"{module} has {n_lines} lines; split it at {MAX_LINES}."


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"util", "utils", "helper", "helpers", "common", "misc"}
    assert {module for module in FILES if module.split(".")[-1] in drawers} == set()


@pytest.mark.parametrize("path", [*FILES.values(), *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda path: path.name)
def test_file_runs_on_python_3_10(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
    assert (set(imported_names(tree)) | attribute_names(tree)) & TOO_NEW == set()


def attribute_names(tree: ast.AST) -> set[str]:
    """Every `module.name` that the source reads."""
    reads = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {f"{node.value.id}.{node.attr}" for node in reads if isinstance(node.value, ast.Name)}


def test_a_name_of_python_3_11_is_noticed() -> None:
    tree = ast.parse("import datetime\nfrom enum import StrEnum\nnow = datetime.UTC")
    assert (set(imported_names(tree)) | attribute_names(tree)) & TOO_NEW == {"enum.StrEnum", "datetime.UTC"}
