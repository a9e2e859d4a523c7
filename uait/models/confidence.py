"""Stage 4: question (and passages) -> Answer with the confidence the model states, and its expected value.

Also the baseline that asks the untuned model for a confidence in words. Decides nothing: the gate does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import exp
from time import perf_counter

import torch

from uait.method.prompts import (
    few_shot_prompt,
    parse_reply,
    question_prompt,
    reading_prompt,
    verbalized_prompt,
)
from uait.models.batches import Room, in_a_sentence, in_batches
from uait.models.decoding import advance, decode, fits, padded, prefill, read, to_sample
from uait.models.hearing import MIN_MASS, Hearing, expected_number, spoken_number
from uait.models.language_model import LanguageModel
from uait.models.reading import Reader
from uait.models.text_pieces import TextPieces
from uait.records import Answer, Done, Finish, Partial, Passage, Sample
from uait.settings import AnswerSettings

_REMEDY = "lower answer.max_new_tokens or retrieval.n_passages, set model.quantize, or choose a smaller model"


def answer(
    lm: LanguageModel, text: str, passages: Sequence[Passage], settings: AnswerSettings
) -> Iterator[Partial | Done]:
    """The greedy reply as it grows, raw, then Done(Answer). With passages, the model reads them first.

    Raises DataError when the question is empty or too long, and ModelError when the memory is too small for it.
    """
    start = perf_counter()
    asked = asked_view(lm, reads=bool(passages))
    reply = TextPieces(lm.tokenizer)
    with in_a_sentence(_REMEDY):
        replies = _Replies(asked, [_prompt(asked, text, passages)], settings.max_new_tokens, [text], [passages])
        for (token,) in replies.steps():
            if token not in asked.stop_ids:
                reply.add(token)
            yield Partial("".join(reply.pieces))
        yield Done(replies.answers(start)[0])


def answer_batch(
    lm: LanguageModel,
    texts: Sequence[str],
    settings: AnswerSettings,
    passages: Sequence[Sequence[Passage]] | None = None,
    batch_size: int = 16,
) -> list[Answer]:
    """The answers to many questions, in order; `passages` holds one sequence per question. `seconds` is the mean."""
    read = passages if passages is not None else [()] * len(texts)
    alone, reader = asked_view(lm, reads=False), asked_view(lm, reads=True)
    prompts = [_prompt(reader if found else alone, text, found) for text, found in zip(texts, read, strict=True)]
    return _in_batches((alone, reader), prompts, texts, read, settings.max_new_tokens, batch_size)


def can_read(lm: LanguageModel, text: str, passages: Sequence[Passage], settings: AnswerSettings) -> bool:
    """Whether the question with these passages and its answer are within what the model reads."""
    reader = asked_view(lm, reads=bool(passages))
    return fits(reader, _prompt(reader, text, passages), settings.max_new_tokens)


def verbalized_batch(
    lm: LanguageModel, texts: Sequence[str], settings: AnswerSettings, batch_size: int = 16
) -> list[Answer]:
    """The untuned model's answers when it is asked for a confidence in words: the verbalized baseline."""
    chats = [lm.chat(verbalized_prompt(lm.prompts, text)) for text in texts]
    base = lm.without_adapter()
    return _in_batches((base, base), chats, texts, [()] * len(chats), settings.max_new_tokens, batch_size)


def asked_view(lm: LanguageModel, *, reads: bool) -> LanguageModel:
    """Who answers. What `reads` is the base: tuning showed it no passage, and untuned it copies more faithfully.

    The base answers for an adapter that hears itself, too, which is then its voice. An untuned model with shots is
    asked behind them, and answers in a line.
    """
    asked = lm.without_adapter() if reads or lm.hears else lm
    in_lines = bool(lm.prompts.shots) and asked.lora is None
    voice = lm if lm.hears and not reads else None
    return replace(asked, answers_in_lines=in_lines, voice=voice) if in_lines or voice else asked


def _prompt(lm: LanguageModel, text: str, passages: Sequence[Passage]) -> str:
    if lm.answers_in_lines:
        return few_shot_prompt(lm.prompts, text, passages)
    return lm.chat(reading_prompt(lm.prompts, text, passages) if passages else question_prompt(lm.prompts, text))


