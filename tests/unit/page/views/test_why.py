"""Why an answer is doubted: parts that sum to a number that is shown, an absolute scale, a true verdict."""

import json
import math

import numpy as np
import pytest

from uait.page.views.why import differs, heatmap
from uait.records import Answer, Explanation, Finish, Reason, Sample, SarScore, TokenExplanation, Unscored

SCORE = SarScore("1", np.array([0.5]), -6.944, 0.26, 0.001)
HOSTILE = "<script>window.pwned=1</script> ${alert(1)} {{value}} <|user|> `x` C:\\new \u202eabc"


def _sample(text: str, logprobs: tuple[float, ...] = (-0.5,)) -> Sample:
    n = len(logprobs)
    return Sample(text, tuple(range(n)), ("x",) * n, np.array(logprobs), Finish.STOP)


def _token(text: str, contribution: float, nll: float = 1.0, relevance: float = 0.5) -> TokenExplanation:
    return TokenExplanation(text, math.exp(-nll), nll, relevance, contribution, "rest", 0.5)


def _explanation(
    *tokens: TokenExplanation,
    samples: tuple[str, ...] = ("x",),
    score: SarScore | Unscored = SCORE,
    spoken: float | None = 0.3,
    said: str = "x; 30%",
    seconds: float = 0.31,
) -> Explanation:
    answer = Answer("x", spoken, spoken, _sample(said, (-0.1,) * 5), "prompt", seconds, "pocket")
    drawn = tuple(_sample(text) for text in samples)
    return Explanation(answer, tokens, drawn, np.eye(len(samples)), score, 24, 2.13)


def _words(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_parts_of_the_doubt_sum_to_the_number_shown() -> None:
    # tokenSAR: weights 0.2 / 0.8 and 0.6 / 0.8 of 0.5 and 1.5 nats: 0.125 + 1.125 = 1.25; the shares are 0.1 and 0.9
    heat = heatmap(_explanation(_token("a", 0.1, 0.5, 0.2), _token("b", 0.9, 1.5, 0.6)))
    parts = [float(token["doubt"].removesuffix(" nats")) for token in heat["tokens"]]
    assert parts == pytest.approx([0.125, 1.125], abs=0.006)
    assert [row[4] for row in heat["table"]["rows"]] == [token["facts"][3]["value"] for token in heat["tokens"]]
    assert heat["top"] == 1
    assert (
        _words(heat["summary"])
        == "The answer’s doubt is 1.25 nats in all, where 0 is none and 2 is deep; 90 % of it hangs on “b”."
    )


def test_the_colour_is_absolute_so_a_sure_answer_is_never_deep() -> None:
    (sure,) = heatmap(_explanation(_token("a", 1.0, nll=0.002)))["tokens"]
    (unsure,) = heatmap(_explanation(_token("a", 1.0, nll=1.0)))["tokens"]
    (lost,) = heatmap(_explanation(_token("a", 1.0, nll=90.0)))["tokens"]
    # 0.8 at 2 nats and beyond
    assert [token["shade"] for token in (sure, unsure, lost)] == [0.001, 0.4, 0.8]


def test_underlines_thicken_with_surprise_and_stop_at_the_cap() -> None:
    heat = heatmap(_explanation(_token("a", 0.5, nll=0.0), _token("b", 0.5, nll=2.0), _token("c", 0.0, nll=90.0)))
    # 2 px + 6 px * min(nll, 4) / 4: 2, 5 and 8.
    assert [token["underline"] for token in heat["tokens"]] == [2.0, 5.0, 8.0]


def test_no_doubt_shades_nothing() -> None:
    heat = heatmap(_explanation(_token("a", 0.0, nll=0.0, relevance=0.0)))
    assert heat["tokens"][0]["shade"] == 0.0
    assert heat["summary"].startswith("No token carries doubt")
    least = heatmap(
        _explanation(_token("a", 1.0, 0.004, 1.0))
    )  # 0.00 nats as it is written: nothing to have a share of
    assert least["summary"].startswith("No token carries doubt")


def test_an_empty_answer_is_explained_without_tokens() -> None:
    heat = heatmap(_explanation(samples=("",), score=Unscored("1", Reason.EMPTY), spoken=None, said=""))
    assert heat["tokens"] == heat["numbers"] == []
    assert (heat["sar"], heat["verdict"]) == ("No score: empty answer.", "There is nothing to compare.")


LEFT_OUT = "Left out: the probability of the whole answer, which every token lowers."


def test_every_confidence_stands_beside_the_others() -> None:
    heat = heatmap(_explanation(_token("a", 0.5, nll=1.2), _token("b", 0.5, nll=1.2)))
    numbers = {number["name"]: _words(number["value"]) for number in heat["numbers"]}
    # e^-1.2 = 30.1 %, e^-2.4 = 9.1 %: the more tokens the lower, so it is no party to the verdict
    probabilities = {"answer probability per token": "30.1 %", "probability of the whole answer": "9.1 %"}
    assert numbers == {"said": "30 %", "expected": "30 %", **probabilities, "SAR": "26 %"}
    assert heat["verdict"] == f"All 4 agree: they lie within 15 points of each other. {LEFT_OUT}"
    assert _words(heat["sar"]) == (
        "SAR −6.94 nats: the lower, the more the samples support each other, and below 0 where they do, for their "
        "support counts 1,000-fold. As a confidence, 26 %."
    )


def test_the_verdict_names_the_two_that_are_furthest_apart() -> None:
    apart = _explanation(_token("a", 1.0, nll=0.5), spoken=0.85)
    assert _words(heatmap(apart)["verdict"]) == f"They disagree: expected 85 %, SAR 26 %. {LEFT_OUT}"
    silent = _explanation(_token("a", 1.0, nll=1.3), spoken=None, said="x")
    assert heatmap(silent)["verdict"] == f"Both agree: they lie within 15 points of each other. {LEFT_OUT}"


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (("Oslo", "oslo.", " Oslo"), "The samples agree: all 3 say “Oslo”."),
        (("Oslo", "Bergen", "Oslo"), "The samples mostly agree: 2 of 3 say “Oslo”."),
        (("Oslo", "Bergen"), "The samples disagree: 2 different answers in 2."),
        (("Oslo",), "One sample only: nothing to compare it with."),
    ],
)
def test_agreement_is_said_in_words(answers: tuple[str, ...], sentence: str) -> None:
    assert heatmap(_explanation(_token("a", 1.0), samples=answers))["agreement"] == sentence


