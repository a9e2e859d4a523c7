"""The phones' vote: one voice each, for the question that is open, and none for another."""

import pytest

from uait.page.lesson.ballot import Ballot, Vote
from uait.records.errors import DataError

TRUST = Vote("Which do you trust?", ("this", "that"))
FALL = Vote("Which should fall?", ("solid", "dashed"))


def test_a_phone_has_one_voice_and_may_change_its_mind() -> None:
    ballot = Ballot()
    ballot.open(TRUST)
    ballot.choose("a", 0)
    ballot.choose("b", 0)
    ballot.choose("a", 1)
    assert ballot.counts(TRUST) == [1, 1]


def test_another_vote_begins_at_zero_and_the_same_one_goes_on() -> None:
    ballot = Ballot()
    ballot.open(TRUST)
    ballot.choose("a", 1)
    ballot.open(TRUST)
    assert ballot.counts(TRUST) == [0, 1]
    ballot.open(FALL)
    assert (ballot.vote, ballot.counts(FALL), ballot.counts(TRUST)) == (FALL, [0, 0], [])


@pytest.mark.parametrize("choice", [-1, 2])
def test_what_is_no_option_counts_for_nothing(choice: int) -> None:
    ballot = Ballot()
    with pytest.raises(DataError, match="no option 1"):
        ballot.choose("a", 0)  # nothing is open
    ballot.open(TRUST)
    with pytest.raises(DataError, match=f"no option {choice + 1} in this vote; look at the question again"):
        ballot.choose("a", choice)
    assert ballot.counts(TRUST) == [0, 0]
