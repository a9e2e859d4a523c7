"""Takes the noise off a question: a greeting, missing or doubled marks, capitals all over or none.

Pure text. A question that is written as it should be comes back as it is.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

MAX_NAME_WORDS = 8
_GREETING = re.compile(
    r"(?:(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day)|dear \w+)(?: there)?\b[\s,.!:;-]*)?"
    r"(?:(?:please|pls|plz)\b[\s,.!:;-]*)?",
    re.IGNORECASE,
)
_THANKS = re.compile(r"[\s,.!]*\b(?:please|pls|plz|thanks|thank you|thx)\b(?P<mark>[\s.!?]*)$", re.IGNORECASE)
_END = re.compile(r"(?:[\s?.…]|(?<=[\s?])!)*$")
_WORD = re.compile(r"[^\W_]+(?:['’\u2019][^\W_]+)*")


class Spelling:
    """How names are written, learnt from texts: whole titles first, then each word as it mostly is inside a sentence.

    A word that stands in none of them is taken for a name.
    """

    def __init__(self, titles: Iterable[str], texts: Iterable[str]) -> None:
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            for word in _WORD.findall(text)[1:]:  # the first has its capital from the sentence
                seen[word.lower()][word] += 1
        self._words = {lower: counts.most_common(1)[0][0] for lower, counts in seen.items()}
        # "In" and "As" are chemical symbols and, far more often, words
        usual = {lower for lower, word in self._words.items() if lower == word}
        self._titles = {title.lower(): title for title in titles if title.lower() not in usual}

    def of(self, text: str) -> str:
        """The text with its names as they are written, whatever its capitals, and a capital at its beginning."""
        lower, pieces, end = text.lower(), [], 0
        words = list(_WORD.finditer(lower))
        i = 0
        while i < len(words):
            n, name = self._name(lower, words[i : i + MAX_NAME_WORDS])
            pieces += [lower[end : words[i].start()], name]
            end = words[i + n - 1].end()
            i += n
        whole = "".join([*pieces, lower[end:]])
        return whole[:1].upper() + whole[1:]

    def _name(self, text: str, words: list[re.Match[str]]) -> tuple[int, str]:
        """How many of the words the longest known title takes, and how it is written; else the first word alone."""
        for n in range(len(words), 0, -1):
            title = self._titles.get(text[words[0].start() : words[n - 1].end()])
            if title is not None:
                return n, title
        return 1, self._words.get(words[0][0], words[0][0].capitalize())


def plain_question(text: str, spelling: Spelling | None = None) -> str:
    """The clean one-line question without greeting, thanks or doubled marks, ending in one mark.

    Without any small letter or any capital its names are written as `spelling` knows them. Of a text that is nothing
    else nothing is taken.
    """
    body = _THANKS.sub(lambda found: found["mark"], text)
    asked = _GREETING.sub("", body, count=1)
    is_greeted, body = asked != body, asked
    body, is_statement = _END.sub("", body), body.rstrip().endswith(".")
    if not _WORD.search(body):
        return text
    letters = [c for c in body if c.isalpha()]
    if spelling is not None and (not any(map(str.islower, letters)) or not any(map(str.isupper, letters))):
        body = spelling.of(body)
    elif is_greeted:
        body = body[:1].upper() + body[1:]
    return f"{body}{'.' if is_statement else '?'}"
