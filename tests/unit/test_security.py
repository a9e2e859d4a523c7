"""SECURITY.md promises nothing without a test, and no model brings code."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from tests.readme import ROOT

NAMED = re.compile(r"`(test_\w+)`")


def _without_test(text: str, known: set[str]) -> list[str]:
    """The lines that name no test, and the tests that are not there."""
    bare = [line for line in text.splitlines() if line.startswith("- ") and not NAMED.search(line)]
    return bare + [name for name in NAMED.findall(text) if name not in known]


def test_every_line_of_the_threat_model_names_tests_that_exist() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    known = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.M)}
    assert _without_test((ROOT / "SECURITY.md").read_text(encoding="utf-8"), known) == []


def test_a_promise_without_a_test_is_noticed() -> None:
    assert _without_test("- cannot fly.\n- cannot swim: `test_water`.", set()) == [
        "- cannot fly.",
        "test_water",
    ]


def _loads() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each place in `uait` that loads what somebody else may have made: what is called, its constant arguments."""
    for path in (ROOT / "uait").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and re.fullmatch(r"Auto\w+\.from_pretrained", called):
                constants = {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
                yield f"{path.name}: {ast.unparse(node)}", constants


def test_a_model_brings_data_and_no_code() -> None:
    loads = list(_loads())
    assert len(loads) >= 6
    assert [where for where, given in loads if given.get("trust_remote_code") is not False] == []
    models = [(where, given) for where, given in loads if "AutoModel" in where and "_source(file)" not in where]
    assert models  # those from a GGUF file are no pickle
    assert [where for where, given in models if given.get("use_safetensors") is not True] == []
    text = (ROOT / "uait" / "models" / "similarity.py").read_text(encoding="utf-8")
    assert text.count("**_DATA_ONLY)") == len(re.findall(r"= (?:SentenceTransformer|CrossEncoder)\(", text)) == 2
    for path in (ROOT / "uait").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert source.count("torch.load(") == source.count("weights_only=True"), path
        assert not re.search(r"pickle\.loads?\(|allow_pickle=True|trust_remote_code=True", source), path
