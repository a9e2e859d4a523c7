"""`make pocket`: the embedded model from nothing to its recorded evaluation, each stage resumed if it was stopped.

Writes everything under runs/pocket and copies what the product needs to assets/pocket at the end of each stage.
"""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from uait.data.catalogue import KINDS, READING, preset
from uait.data.files import write_json, write_jsonl
from uait.data.json import to_json
from uait.data.questions import read_questions
from uait.embedded import lesson, small_run
from uait.embedded.pocket import POCKET, fits
from uait.embedded.pocket import questions as sets
from uait.embedded.pocket.corpus import SITTINGS, Corpus, n_revised
from uait.embedded.pocket.lesson import PLAN as LESSON
from uait.embedded.pocket.marking import sitting
from uait.embedded.pocket.phrasings import RELATIONS
from uait.embedded.pocket.pretrain import pretrain
from uait.embedded.pocket.recipe import Recipe
from uait.embedded.pocket.small_run import PLAN as SMALL_RUN
from uait.embedded.pocket.students import compared
from uait.embedded.pocket.world import Fact, build_world, passages
from uait.method.correctness import is_correct
from uait.method.threshold import choose_threshold
from uait.models.confidence import answer_batch
from uait.models.shipped import seal
from uait.records import Adapter, Done, Event, Progress
from uait.records.events import recorded
from uait.runs.files import HELD_OUT
from uait.runs.folder import RunFolder
from uait.settings import ASSETS, DistilSettings, LabelSettings, Settings, TuneSettings
from uait.stages.distil import distil
from uait.stages.engines import Engines, load_engines, load_untuned
from uait.stages.evaluate import evaluate
from uait.stages.label import label
from uait.stages.report import IN_DOMAIN, OUT_OF_DOMAIN, OUT_OF_WORLD, with_results
from uait.stages.sweep import SWEEP, sweep
from uait.stages.tune import tune
from uait.tuning.card import save_threshold
from uait.tuning.heard import SAID

RUNS = Path("runs/pocket")
README = ASSETS.parent / "README.md"
SEED = 0
# The paper's figure: answer and number as one text; two epochs are enough to rank the thresholds.
SWEEP_TUNING = TuneSettings(
    recipe="paper", rank=32, alpha=32, targets="all-linear", first_layer=5, answers="base", learning_rate=1e-3,
    epochs=2.0,
)  # fmt: skip


def settings() -> Settings:
    """The pocket model's settings for labelling, distilling and tuning; chosen on the dev splits (docs/LOG.md)."""
    base = preset("pocket")
    return replace(
        base,
        label=LabelSettings(calibrate="platt"),
        distil=DistilSettings(keep_right_from=None, keep_wrong_below=None, dev_fraction=0.02),
    )


def build(runs: Path = RUNS) -> Iterator[Event]:
    """All stages; yields progress, last Done(folder of the model)."""
    facts = build_world(SEED)
    corpus = Corpus(facts, preset("pocket").prompts, SEED + 1)
    write_world(facts)
    if not (POCKET / "model.safetensors").is_file():
        yield from _train_base(facts, corpus, runs)
    yield from _tune(facts, corpus, runs)
    yield Progress("gate", 0, 1, "fitting what is read and what is familiar")
    fits.fit(load_engines(settings()), facts)
    yield from _record(runs)
    yield Done(POCKET)


def _train_base(facts: list[Fact], corpus: Corpus, runs: Path) -> Iterator[Event]:
    base = runs / "base"
    yield from pretrain(corpus.curriculum(), Recipe(), base)
    for k in range(len(SITTINGS)):
        yield from sitting(k, base, facts, corpus, runs / f"sitting-{k + 1}")
        base = runs / f"sitting-{k + 1}"
    for name in ("model.safetensors", "config.json", "generation_config.json", "chat_template.jinja",
                 "tokenizer.json", "tokenizer_config.json"):  # fmt: skip
        shutil.copy(base / name, POCKET / name)
    for name in (READING, KINDS):  # fitted on the model that was there before
        (POCKET / name).unlink(missing_ok=True)
    seal()
    write_json(POCKET / "pocket.json", {"seed": SEED, "recipe": asdict(Recipe())})


