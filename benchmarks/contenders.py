"""The contenders: each samples, then scores what it sampled; and scores given samples, to see that the numbers agree.

Each is asked as it asks by itself, with the same model, cross-encoder, prompts, K, temperature and longest answer.
"""

import os
import warnings
from collections.abc import Sequence
from copy import deepcopy
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import torch

from benchmarks.shapes import MAX_NEW_TOKENS, SEED, TEMPERATURE, K, Shape
from uait.method.sar import sar_score, sentence_shift, token_sar
from uait.models.decoding import sample_answers
from uait.models.similarity import CrossEncoderSimilarity, score_relevance
from uait.records import Finish, Relevance, Sample, SampleSet, Unscored

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", WANDB_MODE="disabled", HF_HUB_OFFLINE="1")
warnings.filterwarnings("ignore")
T = 0.001


class Contender(Protocol):
    """`sample` makes whatever `score` takes; `score` gives SAR (n,), higher is less sure."""

    name: str

    def sample(self) -> Any: ...

    def score(self, samples: Any) -> list[float]: ...


class Ours:
    """This project: `uait.models.decoding` and `uait.models.similarity`."""

    name = "uait"

    def __init__(self, shape: Shape) -> None:
        self.shape, self.similarity = shape, CrossEncoderSimilarity(str(shape.encoder), "cpu")

    def sample(self) -> list[SampleSet]:
        return list(
            sample_answers(self.shape.lm, self.shape.questions, self.shape.sampling, style=self.shape.lm.prompts)
        )

    def score(self, samples: list[SampleSet]) -> list[float]:
        scores = [
            sar_score(one, relevance, T)
            for one, relevance in zip(samples, score_relevance(samples, self.similarity), strict=True)
        ]
        return [float("nan") if isinstance(score, Unscored) else score.sar for score in scores]

    def as_polygraph(self, samples: Sequence[SampleSet]) -> list[float]:
        """SAR of the same samples by lm-polygraph's convention, every pair of all questions scored once.

        The whole prompt stands before an answer of two tokens and more, none before the sentences that are compared.
        """
        decode = self.shape.lm.tokenizer.decode
        token_pairs, sentence_pairs = [], []
        for one in samples:
            for sample in one.samples:
                ids = list(sample.token_ids)
                whole = f"{one.prompt} {decode(ids, skip_special_tokens=True)}"
                rest = [decode(ids[:i] + ids[i + 1 :], skip_special_tokens=True) for i in range(len(ids))]
                token_pairs.append([(whole, f"{one.prompt} {left}") for left in rest] if len(ids) > 1 else [])
            texts = [decode(list(sample.token_ids)) for sample in one.samples]
            sentence_pairs.append([[(a, b) for b in texts] for a in texts])
        pairs = {pair for row in token_pairs for pair in row} | {
            p for rows in sentence_pairs for row in rows for p in row
        }
        known = dict(zip(pairs, self.similarity.score(list(pairs)), strict=True))
        relevance = [
            np.array([1 - known[pair] for pair in row]) if row else np.full(len(sample.token_ids), 0.5)
            for row, sample in zip(token_pairs, (s for one in samples for s in one.samples), strict=True)
        ]
        return [
            _sar(one.samples, relevance[i * K : (i + 1) * K], np.array([[known[p] for p in row] for row in rows]))
            for i, (one, rows) in enumerate(zip(samples, sentence_pairs, strict=True))
        ]

    def as_truthtorch(self, samples: Sequence[SampleSet]) -> list[float]:
        """SAR of the same samples by TruthTorchLM's convention: pairs turned round, no space before a sentence."""
        decode = self.shape.lm.tokenizer.decode
        pairs: dict[tuple[str, str], float] = {}
        wanted = []
        for one in samples:
            x, texts = one.question.text, [decode(list(s.token_ids), skip_special_tokens=True) for s in one.samples]
            removed = []
            for sample, text in zip(one.samples, texts, strict=True):
                ids = list(sample.token_ids)
                rest = [decode(ids[:i] + ids[i + 1 :], skip_special_tokens=True) for i in range(len(ids))]
                removed.append([(f"{x} {left}", f"{x} {text}") for left in rest])
            between = {(i, j): (x + texts[i], x + texts[j]) for i, j in combinations(range(K), 2)}
            wanted.append((removed, between))
            pairs |= dict.fromkeys([pair for row in removed for pair in row] + list(between.values()), 0.0)
        pairs = dict(zip(pairs, self.similarity.score(list(pairs)), strict=True))
        made = []
        for one, (removed, between) in zip(samples, wanted, strict=True):
            sentence = np.eye(K)
            for (i, j), pair in between.items():
                sentence[i, j] = sentence[j, i] = pairs[pair]
            made.append(_sar(one.samples, [np.array([1 - pairs[pair] for pair in row]) for row in removed], sentence))
        return made


