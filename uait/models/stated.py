"""A reply on its way, and what is read behind it once it has ended: the number it states, and the mean of that number.

Rows are those of a batch, as in `decoding`: a reply is known by its row there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from time import perf_counter

import torch

from uait.method.prompts import parse_reply
from uait.models.decoding import advance, padded, prompt_ids, read, to_sample
from uait.models.hearing import MIN_MASS, Hearing, expected_number, spoken_number
from uait.models.language_model import LanguageModel
from uait.models.reading import Reader
from uait.models.rows import Rows
from uait.records import Answer, Finish, Passage, Sample


@dataclass(frozen=True)
class Ask:
    """A prompt with its tokens, the question in it, the passages to be read for it, and the longest answer."""

    chat: str
    ids: list[int]
    text: str
    passages: Sequence[Passage]
    max_new_tokens: int

    @classmethod
    def of(cls, lm: LanguageModel, chat: str, text: str, passages: Sequence[Passage], max_new_tokens: int) -> "Ask":
        """Raises DataError when prompt and answer together are longer than the model reads."""
        (ids,) = prompt_ids(lm, [chat], max_new_tokens)
        return cls(chat, ids, text, passages, max_new_tokens)


@dataclass(eq=False)
class Draft:
    """A greedy reply on its way, with what the model held of each of N numbers at each step.

    `n_behind` is how many slots of its row stand behind its prompt. With passages it answers in their words, by its
    `reader`. `answer` is there once it has ended and its number was read.
    """

    ask: Ask
    reader: Reader | None = None
    start: float = field(default_factory=perf_counter)
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    p_number: list[torch.Tensor] = field(default_factory=list)  # per step, (N,); not where a voice says the number
    p_end: list[float] = field(default_factory=list)  # per step: of all that would close the reply there
    n_behind: int = 0
    is_open: bool = True
    answer: Answer | None = None

    @property
    def n_waited(self) -> int:
        """For how many steps of its batch it has been written to its end."""
        return self.n_behind - len(self.tokens) + 1

    def text_of(self, sample: Sample) -> str:
        text = parse_reply(sample.text).answer
        return text if self.reader is None or self.reader.holds(text) else ""

    def probability_of(self, sample: Sample) -> float | None:
        """Of all its tokens, and of its end there; None where it did not end."""
        if sample.flaw is not None:
            return None
        return min(1.0, exp(float(sample.logprobs.sum())) * self.p_end[len(sample.token_ids)])


@torch.inference_mode()
def finish(lm: LanguageModel, rows: Rows, ended: Mapping[int, Draft]) -> None:
    """Gives each of these replies, by its row, its answer. The rows stay as they are."""
    samples = {row: to_sample(lm, draft.tokens, draft.logprobs) for row, draft in ended.items()}
    probabilities = {row: ended[row].probability_of(sample) for row, sample in samples.items()}
    if lm.voice is not None and lm.voice.hears is not None:
        spoken, expected = _heard(lm, lm.voice.hears, rows, ended, samples, probabilities)
    else:
        spoken = {row: number for row, sample in samples.items() if (number := _spoken(sample)) is not None}
        found = {row: _place(lm, samples[row]) for row in spoken}
        places = {row: place for row, place in found.items() if place is not None}
        expected = _expected(lm, rows, ended, places, spoken) if places else {}
    for row, draft in ended.items():
        draft.answer = Answer(
            text=draft.text_of(samples[row]),
            spoken=spoken.get(row),
            expected=expected.get(row),
            sample=samples[row],
            prompt=draft.ask.chat,
            seconds=perf_counter() - draft.start,
            model_id=lm.model_id,
            n_passages=len(draft.ask.passages),
            probability=probabilities[row],
        )


def _heard(
    lm: LanguageModel,
    hears: Hearing,
    rows: Rows,
    ended: Mapping[int, Draft],
    samples: Mapping[int, Sample],
    probabilities: Mapping[int, float | None],
) -> tuple[dict[int, float], dict[int, float]]:
    """The numbers said and expected behind each answer that ended, read again with its percentile."""
    voice, spoken, expected = lm.voice, dict[int, float](), dict[int, float]()
    assert voice is not None
    heard = {row: hears.level(p) for row, p in probabilities.items() if p is not None}
    # What fills a shorter answer up would take room in a nearsighted layer's window: there each row goes alone.
    together = [list(heard)] if lm.family.window is None else [[row] for row in heard]
    for batch in filter(None, together):
        part = _rewound(lm, rows, ended, dict.fromkeys(batch, 0))
        said = [[*samples[row].token_ids, *hears.opening(heard[row])] for row in batch]
        advance(voice, part, *padded(lm, said))
        tens, means = hears.digits(part.logits).argmax(-1), expected_number(hears, part.logits)
        advance(voice, part, torch.tensor(hears.digit_ids, device=lm.device)[tens])
        numbers = spoken_number(tens, hears.digits(part.logits))
        for row, mean, number in zip(batch, means, numbers, strict=True):
            if mean is not None:
                spoken[row], expected[row] = number, mean
    return spoken, expected


def _rewound(lm: LanguageModel, rows: Rows, ended: Mapping[int, Draft], n_kept: Mapping[int, int]) -> Rows:
    """These rows apart, each with so many tokens of its reply.

    The others are hidden and stay cached. A nearsighted layer has let go of tokens for them: there the rest is read
    again.
    """
    if lm.family.window is not None:
        return read(lm, [ended[row].ask.ids + ended[row].tokens[:n] for row, n in n_kept.items()])
    part = rows.part(torch.tensor(list(n_kept), device=lm.device))
    n_hidden = torch.tensor([ended[row].n_behind - n for row, n in n_kept.items()], device=lm.device)
    from_the_end = torch.arange(part.mask.shape[1], 0, -1, device=lm.device)
    part.mask = part.mask * (from_the_end > n_hidden[:, None])
    return part


def _place(lm: LanguageModel, sample: Sample) -> int | None:
    """The position of the token that begins the stated number, or None when that token is more than a number."""
    lead = len(sample.text) - len(sample.text.lstrip())
    semicolon = sample.text.index(";", lead + len(parse_reply(sample.text).answer))
    first_digit = re.compile(r"\d").search(sample.text, semicolon)
    end = 0
    for place, piece in enumerate(sample.token_texts):
        end += len(piece)
        if first_digit is not None and end > first_digit.start():
            return place if sample.token_ids[place] in lm.number_ids.values() else None
    return None


def _expected(
    lm: LanguageModel,
    rows: Rows,
    ended: Mapping[int, Draft],
    places: Mapping[int, int],
    spoken: Mapping[int, float],
) -> dict[int, float]:
    """The mean of the number's whole part, in [0, 1], over the number tokens at its place, by row.

    A token of several digits is its integer. After each single digit one more forward pass, for all rows together,
    reads whether a second digit follows. Decimals are left out: at most 0.9 points too low. A row
    with little probability on numbers has no mean.
    """
    whole = torch.tensor([float(re.sub(r"\D", "", token)) for token in lm.number_ids], device=lm.device)
    p = torch.stack([ended[row].p_number[place] for row, place in places.items()])
    digits = (whole < 10).nonzero()[:, 0]
    p_second, second = _second_digits(lm, rows, ended, places, digits)
    two = 10 * whole[digits, None] + second
    # "10" and "100" begin alike where 100 is no token of its own; if the model did say 100, that beginning means it
    is_one = bool((whole == 100).any())
    means = [100.0 if spoken[row] == 1.0 and not is_one else 10.0 for row in places]
    ten = torch.tensor(means, device=p.device)[:, None]
    values = torch.where(whole == 10, ten, whole)
    two = torch.where(two == 10, ten[:, :, None], two)
    values[:, digits] = (p_second * two).sum(-1) + (1 - p_second.sum(-1)) * whole[digits]
    mass = p.sum(-1)
    expected = ((p * values).sum(-1) / mass / 100.0).clamp(0.0, 1.0).tolist()
    return {row: m for row, m, held in zip(places, expected, mass.tolist(), strict=True) if held >= MIN_MASS}


def _second_digits(
    lm: LanguageModel, rows: Rows, ended: Mapping[int, Draft], places: Mapping[int, int], leads: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The probabilities (B, D, 10) of each second digit after each of the `leads` (D,), and those digits (10,)."""
    bare = {digit: i for digit in range(10) if (i := lm.number_ids.get(str(digit))) is not None}
    part = _rewound(lm, rows, ended, places)
    part.select(torch.arange(len(places), device=leads.device).repeat_interleave(len(leads)))
    numbers = torch.tensor(list(lm.number_ids.values()), device=leads.device)
    advance(lm, part, numbers[leads].repeat(len(places)))
    p = part.logits.softmax(-1)[:, list(bare.values())]
    return p.unflatten(0, (len(places), len(leads))), torch.tensor(list(bare), device=leads.device)


def _spoken(sample: Sample) -> float | None:
    """The stated confidence, or None: also when there is no answer to be sure of, or the token limit cut the number."""
    parsed = parse_reply(sample.text)
    is_cut = sample.finish is Finish.LENGTH and sample.text[-1:] in tuple("0123456789.,")
    return None if is_cut or not parsed.answer else parsed.confidence
