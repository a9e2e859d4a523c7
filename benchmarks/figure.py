"""`python -m benchmarks.figure`: benchmarks/results/peers.svg, a bar per shape and contender, from what is there."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import plotly.graph_objects as go

from benchmarks.peers import RESULTS
from benchmarks.shapes import SHAPES
from tests.browser.report_figures import pictures
from uait.page.figures.style import AMBER, BLUE, GREEN, GREY, GROUNDS, template

COLOURS = {"uait": BLUE, "lm-polygraph": AMBER, "TruthTorchLM": GREEN, "one at a time": GREY}


def figure() -> go.Figure:
    """CPU seconds a question of every contender: the medians of the table."""
    results = {name: json.loads((RESULTS / f"peers-{name}.json").read_text("utf-8")) for name in SHAPES}
    mine = [result["seconds"]["uait"]["all"][0] for result in results.values()]
    bars = []
    for contender, colour in COLOURS.items():
        found = [result["seconds"][contender]["all"][0] for result in results.values()]
        times = [f"{took / own:.1f}×" for took, own in zip(found, mine, strict=True)]
        bar = go.Bar(name=contender, x=list(results), y=found, text=times, marker={"color": colour})
        bars.append(bar.update(textposition="outside", textangle=0))
    title = {
        "text": "Sampling five answers and scoring them",
        "subtitle": {"text": "CPU seconds a question; × ours above"},
    }
    layout = {"title": title, "yaxis": {"type": "log", "dtick": 1}, "barmode": "group", "height": 420}
    return go.Figure(bars, {**layout, "template": template(GROUNDS["light"])})


def main() -> None:
    """Draws the figure in a browser and keeps it as a picture."""
    with TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        figure().write_html(page)
        ((_, picture),) = pictures(page)
    (RESULTS / "peers.svg").write_text(picture, "utf-8")


if __name__ == "__main__":
    main()
