"""Documents keep their promises: code runs, the file map is the tree, the Space reads what space.yaml says."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.readme import PLAIN, ROOT, WITH_MODEL, Block, blocks_of, promised_lines, read_blocks, run_block

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
# Written in two halves, so that this file does not hold what it forbids.
_HALVES = (("pypi", r"\.org"), ("python", r"hosted\.org"), ("npm", r"js\.(?:org|com)"), ("index", "-url"))
REGISTRY = re.compile("|".join(first + second for first, second in _HALVES))
LOCAL_PATH = re.compile(r"(?<![\w.:/<{}-])/(?:work|root|home|tmp|Users)/\w")


def committed_texts() -> Iterator[tuple[str, str]]:
    """Path and text of every text file that git keeps or would keep."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # weights and pictures; a file just deleted


def front_matter() -> dict[str, object]:
    return yaml.safe_load(README.split("---\n")[1])


def test_space_yaml_equals_what_the_space_reads() -> None:
    text = (ROOT / "space.yaml").read_text(encoding="utf-8")
    assert text.startswith("# A Space reads the block at the top of README.md")
    assert yaml.safe_load(text) == front_matter()


def test_front_matter_is_what_a_space_accepts() -> None:
    front = front_matter()
    assert front["python_version"] in ("3.10", "3.12")  # quoted: YAML reads 3.10 as 3.1; ZeroGPU offers these two
    assert len(str(front["short_description"])) <= 60
    assert {front["colorFrom"], front["colorTo"]} <= COLOURS
    assert (ROOT / str(front["app_file"])).is_file()


def test_space_runs_the_gradio_that_was_tested() -> None:
    assert f"gradio=={front_matter()['sdk_version']}\n" in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")


def test_file_map_names_every_file_and_nothing_else() -> None:
    listing = README.split("<!-- files -->\n```text\n")[1].split("```")[0]
    named = [line.split()[0] for line in listing.splitlines()]
    assert [name for name in named if not (ROOT / name).exists()] == []
    folders = tuple(name for name in named if name.endswith("/"))
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "uait").rglob("*.py")]
    unnamed = [f for f in files if f not in named and not f.startswith(folders) and not f.endswith("__.py")]
    assert unnamed == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_code_block_says_whether_it_is_run(document: str) -> None:
    blocks = read_blocks((ROOT / document).read_text(encoding="utf-8"))
    silent = [b.code for b in blocks if b.language in ("bash", "python") and not is_marked(b)]
    assert silent == []


def is_marked(block: Block) -> bool:
    return block.mark in (PLAIN, WITH_MODEL) or (block.mark or "").startswith("not run: ")


@pytest.mark.parametrize("block", blocks_of("README.md", PLAIN), ids=lambda block: block.code.splitlines()[0])
def test_readme_block_runs_and_prints_what_it_promises(block: Block, tmp_path: Path) -> None:
    printed = run_block(block, tmp_path)
    assert promised_lines(block) in ([], printed.splitlines())
    assert printed


def test_a_block_that_fails_is_noticed(tmp_path: Path) -> None:
    (block,) = read_blocks("<!-- run -->\n```bash\nfalse\necho late\n```\n")
    with pytest.raises(AssertionError, match="ended with code 1"):
        run_block(block, tmp_path)


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = [
        f"{name}: {match[0]}"
        for name, text in committed_texts()
        for pattern in (REGISTRY, LOCAL_PATH)
        for match in pattern.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize("text", ["see /ho" + "me/ann/x", 'Path("/wo' + 'rk/main")', "cd /tm" + "p/x"])
def test_a_path_of_one_machine_is_recognised(text: str) -> None:
    assert LOCAL_PATH.search(text)


def test_an_address_on_the_web_is_no_local_path() -> None:
    assert not LOCAL_PATH.search("https://example.org/home/page and docs/work/plan")


def test_every_file_is_small_enough_for_a_repository() -> None:
    large = [p.name for p in (ROOT / "assets").rglob("*") if p.is_file() and p.stat().st_size > 25_000_000]
    assert large == []


def walks() -> list[list[str]]:
    """The hops of each walk in CONTRIBUTING.md: dotted names, and paths."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [re.findall(r"^\d\. `([^`]+)`", walk.split("\n\n")[0], re.M) for walk in text.split("<!-- walk -->")[1:]]


def source_of(hop: str) -> str:
    """The text of the function, method or file that a hop names. Raises LookupError when there is none."""
    if (ROOT / hop).is_file():
        return (ROOT / hop).read_text(encoding="utf-8")
    parts = hop.split(".")
    n = next((n for n in range(len(parts), 1, -1) if (ROOT / "/".join(parts[:n])).with_suffix(".py").is_file()), 0)
    if n == 0:
        raise LookupError(hop)
    text = (ROOT / "/".join(parts[:n])).with_suffix(".py").read_text(encoding="utf-8")
    node: ast.AST = ast.parse(text)
    for name in parts[n:]:
        named = [part for part in ast.iter_child_nodes(node) if getattr(part, "name", None) == name]
        if not named:
            raise LookupError(hop)
        node = named[0]
    return ast.get_source_segment(text, node) or ""


@pytest.mark.parametrize("walk", walks(), ids=lambda walk: walk[0])
def test_each_hop_of_a_walk_is_there(walk: list[str]) -> None:
    assert 2 <= len(walk) <= 8
    assert all(source_of(hop) for hop in walk)


def test_a_hop_that_is_not_there_is_noticed() -> None:
    with pytest.raises(LookupError):
        source_of("uait.stages.ask.answer_it_all")


def test_every_test_that_the_pages_promises_name_is_there() -> None:
    rows = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", rows))
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = {name for source in sources for name in re.findall(r"^def (test_\w+)\(", source, re.M)}
    assert len(named) > 40 and named - there == set()
