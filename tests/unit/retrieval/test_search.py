from tests.fakes import FakeRetriever
from uait.records import Passage
from uait.retrieval.search import retrieve

PASSAGE = Passage("d", "Lima", "Lima is a city.", 1.0, "bundle")


def test_retrieve_takes_the_first_engine_that_has_passages() -> None:
    down, empty = FakeRetriever("web", failure="The web is down."), FakeRetriever("empty")
    good, spare = FakeRetriever("bundle", [PASSAGE, PASSAGE]), FakeRetriever("spare", [PASSAGE])
    ticks = iter([10.0, 12.5])
    found = retrieve("Where is Lima?", [down, empty, good, spare], 1, clock=lambda: next(ticks))
    assert found.passages == (PASSAGE,)
    assert found.query == "Where is Lima?"
    assert found.notes == ("The web is down.", "The search engine 'empty' found nothing.")
    assert found.seconds == 2.5
    assert good.queries == ["Where is Lima?"]
    assert spare.queries == []


def test_retrieve_without_any_passage_says_why() -> None:
    found = retrieve("Who?", [FakeRetriever("web", failure="The web is down.")], 3)
    assert (found.passages, found.notes) == ((), ("The web is down.",))
    assert retrieve("Who?", [], 3).notes == ("No search engine is switched on; choose one under retrieval.engines.",)
