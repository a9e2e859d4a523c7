"""The Label tab with real jobs on a tiny model: label, stop, come back, resume; then drag what teaches."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from uait.distillation import distil
from uait.pipeline import read_distilled
from uait.settings import DistilSettings
from uait.store import RunFolder

SLOW = 120_000  # ms; a job first has to load its libraries


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> object:
    from tests.browser import tiny_lab  # noqa: PLC0415 - torch and gradio take seconds; other tiers must not pay for it

    return tiny_lab.engines(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def url(around: object, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from tests.browser import tiny_lab  # noqa: PLC0415 - as above

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with tiny_lab.served(around, root) as address:
        yield address


@pytest.fixture
def labels(around: object, root: Path) -> tuple:
    from tests.browser import tiny_lab  # noqa: PLC0415 - as above

    return tiny_lab.labelled_run(around, root)


def _open(tab: Page, url: str) -> None:
    tab.goto(f"{url}?__theme=light")
    expect(tab.get_by_role("button", name="Start", exact=True)).to_be_visible()


def _title(tab: Page) -> object:
    return expect(tab.locator("#label-job .job-title"))


def test_labelling_is_stopped_found_again_after_a_reload_and_resumed_to_the_end(tab: Page, url: str) -> None:
    _open(tab, url)
    tab.get_by_role("button", name="Start", exact=True).click()
    rows = tab.get_by_role("region", name="Labelled questions").get_by_role("row")
    expect(rows.nth(2)).to_be_visible(timeout=SLOW)
    tab.get_by_role("button", name="Stop").click()
    _title(tab).to_have_text("Labelling stopped.")
    expect(tab.get_by_text("What is done is kept; Resume goes on from there.")).to_be_visible()
    tab.reload()
    _title(tab).to_have_text("Labelling stopped.")
    tab.get_by_role("button", name="Resume").click()
    _title(tab).to_have_text("Labelling is through.", timeout=SLOW)
    expect(tab.locator("#label-job .job-facts")).to_contain_text("60 of 60 questions")
    expect(tab.locator("#labels .summary")).to_have_text(re.compile(r"^60 labelled: \d+ right, 1\d wrong\.$"))
    expect(tab.get_by_text("<img src=x onerror=window.pwned=1> ${window.pwned=1} {{value}}").first).to_be_attached()
    assert tab.evaluate("window.pwned") is None
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download the labels").click()
    assert len(download.value.path().read_text().splitlines()) == 60


def _counts(tab: Page) -> dict[str, int]:
    names = ("knows", "lucky", "doubts", "mistaken")
    return {n: int(tab.locator(f'[data-quadrant="{n}"] .count').inner_text()) for n in names}


def _distilled(labels: tuple, right: float, wrong: float) -> tuple[dict[str, int], float]:
    found = distil(labels, DistilSettings(keep_right_from=right, keep_wrong_below=wrong))
    dropped = found.dropped
    return {
        "knows": found.kept["right"],
        "lucky": dropped.get("right but unsure", 0),
        "doubts": found.kept["wrong"],
        "mistaken": dropped.get("wrong but sure", 0),
    }, found.entropy_bits


def test_dragging_the_thresholds_counts_what_the_function_counts_without_the_server(
    tab: Page, labels: tuple, url: str, root: Path
) -> None:
    _open(tab, url)
    expect(tab.locator("#distil .dot")).to_have_count(23)  # 24 less the unscored one
    expect(tab.get_by_text("Left out in any case: 1 unscored: empty answer.")).to_be_visible()
    assert _counts(tab) == _distilled(labels, 0.5, 0.5)[0]
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    with_right = tab.get_by_label("Keep right answers from")
    with_right.fill("31")
    box = tab.locator("#distil .lane.wrong").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 0.5 * box["width"], middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.72 * box["width"], middle, steps=6)
    tab.mouse.up()
    wrong = int(tab.get_by_label("Keep wrong answers below").input_value())
    assert 70 <= wrong <= 74
    expected, bits = _distilled(labels, 0.31, wrong / 100)
    assert _counts(tab) == expected
    expect(tab.locator("#distil .entropy")).to_have_text(f"{bits:.2f} bits")
    drawn = [u for u in requests if "heartbeat" not in u and "queue" not in u and "run/" not in u and "call" not in u]
    assert drawn == []
    n_kept = expected["knows"] + expected["doubts"]
    tab.get_by_role("button", name=f"Keep these {n_kept} examples").click()
    expect(tab.locator("#kept")).to_contain_text(f"Kept {n_kept} examples ({expected['knows']} right")
    (folder,) = (path.parent for path in root.glob("*/distilled.json"))
    assert read_distilled(RunFolder(folder)).kept == {"right": expected["knows"], "wrong": expected["doubts"]}


def test_thresholds_that_keep_nothing_say_which_way_to_move(tab: Page, labels: tuple, url: str) -> None:
    _open(tab, url)
    tab.get_by_label("Keep right answers from").fill("100")
    tab.get_by_label("Keep wrong answers below").fill("0")
    expect(tab.get_by_text("These thresholds keep nothing to learn from.")).to_be_visible()
    expect(tab.get_by_role("button", name="Nothing is kept")).to_be_disabled()
    tab.locator("#distil .lane.right .dot").first.click(force=True)
    expect(tab.locator("#distil .read")).to_contain_text("dropped.")


def test_an_own_file_is_mapped_previewed_and_refused_by_row_and_column(tab: Page, url: str, tmp_path: Path) -> None:
    good, bad = tmp_path / "quiz.csv", tmp_path / "twice.csv"
    good.write_text("Question,Answer\nWhat is the capital of Peru?,Lima\n")
    bad.write_text("id,question\n7,A?\n7,B?\n")
    _open(tab, url)
    tab.get_by_label("My own file").check()
    chooser = tab.locator('input[type="file"][accept*="jsonl"]')
    chooser.set_input_files(good)
    expect(tab.get_by_text("quiz.csv holds 1 rows.")).to_be_visible()
    expect(tab.get_by_label("Column with the question")).to_have_value("Question")
    expect(tab.get_by_label("Column with accepted answers")).to_have_value("Answer")
    expect(tab.get_by_role("gridcell", name="Lima").first).to_be_visible()
    tab.get_by_label("Remove").or_(tab.get_by_label("Clear")).first.click()
    chooser.set_input_files(bad)
    expect(tab.get_by_text("twice.csv holds 2 rows.")).to_be_visible()
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.get_by_text("twice.csv, row 3, column 'id': '7' came before")).to_be_visible()


def test_a_public_page_starts_nothing_without_its_owners_word(
    tab: Page, url: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _open(tab, url)
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.get_by_text("Long work is switched off on this page.")).to_be_visible()
    assert not root.exists() or not list(root.iterdir())
