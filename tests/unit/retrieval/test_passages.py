import json
from pathlib import Path

import pytest

from tests.fakes import FakeSimilarity
from uait.method.prompts import MAX_PASSAGE_CHARS
from uait.records.errors import DataError, RetrievalError
from uait.retrieval.encyclopaedia import Bundle
from uait.retrieval.passages import read_passages


def test_a_folder_of_documents_becomes_titled_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# The boiler\nIt is in the cellar.\n\nIt was built\nin 1998.\n\n## Its key\n\nIn the drawer."
    )
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "garden.txt").write_text("\ufeffThe roses are white.\r\n\r\n", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    found = [(p.doc_id, p.title, p.text, p.source) for p in read_passages(tmp_path, "documents")]
    assert found == [
        ("a.md#1", "The boiler", "It is in the cellar.", "documents"),
        ("a.md#2", "The boiler", "It was built in 1998.", "documents"),
        ("a.md#3", "Its key", "In the drawer.", "documents"),
        ("deeper/garden.txt#1", "garden", "The roses are white.", "documents"),
    ]


def test_a_long_paragraph_is_parted_between_sentences_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    sentences = [f"Sentence {i} is of some forty characters long." for i in range(30)] + ["x" * 1_000 + "."]
    (tmp_path / "long.txt").write_text(" ".join(sentences))
    texts = [passage.text for passage in read_passages(tmp_path, "documents")]
    assert all(len(text) <= MAX_PASSAGE_CHARS for text in texts)
    assert "".join(texts).replace(" ", "") == "".join(sentences).replace(" ", "")
    assert texts[0].startswith("Sentence 0 ") and texts[0].endswith(" long.")


def test_a_jsonl_needs_title_and_text_alone(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"title": "Peru", "text": "The capital of Peru is Lima."}))
    (passage,) = read_passages(path, "documents")
    assert (passage.doc_id, passage.title) == ("1", "Peru")
    path.write_text(json.dumps({"title": "Peru"}))
    with pytest.raises(DataError, match=r"own\.jsonl, row 1, column 'text'"):
        read_passages(path, "documents")


def test_what_holds_no_passage_or_no_text_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no passage; name a folder of \.txt and \.md files"):
        read_passages(tmp_path, "documents")
    (tmp_path / "latin.txt").write_bytes("Málaga".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.txt can't be read as UTF-8"):
        read_passages(tmp_path, "documents")


def test_own_documents_answer_by_likeness_where_no_heading_names_the_subject(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The key of the boiler is in the drawer.\n\nThe roses are white.")
    own = Bundle(tmp_path, FakeSimilarity(), "documents", alike_from=0.3)
    (found,) = own.search("Where is the key of the boiler?", 3)
    assert (found.doc_id, found.source) == ("notes.txt#1", "documents")
    with pytest.raises(RetrievalError, match="Your own passages have nothing on"):
        own.search("Who wrote Faust?", 3)