def _in_batches(
    lms: tuple[LanguageModel, LanguageModel],
    chats: Sequence[str],
    texts: Sequence[str],
    passages: Sequence[Sequence[Passage]],
    max_new_tokens: int,
    batch_size: int,
) -> list[Answer]:
    """Answers in the order of `chats`, by the second model where it reads; those of like length share a batch."""

    def answered(batch: Sequence[int]) -> list[Answer]:
        start, asked, read = perf_counter(), [texts[i] for i in batch], [passages[i] for i in batch]
        replies = _Replies(lms[bool(read[0])], [chats[i] for i in batch], max_new_tokens, asked, read)
        for _ in replies.steps():
            pass
        return replies.answers(start)

    answers: dict[int, Answer] = {}
    room = Room(batch_size, _REMEDY)
    for reads in (False, True):
        order = sorted((i for i, read in enumerate(passages) if bool(read) == reads), key=lambda i: len(chats[i]))
        answers.update(zip(order, in_batches(order, room, answered), strict=True))
    return [answers[i] for i in range(len(chats))]


class _Replies:
    """Greedy replies of one batch (B rows), with what the model held of each number at each step.

    Either all rows read passages, and answer in their words, or none does.
    """

    def __init__(
        self,
        lm: LanguageModel,
        chats: Sequence[str],
        max_new_tokens: int,
        texts: Sequence[str],
        passages: Sequence[Sequence[Passage]],
    ) -> None:
        self.lm, self.chats, self.max_new_tokens, self.passages = lm, chats, max_new_tokens, passages
        self.choose = Reader(lm, texts, passages) if all(passages) else None
        self.rows = prefill(self.lm, chats, max_new_tokens)
        self.n_slots = self.rows.mask.shape[1]
        self.numbers = list(lm.number_ids.values())  # N ids
        self.values = torch.tensor([float(re.sub(r"\D", "", token)) for token in lm.number_ids], device=lm.device)
        self.stops = list(lm.stop_ids)
        self.tokens: list[list[int]] = []  # per step, B
        self.logprobs: list[list[float]] = []
        self.p_number: list[torch.Tensor] = []  # per step, (B, N); not where a voice says the number
        self.p_end: list[list[float]] = []  # per step, B: of all that would close the reply there

    def steps(self) -> Iterator[list[int]]:
        """The tokens (B,) of each step, -1 in rows that had closed."""
        for tokens, logprobs in decode(self.lm, self.rows, self.max_new_tokens, self.choose):
            self.tokens.append(tokens.tolist())
            self.logprobs.append(logprobs.tolist())
            p = self.rows.logits.softmax(-1)
            self.p_end.append(p[:, self.stops].sum(-1).tolist())
            if self.lm.voice is None:
                self.p_number.append(p[:, self.numbers])
            yield self.tokens[-1]

    def answers(self, start: float) -> list[Answer]:
        samples = [
            to_sample(self.lm, [step[row] for step in self.tokens], [step[row] for step in self.logprobs])
            for row in range(len(self.chats))
        ]
        probabilities = [self._probability(row, sample) for row, sample in enumerate(samples)]
        if self.lm.voice is not None and self.lm.voice.hears is not None:
            spoken, expected = self._heard(self.lm.voice, self.lm.voice.hears, samples, probabilities)
        else:
            spoken = [_spoken(sample) for sample in samples]
            found = [self._place(sample) if spoken[row] is not None else None for row, sample in enumerate(samples)]
            places = {row: place for row, place in enumerate(found) if place is not None}
            expected = self._expected(places, spoken) if places else {}
        seconds = (perf_counter() - start) / len(self.chats)
        return [
            Answer(
                text=self._text(row, sample),
                spoken=spoken[row],
                expected=expected.get(row),
                sample=sample,
                prompt=self.chats[row],
                seconds=seconds,
                model_id=self.lm.model_id,
                n_passages=len(self.passages[row]),
                probability=probabilities[row],
            )
            for row, sample in enumerate(samples)
        ]

    def _text(self, row: int, sample: Sample) -> str:
        text = parse_reply(sample.text).answer
        return text if self.choose is None or self.choose.holds(row, text) else ""

    def _probability(self, row: int, sample: Sample) -> float | None:
        """Of all its tokens, and of its end there; None where it did not end."""
        if sample.flaw is not None:
            return None
        return min(1.0, exp(float(sample.logprobs.sum())) * self.p_end[len(sample.token_ids)][row])

    @torch.inference_mode()
    def _heard(
        self, voice: LanguageModel, hears: Hearing, samples: Sequence[Sample], probabilities: Sequence[float | None]
    ) -> tuple[list[float | None], dict[int, float]]:
        """The numbers said and expected behind each answer that ended, read again with its percentile."""
        spoken: list[float | None] = [None] * len(samples)
        expected: dict[int, float] = {}
        heard = {row: hears.level(p) for row, p in enumerate(probabilities) if p is not None}
        # What fills a shorter answer up would take room in a nearsighted layer's window: there each row goes alone.
        together = [list(heard)] if self.lm.family.window is None else [[row] for row in heard]
        for ended in filter(None, together):
            self._rewind(ended, [self.n_slots] * len(ended))
            said = [[*samples[row].token_ids, *hears.opening(heard[row])] for row in ended]
            advance(voice, self.rows, *padded(self.lm, said))
            tens, means = hears.digits(self.rows.logits).argmax(-1), expected_number(hears, self.rows.logits)
            advance(voice, self.rows, torch.tensor(hears.digit_ids, device=self.lm.device)[tens])
            numbers = spoken_number(tens, hears.digits(self.rows.logits))
            for row, mean, number in zip(ended, means, numbers, strict=True):
                if mean is not None:
                    spoken[row], expected[row] = number, mean
        return spoken, expected

    def _rewind(self, rows: Sequence[int], n_slots: Sequence[int]) -> None:
        """Keeps these rows of the batch, without what was generated from their slot `n_slots` on.

        It is hidden and stays cached. A nearsighted layer has let go of tokens for it: there the rest is read again.
        """
        if self.lm.family.window is not None:
            prompts = self.lm.tokenizer([self.chats[row] for row in rows], add_special_tokens=False)["input_ids"]
            kept = [range(n - self.n_slots) for n in n_slots]
            replies = [[self.tokens[i][row] for i in steps] for row, steps in zip(rows, kept, strict=True)]
            self.rows = read(self.lm, [prompt + reply for prompt, reply in zip(prompts, replies, strict=True)])
            return
        self.rows.select(torch.tensor(rows, device=self.lm.device))
        slots = torch.arange(self.rows.mask.shape[1], device=self.lm.device)
        self.rows.mask = self.rows.mask * (slots < torch.tensor(n_slots, device=self.lm.device)[:, None])

    def _place(self, sample: Sample) -> int | None:
        """The position of the token that begins the stated number, or None when that token is more than a number."""
        lead = len(sample.text) - len(sample.text.lstrip())
        semicolon = sample.text.index(";", lead + len(parse_reply(sample.text).answer))
        first_digit = re.compile(r"\d").search(sample.text, semicolon)
        end = 0
        for place, piece in enumerate(sample.token_texts):
            end += len(piece)
            if first_digit is not None and end > first_digit.start():
                return place if sample.token_ids[place] in self.numbers else None
        return None

    @torch.inference_mode()
    def _expected(self, places: dict[int, int], spoken: Sequence[float | None]) -> dict[int, float]:
        """The mean of the number's whole part, in [0, 1], over the number tokens at its place, by row.

        A token of several digits is its integer. After each single digit one more forward pass, for all rows together,
        reads whether a second digit follows. Decimals are left out: at most 0.9 points too low. A row
        with little probability on numbers has no mean.
        """
        batch = list(places)
        p = torch.stack([self.p_number[places[row]][row] for row in batch])
        digits = (self.values < 10).nonzero()[:, 0]
        p_second, second = self._second_digits(batch, places, digits)
        two = 10 * self.values[digits, None] + second
        # "10" and "100" begin alike where 100 is no token of its own; if the model did say 100, that beginning means it
        is_one = bool((self.values == 100).any())
        means = [100.0 if spoken[row] == 1.0 and not is_one else 10.0 for row in batch]
        ten = torch.tensor(means, device=p.device)[:, None]
        values = torch.where(self.values == 10, ten, self.values)
        two = torch.where(two == 10, ten[:, :, None], two)
        values[:, digits] = (p_second * two).sum(-1) + (1 - p_second.sum(-1)) * self.values[digits]
        mass = p.sum(-1)
        expected = ((p * values).sum(-1) / mass / 100.0).clamp(0.0, 1.0).tolist()
        return {row: m for row, m, held in zip(batch, expected, mass.tolist(), strict=True) if held >= MIN_MASS}

    def _second_digits(
        self, batch: Sequence[int], places: dict[int, int], leads: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The probabilities (B, D, 10) of each second digit after each of the `leads` (D,), and those digits (10,)."""
        bare = {digit: i for digit in range(10) if (i := self.lm.number_ids.get(str(digit))) is not None}
        self._rewind(batch, [self.n_slots + places[row] for row in batch])
        self.rows.select(torch.arange(len(batch), device=leads.device).repeat_interleave(len(leads)))
        advance(self.lm, self.rows, torch.tensor(self.numbers, device=leads.device)[leads].repeat(len(batch)))
        p = self.rows.logits.softmax(-1)[:, list(bare.values())]
        return p.unflatten(0, (len(batch), len(leads))), torch.tensor(list(bare), device=leads.device)


def _spoken(sample: Sample) -> float | None:
    """The stated confidence, or None: also when there is no answer to be sure of, or the token limit cut the number."""
    parsed = parse_reply(sample.text)
    is_cut = sample.finish is Finish.LENGTH and sample.text[-1:] in tuple("0123456789.,")
    return None if is_cut or not parsed.answer else parsed.confidence
