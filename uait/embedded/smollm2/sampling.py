"""Few-shot sampling: questions -> SampleSet, with how probable the end of the greedy answer was.

The shots are read once (`SharedPrefixLlama`). Samples that begin alike are one row until they part, so five samples of
a sure answer cost one. Log-probabilities are those of temperature 1, read off the step that chose the token.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uait.embedded.smollm2.shared_prefix import Past, Prefix, SharedPrefixLlama, padded
from uait.embedded.smollm2.shots import FEW_SHOT, few_shot_question
from uait.models.language_model import LanguageModel, line_ids
from uait.models.text_pieces import token_texts
from uait.records import Finish, Question, Sample, SampleSet
from uait.settings import SamplingSettings

Asked = tuple[SampleSet | None, Sample, float]


@dataclass
class _Branch:
    """One distinct beginning of answers to one question; `members` are the samples that share it, 0 the greedy one."""

    question: int
    members: list[int]
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class FewShotSampler:
    """The base model behind its eight shots."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm, self.tokenizer = lm.without_adapter(), lm.tokenizer
        self.llama, self.stop_ids = SharedPrefixLlama(lm.model), stop_ids(lm.tokenizer)
        with torch.inference_mode(), self.lm.alone():
            ids = self.tokenizer(FEW_SHOT, add_special_tokens=False)["input_ids"]
            self.prefix: Prefix = self.llama.prefix(ids)

    def sample(
        self, questions: Sequence[Question], settings: SamplingSettings, *, greedy_only: bool = False
    ) -> Iterator[Asked]:
        """Per question its SampleSet (None with `greedy_only`), the greedy Sample, and how probable its end was.

        In order. The end is all tokens that end an answer together; of one that did not end, where its last token is.
        """
        n_samples = 0 if greedy_only else settings.n_samples
        for start in range(0, len(questions), settings.batch_size):
            with self.lm.alone():
                rows = self._batch(questions[start : start + settings.batch_size], settings, n_samples)
            yield from rows

    @torch.inference_mode()
    def _batch(self, questions: Sequence[Question], settings: SamplingSettings, n_samples: int) -> list[Asked]:
        n_each = n_samples + 1
        texts = [few_shot_question(question.text) for question in questions]
        tokens, mask = padded(self.tokenizer(texts, add_special_tokens=False)["input_ids"], 0)
        positions = self.prefix.length + (mask.cumsum(-1) - 1).clamp(min=0)
        hidden, past = self.llama.read(self.llama.embed(tokens), positions, mask, self.prefix)
        ends = mask.sum(-1) - 1
        logits = self.llama.logits(hidden[torch.arange(len(texts)), ends])
        uniforms = _uniforms(texts, settings, n_samples)
        branches = [_Branch(i, list(range(n_each))) for i in range(len(texts))]
        ended: list[tuple[_Branch, Finish]] = []
        p_end, stops = [0.0] * len(texts), sorted(self.stop_ids)
        lengths = self.prefix.length + mask.sum(-1)
        for step in range(settings.max_new_tokens):
            logprobs = logits.float().log_softmax(-1)
            for row, branch in enumerate(branches):
                if 0 in branch.members:
                    p_end[branch.question] = min(float(logprobs[row, stops].exp().sum()), 1.0)
            grown, parents = self._choose(branches, logits, logprobs, uniforms[:, :, step], settings.temperature)
            still = [i for i, branch in enumerate(grown) if branch.ids[-1] not in self.stop_ids]
            ended += [(b, Finish.STOP) for b in grown if b.ids[-1] in self.stop_ids]
            branches = [grown[i] for i in still]
            if not branches or step + 1 == settings.max_new_tokens:
                break
            logits, past = self._advance(branches, torch.tensor([parents[i] for i in still]), past, lengths + step)
        ended += [(branch, Finish.LENGTH) for branch in branches]
        return self._collect(questions, texts, ended, p_end, n_each)

    def _choose(
        self, branches: list[_Branch], logits: Tensor, logprobs: Tensor, uniforms: np.ndarray, temperature: float
    ) -> tuple[list[_Branch], list[int]]:
        """The branches after one more token, and which row each grew from; `uniforms` (questions, K+1)."""
        greedy = logits.argmax(-1).tolist()
        sampled = [row for row, branch in enumerate(branches) if branch.members != [0]]
        cumulative = (logits[sampled].double() / temperature).softmax(-1).cumsum(-1) if sampled else None
        grown, parents = [], []
        for row, branch in enumerate(branches):
            by_token: dict[int, list[int]] = {}
            for member in branch.members:
                if member == 0:
                    token = greedy[row]
                else:
                    at = cumulative[sampled.index(row)]  # type: ignore[index]
                    target = float(uniforms[branch.question, member]) * float(at[-1]) * (1 - 1e-9)
                    token = int(torch.searchsorted(at, target, right=True))
                by_token.setdefault(token, []).append(member)
            for token, members in by_token.items():
                value = min(float(logprobs[row, token]), 0.0)
                grown.append(_Branch(branch.question, members, [*branch.ids, token], [*branch.logprobs, value]))
                parents.append(row)
        return grown, parents

    def _advance(self, branches: list[_Branch], parents: Tensor, past: Past, lengths: Tensor) -> tuple[Tensor, Past]:
        tokens = torch.tensor([[branch.ids[-1]] for branch in branches])
        positions = lengths[torch.tensor([branch.question for branch in branches])][:, None]
        mask = torch.ones_like(tokens)
        hidden, past = self.llama.read(self.llama.embed(tokens), positions, mask, self.prefix, past.select(parents))
        return self.llama.logits(hidden[:, -1]), past

    def _collect(
        self,
        questions: Sequence[Question],
        texts: Sequence[str],
        ended: Sequence[tuple[_Branch, Finish]],
        p_end: Sequence[float],
        n_each: int,
    ) -> list[Asked]:
        made: dict[tuple[int, int], Sample] = {}
        for branch, finish in ended:
            n = len(branch.ids) - (finish is Finish.STOP)
            pieces = token_texts(self.tokenizer, branch.ids[:n])
            logprobs = np.round(np.array(branch.logprobs[:n]), 6)
            sample = Sample("".join(pieces), tuple(branch.ids[:n]), pieces, logprobs, finish)
            made.update({(branch.question, member): sample for member in branch.members})
        rows: list[Asked] = []
        for i, question in enumerate(questions):
            samples = tuple(made[i, k] for k in range(1, n_each))
            full = SampleSet(question, made[i, 0], samples, FEW_SHOT + texts[i]) if samples else None
            rows.append((full, made[i, 0], p_end[i]))
        return rows


def stop_ids(tokenizer: Any) -> frozenset[int]:
    """The tokens that end a one-line answer: all that hold a newline, and the ends of turn and of text."""
    ends = {i for name in ("<|im_end|>", "<|endoftext|>") if (i := tokenizer.convert_tokens_to_ids(name)) is not None}
    return frozenset({*ends, *line_ids(tokenizer)})


def _uniforms(texts: Sequence[str], settings: SamplingSettings, n_samples: int) -> np.ndarray:
    """(questions, K+1, steps): drawn from each question's text and the seed alone, never from the batch."""
    table = np.zeros((len(texts), n_samples + 1, settings.max_new_tokens))
    for i, text in enumerate(texts):
        key = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        for k in range(n_samples):
            table[i, k + 1] = np.random.default_rng([settings.seed, key, k]).random(settings.max_new_tokens)
    return table
