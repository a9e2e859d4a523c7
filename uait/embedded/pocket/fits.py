"""`python -m uait.embedded.pocket.fits`: the two fits of the embedded model's gate, and what they come to.

Both are of the base model and the embedder, whatever adapter answers: `reading.json` (how sure an answer is once it was
read) and `kinds.json` (what it was tuned and measured on). Fitted on questions to tune on and to choose by, and each
only where it is not there yet; with `measure` the whole gate is asked the held-out ones, and says a line per split.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from uait.data.catalogue import KINDS, READING, preset
from uait.data.files import write_json
from uait.data.json import to_json
from uait.data.questions import read_questions
from uait.embedded.pocket import POCKET
from uait.embedded.pocket import questions as sets
from uait.embedded.pocket.world import Fact, build_world
from uait.method.correctness import is_correct
from uait.method.gate import decide
from uait.method.metrics import auroc
from uait.method.second_look import kind_scores
from uait.method.surface import plain_question
from uait.models.confidence import answer_batch
from uait.models.similarity import BiEncoder
from uait.records import Action, Kinds, Question, ReadingFit, Reply
from uait.retrieval.search import retrieve
from uait.stages.ask import judge_reading
from uait.stages.engines import Engines, load_engines

SEED = 0
N_KINDS, N_NEW_KINDS, N_OTHERS = 32, 8, 16  # of what was tuned on, of the relations never tuned on, and outside
PASSED = 0.975  # of the questions of measured kinds: the share that is taken for such
BATCH = 64


def fit(engines: Engines, facts: Sequence[Fact]) -> None:
    """Writes into assets/pocket whichever of the two fits is not there."""
    if not (POCKET / READING).is_file():
        write_json(POCKET / READING, to_json(reading_fit(engines, facts)))
    if not (POCKET / KINDS).is_file() and isinstance(engines.similarity, BiEncoder):
        write_json(POCKET / KINDS, to_json(kinds_fit(engines.similarity, facts)))


def reading_fit(engines: Engines, facts: Sequence[Fact]) -> ReadingFit:
    """The curve over what was read for every question to choose by, those from outside the world among them."""
    chosen = [*_dev(facts), *sets.outside("dev")]
    found = [retrieve(q.text, engines.retrievers, engines.settings.retrieval.n_passages).passages for q in chosen]
    pairs = [(q, passages) for q, passages in zip(chosen, found, strict=True) if passages]
    texts, passages = [q.text for q, _ in pairs], [read for _, read in pairs]
    answers = answer_batch(engines.lm, texts, engines.settings.answer, passages, BATCH)
    rows, right = [], []
    for (question, read), answer in zip(pairs, answers, strict=True):
        if answer.text:  # one that stands in no passage is left open without a number
            alike = engines.similarity.score([(question.text, passage.text) for passage in read]).max()
            rows.append((float(answer.sample.logprobs.sum()), float(alike)))
            right.append(bool(is_correct(answer.text, question.references, engines.settings.label.correctness)))
    return curve_of(rows, right)


def curve_of(rows: Sequence[tuple[float, float]], right: Sequence[bool]) -> ReadingFit:
    """A logistic curve over (log-probability, likeness) of each answer that was read, and whether it was right.

    The threshold makes the fewest mistakes, a right answer left open and a wrong one given alike; it is chosen by the
    confidences of five folds that were not fitted on. (The best balanced accuracy would weigh one of the few wrong
    answers like forty right ones.)
    """
    curve: Any = LogisticRegression(C=1e3, max_iter=1000)
    aside = np.asarray(cross_val_predict(curve, np.array(rows), right, cv=5, method="predict_proba"))[:, 1]
    curve.fit(np.array(rows), right)
    tried = np.arange(0.5, 1.0, 0.005)
    mistakes = [int(np.sum((aside >= threshold) != np.array(right))) for threshold in tried]
    threshold = float(tried[np.flatnonzero(np.array(mistakes) == min(mistakes))[-1]])
    weights = float(curve.coef_[0, 0]), float(curve.coef_[0, 1])
    metrics = {"n": len(right), "accuracy": np.mean(right), "auroc": auroc(aside, right), "mistakes": min(mistakes)}
    numbers = {name: float(value or 0.0) for name, value in metrics.items()}
    return ReadingFit(float(curve.intercept_[0]), weights, round(threshold, 3), numbers)


def kinds_fit(encoder: BiEncoder, facts: Sequence[Fact]) -> Kinds:
    """Centres of the questions that it was tuned and measured on, and of those from outside its world.

    The threshold lets PASSED of the relations never tuned on through, each half of them scored without it.
    """
    tuned = [q for q in read_questions(POCKET / "tuning_questions.jsonl") if not q.id.startswith("oow")]
    inside = _centres(_embedded(encoder, [*tuned, *sets.of_split(facts, "dev", SEED)]), N_KINDS)
    others = _centres(_embedded(encoder, sets.outside("tune")), N_OTHERS)
    new = _embedded(encoder, sets.of_split(facts, "ood-dev", SEED))
    outside = _embedded(encoder, sets.outside("dev"))
    passed, caught = [], []
    for half in (np.arange(len(new)) % 2 == 0, np.arange(len(new)) % 2 == 1):
        kinds = Kinds(np.vstack([inside, _centres(new[half], N_NEW_KINDS)]), others, 0.0, {})
        passed.append(kind_scores(kinds, new[~half]))
        caught.append(kind_scores(kinds, outside))
    scores, strange = np.concatenate(passed), np.max(caught, axis=0)
    threshold = round(float(np.quantile(scores, 1 - PASSED)), 3)
    shares = {"passed": scores >= threshold, "outside_passed": strange >= threshold}
    metrics = {name: float(np.mean(share)) for name, share in shares.items()}
    return Kinds(np.vstack([inside, _centres(new, N_NEW_KINDS)]), others, threshold, metrics)


def measure(engines: Engines) -> Iterator[str]:
    """What the whole gate makes of each held-out split: a line each."""
    for path in sorted((POCKET / "questions").glob("*.jsonl")):
        questions = read_questions(path)
        yield f"{path.stem}, n = {len(questions)}: {_counted(engines, questions, replies(engines, questions))}"


def replies(engines: Engines, questions: Sequence[Question]) -> list[Reply]:
    """What `uait.stages.ask` replies to each question, in batches."""
    texts, settings = [plain_question(q.text, engines.spelling) for q in questions], engines.settings
    firsts = answer_batch(engines.lm, texts, settings.answer, batch_size=BATCH)
    known = engines.familiarity.of(texts) if engines.familiarity else [None] * len(texts)
    decisions = [
        decide(first.spoken, engines.threshold, is_familiar=is_known)
        for first, is_known in zip(firsts, known, strict=True)
    ]
    found = [
        None if decision.action is Action.ANSWER else retrieve(text, engines.retrievers, settings.retrieval.n_passages)
        for text, decision in zip(texts, decisions, strict=True)
    ]
    read = [i for i, retrieved in enumerate(found) if retrieved is not None and retrieved.passages]
    passages = [retrieved.passages for retrieved in found if retrieved is not None and retrieved.passages]
    finals = answer_batch(engines.lm, [texts[i] for i in read], settings.answer, passages, BATCH)
    after = {
        i: (final, judge_reading(engines, texts[i], final, p))
        for i, final, p in zip(read, finals, passages, strict=True)
    }
    made = []
    for i, question in enumerate(questions):
        final, second = after.get(i, (firsts[i], None))
        made.append(Reply(question, firsts[i], decisions[i], found[i], final, 0.0, second=second))
    return made


def _counted(engines: Engines, questions: Sequence[Question], made: Sequence[Reply]) -> str:
    rule = engines.settings.label.correctness
    outcomes = [reply.outcome for reply in made]
    is_right = [
        outcome is not None and bool(is_correct(outcome.text, question.references, rule))
        for outcome, question in zip(outcomes, questions, strict=True)
    ]
    is_open = [outcome is None for outcome in outcomes]
    at_once = [reply.decision.action is Action.ANSWER for reply in made]
    read = [not (one or other) for one, other in zip(at_once, is_open, strict=True)]
    alone = [bool(is_correct(reply.first.text, q.references, rule)) for reply, q in zip(made, questions, strict=True)]
    shares = {
        "of a kind never measured": [reply.decision.is_familiar is False for reply in made],
        "right without looking up": alone,
        "right with it": is_right,
        "left open": is_open,
        "answered wrongly": [not (right or open) for right, open in zip(is_right, is_open, strict=True)],
        "of what was read and given, right": [right for right, was in zip(is_right, read, strict=True) if was],
    }
    return ", ".join(f"{name} {100 * float(np.mean(share or [0])):.1f} %" for name, share in shares.items())


def _dev(facts: Sequence[Fact]) -> list[Question]:
    return [*sets.of_split(facts, "dev", SEED), *sets.of_split(facts, "ood-dev", SEED)]


def _embedded(encoder: BiEncoder, questions: Sequence[Question]) -> np.ndarray:
    return encoder.embed([plain_question(question.text) for question in questions])


def _centres(embeddings: np.ndarray, n: int) -> np.ndarray:
    """Unit vectors (n, D) of what k-means finds, to four decimals."""
    fitted: Any = KMeans(n, random_state=SEED).set_params(n_init=4)
    centres = fitted.fit(embeddings).cluster_centers_.astype(float)
    return (centres / np.linalg.norm(centres, axis=1, keepdims=True)).round(4)


def main(*words: str) -> None:
    """Fits, or with `measure` asks the held-out questions."""
    if words == ("measure",):
        print(*measure(load_engines(preset("pocket"))), sep="\n")  # noqa: T201
    else:
        fit(load_engines(preset("pocket")), build_world(SEED))


if __name__ == "__main__":
    main(*sys.argv[1:])
