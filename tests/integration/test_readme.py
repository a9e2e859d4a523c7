"""The README's commands that need the embedded model."""

import json
from pathlib import Path

from tests.readme import WITH_MODEL, blocks_of, run_block


def test_readmes_questions_are_answered_in_words_and_as_json(tmp_path: Path) -> None:
    (block,) = blocks_of("README.md", WITH_MODEL)
    words, brace, reply = run_block(block, tmp_path).partition("{")
    assert "Paris" in words
    assert {"answer", "confidence", "decision", "final"} <= json.loads(brace + reply).keys()
