"""Which questions can be asked: one that can't is left out with its reason, and the others go on without it."""

from collections.abc import Sequence

from uait.method.prompts import p_true_prompt, question_prompt, verbalized_prompt
from uait.models.decoding import fits, sampling_prompt
from uait.models.language_model import LanguageModel
from uait.records import Question, Reason, Unscored
from uait.settings import Settings


def askable(
    lm: LanguageModel, settings: Settings, questions: Sequence[Question], *, is_measured: bool = False
) -> tuple[list[Question], list[Unscored]]:
    """The questions to ask, in order, and why the others are left out: too long to be sampled, or a repeated id.

    With `is_measured` a question must also be short enough for all that an evaluation asks about it.
    """
    kept: dict[str, Question] = {}
    left_out: list[Unscored] = []
    for question in questions:
        if question.id in kept:
            left_out.append(Unscored(question.id, Reason.REPEATED))
        elif not _is_short(lm, settings, question.text, is_measured):
            left_out.append(Unscored(question.id, Reason.TOO_LONG))
        else:
            kept[question.id] = question
    return list(kept.values()), left_out


def _is_short(lm: LanguageModel, settings: Settings, text: str, is_measured: bool) -> bool:
    chats, longest = [sampling_prompt(lm, text, settings.prompts)], settings.sampling.max_new_tokens
    if is_measured:
        longest = max(longest, settings.answer.max_new_tokens)
        prompts = (question_prompt, verbalized_prompt)
        chats += [lm.chat(prompt(lm.prompts, text)) for prompt in prompts]
        chats.append(lm.chat(p_true_prompt(lm.prompts, text, "")))  # with the answer in place of a new one
    return all(fits(lm, chat, longest) for chat in chats)
