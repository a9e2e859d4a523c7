"""The code blocks of our documents. The comment line above each says whether, and with what, a test runs it."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLAIN, WITH_MODEL = "run", "run with the embedded model"

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
_PRINTED = re.compile(r"^print\(.*\)  # (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block: `mark` is the comment above it, or None."""

    mark: str | None
    language: str
    code: str


def read_blocks(text: str) -> list[Block]:
    """The fenced blocks of a Markdown text, in order."""
    return [Block(found["mark"], found["language"], found["code"]) for found in _BLOCK.finditer(text)]


def blocks_of(document: str, mark: str) -> list[Block]:
    """The blocks of a document of ours that carry `mark`."""
    return [block for block in read_blocks((ROOT / document).read_text(encoding="utf-8")) if block.mark == mark]


def run_block(block: Block, folder: Path) -> str:
    """What the block prints when it runs in `folder`, with `python` meaning this one. Fails when a command does."""
    command = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run([*command, block.code], capture_output=True, text=True, cwd=folder, env=environment)
    assert ran.returncode == 0, f"{block.code}\nended with code {ran.returncode}:\n{ran.stderr}"
    return ran.stdout


def promised_lines(block: Block) -> list[str]:
    """What a Python block says it prints: the comment after each print."""
    return _PRINTED.findall(block.code)
