"""A recorded evaluation as `uait.stages.evaluate` writes it, without a model: with ties, gaps and an unjudged split."""

from typing import Any

import numpy as np

from uait.data.catalogue import preset
from uait.method.metrics import method_result
from uait.records import EvalReport, MethodResult, Provenance
from uait.settings import EvaluateSettings, to_dict

METHODS = {"base": ("SAR", "P(True)"), "verbalized": ("verbalized",), "uait": ("UaIT spoken", "UaIT expected")}
IN_DOMAIN, OUT_OF_WORLD = "in-domain", "out-of-world"
FORMULA = '=HYPERLINK("http://evil.example","a, b")'
HOSTILE = "What is {{value}} ${window.pwned=1} <img src=x onerror=window.pwned=1>?"


def report(n: int = 120, seed: int = 1) -> EvalReport:
    """`n` judged questions whose UaIT confidence tells right from wrong and whose verbalized one does not; 12 unjudged.

    The first question is hostile text, and one of its answers a formula. Some UaIT numbers are missing; all are tied to
    whole percents.
    """
    rng = np.random.default_rng(seed)
    rows = [_row(rng, IN_DOMAIN, i, bool(rng.random() < 0.55)) for i in range(n)]
    rows += [_row(rng, OUT_OF_WORLD, i, None) for i in range(12)]
    rows[0]["question"] = HOSTILE
    rows[0]["base"]["answer"] = FORMULA
    judged = [row for row in rows if row["split"] == IN_DOMAIN]
    results = [_result(judged, source, method) for source, methods in METHODS.items() for method in methods]
    return EvalReport(tuple(results), {}, {}, {"threshold": 0.6}, tuple(rows), _provenance())


def columns(rows: list[dict[str, Any]], source: str, method: str) -> tuple[list[float | None], list[bool]]:
    """The confidences of one method and whether its answers are right."""
    return [row[source]["confidences"][method] for row in rows], [row[source]["right"] for row in rows]


def _result(rows: list[dict[str, Any]], source: str, method: str) -> MethodResult:
    return method_result(method, IN_DOMAIN, *columns(rows, source, method), EvaluateSettings(n_bootstrap=50))


def _row(rng: np.random.Generator, split: str, i: int, knows: bool | None) -> dict[str, Any]:
    sure = rng.beta(5, 2) if knows else rng.beta(2, 4)
    spoken = None if rng.random() < 0.05 else round(sure, 2)
    said = {
        "base": {"SAR": float(sure**1.5), "P(True)": float(np.clip(sure + rng.normal(0, 0.2), 0, 1))},
        "verbalized": {"verbalized": round(float(rng.random()), 2)},
        "uait": {"UaIT spoken": spoken, "UaIT expected": float(sure)},
    }
    said["read"] = said["uait"]
    right = dict.fromkeys(said, knows) | {"read": None if knows is None else True}
    return {
        "id": f"{split}-{i}",
        "split": split,
        "question": f"What is fact number {i} of {split}?",
        "found": True,
        "n_passages": 3,
        **{s: {"answer": f"Answer {i}", "right": right[s], "confidences": c} for s, c in said.items()},
    }


def _provenance() -> Provenance:
    return Provenance("pocket", "pocket/adapter", to_dict(preset("pocket")), 10, "0.1.0", "2026-11-22T17:00:00+00:00")
