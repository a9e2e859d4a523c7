"""Hostile text in every place of the page, a dozen strings of it; all of them: make test-hostile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.trust import hostile_page as page
from tests.trust.corpus import CORPUS, FEW, FOREIGN

PLACES = [CORPUS.index(text) for text in FEW]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "runs"


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with page.served(root, FEW) as address:
        yield address


@pytest.fixture
def watch(tab: Page) -> page.Watch:
    return page.Watch(tab)


def test_answers_tokens_sources_notes_and_errors_stay_text(watch: page.Watch, url: str) -> None:
    page.ask(watch, url, PLACES)
    page.lesson(watch, url, PLACES[:2])


def test_columns_and_the_labs_questions_stay_text(watch: page.Watch, url: str) -> None:
    page.compare(watch, url, PLACES[:4])
    page.lab(watch, url, PLACES)


def test_names_of_runs_and_words_of_the_address_stay_text(watch: page.Watch, url: str) -> None:
    page.menus(watch, url, PLACES[:3])
    page.addresses(watch, url, PLACES[:3])


def test_labels_probes_and_a_jobs_log_stay_text(watch: page.Watch, url: str, root: Path) -> None:
    page.runs(watch, url, root, PLACES)


def test_a_file_of_questions_stays_text(watch: page.Watch, url: str) -> None:
    page.uploads(watch, url, PLACES)


def test_an_evaluation_and_the_files_taken_from_it_stay_text(watch: page.Watch, url: str, chromium: Browser) -> None:
    page.evaluation(watch, url, chromium, PLACES)


@pytest.mark.parametrize("harm", ["window.__pwned = 1", f"fetch('http://{FOREIGN}/x').catch(() => 0)", "alert(1)"])
def test_harm_is_noticed(watch: page.Watch, url: str, harm: str) -> None:
    watch.tab.goto(url)
    watch.check()
    watch.tab.evaluate(harm)
    with pytest.raises(AssertionError):
        watch.check()
