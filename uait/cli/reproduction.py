"""A reproduction -> its report: Markdown for people, the figures as one page, JSON for programs.

What the paper says stands beside what was measured here, marked as the paper's. No question of any set is in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from uait.cli.planning import duration, gigabytes
from uait.data.files import write_json
from uait.data.json import to_json
from uait.data.presets import PAPER, PRESETS
from uait.method.answers import SPOKEN
from uait.records import MethodResult, Reproduction

REPORT, FIGURES, DATA = "report.md", "figures.html", "report.json"
# As quoted in summaries and notes on it: we have not checked them against its tables, and quote no others.
THE_PAPER = {
    "AUROC of UaIT": "0.846 and 0.867 on TriviaQA (its two models of 7B, LLaMA 2 and Mistral)",
    "AUROC of the verbalized confidence": "0.5 to 0.6",
    "UaIT beside SAR": "often above",
    "best distillation threshold": "about 85 %",
    "examples left after distillation": "31,391 and 25,362 (LLaMA 2 and Mistral)",
    "gain in expressing uncertainty, on average": "45.2 % (how it is reckoned is not known here)",
}
DIFFERENCES = (
    "SAR becomes a confidence by exp(-SAR) over its bound, since exp(-SAR) alone passes 1; the ranking is the same.",
    "Every accepted answer of a set counts as a reference; the scripts compare with one.",
    "The untuned model is asked for a confidence without examples; the scripts show it three.",
    "Answers of more than six words teach as well; the scripts drop them.",
    "Semantic entropy clusters the answers by the similarity engine, not by an entailment model.",
    "What is called SciQA there is SciQ's validation split, as its scripts read it.",
    "Questions are looked up in this program's encyclopaedia, or the passages given; the paper's are not published.",
)


def write_report(done: Reproduction, folder: Path) -> tuple[dict[str, Any], Path]:
    """Writes report.md, figures.html and report.json into the folder; the data of the last, and the report's path."""
    from uait.page.figures.results import tables, whole_page
    from uait.page.views.evaluate import evaluation

    shown, path = evaluation(done.report, done.sweep, None), folder / REPORT
    path.write_text("\n".join([*_head(done), "", tables(shown)]), encoding="utf-8")
    (folder / FIGURES).write_text(whole_page(shown), encoding="utf-8")
    write_json(folder / DATA, data := _data(done))
    return data, path


def _data(done: Reproduction) -> dict[str, Any]:
    """All numbers; neither the questions nor where on this machine anything lies."""
    made = done.report.provenance
    if made is not None:
        made = replace(made, settings={}, adapter_id=made.adapter_name)
    report = replace(done.report, rows=(), provenance=made)
    data = to_json(replace(done, report=report))
    data["adapter"].pop("path")
    return {**data, "the_paper": THE_PAPER, "differences": list(DIFFERENCES)}


def _head(done: Reproduction) -> Iterator[str]:
    made = done.report.provenance
    yield f"# The paper's table made again: {done.preset}"
    yield ""
    about = PRESETS[done.preset].about
    yield f"{about[0].upper()}{about[1:]}. Made {made.time[:10] if made else ''} by"
    yield f"`python -m uait reproduce {done.preset} --run FOLDER`, version {made.package_version if made else ''}."
    yield ""
    yield from _counts(done)
    yield from ("", "## Beside the paper", "")
    yield from _beside(done)
    yield from ("", "Where this differs from the paper or its scripts:", "")
    yield from (f"- {sentence}" for sentence in (*_other_settings(done), *DIFFERENCES))
    yield from ("", "## What it took", "")
    yield from _times(done)


