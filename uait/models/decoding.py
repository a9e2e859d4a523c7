"""Stage 1: questions -> a greedy answer and K sampled ones each, with every token's log-probability.

The prompt is run once, and samples that begin alike are one row until they part: five samples of a sure answer cost
one. A log-probability is read off the step that chose the token, from the raw logits (temperature 1), so nothing is
scored a second time. Knows nothing about relevance or SAR.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from uait.method.prompts import few_shot_prompt, question_prompt
from uait.models.batches import Room, in_batches
from uait.models.language_model import LanguageModel
from uait.models.rows import Rows
from uait.models.shots import held
from uait.models.text_pieces import token_texts
from uait.records import Finish, Question, Sample, SampleSet
from uait.records.errors import DataError
from uait.settings import PromptSettings, SamplingSettings

_REMEDY = "lower sampling.n_samples or sampling.max_new_tokens, set model.quantize, or choose a smaller model"

Texts = dict[tuple[int, ...], tuple[str, ...]]  # ids of a sample -> the pieces of its text
Draw = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int], torch.Tensor]


def prompt_ids(lm: LanguageModel, chats: Sequence[str], max_new_tokens: int = 0) -> list[list[int]]:
    """The tokens of each prompt.

    Raises DataError when a prompt and `max_new_tokens` together are longer than the model reads.
    """
    ids = lm.tokenizer(list(chats), add_special_tokens=False)["input_ids"]
    length = max(map(len, ids))
    if lm.max_tokens is not None and length + max_new_tokens > lm.max_tokens:
        raise DataError(
            f"A prompt has {length:,} tokens and its answer may have {max_new_tokens:,}; this model reads "
            f"{lm.max_tokens:,} together. Ask a shorter question, use fewer passages, or allow a shorter answer."
        )
    return ids


def prefill(lm: LanguageModel, chats: Sequence[str], max_new_tokens: int = 0) -> Rows:
    """One row per prompt, the prompts read in one forward pass, padded on the left. Raises what `prompt_ids` does."""
    return read(lm, prompt_ids(lm, chats, max_new_tokens))


def read(lm: LanguageModel, ids: Sequence[Sequence[int]]) -> Rows:
    """One row for each of these token sequences, read in one forward pass, padded on the left.

    What they have in common with the shots is read once in a process, and stands before what fills a row up.
    """
    inputs = inputs_of(lm, ids)
    output = lm.forward(**inputs)
    return Rows(output.past_key_values, inputs["attention_mask"], output.logits[:, -1].float())


def middle_states(lm: LanguageModel, ids: Sequence[Sequence[int]]) -> np.ndarray:
    """The hidden states (B, hidden) behind half of the layers, at the last token of each of these sequences."""
    states = lm.forward(**inputs_of(lm, ids), output_hidden_states=True).hidden_states
    return states[len(states) // 2][:, -1].float().cpu().numpy()


def inputs_of(lm: LanguageModel, ids: Sequence[Sequence[int]]) -> dict[str, Any]:
    """What the model is given to read these token sequences as `read` does."""
    n, past = held(lm, ids)
    tokens, mask = padded(lm, [row[n:] for row in ids])
    mask = torch.cat([mask.new_ones(len(ids), n), mask], dim=-1)
    positions = (mask.cumsum(-1) - 1)[:, n:].clamp(min=0)
    return {
        "input_ids": tokens, "attention_mask": mask, "position_ids": positions, "past_key_values": past,
        "use_cache": True, "logits_to_keep": _last(lm),
    }  # fmt: skip


def _last(lm: LanguageModel) -> torch.Tensor:
    """Has the logits of the last token alone computed: as an index, for a slice is multiplied row by row."""
    return torch.tensor([-1], device=lm.device)


def padded(lm: LanguageModel, ids: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """These R sequences filled up on the left (R, T), and the mask of what is theirs."""
    length = max(map(len, ids))
    tokens = torch.full((len(ids), length), lm.tokenizer.pad_token_id)
    mask = torch.zeros_like(tokens)
    for row, sequence in enumerate(ids):
        tokens[row, length - len(sequence) :] = torch.tensor(sequence)
        mask[row, length - len(sequence) :] = 1
    return tokens.to(lm.device), mask.to(lm.device)


def advance(lm: LanguageModel, rows: Rows, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> None:
    """Appends one token (R,), or several (R, T), to every row and reads the next logits.

    `mask` (R, T) is 0 where a row that has fewer is filled up, on the left.
    """
    tokens = tokens.view(len(tokens), -1)
    mask = torch.ones_like(tokens) if mask is None else mask
    # counts read tokens: right under any padding or gap
    positions = (rows.mask.sum(-1, keepdim=True) + mask.cumsum(-1) - 1).clamp(min=0)
    rows.mask = torch.cat([rows.mask, mask], dim=-1)
    output = lm.forward(
        input_ids=tokens,
        attention_mask=rows.mask,
        position_ids=positions,
        past_key_values=rows.cache,
        use_cache=True,
        logits_to_keep=_last(lm),
    )
    rows.cache, rows.logits = output.past_key_values, output.logits[:, -1].float()


def fits(lm: LanguageModel, chat: str, max_new_tokens: int) -> bool:
    """Whether a prompt and its answer together are within what the model reads."""
    if lm.max_tokens is None or len(chat.encode("utf-8", "surrogatepass")) < lm.max_tokens - max_new_tokens:
        return True  # a token holds a byte or more
    return len(lm.tokenizer(chat, add_special_tokens=False)["input_ids"]) + max_new_tokens <= lm.max_tokens


@torch.inference_mode()
def generate(
    lm: LanguageModel, chats: Sequence[str], *, n_samples: int, temperature: float, max_new_tokens: int, seed: int
) -> list[tuple[Sample, tuple[Sample, ...]]]:
    """The greedy answer and the K = `n_samples` sampled ones of each prompt, in order; K may be 0.

    A prompt's samples depend on the prompt, k and `seed` alone, never on the other prompts of the batch. Asks the
    model as it stands, adapter included. Raises DataError on a prompt that is too long for the model.
    """
    n_each = n_samples + 1
    rows = prefill(lm, chats, max_new_tokens)
    draw = _sampler(lm, chats, n_samples, temperature, max_new_tokens, seed)
    ids, logprobs = _drawn(lm, rows, n_each, max_new_tokens, draw)
    texts: Texts = {}
    made = [
        to_sample(lm, row_ids, row_values, texts)
        for row_ids, row_values in zip(ids.tolist(), logprobs.cpu().double().numpy(), strict=True)
    ]
    return [(made[i], tuple(made[i + 1 : i + n_each])) for i in range(0, len(made), n_each)]


def _drawn(
    lm: LanguageModel, rows: Rows, n_each: int, max_new_tokens: int, draw: Draw
) -> tuple[torch.Tensor, torch.Tensor]:
    """`n_each` samples of each row: their tokens (M, T), stop tokens included, -1 behind them, and log-probabilities.

    Samples that are still open are `members`; `row` says in which of the rows each stands.
    """
    stop_ids, n_words = torch.tensor(lm.stop_ids, device=lm.device), rows.logits.shape[-1]
    members = torch.arange(len(rows.logits) * n_each, device=lm.device)
    row = members // n_each
    ids = torch.full((len(members), max_new_tokens), -1, device=lm.device)
    logprobs = torch.zeros(ids.shape, device=lm.device)
    for step in range(max_new_tokens):
        tokens = draw(rows.logits, row, members, step)
        ids[members, step] = tokens
        logprobs[members, step] = rows.logits[row, tokens] - rows.logits.logsumexp(-1)[row]
        is_open = ~torch.isin(tokens, stop_ids)
        members, row, tokens = members[is_open], row[is_open], tokens[is_open]
        if step + 1 == max_new_tokens or len(members) == 0:
            break
        begun, row = torch.unique(row * n_words + tokens, return_inverse=True)
        parents = begun // n_words
        if parents.tolist() != list(range(len(rows.logits))):
            rows.select(parents)
        advance(lm, rows, begun % n_words)
    return ids, logprobs


def _sampler(
    lm: LanguageModel, chats: Sequence[str], n_samples: int, temperature: float, max_new_tokens: int, seed: int
) -> Draw:
    """A chooser: the first sample of each prompt greedily, the others by inverting the cumulative distribution.

    One uniform number per sample and step, drawn beforehand from the sample's own generator, settles all of it.
    """
    uniforms = np.zeros((len(chats), n_samples + 1, max_new_tokens), dtype=np.float32)
    for i, chat in enumerate(chats):
        key = int.from_bytes(hashlib.sha256(chat.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        for k in range(n_samples):
            uniforms[i, k + 1] = np.random.default_rng([seed, key, k]).random(max_new_tokens, dtype=np.float32)
    table = torch.from_numpy(uniforms).flatten(0, 1).to(lm.device)

    def draw(logits: torch.Tensor, row: torch.Tensor, members: torch.Tensor, step: int) -> torch.Tensor:
        greedy = logits.argmax(-1)[row]
        if n_samples == 0:
            return greedy
        cumulative = (logits / temperature).softmax(-1).cumsum(-1)[row]
        # right=True never lands on a token of probability 0, nor does a product below the total
        target = (table[members, step] * cumulative[:, -1]).minimum(cumulative[:, -1] * (1 - 1e-6))
        drawn = torch.searchsorted(cumulative, target[:, None], right=True)[:, 0]
        return torch.where(members % (n_samples + 1) == 0, greedy, drawn)

    return draw


def to_sample(lm: LanguageModel, ids: Sequence[int], logprobs: Sequence[float], texts: Texts | None = None) -> Sample:
    """A sample from a row of ids: up to its stop token, or to the first -1. `texts` remembers those of equal rows."""
    stop_ids = set(lm.stop_ids)
    n_tokens = next((i for i, token in enumerate(ids) if token == -1 or token in stop_ids), len(ids))
    finish = Finish.STOP if n_tokens < len(ids) and ids[n_tokens] in stop_ids else Finish.LENGTH
    kept = tuple(ids[:n_tokens])
    texts = {} if texts is None else texts
    if kept not in texts:
        pieces = token_texts(lm.tokenizer, kept)
        # behind "Answer:" the first token begins with the space between the two
        texts[kept] = (pieces[0].lstrip(" "), *pieces[1:]) if pieces and lm.answers_in_lines else pieces
    # rounding can lift a log-probability of 0 above it
    values = np.minimum(np.asarray(logprobs[:n_tokens], dtype=np.float64), 0.0)
    return Sample("".join(texts[kept]), kept, texts[kept], values, finish)


def sampling_prompt(lm: LanguageModel, text: str, style: PromptSettings) -> str:
    """What is sampled from: the question behind the style's shots, or without any in the chat template."""
    return few_shot_prompt(style, text) if style.shots else lm.chat(question_prompt(style, text))