def _sar(samples: Sequence[Sample], relevance: Sequence[np.ndarray], sentence: np.ndarray) -> float:
    scores = [token_sar(sample.logprobs, r) for sample, r in zip(samples, relevance, strict=True)]
    nll = np.array([score if isinstance(score, float) else np.nan for score in scores])
    return sentence_shift(nll, np.array(sentence, dtype=float), T)


class Polygraph:
    """lm-polygraph 0.7.0: its sampler, its cross-encoder in batches of ten (its default), its SAR; no greedy pass."""

    name = "lm-polygraph"

    def __init__(self, shape: Shape) -> None:
        from lm_polygraph.estimators import SAR  # type: ignore  # noqa: PLC0415 - only in the peers' own environment
        from lm_polygraph.stat_calculators import (  # type: ignore  # noqa: PLC0415
            CrossEncoderSimilarityMatrixCalculator,
            SamplingGenerationCalculator,
        )
        from lm_polygraph.utils.generation_parameters import GenerationParameters  # type: ignore  # noqa: PLC0415
        from lm_polygraph.utils.model import WhiteboxModel  # type: ignore  # noqa: PLC0415

        self.shape = shape
        parameters = GenerationParameters(temperature=TEMPERATURE, top_k=0, top_p=1.0, allow_newlines=True)
        self.model = WhiteboxModel(
            shape.lm.model, _tokenizer(shape), model_path=shape.name, generation_parameters=parameters
        )
        self.sampler = SamplingGenerationCalculator(samples_n=K)
        self.encoder = CrossEncoderSimilarityMatrixCalculator(cross_encoder_name=str(shape.encoder))
        self.sar = SAR()

    def sample(self) -> dict[str, Any]:
        made: dict[str, Any] = {
            "input_texts": [],
            "sample_tokens": [],
            "sample_texts": [],
            "sample_log_likelihoods": [],
        }
        prompts, size = self.shape.prompts, self.shape.sampling.batch_size
        for start in range(0, len(prompts), size):
            batch = prompts[start : start + size]
            stats = self.sampler({}, batch, self.model, max_new_tokens=MAX_NEW_TOKENS)
            made["input_texts"] += batch
            for key in ("sample_tokens", "sample_texts", "sample_log_likelihoods"):
                made[key] += stats[key]
        return made

    def score(self, samples: dict[str, Any]) -> list[float]:
        # one question at a time: it can't stack questions whose samples are of different number
        scores = []
        for i, text in enumerate(samples["input_texts"]):
            stats = {key: [value[i]] for key, value in samples.items()} | {"greedy_tokens": [[]]}
            stats.update(self.encoder(stats, [text], self.model))
            scores += self.sar(stats).tolist()
        return scores

    @staticmethod
    def given(samples: Sequence[SampleSet], tokenizer: Any) -> dict[str, Any]:
        return {
            "input_texts": [one.prompt for one in samples],
            "sample_tokens": [[list(s.token_ids) for s in one.samples] for one in samples],
            "sample_texts": [[tokenizer.decode(list(s.token_ids)) for s in one.samples] for one in samples],
            "sample_log_likelihoods": [[s.logprobs.tolist() for s in one.samples] for one in samples],
        }


