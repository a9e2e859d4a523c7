"""The texts sent to a model and the parsers of its replies, side by side.

One function per prompt, used alike in sampling, tuning and answering, so that the three stay byte-equal.
Knows nothing about chat templates (the model's tokenizer adds them) nor about models.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from uait.records import Passage
from uait.records.errors import DataError
from uait.settings import PromptSettings

MAX_QUESTION_CHARS = 2_000
MAX_RAW_CHARS = 20_000  # of a question before it is cleaned: no one types that much around 2,000 characters
MAX_PASSAGE_CHARS = 400

# Tokens that open or close a turn in the common chat templates: as plain text they could forge a turn.
_ENDS_IN_TOKEN = re.compile(
    r"(?:<[|\uff5c][^<>]{1,40}?[|\uff5c]>|</?s>|</?(?:bos|eos|pad|unk|mask)>|</?(?:start|end)_of_turn>|<</?SYS>>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])\Z",
    re.IGNORECASE,
)
_LONGEST_TOKEN = 44  # "<|", 40 characters, "|>"
_PLACEHOLDER = re.compile(r"\{(question|answer|passages)\}")
# A number counts only right after a semicolon, and only when a per cent sign or the end of its line follows it.
_STATED = re.compile(r";\s*([0-9]+(?:[.,][0-9]+)?)[ \t]*(?:%|(?=\.?[ \t]*(?:\n|$)))")


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What a model said: its answer, and the confidence it stated in [0, 1], or None."""

    answer: str
    confidence: float | None


def sanitise(text: str) -> str:
    """The question as one clean line: no control or zero-width characters, no chat-template tokens, single spaces.

    Cleaning a clean text changes nothing. Raises DataError when nothing is left or more than 2,000 characters are;
    a raw text of more than 20,000 is refused unread.
    """
    if len(text) > MAX_RAW_CHARS:
        raise DataError(
            f"The question has {len(text):,} characters; at most {MAX_QUESTION_CHARS:,} are allowed. Shorten it."
        )
    cleaned = _clean(text)
    if not cleaned:
        raise DataError("The question is empty; write a question, for example: What is the capital of France?")
    if len(cleaned) > MAX_QUESTION_CHARS:
        raise DataError(
            f"The question has {len(cleaned):,} characters; at most {MAX_QUESTION_CHARS:,} are allowed. Shorten it."
        )
    return cleaned


def question_prompt(style: PromptSettings, text: str) -> str:
    """The plain question, as asked in sampling, tuning and answering."""
    return _fill(style.question, {"question": sanitise(text)})


def few_shot_prompt(style: PromptSettings, text: str, passages: Sequence[Passage] = ()) -> str:
    """The shots and the question after them, as lines, with the passages before it; the answer ends with its line."""
    read = f"{_joined(passages)}\n" if passages else ""
    return f"{style.shots.rstrip()}\n\n{read}Question: {sanitise(text)}\nAnswer:"


def verbalized_prompt(style: PromptSettings, text: str) -> str:
    """The question asked together with a confidence (verbalized baseline)."""
    return _fill(style.verbalized, {"question": sanitise(text)})


def p_true_prompt(style: PromptSettings, text: str, answer: str) -> str:
    """The question whether `answer` is right (P(True) baseline)."""
    return _fill(style.p_true, {"question": sanitise(text), "answer": _clean(answer)})


def reading_prompt(style: PromptSettings, text: str, passages: Sequence[Passage]) -> str:
    """The question with the passages' texts, one per line, each cleaned and cut to 400 characters."""
    return _fill(style.reading, {"question": sanitise(text), "passages": _joined(passages)}).strip()


def _joined(passages: Sequence[Passage]) -> str:
    lines = [_clean(passage.text[:MAX_RAW_CHARS])[:MAX_PASSAGE_CHARS].strip() for passage in passages]
    return "\n".join(line for line in lines if line)


def target_text(answer: str, confidence: float) -> str:
    """The completion to learn, e.g. `Paris; 93.1%`. Raises DataError on an empty answer, or as `percent` does."""
    cleaned = _clean(answer)
    if not cleaned:
        raise DataError("There is no answer to teach; drop the label instead.")
    return f"{cleaned}; {percent(confidence)}"


def percent(confidence: float) -> str:
    """The confidence as it is taught: one decimal, from 0.1 to 99.9 %, since certainty is never taught.

    Raises DataError when it is outside [0, 1].
    """
    if not 0.0 <= confidence <= 1.0:
        raise DataError(f"The confidence is {confidence}; it must lie between 0 and 1.")
    return f"{min(max(100.0 * confidence, 0.1), 99.9):.1f}%"


def parse_reply(text: str) -> ParsedReply:
    """The answer and the stated confidence: the number after the last semicolon that a number follows.

    A number outside 0..100, or none, gives confidence None; other numbers in the text are never taken for it.
    """
    numbers = list(_STATED.finditer(text))
    if not numbers:
        return ParsedReply(text.strip().rstrip(";").rstrip(), None)
    last = numbers[-1]
    percent = float(last[1].replace(",", "."))
    return ParsedReply(text[: last.start()].strip(), round(percent / 100.0, 6) if percent <= 100.0 else None)


def _clean(text: str) -> str:
    """`text` on one line without control characters, zero-width characters and chat-template tokens.

    One pass, in time linear in the text: a token is dropped as soon as it is complete, so that the halves around it
    are seen together with what follows.
    """
    text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    characters: list[str] = []
    for c in " ".join(text.split()):
        if c == " " and characters[-1:] in ([], [" "]):
            continue
        characters.append(c)
        token = _ENDS_IN_TOKEN.search("".join(characters[-_LONGEST_TOKEN:])) if c in ">]" else None
        if token:
            del characters[-len(token[0]) :]
            if characters[-1:] not in ([], [" "]):
                characters.append(" ")
    return "".join(characters).strip()


def _fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with its placeholders filled in one pass, so that a value holding "{answer}" is never filled again."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)
