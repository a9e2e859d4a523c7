"""The Label tab on a tiny model: drag what teaches, bring a file, name an engine; and what is refused, in sentences."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from uait.data.catalogue import WATCHED_SHARE
from uait.data.files import write_jsonl
from uait.data.questions import read_questions
from uait.method.distillation import distil
from uait.records import Reason, Unscored
from uait.runs.files import LEFT_OUT
from uait.runs.folder import RunFolder
from uait.settings import DistilSettings
from uait.stages.distil import read_distilled

if TYPE_CHECKING:
    from tests.browser.tiny_lab import TinyEngines


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def url(tiny: "TinyEngines", root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from tests.browser import tiny_lab  # noqa: PLC0415 - torch and gradio take seconds; other tiers must not pay for it

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with tiny_lab.served(tiny, root) as address:
        yield address


@pytest.fixture
def labels(tiny: "TinyEngines", root: Path) -> tuple:
    from tests.browser import tiny_lab  # noqa: PLC0415 - as above

    return tiny_lab.labelled_run(tiny.settings, root)


def _open(tab: Page, url: str) -> None:
    tab.goto(f"{url}?__theme=light")
    expect(tab.get_by_role("button", name="Start", exact=True)).to_be_visible()


def counts(tab: Page) -> dict[str, int]:
    names = ("knows", "lucky", "doubts", "mistaken")
    return {n: int(tab.locator(f'[data-quadrant="{n}"] .count').inner_text()) for n in names}


def _distilled(labels: tuple, right: float, wrong: float) -> tuple[dict[str, int], float]:
    found = distil(labels, DistilSettings(dev_fraction=WATCHED_SHARE, keep_right_from=right, keep_wrong_below=wrong))
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
    assert counts(tab) == _distilled(labels, 0.5, 0.5)[0]
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
    assert counts(tab) == expected
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
    good, bad = tmp_path / "quiz.csv", tmp_path / "blank.csv"
    good.write_text("Question,Answer\nWhat is the capital of Peru?,Lima\n")
    bad.write_text("id,question\n7,A?\n8,\n7,B?\n")
    _open(tab, url)
    tab.get_by_label("My own file").check()
    chooser = tab.locator('#label-file input[type="file"]')
    chooser.set_input_files(good)
    expect(tab.get_by_text("quiz.csv holds 1 row.")).to_be_visible()
    expect(tab.get_by_label("Column with the question")).to_have_value("Question")
    expect(tab.get_by_label("Column with accepted answers")).to_have_value("Answer")
    expect(tab.get_by_role("gridcell", name="Lima").first).to_be_visible()
    tab.get_by_label("Remove").or_(tab.get_by_label("Clear")).first.click()
    chooser.set_input_files(bad)
    said = tab.locator("#label-file-said")
    expect(said).to_contain_text("blank.csv holds 3 rows. Questions to ask: 2.")
    expect(said).to_contain_text("Left out, no question stands there (1): row 3. Left out, its id came before (1): 7.")
    expect(said).to_contain_text("Without an accepted answer, so neither right nor wrong: 2.")
    tab.get_by_label("Column with the question").fill("nowhere")
    tab.get_by_label("Column with the question").press("Enter")
    expect(said).to_contain_text("blank.csv: no row has a question in the column 'nowhere'; choose another column.")
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.locator("#label-message")).to_contain_text("no row has a question in the column 'nowhere'")


def test_a_file_without_column_names_asks_which_is_which_and_shows_what_will_be_read(
    tab: Page, url: str, tmp_path: Path, root: Path
) -> None:
    path = tmp_path / "umfrage.csv"
    path.write_bytes("Où est Lima?;Peru / Pérou\nWho, then?;Nobody\n".encode("latin-1"))
    _open(tab, url)
    tab.get_by_label("My own file").check()
    tab.locator('#label-file input[type="file"]').set_input_files(path)
    said = tab.locator("#label-file-said")
    expect(said).to_contain_text("Read as Western European text (Latin-1): look whether its letters are right.")
    expect(said).to_contain_text("Its cells are parted by semicolons. No row names the columns")
    expect(said).to_contain_text("Choose the column that holds the questions.")
    expect(tab.get_by_label("The first row names the columns")).not_to_be_checked()
    for label, letter in (("Column with the question", "A"), ("Column with accepted answers", "B")):
        tab.get_by_label(label).fill(letter)
        tab.get_by_label(label).press("Enter")
    expect(said).to_contain_text("Questions to ask: 2.")
    tab.get_by_label("Between several answers").click()
    tab.get_by_role("option", name="a slash: a / b").click()
    for cell in ("row-1", "Où est Lima?", "Peru · Pérou"):
        expect(tab.get_by_role("gridcell", name=cell, exact=True).first).to_be_visible()
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.locator("#label-job .job-title")).not_to_be_empty()
    (written,) = root.glob("*/questions.jsonl")
    questions = sorted(read_questions(written), key=lambda question: question.id)
    assert [question.references for question in questions] == [("Peru", "Pérou"), ("Nobody",)]


def test_a_template_is_a_file_that_is_read(tab: Page, url: str, tmp_path: Path) -> None:
    _open(tab, url)
    tab.get_by_label("My own file").check()
    for name in ("questions.csv", "questions.jsonl"):
        with tab.expect_download() as download:
            tab.get_by_role("link", name=name).click()
        download.value.save_as(tmp_path / name)
        tab.locator('#label-file input[type="file"]').set_input_files(tmp_path / name)
        expect(tab.locator("#label-file-said")).to_contain_text(f"{name} holds 2 rows. Questions to ask: 2.")
        expect(tab.get_by_role("gridcell", name="Johann Wolfgang von Goethe · Goethe").first).to_be_visible()
        tab.locator("#label-file").get_by_label("Clear").or_(tab.get_by_label("Remove")).first.click()


def test_questions_that_could_not_be_asked_are_counted_and_named(
    tab: Page, labels: tuple, url: str, root: Path
) -> None:
    (folder,) = root.iterdir()
    left_out = [Unscored("q7", Reason.TOO_LONG), Unscored("q9", Reason.TOO_LONG), Unscored("q1", Reason.REPEATED)]
    write_jsonl(folder / LEFT_OUT, left_out)
    _open(tab, url)
    expect(tab.locator("#labels")).to_contain_text("Left out, longer than the model reads (2): q7, q9.")
    expect(tab.locator("#labels")).to_contain_text("Left out, its id came before (1): q1.")
    tab.get_by_role("button", name="中文", exact=True).press("Enter")
    expect(tab.locator("#labels")).to_contain_text("超出模型能读的长度")


def test_a_file_that_cannot_be_used_gets_a_sentence_and_the_next_one_works(tab: Page, url: str, tmp_path: Path) -> None:
    _open(tab, url)
    tab.get_by_label("My own file").check()
    said = tab.locator("#label-file-said")
    wanted = {
        "quiz.txt": ("What?", "quiz.txt is neither .csv, .tsv, .jsonl, .xlsx nor .parquet; save the questions as one."),
        "empty.csv": ("", "empty.csv holds no rows; write at least one question below the column names."),
        "short.csv": ("question,answer\nWho?\n", "short.csv, row 2: a cell is missing"),
        "other.csv": (
            "frage,antwort\nWer?,x\n",
            "other.csv: choose the column that holds the questions (frage, antwort).",
        ),
        "huge.csv": ("question\n" + "Who?\n" * 4_500_000, "exceed the maximum allowed size"),
    }
    for name, (text, sentence) in wanted.items():
        (tmp_path / name).write_text(text)
        tab.locator('#label-file input[type="file"]').set_input_files(tmp_path / name)
        if name == "other.csv":
            expect(said).to_contain_text("other.csv holds 1 row.")
            tab.get_by_role("button", name="Start", exact=True).click()
        expect(tab.get_by_text(sentence).first).to_be_visible()
        if name != "huge.csv":
            tab.locator("#label-file").get_by_label("Clear").or_(tab.get_by_label("Remove")).first.click()


def test_a_cross_encoder_must_be_named_and_a_deleted_run_is_a_sentence(
    tab: Page, labels: tuple, url: str, root: Path
) -> None:
    _open(tab, url)
    tab.get_by_role("button", name="Similarity engine").click()
    tab.get_by_label("A cross-encoder", exact=True).check()
    tab.get_by_placeholder("folder or hub id").fill(" ")
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.locator("#label-message")).to_contain_text("Name the cross-encoder: a folder, or a hub id")
    expect(tab.locator("#distil .dot")).to_have_count(23)
    (folder,) = root.iterdir()
    shutil.rmtree(folder)
    expect(tab.locator("#label-job .job-title")).to_contain_text("This run is no longer there")
    expect(tab.locator("#kept")).to_contain_text("Label some questions first")


def test_a_public_page_starts_nothing_without_its_owners_word(
    tab: Page, url: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _open(tab, url)
    monkeypatch.setenv("SPACE_ID", "somebody/uait")
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.get_by_text("Long work is switched off on this page.")).to_be_visible()
    assert not root.exists() or not list(root.iterdir())
