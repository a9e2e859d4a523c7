"""Records as the command line says them: plain data for machines, lines for people.

Record in, dict or lines out. Text from models, the web and files loses the control characters a terminal would obey.
Knows nothing about verbs, flags or streams.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from uait.data.json import to_json
from uait.data.plain import left_out_data, left_out_lines, short_of_all
from uait.records import Action, Adapter, DistilledSet, Explanation, Label, Repeated, Reply, StrongerAnswer, Unscored

_BAR_WIDTH = 40
_LABEL_WIDTH = 12


def printable(text: str) -> str:
    """The text on one line, with a space for everything that is no visible character."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def reply_lines(reply: Reply) -> list[str]:
    """The answer, its confidence, the decision, what was done because of it, and what is known in the end."""
    stated = "none was stated" if reply.first.spoken is None else f"{percent(reply.first.spoken)} stated"
    average = "" if reply.first.expected is None else f", {percent(reply.first.expected)} on average"
    rows = [
        ("answer", printable(reply.first.text) or "(none)"),
        ("confidence", stated + average),
        ("decision", reply.decision.reason),
    ]
    rows += [("note", printable(reply.read_as))] if reply.read_as else []
    rows += [("note", printable(note)) for note in reply.notes]
    if reply.decision.action is Action.RETRIEVE:
        rows += _reading_rows(reply)
    if reply.stronger is not None:
        rows.append(("asked", _cost_line(reply.stronger)))
    if reply.decision.action is not Action.ANSWER:
        rows.append(("final", _final_line(reply)))
    rows.append(("time", f"{reply.seconds:.1f} s"))
    lines = [f"{name:<{_LABEL_WIDTH}}{text}" for name, text in rows]
    return lines + (_explanation_lines(reply.explanation) if reply.explanation else [])


def _reading_rows(reply: Reply) -> list[tuple[str, str]]:
    """Why an engine found nothing, and the numbered sources."""
    passages = reply.retrieved.passages if reply.retrieved else ()
    rows = [("note", printable(note)) for note in (reply.retrieved.notes if reply.retrieved else ())]
    for n, passage in enumerate(passages, start=1):
        source = printable(passage.url or passage.source)
        rows.append((f"source {n}", f"{printable(passage.title)}: {printable(passage.text)} [{source}]"))
    return rows


def _cost_line(stronger: StrongerAnswer) -> str:
    """Who was asked and what it cost: tokens where they are known, money where a price is."""
    tokens = [
        f"{n} tokens {verb}"
        for n, verb in ((stronger.n_tokens_read, "read"), (stronger.n_tokens_written, "written"))
        if n is not None
    ]
    money = [] if stronger.cost is None else [f"cost {stronger.cost:.6f}"]
    return ", ".join([printable(stronger.model_id), *tokens, f"{stronger.seconds:.1f} s", *money])


def _final_line(reply: Reply) -> str:
    """What is known in the end and how surely, or why it is not known."""
    outcome, second = reply.outcome, reply.second
    if outcome is not None:
        sure = "no number" if second is None or second.confidence is None else f"{percent(second.confidence)} sure"
        return f"{printable(outcome.text)} ({sure})"
    if second is not None and second.confidence is not None:
        said = printable(reply.stronger.text if reply.stronger else reply.final.text)
        return f"not known: {said!r} is {percent(second.confidence)} sure, below {percent(second.threshold)}"
    if reply.retrieved is not None:
        return f"not known: {'the passages do not say' if reply.retrieved.passages else 'nothing was found'}"
    if reply.decision.action is Action.ESCALATE:
        return f"{printable(reply.first.text) or '(none)'} (nobody else answered, so it stays unsure)"
    return "not known"


def _explanation_lines(explanation: Explanation) -> list[str]:
    """A row per token of the answer, then its probability, samples and SAR."""
    score = explanation.score
    head = ("token", "p", "-log p", "relevance", "share", "similarity", "without it")
    rows = [
        (
            printable(t.text),
            percent(t.p),
            f"{t.nll:.2f}",
            f"{t.relevance:.2f}",
            percent(t.contribution),
            f"{t.similarity:.2f}",
            printable(t.without),
        )
        for t in explanation.tokens
    ]
    verdict = (
        f"no score: {score.reason}"
        if isinstance(score, Unscored)
        else f"{score.sar:.2f} nats, confidence {percent(score.confidence)}"
    )
    samples = " | ".join(printable(sample.text) or "(none)" for sample in explanation.samples)
    tail = [f"{'samples':<{_LABEL_WIDTH}}{samples}", f"{'SAR':<{_LABEL_WIDTH}}{verdict} ({explanation.seconds:.1f} s)"]
    return ["", *table([head, *rows]), "", *tail]