def _counts(done: Reproduction) -> Iterator[str]:
    kept, metrics = done.kept, done.adapter.metrics
    yield f"- {done.n_labelled} questions labelled; {done.n_left_out} more left out, since they are among the measured."
    dropped = ", ".join(f"{reason}: {n}" for reason, n in done.dropped.items()) or "none"
    yield f"- Kept to teach: {kept['right']} right and {kept['wrong']} wrong answers. Dropped: {dropped}."
    yield f"- Tuned: {metrics['n_steps']} steps on {metrics['n_train']} examples."
    sizes = dict.fromkeys((result.split, result.n) for result in done.report.results)
    yield f"- Measured: {', '.join(f'{n} questions of {split}' for split, n in sizes)}. Nothing was chosen on them."


def _beside(done: Reproduction) -> Iterator[str]:
    ours = dict.fromkeys(THE_PAPER, "")
    by_method = {m: [r for r in done.report.results if r.method == m] for m in (SPOKEN, "SAR", "verbalized")}
    ours["AUROC of UaIT"] = _aurocs(by_method[SPOKEN])
    ours["AUROC of the verbalized confidence"] = _aurocs(by_method["verbalized"])
    ours["UaIT beside SAR"] = "SAR: " + _aurocs(by_method["SAR"])
    ours["best distillation threshold"] = _best_thresholds(done) or "not measured"
    ours["examples left after distillation"] = str(sum(done.kept.values()))
    ours["gain in expressing uncertainty, on average"] = _gain(by_method[SPOKEN], by_method["verbalized"])
    yield f"| | the paper's, as quoted (other models) | measured here, {done.adapter.base_model_id} |"
    yield "|---|---|---|"
    yield from (f"| {what} | {said} | {ours[what]} |" for what, said in THE_PAPER.items())


def _aurocs(results: Sequence[MethodResult]) -> str:
    """AUROC with its interval, set by set."""
    return ", ".join(f"{_with_interval(result)} on {result.split}" for result in results)


def _with_interval(result: MethodResult) -> str:
    if result.auroc is None or result.auroc_interval is None:
        return "undefined"
    low, high = result.auroc_interval
    return f"{result.auroc:.2f} ({low:.2f} to {high:.2f})"


def _best_thresholds(done: Reproduction) -> str:
    """Of each set, the threshold whose adapter ranks best by what it says; read with the figure's intervals."""
    best: dict[str, tuple[float, str]] = {}
    for point in done.sweep:
        for result in point.results:
            if result.method == SPOKEN and result.auroc is not None:
                name = "none" if point.threshold is None else f"{100 * point.threshold:.0f} %"
                best[result.split] = max(best.get(result.split, (-1.0, "")), (result.auroc, name))
    return ", ".join(f"{name} on {split}" for split, (_, name) in best.items())


def _gain(tuned: Sequence[MethodResult], untuned: Sequence[MethodResult]) -> str:
    """The mean over the sets of how much larger UaIT's AUROC is than the verbalized one's, as a share of that."""
    pairs = zip(tuned, untuned, strict=True)
    gains = [a.auroc / b.auroc - 1 for a, b in pairs if a.auroc is not None and b.auroc]
    return f"{100 * sum(gains) / len(gains):.1f} % of the verbalized AUROC, over {len(gains)} sets" if gains else "none"


def _other_settings(done: Reproduction) -> Iterator[str]:
    for stage, values in PAPER.items():
        for name, theirs in values.items():
            ours = done.adapter.settings.get(stage, {}).get(name)
            if ours != theirs:
                yield f"`{stage}.{name}` is {ours}; the paper's is {theirs}."


def _times(done: Reproduction) -> Iterator[str]:
    plan, seconds = done.plan, done.seconds
    yield f"On {plan.machine.device}, planned before it began, and taken over all sittings:"
    yield ""
    yield "| stage | memory, planned | time, planned | time taken |"
    yield "|---|---|---|---|"
    needs = {need.stage: need for need in plan.needs}
    for stage, took in seconds.items():
        need = needs.get(stage)
        planned = (gigabytes(need.memory), duration(need.seconds)) if need else ("", "")
        yield f"| {stage} | {planned[0]} | {planned[1]} | {duration(took)} |"
