"""What the hub's own library does for the named sets, without a network."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from uait.data import named
from uait.data.named import read_set


def test_an_archive_is_read_relation_by_relation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "dataset/test/P17.test.json": [{"question": "Where is A?", "answers": ["X"]}] * 2,
        "dataset/test/P19.test.json": [{"question": "Where was B born?", "answers": ["Y"]}],
        "dataset/train/P17.train.json": [{"question": "Where is C?", "answers": ["Z"]}],
        "dataset/one-off/P17.test.json": [{"question": "no", "answers": ["no"]}],
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, rows in files.items():
            archive.writestr(name, json.dumps(rows))
    monkeypatch.setattr(named, "urlopen", lambda url, timeout: io.BytesIO(content.getvalue()))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert [q.id for q in read_set("entity_questions", cache=tmp_path)] == ["P17_0", "P17_1", "P19_0"]


@pytest.mark.parametrize("source", ["sciq[:5]", "entity_questions[:5]"])
def test_without_a_hub_one_sentence_says_what_to_do(source: str, tmp_path: Path) -> None:
    code = (
        "import sys; from uait.data.named import read_set; from uait.records.errors import DataError\n"
        "try: read_set(sys.argv[1])\n"
        "except DataError as err: print(err)"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": ""}
    command = [sys.executable, "-c", code, source]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert source.partition("[")[0] in line and "UAIT_DATA" in line and "file" in line
    assert done.stderr == ""
