"""Runs beside each other: what differs, one figure for all, what came of them."""

from dataclasses import replace

from uait.page.figures.runs import LabelledRun, TunedRun, differing, labellings, tunings
from uait.page.views import runs as runs_view
from uait.records import Label, Question

HOSTILE = "<b>x</b><a href='javascript:1'>"
LOOK = {"step": 4, "confidences": [], "answers": [], "auroc": 0.75, "auroc_interval": None, "n": 40, "n_unscored": 0}
AFTER = {"n": 40, "n_unscored": 2, "auroc": 0.8, "auroc_interval": None, "ece": 0.1, "accuracy": 0.5}
AFTER |= {"reliability": [[0.9, 1.0, 19], [0.2, 0.0, 19]]}
RESULTS = [{**AFTER, "method": name} for name in ("before", "after", "expected")]
LOG = [{"step": i, "loss": 2.0 / i, "learning_rate": 1e-3, "seconds": 3.0 * i} for i in (1, 2)]
ONE = TunedRun("one", {"rank": 8, "seed": 1}, 22, LOG, runs_view.tuning(LOG, [LOOK], [], RESULTS))
OTHER = replace(ONE, name=HOSTILE, settings={"rank": 16, "seed": 1}, shown=runs_view.tuning(LOG, [], [], []))


def test_only_what_differs_is_told() -> None:
    assert differing(
        [{"rank": 8, "seed": 1}, {"rank": 16, "seed": 1}, {"rank": 8, "seed": 1, "start_from": "base"}]
    ) == [
        "rank",
        "start_from",
    ]


def test_tunings_share_their_figures_and_a_table() -> None:
    heading, figures, table = tunings([ONE, OTHER])["parts"]
    assert heading == {"heading": "Tunings beside each other"}
    loss, auroc = figures["figures"]
    assert [line["name"] for line in loss["data"]] == [
        "one",
        "&lt;b&gt;x&lt;/b&gt;&lt;a href=&#x27;javascript:1&#x27;&gt;",
    ]
    assert loss["layout"]["showlegend"] and auroc["layout"]["showlegend"]
    assert len({(line["line"]["color"], line["line"]["dash"]) for line in loss["data"]}) == 2
    assert [line["y"] for line in auroc["data"]] == [[0.75], []]
    assert table["table"]["heads"][:4] == ["run", "Rank", "examples", "steps"]
    first, second = table["table"]["rows"]
    assert first[1:] == [
        {"text": "8", "is_data": True},
        "22",
        "2",
        "6 seconds",
        "1.00",
        "0.80",
        "0.10",
        "50 %",
        "2 of 40",
    ]
    assert second[0] == {"text": HOSTILE, "is_data": True} and second[-1] == "not yet"


def test_one_run_alone_is_compared_with_nothing_and_equal_settings_are_said() -> None:
    assert tunings([ONE])["parts"] == [] == labellings([])["parts"]
    assert tunings([ONE, replace(ONE, name="again")])["parts"][-1]["text"] == "These runs have the same settings."


def test_labellings_share_a_figure_and_a_table() -> None:
    labels = [
        Label(Question(str(i), "?", ("a",)), "a", (i + 0.5) / 40, 0.5, None, i >= 20, None, ("a",)) for i in range(40)
    ]
    few = LabelledRun("few", {"n_samples": 2}, labels[:8])
    parts = labellings([LabelledRun("all", {"n_samples": 5}, labels), few])["parts"]
    (drawn,) = parts[1]["figures"]
    assert drawn["data"][0]["y"] == [0.1] * 10 and drawn["data"][1]["y"][:3] == [0.5, 0.5, 0.0]
    rows = parts[2]["table"]["rows"]
    assert rows[0][2:] == ["40", "20", "20", "0", "1.00"]
    assert rows[1][2:] == ["8", "0", "8", "0", "too few to measure"]