class TruthTorch:
    """TruthTorchLM 0.1.19: its batch of K for one question, and its SAR."""

    name = "TruthTorchLM"

    def __init__(self, shape: Shape) -> None:
        import TruthTorchLM  # type: ignore  # noqa: PLC0415 - only in the peers' own environment
        from sentence_transformers import CrossEncoder  # noqa: PLC0415
        from TruthTorchLM.generation import sample_generations_hf_local  # type: ignore  # noqa: PLC0415

        self.shape, self.tokenizer, self.generate = shape, _tokenizer(shape), sample_generations_hf_local
        similarity = CrossEncoder(str(shape.encoder), device="cpu")
        self.sar = TruthTorchLM.truth_methods.SAR(K, T, model_for_similarity=similarity)

    def sample(self) -> list[dict[str, Any]]:
        return [
            self.generate(
                model=self.shape.lm.model, input_text=prompt, tokenizer=self.tokenizer, generation_seed=SEED,
                number_of_generations=K, return_text=True, return_logprobs=True, batch_generation=True,
                max_new_tokens=MAX_NEW_TOKENS, temperature=TEMPERATURE, top_k=0, eos_token_id=self.shape.end_id,
                pad_token_id=self.shape.end_id,
            )
            for prompt in self.shape.prompts
        ]  # fmt: skip

    def score(self, samples: list[dict[str, Any]]) -> list[float]:
        model, questions = self.shape.lm.model, self.shape.questions
        return [
            self.sar.forward_hf_local(
                model, "", "", question.text, None, tokenizer=self.tokenizer, sampled_generations_dict=one
            )["SAR"]
            for question, one in zip(questions, samples, strict=True)
        ]

    @staticmethod
    def given(samples: Sequence[SampleSet], tokenizer: Any) -> list[dict[str, Any]]:
        return [
            {
                "generated_texts": [tokenizer.decode(list(s.token_ids), skip_special_tokens=True) for s in one.samples],
                "tokens": [list(s.token_ids) for s in one.samples],
                "logprobs": [s.logprobs.tolist() for s in one.samples],
            }
            for one in samples
        ]


class Published:
    """The way of the method's published scripts: K + 1 generations of one prompt, K passes to score them, and a call of
    the cross-encoder for every pair.
    """

    name = "one at a time"

    def __init__(self, shape: Shape) -> None:
        from sentence_transformers import CrossEncoder  # noqa: PLC0415 - seconds to import

        self.shape, self.encoder = shape, CrossEncoder(str(shape.encoder), device="cpu")

    @torch.inference_mode()
    def sample(self) -> list[SampleSet]:
        lm, made = self.shape.lm, []
        for question, prompt in zip(self.shape.questions, self.shape.prompts, strict=True):
            ids = lm.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
            named: dict[str, Any] = {"max_new_tokens": MAX_NEW_TOKENS, "eos_token_id": self.shape.end_id}
            named["pad_token_id"] = self.shape.end_id
            lm.model.generate(ids, do_sample=False, **named)
            samples = []
            for _ in range(K):
                out = lm.model.generate(ids, do_sample=True, temperature=TEMPERATURE, top_k=0, **named)
                logprobs = lm.model(out).logits[0].log_softmax(-1)[:-1].gather(-1, out[0, 1:, None])[:, 0]
                answer = [token for token in out[0, ids.shape[1] :].tolist() if token != self.shape.end_id]
                values = logprobs[ids.shape[1] - 1 :][: len(answer)].double().numpy()
                pieces = tuple(lm.tokenizer.decode([token]) for token in answer)
                samples.append(
                    Sample(lm.tokenizer.decode(answer), tuple(answer), pieces, values.clip(max=0), Finish.STOP)
                )
            made.append(SampleSet(question, samples[0], tuple(samples), prompt))
        return made

    def score(self, samples: list[SampleSet]) -> list[float]:
        scores = []
        for one in samples:
            x, relevance = one.question.text, []
            for sample in one.samples:
                rest = [
                    "".join((*sample.token_texts[:i], *sample.token_texts[i + 1 :]))
                    for i in range(len(sample.token_ids))
                ]
                relevance.append(np.array([1 - self._one(x + sample.text, x + left) for left in rest]))
            sentence = np.eye(K)
            for i, j in combinations(range(K), 2):
                sentence[i, j] = sentence[j, i] = self._one(x + one.samples[i].text, x + one.samples[j].text)
            score = sar_score(one, Relevance(one.question.id, tuple(relevance), sentence, "one at a time"), T)
            scores.append(float("nan") if isinstance(score, Unscored) else score.sar)
        return scores

    def _one(self, a: str, b: str) -> float:
        return float(self.encoder.predict([(a, b)], show_progress_bar=False)[0])


def _tokenizer(shape: Shape) -> Any:
    """A tokenizer of the peers' own, told the one token that ends an answer."""
    tokenizer = deepcopy(shape.lm.tokenizer)
    tokenizer.padding_side = "left"
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(shape.end_id)
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
