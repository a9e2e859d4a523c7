"""Stage 3: distilled examples -> a LoRA adapter on disk, with a card that says what it was made from.

A plain loop. All that is random, the order of the examples and dropout, follows from the seed and the step, so that a
tuning that was stopped goes on as if it had not been. Knows nothing about where the examples come from, nor about
gates.
"""

import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig

from uait.data.files import append_jsonl, read_rows
from uait.method.footprint import tune_steps
from uait.models.batches import Room
from uait.models.language_model import LanguageModel
from uait.records import DistilledSet, Done, Event, Progress
from uait.records.errors import TrainingError
from uait.settings import Settings, TuneSettings
from uait.tuning.card import CARD, claim, publish, read_card
from uait.tuning.checkpoint import read_checkpoint, write_checkpoint
from uait.tuning.examples import Batch, Row, collate, encode, n_taught
from uait.tuning.heard import SAID, encode_heard, hearing_of, listen, targets_of
from uait.tuning.losses import Loss, completion_loss, kl_regularised_loss, number_loss
from uait.tuning.start import Start, start_of
from uait.tuning.targets import lora_targets

Probe = Callable[[LanguageModel, int], None]  # the model as it is, and the step
N_PROBINGS = 12
MAX_NORM = 1.0  # of a step's gradient
LOG, _CHECKPOINT = "log.jsonl", "checkpoint.pt"


def train_adapter(
    settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path, probe: Probe | None = None
) -> Generator[Event, None, None]:
    """Each step as it is made, and at the end the adapter, saved in `out` with its card.

    Called again with the same examples and settings it goes on from the last checkpoint, and a finished adapter is
    not tuned again. Closing the iterator leaves a checkpoint. `lm` stays as it was; an adapter that it has is not
    built upon. `probe` is given the model as it is being tuned and the step, at the start, about twelve times on the
    way and at the end; it must only ask. Raises TrainingError when there is nothing to learn from, when `out` holds
    another tuning, or when the tuning can't go on.
    """
    out = Path(out)
    if not distilled.train:
        raise TrainingError("There is no example to tune on; label more questions, or keep more of the labels.")
    start = start_of(settings)
    claim(settings, lm, distilled, out, start and start.origin)
    if not (out / CARD).exists():
        try:
            with _as_sentences(settings.tune, out):
                tuned, n_train = yield from _tuned(settings, lm, distilled, out, start, probe)
                metrics = _metrics(settings.tune, n_train, len(distilled.dev), read_log(out / LOG))
                publish(settings, tuned, distilled, metrics, out, start and start.origin)
        finally:
            _compute_twice(lm, on=False)
    (out / _CHECKPOINT).unlink(missing_ok=True)
    yield Done(read_card(out))


def read_log(path: Path | str) -> list[dict[str, Any]]:
    """The logged steps in order: `step`, `loss`, `learning_rate`, `seconds`, and `eval_loss` where dev was looked at.

    A step that was made again after a kill counts once. Empty when there is no log yet.
    """
    rows = read_rows(path, is_log=True) if Path(path).exists() else ()
    return sorted({row["step"]: row for _, row in rows}.values(), key=lambda row: row["step"])