def _sampled(lm: LanguageModel, style: PromptSettings) -> LanguageModel:
    """The base, which answers in a line behind the style's shots."""
    return replace(lm.without_adapter(), answers_in_lines=bool(style.shots))


def greedy_answer(
    lm: LanguageModel, text: str, settings: SamplingSettings, *, style: PromptSettings
) -> tuple[str, Sample]:
    """The prompt that `sample_answers` would send, and the base model's greedy answer to it."""
    chat, base = sampling_prompt(lm, text, style), _sampled(lm, style)
    ((greedy, _),) = generate(
        base, [chat], n_samples=0, temperature=1.0, max_new_tokens=settings.max_new_tokens, seed=settings.seed
    )
    return chat, greedy


def sample_answers(
    lm: LanguageModel, questions: Sequence[Question], settings: SamplingSettings, *, style: PromptSettings
) -> Iterator[SampleSet]:
    """The base model's greedy and sampled answers to each question, in order, a batch at a time.

    Behind the style's shots an answer is a line. Raises ModelError when the memory is too small for one question.
    """
    base = _sampled(lm, style)

    def sampled(batch: Sequence[Question]) -> list[SampleSet]:
        chats = [sampling_prompt(lm, question.text, style) for question in batch]
        answers = generate(
            base,
            chats,
            n_samples=settings.n_samples,
            temperature=settings.temperature,
            max_new_tokens=settings.max_new_tokens,
            seed=settings.seed,
        )
        made = zip(batch, chats, answers, strict=True)
        return [SampleSet(question, greedy, samples, chat) for question, chat, (greedy, samples) in made]

    yield from in_batches(questions, Room(settings.batch_size, _REMEDY), sampled)