def test_both_costs_are_said_in_tokens_and_seconds_and_the_cheaper_sampling_with_its_reason() -> None:
    source, spoken, sampled = (_words(cost) for cost in heatmap(_explanation(_token("a", 1.0)))["costs"])
    assert source == "The number is written on from the answer, as words of the same reply."
    assert spoken == "Answering and saying the number: 5 tokens one by one, 0.3 s."
    assert sampled == "Drawing 1 samples and comparing them: 24 tokens, 2.1 s."
    slow = heatmap(_explanation(_token("a", 1.0), seconds=3.0))["costs"]
    assert slow[3:] == ["Sampling is the cheaper one here: the answers are short, and all are drawn side by side."]
    heard = heatmap(_explanation(*[_token("a", 0.2)] * 5))["costs"]  # the number is no part of the reply
    assert heard[0].startswith("The number comes last: the model reads its own answer again")
    assert "5 tokens and those of the number, one by one" in heard[1]
    assert heatmap(_explanation(_token("a", 1.0), spoken=None))["costs"][0].startswith("Answering: 5 tokens")


def test_a_sample_shows_the_probability_of_its_whole_text() -> None:
    answer = _explanation().answer
    sample = _sample("ab", (math.log(0.5), math.log(0.4)))
    heat = heatmap(Explanation(answer, (_token("a", 1.0),), (sample,), np.eye(1), SCORE, 2, 1.0))
    number, answer, p, alike = heat["similar"]["rows"][0]
    assert (number, answer["text"], p, alike["text"]) == ("1", "ab", "0.20", "–")


def test_hostile_text_stays_text_and_everything_is_json() -> None:
    heat = heatmap(_explanation(_token(HOSTILE, 1.0), samples=(HOSTILE,)))
    assert json.loads(json.dumps(heat, allow_nan=False))["similar"]["rows"][0][1]["text"] == HOSTILE


def test_what_the_base_does_otherwise_is_said_in_a_sentence() -> None:
    base = _explanation(_token("a", 0.1), spoken=None)
    assert differs(base, "X.") == "The untuned base answers “x” too; what tuning has added is the number said."
    other = differs(base, "y")
    assert other == "The untuned base answers “x”, where the tuned model says “y”; it says no number of its own."