def _tuned(
    settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path, start: Start | None, probe: Probe | None
) -> Generator[Event, None, tuple[LanguageModel, int]]:
    """The steps that are left; returns the tuned model, and how many examples taught it, to a `yield from`."""
    tune, train, dev, loss = settings.tune, distilled.train, distilled.dev, number_loss
    tuned = _with_lora(lm, tune, start)
    if tune.recipe == "paper":
        train, dev, loss = encode(lm, train), encode(lm, dev), _paper_loss(tune)
    else:
        said = yield from listen(settings, lm, distilled, out / SAID)
        targets = yield from targets_of(lm, distilled, said, told=tune.recipe == "told")
        hears = tuned.hears or hearing_of(lm, train, said)  # what it was started from knows its own levels
        tuned = replace(tuned, hears=hears)
        train, dev = (encode_heard(lm, hears, part, said, targets) for part in (train, dev))
    weights = tuned.adapter_weights()
    optimizer = torch.optim.AdamW(weights.values(), lr=tune.learning_rate, weight_decay=0.0)
    done, n_steps = _resume(out / _CHECKPOINT, weights, optimizer, lm.device), tune_steps(tune, len(train))
    save, room = partial(_save, out / _CHECKPOINT, weights, optimizer), _room(tuned, tune)
    earlier = read_log(out / LOG)[:done]
    began = time.monotonic() - (earlier[-1]["seconds"] if earlier else 0.0)
    if done < n_steps:
        yield Progress("tune", done, n_steps, f"going on after step {done}" if done else "")
        _ask(probe, tuned, done)
    for step in range(done, n_steps):
        rate = optimizer.param_groups[0]["lr"] = learning_rate(step, n_steps, tune)
        value = _learn(tuned, loss, _batch(train, step, tune), optimizer, tune.seed + step, room)
        row = {"step": step + 1, "loss": value, "learning_rate": rate}
        if not math.isfinite(row["loss"]):
            raise TrainingError(
                f"The loss is {row['loss']} at step {step + 1}: the tuning ran away; lower tune.learning_rate "
                f"(now {tune.learning_rate}) and tune into a new folder."
            )
        is_last, is_saved = step + 1 == n_steps, (step + 1) % tune.save_steps == 0
        if dev and (is_last or is_saved):
            row["eval_loss"] = room.fit(partial(_mean_loss, tuned, loss, dev))
        append_jsonl(out / LOG, {**row, "seconds": round(time.monotonic() - began, 3)})
        if is_last or is_saved:
            save(step + 1)
        if is_last or (step + 1) % max(1, n_steps // N_PROBINGS) == 0:
            _ask(probe, tuned, step + 1)
        on_dev = f", on dev {row['eval_loss']:.3f}" if "eval_loss" in row else ""
        try:
            yield Progress("tune", step + 1, n_steps, f"loss {row['loss']:.3f}{on_dev}, learning rate {rate:.1e}")
        except GeneratorExit:
            save(step + 1)
            raise
    return tuned, len(train)


def learning_rate(step: int, n_steps: int, tune: TuneSettings) -> float:
    """The rate of a step, counted from 0: a straight rise from 0 to the peak, then half a cosine down to 0."""
    warmup = math.ceil(tune.warmup * n_steps)
    if step < warmup:
        return tune.learning_rate * step / warmup
    return tune.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, n_steps - warmup)))


def _batch(rows: Sequence[Row], step: int, tune: TuneSettings) -> list[Row]:
    """The rows of one step: each epoch goes through all of them once, in an order of its own."""
    epoch, i = divmod(step, math.ceil(len(rows) / tune.batch_size))
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(tune.seed + epoch)).tolist()
    return [rows[k] for k in order[i * tune.batch_size : (i + 1) * tune.batch_size]]


def _paper_loss(tune: TuneSettings) -> Loss:
    return completion_loss if tune.answers == "examples" else partial(kl_regularised_loss, keep_weight=tune.keep_weight)


def _room(tuned: LanguageModel, tune: TuneSettings) -> Room:
    """How many examples are in memory at once. Where it runs out, first each layer is computed twice, then they halve.

    What is kept for the backward pass is then the input of each layer alone (Chen et al. 2016), for a third more time.
    Behind a cache it can't be done; but there the question and the answer, the most of it, are kept for nothing.
    """
    spare = partial(_compute_twice, tuned, on=True) if tune.recipe == "paper" else None
    return Room(
        tune.micro_batch or tune.batch_size, "lower tune.rank, set model.quantize, or choose a smaller model", spare
    )