def label_data(labels: Sequence[Label], left_out: Sequence[Unscored] = ()) -> dict[str, Any]:
    """Counts of right, wrong and unjudged answers, accuracy, mean confidence of each side, unscored ones by reason.

    `left_out` holds the ids of the questions that could not be asked, by reason.
    """
    sides = {name: [x for x in labels if x.is_correct is side] for name, side in (("right", True), ("wrong", False))}
    n_right, n_wrong = len(sides["right"]), len(sides["wrong"])
    return {
        "n": len(labels),
        "right": n_right,
        "wrong": n_wrong,
        "unjudged": len(labels) - n_right - n_wrong,
        "accuracy": n_right / (n_right + n_wrong) if n_right + n_wrong else None,
        "mean_confidence": {name: _mean_confidence(side) for name, side in sides.items()},
        "unscored": dict(Counter(str(label.unscored) for label in labels if label.unscored is not None).most_common()),
        "left_out": left_out_data(left_out),
    }


def _mean_confidence(labels: Sequence[Label]) -> float | None:
    known = [label.confidence for label in labels if label.confidence is not None]
    return fmean(known) if known else None


def label_lines(data: dict[str, Any]) -> list[str]:
    """The counts of `label_data` as lines."""
    means = data["mean_confidence"]
    rows = [("", "questions", "mean confidence")]
    rows += [(side, str(data[side]), percent(means[side])) for side in ("right", "wrong")]
    rows += [("unjudged", str(data["unjudged"]), "")] if data["unjudged"] else []
    rows += [(f"unscored: {reason}", str(n), "") for reason, n in data["unscored"].items()]
    accuracy = f"accuracy {percent(data['accuracy'])} of {data['right'] + data['wrong']} judged answers"
    return [*table(rows), *unasked_lines(data["left_out"]), accuracy]


def unasked_lines(left_out: dict[str, list[str]]) -> list[str]:
    """Which questions were left out, and why."""
    return [printable(line) for line in left_out_lines(left_out)]


def distilled_data(distilled: DistilledSet) -> dict[str, Any]:
    """What is kept and dropped, in numbers; the examples themselves stay in the run's folder."""
    data = to_json(distilled)
    return data | {"train": len(distilled.train), "dev": len(distilled.dev)}


def distilled_lines(distilled: DistilledSet) -> Iterator[str]:
    """The kept and the dropped by reason, the histogram of the confidences taught, its entropy, a warning if any."""
    counts = [(f"kept, {side}", n) for side, n in distilled.kept.items()]
    counts += [(f"dropped, {reason}", n) for reason, n in distilled.dropped.items()]
    yield from table([(what, str(n)) for what, n in counts])
    yield f"{len(distilled.train)} to train on, {len(distilled.dev)} to watch (dev)"
    yield ""
    n_bins, most = len(distilled.histogram), max(max(distilled.histogram), 1)
    for i, n in enumerate(distilled.histogram):
        low, high = 100 * i // n_bins, 100 * (i + 1) // n_bins
        # rounded up: a bin that holds anything shows at least one mark
        yield f"{low:>3}-{high:>3} % {n:>6} {'#' * -(-_BAR_WIDTH * n // most)}".rstrip()
    yield f"entropy {distilled.entropy_bits:.2f} bits"
    if distilled.warning:
        yield f"warning: {printable(distilled.warning)}"


def before_after_lines(results: Sequence[dict[str, Any]]) -> list[str]:
    """How well the confidence told right from wrong on held-out questions, before the tuning and after it."""
    if not results:
        return []
    rows = [("held-out questions", "AUROC", "ECE", "right")]
    for row in results:
        auroc, ece = ("none" if row[key] is None else f"{row[key]:.2f}" for key in ("auroc", "ece"))
        rows.append((f"{row['method']} (n = {row['n']})", auroc, ece, percent(row["accuracy"])))
    return table(rows)


def threshold_lines(adapter: Adapter) -> list[str]:
    """From which confidence on the adapter is trusted, and what that was chosen by, or why it was not chosen."""
    chosen = adapter.chosen
    if chosen is None:
        return []
    if chosen.value is None:
        return [f"threshold   none was chosen, so the default stands: {printable(chosen.reason)}"]
    auroc, ece = ("none" if value is None else f"{value:.2f}" for value in (chosen.auroc, chosen.ece))
    return [
        f"threshold   {percent(chosen.value)}, chosen by {chosen.n} answers ({printable(chosen.source)}), "
        f"{chosen.n_right} of them right; there AUROC {auroc}, ECE {ece}"
    ]


def percent(share: float | None) -> str:
    """A share of 1 in percent, or "none"."""
    return "none" if share is None else f"{100 * short_of_all(share):.1f} %"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def repeated_lines(found: Sequence[Repeated]) -> list[str]:
    """A line for each part of a run that was made once more: the same, or how much of it differs."""
    return [
        f"{one.what}: {'the same' if not one.n_differing else f'{one.n_differing} of {one.n} differ'}"
        + (f" ({printable(one.note)})" if one.note else "")
        for one in found
    ]