def _tune(facts: list[Fact], corpus: Corpus, runs: Path) -> Iterator[Event]:
    """The shipped adapter with its threshold, and what another choice of labels would have come to on dev questions."""
    folder, chosen = RunFolder(runs / "uait"), settings()
    untuned = chosen.with_adapter("none")
    write_jsonl(folder.file(HELD_OUT), sets.held_out(facts, "test", SEED))
    labels = yield from recorded(label(load_untuned(chosen), sets.to_tune_on(facts, corpus, SEED), folder))
    yield from distil(untuned, folder)
    # not the questions that the labels were calibrated on: their facts are tuned on too, in other words
    yield from tune(untuned, folder, choose_by=sets.of_split(facts, "dev", SEED))
    shutil.rmtree(POCKET / "adapter", ignore_errors=True)
    shutil.copytree(folder.file("adapter"), POCKET / "adapter", ignore=shutil.ignore_patterns(SAID))
    seal()
    choose_gate(load_engines(chosen), facts)
    quick = replace(untuned, tune=SWEEP_TUNING)
    dev = {
        "in-domain dev": sets.of_split(facts, "dev", SEED),
        "out-of-domain dev": sets.of_split(facts, "ood-dev", SEED),
    }
    yield from sweep(quick, labels, dev, RunFolder(runs / "sweep"))
    shutil.copy(runs / "sweep" / SWEEP, POCKET / SWEEP)


def _record(runs: Path) -> Iterator[Event]:
    """The evaluation on held-out questions, the small preset's run, and the lesson."""
    engines = load_engines(settings())
    splits = (IN_DOMAIN, OUT_OF_DOMAIN, OUT_OF_WORLD)
    held_out = {split: read_questions(POCKET / "questions" / f"{split}.jsonl") for split in splits}
    report = yield from recorded(evaluate(engines, held_out, RunFolder(runs / "evaluation")))
    report = yield from recorded(compared(engines.settings, RunFolder(runs / "uait"), report, held_out))
    write_json(POCKET / "evaluation.json", to_json(report))
    README.write_text(with_results(README.read_text(encoding="utf-8"), report), encoding="utf-8")
    yield Progress("small run", 0, 1, "labelling and tuning as on the page")
    write_json(POCKET / small_run.FILE, small_run.record(SMALL_RUN))
    yield Progress("lesson", 0, 1, "looking for questions to teach with")
    write_json(POCKET / lesson.FILE, lesson.record(LESSON, engines))


def write_world(facts: list[Fact]) -> None:
    """Facts and how they are asked for, encyclopaedia, question sets and the page's examples into assets/pocket."""
    (POCKET / "questions").mkdir(parents=True, exist_ok=True)
    told = [replace(fact, exposure=fact.exposure + n_revised(fact)) for fact in facts]
    write_jsonl(POCKET / "facts.jsonl", told)
    write_json(POCKET / "phrasings.json", {name: relation.questions for name, relation in RELATIONS.items()})
    write_jsonl(POCKET / "encyclopaedia.jsonl", passages(facts))
    names = Corpus(facts, preset("pocket").prompts, SEED + 1)
    write_jsonl(POCKET / "tuning_questions.jsonl", sets.to_tune_on(facts, names, SEED))
    outside = sets.outside("test")
    splits = {
        IN_DOMAIN: sets.held_out(facts, "test", SEED),
        OUT_OF_DOMAIN: sets.held_out(facts, "ood-test", SEED),
        OUT_OF_WORLD: outside,
    }
    for name, questions in splits.items():
        write_jsonl(POCKET / "questions" / f"{name}.jsonl", questions)
    write_json(POCKET / "examples.json", sets.examples(told, outside, SEED))


def choose_gate(engines: Engines, facts: list[Fact]) -> Adapter:
    """The adapter with the threshold that best parts right from wrong on the in-domain dev questions, on its card.

    The metrics beside it also hold the share of the outside dev questions that fall below it.
    """
    questions, settings = sets.of_split(facts, "dev", SEED), engines.settings
    answers = answer_batch(engines.lm, [q.text for q in questions], settings.answer, batch_size=64)
    rule = settings.label.correctness
    right = [is_correct(answer.text, q.references, rule) for answer, q in zip(answers, questions, strict=True)]
    spoken = [answer.spoken for answer in answers]
    choice = choose_threshold(spoken, right, "the in-domain dev questions", settings.evaluate.n_bins)
    outside = answer_batch(engines.lm, [q.text for q in sets.outside("dev")], settings.answer, batch_size=64)
    below = [answer.spoken is None or answer.spoken < (choice.value or 0.0) for answer in outside]
    return save_threshold(POCKET / "adapter", choice, {"dev_outside_below": float(np.mean(below))})


def main() -> None:
    """Runs every stage, with a line of progress per event on stderr."""
    for event in build():
        if isinstance(event, Progress):
            print(f"{event.stage}: {event.done}/{event.total} {event.note}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
