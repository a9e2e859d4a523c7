"""What takes the questions that we own for SmolLM2 a second time to build."""

from uait.embedded.smollm2.questions import build_questions


def test_the_same_seed_gives_the_same_questions() -> None:
    assert build_questions() == build_questions()
