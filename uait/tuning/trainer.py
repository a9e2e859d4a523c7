"""Stage 3: distilled examples -> a LoRA adapter on disk, with a card that says what it was made from.

The Trainer blocks until it is through, so it runs in a thread of its own, and a callback hands its steps to the
caller through a queue. Knows nothing about where the examples come from, nor about gates.
"""

import copy
import math
import queue
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from uait.data.files import append_jsonl, data_hash, read_json, read_rows, write_json
from uait.models.loading import LanguageModel
from uait.records import Adapter, DistilledSet, Done, Event, Progress
from uait.records.errors import DataError, TrainingError
from uait.settings import Settings, TuneSettings, to_dict
from uait.tuning.card import _CARD, _RUN, _model_card, _write_card, read_card
from uait.tuning.examples import collate, encode
from uait.tuning.losses import KeepsAnswers, LearnsAnswers

Probe = Callable[[LanguageModel, int], None]  # the model as it is, and the step
N_PROBINGS = 12
_TARGETS: dict[str, Any] = {"attention": ["q_proj", "k_proj", "v_proj", "o_proj"], "all-linear": "all-linear"}
LOG = "log.jsonl"
_WEIGHTS, _CONFIG, _STATE = "adapter_model.safetensors", "adapter_config.json", "trainer_state.json"


def train_adapter(
    settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path, probe: Probe | None = None
) -> Generator[Event, None, None]:
    """Each step as it is made, and at the end the adapter, saved in `out` with its card.

    Called again with the same examples and settings it goes on from the last checkpoint, and a finished adapter is
    not tuned again. Closing the iterator ends the tuning after the step under way and leaves a checkpoint. `lm` stays
    as it was; an adapter that it has is not built upon. `probe` is given the model as it is being tuned and the step,
    at the start, about twelve times on the way and at the end; it must only ask. Raises TrainingError when there is
    nothing to learn from, when `out` holds another tuning, or when the tuning can't go on.
    """
    out = Path(out)
    if not distilled.train:
        raise TrainingError("There is no example to tune on; label more questions, or keep more of the labels.")
    _claim(out, _identity(settings, lm, distilled))
    if not (out / _CARD).exists():
        checkpoint = _last_checkpoint(out)
        if checkpoint is None or not _is_last_step(checkpoint):
            watch = _Watch(out / LOG, lm, probe)
            yield from _run(_trainer(settings.tune, lm, distilled, out, watch), watch, checkpoint)
            checkpoint = _last_checkpoint(out)
        if checkpoint is None:
            raise TrainingError(f"{out} has lost its checkpoints while tuning; tune into a folder of its own.")
        _publish(checkpoint, _adapter(settings, lm, distilled, out))
    for folder in out.glob("checkpoint-*"):
        shutil.rmtree(folder)
    yield Done(read_card(out))


def read_log(path: Path | str) -> list[dict[str, Any]]:
    """The logged steps in order: `step`, `loss`, `learning_rate`, `seconds`, and `eval_loss` where dev was looked at.

    A step that was made again after a kill counts once. Empty when there is no log yet.
    """
    rows = read_rows(path, is_log=True) if Path(path).exists() else ()
    return sorted({row["step"]: row for _, row in rows}.values(), key=lambda row: row["step"])


