import json
import time
from pathlib import Path

import pytest

from tests.fakes import FakeSimilarity
from uait.records.errors import DataError, RetrievalError
from uait.retrieval.encyclopaedia import Bundle

ROWS = [
    ("city-1", "Montreal", "Montreal is a city in Canada."),
    ("city-2", "Zürich", "Zürich is a city in Switzerland."),
    ("city-3", "Ha'il", "Ha'il is a city in Saudi Arabia."),
    ("capital-1", "Canada", "The capital of Canada is Ottawa."),
    ("capital-2", "Peru", "The capital of Peru is Lima."),
    ("currency-1", "Peru", "The currency of Peru is the sol."),
    ("number-1", "Oxygen", "The atomic number of oxygen is 8."),
    ("symbol-1", "As", "The symbol As stands for arsenic."),
    ("novel-1", "The Stranger", "The Stranger was written by Albert Camus."),
    ("city-4", "Herne", "Herne is a city in Germany."),
]


def write_bundle(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    lines = [json.dumps({"doc_id": d, "title": title, "text": text}) for d, title, text in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(write_bundle(tmp_path / "facts.jsonl", ROWS))


@pytest.mark.parametrize(
    ("question", "doc_id"),
    [
        ("Which country is Montreal in?", "city-1"),
        ("which country is monrteal in", "city-1"),
        ("Which country is Montral in?", "city-1"),
        ("please, in which country is ZURICH", "city-2"),
        ("Where is Ha\u2019il?", "city-3"),
        ("Where is Hail?", "city-3"),
        ("What is the capital of Peru?", "capital-2"),
        ("What is the currency of Peru?", "currency-1"),
        ("What is the atomic number of oxygen?", "number-1"),
        ("Which element has the symbol As?", "symbol-1"),
        ("Who wrote The Stranger?", "novel-1"),
    ],
)
def test_the_bundle_finds_what_the_question_names(bundle: Bundle, question: str, doc_id: str) -> None:
    found = bundle.search(question, 3)
    assert found[0].doc_id == doc_id
    assert found[0].source == bundle.name == "bundle"


@pytest.mark.parametrize(
    "question",
    ["", "   ", "🙂", "\x00", "where are you", "Who won the 1998 World Cup?", "Is it a city in it?", "${x} <b>"],
)
def test_the_bundle_says_so_when_it_has_nothing_on_the_question(bundle: Bundle, question: str) -> None:
    with pytest.raises(RetrievalError, match="has nothing on"):
        bundle.search(question, 3)


def test_a_bundle_passage_keeps_its_text_and_scores_the_best_one_1_without_similarity(bundle: Bundle) -> None:
    first, second = bundle.search("What is the capital of Peru?", 3)
    assert (first.title, first.text, first.url) == ("Peru", "The capital of Peru is Lima.", None)
    assert first.score == pytest.approx(1.0)
    assert second.doc_id == "currency-1"
    assert 0.0 < second.score < 1.0


def test_the_bundle_gives_at_most_n_and_the_same_ones_each_time(bundle: Bundle) -> None:
    assert len(bundle.search("Peru, Canada, Montreal", 2)) == 2
    assert bundle.search("Peru, Canada, Montreal", 3) == bundle.search("Peru, Canada, Montreal", 3)


def test_equal_passages_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [(f"d{i}", "Lima", "Lima is a city.") for i in range(5)]
    found = Bundle(write_bundle(tmp_path / "facts.jsonl", rows)).search("Lima", 5)
    assert [p.doc_id for p in found] == ["d0", "d1", "d2", "d3", "d4"]


def test_similarity_orders_what_bm25_finds(tmp_path: Path) -> None:
    # The question shares only "Peru" with both texts, so BM25 alone prefers the shorter one.
    rows = [("short", "Peru", "Peru, Lima."), ("money", "Peru", "People in Peru pay money with the sol."), *ROWS[:3]]
    path = write_bundle(tmp_path / "facts.jsonl", rows)

    class Money(FakeSimilarity):
        def _overlap(self, a: str, b: str) -> float:
            return 0.9 if "money" in b else 0.3

    question = "What does Peru use?"
    assert Bundle(path).search(question, 2)[0].doc_id == "short"
    first, second = Bundle(path, Money()).search(question, 2)
    assert (first.doc_id, second.doc_id) == ("money", "short")
    assert second.score == pytest.approx((1.0 + 0.3) / 2)  # the best BM25 score is 1, its similarity 0.3


def test_similarity_vetoes_a_passage_that_only_shares_a_name(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "facts.jsonl", ROWS)
    similarity = FakeSimilarity()
    # shared words: none but the misspelt name, so the overlap is 0
    with pytest.raises(RetrievalError):
        Bundle(path, similarity).search("Harne?", 3)
    assert similarity.pairs == [("Harne?", "Herne is a city in Germany.")]


def test_similarity_admits_a_passage_that_the_question_does_not_name(tmp_path: Path) -> None:
    rows = [("d", "Cote d Azur Riviera", "The Riviera is a sunny coast."), *ROWS]
    path = write_bundle(tmp_path / "facts.jsonl", rows)
    with pytest.raises(RetrievalError):
        Bundle(path).search("the riviera is a coast", 3)
    # shared words: the, riviera, is, a, coast = 5 of 6, above 0.6
    assert Bundle(path, FakeSimilarity()).search("the riviera is a coast", 3)[0].doc_id == "d"


def test_a_large_bundle_is_ready_within_a_second(tmp_path: Path) -> None:
    rows = [(f"d{i}", f"Name{i}", f"Name{i} is a city in Land{i % 200}.") for i in range(6_000)]
    path = write_bundle(tmp_path / "facts.jsonl", rows)
    start = time.process_time()
    bundle = Bundle(path)
    assert time.process_time() - start < 1.0
    assert bundle.search("Where is Name4711?", 1)[0].doc_id == "d4711"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "holds no passage"),
        ('{"doc_id": "a", "title": "b"}', r"facts\.jsonl, row 1, column 'text'"),
        ('{"doc_id": "a", "title": "b", "text": "c"}\n{"doc_id', "row 2: this line is no JSON object"),
    ],
)
def test_a_broken_bundle_is_named(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=named):
        Bundle(path)
    with pytest.raises(DataError, match="can't be read"):
        Bundle(tmp_path / "none.jsonl")
