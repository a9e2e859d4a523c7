"""Does a short answer say the reference and nothing else: "The symbol Mn stands for manganese" -> manganese.

Two texts in, yes or no out; a guard against answers in which the reference stands but is not what is answered.
"""

import re
import unicodedata
from collections.abc import Sequence

MAX_WORDS = 8  # a longer answer is an explanation, in which names stand that are not the answer
_REFUSING = re.compile(
    r"\b(?:not?|never|neither|nor|none|cannot|without|except|unlike|unknown|or|either|than|instead"
    r"|(?:is|was|are|were|do|does|did|has|have|had|ca|wo|could|would|should|must)nt)\b|[;/]"
)
# Right before a name these make it another one: South Korea, Papua New Guinea, vice president, near Paris.
_CHANGING_BEFORE = re.compile(
    r"\b(?:new|papua|equatorial|(?:north|south|east|west)(?:ern)?|vice|former|non|anti|near|outside|and)$"
)
_CHANGING_AFTER = re.compile(r"and\b")
_NUMBER_BEFORE = re.compile(r"\b(?:to|minus)$")
_NUMBER_AFTER = re.compile(r"(?:hundred|thousand|[mbtr]+illion|percent|to)\b")
_APOSTROPHE = re.compile("['`\u2018\u2019\u00b4]")
_RANGE = re.compile(r"(?<=\d)\s*[-\u2013]\s*(?=\d)")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*(?!\w)|[^\W_]+|[;/]")
_LIST_COMMA = re.compile(r",(?!\d)")


def contains(answer: str, reference: str) -> bool:
    """Whether the reference stands as whole words in an answer of at most 8 words that says nothing else.

    Case and accents do not count. Refused are answers that deny ("isn't", "never"), that offer others ("x or y",
    "x and y", "x / y", "x, y, z"), and those in which the words beside the reference make it another name or number
    ("South Korea", "8 million"). A reference of two letters ("Mn") must be spelt with its capital and not open the
    answer; one of a single letter is never looked for.
    """
    words, target = _tokens(answer), _tokens(reference)
    if len(target) > 2 and target[0].lower() in ("a", "an", "the"):  # not "The Who": a "who" stands in many answers
        target = target[1:]
    n_commas = len(_LIST_COMMA.findall(answer)) - len(_LIST_COMMA.findall(reference))
    if not target or len(words) > MAX_WORDS or n_commas >= 2:
        return False
    for i in range(len(words) - len(target) + 1):
        before, here, after = words[:i], words[i : i + len(target)], words[i + len(target) :]
        around = (" ".join(part).lower() for part in (before, after))
        if _is_same(here, target, i) and _stands_alone(*around, is_number=target[-1][0].isdigit()):
            return True
    return False


def _is_same(here: Sequence[str], target: Sequence[str], position: int) -> bool:
    """Whether both are the same words; a lone one of one or two letters is a symbol, easily taken for a word."""
    if len(target) == 1 and len(target[0]) <= 2 and target[0].isalpha():
        return position > 0 and len(target[0]) == 2 and not target[0].islower() and list(here) == list(target)
    return [word.lower() for word in here] == [word.lower() for word in target]


def _stands_alone(before: str, after: str, is_number: bool) -> bool:
    """Whether the words around the reference, in lower case, leave it standing as the one answer."""
    if _REFUSING.search(before) or _REFUSING.search(after):
        return False
    if _CHANGING_BEFORE.search(before) or _CHANGING_AFTER.match(after):
        return False
    return not (is_number and (_NUMBER_BEFORE.search(before) or _NUMBER_AFTER.match(after)))


def _tokens(text: str) -> list[str]:
    """Words, numbers such as 1,000.5, and the signs ; and / ("isn't" is one word); without accents."""
    plain = _RANGE.sub(" to ", _APOSTROPHE.sub("", text.replace("&", " and ")))
    decomposed = unicodedata.normalize("NFKD", plain)
    return _TOKEN.findall("".join(c for c in decomposed if not unicodedata.combining(c)))
