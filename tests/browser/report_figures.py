"""The report of a reproduction with its figures as pictures: python -m tests.browser.report_figures RUN OUT.

Copies report.md and report.json of the run's folder into OUT, draws every figure of its figures.html there as an SVG,
and shows it above its table: what is kept in docs/ needs neither plotly nor a script.
"""

import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from uait.cli.reproduction import DATA, FIGURES, REPORT

SIZE = {"width": 760, "height": 420}
# The title of a figure in one line, as the report names it, and the figure as text.
DRAWN = """async size => Promise.all([...document.querySelectorAll('.plotly-graph-div')].map(async plot => {
    const { text, subtitle } = plot.layout.title
    const picture = await Plotly.toImage(plot, { format: 'svg', ...size, height: plot.layout.height })
    return [`${text}, ${subtitle.text}`, decodeURIComponent(picture.slice(picture.indexOf(',') + 1))]
}))"""


def main(run: Path, out: Path) -> None:
    """Writes the report, its data and its pictures."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / DATA, out / DATA)
    report = (run / REPORT).read_text(encoding="utf-8")
    for label, picture in pictures(run / FIGURES):
        name = re.sub(r"\W+", "-", label.lower()).strip("-") + ".svg"
        (out / name).write_text(picture, encoding="utf-8")
        shown = f"![{label}]({name})\n\n"
        # one without a table of its own stands above the section's
        place = f"{label}:\n" if f"{label}:\n" in report else "| method |"
        report = report.replace(place, shown + place, 1)
    (out / REPORT).write_text(report, encoding="utf-8")


def pictures(page: Path) -> list[tuple[str, str]]:
    """The title and the SVG of every figure of a page."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.goto(page.resolve().as_uri())
        pictures = tab.evaluate(DRAWN, SIZE)
        browser.close()
    return pictures


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
