"""One page around fake engines, one tiny model, one chromium, for all browser tests. Each test gets a fresh tab."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import fake_app
from tests.browser.serving import served

if TYPE_CHECKING:
    from tests.browser.tiny_lab import TinyEngines

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


def chromium_path() -> str | None:
    """Where chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs a test of a page that failed once more, and says so: on a busy machine chromium loses a frame or a click.

    What is broken fails twice.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page, served from this process on a free port."""
    os.environ.setdefault("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
    with served(fake_app.build()) as url:
        yield url


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "TinyEngines":
    """Engines around a tiny model that was taught a few answers, for the tabs that start real jobs."""
    from tests.browser import tiny_lab  # noqa: PLC0415 - torch takes seconds; other tiers must not pay for it

    return tiny_lab.engines(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A running chromium. Without one the tests are skipped here and fail on CI."""
    path = chromium_path()
    if path is None:
        reason = "no chromium found; install Debian's chromium package to run the browser tests"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A fresh tab; the test fails if the page's own scripts raised an error in it."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)  # as above
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []
