"""The command line: one verb per stage, each a reader of its stage's events.

In: arguments and question files. Out: a few lines for people or one JSON object on stdout, progress on stderr.
Engines are imported inside the verbs, so that --help answers at once.
"""

import json
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uait.cli.arguments import Parser, add_flags, port, positive, starting_settings, with_flags
from uait.cli.planning import plan_lines
from uait.cli.progress import followed, say, say_loading, streamed
from uait.cli.terminal import (
    before_after_lines,
    distilled_data,
    distilled_lines,
    label_data,
    label_lines,
    printable,
    repeated_lines,
    reply_lines,
    threshold_lines,
    unasked_lines,
)
from uait.data.catalogue import describe
from uait.data.files import read_json
from uait.data.json import to_json
from uait.data.named import name_of, read_questions_of
from uait.data.plain import left_out_data, reply_data
from uait.data.presets import PRESETS
from uait.method.prompts import sanitise
from uait.records import Adapter, DistilledSet, EvalReport, Label, Question, Repeated, Reply, Reproduction
from uait.records.errors import DataError, UaitError, is_disk_full, is_out_of_memory
from uait.runs.files import ADAPTER, BEFORE_AFTER, CALIBRATED, DISTILLED, LABELS, SAMPLES
from uait.runs.folder import RunFolder
from uait.settings import Settings

