"""Stage 4: question (and passages) -> Answer with the confidence the model states, and its expected value.

Also the baseline that asks the untuned model for a confidence in words. Decides nothing: the gate does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter

from uait.method.prompts import few_shot_prompt, question_prompt, reading_prompt, verbalized_prompt
from uait.models.batches import Room, in_a_sentence, in_batches
from uait.models.decoding import fits
from uait.models.drafts import Drafts
from uait.models.language_model import LanguageModel
from uait.models.stated import Ask
from uait.models.text_pieces import TextPieces
from uait.models.together import among
from uait.records import Answer, Done, Partial, Passage
from uait.settings import AnswerSettings

_REMEDY = "lower answer.max_new_tokens or retrieval.n_passages, set model.quantize, or choose a smaller model"


def answer(
    lm: LanguageModel, text: str, passages: Sequence[Passage], settings: AnswerSettings
) -> Iterator[Partial | Done]:
    """The greedy reply as it grows, raw, then Done(Answer). With passages, the model reads them first.

    Asked by several threads at once, they share a batch, and each hears what it would hear alone.

    Raises DataError when the question is empty or too long, and ModelError when the memory is too small for it.
    """
    start = perf_counter()
    asked = asked_view(lm, reads=bool(passages))
    reply = TextPieces(lm.tokenizer)
    ask = Ask.of(asked, _prompt(asked, text, passages), text, passages, settings.max_new_tokens)
    with in_a_sentence(_REMEDY), among(asked, reads=bool(passages)) as others:
        for token in others.tokens(ask):
            if isinstance(token, Answer):
                yield Done(replace(token, seconds=perf_counter() - start))
                return
            if token not in asked.stop_ids:
                reply.add(token)
            yield Partial("".join(reply.pieces))


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
        start, lm = perf_counter(), lms[bool(passages[batch[0]])]
        drafts = Drafts(lm)
        joined = drafts.join([Ask.of(lm, chats[i], texts[i], passages[i], max_new_tokens) for i in batch])
        while drafts.under_way:
            drafts.step()
        seconds = (perf_counter() - start) / len(batch)
        return [replace(draft.answer, seconds=seconds) for draft in joined if draft.answer is not None]

    answers: dict[int, Answer] = {}
    room = Room(batch_size, _REMEDY)
    for reads in (False, True):
        order = sorted((i for i, read in enumerate(passages) if bool(read) == reads), key=lambda i: len(chats[i]))
        answers.update(zip(order, in_batches(order, room, answered), strict=True))
    return [answers[i] for i in range(len(chats))]