class _Watch(TrainerCallback):
    """Hears of every step inside the Trainer's thread: logs it, reports it, and stops the Trainer when told to."""

    def __init__(self, log: Path, lm: LanguageModel, probe: Probe | None = None) -> None:
        self.events: queue.Queue[Event | None] = queue.Queue()
        self.stop = threading.Event()
        self._log, self._lm, self._probe = log, lm, probe
        self._row: dict[str, Any] = {}
        earlier = read_log(log)
        self._began = time.monotonic() - (earlier[-1]["seconds"] if earlier else 0.0)

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        note = f"going on after step {state.global_step}" if state.global_step else ""
        self.events.put(Progress("tune", state.global_step, state.max_steps, note))
        self._ask(state.global_step, model)

    def on_log(self, args: TrainingArguments, state: Any, control: Any, *, logs: dict[str, Any], **_: Any) -> None:
        self._row |= {key: logs[key] for key in ("loss", "eval_loss", "learning_rate") if key in logs}
        waits_for_dev = "loss" in logs and control.should_evaluate
        if not self._row or waits_for_dev:  # nothing to log: the Trainer's closing summary
            return
        row, self._row = self._row, {}
        loss = row["loss"]
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} at step {state.global_step}: the tuning ran away; lower tune.learning_rate "
                f"(now {args.learning_rate}) and tune into a new folder."
            )
        seconds = round(time.monotonic() - self._began, 3)
        append_jsonl(self._log, {"step": state.global_step, **row, "seconds": seconds})
        dev = f", on dev {row['eval_loss']:.3f}" if "eval_loss" in row else ""
        note = f"loss {loss:.3f}{dev}, learning rate {row['learning_rate']:.1e}"
        self.events.put(Progress("tune", state.global_step, state.max_steps, note))

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        if self.stop.is_set():
            control.should_training_stop = control.should_save = True
        elif state.global_step % max(1, state.max_steps // N_PROBINGS) == 0 or state.global_step == state.max_steps:
            self._ask(state.global_step, model)

    def _ask(self, step: int, model: Any) -> None:
        """Shows the model to the probe; the tuning then goes on as if nobody had asked."""
        if self._probe is None:
            return
        model.eval()
        with torch.random.fork_rng():
            self._probe(replace(self._lm, model=model, adapter_id="being tuned"), step)
        model.train()


def _run(trainer: Trainer, watch: _Watch, checkpoint: Path | None) -> Generator[Event, None, None]:
    """The Trainer's events. When the caller closes it, the step under way and its checkpoint are waited for."""
    with ThreadPoolExecutor(1, "tune") as pool:
        future = pool.submit(trainer.train, resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        future.add_done_callback(lambda _: watch.events.put(None))
        try:
            yield from iter(watch.events.get, None)
        finally:
            watch.stop.set()
            with _as_sentences(trainer.args):
                future.result()


@contextmanager
def _as_sentences(args: TrainingArguments) -> Iterator[None]:
    """Turns what the machine refuses (memory, disk) into a TrainingError."""
    try:
        yield
    except torch.OutOfMemoryError as err:
        raise TrainingError(
            f"The GPU's memory is too small for tune.batch_size = {args.per_device_train_batch_size}; lower it."
        ) from err
    except OSError as err:
        raise TrainingError(
            f"The tuning in {args.output_dir} can't be written or read ({err.strerror or err}); "
            "check rights and free space, then start it again: it goes on from its last checkpoint."
        ) from err


def _trainer(tune: TuneSettings, lm: LanguageModel, distilled: DistilledSet, out: Path, watch: _Watch) -> Trainer:
    dev = encode(lm, distilled.dev) if distilled.dev else None
    data: dict[str, Any] = {"train_dataset": encode(lm, distilled.train), "eval_dataset": dev}
    args = _arguments(tune, out, on_gpu=lm.device.type == "cuda", has_dev=dev is not None)
    collator = partial(collate, pad_id=lm.tokenizer.pad_token_id)
    kind = KeepsAnswers if tune.answers == "base" else LearnsAnswers
    trainer = kind(_with_lora(lm, tune), args, data_collator=collator, callbacks=[watch], **data)
    if isinstance(trainer, KeepsAnswers):
        trainer.keep_weight = tune.keep_weight
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(tune: TuneSettings, out: Path, *, on_gpu: bool, has_dev: bool) -> TrainingArguments:
    # The examples come in the sampler's seeded random order, not grouped by length: only that order is the same again
    # after a resume, so that no example is skipped or seen twice in an epoch.
    return TrainingArguments(
        output_dir=str(out),
        per_device_train_batch_size=tune.batch_size,
        per_device_eval_batch_size=tune.batch_size,
        num_train_epochs=tune.epochs,
        max_steps=tune.max_steps or -1,
        learning_rate=tune.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=tune.warmup,  # below 1 it is a share of all steps
        seed=tune.seed,
        data_seed=tune.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would show the mean of earlier losses in place of a NaN
        save_steps=tune.save_steps,
        save_total_limit=2,
        eval_strategy="steps" if has_dev else "no",
        eval_steps=tune.save_steps,
        prediction_loss_only=True,
        label_names=["labels"],
        use_cpu=not on_gpu,
        bf16=on_gpu,
        dataloader_pin_memory=on_gpu,
        dataloader_num_workers=0,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=[],
    )


def _with_lora(lm: LanguageModel, tune: TuneSettings) -> PeftModel:
    """A copy of the base model with fresh LoRA layers; the model that others are asking stays untouched."""
    with lm.adapter_off():  # no other thread switches the adapter while it is being copied
        model = copy.deepcopy(lm.model)
    if lm.adapter_id is not None:
        model = model.unload()
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=tune.rank,
        lora_alpha=tune.alpha,
        lora_dropout=tune.dropout,
        target_modules=_TARGETS[tune.targets],
        exclude_modules=_below(tune.first_layer),
    )
    set_seed(tune.seed)
    try:
        tuned = get_peft_model(model, config)
    except ValueError as err:
        raise TrainingError(
            f"tune.targets is {tune.targets!r} from tune.first_layer {tune.first_layer} on, but {lm.model_id!r} has no "
            "such layers; choose 'all-linear', or a lower first layer."
        ) from err
    # with a name here, each checkpoint would ask the hub for this model's configuration; the card names the base
    tuned.peft_config["default"].base_model_name_or_path = ""
    return tuned


def _below(first_layer: int) -> str | None:
    """A pattern for the modules of the layers before this one, as the common architectures name them; None for 0."""
    numbers = "|".join(str(i) for i in range(first_layer))
    return rf"(?:.*\.)?(?:layers|h|blocks)\.(?:{numbers})\..*" if numbers else None


def check_same(settings: Settings, lm: LanguageModel, out: Path) -> None:
    """Nothing. Raises TrainingError when `out` holds a tuning of another model or with other settings."""
    if (out / _RUN).exists():
        _compare(out, _made_with(settings, lm))


def _identity(settings: Settings, lm: LanguageModel, distilled: DistilledSet) -> dict[str, Any]:
    """All that the adapter depends on, by name: a tuning goes on only when nothing of it has changed."""
    return {"data_hash": data_hash((distilled.train, distilled.dev)), **_made_with(settings, lm)}


def _made_with(settings: Settings, lm: LanguageModel) -> dict[str, Any]:
    tune = {f"tune.{name}": value for name, value in to_dict(settings.tune).items()}
    return {"base_model_id": lm.model_id, "prompts.question": lm.prompts.question, **tune}


def _claim(out: Path, identity: dict[str, Any]) -> None:
    """Makes `out` the folder of this tuning. Raises TrainingError when it is that of another one."""
    if out.exists() and not out.is_dir():
        raise TrainingError(f"{out} is a file; tuning needs a folder of its own. Choose another name.")
    if not (out / _RUN).exists():
        if (out / _CARD).exists():
            raise TrainingError(f"{out} holds an adapter of unknown making; choose another folder, or delete it.")
        write_json(out / _RUN, identity)
    _compare(out, identity)


def _compare(out: Path, identity: dict[str, Any]) -> None:
    # a setting that came later was at its default
    saved = {**{f"tune.{name}": value for name, value in to_dict(TuneSettings()).items()}, **read_json(out / _RUN)}
    for name, value in identity.items():
        if saved.get(name) != value:
            what = "other examples: their data_hash" if name == "data_hash" else f"another {name}: it"
            raise TrainingError(
                f"{out} holds a tuning with {what} is {saved.get(name)!r:.80}, not {value!r:.80}. "
                "Use the same again, or choose another folder."
            )


def _last_checkpoint(out: Path) -> Path | None:
    """The newest whole checkpoint; the state file is written last, so one without it was cut short and is removed."""
    for folder in sorted(out.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True):
        try:
            read_json(folder / _STATE)
            return folder
        except DataError:
            shutil.rmtree(folder)
    return None


def _is_last_step(checkpoint: Path) -> bool:
    state = read_json(checkpoint / _STATE)
    return bool(state["global_step"] >= state["max_steps"])


def _adapter(settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path) -> Adapter:
    """The record of the finished tuning; `train_loss` is the mean of the last epoch's steps."""
    made_with = replace(settings, model=replace(settings.model, model=lm.model_id, adapter="none"))
    rows = read_log(out / LOG)
    losses = [row["loss"] for row in rows[-math.ceil(len(distilled.train) / settings.tune.batch_size) :]]
    metrics = {
        "train_loss": sum(losses) / len(losses),
        "eval_loss": next((row["eval_loss"] for row in reversed(rows) if "eval_loss" in row), None),
        "n_train": len(distilled.train),
        "n_dev": len(distilled.dev),
        "n_steps": rows[-1]["step"],
        "seconds": rows[-1]["seconds"],
    }
    identity = _identity(settings, lm, distilled)
    return Adapter(str(out), lm.model_id, identity["data_hash"], to_dict(made_with), metrics)


def _publish(checkpoint: Path, adapter: Adapter) -> None:
    """Puts the checkpoint's adapter, a model card and, last of all, the card into the adapter's folder."""
    out = Path(adapter.path)
    shutil.copyfile(checkpoint / _WEIGHTS, out / _WEIGHTS)
    config = read_json(checkpoint / _CONFIG)
    write_json(out / _CONFIG, {**config, "base_model_name_or_path": adapter.base_model_id})
    (out / "README.md").write_text(_model_card(adapter), encoding="utf-8")
    _write_card(adapter)