def _compute_twice(lm: LanguageModel, *, on: bool) -> None:
    """Switches it where the model can do it; only what learns does it, and others may be asking the same model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # later versions call it by another name
        if lm.model.supports_gradient_checkpointing and on:
            lm.model.gradient_checkpointing_enable({"use_reentrant": False})
        elif lm.model.supports_gradient_checkpointing:
            lm.model.gradient_checkpointing_disable()


def _learn(
    tuned: LanguageModel, loss: Loss, rows: Sequence[Row], optimizer: torch.optim.Optimizer, seed: int, room: Room
) -> float:
    """One step; returns its loss in nats a token."""

    def gradient(n: int) -> float:
        optimizer.zero_grad(set_to_none=True)  # of a try that ran out of memory
        torch.manual_seed(seed)  # of dropout
        return _mean_loss(tuned, loss, rows, n, learns=True)

    with torch.random.fork_rng([tuned.device] if tuned.device.type == "cuda" else []):
        value = room.fit(gradient)
    weights = optimizer.param_groups[0]["params"]
    torch.nn.utils.clip_grad_norm_(weights, MAX_NORM)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return value


def _mean_loss(tuned: LanguageModel, loss: Loss, rows: Sequence[Row], n: int, *, learns: bool = False) -> float:
    """The mean over the tokens that the rows teach, `n` rows at once; where it `learns`, gradients add up to its own.

    Each part's mean counts as often as it has tokens, so the sum is that of one large batch.
    """
    total, n_tokens = 0.0, n_taught(rows)
    for start in range(0, len(rows), n):
        part = rows[start : start + n]
        with tuned.alone(learns=learns), _precision(tuned), torch.set_grad_enabled(learns):
            value = loss(tuned, _on_device(tuned, part)) * (n_taught(part) / n_tokens)
            if learns:
                value.backward()
        total += value.item()
    return total


def _on_device(lm: LanguageModel, rows: Sequence[Row]) -> Batch:
    return {name: tensor.to(lm.device) for name, tensor in collate(rows, lm.tokenizer.pad_token_id).items()}


def _precision(lm: LanguageModel) -> torch.autocast:
    """On a GPU the adapter's 32-bit weights are multiplied as bfloat16, like the base's."""
    return torch.autocast(lm.device.type, torch.bfloat16, enabled=lm.device.type != "cpu")


def _ask(probe: Probe | None, tuned: LanguageModel, step: int) -> None:
    if probe is not None:
        probe(tuned, step)


@contextmanager
def _as_sentences(tune: TuneSettings, out: Path) -> Iterator[None]:
    """Turns what the machine refuses (memory, disk) into a TrainingError."""
    try:
        yield
    except torch.OutOfMemoryError as err:
        raise TrainingError(
            f"The GPU's memory is too small for an adapter of tune.rank = {tune.rank}; lower it, or change the model."
        ) from err
    except OSError as err:
        raise TrainingError(
            f"The tuning in {out} can't be written or read ({err.strerror or err}); "
            "check rights and free space, then start it again: it goes on from its last checkpoint."
        ) from err


def _with_lora(lm: LanguageModel, tune: TuneSettings, start: Start | None = None) -> LanguageModel:
    """The base model with fresh LoRA layers beside it, which hold the weights that it starts from."""
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=tune.rank,
        lora_alpha=tune.alpha,
        lora_dropout=tune.dropout,
        target_modules=lora_targets(lm, tune),
    )
    with torch.random.fork_rng([lm.device] if lm.device.type == "cuda" else []):
        torch.manual_seed(tune.seed)
        return lm.with_new_adapter(config, start and start.folder)


def _save(path: Path, weights: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer, step: int) -> None:
    tensors = [weight.data for weight in weights.values()]
    write_checkpoint(path, {"weights": tensors, "optimizer": optimizer.state_dict(), "step": step})


def _resume(
    path: Path, weights: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer, device: torch.device
) -> int:
    """The step to go on from: the checkpoint's, or 0 without one."""
    saved = read_checkpoint(path, device)
    if saved is None:
        return 0
    for weight, tensor in zip(weights.values(), saved["weights"], strict=True):
        weight.data.copy_(tensor)
    optimizer.load_state_dict(saved["optimizer"])
    return saved["step"]


def _metrics(tune: TuneSettings, n_train: int, n_dev: int, log: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the card says of a finished tuning; `train_loss` is the mean of the last epoch's steps."""
    losses = [row["loss"] for row in log[-math.ceil(n_train / tune.batch_size) :]]
    return {
        "train_loss": sum(losses) / len(losses),
        "eval_loss": next((row["eval_loss"] for row in reversed(log) if "eval_loss" in row), None),
        "n_train": n_train,
        "n_dev": n_dev,
        "n_steps": log[-1]["step"],
        "seconds": log[-1]["seconds"],
    }
