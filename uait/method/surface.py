"""Takes the noise off a question: a greeting, missing or doubled marks, capitals all over or none, a slip of the keys.

Pure text. A question that is written as it should be comes back as it is.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

MAX_NAME_WORDS = 8
OTHER_SCRIPT = "This model reads English only, and the question is written in another script."
_SHORTEST_SLIP = 4  # letters; in fewer a slip can't be told from another word
_GREETING = re.compile(
    r"(?:(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day)|dear \w+)(?: there)?\b[\s,.!:;-]*)?"
    r"(?:(?:please|pls|plz)\b[\s,.!:;-]*)?",
    re.IGNORECASE,
)
_THANKS = re.compile(r"[\s,.!]*\b(?:please|pls|plz|thanks|thank you|thx)\b(?P<mark>[\s.!?]*)$", re.IGNORECASE)
_END = re.compile(r"(?:[\s?\uff1f.…]|(?<=[\s?])!)*$")
_WORD = re.compile(r"[^\W_]+(?:['’\u2019][^\W_]+)*")
_OPENS = re.compile(r"(?:^|[.!?:]\s)[\s\"'“(]*$")  # what stands before the first word of a sentence


class Spelling:
    """How names and words are written, learnt from `texts`: whole `titles` first, then each word as it mostly is.

    The `wordings` are how questions are asked, names left out. A word that stands nowhere is taken for a name.
    `others` are words in small letters that are no slip of another one, though they stand nowhere.
    """

    def __init__(
        self,
        titles: Collection[str],
        texts: Iterable[str],
        wordings: Iterable[str] = (),
        others: Collection[str] = frozenset(),
    ) -> None:
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            for word in _WORD.finditer(text):
                if not _OPENS.search(text[: word.start()][-4:]):  # there it has its capital from the sentence
                    seen[word[0].lower()][word[0]] += 1
        self._words = {lower: counts.most_common(1)[0][0] for lower, counts in seen.items()}
        # "In" and "As" are chemical symbols and, far more often, words
        usual = {lower for lower, word in self._words.items() if lower == word}
        self._titles = {title.lower(): title for title in titles if title.lower() not in usual}
        asking = dict.fromkeys(word for text in wordings for word in _WORD.findall(text.lower()))
        in_titles = {word.lower(): word for title in titles for word in _WORD.findall(title)}
        self._words = in_titles | self._words | {word: word for word in asking}
        self._asking = list(asking)
        self._names = [lower for lower, word in self._words.items() if word != lower]
        self._others = others

    def without_slips(self, text: str) -> str:
        """The text with each word that is one slip away from a known one written as that one.

        A name's word is looked for where there is a capital, or none in the whole text.
        """
        is_plain = text == text.lower()

        def mended(found: re.Match[str]) -> str:
            word, lower = found[0], found[0].lower()
            if len(word) < _SHORTEST_SLIP or not word.isalpha() or lower in self._words or lower in self._others:
                return word
            for known in (self._asking, self._names) if is_plain or word[0].isupper() else (self._asking,):
                near = process.extractOne(lower, known, scorer=OSA.distance, score_cutoff=1)
                if near is not None:
                    right = self._words[near[0]]
                    return right.upper() if word.isupper() else right.capitalize() if word.istitle() else right
            return word

        return _WORD.sub(mended, text)

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

    Slips of the keys are mended and, without any small letter or any capital, names written as `spelling` knows them.
    Of a text that is nothing else nothing is taken.
    """
    body = _THANKS.sub(lambda found: found["mark"], text)
    asked = _GREETING.sub("", body, count=1)
    is_greeted, body = asked != body, asked
    body, is_statement = _END.sub("", body), body.rstrip().endswith(".")
    if not _WORD.search(body):
        return text
    letters = [c for c in body if c.isalpha()]
    body = body if spelling is None else spelling.without_slips(body)
    if spelling is not None and (not any(map(str.islower, letters)) or not any(map(str.isupper, letters))):
        body = spelling.of(body)
    elif is_greeted:
        body = body[:1].upper() + body[1:]
    return f"{body}{'.' if is_statement else '?'}"


def reads_otherwise(text: str, plain: str) -> bool:
    """Whether the plain question has a word that the text has not: then who asks should be told how it was read."""
    asked, read = ({word.lower() for word in _WORD.findall(each)} for each in (text, plain))
    return not read <= asked


def is_in_latin_letters(text: str) -> bool:
    """Whether most letters of the text are Latin, with marks or without; so is a text that has no letters."""
    are_latin = [unicodedata.name(sign, "").startswith("LATIN") for sign in text if sign.isalpha()]
    return 2 * sum(are_latin) >= len(are_latin)
