"""The README's commands that need the embedded model."""

import json
from pathlib import Path

import pytest

from tests.readme import WITH_MODEL, Block, blocks_of, run_block

BLOCKS = blocks_of("README.md", WITH_MODEL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.code.splitlines()[0])
def test_readme_block_runs(block: Block, tmp_path: Path) -> None:
    printed = run_block(block, tmp_path)
    assert "Paris" in printed


def test_readme_json_is_json(tmp_path: Path) -> None:
    (line,) = [line for block in BLOCKS for line in block.code.splitlines() if "--json" in line]
    reply = json.loads(run_block(Block(WITH_MODEL, "bash", line), tmp_path))
    assert {"answer", "confidence", "decision", "final"} <= reply.keys()