PROG = "python -m uait"
_SOURCES = "a .csv, .jsonl, .xlsx or .parquet file with a column text or question, or a set such as sciq[:500]"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb found: plain data for machines, lines for people."""

    data: Any
    lines: Sequence[str]


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0, 2 for a mistake that the user can mend, 130 when stopped by Ctrl-C."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        settings = starting_settings(argv)
        options = _parser(settings).parse_args(argv)
        with redirect_stdout(sys.stderr) if options.json else nullcontext():
            outcome = options.work(options, with_flags(settings, options))
    except UaitError as err:
        return _fail(2, str(err))
    except Exception as err:
        if is_disk_full(err):
            return _fail(2, "There is no room left on the disk; free some, and give the same command again.")
        if is_out_of_memory(err):
            return _fail(2, "There is not enough memory; close other programs, or choose a smaller model.")
        if not isinstance(err, OSError) or err.filename is None:
            raise
        return _fail(2, f"{err.filename} can't be read or written ({err.strerror}); check the name and the rights.")
    except KeyboardInterrupt:
        return _fail(130, "stopped. Give the same command again; with --run it goes on where it stopped.")
    print(json.dumps(outcome.data, indent=2, allow_nan=False) if options.json else "\n".join(outcome.lines))
    return 0


def _fail(code: int, sentence: str) -> int:
    print(f"uait: {printable(sentence)}", file=sys.stderr)
    return code


def _parser(settings: Settings) -> Parser:
    parser = Parser(PROG, description="A language model that says how sure it is, and looks things up when it isn't.")
    parser.set_defaults(json=False)
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(work: Callable[[Namespace, Settings], Outcome], stages: Sequence[str], text: str) -> Parser:
        made = verbs.add_parser(work.__name__.strip("_"), help=text, description=text, allow_abbrev=False)
        made.set_defaults(work=work)
        if work is not _serve:
            made.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
        add_flags(made, settings, stages)
        return made

    ask = verb(_ask, ("model", "answer", "retrieval", "sampling"), "answer one question, looking it up if unsure")
    ask.add_argument("question", help="the question, in quotes")
    ask.add_argument("--explain", action="store_true", help="sample as well, and show where the doubt lies")
    sample = verb(_sample, ("model", "sampling"), "ask every question several times, without scoring")
    label = verb(_label, ("model", "sampling", "label"), "sample, score and label every question")
    distil = verb(_distil, ("distil",), "choose the labels that teach")
    tune = verb(_tune, ("model", "tune"), "tune a LoRA adapter on the chosen labels")
    threshold = verb(_threshold, ("model",), "choose from which confidence on a run's adapter is trusted")
    evaluate = verb(
        _evaluate, ("model", "sampling", "label", "answer", "retrieval", "evaluate"), "measure every method"
    )
    plan = verb(_plan, ("model", "sampling", "tune"), "say what a model takes here, before fetching it")
    reproduce = verb(
        _reproduce, ("model", "sampling", "tune", "retrieval"), "label, tune and measure as the paper does; one report"
    )
    rerun = verb(_rerun, (), "make a run once more from its folder, and say whether the same comes out")
    serve = verb(_serve, ("model", "answer", "retrieval", "sampling"), "open the page")
    for stage in (sample, label):
        stage.add_argument("questions", metavar="QUESTIONS", help=f"{_SOURCES} (without a split the one to teach with)")
    reproduce.add_argument(
        "preset", choices=PRESETS, metavar="PRESET", help="; ".join(f"{k}: {p.about}" for k, p in PRESETS.items())
    )
    reproduce.add_argument("--dry-run", action="store_true", help="say what it takes, and do nothing")
    for stage in (sample, label, distil, tune, evaluate, plan):
        stage.add_argument("--preset", choices=("paper",), help="the paper's settings in place of the model's own")
    for stage in (sample, label, distil, tune, threshold, reproduce):
        stage.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="the run; resumed if it was begun")
    rerun.add_argument("of", type=Path, metavar="RUN", help="the run's folder")
    rerun.add_argument("--into", type=Path, metavar="FOLDER", help="where to (default: beside it, its name and -again)")
    tune.add_argument("--out", type=Path, metavar="FOLDER", help="the adapter's folder (default: adapter in the run)")
    threshold.add_argument(
        "--questions", nargs="+", metavar="QUESTIONS", help=f"each {_SOURCES} (default: what the run kept apart)"
    )
    evaluate.add_argument("--run", type=Path, metavar="FOLDER", help="keep the results here, and measure its adapter")
    evaluate.add_argument(
        "--questions", nargs="+", metavar="QUESTIONS", help=f"each {_SOURCES} (default: the recorded ones)"
    )
    plan.add_argument(
        "--n", type=positive, default=1000, metavar="N", help="questions to label and tune on (default 1000)"
    )
    serve.add_argument("--host", help="the address to listen on (default: UAIT_HOST, else this machine only)")
    serve.add_argument("--port", type=port, metavar="N", help="the port to listen on (default: UAIT_PORT, else 7860)")
    return parser


def _ask(options: Namespace, settings: Settings) -> Outcome:
    question = sanitise(options.question)
    say_loading()
    from uait.stages.ask import ask
    from uait.stages.engines import load_engines

    is_live = sys.stdout.isatty() and not options.json
    reply: Reply = streamed(ask(load_engines(settings), question, explained=options.explain), is_live)
    return Outcome(reply_data(reply), reply_lines(reply))


def _sample(options: Namespace, settings: Settings) -> Outcome:
    start, questions = time.perf_counter(), read_questions_of(options.questions, to_teach=True, say=say)
    folder = RunFolder(options.run)
    say_loading()
    from uait.stages.engines import load_untuned
    from uait.stages.label import read_left_out, sample

    n_questions: int = followed(sample(load_untuned(settings), questions, folder))
    left_out, seconds = left_out_data(read_left_out(folder)), time.perf_counter() - start
    path, n_samples = str(folder.file(SAMPLES)), settings.sampling.n_samples
    data = {"file": path, "n_questions": n_questions, "n_samples": n_samples, "seconds": seconds, "left_out": left_out}
    line = f"{n_questions} questions, {n_samples} samples each: {path} ({seconds:.0f} s)"
    return Outcome(data, [*unasked_lines(left_out), line])


def _label(options: Namespace, settings: Settings) -> Outcome:
    questions, folder = read_questions_of(options.questions, to_teach=True, say=say), RunFolder(options.run)
    say_loading()
    from uait.stages.engines import load_untuned
    from uait.stages.label import label, read_left_out

    labels: tuple[Label, ...] = followed(label(load_untuned(settings), questions, folder))
    path = str(folder.file(LABELS if settings.label.calibrate == "none" else CALIBRATED))
    counts = label_data(labels, read_left_out(folder))
    return Outcome({"file": path, **counts}, [*label_lines(counts), path])


def _distil(options: Namespace, settings: Settings) -> Outcome:
    from uait.stages.distil import distil

    folder = RunFolder(options.run)
    distilled: DistilledSet = followed(distil(settings, folder))
    path = str(folder.file(DISTILLED))
    return Outcome({"file": path, **distilled_data(distilled)}, [*distilled_lines(distilled), path])


def _tune(options: Namespace, settings: Settings) -> Outcome:
    say_loading()
    from uait.stages.tune import read_untaught, tune

    folder = RunFolder(options.run)
    adapter: Adapter = followed(tune(settings, folder, options.out))
    results = read_json(folder.file(BEFORE_AFTER)) if folder.file(BEFORE_AFTER).exists() else []
    left_out = left_out_data(read_untaught(folder))
    lines = [*unasked_lines(left_out), *(f"{name}: {value}" for name, value in adapter.metrics.items())]
    lines += [*before_after_lines(results), *threshold_lines(adapter)]
    return Outcome(
        {**to_json(adapter), "left_out": left_out, "before_after": results}, [*lines, f"adapter: {adapter.path}"]
    )


def _threshold(options: Namespace, settings: Settings) -> Outcome:
    given = _splits(options.questions or [])
    questions = [question for split in given.values() for question in split] or None
    say_loading()
    from uait.stages.threshold import OWN, threshold

    source = ", ".join(given) or OWN
    adapter: Adapter = followed(threshold(settings, RunFolder(options.run), questions, source))
    return Outcome(to_json(adapter), [*threshold_lines(adapter), f"adapter: {adapter.path}"])


def _evaluate(options: Namespace, settings: Settings) -> Outcome:
    splits, description = _splits(options.questions or []), describe(settings.model.model)
    splits = splits or (description.held_out if description else {})
    if not splits:
        raise DataError(f"{settings.model.model!r} comes with no questions; name some with --questions.")
    say_loading()
    from uait.stages.engines import load_engines
    from uait.stages.evaluate import evaluate
    from uait.stages.report import branches_markdown, markdown_table

    if options.run and not hasattr(options, "model.adapter") and (options.run / ADAPTER / "card.json").is_file():
        settings = settings.with_adapter(options.run / ADAPTER)
    with tempfile.TemporaryDirectory() as scratch:  # without a run everything is measured afresh, and nothing is kept
        report: EvalReport = followed(evaluate(load_engines(settings), splits, RunFolder(options.run or Path(scratch))))
    return Outcome(to_json(report), [markdown_table(report), "", branches_markdown(report)])


def _splits(sources: Sequence[str]) -> dict[str, list[Question]]:
    """The questions of each source by its name."""
    splits: dict[str, list[Question]] = {}
    for source in sources:
        if name_of(source) in splits:
            raise DataError(f"--questions names {name_of(source)!r} twice; each set needs a name of its own.")
        splits[name_of(source)] = read_questions_of(source, say=say)
    return splits


def _plan(options: Namespace, settings: Settings) -> Outcome:
    say_loading()
    from uait.stages.plan import plan

    planned = plan(settings, options.n)
    return Outcome(to_json(planned), plan_lines(planned))


def _reproduce(options: Namespace, settings: Settings) -> Outcome:
    """The flags stand for the preset's settings, or those of the folder; the defaults of the others are not heard."""
    say_loading()
    from uait.cli.reproduction import write_report
    from uait.stages.report import markdown_table
    from uait.stages.reproduce import plan_of, reproduce, settings_for

    preset, folder = PRESETS[options.preset], RunFolder(options.run)
    settings = with_flags(settings_for(options.preset, preset, folder), options)
    planned = plan_of(preset, settings)
    if options.dry_run:
        return Outcome(to_json(planned), plan_lines(planned))
    print("\n".join([*plan_lines(planned), ""]), file=sys.stderr, flush=True)
    done: Reproduction = followed(reproduce(options.preset, preset, settings, planned, folder))
    data, path = write_report(done, folder.path)
    return Outcome(data, [markdown_table(done.report), "", str(path)])


def _rerun(options: Namespace, settings: Settings) -> Outcome:
    say_loading()
    from uait.stages.rerun import rerun

    into = RunFolder(options.into or options.of.with_name(f"{options.of.name}-again"))
    found: tuple[Repeated, ...] = followed(rerun(RunFolder(options.of), into))
    return Outcome([to_json(one) for one in found], [*repeated_lines(found), str(into.path)])


def _serve(options: Namespace, settings: Settings) -> Outcome:
    from uait.page import app

    given = {"server_name": options.host, "server_port": options.port}
    app.serve(settings, **{name: value for name, value in given.items() if value is not None})
    return Outcome(None, ["The page is closed."])
